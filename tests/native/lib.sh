# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What native tests of mechanism `tracing` share. Stores lie on a file system of the test's own (tmpfs), because the
# kernel's programs look at the whole device that a store is on; daemon, pins and keys are the test's own too. An attack
# must end by SIGKILL, print and copy no byte of the record, and stand in the ledger as stopped. Sourced by
# tests/native/*.sh, which end with t_done.

# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"

N_MOUNTED='' N_DIR=$CASE_DIR N_STARTED=()

# Puts away what the test made, also when it fails.
n_exit() {
	local status=$? pid tries=0
	trap - TERM INT HUP
	if [[ -n ${M_PID:-} ]]; then
		kill -TERM "$M_PID" 2>/dev/null
		while kill -0 "$M_PID" 2>/dev/null && ((++tries < 100)); do
			sleep 0.1
		done
		kill -KILL "$M_PID" 2>/dev/null
	fi
	for pid in "${N_STARTED[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	cd / || exit 1
	[[ -z ${M_PINS:-} ]] || rm -rf "$M_PINS"
	[[ -z $N_MOUNTED ]] || umount -R "$N_DIR" 2>/dev/null || umount -l "$N_DIR"
	(exit "$status")
	t_exit
}

if ((EUID != 0)); then
	t_skip "native tests" "needs root"
	t_done
fi
trap n_exit EXIT
trap 'exit 143' TERM INT HUP
mount -t tmpfs -o mode=0755,size=512m muniment-native "$N_DIR" || exit 1
N_MOUNTED=yes
cd "$N_DIR" || exit 1
# The person is who logged in, and that stays through setpriv: a test's users have no login of their own.
[[ ! -e /proc/self/loginuid ]] || echo 4294967295 2>/dev/null >/proc/self/loginuid || true
mkdir "$CASE_DIR/out" && chmod 1777 "$CASE_DIR/out"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
M_PINS=/sys/fs/bpf/muniment-native-$$ M_DEGRADED=allow M_OPTIONS=(--mechanism tracing)

# --- what differs from the guests, where accesses are denied ---

# m_attack NAME EXPECTED COMMAND…: killed, without a byte of the record on standard output or below out/.
m_attack() {
	local name=$1 expected=$2 from
	shift 2
	m_now && from=$M_NOW
	m_run "$@"
	if [[ $M_PASS == unguarded ]]; then
		if [[ $M_OUTPUT == *"$MARKER"* ]] || grep -rqs "$MARKER" "$CASE_DIR/out"; then
			t_ok "unguarded: $name"
		else
			t_fail "unguarded: $name" "$*" "status $M_ENDED, and no record came out" "$M_ERRORS"
		fi
	else
		[[ -z $expected ]] || m_expect "$name" "$from" "action=2 wanted=deny enforced=stopped $expected"
		if ((M_ENDED == 137)) && [[ -z $M_OUTPUT ]] && ! grep -rqs "$MARKER" "$CASE_DIR/out"; then
			t_ok "killed: $name"
		else
			t_fail "killed: $name" "$*" "status $M_ENDED, ${#M_OUTPUT} bytes of output" "$M_ERRORS" \
				"$(grep -rls "$MARKER" "$CASE_DIR/out")"
		fi
	fi
	rm -rf "$CASE_DIR/out/"*
}
