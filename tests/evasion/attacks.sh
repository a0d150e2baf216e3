# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the evasion suite's attacks share. Runs as the intruder, in $W, also in shells of its own (evasion.sh writes all
# functions to a file for those), so these need no more than the exported variables. Sourced by evasion.sh. Owns nothing.

# soon COMMAND…: waits until COMMAND succeeds, ten seconds at most.
soon() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

# hold_open COMMAND…: runs COMMAND, which opens the record, makes go.ready, and goes on when `release` says so.
hold_open() {
	mkfifo go || return
	(
		"$@" go >held.out 2>held.err
		echo $? >held.status
	) &
	soon test -e go.ready
}

# Prints and returns what COMMAND does.
release() {
	[[ ! -s held.status ]] && timeout 5 bash -c 'echo >go' && soon test -s held.status || return
	cat held.out
	cat held.err >&2
	return "$(<held.status)"
}

# A process of the permitted program that has read the record: HELD_PID, HELD_AT, HELD_FD, HELD_MAP.
# shellcheck disable=SC2034  # for the cases
start_reader() {
	"$W/reader" hold "$R" >reader.out 2>reader.err &
	soon test -e reader.ready || { cat reader.err >&2 && return 1; }
	read -r HELD_PID HELD_AT HELD_FD HELD_MAP <reader.out
}

end_reader() {
	local status=$?
	kill -KILL "$HELD_PID"
	wait "$HELD_PID"
	return "$status"
} 2>/dev/null

# rename(2) and nothing else: mv would copy where it may not rename.
rename() {
	perl -e 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\n"' "$1" "$2"
}

exchange() {
	perl -e 'syscall(316, -100, $ARGV[0], -100, $ARGV[1], 2) == 0 or die "renameat2: $!\n"' "$1" "$2"
}

# in_namespace COMMAND: in a mount namespace of its own; for others than root in a user namespace, too.
in_namespace() {
	if ((EUID == 0)); then
		unshare --mount --propagation private bash -ec "$1"
	else
		unshare --user --map-root-user --mount --propagation private bash -ec "$1"
	fi
}

# Only the record's bytes out of what is not a file: a device, a core, a stream.
only_marker() {
	grep -a -o -m 1 "$MARKER"
}

# --- what a kernel may lack ---

needs_user_namespaces() {
	unshare --user --map-root-user true 2>/dev/null || { echo "no user namespaces here" && return 1; }
}

needs_overlay() {
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || { echo "no overlayfs here" && return 1; }
}

needs_aio() {
	perl -e 'my $c = "\0" x 8; exit(syscall(206, 1, $c) != 0)' || { echo "no io_setup here" && return 1; }
}

needs_int80() {
	[[ $("$EVADE/int80" /proc/self/comm 2>/dev/null) == int80 ]] || { echo "no 32-bit system calls here" && return 1; }
}
