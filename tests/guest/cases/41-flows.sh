#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/lsm
#
# Entries about data on its way tell where it came from: who read the record, who passed it on to whom, and by what.
# `muniment flows` tells and draws it. Run by tests/guest/run-in-guest.sh.
# timeout: 600
# shellcheck disable=SC2016,SC2119  # variables of jq and sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record A=$CASE_DIR/research/record STEPS=$HELPERS/steps RELAY=$HELPERS/relay
FAR_UDP=udp:10.9.0.2:$FAR_PORT M_SINK=$M
mountpoint -q /dev/shm || { mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 shm /dev/shm; }
mkdir ehr research work play && echo "$MARKER" >"$R" && echo "of research" >"$A" && chown -R daemon ehr research
truncate -s 16M disk && mkfs.ext4 -q -F disk && mount -o loop disk play
chmod 1777 work . play && echo 0 >/proc/sys/kernel/yama/ptrace_scope
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }

m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr], audit: required}
  research: {paths: [$CASE_DIR/research], audit: required}
roles:
  clinic: {users: [daemon]}
  office: {users: [games]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: clinic, store: research, access: [list, read]}
  - {role: office, store: ehr, access: [read]}
agreements:
  lab: {stores: [ehr], to: ["10.9.0.3:$FAR_PORT"]}
compartments:
  - [research, ehr]
copies: {to: [$CASE_DIR/work], else: deny}
END

