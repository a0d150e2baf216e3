# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Changing, emptying and removing records. Sourced by tests/evasion/evasion.sh.

CHANGED='missed: changed attributes are not seen'
NAMED='missed: names that are made, removed or renamed are not seen'
ONE_WRITE='detected: one call that writes to an old descriptor has done so when its caller is killed'

evade write destroy 'writing in place (encryption)' 'opened for writing, and overwritten' who='root user'
attack_write() { "$EVADE/evade" write "$R"; }

evade append destroy 'writing in place (encryption)' 'appended to'
attack_append() { dd if=/dev/zero of="$R" oflag=append conv=notrunc count=1 status=none; }

evade held-write destroy 'writing in place (encryption)' 'by a descriptor from before' who='root user' tracing="$ONE_WRITE"
before_held-write() { hold_open "$EVADE/evade" write "$R"; }
attack_held-write() { release; }

evade truncate destroy 'truncate' 'by its path' who='root user' tracing="$CHANGED"
attack_truncate() { perl -e 'truncate($ARGV[0], 3) or die "truncate: $!\n"' "$R"; }

evade ftruncate destroy 'ftruncate' 'by a descriptor from before' tracing="$CHANGED"
before_ftruncate() { hold_open "$EVADE/evade" ftruncate "$R"; }
attack_ftruncate() { release; }

evade o-trunc destroy 'O_TRUNC' 'emptied by its opening' tracing='detected: an open has emptied the file when its caller is killed'
attack_o-trunc() { : >"$R"; }

evade handle-trunc destroy 'O_TRUNC' 'emptied by its file handle' who=root \
	tracing='detected: an open has emptied the file when its caller is killed'
attack_handle-trunc() { "$EVADE/evade" handle "$P" "$R"; }

evade punch destroy 'fallocate punch' 'a hole punched into it'
attack_punch() { "$EVADE/evade" punch "$R"; }

evade held-punch destroy 'fallocate punch' 'a hole, by a descriptor from before' \
	tracing='missed: fallocate on an old descriptor is not seen'
before_held-punch() { hold_open "$EVADE/evade" punch "$R"; }
attack_held-punch() { release; }

evade map-write destroy 'mmap writes' 'a shared mapping, written to'
attack_map-write() { "$EVADE/evade" mapping "$R"; }

evade held-map-write destroy 'mmap writes' 'mapped now by a descriptor from before'
before_held-map-write() { hold_open "$EVADE/evade" mapping "$R"; }
attack_held-map-write() { release; }

evade copy-into destroy 'writing in place (encryption)' 'copy_file_range into a descriptor from before' \
	tracing='missed: copy_file_range into an old descriptor is not seen'
before_copy-into() { hold_open "$EVADE/evade" copy "$R" outside; }
attack_copy-into() { release; }

evade clone-into destroy 'writing in place (encryption)' 'other blocks cloned into a descriptor from before' disk=btrfs \
	tracing='missed: an ioctl that shares blocks is not seen'
layout_clone-into() { perl -e 'print "r" x 8192' >"$R" && perl -e 'print "o" x 8192' >outside; }
before_clone-into() { hold_open "$EVADE/evade" clone "$R" outside; }
attack_clone-into() { release; }

evade rename-over destroy 'rename over' 'another record moved over it' who='root user' tracing="$NAMED"
attack_rename-over() { rename "$D/other" "$R"; }

evade rename-in destroy 'rename over' 'a file from outside moved over it' tracing="$NAMED"
attack_rename-in() { rename outside "$R"; }

evade rename-within destroy 'rename over' 'given another name in the store' tracing="$NAMED"
attack_rename-within() { rename "$R" "$D/empty/hidden"; }

evade uring-rename destroy "$PLAIN" 'given another name by io_uring' tracing="$NAMED"
attack_uring-rename() { "$EVADE/evade" uring-rename "$R" "$D/hidden"; }

evade unlink destroy 'unlink' 'removed' who='root user' tracing="$NAMED"
attack_unlink() { rm -f "$R"; }

evade uring-unlink destroy "$PLAIN" 'removed by io_uring' tracing="$NAMED"
attack_uring-unlink() { "$EVADE/evade" uring-unlink "$R"; }

evade rmdir destroy 'rmdir' 'a directory removed' tracing="$NAMED"
attack_rmdir() { rmdir "$D/empty"; }

evade create destroy 'mknod, mkdir and symlink inside' 'a file made in the store' who='root user' \
	tracing='detected: an open has made the file when its caller is killed'
attack_create() { : >"$D/new"; }

evade tmpfile destroy 'mknod, mkdir and symlink inside' 'a file without a name, which then gets one'
attack_tmpfile() { "$EVADE/evade" tmpfile "$D" "$D/new"; }

evade mkdir destroy 'mknod, mkdir and symlink inside' 'a directory made' who='root user' tracing="$NAMED"
attack_mkdir() { mkdir "$D/new"; }

evade uring-mkdir destroy "$PLAIN" 'a directory made by io_uring' tracing="$NAMED"
attack_uring-mkdir() { "$EVADE/evade" uring-mkdir "$D/new"; }

evade mknod destroy 'mknod, mkdir and symlink inside' 'a device node made' who=root tracing="$NAMED"
attack_mknod() { mknod "$D/new" c 1 3; }

evade mkfifo destroy 'mknod, mkdir and symlink inside' 'a FIFO made' tracing="$NAMED"
attack_mkfifo() { mkfifo "$D/new"; }

evade make-symlink destroy 'mknod, mkdir and symlink inside' 'a symbolic link made' tracing="$NAMED"
attack_make-symlink() { ln -s record "$D/new"; }

evade link-in destroy 'hard link, made before or after start' 'a file from outside linked into the store' who='root user' tracing="$NAMED"
attack_link-in() { ln outside "$D/new"; }

evade uring-link destroy "$PLAIN" 'another name given by io_uring' tracing="$NAMED"
attack_uring-link() { "$EVADE/evade" uring-link "$R" "$D/new"; }

evade chmod destroy 'chmod' 'the mode changed' who=root tracing="$CHANGED"
attack_chmod() { chmod 604 "$R"; }

evade chown destroy 'chown' 'the owner changed' who=root tracing="$CHANGED"
attack_chown() { chown games "$R"; }

evade setxattr destroy 'setxattr' 'an extended attribute set' who='root user' tracing="$CHANGED"
attack_setxattr() { xattr setxattr user.mine value; }

evade acl destroy 'setxattr' 'an access control list set' who=root tracing="$CHANGED"
attack_acl() { xattr acl; }

xattr() {
	/usr/bin/python3 - "$R" "$@" <<-'END'
		import os, struct, sys
		path, way, *rest = sys.argv[1:]
		try:
		    if way == "acl":
		        nobody = 0xffffffff
		        entries = ((1, 6, nobody), (2, 6, 5), (4, 4, nobody), (16, 7, nobody), (32, 0, nobody))
		        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
		        os.setxattr(path, "system.posix_acl_access", acl)
		    else:
		        os.setxattr(path, rest[0], rest[1].encode())
		except OSError as error:
		    sys.exit(error.strerror)
	END
}

evade utimes destroy 'utimes' 'the times changed' tracing="$CHANGED" who=root
attack_utimes() { perl -e 'utime(1, 1, $ARGV[0]) or die "utime: $!\n"' "$R"; }

evade immutable destroy 'immutable flags' 'made immutable by an ioctl' who=root
attack_immutable() { chattr +i "$R"; }
