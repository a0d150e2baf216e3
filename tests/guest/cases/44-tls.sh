#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Agreements that want TLS, and agreements that let only so much go. Two hosts: this one, and a network namespace. Run by
# tests/guest/run-in-guest.sh.
# timeout: 540
# shellcheck disable=SC2016,SC2119  # variables of jq and sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record S=$HELPERS/sends T=$TREE/tests/guest/tls.py
mkdir ehr && echo "$MARKER" >"$R" && chown -R daemon ehr
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -keyout "$CASE_DIR/pem" -out "$CASE_DIR/cert" \
	2>/dev/null && cat "$CASE_DIR/cert" >>"$CASE_DIR/pem" && chmod 644 "$CASE_DIR/pem"
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }
: >"$FAR/clear"
nsenter --net=/run/netns/far "$T" serve "$FAR" "$CASE_DIR/pem" 2>"$FAR/tls.log" &
SERVER=$!
t_wait 60 test -e "$FAR/listens" || t_fail "servers of TLS" "$(cat "$FAR/tls.log")"

m_policy_of_clinic <<END
agreements:
  lab: {stores: [ehr], to: [10.9.0.3], tls: "1.2", starttls: [2525]}
  strict: {stores: [ehr], to: ["10.9.0.2:4431-4433", "10.9.0.2:443/udp"], tls: "1.3", quic: allow}
  # The far side is on the same kernel: it holds what it has received, and answers.
  far: {stores: [ehr], to: [10.9.0.1]}
  trickle: {stores: [ehr], to: ["10.9.0.2:$FAR_PORT"], max: 4KiB/week}
END

came_clear() {
	tail -c "+$(($1 + 1))" "$FAR/clear" | grep -a -q -F -e "$MARKER"
}

# Runs a command; prints the record if it comes to the far side, as TLS has it there or on the wire.
sees() {
	local status from clear
	from=$(stat -c %s "$FAR/frames") clear=$(stat -c %s "$FAR/clear")
	"$@"
	status=$?
	t_wait 2 came_clear "$clear" && echo "$MARKER"
	far_got "$MARKER" "$from" && echo "$MARKER"
	return "$status"
}

# tls WAY PORT [ADDRESS]: by somebody who has read the record before he connects.
tls() {
	sees timeout 20 setpriv --reuid=daemon --regid=daemon --clear-groups -- "$T" "$1" "$R" "${3:-10.9.0.3}" "$2"
}

plain() {
	far_sees 1 "$MARKER" as daemon "$S" "$1" "$R" 10.9.0.3 "$FAR_PORT" near
}

# By openssl, whose shell has read the record: it holds its data from the first byte on.
by_openssl() {
	sees timeout 20 setpriv --reuid=daemon --regid=daemon --clear-groups -- sh -c 'read -r x <"$1" && exec openssl s_client \
		-connect "10.9.0.3:$2" -servername mail.example.org -cipher ALL:@SECLEVEL=0 -quiet -no_ign_eof <"$1" 2>/dev/null' \
		sh "$R" "$1"
}

listens() {
	grep -q ":$(printf %04X "$1") .* 0A " /proc/net/tcp
}

# The far side asks us.
answers() {
	local server status
	as daemon "$T" answer "$R" "$CASE_DIR/pem" 4439 &
	server=$!
	t_wait 40 listens 4439
	nsenter --net=/run/netns/far timeout 20 "$T" ask 10.9.0.1 4439
	status=$?
	wait "$server" && return "$status"
}


# trickle BYTES: as many, in one datagram, by who has read the record.
trickle() {
	setpriv --reuid=daemon --regid=daemon --clear-groups -- /usr/bin/python3 -c 'import socket, sys
open(sys.argv[1]).read()
try:
	socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * int(sys.argv[2]), ("10.9.0.2", int(sys.argv[3])))
except PermissionError as refused:
	print(refused)' "$R" "$1" "$FAR_PORT"
}

used() {
	m_status | jq -r '.agreements[] | "\(.name) \(.used_bytes) of \(.limit_bytes) in \(.limit_s)"'
}

