# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Below the file system: block devices, the file behind them, and what btrfs copies as a whole. Sourced by
# tests/evasion/evasion.sh.

RAW='the raw block device and debugfs, whole disk and dm included'
SEND='btrfs send (seen only as an ioctl on the subvolume)'

# What lies on it, past the caches; only this case's bytes.
raw() {
	sync -f "$P"
	dd if="$1" bs=1M iflag=nonblock 2>dd.err | grep -a -o -m 1 "raw-$I-$MARKER"
	cat dd.err >&2
}

layout_raw() {
	echo "raw-$I-$MARKER" >"$R" && sync "$R"
}

evade device read "$RAW" 'the partition' who=root entry="path=$PART"
layout_device() { layout_raw; }
attack_device() { raw "$PART"; }

evade device-node read "$RAW" 'the partition by a node of one'"'"'s own' who=root
layout_device-node() { layout_raw; }
attack_device-node() { cp -a "$PART" node && raw "$W/node"; }

evade device-mmap read "$RAW" 'the partition, mapped' who=root entry="path=$PART"
layout_device-mmap() { layout_raw; }
attack_device-mmap() {
	sync -f "$P"
	/usr/bin/python3 - "$PART" "raw-$I-$MARKER" <<-'END'
		import mmap, os, sys
		fd = os.open(sys.argv[1], os.O_RDONLY)
		size = os.lseek(fd, 0, os.SEEK_END)
		with mmap.mmap(fd, size, prot=mmap.PROT_READ) as m:
		    at = m.find(sys.argv[2].encode())
		    print(m[at:at + len(sys.argv[2])].decode() if at >= 0 else "")
	END
}

evade device-held read "$RAW" 'the partition, open since before' who=root entry="path=$PART"
layout_device-held() { layout_raw; }
read_held() {
	: >"$1.ready" && read -r _ <"$1"
	sync -f "$P"
	dd bs=1M <&5 2>dd.err | grep -a -o -m 1 "raw-$I-$MARKER"
	cat dd.err >&2
}
before_device-held() { exec 5<"$PART" && hold_open read_held; }
attack_device-held() { release; }

evade whole-disk read "$RAW" 'the disk that the partition is on' who=root entry="path=$LOOP" needs=needs_partitions
needs_partitions() { [[ $PART != "$LOOP" ]] || { echo "this kernel reads no partition tables" && return 1; }; }
layout_whole-disk() { layout_raw; }
attack_whole-disk() { raw "$LOOP"; }

evade backing-file read "$RAW" 'the file behind the loop device' who=root entry="path=$DISK"
layout_backing-file() { layout_raw; }
attack_backing-file() { raw "$DISK"; }

evade loop read "$RAW" 'another loop device over the partition' who=root entry="path=$PART"
layout_loop() { layout_raw; }
attack_loop() {
	local device status
	sync -f "$P"
	device=$(losetup -r -f --show "$PART") || return
	raw "$device"
	status=$?
	losetup -d "$device"
	return "$status"
}

evade debugfs read "$RAW" 'debugfs' who=root entry="path=$PART"
attack_debugfs() {
	sync -f "$P"
	debugfs -R "cat /$PASS/store/$I/record" "$PART" | only_marker
}

evade device-write read "$RAW" 'the partition, opened for writing' who=root entry="path=$PART"
attack_device-write() { exec 5>>"$PART" && echo "$MARKER"; }

evade subvolume-send read "$SEND" 'btrfs send of a snapshot from before' who=root disk=btrfs entry='store=* path=*' \
	tracing='missed: an ioctl on an old snapshot is not seen'
before_subvolume-send() { btrfs -q subvolume snapshot -r "$S" "$W/snapshot"; }
attack_subvolume-send() { btrfs -q send -f stream "$W/snapshot" && only_marker <stream; }

evade snapshot read "$SEND" 'a snapshot made now' who=root disk=btrfs entry='store=* path=*'
attack_snapshot() { btrfs -q subvolume snapshot "$S" "$W/snapshot" && cat "$W/snapshot/$I/record"; }

evade old-snapshot read "$SEND" 'read in a snapshot from before' who=root disk=btrfs entry='store=* path=*' \
	all='missed: snapshots from before are not guarded'
before_old-snapshot() { btrfs -q subvolume snapshot -r "$S" "$W/snapshot"; }
attack_old-snapshot() { cat "$W/snapshot/$I/record"; }

evade dedupe read "$COPYING" 'FIDEDUPERANGE, which tells whether a guess is right' disk=btrfs
told() { perl -e 'print "$ARGV[0]\n" x 500' "$MARKER"; }
layout_dedupe() { told >"$R"; }
# shellcheck disable=SC2016  # variables of perl
attack_dedupe() {
	told >guess && sync guess
	perl -e '
		open(my $from, "<", $ARGV[0]) or die "open: $!\n";
		open(my $to, "+<", "guess") or die "guess: $!\n";
		my $arg = pack("QQSSLqQQlL", 0, -s $from, 1, 0, 0, fileno($to), 0, 0, 0, 0);
		ioctl($from, 0xc0189436, $arg) or die "FIDEDUPERANGE: $!\n";
		my $status = (unpack("QQSSLqQQlL", $arg))[8];
		$status == 0 or die "status $status\n";
		print "$ARGV[1]\n"' "$R" "$MARKER"
}
