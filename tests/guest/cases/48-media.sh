#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Copies by what they would lie on: removable media, file systems of the network and of user space, disks in clear, and
# layers of these. Run by tests/guest/run-in-guest.sh.
# timeout: 600
# shellcheck disable=SC2119  # options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

R=$CASE_DIR/ehr/record STEPS=$HELPERS/steps PLACES=(stick layer nfs fuse clear crypt over upper above)
mkdir ehr memory source exported lower "${PLACES[@]}" && echo "$MARKER" >"$R" && chown -R daemon ehr && chmod 1777 memory source exported

# --- the media ---

# The device node of the disk $1, which no udev makes.
node() {
	local number
	number=$(<"/sys/class/block/$1/dev") || return
	[[ -b /dev/$1 ]] || mknod "/dev/$1" b "${number%:*}" "${number#*:}"
}

# make_fs DEVICE PLACE: a file system that everybody may write to.
make_fs() {
	local fs=${3:-ext4}
	"mkfs.$fs" -q "$1" && mount -t "$fs" "$1" "$2" && mkdir -p "$2/work" && chmod 1777 "$2" "$2/work"
}

# Removable to the kernel; the disk itself, and the half of another that device mapper shows.
sticks() {
	local disk
	modprobe sd_mod && modprobe scsi_debug removable=1 dev_size_mb=48 && t_wait 10 test -e /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/sd* || return
	disk=$(basename /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/sd*)
	node "$disk" && chmod 666 "/dev/$disk" && ln -s "/dev/$disk" disk && dmsetup create case-stick --table "0 40960 linear /dev/$disk 0" &&
		dmsetup create case-layer --table "0 40960 linear /dev/$disk 45056" && dmsetup mknodes &&
		make_fs /dev/mapper/case-stick stick && make_fs /dev/mapper/case-layer layer
}

# A disk that holds a btrfs in clear, and one with a dm-crypt over it, as cryptsetup would name it.
disks() {
	modprobe null_blk nr_devices=2 memory_backed=1 gb=1 && node nullb0 && node nullb1 && make_fs /dev/nullb0 clear btrfs &&
		modprobe dm-crypt && dmsetup create case-crypt --uuid CRYPT-PLAIN-case \
		--table "0 131072 crypt aes-xts-plain64 $(printf %064d 1) 0 /dev/nullb1 0" && dmsetup mknodes &&
		make_fs /dev/mapper/case-crypt crypt
}

# The kernel's own server, told by hand what its daemons would say: the root of version 4.
serve_nfs() {
	modprobe nfsd && modprobe nfsv4 && mount -t nfsd nfsd /proc/fs/nfsd || return
	echo "nfsd 127.0.0.1 2147483647 *" >/proc/net/rpc/auth.unix.ip/channel &&
		printf '* 1 \\x00000000 2147483647 %s\n' "$CASE_DIR/exported" >/proc/net/rpc/nfsd.fh/channel &&
		echo "* $CASE_DIR/exported 2147483647 0x2602 65534 65534 0" >/proc/net/rpc/nfsd.export/channel || return
	echo "-2 -3" >/proc/fs/nfsd/versions 2>/dev/null || echo "-3" >/proc/fs/nfsd/versions || return
	# Some kernels end the time of grace when told to; else the first opening takes its time.
	echo 10 >/proc/fs/nfsd/nfsv4gracetime && echo "tcp 2049" >/proc/fs/nfsd/portlist && echo 2 >/proc/fs/nfsd/threads &&
		{ echo Y >/proc/fs/nfsd/v4_end_grace || true; } 2>/dev/null &&
		mount -i -t nfs4 -o addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2,sec=sys 127.0.0.1:/ nfs
}

end_nfs() {
	umount nfs
	echo 0 >/proc/fs/nfsd/threads
	umount /proc/fs/nfsd
}

overlays() {
	mkdir stick/upper stick/inner memory/upper memory/inner && chmod 1777 stick/upper memory/upper &&
		mount -t overlay -o lowerdir=lower,upperdir=stick/upper,workdir=stick/inner overlay over &&
		mount -t overlay -o lowerdir=lower,upperdir=memory/upper,workdir=memory/inner overlay upper
}