# chains FILTER: of the newest entry that the jq FILTER selects, a line for each store: "ehr cat:read gzip:pipe …", and what
# the first hop read.
chains() {
	m_entries | jq -r -n "[inputs | select($1)] | last | .unmapped.muniment.chains[]? |"'
		[.store, (if .refused then "refused" else empty end), (.hops[] | "\(.name):\(.how)"),
		(if .incomplete then "incomplete" else empty end), (.hops[0].record // .hops[0].file // "")] | join(" ")'
}

# t_chains NAME FILTER WANTED…: once there is such an entry.
t_chains() {
	local name=$1 filter=$2
	shift 2
	t_wait 20 m_has_entry "$filter"
	t_equal "$name" "$(printf '%s\n' "$@")" "$(chains "$filter")"
}

sent_by() {
	echo ".class_uid == 4001 and .actor.process.name == \"relay\" and .actor.user.name == \"$1\" and .time >= $2"
}

# mapped_before WAY: what shares.py has mapped by that way is a copy.
mapped_before() {
	echo ".file.path == \"$CASE_DIR/work/$1.shared\" and .file.size == 4096 and .action_id == 1 and
		(.unmapped.muniment | .operations == [\"copy\"] and .store == \"ehr\" and (.flags | index(\"mapped_before\")))"
}

not() { ! "$@"; }

m_start --pin

# Four processes of three people.
m_now && from=$M_NOW
{
	as games "$RELAY" "unix:$CASE_DIR/work/socket" "$FAR_UDP" 2>"$M/errors.games" &
	t_wait 10 test -S work/socket
	chmod 777 work/socket
	as daemon cat "$R" | as daemon gzip -c | as news "$RELAY" - "unix:$CASE_DIR/work/socket"
	wait $!
} >/dev/null
t_check "who got it by a pipe and a socket cannot send it on" grep -q "not permitted" "$M/errors.games"
t_chains "the entry tells each hop" "$(sent_by games "$from")" \
	"ehr cat:read gzip:pipe relay:pipe relay:unix_socket $R"
t_equal "and who it was" "daemon daemon news games" "$(m_entries | jq -r -n "[inputs | select($(sent_by games "$from"))] | last |
	[.unmapped.muniment.chains[0].hops[].user] | join(\" \")")"
t_equal "and by what program, where that could be told" "$(readlink -f "$RELAY")" "$(m_entries |
	jq -r -n "[inputs | select($(sent_by games "$from"))] | last | .unmapped.muniment.chains[0].hops[-1].program")"

# By loopback, and to where an agreement lets it go.
m_now && from=$M_NOW
as news "$RELAY" tcp:4200 "udp:10.9.0.3:$FAR_PORT" &
as daemon cat "$R" | as daemon "$RELAY" - tcp:127.0.0.1:4200
wait $!
t_chains "what is permitted tells it, too: by TCP on this host" "$(sent_by news "$from") and .action_id == 1" \
	"ehr cat:read relay:pipe relay:network $R"

# A copy, whoever reads it.
m_now && from=$M_NOW
as daemon cp "$R" work/copy && chmod 644 work/copy
t_chains "a copy's entry tells who made it" ".unmapped.muniment.operations == [\"copy\"] and .time >= $from" "ehr cp:read $R"
as games "$RELAY" work/copy "$FAR_UDP" 2>/dev/null
t_chains "and who reads it, who made it" "$(sent_by games "$from")" "ehr cp:read relay:file $R"
t_equal "and its name" "$CASE_DIR/work/copy" "$(m_entries | jq -r -n "[inputs | select($(sent_by games "$from"))] | last |
	.unmapped.muniment.chains[0].hops[1].file")"

# A child, of who read it.
m_now && from=$M_NOW
as daemon sh -c 'read -r x <"$1"; echo "$x" >/dev/null; "$0" /etc/hostname "$2"; true' "$RELAY" "$R" "$FAR_UDP" 2>/dev/null
t_chains "a child has it of its parent" "$(sent_by daemon "$from")" "ehr sh:read relay:fork $R"

m_now && from=$M_NOW
as daemon sh -c 'read -r x <"$1"; exec "$0" /etc/hostname "$2"' "$RELAY" "$R" "$FAR_UDP" 2>/dev/null
t_chains "and who executes another program" "$(sent_by daemon "$from")" "ehr sh:read relay:exec $R"

# By memory that they share: who sleeps with an open connection has made no call since the reader came.
for way in file posix memfd sysv anon; do
	m_now && from=$M_NOW
	far_sees 1 "$MARKER" as daemon python3 "$TREE/tests/guest/shares.py" "$way" "$R" "$CASE_DIR/work/$way" 10.9.0.2 "$FAR_PORT" >"$M/said"
	t_equal "who shares memory cannot send what another read: $way" "send Operation not permitted" "$(<"$M/said")"
	t_chains "the entry names the reader: $way" ".class_uid == 4001 and .actor.process.name == \"sender\" and .time >= $from" \
		"ehr reader:read sender:mapping $R"
	t_chains "so does that of a copy: $way" ".unmapped.muniment.operations == [\"copy\"] and .file.path == \"$CASE_DIR/work/$way\"" \
		"ehr reader:read sender:mapping $R"
done

# The file that both have mapped before is a copy, by who did last: told when one of them holds something, and kept.
is_kept() { jq -e -n --argjson ino "$(stat -c %i "$1")" '[inputs | select(.ino == $ino and .stores == ["ehr"])] | length == 1' "$M/ledger/copies"; }
m_now && from=$M_NOW
as daemon python3 "$TREE/tests/guest/shares.py" child "$R" "$CASE_DIR/work/child" 10.9.0.2 "$FAR_PORT" >"$M/said"
t_chains "what was mapped before is a copy: by the reader" "$(mapped_before file)" "ehr reader:read $R"
t_chains "or by its parent, who has mapped it" "$(mapped_before child)" "ehr reader:read python3:mapping $R"
chmod 644 work/child.shared
as games "$RELAY" work/child.shared "$FAR_UDP" 2>/dev/null
t_chains "whoever reads it has it from him" "$(sent_by games "$from")" "ehr reader:read python3:mapping relay:file $R"
truncate -s 4096 play/late "$M/late" && chown daemon play/late "$M/late"
for path in "$M/late" "$CASE_DIR/play/late"; do
	as daemon "$STEPS" open "$path" hold take "$R" fill
done
m_entry "what could not be denied is an alert" '.file.path == "'"$CASE_DIR"'/play/late" and .action_id == 3 and (.unmapped.muniment |
	.wanted == "deny" and .enforced == "allowed" and .reason == "copies" and (.flags | index("mapped_before")))'
t_check "which is kept for after a boot" t_wait 15 is_kept play/late
t_check "what is declassified is no copy" not m_has_entry ".file.path == \"$M/late\""

# A child that borrows its parent's memory.
m_now && from=$M_NOW
as daemon "$STEPS" child take "$R" become "$RELAY" /etc/hostname "$FAR_UDP" 2>/dev/null
t_chains "who lent its memory to the reader" "$(sent_by daemon "$from")" "ehr steps:read steps:shared_memory relay:exec $R"

# What may not meet.
m_now && from=$M_NOW
{ as daemon cat "$R" && sleep 1; } | { sleep 0.5 && as daemon "$STEPS" take "$A" slurp; } 2>/dev/null
t_chains "what was kept apart tells both" ".unmapped.muniment.reason == \"compartment\" and .time >= $from" \
	"ehr refused cat:read steps:pipe $R" "research steps:read $A"

# A daemon that takes over.
m_now && from=$M_NOW
as daemon sh -c 'read -r x <"$1"; while ! [ -e go ]; do sleep 0.3; done; "$0" /etc/hostname "$2"; true' \
	"$RELAY" "$R" "$FAR_UDP" 2>/dev/null &
holder=$!
sleep 1
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
m_start --pin
: >go
wait "$holder"
t_wait 20 m_has_entry "$(sent_by daemon "$from")"
# What it read may be missing, as the former daemon may have been the only one to see that.
t_equal "the next daemon knows the way" "ehr sh:read relay:fork" "$(chains "$(sent_by daemon "$from")" | cut -d ' ' -f 1-3)"

# The account of it.
t_check "flows are told" "$MUNIMENT" flows "$M/ledger"
"$MUNIMENT" flows --svg "$M/map.svg" "$M/ledger" >"$M/flows"
t_equal "each hop of the first" "ehr denied send" \
	"$(sed -n "s/^\([a-z]*\) *\([a-z]*\) *\([a-z]*\) .*cat -pipe> gzip -pipe> relay -unix_socket> relay *10.9.0.2:$FAR_PORT\$/\1 \2 \3/p" "$M/flows")"
t_check "and the way by shared memory" grep -q 'python3[.0-9]* -mapping> python3' "$M/flows"
t_check "and the map of them" grep -q '>gzip</text>' "$M/map.svg"
t_equal "JSON has them" "lab" "$("$MUNIMENT" flows --json --verdict allowed "$M/ledger" |
	jq -r '[.flows[] | select(.kind == "send") | .agreement] | unique | join(" ")')"
m_verify
m_stop
umount play
far_stop
t_done
