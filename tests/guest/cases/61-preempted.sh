#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# runs-on: sid/fmod_ret
#
# On a kernel that preempts, an fmod_ret program is skipped while another task was preempted within it. Busy processes
# make that frequent; an intruder tries until it happens. Whatever opens in spite of the policy is stopped as the call
# returns. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
DEEP=$CASE_DIR/a/b/c/d/e/f/g/h
SECONDS_MAX=100 STOPPED_WANTED=3
mkdir -p "$S" "$DEEP" && echo "$MARKER" >"$S/record" && echo outside >"$DEEP/file"

# The first of root's means against a kernel that preempts only of its own accord.
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo full >/sys/kernel/debug/sched/preempt
t_check "the kernel preempts" grep -Eq '\((full|lazy)\)' /sys/kernel/debug/sched/preempt

m_policy_of "$S"
m_start
t_check "the status names the net" m_status_is 'any(.operations[]; .operation == "open" and .net == "net__sys_exit")'

HOGS=()
for _ in 1 2 3; do
	perl -e 'while (1) { open(my $f, "<", $ARGV[0]) and close($f) }' "$DEEP/file" &
	HOGS+=($!)
done

STOPPED=0 OPENED='' OTHER='' ROUNDS=0
START=$SECONDS
while ((SECONDS - START < SECONDS_MAX && STOPPED < STOPPED_WANTED)); do
	ROUNDS=$((ROUNDS + 1))
	m_run perl -e 'for (1 .. 3000) { if (open(my $f, "<", $ARGV[0])) { syswrite(STDOUT, "opened\n"); exit 3 } }' "$S/record"
	case $M_ENDED in
	0) ;;
	137) STOPPED=$((STOPPED + 1)) ;;
	*) OTHER="$OTHER $M_ENDED" ;;
	esac
	OPENED+=$M_OUTPUT
done
kill "${HOGS[@]}" 2>/dev/null
wait "${HOGS[@]}" 2>/dev/null
echo "# $ROUNDS rounds of 3000 attempts, $STOPPED stopped by the net"
t_equal "nobody had the record open" "" "$OPENED$OTHER"
if ((STOPPED)); then
	t_ok "the kernel skipped programs, and the net stopped whom they let through"
else
	t_skip "the net" "the kernel skipped no program in $ROUNDS rounds"
fi

stopped_entries() {
	[[ $(m_flat | jq -c 'select(.mechanism == "tracing" and .enforced == "stopped" and .operations == "read")' | wc -l) == "$STOPPED" ]]
}
t_wait 30 stopped_entries
t_check "each of them has its entry" stopped_entries
m_verify
m_stop
t_done
