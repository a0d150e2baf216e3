#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.1/lsm
#
# Other ways to a record's name: mounts, namespaces, chroot, symbolic links, /proc. The store is known by its inode, so
# none of them matters. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir -p "$S/ward" bound other jail && echo "$MARKER" >"$S/ward/record"
WHO="user=root path=$S/ward/record reason=not_granted"
cp /bin/busybox jail/ && mkdir jail/store

in_namespace() {
	unshare --mount sh -c "mount --bind $S other && cat other/ward/record"
}

in_chroot() {
	unshare --mount sh -c "mount --bind $S jail/store && chroot jail /busybox cat /store/ward/record"
}

by_proc_root() {
	sleep 20 &
	cat "/proc/$!/root$S/ward/record"
	local status=$?
	kill $!
	return "$status"
}

by_proc_cwd() {
	(cd "$S/ward" && exec sleep 20) &
	until [[ $(readlink "/proc/$!/cwd") == "$S/ward" ]]; do
		sleep 0.1
	done
	cat "/proc/$!/cwd/record"
	local status=$?
	kill $!
	return "$status"
}

in_pivoted_root() {
	unshare --mount sh -c "mount --bind jail jail && mount --bind $S jail/store && cd jail && mkdir -p old && pivot_root . old &&
		exec /busybox cat /store/ward/record"
}

moved_mount() {
	unshare --mount sh -c "mkdir -p first second && mount --bind $S first && mount --make-private first &&
		mount --move first second && cat second/ward/record"
}

attacks() {
	m_attack "a bind mount" "$WHO program=/usr/bin/cat" cat bound/ward/record
	m_attack "a bind mount of one file" "$WHO program=/usr/bin/cat" cat onefile
	m_attack "a mount namespace" "$WHO" in_namespace
	m_attack "chroot" "$WHO program=$CASE_DIR/jail/busybox" in_chroot
	m_attack "pivot_root" "$WHO" in_pivoted_root
	m_attack "a mount that was moved" "$WHO" moved_mount
	m_attack "a symbolic link" "$WHO" cat link
	m_attack "a symbolic link to the directory above" "$WHO" cat dirlink/ward/record
	m_attack "/proc/self/root" "$WHO" cat "/proc/self/root$S/ward/record"
	m_attack "another process's /proc/PID/root" "$WHO" by_proc_root
	m_attack "another process's /proc/PID/cwd" "$WHO" by_proc_cwd
	m_attack "names with . and .." "$WHO" cat "$S/../store/./ward/../ward/record"
}

ln -s "$S/ward/record" link
ln -s "$S" dirlink
touch onefile
mount --bind "$S" bound && mount --bind "$S/ward/record" onefile
m_unguarded attacks
m_policy_of "$S"
m_start
m_guarded attacks
mkdir late && mount --bind "$S" late
m_attack "a bind mount made later" "$WHO" cat late/ward/record
# A decoy over the store guards nothing and opens nothing.
mount -t tmpfs decoy "$S"
m_attack "a mount over the store" "$WHO" cat late/ward/record
umount "$S"
m_events
m_verify
m_stop
t_done
