#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Intruders on this machine's kernel, with tracepoints only: each way to a record ends by SIGKILL before a byte is read,
# and stands in the ledger. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

S=$CASE_DIR/store
mkdir -p "$S/ward" bound elsewhere && echo "$MARKER" >"$S/ward/record" && chown -R daemon "$S"
R=$S/ward/record OUT=$CASE_DIR/out
# A handle is opened by a descriptor of the file system; one inside the store would be stopped before.
export REACH_MOUNT=$CASE_DIR
WHO="user=root path=$R operations=read reason=not_granted"

in_namespace() {
	unshare --mount --propagation private sh -c "mount --bind $S elsewhere && exec cat elsewhere/ward/record"
}

in_chroot() {
	unshare --mount --propagation private sh -c "mkdir -p out/jail/store && cp /bin/busybox out/jail/ &&
		mount --bind $S out/jail/store && exec chroot out/jail /busybox cat /store/ward/record"
}

by_proc_root() {
	local keeper status
	sleep 30 &
	keeper=$!
	cat "/proc/$keeper/root$R"
	status=$?
	kill "$keeper"
	return "$status"
}

by_commands() {
	m_attack "cat by root" "$WHO program=/usr/bin/cat hook=file_open" cat "$R"
	m_attack "cp by root" "$WHO program=/usr/bin/cp" cp "$R" "$OUT/copy"
	m_attack "dd by root" "$WHO program=/usr/bin/dd" dd if="$R" of="$OUT/copy" status=none
	m_attack "tar by root" "$WHO program=/usr/bin/tar" tar -Pcf "$OUT/copy" "$R"
	m_attack "cat by another user" "user=games path=$R program=/usr/bin/cat" as games cat "$R"
	m_attack "cp by another user" "user=games path=$R program=/usr/bin/cp" as games cp "$R" "$OUT/copy"
	m_attack "tar by another user" "user=games path=$R program=/usr/bin/tar" as games tar -Pcf "$OUT/copy" "$R"
	m_attack "dd by another user" "user=games path=$R program=/usr/bin/dd" as games dd if="$R" status=none
	m_attack "a bind mount" "$WHO program=/usr/bin/cat" cat bound/ward/record
	m_attack "a mount namespace" "$WHO program=/usr/bin/cat" in_namespace
	if [[ -x /bin/busybox ]]; then
		m_attack "chroot" "$WHO" in_chroot
	else
		t_skip "chroot" "busybox is not installed"
	fi
	m_attack "a symbolic link" "$WHO" cat link
	m_attack "another process's /proc/PID/root" "$WHO" by_proc_root
}

# Every way that tests/guest/reach.c knows, but those that empty the whole machine's caches.
by_system_calls() {
	local way
	for way in read preadv2 mmap sendfile splice copy_file_range o_path handle steps uring-read uring-poll uring-registered; do
		m_attack "$way" "$WHO program=$HELPERS/reach hook=file_open" "$HELPERS/reach" "$way" "$R"
	done
	m_attack "opened by io_uring" "$WHO program=$HELPERS/reach hook=io_uring" "$HELPERS/reach" uring "$R"
	if [[ -n $INT80 ]]; then
		m_attack "a 32-bit system call" "$WHO hook=file_open" ./int80 "$R"
		m_attack "a 32-bit openat" "$WHO hook=file_open" ./int80 "$R" at
	fi
}

ln -s "$R" link
mount --bind "$S" bound
INT80=''
cc -O1 -o int80 "$TREE/tests/native/int80.c" && [[ $(./int80 "$R" 2>"$M/errors") == "$MARKER" ]] && INT80=yes
[[ -n $INT80 ]] || t_skip "32-bit system calls" "this kernel has none: $(<"$M/errors")"

m_unguarded by_commands
m_unguarded by_system_calls
m_policy_of "$S"
m_start
m_guarded by_commands
m_guarded by_system_calls
m_attack "ls by root" "user=root path=$S/ward program=/usr/bin/ls operations=list" ls "$S/ward"
m_attack "append by root" "user=root path=$R operations=write" sh -c "exec dd if=/dev/zero of=$R oflag=append conv=notrunc count=1 status=none"
m_allowed "cat by the role" "user=daemon path=$R program=/usr/bin/cat operations=read" as daemon cat "$R"
m_allowed "reach by the role, through io_uring" "user=daemon path=$R" as daemon "$HELPERS/reach" uring "$R"
m_events
t_equal "nobody outside the store was stopped" 0 "$(m_flat | jq -n '[inputs | select(.alert and .wanted and .store != "ehr")] | length')"
m_verify
m_stop
t_equal "without the daemon root reads again" "$MARKER" "$(head -n 1 "$R")"
t_equal "no pin is left" "" "$(find "$M_PINS" -type f 2>/dev/null)"
m_verify "the ledger verifies after the end"
t_done
