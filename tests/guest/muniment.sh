# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What guest cases share about Muniment: a daemon with a policy and a ledger of its own below $CASE_DIR, attacks that
# must work without it and be denied with it, and the entries that must stand in its ledger afterwards. Sourced by
# tests/guest/cases/*.sh after lib.sh. Owns the daemon and everything in $M.
#
# An attack is a command that prints the record. `m_attack NAME EXPECTED COMMAND…` runs it in both passes:
#   m_unguarded FUNCTION   the record's marker must come out of every attack of the function
#   m_guarded FUNCTION     every attack must fail with EACCES or EPERM and print nothing
# and `m_events` holds EXPECTED, words like user=root path=/srv/x, against the ledger's entries of that time.

M=$CASE_DIR/muniment
MUNIMENTD=${MUNIMENTD:-$BUILD/munimentd}
MUNIMENT=${MUNIMENT:-$BUILD/muniment}
# shellcheck disable=SC2034  # for the cases
HELPERS=$BUILD/guest
MARKER=MRN-4711-marker-of-a-record
M_STORE=ehr M_PASS='' M_PID='' M_PINS=/sys/fs/bpf/case M_DEGRADED=deny M_PROTECT=off M_OPTIONS=()
# What attacks print goes to files, which the test reads as root: nothing below is a copy. Cases about copies set it to $M.
M_SINK=$CASE_DIR
# What a program says that was denied, before it fails; empty for those that have words and ways of their own.
M_SAYS='Permission denied|Operation not permitted'
mkdir -p "$M/policy.d" "$M/run" "$M/ledger"
: >"$M/expected"

# --- the daemon ---

# The policy is on standard input.
m_policy() {
	cat >"$M/policy.d/policy.yaml"
}

# A store `ehr` in $CASE_DIR/ehr, enforcing, that user daemon may read; what else the policy says is on standard input.
m_policy_of_clinic() {
	local more
	more=$(cat)
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr], audit: required}
roles:
  clinic: {users: [daemon]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
$more
END
}

# m_policy_of PATH [LINE…]: a store `ehr` over PATH, enforcing, that user daemon may read and write.
m_policy_of() {
	m_policy <<END
version: 1
mode: ${M_MODE:-enforce}
degraded: $M_DEGRADED
stores:
  ehr: {paths: [$1], class: restricted, audit: ${M_AUDIT:-required}}
roles:
  clinic: {users: [daemon]}
grants:
  - {role: clinic, store: ehr, access: [list, read, write]}
END
}

m_status() {
	"$MUNIMENT" status --json --run "$M/run"
}

# True when the daemon's status is what the jq expression $1 wants.
m_status_is() {
	m_status | jq -e -n "input | $1" >/dev/null
}

# Starts the daemon in the background, with further options.
m_launch() {
	[[ -e $M/key ]] ||
		"$MUNIMENT" key new --name example.org/case --out "$M/key" --ledger "$M/ledger" --same-disk >"$M/key.out" 2>&1
	printf 'version: 1\ndeclassify:\n  - {to: [%s]}\n' "$M_SINK" >"$M/policy.d/test.yaml"
	"$MUNIMENTD" --policy "$M/policy.d" --ledger "$M/ledger" --key "$M/key" --run "$M/run" --pin-dir "$M_PINS" \
		--events "$M/events.json" --same-disk --protect "$M_PROTECT" "${M_OPTIONS[@]}" "$@" >>"$M/log" 2>&1 </dev/null &
	M_PID=$!
}

m_is_ready() {
	# Looking takes more of a guest's CPU than it looks.
	sleep 0.3
	# Not by the exit status of `status`: findings, such as a cache that could not be had once, are no matter here.
	[[ -S $M/run/control ]] && kill -0 "$M_PID" && m_status_is '.canary.state == "ok"'
}

