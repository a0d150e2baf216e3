# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What test scripts share: results as TAP, waiting, expecting a refusal. Sourced by tests/guest/cases/*.sh and
# tests/native/*.sh, which end with t_done. Owns nothing but the counter.

T_COUNT=0 T_FAILED=0 T_ENDED=''

t_ok() {
	echo "ok $((++T_COUNT)) - $1"
}

# $1: name, rest: what was seen.
t_fail() {
	echo "not ok $((++T_COUNT)) - $1"
	T_FAILED=$((T_FAILED + 1))
	shift
	(($# == 0)) || printf '%s\n' "$@" | sed 's/^/#   /'
}

t_skip() {
	echo "ok $((++T_COUNT)) - $1 # SKIP $2"
}

# t_check NAME COMMAND…: passes if COMMAND succeeds.
t_check() {
	local name=$1 seen status
	shift
	seen=$("$@" 2>&1)
	status=$?
	if ((status == 0)); then t_ok "$name"; else t_fail "$name" "$*" "status $status" "$seen"; fi
}

# t_equal NAME WANTED SEEN
t_equal() {
	if [[ $2 == "$3" ]]; then t_ok "$1"; else t_fail "$1" "wanted: $2" "seen:   $3"; fi
}

# t_denied NAME COMMAND…: passes if COMMAND fails with EACCES or EPERM and prints nothing on standard output.
t_denied() {
	local name=$1 errors output status
	shift
	errors=$(mktemp)
	output=$("$@" 2>"$errors" | tr -d '\0'; exit "${PIPESTATUS[0]}")
	status=$?
	if ((status != 0)) && [[ -z $output ]] && grep -qE 'Permission denied|Operation not permitted' "$errors"; then
		t_ok "$name"
	else
		t_fail "$name" "$*" "status $status, ${#output} bytes of output" "$(<"$errors")"
	fi
	rm -f "$errors"
}

# t_wait SECONDS COMMAND…: waits until COMMAND succeeds; fails when it does not in time.
t_wait() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# Every test script's last line: the plan and the exit status.
t_done() {
	T_ENDED=yes
	echo "1..$T_COUNT"
	exit $((T_FAILED > 0))
}

t_exit() {
	local status=$?
	[[ -n $T_ENDED ]] || t_fail "the script reaches its end" "it ended early with status $status"
	[[ -n $T_ENDED ]] || exit 1
}
trap t_exit EXIT
