#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Agreements by name, where what a listed resolver answers a process counts for it (`dns: {answers: true}`): for nobody else,
# for no longer than it holds, and not for what somebody else answers. Two hosts: this one, and a network namespace. Run by
# tests/guest/run-in-guest.sh.
# timeout: 540
# shellcheck disable=SC2119  # options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record S=$HELPERS/sends N=$TREE/tests/guest/names.py TABLE=$CASE_DIR/table
mkdir ehr && echo "$MARKER" >"$R" && chown -R daemon ehr
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }

# What the daemon finds: addresses where nobody is. What processes are answered: the far side's.
printf '127.0.0.1 localhost\n10.9.0.7 lab.example.org\n10.9.0.7 alias.example.org\n203.0.113.9 outside.example.org\n' >"$CASE_DIR/hosts"
printf '10.9.0.7 liar.example.org\n10.9.0.7 secure.example.org\n' >>"$CASE_DIR/hosts"
echo "nameserver 127.0.0.1" >"$CASE_DIR/resolv.conf"
echo "hosts: files dns" >"$CASE_DIR/nsswitch.conf"
for file in hosts resolv.conf nsswitch.conf; do
	[[ -e /etc/$file ]] || : >"/etc/$file"
	mount --bind "$CASE_DIR/$file" "/etc/$file"
done
cat >"$TABLE" <<END
lab.example.org 10.9.0.2 fd09::2
alias.example.org edge.cdn.example.net 10.9.0.2
outside.example.org 10.9.0.2
other.example.org 10.9.0.2
liar.example.org ID 10.9.0.2
secure.example.org 10.9.0.2
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -keyout "$CASE_DIR/pem" -out "$CASE_DIR/cert" \
	2>/dev/null && cat "$CASE_DIR/cert" >>"$CASE_DIR/pem"
: >"$FAR/clear"
nsenter --net="/run/netns/$FAR_NS" "$TREE/tests/guest/tls.py" serve "$FAR" "$CASE_DIR/pem" 2>"$FAR/tls.log" &
t_wait 60 test -e "$FAR/listens" || t_fail "servers of TLS" "$(cat "$FAR/tls.log")"
nsenter --net="/run/netns/$FAR_NS" "$N" serve "$TABLE" 10.9.0.2 10.9.0.3 fd09::2 2>"$CASE_DIR/serve.log" &
t_wait 60 test -e "$TABLE.serves" || t_fail "resolvers" "$(cat "$CASE_DIR/serve.log")"
rm -f "$TABLE.serves"
"$N" serve "$TABLE" 127.0.0.53 2>>"$CASE_DIR/serve.log" &
t_wait 60 test -e "$TABLE.serves" || t_fail "a resolver on this host" "$(cat "$CASE_DIR/serve.log")"

policy() {
	m_policy_of_clinic <<END
agreements:
  lab: {stores: [ehr], to: ["lab.example.org:$FAR_PORT", "alias.example.org:$FAR_PORT"]}
  others: {stores: [ehr], to: ["outside.example.org:$FAR_PORT", "liar.example.org:$FAR_PORT"]}
  secure: {stores: [ehr], to: ["secure.example.org:4431-4433"], tls: "1.2"}
  # The far side is on the same kernel: it holds what it has received, and answers.
  far: {stores: [ehr], to: [10.9.0.1]}
dns: {resolvers: [10.9.0.2, 10.9.0.4, 127.0.0.53, "[fd09::2]"], max: 1MiB/hour, answers: $1}
END
}

# asks WAY NAME RESOLVER [PORT [SECONDS]]: to the far side.
asks() {
	far_sees 1 "$MARKER" as daemon "$N" "$1" "$R" "$2" "$3" "${4:-$FAR_PORT}" "${5:-0}"
}

# The resolver is listed, and nobody is there; who answers is on this host.
forged() {
	far_sees 1 "$MARKER" "$N" forged "$R" lab.example.org 10.9.0.4 "$FAR_PORT" "$(id -u daemon)"
}

