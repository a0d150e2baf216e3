#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon's life with tracepoints only: what it says of itself, monitoring and enforcing, reload, a second daemon, its
# end. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

S=$CASE_DIR/store
R=$S/record
mkdir "$S" && echo "$MARKER" >"$R" && chown -R daemon "$S"

generation() {
	m_status | jq .policy.generation
}

reload() {
	"$MUNIMENT" reload --run "$M/run"
}

second_daemon() {
	local seen status
	seen=$(timeout 20 "$MUNIMENTD" --policy "$M/policy.d" --ledger "$M/ledger" --key "$M/key" --run "$M/run" \
		--pin-dir "$M_PINS" --events none --same-disk 2>&1)
	status=$?
	echo "status $status: $seen"
	[[ $status == 3 && $seen == *"munimentd runs already (process $M_PID)"* ]]
}

without_degraded() {
	local seen status
	seen=$("$MUNIMENTD" "$@" --policy "$M/policy.d" --ledger "$M/ledger" --key "$M/key" --run "$M/run" \
		--pin-dir "$M_PINS" --events none --same-disk --mechanism tracing 2>&1)
	status=$?
	echo "status $status: $seen"
	[[ $status == 3 && $seen == *"can only detect"* ]]
}

# A store that is only monitored: everything works, and what no grant covers stands in the ledger as observed.
monitored() {
	local from
	m_now && from=$M_NOW
	m_run cat "$R"
	m_expect "root, monitored" "$from" "action=3 wanted=deny enforced=allowed user=root path=$R flags=monitor"
	t_equal "root reads a monitored store" "0 $MARKER" "$M_ENDED $M_OUTPUT"
	m_now && from=$M_NOW
	m_run as games dd if="$R" status=none
	m_expect "another user, monitored" "$from" "action=3 wanted=deny enforced=allowed user=games program=/usr/bin/dd path=$R"
	t_equal "another user reads a monitored store" "0 $MARKER" "$M_ENDED $M_OUTPUT"
	m_allowed "the role, monitored" "user=daemon path=$R" as daemon cat "$R"
}

m_policy_of "$S"
"$MUNIMENT" key new --name example.org/case --out "$M/key" --ledger "$M/ledger" --same-disk >"$M/key.out" 2>&1
sed -i /degraded/d "$M/policy.d/policy.yaml"
t_check "an enforcing policy without \`degraded: allow\` does not start" without_degraded
t_check "… and munimentd -n says the same" without_degraded -n

M_MODE=monitor m_policy_of "$S"
sed -i /degraded/d "$M/policy.d/policy.yaml"
m_start
monitored
t_check "status tells mechanism and reason" m_status_is '.operations | any(.operation == "open" and
	.mechanism == "tracing" and (.can_prevent | not) and (.why_not_stronger | length > 0))'
t_check "status tells what is not served" m_status_is '.operations | any(.operation == "rename" and .mechanism == "none")'
t_equal "status ends with 0 where nothing is wrong" 0 "$(m_status >/dev/null && echo 0)"
t_check "a second daemon says so and leaves" second_daemon
t_check "the first one is still there" m_status_is .ok

# From monitoring to enforcing.
first=$(generation)
m_policy_of "$S"
t_check "reload to enforcing" reload
t_equal "the generation is the next" $((first + 1)) "$(generation)"
m_attack "root after the reload" "user=root path=$R" cat "$R"
m_entry "that the host can only detect" '.unmapped.muniment.kind == "degraded" and .is_alert'
t_equal "status ends with 1: it can only detect" 1 "$(m_status >/dev/null; echo $?)"

# A policy that is wrong leaves the one in force.
cp "$M/policy.d/policy.yaml" good.yaml
sed -i 's/class: restricted/clas: restricted/' "$M/policy.d/policy.yaml"
seen=$(reload 2>&1)
t_equal "a bad policy is refused" 2 $?
t_equal "the refusal names the place" yes "$([[ $seen == *policy.yaml:5:* ]] && echo yes || echo "$seen")"
t_equal "… and the nearest word" yes "$([[ $seen == *class* ]] && echo yes || echo "$seen")"
t_equal "the policy in force is the same" $((first + 1)) "$(generation)"
m_entry "the refusal" '.unmapped.muniment.kind == "reload_refused"'
m_attack "root after a refused reload" "user=root path=$R" cat "$R"
m_allowed "the role after a refused reload" "user=daemon path=$R" as daemon cat "$R"

# Another role, by SIGHUP.
sed 's/users: \[daemon\]/users: [games]/' good.yaml >"$M/policy.d/policy.yaml"
t_check "SIGHUP" kill -HUP "$M_PID"
t_check "the new policy comes into force" t_wait 20 m_status_is ".policy.generation > $first + 1"
m_attack "the former role" "user=daemon path=$R" as daemon cat "$R"
m_allowed "the new role" "user=games path=$R" as games cat "$R"
m_entry "the new policy" '.unmapped.muniment.kind == "policy" and .unmapped.muniment.generation == '"$(generation)"
m_events
m_verify
t_equal "an alert for each attack went to the events file" 3 \
	"$(jq -n '[inputs | select(.is_alert and .action_id == 2)] | length' "$M/events.json")"
signer=$(m_status | jq .signer_pid)
t_check "the signer is a process of its own" test "$signer" -gt 1 -a "$signer" != "$M_PID"
t_equal "the signer may gain no privileges and is confined by seccomp" "1 2" \
	"$(awk '/^NoNewPrivs|^Seccomp:/ { printf "%s%s", sep, $2; sep = " " }' "/proc/$signer/status")"
m_stop
t_check "the signer is gone" test ! -e "/proc/$signer"
t_equal "no pin is left" "" "$(find "$M_PINS" -type f 2>/dev/null)"
m_entry "the stop" '.unmapped.muniment.kind == "stop"' 2

# kill -9: nothing is pinned, so nothing is guarded until the next start, which accounts for it.
m_start
m_attack "root after a restart" "user=root path=$R" cat "$R"
m_events
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
M_PID=''
t_equal "after kill -9 the ledger verifies" GOOD "$("$MUNIMENT" log verify "$M/ledger" --key "@$M/key.vkey" | sed -n '1s/.*: //p')"
m_start
m_entry "the recovery" '.unmapped.muniment.kind == "recovered"'
m_attack "root after a recovery" "user=root path=$R" cat "$R"
m_events
m_verify "the ledger of three runs verifies"
m_stop
t_done
