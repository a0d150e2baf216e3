#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs test cases inside a guest, each in a fresh directory and a cgroup of its own, and puts away what it leaves:
# processes, mounts, pins. Called by scripts/test through scripts/guest; leaves NAME.tap and NAME.status in $OUT.
#
# A case sees KERNEL (6.1, 6.12, sid), MECHANISM (lsm, fmod_ret), TREE, BUILD, CASE_DIR (its directory, also the
# current one, on tmpfs) and SCRATCH (a directory on the guest's root for what must not lie on tmpfs).
set -u

mounts() {
	awk '{ print $5 }' /proc/self/mountinfo | sort
}

pins() {
	find /sys/fs/bpf -mindepth 1 -maxdepth 1 | sort
}

# Ends everything in cgroup $1 and removes it, with the groups below it.
end_group() {
	local tries=0
	echo 1 >"$1/cgroup.kill"
	while grep -q 'populated 1' "$1/cgroup.events" && ((tries++ < 50)); do
		sleep 0.1
	done
	find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null
}

put_away() {
	local place
	end_group "$GROUP"
	cd / || exit
	comm -13 <(echo "$PINS_BEFORE") <(pins) | while read -r place; do
		rm -rf "$place"
	done
	comm -13 <(echo "$MOUNTS_BEFORE") <(mounts) | sort -r | while read -r place; do
		umount -l "$(printf %b "$place")" 2>/dev/null
	done
	rm -rf "$CASE_DIR" "$SCRATCH"
}

run_case() {
	local case=$1 name limit
	name=$(basename "$case" .sh)
	limit=$(sed -n 's/^# timeout: *\([0-9]*\).*/\1/p' "$TREE/$case" | head -n 1)
	MOUNTS_BEFORE=$(mounts)
	PINS_BEFORE=$(pins)
	GROUP=/sys/fs/cgroup/case-$name
	mkdir "$GROUP"
	CASE_DIR=$(mktemp -d "/tmp/case.XXXXXX")
	SCRATCH=$(mktemp -d "/var/tmp/case.XXXXXX")
	export CASE_DIR SCRATCH
	chmod 755 "$CASE_DIR" "$SCRATCH"
	(
		echo "$BASHPID" >"$GROUP/cgroup.procs"
		cd "$CASE_DIR" && exec timeout -k 5 "${limit:-300}" bash "$TREE/$case"
	) >"$OUT/$name.tap" 2>&1 </dev/null
	echo $? >"$OUT/$name.status"
	put_away 2>/dev/null
}

for case in "$@"; do
	echo "$case" >"$OUT/current"
	run_case "$case"
done
rm -f "$OUT/current"