t_check "removable disks" sticks
t_check "a disk in clear, and one that is not" disks
t_check "a server of NFS" serve_nfs
t_check "a file system of user space" bindfs source fuse
t_check "overlays" overlays
# What the host of this guest shares is of the network and of FUSE.
SHARED=$OUT/media.$$ && mkdir -m 1777 "$SHARED"
truncate -s 8M file && mkfs.ext4 -q -F file

policy() {
	m_policy_of "$CASE_DIR/ehr" && echo "$1" >>"$M/policy.d/policy.yaml"
}

# --- attacks ---

copy_to() {
	as daemon cp "$R" "$1/copy.$M_PASS" && as daemon cat "$1/copy.$M_PASS"
}

# Says nothing: this shell would come to hold what it reads of it.
quietly_to() {
	as daemon cp "$R" "$1" >/dev/null 2>&1
}

# The file is there, and is written to by a mapping.
map_in() {
	truncate -s 4096 "$1/map.$M_PASS" && chmod 666 "$1/map.$M_PASS" &&
		as daemon "$STEPS" open "$1/map.$M_PASS" take "$R" map && as daemon cat "$1/map.$M_PASS"
}

# Between the parts that have file systems.
write_raw() {
	as daemon dd if="$R" of="$1" seek=42000 conv=notrunc status=none && as daemon dd if="$1" skip=42000 count=1 status=none
}

# stays DIRECTORY REASON [COMMAND]: no copy comes to lie there.
stays() {
	local to=$1 reason=$2 way=${3:-copy_to}
	m_attack "$way $to" "user=daemon operations=copy reason=$reason" "$way" "$to"
}

media() {
	stays stick removable
	stays layer removable
	stays over removable
	stays stick removable map_in
	stays over removable map_in
	stays nfs network
	stays "$SHARED" network
	stays fuse fuse
	stays clear unencrypted
	stays clear unencrypted map_in
	stays stick/work removable
	stays disk removable write_raw
}

m_unguarded media
policy "copies: {to: [$CASE_DIR/clear/work, $CASE_DIR/stick/work], removable: deny, network: deny, fuse: deny, unencrypted: deny}"
m_start --pin
m_guarded media
for place in memory crypt upper clear/work; do
	m_allowed "$place" "user=daemon operations=copy" copy_to "$place"
done
m_events
m_entry "what a copy lies on, and the line that says so" '.unmapped.muniment | .reason == "network" and .medium == ["network", "unencrypted"]
	and .rule == "policy.yaml:10" and .enforced == "denied"'
m_entry "and all of it" '.unmapped.muniment | .reason == "network" and .medium == ["network", "fuse", "unencrypted"]'

# A disk that the daemon has not looked at may be anything.
kill -STOP "$M_PID"
loop=$(losetup -f --show file) && mount "$loop" above && chmod 1777 above
stays above removable
kill -CONT "$M_PID"
m_entry "that nobody had looked" '.unmapped.muniment.medium == ["removable", "network", "unencrypted", "unknown"]'
t_check "when it has: the file behind it lies in memory" t_wait 20 quietly_to above/later
m_events

# A word that lets copies be does so whatever `else` says; an alert is one.
policy "copies: {removable: allow, network: alert, else: deny}"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
M_PASS=allowed
m_allowed "a word against else" "user=daemon operations=copy" copy_to stick
m_allowed "and on the disk itself" "user=daemon operations=copy" write_raw disk
t_check "which is no copy by that" as news dd if=disk of=/dev/null count=1 status=none
t_check "a word that alerts" quietly_to nfs/alerted
m_entry "that is told" '.action_id == 3 and (.unmapped.muniment | .reason == "network" and .enforced == "allowed")'
m_attack "no word" "user=daemon operations=copy reason=copies" copy_to fuse
m_events

# What was mounted over a place that the policy names is not what it means.
policy "copies: {to: [$CASE_DIR/memory], removable: deny, else: deny}"
mount --bind stick memory
t_check "reload" "$MUNIMENT" reload --run "$M/run"
M_PASS=covered
stays memory removable
umount memory

# Without words, nobody asks.
policy "copies: {else: allow}"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
M_PASS=free
for place in stick nfs fuse clear; do
	m_allowed "without words: $place" "user=daemon operations=copy" copy_to "$place"
done
m_events
t_equal "and tells what it lies on" 0 "$(m_entries | jq -n '[inputs | select(.file.path // "" | endswith(".free")) | .unmapped.muniment.medium // empty] | length')"
m_verify
m_stop
umount above over upper fuse
end_nfs
rm -rf "$SHARED"
t_done
