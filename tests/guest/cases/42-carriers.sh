#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/lsm
#
# What a process has read goes on by memory that it shares, terminals, queues and keys, whenever it comes to hold it; and to
# nobody else. Run by tests/guest/run-in-guest.sh.
# timeout: 480
# shellcheck disable=SC2016,SC2119  # variables of jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

R=$CASE_DIR/ehr/record OTHER=$CASE_DIR/research/record
mkdir ehr research play shared state && echo "$MARKER" >"$R" && echo "$MARKER of research" >"$OTHER"
chown -R daemon ehr research play shared state && chmod 755 .
cp -L /usr/bin/python3 python
# Mappings of what is declassified are no copies either; /dev/shm is another file system.
M_SINK="$M, $CASE_DIR/play"
mkdir -p /dev/shm && { mountpoint -q /dev/shm || mount -t tmpfs -o mode=1777 shm /dev/shm; }

policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr], audit: required}
  research: {paths: [$CASE_DIR/research], audit: required}
roles:
  clinic: {users: [daemon]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: clinic, store: research, access: [list, read]}
compartments:
  - [research, ehr]
$1
END
}

is_done() { grep -qx 'done' "$M/said"; }

# play WAY…: who is to hold something holds it, and nobody else does.
play() {
	local sign name actors
	rm -f play/* shared/* state/* /dev/shm/a.* "$M/said"
	(cd play && exec setpriv --reuid="${M_UID[daemon]}" --regid="${M_GID[daemon]}" --clear-groups -- \
		/usr/bin/python3 "$TREE/tests/guest/actors.py" "$R" "$OTHER" "$@" >"$M/said" 2>"$M/errors") &
	actors=$!
	t_wait 90 is_done || t_fail "the actors of $* are done" "$(<"$M/said")" "$(<"$M/errors")" "$(ls play)"
	"$MUNIMENT" labels --json --run "$M/run" | jq -r '.processes[].name' >"$M/holders"
	while read -r sign name _; do
		case $sign in
		+) t_check "holds: $name" grep -qxF "$name" "$M/holders" ;;
		-) t_check "does not: $name" not grep -qxF "$name" "$M/holders" ;;
		esac
	done <"$M/said"
	: >play/go
	wait "$actors"
}

not() { ! "$@"; }

policy ''
m_start
play anon posix files
play tty queue key
m_now && from=$M_NOW
play apart
m_expect "a message that may not meet what its receiver holds" "$from" \
	"user=daemon store=ehr hook=message reason=compartment enforced=stopped mechanism=tracing action=2"
m_events

t_check "who holds nothing writes to the kernel's log" sh -c 'echo "<6>hello" >/dev/kmsg'

# What is written to a terminal may be declassified.
policy 'declassify: [{to: [/dev/pts]}]'
t_check "reload" "$MUNIMENT" reload --run "$M/run"
play free

# What a program writes by a mapping, likewise.
policy "declassify: [{to: [$CASE_DIR/state], programs: [/usr/bin/python3]}]"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
play state
t_check "what it has mapped is no copy" as news cat state/a.one
t_check "nor is what more of it than can be noted is" as news cat state/a.8
t_check "what another program has mapped is one" not as news cat state/a.three
m_verify
m_stop
t_done
