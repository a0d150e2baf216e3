# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Opening a record anew by other system calls than open and read. Sourced by tests/evasion/evasion.sh.

PLAIN='io_uring (open, read, fixed buffers, SQPOLL, link, unlink)'
COPYING='sendfile, splice, copy_file_range, reflink'

evade open read 'argument races' 'cat'
attack_open() { cat "$R"; }

evade open-dd read 'argument races' 'dd' who=root
attack_open-dd() { dd if="$R" status=none; }

evade open-tar read 'argument races' 'tar of the directory' who=root
attack_open-tar() { tar -Pcf - "$D" | only_marker; }

evade open-copy read 'argument races' 'cp to a file of the intruder'"'"'s'
attack_open-copy() { cp "$R" copy && cat copy; }

evade open-read-write read 'argument races' 'opened for reading and writing' who=root
attack_open-read-write() { exec 5<>"$R" && cat <&5; }

evade openat2 read 'argument races' 'openat2 with RESOLVE_NO_MAGICLINKS'
attack_openat2() { "$EVADE/evade" openat2 "$R"; }

evade open-32-bit read 'argument races' 'open by the 32-bit entry of the kernel' needs=needs_int80
attack_open-32-bit() { "$EVADE/int80" "$R"; }

evade symlink-race read 'argument races' 'a symbolic link that another thread changes while it is opened'
attack_symlink-race() { echo decoy >decoy && "$EVADE/evade" race "$R" decoy name; }

evade uring-open read "$PLAIN" 'opened and read by io_uring'
attack_uring-open() { "$HELPERS/reach" uring "$R"; }

evade uring-read read "$PLAIN" 'opened plainly, read by io_uring' who=root
attack_uring-read() { "$HELPERS/reach" uring-read "$R"; }

evade uring-sqpoll read "$PLAIN" 'read by a thread of the kernel that polls the ring'
attack_uring-sqpoll() { "$HELPERS/reach" uring-poll "$R"; }

evade uring-fixed read "$PLAIN" 'a registered file and a fixed buffer'
attack_uring-fixed() { "$HELPERS/reach" uring-registered "$R"; }

evade aio read "$PLAIN" 'io_submit' needs=needs_aio
attack_aio() { "$EVADE/evade" aio "$R"; }

evade preadv2 read 'argument races' 'preadv2' who=root
attack_preadv2() { "$HELPERS/reach" preadv2 "$R"; }

evade mmap read 'mmap' 'mapped and copied'
attack_mmap() { "$HELPERS/reach" mmap "$R"; }

evade sendfile read "$COPYING" 'sendfile to a socket'
attack_sendfile() { "$HELPERS/reach" sendfile "$R"; }

evade splice read "$COPYING" 'splice to a pipe'
attack_splice() { "$HELPERS/reach" splice "$R"; }

evade copy-file-range read "$COPYING" 'copy_file_range to a file without a name'
attack_copy-file-range() { "$HELPERS/reach" copy_file_range "$R"; }

evade reflink read "$COPYING" 'a copy that shares the blocks' disk=btrfs
attack_reflink() { cp --reflink=always "$R" copy && cat copy; }

evade o-path read 'O_PATH and /proc/self/fd' 'O_PATH, then opened anew through /proc/self/fd'
attack_o-path() { "$HELPERS/reach" o_path "$R"; }

evade handle read 'open_by_handle_at' 'by its file handle' who=root
attack_handle() { REACH_MOUNT=$P "$HELPERS/reach" handle "$R"; }

evade handle-cold read 'open_by_handle_at' 'by its file handle, when the kernel has no name of it cached' who=root \
	entry='store=* path=*' native='it would empty the caches of a machine that others use'
attack_handle-cold() { REACH_MOUNT=$P "$HELPERS/reach" cold-handle "$R"; }

evade steps read 'argument races' 'directory by directory, each opened with O_PATH' who=root
attack_steps() { "$HELPERS/reach" steps "$R"; }
