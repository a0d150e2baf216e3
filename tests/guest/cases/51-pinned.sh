#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.1/lsm
#
# With --pin the kernel goes on alone when the daemon is killed: the forbidden stay denied, and what was permitted or
# denied meanwhile stands in the next daemon's ledger. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir "$S" && echo "$MARKER" >"$S/record" && echo "$MARKER" >"$S/orphan"
m_policy_of "$S"
m_start --pin
m_attack "the daemon is there" "user=root path=$S/record program=/usr/bin/cat" cat "$S/record"
m_events
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
m_verify "the ledger verifies after SIGKILL"
m_attack "nobody is there: root" "user=root path=$S/orphan program=/usr/bin/cat" cat "$S/orphan"
m_attack "nobody is there: another user" "user=games path=$S/orphan" as games cat "$S/orphan"
m_allowed "nobody is there: the role" "user=daemon path=$S/orphan program=/usr/bin/cat" as daemon cat "$S/orphan"
t_equal "nothing of it is in the ledger yet" 0 "$(m_entries | jq -n '[inputs | select(.file.name == "orphan")] | length')"
m_start --pin
m_events
m_entry "that a ring was taken over" '.unmapped.muniment.kind == "recovered" and .unmapped.muniment.ring_adopted'
m_attack "the next daemon" "user=root path=$S/record" cat "$S/record"
m_events
m_stop
m_attack "after a clean end" "user=root path=$S/orphan program=/usr/bin/cat" cat "$S/orphan"
m_start
m_events
m_stop
t_equal "without --pin the end is the end" "$MARKER" "$(cat "$S/record")"
m_verify
t_done
