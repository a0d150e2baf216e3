#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/fmod_ret
#
# The monitor guards itself: its processes, files, BPF objects and cgroups, and what the policy says of the host. Each
# attack is shown to work on a daemon that does not (--protect off); root has all capabilities. Then windows for
# maintenance, a second person's approval, the proper end, and pins that outlive it.
# timeout: 420
# shellcheck disable=SC2016,SC2034,SC2119  # variables of sh; M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/counts.sh
. "$TREE/tests/guest/counts.sh"

CGROUP=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
BPF=$HELPERS/bpf
SIGNER='' KEEPER='' PREEMPT=/sys/kernel/debug/sched/preempt
mkdir -p "$M/store" "$SCRATCH/mnt"
echo "$MARKER" >"$M/store/record"
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
M_OPTIONS=(--pin)

# $1: what is said of each item of the host; further lines of that section.
policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$M/store], class: restricted, audit: required}
roles:
  clinic: {users: [daemon]}
grants:
  - {role: clinic, store: ehr, access: [list, read, write]}
host:
  modules: $1
  kexec: $1
  bpf: $1
  memory: $1
  kprobes: $1
  sysrq: $1
  $2
END
}

started() {
	M_PROTECT=$1
	m_start
	KEEPER=$(m_status | jq .pid) SIGNER=$(m_status | jq .signer_pid)
	PIN=$(echo "$M_PINS"/v*/link-*"${MECHANISM}__file_open")
}

# try NAME EXPECTED COMMAND…: unguarded, the command works; guarded, it fails with EPERM or EACCES and has an entry.
try() {
	local name=$1 expected=$2 from
	shift 2
	m_now && from=$M_NOW
	m_run "$@"
	if [[ $M_PASS == unguarded ]]; then
		if ((M_ENDED == 0)); then
			t_ok "works without: $name"
		else
			t_fail "works without: $name" "status $M_ENDED" "$M_ERRORS"
		fi
		return
	fi
	m_expect "$name" "$from" "store=(monitor) $expected"
	if ((M_ENDED)) && [[ $M_ERRORS =~ [Pp]ermission\ denied|not\ permitted|must\ be\ superuser|failed ]]; then
		t_ok "denied: $name"
	else
		t_fail "denied: $name" "$*" "status $M_ENDED" "$M_OUTPUT" "$M_ERRORS"
	fi
}

write_to() {
	printf '%s\n' "$1" >"$2"
}

# STOP, then CONT: what ends the daemon would end the pass, too.
processes() {
	try "SIGSTOP to the keeper" "hook=task_kill operations=control target=$KEEPER" kill -STOP "$KEEPER"
	kill -CONT "$KEEPER"
	try "SIGSTOP to the signer" "hook=task_kill target=$SIGNER" kill -STOP "$SIGNER"
	kill -CONT "$SIGNER"
	try "SIGSTOP by pidfd" "hook=task_kill" python3 -c "
import os, signal
signal.pidfd_send_signal(os.pidfd_open($KEEPER), signal.SIGSTOP)"
	kill -CONT "$KEEPER"
	try "SIGSTOP by a file that may be read" "hook=task_kill target=$KEEPER" python3 -c "
import fcntl, os, sys, time
r, w = os.pipe()
fcntl.fcntl(r, fcntl.F_SETOWN, $KEEPER)
fcntl.fcntl(r, fcntl.F_SETSIG, 19)
fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
os.write(w, b'x')
time.sleep(0.3)
'State:\\tT' in open('/proc/$KEEPER/status').read() or sys.exit('no signal: not permitted')"
	kill -CONT "$KEEPER"
	try "nice 19" "hook=task_setting target=$KEEPER" renice -n 19 -p "$KEEPER"
	try "the idle class of the scheduler" "hook=task_setting" chrt -i -p 0 "$KEEPER"
	try "a limit of open files" "hook=task_setting" prlimit --pid "$KEEPER" --nofile=4096
	try "oom_score_adj" "hook=task_setting target=$KEEPER" write_to 1000 "/proc/$KEEPER/oom_score_adj"
	try "its memory" "hook=ptrace_access_check target=$KEEPER" head -c 0 "/proc/$KEEPER/mem"
	try "cgroup.freeze" "hook=cgroup" write_to 0 "$CGROUP/cgroup.freeze"
	try "a limit of memory" "hook=cgroup" write_to max "$CGROUP/memory.max"
}