TELLS="user=daemon operations=send hook=socket_sendmsg"
attacks() {
	m_attack "TLS 1.1 where 1.2 is asked for" "$TELLS reason=tls_version agreement=lab tls=1.1 server_name=lab.example.org" tls tls 4431
	m_attack "TLS 1.2 where 1.3 is" "$TELLS reason=tls_version agreement=strict tls=1.2 to=10.9.0.2:4432" tls tls 4432 10.9.0.2
	m_attack "plain text" "$TELLS reason=not_tls agreement=lab to=10.9.0.3:$FAR_PORT" plain before
	m_attack "a datagram" "$TELLS reason=not_tls agreement=lab to=10.9.0.3:$FAR_PORT" tls udp "$FAR_PORT"
	m_attack "QUIC where it is not allowed" "$TELLS reason=not_tls agreement=lab" tls quic "$FAR_PORT"
	m_attack "more than a greeting before STARTTLS" "$TELLS reason=not_tls agreement=lab" tls chatter 2525
}

m_unguarded attacks
m_start --pin
m_guarded attacks
# shellcheck disable=SC2034  # for muniment.sh
M_PASS=guarded
m_allowed "TLS 1.2" "$TELLS agreement=lab tls=1.2 server_name=lab.example.org to=10.9.0.3:4432" tls tls 4432
m_allowed "TLS 1.3" "$TELLS agreement=lab tls=1.3 to=10.9.0.3:4433" tls tls 4433
m_allowed "1.3 where that is asked for" "$TELLS agreement=strict tls=1.3 to=10.9.0.2:4433" tls tls 4433 10.9.0.2
m_allowed "a hello in many packets" "$TELLS agreement=lab tls=1.3 server_name=lab.example.org" tls split 4433
m_allowed "a connection from before" "$TELLS agreement=lab tls=1.2 server_name=lab.example.org" tls from-before 4432
m_allowed "STARTTLS at its port" "$TELLS agreement=lab tls=1.3 bytes_plain=10 to=10.9.0.3:2525" tls starttls 2525
m_allowed "by openssl" "$TELLS agreement=lab tls=1.3 server_name=mail.example.org" by_openssl 4433
m_allowed "QUIC where it is allowed" "$TELLS agreement=strict to=10.9.0.2:443" tls quic 443 10.9.0.2
m_allowed "an answer to who asks by TLS" "$TELLS agreement=lab tls=1.3" answers
dropped=$(m_status | jq .counters.packets_dropped)
t_equal "plain text by sendfile: not one byte comes" "" "$(plain sendfile 2>/dev/null)"
t_equal "it was dropped, and counted" yes "$( (($(m_status | jq .counters.packets_dropped) > dropped)) && echo yes)"

# So much, and no more.
m_now && from=$M_NOW
m_run trickle 3000
t_equal "3,000 bytes of 4,096" "" "$M_OUTPUT"
m_run trickle 3000
t_equal "what does not fit goes not at all" "[Errno 1] Operation not permitted" "$M_OUTPUT"
m_expect "what was too much" "$from" "action=2 $TELLS wanted=deny reason=limit agreement=trickle limit_bytes=4096 limit_s=604800 used_bytes=3000"
t_equal "and does not count" "trickle 3000 of 4096 in 604800" "$(used)"
t_check "a new policy" "$MUNIMENT" reload --run "$M/run"
t_equal "counts on" "trickle 3000 of 4096 in 604800" "$(used)"
m_events
m_stop
m_start --pin
t_equal "so does a new daemon" "trickle 3000 of 4096 in 604800" "$(used)"
m_run trickle 1096
t_equal "what fits still goes" "" "$M_OUTPUT"
m_run trickle 1
t_equal "to the last byte" "[Errno 1] Operation not permitted" "$M_OUTPUT"
t_check "who has read nothing says what he likes" as games "$S" before /etc/hostname 10.9.0.3 "$FAR_PORT"
m_verify
m_stop
kill "$SERVER"
far_stop
t_done
