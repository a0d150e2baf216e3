# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Descriptors that somebody has without an opening that could be decided: from before the daemon, handed over, shared.
# Sourced by tests/evasion/evasion.sh.

OLD='fd inherited, opened before the daemon started, received by SCM_RIGHTS or pidfd_getfd'
ONE_CALL='one call that copies from an old descriptor has done so when its caller is killed'

evade held-read read "$OLD" 'open since before: read'
before_held-read() { hold_open "$HELPERS/reach" read "$R"; }
attack_held-read() { release; }

evade held-mmap read "$OLD" 'open since before: mmap' who=root
before_held-mmap() { hold_open "$HELPERS/reach" mmap "$R"; }
attack_held-mmap() { release; }

evade held-sendfile read "$OLD" 'open since before: sendfile to a socket' who=root
before_held-sendfile() { hold_open "$HELPERS/reach" sendfile "$R"; }
attack_held-sendfile() { release; }

evade held-splice read "$OLD" 'open since before: splice to a pipe' who=root
before_held-splice() { hold_open "$HELPERS/reach" splice "$R"; }
attack_held-splice() { release; }

evade held-copy read "$OLD" 'open since before: copied to a file by sendfile' who=root tracing="detected: $ONE_CALL"
before_held-copy() { exec 5<"$R" && hold_open copy_held; }
copy_held() {
	: >"$1.ready" && read -r _ <"$1"
	perl -e 'open(my $to, ">", "copy") or die; syscall(40, fileno($to), 5, 0, 4096) > 0 or die "sendfile: $!\n"'
}
attack_held-copy() { release; }

evade held-uring read "$OLD" 'open since before: read by io_uring' who=root
before_held-uring() { hold_open "$HELPERS/reach" uring-read "$R"; }
attack_held-uring() { release; }

evade held-uring-sqpoll read "$OLD" 'open since before: read by a thread of the kernel that polls the ring' who=root
before_held-uring-sqpoll() { hold_open "$HELPERS/reach" uring-poll "$R"; }
attack_held-uring-sqpoll() { release; }

evade held-uring-fixed read "$OLD" 'registered with io_uring before, the descriptor closed' who=root
before_held-uring-fixed() { hold_open "$HELPERS/reach" uring-registered "$R"; }
attack_held-uring-fixed() { release; }

evade held-aio read "$OLD" 'open since before: read by io_submit' who=root needs=needs_aio \
	tracing='missed: io_submit on an old descriptor is not seen'
before_held-aio() { hold_open "$EVADE/evade" aio "$R"; }
attack_held-aio() { release; }

evade held-reflink read "$OLD" 'open since before: cloned by an ioctl' who=root disk=btrfs \
	tracing='missed: an ioctl that shares the blocks of an old descriptor is not seen'
clone_held() {
	: >"$1.ready" && read -r _ <"$1"
	perl -e 'open(my $to, ">", "copy") or die; ioctl($to, 0x40049409, 5) or die "FICLONE: $!\n"'
}
before_held-reflink() { exec 5<"$R" && hold_open clone_held; }
attack_held-reflink() { release && cat copy; }

evade held-directory read "$OLD" 'a directory open since before, and the record by it' who=root
below_held() {
	: >"$1.ready" && read -r _ <"$1"
	cat /proc/self/fd/5/record
}
before_held-directory() { exec 5<"$D" && hold_open below_held; }
attack_held-directory() { release; }

evade inherited read "$OLD" 'inherited by a program that starts afterwards' tracing="detected: $ONE_CALL"
inherit() {
	: >"$1.ready" && read -r _ <"$1"
	cat <&5
}
before_inherited() { exec 5<"$R" && hold_open inherit; }
attack_inherited() { release; }

evade scm-rights read "$OLD" 'received from somebody who may, by a socket' who=root
attack_scm-rights() {
	REACH_SOCKET=$W/socket setpriv --reuid=daemon --regid=daemon --clear-groups -- "$HELPERS/reach" give "$R" &
	soon test -S socket && "$HELPERS/reach" take "$W/socket"
}

evade shared-table read "$OLD" 'left in a table of descriptors that two processes share (CLONE_FILES)'
attack_shared-table() { "$EVADE/share" "$R"; }

evade mapped-before read 'memory already mapped or shared' 'mapped before the daemon started' \
	all='missed: memory that is mapped already; no hook sees a page being read'
before_mapped-before() { hold_open "$EVADE/evade" old-mapping "$R"; }
attack_mapped-before() { release; }
