#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `crash.sh ROUNDS [SEED]`: kills the daemon with SIGKILL at ROUNDS random moments, while one process opens records that it
# may open and another tries what it may not, without a pause. With --pin enforcement stays, so that at the end every
# single access of the first stands in the ledger, the second never had a byte, and each number that a CPU gave is in an
# entry, in a loss, or of the daemon's own.
#
# Run by tests/guest/cases/50-crash.sh, by `make crash` in a guest, or by hand as root on any host. Environment as for
# guest cases: TREE, BUILD, CASE_DIR, MECHANISM. Prints TAP.
set -u
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/crash/lib.sh
. "$TREE/tests/crash/lib.sh"

ROUNDS=${1:-15}
RANDOM=${2:-$$}
S=$CASE_DIR/store
FILES=40
cd "$CASE_DIR" || exit

# One life of the daemon. Every fourth ends before it is ready, if it is slow enough.
life() {
	m_launch --pin
	if (($1 > 1 && RANDOM % 4 == 0)); then
		doze 3000
	else
		t_wait 240 m_is_ready || return 1
		doze 1500
	fi
	kill -KILL "$M_PID"
	wait "$M_PID" 2>/dev/null
	M_PID=''
}

round() {
	local n=$1
	life "$n" || { t_fail "round $n: the daemon is ready" "$(tail -n 20 "$M/log")" && return 1; }
	verify --since "$M/checkpoint" --save "$M/checkpoint.new" ||
		{ t_fail "round $n: the ledger verifies and continues that of the round before" "$(<"$M/verify.out")" && return 1; }
	mv "$M/checkpoint.new" "$M/checkpoint"
}

mkdir "$S" && for ((i = 0; i < FILES; i++)); do echo "$MARKER" >"$S/$i"; done
mkdir -p tell && chmod 777 tell && chmod 755 "$CASE_DIR"
m_policy_of "$S"
[[ $MECHANISM != tracing ]] || sed -i 's/^mode: .*/mode: monitor/' "$M/policy.d/policy.yaml"
m_start --pin
(cd tell && as daemon bash -c "$(declare -f busy); busy friend $S $FILES ${PAUSE:-0.002}; wait") &
(cd tell && busy foe "$S" "$FILES" 0.02 && wait) &
done_rounds=0
for ((n = 1; n <= ROUNDS; n++)); do
	if ((n > 1)); then
		round "$n" || break
	else
		doze 1000
		kill -KILL "$M_PID" && wait "$M_PID" 2>/dev/null
		verify --save "$M/checkpoint" || { t_fail "round 1: the ledger verifies" "$(<"$M/verify.out")" && break; }
	fi
	done_rounds=$n
	((n % 10)) || echo "# $n of $ROUNDS rounds"
done
t_equal "the ledger verifies after each of $ROUNDS kills and continues what was known before" "$ROUNDS" "$done_rounds"

m_start --pin
touch tell/stop.friend tell/stop.foe
t_wait 60 test -s tell/count.friend -a -s tell/count.foe
sleep 3
m_stop
verify --since "$M/checkpoint"
t_equal "the ledger of all lives verifies" 0 $?
read -r opened refused <tell/count.friend
read -r leaked denied <tell/count.foe
echo "# opened $opened, refused for want of room $refused; the intruder was denied $denied times"
[[ $MECHANISM == tracing ]] || t_equal "the intruder never opened a record" 0 "$leaked"
# Not through a file: the JSON of 200 rounds would not fit into a guest's tmpfs.
m_entries | python3 "$TREE/tests/crash/account.py" /dev/stdin "$S" "$opened" "$((leaked + denied))" "$MECHANISM" \
	>"$M/account" 2>&1
status=$?
sed 's/^/# /' "$M/account"
t_equal "every number and every access is accounted for" 0 $status
# Enforcement outlived the last daemon too, which was asked to leave it.
[[ $MECHANISM == tracing ]] || m_attack "after the clean end with --pin" "" cat "$S/0"
m_start
m_stop
t_done
