# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Against the monitor: ending, stopping and silencing it, its policy, its ledger. Sourced by tests/evasion/evasion.sh;
# tests/evasion/monitor.sh tells what T_… are.

TRACED='missed: this mechanism sees nothing of it'
MACHINE='it would change this whole machine'

# With all its threads: the first may be gone while another still has the files open.
ended() {
	[[ ! -e /proc/$T_PID ]] || { grep -q '^State:.Z' "/proc/$T_PID/status" && [[ $(echo "/proc/$T_PID/task"/*) == */"$T_PID" ]]; }
}

# The process is gone, and after a moment the record can be had.
free() {
	local i
	soon ended || return
	for ((i = 0; i < 20; i++)); do
		cat "$R" && return
		sleep 0.1
	done
	return 1
} 2>/dev/null

evade kill monitor 'kill' 'SIGKILL' tracing="$TRACED"
attack_kill() { kill -KILL "$T_PID" && free; }

evade terminate monitor 'kill' 'SIGTERM' tracing='detected: root may end the daemon; the ledger says so'
attack_terminate() { kill -TERM "$T_PID" && free; }
evidence_terminate() { m_entries | jq -e -n '[inputs | select(.unmapped.muniment.kind == "stop")] | length > 0'; }

evade pidfd-kill monitor 'pidfd' 'SIGKILL by pidfd_send_signal' tracing="$TRACED"
attack_pidfd-kill() { "$EVADE/evade" pidfd-kill "$T_PID" && free; }

evade cgroup-kill monitor 'cgroup.kill and freeze' 'cgroup.kill' needs=needs_groups tracing="$TRACED"
attack_cgroup-kill() { echo 1 >"$T_GROUP/cgroup.kill" && free; }

evade cgroup-freeze monitor 'cgroup.kill and freeze' 'cgroup.freeze' needs=needs_groups tracing="$TRACED"
attack_cgroup-freeze() { echo 1 >"$T_GROUP/cgroup.freeze" && soon grep -q 'frozen 1' "$T_GROUP/cgroup.events" && echo "$MARKER"; }
after_cgroup-freeze() { echo 0 >"$T_GROUP/cgroup.freeze"; }

evade cgroup-move monitor 'cgroup.kill and freeze' 'moved into a group of the intruder'"'"'s, and killed there' needs=needs_groups \
	tracing='detected: told, if it is not killed before it has written that down'
attack_cgroup-move() {
	mkdir -p "${T_GROUP%/*}/other" && echo "$T_PID" >"${T_GROUP%/*}/other/cgroup.procs" && sleep 0.5 &&
		echo 1 >"${T_GROUP%/*}/other/cgroup.kill" && free
}
after_cgroup-move() { rmdir "${T_GROUP%/*}/other"; }

evade sigstop monitor 'SIGSTOP' 'SIGSTOP' tracing="$TRACED"
attack_sigstop() { kill -STOP "$T_PID" && soon grep -q '^State:.T' "/proc/$T_PID/status" && echo "$MARKER"; }
after_sigstop() { kill -CONT "$T_PID"; }

evade ptrace-monitor monitor 'ptrace' 'traced, its memory read' tracing="$TRACED"
attack_ptrace-monitor() {
	local at
	at=$(sed -n 's/^\([0-9a-f]*\)-.* r--p .*/0x\1/p' "/proc/$T_PID/maps" | head -n 1)
	"$HELPERS/memory" attach "$T_PID" "$at" | only_elf
}
only_elf() { grep -a -q ELF && echo "$MARKER"; }

evade write-memory monitor 'ptrace' 'its memory written through /proc/PID/mem' tracing="$TRACED"
# shellcheck disable=SC2016  # variables of perl
attack_write-memory() {
	local at
	at=$(sed -n 's/^\([0-9a-f]*\)-.* rw-p .*/\1/p' "/proc/$T_PID/maps" | head -n 1)
	perl -e 'open(my $m, "+<", "/proc/$ARGV[0]/mem") or die "mem: $!\n"; sysseek($m, hex $ARGV[1], 0);
		sysread($m, my $b, 16) or die "read: $!\n"; sysseek($m, hex $ARGV[1], 0);
		syswrite($m, $b) == 16 or die "write: $!\n"; print "$ARGV[2]\n"' "$T_PID" "$at" "$MARKER"
}

evade prlimit monitor 'OOM' 'a limit of no bytes for the files that it writes' tracing="$TRACED"
attack_prlimit() {
	prlimit --pid "$T_PID" --fsize=0:0 && prlimit --pid "$T_PID" --fsize --noheadings --output SOFT | grep -qw 0 || return
	[[ $PASS == guarded ]] || { echo "$MARKER" && return; }
	cat "$R" # whose entry is the daemon's last
	free
}

evade starvation monitor 'scheduler starvation' 'a real-time task that takes the CPU; a record is read meanwhile' \
	native='it would slow this whole machine' entry="store=ehr wanted=deny uid=0 path=*"
attack_starvation() {
	chrt -f 80 perl -e 'alarm 3; while (1) {}' &
	sleep 1
	cat "$R"
	wait
}

evade ftrace monitor 'ftrace_enabled' 'the kernel'"'"'s function tracing switched off' native="$MACHINE" needs=needs_ftrace_switch
attack_ftrace() { echo 0 >/proc/sys/kernel/ftrace_enabled && sleep 3 && grep -q 0 /proc/sys/kernel/ftrace_enabled && echo "$MARKER"; }
after_ftrace() { echo 1 >/proc/sys/kernel/ftrace_enabled; }
needs_ftrace_switch() { [[ -w /proc/sys/kernel/ftrace_enabled ]] || { echo "no ftrace_enabled here" && return 1; }; }

evade map-update monitor 'bpf(2) on its maps, programs and links' 'the daemon'"'"'s control map overwritten' tracing="$TRACED"
attack_map-update() {
	local id value
	if [[ $PASS == unguarded ]]; then
		bpftool map create "$T_PINS/map" type array key 4 value 8 entries 1 name standin.data &&
			bpftool map update pinned "$T_PINS/map" key 0 0 0 0 value 1 0 0 0 0 0 0 0 && cat "$R"
		return
	fi
	id=$(own_maps | awk '/control/ { print $1; exit }') || return
	value=$(bpftool -j map lookup id "$id" key 0 0 0 0 | jq -r '[.value[] | "0"] | join(" ")')
	# shellcheck disable=SC2086  # bytes
	bpftool map update id "$id" key 0 0 0 0 value $value && cat "$R"
}
# Maps that the daemon has open: number and name.
own_maps() {
	local fd id
	for fd in /proc/"$T_PID"/fdinfo/*; do
		id=$(sed -n 's/^map_id:[[:space:]]*//p' "$fd" 2>/dev/null)
		[[ -z $id ]] || bpftool -j map show id "$id" | jq -r '"\(.id) \(.name)"'
	done
}

evade pins monitor 'removing pins, unmounting bpffs' 'with --pin: the daemon killed, its pins removed' tracing="$TRACED" pin=yes
attack_pins() {
	[[ $PASS == guarded ]] || { bpftool map create "$T_PINS/map" type array key 4 value 8 entries 1 name standin || return; }
	kill -KILL "$T_PID" && soon ended && rm -r "$T_PINS" && free
}

evade bpffs monitor 'removing pins, unmounting bpffs' 'with --pin: the daemon killed, the bpffs unmounted' tracing="$TRACED" pin=yes \
	native='other mount namespaces of this machine may keep the bpffs, and the programs with it'
attack_bpffs() {
	kill -KILL "$T_PID" && soon ended && umount -l "$T_BPFFS" && free
}

evade swap-policy monitor 'swapping the policy or the binary' 'another policy, and a reload' \
	tracing='detected: root may change the policy; the ledger says so'
attack_swap-policy() {
	sed -i 's/users: \[daemon\]/users: [daemon, root]/; s/mode: enforce/mode: monitor/' "$T_DIR/policy.d/policy.yaml" || return
	[[ $PASS == unguarded ]] || "$BUILD/muniment" reload --run "$T_DIR/run" >reload.out 2>&1
	cat "$R"
}

after_swap-policy() {
	[[ $PASS == guarded ]] || return
	cp "$M/policy.saved" "$T_DIR/policy.d/policy.yaml" && "$BUILD/muniment" reload --run "$T_DIR/run"
}

evade swap-binary monitor 'swapping the policy or the binary' 'the daemon'"'"'s program replaced on disk' tracing="$TRACED"
attack_swap-binary() { cp /bin/true true && mv true "$T_DIR/bin/munimentd" && cmp -s /bin/true "$T_DIR/bin/munimentd" && echo "$MARKER"; }
after_swap-binary() { cp "$EVASION_DAEMON" true && mv true "$T_DIR/bin/munimentd"; }

evade second-daemon monitor 'a second daemon' 'another daemon, with a policy that permits all' \
	entry="store=ehr wanted=deny uid=0 path=*"
attack_second-daemon() {
	local pid
	[[ $PASS == guarded ]] || { cat "$R" && return; }
	mkdir -p other/{run,ledger,policy.d} && sed 's/mode: enforce/mode: monitor/; s/degraded: deny/degraded: allow/' "$T_DIR/policy.d/policy.yaml" >other/policy.d/policy.yaml
	"$BUILD/muniment" key new --name example.org/other --out other/key --ledger other/ledger --same-disk >other/out
	"$BUILD/munimentd" --policy other/policy.d --ledger other/ledger --key other/key --run other/run --pin-dir "${T_PINS}-other" \
		--events none --same-disk --mechanism "$MECHANISM" >other/log 2>&1 &
	pid=$!
	soon test -S other/run/control
	sleep 2
	cat "$R"
	{ kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
	rm -rf "${T_PINS}-other"
}

evade forged-message monitor 'a forged control message' 'words that are no request, and a command that there is not' \
	all='unrecorded: the daemon answers with an error and goes on'
# shellcheck disable=SC2016  # variables of perl
attack_forged-message() {
	[[ $PASS == guarded ]] || { echo "$MARKER" && return; }
	local text
	for text in '{"command":"stop"}' '{"command":"reload","policy":"/tmp"}' 'not json' "$(printf '{%.0s' {1..5000})"; do
		perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new($ARGV[0]) or die "connect: $!\n"; print $s "$ARGV[1]\n"; shutdown($s, 1);
			alarm 5; print while <$s>' "$T_DIR/run/control" "$text" >>answers
	done
	! "$BUILD/muniment" status --run "$T_DIR/run" >status.out 2>&1 && ended && echo "$MARKER"
}

evade clock monitor 'clock changes (record boot time and boot id beside wall time)' 'the clock set back by an hour' native="$MACHINE" \
	all='detected: wall time is the host'"'"'s; each entry of an access has the time since boot beside it'
attack_clock() {
	read -r before _ </proc/uptime
	date -s '1 hour ago' >/dev/null || return
	[[ $PASS == unguarded ]] || cat "$R"
	date -s '1 hour' >/dev/null
	read -r after _ </proc/uptime
	echo "$before $after" >uptime && echo "$MARKER"
}
evidence_clock() {
	read -r before after <uptime
	soon clock_shown
}
clock_shown() {
	# shellcheck disable=SC2034  # for m_entries: by the clock, these are long ago
	local SINCE=''
	m_entries | jq -e -n --arg i "/$I/" --argjson from "$before" --argjson to "$after" '[inputs | select((.file.path // "") | contains($i))
		| .metadata.original_time | tonumber / 1e9 | select(. > $from - 1 and . < $to + 1)] | length > 0'
}

evade module monitor 'module load' 'a module loaded into the kernel' native="$MACHINE" tracing="$TRACED" \
	blocking='detected: an alert, unless the policy denies it (host.modules)' entry='store=(host) hook=module'
attack_module() { modprobe -r dummy; modprobe dummy && [[ -d /sys/module/dummy ]] && echo "$MARKER"; }
after_module() { modprobe -r dummy; }

HOST_ALERT='detected: an alert, unless the policy denies it'

evade kexec monitor 'kexec' 'another kernel loaded, to be started at once' native="$MACHINE" tracing="$TRACED" needs=needs_kexec \
	blocking="$HOST_ALERT (host.kexec)" entry='store=(host) hook=kexec'
attack_kexec() {
	# kexec_file_load(kernel, -1, 1, "", KEXEC_FILE_NO_INITRAMFS)
	perl -e 'my $words = "\0"; open(my $k, "<", $ARGV[0]) or die;
		syscall(320, fileno($k), -1, 1, $words, 4) == 0 or die "kexec: $!\n"' "$(a_kernel)" &&
		grep -qx 1 /sys/kernel/kexec_loaded && echo "$MARKER"
}
after_kexec() { perl -e 'syscall(320, -1, -1, 0, 0, 1)'; }
a_kernel() { find /var/cache/muniment/kernels -path "*/${KERNEL/7.2/sid}/vmlinuz" | head -n 1; }
needs_kexec() {
	[[ -e /sys/kernel/kexec_loaded && -n $(a_kernel) ]] || { echo "no kexec, or no kernel to load" && return 1; }
}

evade shadow-lsm monitor 'shadowing programs' 'a program of type LSM loaded, that could say yes before ours' native="$MACHINE" \
	tracing="$TRACED" entry='store=(monitor) hook=bpf'
attack_shadow-lsm() { "$HELPERS/bpf" load lsm && echo "$MARKER"; }

evade shadow-fmod-ret monitor 'shadowing programs' 'a program of type fmod_ret loaded, that could say yes before ours' native="$MACHINE" \
	tracing="$TRACED" entry='store=(monitor) hook=bpf'
attack_shadow-fmod-ret() { "$HELPERS/bpf" load fmod_ret && echo "$MARKER"; }

evade kcore monitor 'kernel' 'the kernel'"'"'s memory read through /proc/kcore' native="$MACHINE" tracing="$TRACED" \
	blocking="$HOST_ALERT (host.memory)" entry='store=(host) hook=locked_down'
attack_kcore() { head -c 4096 /proc/kcore | only_elf; }

evade oom-score monitor 'OOM' 'made the first that the kernel ends when memory is short' tracing="$TRACED"
attack_oom-score() { echo 1000 >"/proc/$T_PID/oom_score_adj" && grep -qx 1000 "/proc/$T_PID/oom_score_adj" && echo "$MARKER"; }
after_oom-score() { echo 0 >"/proc/$T_PID/oom_score_adj"; }

evade nice monitor 'scheduler starvation' 'its priority taken away' tracing="$TRACED"
attack_nice() { renice -n 19 -p "$T_PID" && echo "$MARKER"; }
after_nice() { renice -n 0 -p "$T_PID"; }

evade idle-policy monitor 'scheduler starvation' 'run only when nothing else wants the CPU' tracing="$TRACED"
attack_idle-policy() { chrt --idle -p 0 "$T_PID" && echo "$MARKER"; }
after_idle-policy() { chrt --other -p 0 "$T_PID"; }

# The ledger's harm is the intruder's success; that it shows is what `log verify` says with a checkpoint kept elsewhere.
verify_since() {
	"$BUILD/muniment" log verify "$T_DIR/ledger" --key "@$T_DIR/key.vkey" --since "$W/kept"
	(($? == 1))
}

keep_checkpoint() {
	"$BUILD/muniment" log verify "$T_DIR/ledger" --key "@$T_DIR/key.vkey" --save "$W/kept" >kept.out 2>&1
}

evade ledger-edit monitor 'truncation' 'one byte of an entry changed' tracing='detected: not prevented; log verify tells'
attack_ledger-edit() {
	keep_checkpoint
	dd if="$T_DIR/ledger/segment-0000000000" bs=1 skip=600 count=1 status=none >byte
	printf '\001' | dd of="$T_DIR/ledger/segment-0000000000" bs=1 seek=600 conv=notrunc status=none && echo "$MARKER"
}
evidence_ledger-edit() {
	verify_since
	local status=$?
	dd if=byte of="$T_DIR/ledger/segment-0000000000" bs=1 seek=600 conv=notrunc status=none
	return "$status"
}

evade flood monitor 'ring flooding' 'the daemon stopped and the ring filled, so that an access finds no room for its record' \
	blocking=prevented entry='store=(monitor) hook=task_kill' native='with tracing it would run for minutes'
attack_flood() {
	[[ $PASS == guarded ]] || { "$EVADE/evade" flood "$R" 100 >flood.out && cat "$R" && return; }
	kill -STOP "$T_PID" || return
	setpriv --reuid=daemon --regid=daemon --clear-groups -- "$EVADE/evade" flood "$R" 40000 >flood.out
	cat "$R"
	kill -CONT "$T_PID"
}
after_flood() { [[ $PASS == unguarded ]] || kill -CONT "$T_PID"; }

evade disk-full monitor 'ledger disk full' 'the ledger'"'"'s file system filled' fresh=yes tracing='stopped: the store admits nobody' \
	native='it takes minutes'
attack_disk-full() {
	: >"$T_DIR/ledger/filler" || return
	dd if=/dev/zero of="$T_DIR/ledger/filler" bs=1M count=4096 status=none 2>/dev/null
	[[ $PASS == guarded ]] || { cat "$R" && return; }
	setpriv --reuid=daemon --regid=daemon --clear-groups -- "$EVADE/evade" flood "$R" 35000 >flood.out
	cat "$R"
	sleep 2
}
after_disk-full() { rm -f "$T_DIR/ledger/filler"; }

evade ledger-older monitor 'replacement by an older copy' 'an older copy of the ledger put in its place' \
	tracing='detected: not prevented; log verify tells by a checkpoint kept elsewhere' fresh=yes
attack_ledger-older() {
	cp -a "$T_DIR/ledger" older
	[[ $PASS == unguarded ]] || { cat "$R" >/dev/null 2>&1; sleep 3; }
	keep_checkpoint
	[[ $PASS == unguarded ]] || { kill -KILL "$T_PID" && soon ended; }
	find "$T_DIR/ledger" -mindepth 1 -delete && cp -a older/. "$T_DIR/ledger" && echo "$MARKER"
}
evidence_ledger-older() { verify_since; }

evade ledger-truncate monitor 'truncation' 'the ledger'"'"'s entries cut off' tracing='detected: not prevented; log verify tells' fresh=yes
attack_ledger-truncate() {
	keep_checkpoint
	truncate -s 100 "$T_DIR/ledger/segment-0000000000" && echo "$MARKER" # the daemon may write on behind it at once
}
evidence_ledger-truncate() { verify_since; }
