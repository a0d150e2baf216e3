#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The guest itself: the kernel and LSM list that the other cases rely on, and the file systems and devices they use.
# Run by tests/guest/run-in-guest.sh.
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"

series() {
	case $KERNEL in
	sid) [[ $(uname -r) =~ ^([0-9]+)\. ]] && ((BASH_REMATCH[1] >= 7)) ;;
	*) [[ $(uname -r) == "$KERNEL".* ]] ;;
	esac
}

lsm_list() {
	local list
	list=,$(</sys/kernel/security/lsm),
	echo "$list"
	case $MECHANISM in
	lsm) [[ $list == *,bpf,* ]] ;;
	fmod_ret) [[ $list != *,bpf,* ]] ;;
	esac
}

loopback() {
	ip -brief address show lo | grep -q 127.0.0.1 && (exec 3<>/dev/udp/127.0.0.1/9)
}

mounts_there() {
	local place
	for place in /proc /sys /dev /dev/pts /dev/shm /run /tmp /sys/fs/cgroup /sys/fs/bpf /sys/kernel/tracing \
		/sys/kernel/security; do
		mountpoint -q "$place" || { echo "$place is no mount" && return 1; }
	done
}

# A file system of type $1 on a loop device: made, mounted, written, read back after a remount.
file_system() {
	local type=$1 image=$CASE_DIR/$1.img place=$CASE_DIR/$1
	mkdir "$place" && truncate -s 320M "$image" && "mkfs.$type" -q "$image" || return
	mount -o loop "$image" "$place" && echo "$type" >"$place/file" && umount "$place" || return
	mount -o loop "$image" "$place" && [[ $(<"$place/file") == "$type" ]] || return
	[[ $(stat -f -c %T "$place") == "$2" ]] && umount "$place" && rm "$image"
}

overlay() {
	mkdir lower upper work merged && echo below >lower/file || return
	mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged || return
	[[ $(<merged/file) == below ]] && echo above >merged/file && [[ $(<lower/file) == below ]] && umount merged
}

device_mapper() {
	local loop
	truncate -s 8M dm.img && loop=$(losetup --find --show dm.img) || return
	dmsetup create case-guest --table "0 $(blockdev --getsz "$loop") linear $loop 0" || return
	dd if=/dev/zero of=/dev/mapper/case-guest bs=1M count=1 conv=fsync status=none || return
	dmsetup remove case-guest && losetup -d "$loop"
}

veth() {
	ip link add case-a type veth peer name case-b && ip netns add case || return
	ip link set case-b netns case && ip address add 10.99.0.1/24 dev case-a && ip link set case-a up || return
	ip -n case address add 10.99.0.2/24 dev case-b && ip -n case link set case-b up || return
	grep -q case-a /proc/net/dev && ip netns del case
}

read_only_below() {
	mkdir host && mount -t virtiofs root host || return
	! touch host/etc/guest-was-here 2>/dev/null && umount host
}

t_check "the kernel is of series $KERNEL" series
t_check "the LSM list is that of $MECHANISM" lsm_list
t_check "the kernel describes its types" test -s /sys/kernel/btf/vmlinux
t_check "the usual file systems are mounted" mounts_there
t_check "loopback is up" loopback
t_check "ext4 on a loop device" file_system ext4 ext2/ext3
t_check "xfs on a loop device" file_system xfs xfs
t_check "btrfs on a loop device" file_system btrfs btrfs
t_check "overlayfs" overlay
t_check "a linear dm device" device_mapper
t_check "a veth pair across namespaces" veth
t_check "this machine's files cannot be written from the guest" read_only_below
t_equal "the working tree is visible" yes "$([[ -x $TREE/scripts/guest ]] && echo yes)"
t_equal "the kernel is not tainted by a warning" 0 "$(($(</proc/sys/kernel/tainted) & 512))"
t_done
