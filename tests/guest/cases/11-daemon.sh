#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.1/lsm
#
# The daemon's life: reload is atomic and reaches open descriptors, a bad policy changes nothing, a second daemon leaves.
# Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir "$S" && echo "$MARKER" >"$S/record"

generation() {
	m_status | jq .policy.generation
}

second_daemon() {
	local seen status
	seen=$(timeout 20 "$MUNIMENTD" --policy "$M/policy.d" --ledger "$M/ledger" --key "$M/key" --run "$M/run" \
		--pin-dir "$M_PINS" --events none --same-disk 2>&1)
	status=$?
	echo "$seen"
	((status != 0 && status != 124)) && [[ $seen == *"runs already"* ]]
}

# A process of user daemon that has the record open since before the change; it reads when told to.
hold() {
	mkfifo "$1" && chmod 666 "$1"
	as daemon "$HELPERS/reach" read "$S/record" "$CASE_DIR/hold/$1" >"out.$1" 2>"err.$1" &
	HELD=$!
	t_wait 20 test -e "$1.ready"
}

let_go() {
	echo >"$1"
	wait "$HELD"
}

mkdir hold && chmod 777 hold && cd hold || exit
m_policy_of "$S"
m_start
t_check "a second daemon says so and leaves" second_daemon
t_check "the first one is still there" m_status_is .ok
first=$(generation)

# A policy that is wrong.
echo "version: 1
mode: enforce
stores:
  ehr: {paths: [$S], clas: public}" >"$M/policy.d/policy.yaml"
if seen=$("$MUNIMENT" reload --run "$M/run" 2>&1); then
	t_fail "a bad policy is refused" "$seen"
else
	t_ok "a bad policy is refused"
fi
t_equal "the refusal names the place" yes "$([[ $seen == *policy.yaml:4:* ]] && echo yes || echo "$seen")"
t_equal "the policy in force is the same" "$first" "$(generation)"
m_entry "the refusal" '.unmapped.muniment.kind == "reload_refused"'
m_attack "root after a refused reload" "user=root path=$S/record" cat "$S/record"
m_allowed "the role after a refused reload" "user=daemon path=$S/record" as daemon cat "$S/record"

# A policy that takes the role's right away reaches what it has open.
hold before
m_policy_of "$S"
sed -i 's/users: \[daemon\]/users: [games]/' "$M/policy.d/policy.yaml"
t_check "SIGHUP" kill -HUP "$M_PID"
t_check "the new policy comes into force" t_wait 20 m_status_is ".policy.generation > $first"
m_now && from=$M_NOW
let_go before
t_equal "a descriptor from before no longer reads" 1 $?
t_equal "nothing came out of it" "" "$(<out.before)"
t_equal "it was denied" yes "$(grep -qE 'Permission denied|Operation not permitted' err.before && echo yes)"
m_expect "the descriptor from before" "$from" "user=daemon path=$S/record hook=file_permission operations=read"
m_attack "the former role" "user=daemon path=$S/record" as daemon cat "$S/record"
m_allowed "the new role" "user=games path=$S/record" as games cat "$S/record"
m_entry "the new policy" '.unmapped.muniment.kind == "policy" and .unmapped.muniment.generation == '"$(generation)"
m_events
m_verify
m_stop
t_equal "no pin is left" "" "$(find "$M_PINS" -type f 2>/dev/null)"
m_entry "start and stop" '.unmapped.muniment.kind == "stop"' 2
m_start
m_attack "root after a restart" "user=root path=$S/record" cat "$S/record"
m_events
m_verify "the ledger of two runs verifies"
m_stop
t_done