files() {
	try "a new policy file" "operations=create" write_to "version: 1" "$M/policy.d/zz.yaml.off"
	try "the policy, in place" "operations=write hook=file_open" write_to "#" "$M/policy.d/note"
	try "the policy's names" "operations=rename" mv "$M/policy.d/note" "$M/policy.d/note.old"
	try "a mount over the policy" "operations=rename hook=mount" mount --bind "$SCRATCH/mnt" "$M/policy.d"
	umount "$M/policy.d" 2>/dev/null
	try "the ledger" "operations=create" write_to x "$M/ledger/x"
	try "its mode" "operations=attributes" chmod 700 "$M/ledger"
	try "the signing key, to read" "operations=read" cat "$M/key"
	try "the control socket's name" "operations=rename" mv "$M/run/control" "$M/run/control.old"
	mv "$M/run/control.old" "$M/run/control" 2>/dev/null
}

objects() {
	try "a map of the daemon" "hook=bpf_object" "$BPF" seize map records
	try "a program of the daemon" "hook=bpf_object" "$BPF" seize prog "${MECHANISM}__file_"
	try "a link of the daemon" "hook=bpf" "$BPF" seize link any
	try "a program of the daemon, detached" "hook=bpf" "$BPF" detach "$(echo "$M_PINS"/v*/link-*cgroup__sysctl)"
	try "a program that may shadow (lsm or fmod_ret)" "hook=bpf" "$BPF" load "$MECHANISM"
	try "ftrace_enabled" "hook=sysctl mechanism=cgroup" write_to 0 /proc/sys/kernel/ftrace_enabled
	write_to 1 /proc/sys/kernel/ftrace_enabled
	try "no bound for real-time tasks" "hook=sysctl mechanism=cgroup" write_to -1 /proc/sys/kernel/sched_rt_runtime_us
	[[ $M_PASS != unguarded ]] || write_to 950000 /proc/sys/kernel/sched_rt_runtime_us
	if [[ -e $PREEMPT ]]; then
		try "the kernel's preemption" "hook=sysctl" write_to "$(sed 's/.*(\(.*\)).*/\1/' "$PREEMPT")" "$PREEMPT"
	else
		t_skip "the kernel's preemption" "this kernel has no such switch"
	fi
}

