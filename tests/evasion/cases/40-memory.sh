# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a permitted program has in its memory, and making a permitted program do one's own work. Sourced by
# tests/evasion/evasion.sh. `reader=yes` makes $W/reader a program that the policy lets read.

PEEKING='process_vm_readv, /proc/PID/mem and ptrace of a permitted reader'
UNSEEN='missed: uses of another process'"'"'s memory are not seen'
CODE='LD_PRELOAD, LD_AUDIT and unlisted libraries in a permitted program'

peek() {
	start_reader && "$HELPERS/memory" "$1" "$HELD_PID" "${2:-$HELD_AT}"
	end_reader
}

evade ptrace-attach read "$PEEKING" 'PTRACE_ATTACH and PEEKDATA' reader=yes tracing="$UNSEEN" who=root
attack_ptrace-attach() { peek attach; }

evade ptrace-seize read "$PEEKING" 'PTRACE_SEIZE and PEEKDATA' reader=yes tracing="$UNSEEN" who=root
attack_ptrace-seize() { peek seize; }

evade vm-readv read "$PEEKING" 'process_vm_readv' reader=yes tracing="$UNSEEN" who=root
attack_vm-readv() { peek vm_readv; }

evade proc-mem read "$PEEKING" '/proc/PID/mem' reader=yes tracing="$UNSEEN" who=root
attack_proc-mem() { peek proc_mem; }

evade pidfd-getfd read "$OLD" 'taken by pidfd_getfd from a permitted reader' reader=yes who=root
attack_pidfd-getfd() {
	start_reader && "$HELPERS/memory" getfd "$HELD_PID" "$HELD_FD"
	end_reader
}

evade traced-exec read "$PEEKING" 'a tracer that is there before the permitted program starts' reader=yes
attack_traced-exec() { "$HELPERS/memory" trace "$W/reader" openat2 "$R"; }

evade core-dump read 'core dump of a permitted reader' 'a signal that makes it dump core' reader=yes tracing="$UNSEEN"
attack_core-dump() {
	ulimit -c unlimited
	start_reader || return
	kill -SEGV "$HELD_PID"
	wait "$HELD_PID" 2>/dev/null
	sleep 0.3
	cat core* 2>/dev/null | only_marker
}

evade core-pipe read 'core dump of a permitted reader' 'a core that the kernel pipes to a program' reader=yes who=root \
	native='it would change where this whole machine'"'"'s cores go'
attack_core-pipe() {
	local before
	before=$(</proc/sys/kernel/core_pattern)
	printf '#!/bin/sh\nexec cat >%s/piped\n' "$W" >catch && chmod 755 catch
	echo "|$W/catch" >/proc/sys/kernel/core_pattern
	ulimit -c unlimited
	start_reader && kill -SEGV "$HELD_PID"
	wait "$HELD_PID" 2>/dev/null
	soon test -s piped
	echo "$before" >/proc/sys/kernel/core_pattern
	only_marker <piped
}

evade preload read "$CODE" 'a library of the intruder'"'"'s in a permitted program, by LD_PRELOAD' reader=yes \
	all='missed: code loaded into a permitted program does what that program may'
attack_preload() {
	printf '%s\n' '#include <stdio.h>' '#include <stdlib.h>' '__attribute__((constructor)) static void theft(void)' \
		'{ char b[64] = ""; FILE *f = fopen(getenv("R"), "r"); if (f && fgets(b, 64, f)) puts(b); exit(0); }' >theft.c
	cc -shared -fPIC -o theft.so theft.c && LD_PRELOAD=$W/theft.so "$W/reader" hold /dev/null
}

evade audit read "$CODE" 'the same by LD_AUDIT' reader=yes \
	all='missed: code loaded into a permitted program does what that program may'
attack_audit() {
	printf '%s\n' '#include <stdio.h>' '#include <stdlib.h>' 'unsigned la_version(unsigned v) { return v; }' \
		'__attribute__((constructor)) static void theft(void)' \
		'{ char b[64] = ""; FILE *f = fopen(getenv("R"), "r"); if (f && fgets(b, 64, f)) puts(b); exit(0); }' >theft.c
	cc -shared -fPIC -o theft.so theft.c && LD_AUDIT=$W/theft.so "$W/reader" hold /dev/null
}

ASKED='a program whose role takes packaged libraries only'
LOADED='store=(library) operations=execute'