# Starts the daemon and waits until it guards.
m_start() {
	m_launch "$@"
	if t_wait 240 m_is_ready; then
		t_ok "the daemon starts"
	else
		t_fail "the daemon starts" "$(tail -n 30 "$M/log")" "$("$MUNIMENT" status --run "$M/run" 2>&1)"
		exit 1
	fi
}

# Ends the daemon as an admin would.
m_stop() {
	kill -TERM "$M_PID"
	wait "$M_PID"
	t_equal "the daemon stops clean on SIGTERM" 0 $?
	M_PID=''
}

# --- attacks ---

# Milliseconds since 1970, without a process: each costs a guest's emulated CPU dearly.
m_now() {
	M_NOW=${EPOCHREALTIME//[.,]/} && M_NOW=${M_NOW%???}
}

# m_expect NAME FROM EXPECTED: an entry of the time from FROM, as m_now gave it, until now.
m_expect() {
	m_now
	printf '%s\t%s\t%s\t%s\n' "$2" "$M_NOW" "$1" "$3" >>"$M/expected"
}

# Runs a command; leaves what it printed (NUL bytes apart) in M_OUTPUT, its errors in M_ERRORS, its status in M_ENDED. By
# files: at a pipe, this shell would come to hold what every command has read.
m_run() {
	{ ("$@" >"$M/output" 2>"$M/errors" </dev/null); } 2>/dev/null
	M_ENDED=$?
	M_OUTPUT=$(tr -d '\0' <"$M/output")
	M_ERRORS=$(<"$M/errors")
}

m_unguarded() {
	M_PASS=unguarded
	"$@"
	M_PASS=''
}

m_guarded() {
	M_PASS=guarded
	"$@"
	M_PASS=''
}

# m_attack NAME EXPECTED COMMAND…: see above. EXPECTED may be '' where no entry is to be had.
m_attack() {
	local name=$1 expected=$2 from
	shift 2
	m_now && from=$M_NOW
	m_run "$@"
	if [[ $M_PASS == unguarded ]]; then
		if [[ $M_OUTPUT == *"$MARKER"* ]]; then
			t_ok "unguarded: $name"
		else
			t_fail "unguarded: $name" "$*" "status $M_ENDED, and no record came out" "$M_ERRORS"
		fi
		return
	fi
	if [[ $MECHANISM == fmod_ret && -z $M_OUTPUT ]] && ((M_ENDED == 137)); then
		# The kernel skipped the program, as it may where it preempts one; the net below has the caller.
		[[ -z $expected ]] || m_expect "$name" "$from" "action=2 wanted=deny $expected mechanism=tracing enforced=stopped"
		t_ok "stopped by the net: $name"
		return
	fi
	[[ -z $expected ]] || m_expect "$name" "$from" "$expected"
	if { ((M_ENDED)) || [[ -z $M_SAYS ]]; } && [[ -z $M_OUTPUT && $M_ERRORS =~ $M_SAYS ]]; then
		t_ok "denied: $name"
	else
		t_fail "denied: $name" "$*" "status $M_ENDED, ${#M_OUTPUT} bytes of output" "$M_ERRORS"
	fi
}

# m_allowed NAME EXPECTED COMMAND…: the command succeeds and prints the record, and stands in the ledger as granted.
m_allowed() {
	local name=$1 expected=$2 from
	shift 2
	m_now && from=$M_NOW
	m_run "$@"
	[[ -z $expected ]] || m_expect "$name" "$from" "action=1 $expected"
	if ((M_ENDED == 0)) && [[ $M_OUTPUT == *"$MARKER"* ]]; then
		t_ok "allowed: $name"
	else
		t_fail "allowed: $name" "$*" "status $M_ENDED" "$M_OUTPUT" "$M_ERRORS"
	fi
}

declare -A M_UID=() M_GID=()
while IFS=: read -r user _ uid gid _; do
	M_UID[$user]=$uid M_GID[$user]=$gid
done </etc/passwd
awk -F: '{ printf "%s\"%s\":\"%s\"", NR == 1 ? "{" : ",", $1, $3 } END { print "}" }' /etc/passwd >"$M/uids.json"

# as USER COMMAND…: without groups beyond the user's own.
as() {
	local user=$1
	shift
	setpriv --reuid="${M_UID[$user]}" --regid="${M_GID[$user]}" --clear-groups -- "$@"
}

# --- the ledger ---

m_entries() {
	"$MUNIMENT" log show --json "$M/ledger"
}

# Entries as flat objects, one a line.
m_flat() {
	m_entries | jq -c '{time, start: (.start_time // .time), message, alert: .is_alert, action: .action_id, activity: .activity_id,
		user: .actor.user.name, uid: .actor.user.uid, acting: (.actor.process.user.name // .actor.user.name),
		program: .actor.process.path, comm: .actor.process.name, pid: .actor.process.pid,
		to: (.dst_endpoint | if . then "\(.ip):\(.port)" else null end),
		path: (.file.path // .process.file.path), target: .process.pid, inode: (.file.uid // "" | split(":")[2])}
		+ (.unmapped.muniment // {}) + {operations: ([.unmapped.muniment.operations[]? | strings] | join(","))}
		+ {flags: ([.unmapped.muniment.flags[]? | strings] | join(","))}'
}

# Prints "found name" or "missing name" for each expectation of attacks so far.
m_match() {
	m_flat >"$M/flat.json"
	jq -R -s -r --slurpfile entries "$M/flat.json" --arg store "$M_STORE" --arg mechanism "$MECHANISM" \
		--slurpfile uids "$M/uids.json" '
		# The daemon does not wait long for a name: its uid says as much.
		def as_wanted($key; $value): . as $entry | ($entry[$key] | tostring) as $seen |
			$value == $seen or ($key == "user" and $entry.user == null and $entry.uid == $uids[0][$value]);
		split("\n")[] | select(. != "") | split("\t") | {from: .[0] | tonumber, to: .[1] | tonumber, name: .[2],
			wanted: ({store: $store, mechanism: $mechanism} +
				(.[3] | split(" ") | map(select(. != "") | capture("(?<key>[^=]*)=(?<value>.*)")) | from_entries))}
		| (if .wanted.action then . else .wanted += {wanted: "deny", enforced: "denied", action: "2"} end)
		| . as $e
		| (if any($entries[]; . as $entry | .time >= $e.from - 5 and .time <= $e.to + 5 and
			all($e.wanted | to_entries[]; . as $w | $entry | as_wanted($w.key; $w.value)))
			then "found" else "missing" end) + " " + .name + "\t" + (.wanted | tostring) + "; at that time: " +
			([$entries[] | select(.time >= $e.from - 300 and .time <= $e.to + 300) | del(.message)] | tostring)
	' "$M/expected"
}

m_all_found() {
	m_match >"$M/matched" && ! grep -q ^missing "$M/matched"
}

# Every attack so far has its signed entry.
m_events() {
	local line result name wanted
	t_wait 20 m_all_found
	while IFS= read -r line; do
		result=${line%% *} name=${line#* } wanted=${line#*$'\t'} name=${name%%$'\t'*}
		if [[ $result == found ]]; then
			t_ok "in the ledger: $name"
		else
			t_fail "in the ledger: $name" "wanted $wanted"
		fi
	done <"$M/matched"
	: >"$M/expected"
}

# m_entry NAME FILTER: an entry that the jq FILTER selects comes to stand in the ledger.
m_has_entry() {
	m_entries | jq -e -n "[inputs | select($1)] | length > 0" >/dev/null
}

m_entry() {
	if t_wait "${3:-20}" m_has_entry "$2"; then
		t_ok "in the ledger: $1"
	else
		t_fail "in the ledger: $1" "$2" "$(m_entries | tail -n 5)"
	fi
}

m_verify() {
	t_check "${1:-the ledger verifies}" "$MUNIMENT" log verify "$M/ledger" --key "@$M/key.vkey"
}
