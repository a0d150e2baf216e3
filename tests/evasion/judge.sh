# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What became of the evasion suite's attacks: looks for each one's entry in the ledger, makes a verdict, and holds it
# against the table. Sourced by tests/evasion/evasion.sh; owns $M/attempts, $M/found and the results file.

# Milliseconds that an entry may bear an earlier time than the beginning of the attack, and a later one than its end.
EARLY=5 LATE=5
# shellcheck disable=SC2034  # by ${!…}
UID_root=0 UID_user=${M_UID[$USER_NAME]}
# Entries that tell of an attack on the monitor itself.
MONITOR_ENTRY="store=(monitor) wanted=deny"

# Words that the entry of $CASE by $WHO must have, unless the table says otherwise.
entry_default() {
	local uid=UID_$WHO
	# shellcheck disable=SC2153  # of evasion.sh
	if [[ ${KIND[$CASE]} == monitor ]]; then
		echo "$MONITOR_ENTRY"
	elif [[ ${KIND[$CASE]} == egress ]]; then
		echo "store=ehr operations=send wanted=deny reason=not_agreed uid=${!uid}"
	else
		echo "store=ehr wanted=deny uid=${!uid}"
	fi
}

# A line for jq: who, when, part of the path (none where the table names the path, or the attack has no file), words.
add_attempt() {
	local needle="/$I" words=${SPEC[$CASE,entry]:-}
	[[ " $words" != *" path="* && ${KIND[$CASE]} != monitor && ${KIND[$CASE]} != egress ]] || needle=''
	if [[ ${KIND[$CASE]} == monitor && -n $words ]]; then
		:
	else
		words="$(entry_default) $words"
	fi
	printf '%s\t%s\t%s\t%s\t%s\n' "$I" "${FROM[$I]}" "${TO[$I]}" "$needle" "$words" >>"$M/attempts"
}

# Until no entry of what was before is taken for the attack's, where only the time tells them apart.
wait_early() {
	[[ " ${SPEC[$CASE,entry]:-} " != *" path=* "* && ${KIND[$CASE]} != egress ]] || sleep "$(printf '0.%03d' $((EARLY + 5)))"
}

# As muniment.sh has it, but only since then if SINCE is set: a guest takes long to read it all again and again.
m_entries() {
	"$MUNIMENT" log show --json ${SINCE:+--since "@$SINCE"} "$M/ledger"
}

# Prints for each attempt what its entry says of how it ended, or none, and the entry. A later word of the same key counts.
find_entries() {
	m_flat >"$M/flat.json"
	jq -R -s -r --slurpfile entries "$M/flat.json" --argjson early "$EARLY" --argjson late "$LATE" '
		split("\n")[] | select(. != "") | split("\t") | . as [$name, $from, $to, $needle, $words]
		| ($words | split(" ") | map(select(. != "") | capture("(?<key>[^=]*)=(?<value>.*)")) | from_entries) as $wanted
		| [$entries[] | . as $entry | select(.start >= ($from | tonumber) - $early
			and ($needle != "" or .time <= ($to | tonumber) + $late)
			and ($needle == "" or (.path // "" | contains($needle)))
			and all($wanted | to_entries[]; .value == "*" or .value == ($entry[.key] | tostring)))
			| .ended = (.enforced // "recorded")]
		| ([.[] | select(.ended == "stopped")][0] // .[0] // {ended: "none"})
		| $name + "\t" + .ended + "\t" + (del(.message, .ended) | tojson)
	' "$M/attempts" >"$M/found"
}

all_found() {
	find_entries
	! grep -q $'\tnone\t' "$M/found"
}

# judge KIND…: all attempts of these kinds.
judge() {
	local kind name found entry
	: >"$M/attempts"
	for kind; do
		each "$kind" add_attempt
	done
	# What is missed has no entry, so that there is no waiting for all of them: only for what is still under way.
	sleep 2
	t_wait 1 all_found
	while IFS=$'\t' read -r name found entry; do
		enter "${name%.*}" "${name##*.}"
		verdict "$found" "$entry"
	done <"$M/found"
}

# The verdict on $I, whose entry $2 says $1, and whether that is what the table says.
verdict() {
	local is=prevented
	case ${WORKED[$I]:-no},$1 in
	yes,none) is=missed ;;
	yes,*) is=detected ;;
	no,none) is=unrecorded ;;
	no,stopped) is=stopped ;;
	no,recorded) [[ $MECHANISM != tracing ]] || is=stopped ;;
	esac
	[[ -z ${BROKEN[$I]:-} ]] || is=broken
	expect "$CASE" "$WHO"
	printf 'result\t%s\t%s\t%s\t%s\n' "$CASE" "$WHO" "$is" "$WHY" >>"$RESULTS"
	# The kernel may skip an fmod_ret program where it preempts one; the net below has the caller then.
	if [[ $is == "$EXPECTED" || ($MECHANISM == fmod_ret && $EXPECTED == prevented && $is == stopped) ]]; then
		t_ok "$I: $is"
	else
		t_fail "$I: $is, expected $EXPECTED" "${WHAT[$CASE]}" "${SEEN[$I]:-}" "by the entry $2, and of its path:" \
			"$(jq -c --arg i "/$I" 'select(.path // "" | contains($i)) | del(.message)' "$M/flat.json" | tail -n 4)"
	fi
}

results_of_skipped() {
	local name
	for name in "${!SKIPPED[@]}"; do
		selected "$name" || continue
		t_skip "$name" "${SKIPPED[$name]}"
		printf 'result\t%s\t-\tskipped\t%s\n' "$name" "${SKIPPED[$name]}" >>"$RESULTS"
	done
}
