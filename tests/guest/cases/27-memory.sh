#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/fmod_ret
#
# The memory of a permitted reader: ptrace, process_vm_readv, /proc/PID/mem, its descriptors, its core, a tracer that was
# there before it; mappings of a record; ioctls. Run by tests/guest/run-in-guest.sh.
# timeout: 240
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

# On ext4: tmpfs has no flags to set.
mkdir disk && truncate -s 64M ext4.img && mkfs.ext4 -q ext4.img && mount -o loop ext4.img disk || exit
S=$CASE_DIR/disk/store R=$CASE_DIR/disk/store/record
mkdir -p "$S" && echo "$MARKER" >"$R" && chown -R daemon "$S"
# The same program twice: the role knows the reader, the intruder's is another inode.
cp "$HELPERS/memory" reader && cp "$HELPERS/memory" intruder && chmod 755 reader intruder
READER=$CASE_DIR/reader INTRUDER=$CASE_DIR/intruder
# No attack here may do with an unprivileged view: this is root.
echo 0 >/proc/sys/kernel/yama/ptrace_scope
ulimit -c unlimited

policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  app: {programs: [$READER]}
  clinic: {users: [daemon]}
grants:
  - {role: app, store: ehr, access: [list, read]}
  - {role: clinic, store: ehr, access: $1}
END
}

# A permitted process that has read the record: HELD_PID, HELD_AT, HELD_FD.
hold() {
	"$READER" hold "$R" >held 2>held.err &
	t_wait 20 test -s held || return
	read -r HELD_PID HELD_AT HELD_FD <held
}

let_go() {
	kill -KILL "$HELD_PID"
	wait "$HELD_PID" 2>/dev/null
	rm -f held
}

# Ends the holder by a signal that dumps core, and prints what of the record the core has.
dump_core() {
	local pid=$HELD_PID
	rm -f "$CASE_DIR"/core*
	kill -SEGV "$pid"
	wait "$pid" 2>/dev/null
	t_wait 2 test -s "$CASE_DIR/core"
	sleep 0.3
	if [[ ! -s $CASE_DIR/core ]]; then
		echo "no core: Operation not permitted" >&2
		return 1
	fi
	grep -a -o "$MARKER" "$CASE_DIR/core" | head -n 1
}

core_to_file() {
	echo "$CASE_DIR/core" >/proc/sys/kernel/core_pattern
	dump_core
}

core_to_program() {
	echo "|$CASE_DIR/catch" >/proc/sys/kernel/core_pattern
	dump_core
}

printf '#!/bin/sh\nexec cat >%s/core\n' "$CASE_DIR" >catch && chmod 755 catch

attacks() {
	local way what="user=root program=$INTRUDER path=$READER hook=ptrace_access_check operations=list,read"
	hold || t_fail "a permitted process holds the record" "$(<held.err)"
	for way in attach seize vm_readv proc_mem; do
		m_attack "memory by $way" "$what target=$HELD_PID" "$INTRUDER" "$way" "$HELD_PID" "$HELD_AT"
	done
	m_attack "a descriptor by pidfd_getfd" "$what target=$HELD_PID" "$INTRUDER" getfd "$HELD_PID" "$HELD_FD"
	m_attack "its core in a file" "user=root program=$READER path=$READER hook=core_dump" core_to_file
	rm -f held
	hold
	m_attack "its core by a pipe" "user=root program=$READER path=$READER hook=core_dump" core_to_program
	rm -f held
	m_attack "a tracer from before the exec" "user=root program=$READER path=$R operations=read" \
		"$INTRUDER" trace "$READER" map "$R" read
}

m_unguarded attacks
policy "[list, read]"
m_start
m_guarded attacks

# Who may do the same may look.
hold
m_allowed "another process of the role may attach" "" "$READER" attach "$HELD_PID" "$HELD_AT"
m_allowed "and trace it" "" "$READER" trace "$READER" map "$R" read
t_check "others may be traced" "$INTRUDER" trace /bin/true
t_check "ps sees it" ps -o pid,args -p "$HELD_PID"
let_go
# A process that may not read anything dumps core.
echo "$CASE_DIR/core" >/proc/sys/kernel/core_pattern
rm -f core
sh -c 'kill -SEGV $$' 2>/dev/null
t_check "a stranger's core is dumped" test -s core

# Mappings and ioctls ask for operations of their own.
m_allowed "the role maps it to read" "user=daemon path=$R" as daemon "$INTRUDER" map "$R" read
m_attack "the role may not make it executable" "user=daemon path=$R hook=file_mprotect operations=execute" \
	as daemon "$INTRUDER" map "$R" exec
m_attack "nor set its flags" "user=daemon path=$R hook=file_ioctl operations=attributes" as daemon "$INTRUDER" setflags "$R"
m_attack "root by a shared mapping" "user=root path=$R operations=read,write hook=file_open" "$INTRUDER" map "$R" shared
policy "[list, read, write, attributes, execute]"
t_check "the policy grants more now" "$MUNIMENT" reload --run "$M/run"
m_allowed "the role makes it executable" "user=daemon path=$R" as daemon "$INTRUDER" map "$R" exec
m_allowed "the role maps it shared" "user=daemon path=$R" as daemon "$INTRUDER" map "$R" shared
t_check "the role sets its flags" as daemon "$INTRUDER" setflags "$R"
as daemon lsattr "$R" >flags
t_check "the flag is set" grep -q "^[^ ]*d[^ ]* " flags
m_events
m_verify
m_stop
t_done
