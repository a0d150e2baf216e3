#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/lsm
#
# Switching off the kernel's function tracing makes every program that denies fall silent, and its links look attached as
# before: the canary tells, in the ledger and in the status. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
FTRACE=/proc/sys/kernel/ftrace_enabled
mkdir "$S" && echo "$MARKER" >"$S/record"
m_policy_of "$S"
m_start
t_check "the canary is well" t_wait 20 m_status_is '.canary.state == "ok"'
m_attack "before" "user=root path=$S/record" cat "$S/record"
if ! echo 0 >"$FTRACE"; then
	t_skip "tracing switched off" "this kernel does not let ftrace_enabled be cleared"
	m_stop
	t_done
fi
t_check "the status tells of the silence" t_wait 20 m_status_is '.canary.state == "silent" and (.canary.what | length) > 0'
m_entry "the alert" '.unmapped.muniment.kind == "canary_silent" and .is_alert and .severity_id == 6'
if [[ $MECHANISM == fmod_ret && $KERNEL != 6.1 ]]; then
	# The net below fmod_ret does not hang on ftrace.
	m_attack "while fmod_ret is silent" "user=root path=$S/record" cat "$S/record"
fi
echo 1 >"$FTRACE"
t_check "the status tells of the recovery" t_wait 20 m_status_is '.canary.state == "ok" and .canary.failures > 0'
m_entry "the recovery" '.unmapped.muniment.kind == "canary_recovered"'
m_attack "after" "user=root path=$S/record" cat "$S/record"
m_events
m_verify
m_stop
t_done
