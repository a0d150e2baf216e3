# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The file systems that the evasion suite's stores lie on: ext4 on the second partition of a disk in a file (on the whole
# disk where the kernel reads no partition tables), and btrfs.
# Sourced by tests/evasion/evasion.sh. Owns DISK (the file), LOOP and PART (the devices), and what is mounted.

# Sets PART to partition 2 of $1. Its node is made where udev does not.
find_partition() {
	local numbers
	PART=$1
	[[ -e /sys/class/block/${1##*/}p2/dev ]] || return 0
	PART=${1}p2
	[[ -b $PART ]] && return
	numbers=$(<"/sys/class/block/${PART##*/}/dev") && mknod "$PART" b "${numbers%:*}" "${numbers#*:}"
}

make_ext4() {
	DISK=$CASE_DIR/disk.img
	truncate -s 256M "$DISK" || return
	# An MBR by hand: partitions at sectors 2048 and 34816.
	perl -e 'print "\0" x 446, (map { pack("CCCCCCCCVV", 0, 0, 0, 0, 0x83, 0, 0, 0, @$_) } [2048, 32768], [34816, 480000]),
		"\0" x 32, "\x55\xaa"' | dd of="$DISK" conv=notrunc 2>/dev/null || return
	LOOP=$(losetup -P -f --show "$DISK") && find_partition "$LOOP" && mkfs.ext4 -q -I 256 "$PART" || return
	mkdir "$CASE_DIR/ext4" && mount "$PART" "$CASE_DIR/ext4" && export DISK LOOP PART
	local status=$?
	# From now on the device goes with the last who uses it.
	losetup -d "$LOOP"
	return "$status"
}

make_btrfs() {
	local image=$CASE_DIR/btrfs.img device status
	command -v mkfs.btrfs >/dev/null && truncate -s 256M "$image" && mkfs.btrfs -q "$image" >"$M/mkfs.out" 2>&1 || return
	device=$(losetup -f --show "$image") && mkdir "$CASE_DIR/btrfs" && mount -t btrfs "$device" "$CASE_DIR/btrfs"
	status=$?
	[[ -z $device ]] || losetup -d "$device"
	((status == 0)) || rmdir "$CASE_DIR/btrfs"
	return "$status"
}

make_disks() {
	local place pass
	make_ext4 || { t_fail "a disk for the stores" "$(losetup -a)" && exit 1; }
	make_btrfs || echo "# no btrfs here"
	for place in ext4 btrfs; do
		[[ ! -d $CASE_DIR/$place ]] || for pass in unguarded guarded; do
			mkdir -p "$CASE_DIR/$place/$pass/tries" && make_store "$place" "$CASE_DIR/$place/$pass/store"
		done
	done
}

# A store on btrfs is a subvolume, as a snapshot copies those.
make_store() {
	if [[ $1 == btrfs ]]; then btrfs -q subvolume create "$2"; else mkdir "$2"; fi
}
