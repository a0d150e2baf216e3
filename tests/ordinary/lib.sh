# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the cases of ordinary work share: a monitor that enforces and guards itself, work by real programs, and the
# account at the end: no denial, no loss, a ledger that verifies, and the same files denied to somebody without a
# grant. Sourced by tests/ordinary/cases/*.sh after tests/guest/lib.sh and tests/guest/muniment.sh, and owns nothing.

# shellcheck disable=SC2034  # of muniment.sh
M_PROTECT=enforce M_SINK=$M

# The guest is no container: its services may start, and it has a runlevel.
rm -f /usr/sbin/policy-rc.d
export RUNLEVEL=2 PREVLEVEL=N

# The guest's root is an overlay, of whose upper layer no path tells: what the policy names is to lie elsewhere, with what is
# there (README, of places on an overlay).
for place in /var/log /srv /home; do
	mkdir -p "/run/${place##*/}" && mount -t tmpfs -o mode=755 none "/run/${place##*/}" && cp -a "$place/." "/run/${place##*/}/" &&
		mount --move "/run/${place##*/}" "$place"
done

# o_needs PROGRAM…: without them, the case is skipped.
o_needs() {
	local program
	for program in "$@"; do
		[[ -x $program ]] && continue
		t_skip "$program" "it is not installed (scripts/setup --ordinary)"
		t_done
	done
}

# o_example NAME [SED]…: the example policy as it is shipped, but that it enforces; SED adapts it to this host.
o_example() {
	local name=$1 options=(-e 's/^mode: monitor$/mode: enforce/')
	shift
	while (($#)); do
		options+=(-e "$1")
		shift
	done
	sed "${options[@]}" "$TREE/policies/$name" | m_policy
}

# o_policy_of_flows [PATH…]: beside the case's policy, that data of its stores goes nowhere but where it is agreed on, and that
# copies lie nowhere but in these places.
o_policy_of_flows() {
	local stores policy=$M/policy.d/policy.yaml places
	places=$(printf ', %s' "$@")
	stores=$(sed -n '/^stores:/,/^[a-z]*:/s/^  \([a-z][a-z-]*\):.*/\1/p' "$policy" | paste -sd , | sed 's/,/, /g')
	mkdir -p /srv/work && touch /run/utmp
	{
		printf '%s\n' 'version: 1' 'agreements:' "  lab: {stores: [$stores], to: [\"192.0.2.0/24:443/tcp\"], tls: \"1.2\"}" \
			"  exchange: {stores: [$stores], to: [198.51.100.7], max: 50MiB/day}" \
			"copies: {to: [/srv/work${*:+$places}], removable: deny, network: deny, else: deny}" \
			'declassify: [{to: [/var/log, /run/utmp]}]'
		grep -q '^dns:' "$policy" || echo 'dns: {resolvers: [127.0.0.53], max: 64KiB/hour}'
	} >"$M/policy.d/flows.yaml"
}

# o_start [PATH…]: the monitor starts, with the case's policy and that of flows.
o_start() {
	o_policy_of_flows "$@"
	t_check "the policy enforces and has no finding" o_good_policy
	m_start
}

o_good_policy() {
	local findings
	grep -qx 'mode: enforce' "$M/policy.d/policy.yaml" || return
	findings=$("$MUNIMENT" policy check "$M/policy.d" 2>&1)
	echo "$findings"
	[[ $findings == "policy OK:"* && $findings != *$'\n'* ]]
}

# o_work NAME COMMAND…: a piece of the work. Its output goes to $O_OUTPUT (by a file, as m_run's); if it fails, so does this, and
# the denials so far are shown.
o_work() {
	local name=$1 status from=$SECONDS
	shift
	("$@") >"$M/output" 2>&1 </dev/null
	status=$?
	O_OUTPUT=$(<"$M/output")
	if ((status == 0)); then
		t_ok "$name"
	else
		t_fail "$name" "$*" "status $status" "$(tail -n 30 <<<"$O_OUTPUT")" "denied so far:" "$(m_entries | o_denials)"
	fi
	((SECONDS - from < 10)) || echo "# $((SECONDS - from)) s"
	return "$status"
}

# Of entries, those that say that something was to be denied, whatever became of it.
o_denials() {
	jq -c 'select(.unmapped.muniment.wanted == "deny") | {store: .unmapped.muniment.store, user: .actor.user.name,
		acting: .actor.process.user.name, program: .actor.process.path, comm: .actor.process.name,
		file: (.file.path // .process.file.path), hook: .unmapped.muniment.hook,
		operations: .unmapped.muniment.operations, flags: .unmapped.muniment.flags, reason: .unmapped.muniment.reason,
		enforced: .unmapped.muniment.enforced}' | sort | uniq -c | sort -rn | head -n 40
}

# Who holds records now, and of which store.
o_holders() {
	"$MUNIMENT" labels --json --run "$M/run" | jq -r '.processes[] | "\(.name) by \(.user // .uid): \(.stores | join(", "))"'
}

o_is_settled() {
	m_status_is '.ledger.entries == .ledger.committed'
}

# That no program of the monitor was skipped; of those that only label, a kernel that preempts them may skip some (README).
o_skipped() {
	local what='select(.unmapped.muniment.kind == "missed_runs")' but=''
	[[ $KERNEL != sid ]] || but='| select(.unmapped.muniment | .count > .labels)'
	t_equal "the kernel skipped nothing that decides" "" "$(jq -c "$what $but" "$1")"
	jq -n "[inputs | $what | .unmapped.muniment.labels] | add | select(. > 0) | \"# \\(.) labels may be missing\"" -r "$1"
}

# The monitor finds nothing to look at, but for that.
o_status_is_good() {
	local but='[]'
	[[ $KERNEL != sid ]] || but='["the kernel skipped programs of the monitor"]'
	"$MUNIMENT" status --json --run "$M/run" | jq -e "(.findings - $but) | ., . == []"
}

# The account of the work: what it left in the ledger.
o_no_denials() {
	sleep 1
	t_wait 120 o_is_settled
	m_entries >"$M/work.json"
	t_equal "nothing was denied" "" "$(o_denials <"$M/work.json")"
	t_equal "the kernel side counts no denial and no loss" "0 0" "$(m_status | jq -r '"\(.counters.denials) \(.counters.lost)"')"
	t_equal "nobody is left who holds records" "" "$(o_holders)"
	o_skipped "$M/work.json"
	t_equal "no entry says that any was lost" "" "$(jq -c 'select(.unmapped.muniment.kind == "loss")' "$M/work.json")"
	t_equal "the work is in the ledger" yes \
		"$(jq -n '[inputs | select(.class_uid == 1001 and .action_id == 1)] | if length > 0 then "yes" else length end' -r "$M/work.json")"
	echo "# $(wc -l <"$M/work.json") entries, $(jq -n '[inputs | select(.class_uid == 1001)] | length' "$M/work.json") accesses"
	jq -r 'select(.is_alert) | "# alert: \(.message) \(.unmapped.muniment | {kind, path, reason, refused})"' "$M/work.json" | sort | uniq -c
}

# Whoever has no grant is denied, so that the account above says something. With the arguments of m_attack.
o_intruder() {
	m_guarded m_attack "$@"
}

# The ledger is good, and the daemon ends as an admin ends it.
o_end() {
	m_events
	m_verify
	t_check "the monitor is stopped" "$MUNIMENT" stop --run "$M/run" --reason "the end of the test"
	wait "$M_PID"
	t_equal "it ends in order" 0 $?
	M_PID=''
}