evade preload-asked read "$CODE" "by LD_PRELOAD into $ASKED" reader=asked entry="$LOADED" \
	lsm='unrecorded: the dynamic loader ignores LD_PRELOAD there, as in set-user-ID programs'
attack_preload-asked() { LD_PRELOAD=$W/theft.so "$W/reader" read - /dev/null; }

evade audit-asked read "$CODE" "by LD_AUDIT into $ASKED" reader=asked entry="$LOADED" \
	lsm='unrecorded: the dynamic loader ignores LD_AUDIT there, as in set-user-ID programs'
attack_audit-asked() { LD_AUDIT=$W/theft.so "$W/reader" read - /dev/null; }

evade dlopen read "$CODE" "by dlopen into $ASKED" reader=asked entry="$LOADED"
attack_dlopen() { "$W/reader" dlopen "$W/theft.so" /dev/null; }

evade memfd-library read "$CODE" "from memory into $ASKED" reader=asked entry="$LOADED path=*"
attack_memfd-library() { "$W/reader" memfd "$W/theft.so" /dev/null; }

evade mprotect-library read "$CODE" "as data that become executable, into $ASKED" reader=asked entry="$LOADED path=*" \
	tracing='missed: mprotect is not seen'
attack_mprotect-library() { "$W/reader" mprotect "$W/theft.so" "$R"; }

evade early-library read "$CODE" "by a process that becomes $ASKED" reader=asked \
	tracing='missed: what a process had loaded before is not known'
attack_early-library() {
	cp "$W/reader" early && mkfifo go || return
	(
		"$W/early" hold "$W/go" "$R" >held.out 2>held.err
		echo $? >held.status
	) &
	soon test -e go.ready && mv early reader && sleep 3 && release
}

evade interpreter read 'an interpreter that is permitted running a script that is not' 'another script' reader=yes \
	all='missed: a permitted interpreter runs any script'
layout_interpreter() { cp /bin/bash reader; }
# shellcheck disable=SC2016  # expanded by that shell
attack_interpreter() { "$W/reader" -c 'echo "$(<"$0")"' "$R"; }

evade masquerade read 'an interpreter that is permitted running a script that is not' 'a process that the kernel takes for another program' \
	reader=yes who=root needs=needs_masquerade
needs_masquerade() {
	"$HELPERS/masquerade" /usr/bin/cat /dev/null >/dev/null 2>&1 || { echo "PR_SET_MM_EXE_FILE is refused here" && return 1; }
}
attack_masquerade() { "$HELPERS/masquerade" "$W/reader" "$R"; }

evade impostor read 'swapping the policy or the binary' 'a program of the same name and content as a permitted one' reader=yes
attack_impostor() { cp /usr/bin/cat mine && mv mine reader && ./reader "$R"; }

evade exec read 'exec of a record' 'a record that is a script, executed'
layout_exec() { printf '#!/bin/sh\necho %s\n' "$MARKER" >"$R" && chmod 777 "$R"; }
attack_exec() { "$R"; }

evade exec-binary read 'exec of a record' 'a record that is a program, executed' \
	tracing='missed: the execution of a record is not seen'
layout_exec-binary() { cp /bin/echo "$R" && chmod 777 "$R"; }
attack_exec-binary() { "$R" "$MARKER"; }

evade loader read 'exec of a record' 'a record that is a program, by the dynamic loader'
layout_loader() { cp /bin/echo "$R"; }
attack_loader() { /lib64/ld-linux-x86-64.so.2 "$R" "$MARKER"; }

evade names read 'metadata that tells (stat, xattrs, names)' 'the names in a directory'
layout_names() { : >"$D/$MARKER"; }
attack_names() { ls "$D"; }

TELLS='names, sizes, times and extended attributes are visible to whom the file system shows them'
evade stat read 'metadata that tells (stat, xattrs, names)' 'size and times by stat' all="missed: $TELLS"
attack_stat() { stat -c "%s %Y $MARKER" "$R"; }

evade xattrs read 'metadata that tells (stat, xattrs, names)' 'an extended attribute' all="missed: $TELLS"
layout_xattrs() { /usr/bin/python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.told", sys.argv[2].encode())' "$R" "$MARKER"; }
attack_xattrs() { /usr/bin/python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "user.told").decode())' "$R"; }
