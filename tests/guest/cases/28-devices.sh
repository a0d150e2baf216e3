#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Below the file system: the block device of a store, the whole disk of its partition, the file behind the loop device,
# by their names and by nodes made anew. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

# A disk of two partitions in a file; the store is on the second.
DISK=$CASE_DIR/disk.img
truncate -s 96M "$DISK"
# An MBR by hand: partitions at sectors 2048 and 34816.
perl -e 'print "\0" x 446, (map { pack("CCCCCCCCVV", 0, 0, 0, 0, 0x83, 0, 0, 0, @$_) } [2048, 32768], [34816, 160000]), "\0" x 32, "\x55\xaa"' |
	dd of="$DISK" conv=notrunc 2>/dev/null || exit
LOOP=$(losetup -P -f --show "$DISK") || exit
udevadm settle 2>/dev/null
part() {
	local dev
	IFS=: read -r _ dev <"/sys/class/block/${LOOP##*/}p$1/dev"
	[[ -b ${LOOP}p$1 ]] || mknod "${LOOP}p$1" b "$(cut -d: -f1 "/sys/class/block/${LOOP##*/}p$1/dev")" "$dev"
}
part 1
part 2
mkfs.ext4 -q "${LOOP}p1" && mkfs.ext4 -q "${LOOP}p2" && mkdir disk other || exit
mount "${LOOP}p2" disk && mount "${LOOP}p1" other || exit
S=$CASE_DIR/disk/store
mkdir "$S" && echo "$MARKER" >"$S/record" && echo harmless >other/file && chown -R daemon "$S" && sync
mkdir nodes && cp -a "${LOOP}p2" nodes/part

# A program that the daemon takes for udev's; what the guest writes is lost with it.
UDEV=/usr/bin/udevadm
rm -f "$UDEV" && cp /usr/bin/dd "$UDEV"

# What lies there, from the disk and not from a cache of the node.
raw() {
	dd if="$1" bs=1M iflag=nonblock 2>"$CASE_DIR/dd.err" | grep -a -o -m 1 "$MARKER" && return
	cat "$CASE_DIR/dd.err" >&2
	return 1
}

held() {
	cat <&6 2>"$CASE_DIR/dd.err" | grep -a -o -m 1 "$MARKER" && return
	cat "$CASE_DIR/dd.err" >&2
	return 1
}

attacks() {
	local what="user=root program=/usr/bin/dd hook=file_open operations=read"
	m_attack "the partition" "$what path=${LOOP}p2" raw "${LOOP}p2"
	m_attack "the partition by a node of our own" "$what path=$CASE_DIR/nodes/part" raw "$CASE_DIR/nodes/part"
	m_attack "the whole disk" "$what path=$LOOP" raw "$LOOP"
	m_attack "the file behind the disk" "$what path=$DISK" raw "$DISK"
	m_attack "debugfs" "user=root hook=file_open operations=read path=${LOOP}p2" \
		bash -c "debugfs -R 'cat /store/record' '${LOOP}p2' 2>&1 | tee debugfs.out | grep $MARKER || { cat debugfs.out >&2; exit 1; }"
}

m_unguarded attacks
exec 6<"${LOOP}p2"
m_unguarded m_attack "a descriptor of the device" "" held
exec 6<&-
t_check "unguarded: the device can be opened for writing" sh -c ": >>${LOOP}p2"
exec 6<"${LOOP}p2"
m_policy_of "$S"
m_start
m_guarded attacks
m_attack "a descriptor of the device from before" "user=root program=/usr/bin/cat hook=file_permission operations=read" held
exec 6<&-
if ! (: >>"${LOOP}p2") 2>/dev/null; then t_ok "no writing to the device"; else t_fail "no writing to the device"; fi

# What has no store is nobody's business, and the file system itself goes on.
t_check "the other partition can be read" dd if="${LOOP}p1" of=/dev/null bs=1M
m_allowed "the role reads" "user=daemon path=$S/record" as daemon cat "$S/record"
t_check "the role writes" as daemon sh -c "echo more >>$S/record"
echo 3 >/proc/sys/vm/drop_caches
sync
m_allowed "and from the disk, past the caches" "user=daemon path=$S/record" as daemon cat "$S/record"
t_equal "the kernel has no complaint about the disk" "" "$(dmesg | grep -E 'I/O error|EXT4-fs error' | tail -n 3)"
m_allowed "udev may look" "user=root program=$UDEV path=${LOOP}p2 operations=read" "$UDEV" if="${LOOP}p2" bs=1M
m_attack "udev may not write" "user=root program=$UDEV path=${LOOP}p2 operations=write" "$UDEV" if=/dev/zero of="${LOOP}p2" conv=notrunc count=0
# A role that may read the store may read what it lies on.
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  imager: {users: [root], programs: [/usr/bin/dd]}
grants:
  - {role: imager, store: ehr, access: [list, read]}
END
t_check "the policy grants it to a program" "$MUNIMENT" reload --run "$M/run"
m_allowed "which reads the device" "user=root program=/usr/bin/dd path=${LOOP}p2" raw "${LOOP}p2"
m_events
m_verify
m_stop
umount disk other
losetup -d "$LOOP"
t_done