DENIED="user=daemon operations=send reason=not_agreed"
ways() {
	m_attack "another process" "$DENIED program=$S hook=socket_connect to=10.9.0.2:$FAR_PORT" far_sees 1 "$MARKER" as daemon "$S" tcp "$R" 10.9.0.2 "$FAR_PORT"
	m_attack "another name" "$DENIED to=10.9.0.2:$FAR_PORT" asks tcp other.example.org 10.9.0.2
	m_attack "another resolver" "$DENIED to=10.9.0.2:$FAR_PORT" asks tcp lab.example.org 10.9.0.3
	m_attack "another answer than to the question" "$DENIED to=10.9.0.2:$FAR_PORT" asks tcp liar.example.org 10.9.0.2
	m_attack "an answer that leads into the network of who asks" "$DENIED to=10.9.0.2:$FAR_PORT" asks tcp outside.example.org 10.9.0.2
	m_attack "an answer that another process forges" "$DENIED to=10.9.0.2:$FAR_PORT" forged
	m_attack "an answer of another process" "$DENIED to=10.9.0.2:$FAR_PORT" asks strange lab.example.org 10.9.0.4
	m_attack "another port than the agreement's" "$DENIED to=10.9.0.2:4001" asks udp lab.example.org 10.9.0.2 4001
	m_attack "an answer whose time is over" "$DENIED hook=socket_connect to=10.9.0.2:$FAR_PORT" asks late lab.example.org 10.9.0.2 "$FAR_PORT" "$1"
}

policy true
m_unguarded ways 1
m_start
has_names() {
	m_status_is '[.names[] | select(.state == "resolved")] | length == 5'
}
t_check "the daemon has addresses for the names" t_wait 30 has_names

ANSWERED="user=daemon operations=send agreement=lab reason=null"
m_allowed "where a process is answered to" "$ANSWERED hook=socket_connect to=10.9.0.2:$FAR_PORT" asks tcp lab.example.org 10.9.0.2
m_entry "the name that was answered" \
	'.dst_endpoint.hostname == "lab.example.org" and .dst_endpoint.ip == "10.9.0.2" and .unmapped.muniment.agreement == "lab"'
m_allowed "by UDP" "$ANSWERED hook=socket_sendmsg to=10.9.0.2:$FAR_PORT" asks udp lab.example.org 10.9.0.2
m_allowed "by IPv6" "$ANSWERED to=fd09::2:$FAR_PORT" asks tcp6 lab.example.org fd09::2
m_allowed "connected before it reads" "$ANSWERED hook=socket_sendmsg to=10.9.0.2:$FAR_PORT" asks before lab.example.org 10.9.0.2
m_allowed "by a child" "$ANSWERED to=10.9.0.2:$FAR_PORT" asks child lab.example.org 10.9.0.2
m_allowed "by an alias, in other letters" "$ANSWERED to=10.9.0.2:$FAR_PORT" asks tcp Alias.Example.ORG 10.9.0.2
m_allowed "by a resolver on this host" "$ANSWERED to=10.9.0.2:$FAR_PORT" asks tcp lab.example.org 127.0.0.53
m_allowed "by a connection that outlasts the answer" "$ANSWERED to=10.9.0.2:$FAR_PORT" asks kept lab.example.org 10.9.0.2 "$FAR_PORT" 35
tls() {
	as daemon "$N" "$1" "$R" secure.example.org 10.9.0.2 "$2" && t_wait 5 grep -q -F "$MARKER" "$FAR/clear" && echo "$MARKER"
}
m_allowed "by TLS, where the agreement wants it" \
	"user=daemon operations=send agreement=secure tls=1.3 server_name=secure.example.org to=10.9.0.2:4433" tls tls 4433
m_guarded ways 35
m_attack "in the plain, where the agreement wants TLS" "user=daemon operations=send reason=not_tls agreement=secure to=10.9.0.2:4433" tls before 4433
m_events

policy false
generation=$(m_status | jq .policy.generation)
"$MUNIMENT" reload --run "$M/run" >/dev/null 2>&1 || kill -HUP "$M_PID"
anew() {
	m_status_is ".policy.generation > $generation"
}
t_check "the policy comes to say nothing of answers" t_wait 60 anew
M_PASS=guarded
m_attack "where a process is answered to, which does not count" "$DENIED to=10.9.0.2:$FAR_PORT" asks tcp lab.example.org 10.9.0.2
m_events
m_verify
m_stop
far_stop
t_done