# Nothing comes before a move to another cgroup: it is told, and the new one is guarded at once.
moved() {
	local from other=${CGROUP%/*}/elsewhere
	mkdir "$other"
	m_now && from=$M_NOW
	m_run write_to "$KEEPER" "$other/cgroup.procs"
	m_expect "moved to another cgroup" "$from" \
		"store=(monitor) hook=cgroup_attach target=$KEEPER mechanism=tracing action=3 wanted=deny enforced=allowed"
	try "cgroup.freeze there" "hook=cgroup" write_to 1 "$other/cgroup.freeze"
	write_to "$KEEPER" "$CGROUP/cgroup.procs" && rmdir "$other"
	t_equal "the keeper is back" 0 $?
}

host() {
	local store="store=(host) reason=host"
	try "a program that traces" "$store hook=bpf rule=policy.yaml:12" "$BPF" load kprobe
	try "the kernel's memory" "$store hook=locked_down rule=policy.yaml:13" head -c 4096 /proc/kcore
	try "a kprobe" "$store hook=locked_down rule=policy.yaml:14" write_to "p:x vfs_read" /sys/kernel/tracing/kprobe_events
	write_to "" /sys/kernel/tracing/kprobe_events 2>/dev/null
	try "sysrq" "$store hook=sysrq rule=policy.yaml:15" write_to h /proc/sysrq-trigger
	try "a module" "$store hook=module rule=policy.yaml:10" modprobe dummy
	rmmod dummy 2>/dev/null
}

pins() {
	try "a pin" "operations=delete" rm "$PIN"
	try "the file system of the pins" "hook=sb_umount" umount /sys/fs/bpf
}

# What one process tries over and over is told at once, and then counted.
repeats() {
	local STORE='(monitor)'
	python_as root "$KEEPER" "$CGROUP" <<-'END'
		def try_often(times, what):
		    for _ in range(times):
		        try:
		            what()
		            print("not denied")
		        except PermissionError:
		            pass
		try_often(50, lambda: os.kill(int(sys.argv[1]), 19))
		try_often(40, lambda: open(sys.argv[2] + "/cgroup.freeze", "w"))
		try_often(30, lambda: open(sys.argv[2] + "/memory.max", "w"))
		try_often(20, lambda: open("/proc/kcore", "rb"))
		try_often(10, lambda: os.write(os.open("/proc/sys/kernel/ftrace_enabled", 1), b"0"))
	END
	t_equal "all of them denied" "$PID" "$(<"$M/out")"
	t_total "signals" 50 "$ACCESSES" '.unmapped.muniment.hook == "task_kill"'
	t_total "one lever" 40 "$ACCESSES" '.unmapped.muniment.hook == "cgroup" and (tojson | contains("cgroup.freeze"))'
	t_total "another one" 30 "$ACCESSES" '.unmapped.muniment.hook == "cgroup" and (tojson | contains("memory.max"))'
	t_total "a setting of the kernel" 10 "$ACCESSES" '.unmapped.muniment.hook == "sysctl"'
	t_total "each has one entry at once" 4 1 '.unmapped.muniment | has("repeats") | not'
	STORE='(host)'
	t_total "and what the policy says of the host" 20 "$ACCESSES" '.unmapped.muniment.hook == "locked_down"'
	t_total "which has one, too" 1 1 '.unmapped.muniment | has("repeats") | not'
}

# ask STATUS TEXT COMMAND…: of muniment.
ask() {
	local wanted=$1 text=$2
	shift 2
	m_run "$MUNIMENT" "$1" --run "$M/run" "${@:2}"
	if ((M_ENDED == wanted)) && [[ $M_OUTPUT$M_ERRORS == *"$text"* ]]; then
		t_ok "muniment $1: $text"
	else
		t_fail "muniment $1: $text" "$*" "status $M_ENDED" "$M_OUTPUT" "$M_ERRORS"
	fi
}

# The process that has read a record and sleeps.
holder() {
	"$MUNIMENT" labels --json --run "$M/run" | jq -r '.processes[] | select(.name == "sleep" and .user == "daemon") | .pid'
}

holds() {
	[[ -n $(holder) ]]
}

holds_nothing() {
	! holds
}

# ask_as USER …: the same by who logged in as USER, now root.
ask_as() {
	(
		echo "${M_UID[$1]}" >/proc/self/loginuid
		shift
		"$MUNIMENT" "$1" --run "$M/run" "${@:2}" 2>&1
	)
}

echo "# not a policy" >"$M/policy.d/note"
policy allow
started off
m_unguarded processes
m_unguarded files
m_unguarded objects
m_unguarded host
t_check "the daemon's switch, for everybody to turn" "$BPF" overwrite .data.control
m_run cat "$M/store/record"
t_equal "turned off, the store is open" "$MARKER" "$M_OUTPUT$M_ERRORS"
m_stop
rm -rf "$M_PINS" "$M/ledger/x" "$M/policy.d/zz.yaml.off"
[[ -e $M/policy.d/note ]] || mv "$M/policy.d/note.old" "$M/policy.d/note"

policy deny "approvers: [bin, sync]"
started enforce
m_guarded processes
m_guarded files
m_guarded objects
m_guarded host
m_guarded pins
m_guarded moved
repeats
m_run "$BPF" overwrite .data.control
t_equal "the daemon's switch cannot be turned" 1 "$M_ENDED"
m_run env LD_DEBUG=libs "$MUNIMENTD" --version
t_equal "no library of the caller's choice comes into the daemon" "$([[ $MECHANISM == lsm ]] && echo 0 || echo 1)" \
	"$([[ $M_ERRORS == *"find library"* ]] && echo 1 || echo 0)"
m_run "$MUNIMENTD" --policy "$M/policy.d" --ledger "$SCRATCH/ledger" --key "$M/key" --run "$SCRATCH/run" --pin-dir "$M_PINS" \
	--events none --same-disk --protect off
t_equal "no second daemon takes over" "3 1" "$M_ENDED $(grep -c 'runs already with the pins' "$M/errors")"
m_events
m_entry "the signal, as a process activity of OCSF" '.class_uid == 1007 and .activity_id == 2 and
	.process.name == "munimentd" and .unmapped.muniment.signal == 19 and .attacks[0].technique.uid == "T1685"'
# A compressed module is loaded from memory, and has no path.
m_entry "the module, as a kernel activity" '.class_uid == 1003 and .activity_id == 4 and
	(.kernel.name | test("^kernel module")) and (.kernel.path // "/dummy.ko" | test("/dummy[.]ko")) and .attacks[0].sub_technique.uid == "T1547.006"'

# Windows and approvals.
ask 2 "--reason is needed" stop
ask 2 "1 to 480" maintenance --reason upgrade --minutes 481
t_equal "who asks is told whom to wait for" 1 "$(ask_as bin maintenance --reason upgrade | grep -c 'muniment approve 1$')"
t_equal "not oneself" 1 "$(ask_as bin approve 1 | grep -c 'somebody else')"
t_equal "not anybody" 1 "$(ask_as games approve 1 | grep -c 'does not name you')"
t_equal "not one request for another" 1 "$(ask_as sync approve 2 | grep -c 'no such request')"
ask 3 "must have logged in" approve 1
m_now && FROM=$M_NOW
try "before the approval" "operations=create" write_to x "$M/policy.d/new"
t_equal "the second person" "the window is open" "$(ask_as sync approve 1)"
t_check "within the window" write_to x "$M/policy.d/new"
m_expect "within the window" "$FROM" "action=3 wanted=deny enforced=allowed store=(monitor) operations=create"
m_entry "the window, by whom and why" '.metadata.event_code == "maintenance" and .is_alert and
	(.unmapped.muniment | .reason == "upgrade" and .by.name == "bin" and .approved_by.name == "sync" and .minutes == 30)'
t_equal "status tells of the window" 1 "$("$MUNIMENT" status --run "$M/run" | grep -c 'finding.*window')"
ask 0 "closed" maintenance --end --reason finished
m_guarded try "after the window" "operations=delete" rm "$M/policy.d/new"
m_events
as daemon sh -c 'read -r record <"$1" && exec sleep 120' sh "$M/store/record" &
t_check "somebody holds a record" t_wait 20 holds
HOLDER=$(holder)
t_equal "that he does not is asked for" 1 "$(ask_as bin labels --clear "$HOLDER" --reason 'it was a test' | grep -c 'muniment approve 2$')"
t_check "before the approval he does" holds
t_equal "which is given" "the label is cleared" "$(ask_as sync approve 2)"
t_check "he does no more" t_wait 5 holds_nothing
kill "$HOLDER"
m_entry "the clearing, by whom and why" '.metadata.event_code == "label_cleared" and
	(.unmapped.muniment | .reason == "it was a test" and .label == ["ehr"] and .by.name == "bin" and .approved_by.name == "sync")'
t_equal "the stop is asked for" 1 "$(ask_as bin stop --reason 'disk change' | grep -c 'muniment approve 3$')"
t_equal "and agreed to" "the daemon stops" "$(ask_as sync approve 3)"
wait "$M_PID"
t_equal "the daemon ends in order" 0 $?
m_entry "the stop, by whom and why" '.metadata.event_code == "stop_asked" and
	(.unmapped.muniment | .reason == "disk change" and .by.name == "bin" and .approved_by.name == "sync")'
m_verify

# With pins all of that outlives the daemon, and the next one takes over.
t_denied "without a daemon, its pins stay" rm "$PIN"
t_denied "without a daemon, its key is not read" cat "$M/key"
t_denied "without a daemon, the store is guarded" cat "$M/store/record"
m_run "$MUNIMENTD" --policy "$M/policy.d" --ledger "$SCRATCH/ledger" --key "$M/key" --run "$SCRATCH/run" --pin-dir "$M_PINS" \
	--events none --same-disk --pin
t_equal "without a daemon, none with other settings takes over" "3 1" \
	"$M_ENDED $(grep -c 'belong to a daemon with other settings' "$M/errors")"
m_start
m_guarded try "the next daemon is guarded" "hook=task_kill" kill -KILL "$(m_status | jq .pid)"
m_events
ask_as bin maintenance --reason "end of the test" >/dev/null
ask_as sync approve 1 >/dev/null
t_check "in a window, a signal stops the daemon" kill -TERM "$M_PID"
wait "$M_PID"
t_check "in a window, pins can be removed" rm -rf "$M_PINS"
m_verify
t_done
