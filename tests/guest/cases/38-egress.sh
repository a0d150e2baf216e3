#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.1/lsm 6.12/fmod_ret
#
# What a process has read leaves the host only where an agreement says, by whatever socket, and takes its label along to
# who receives it on the host. Two hosts: this one, and a network namespace. Run by tests/guest/run-in-guest.sh.
# timeout: 420
# shellcheck disable=SC2016,SC2119  # variables of jq and sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record S=$HELPERS/sends
mkdir ehr && echo "$MARKER" >"$R" && chown -R daemon ehr
cp "$S" server && chmod 755 server
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }
echo 3 >/proc/sys/net/ipv4/tcp_fastopen
nsenter --net=/run/netns/far sysctl -q -w net.ipv4.tcp_fastopen=3 2>/dev/null
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range

m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr], audit: required}
roles:
  clinic: {users: [daemon]}
  database: {programs: [$CASE_DIR/server]}
  office: {users: [games]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: database, store: ehr, access: [read], serves: true}
  - {role: office, store: ehr, access: [read]}
agreements:
  lab: {stores: [ehr], to: ["10.9.0.3:$FAR_PORT", "[fd09::3]:$FAR_PORT/tcp"], purpose: treatment, partner: "The Lab"}
  backup: {stores: [ehr], roles: [office], to: ["10.9.0.2:$FAR_PORT"]}
  former: {stores: [ehr], to: ["10.9.0.0/24:$FAR_PORT"], expires: 2020-01-01}
END

# out WAY ADDRESS: the record, to the far side.
out() {
	far_sees 1 "$MARKER" as daemon "$S" "$1" "$R" "$2" "$FAR_PORT" near
}

# The same with CAP_NET_RAW.
out_raw() {
	far_sees 1 "$MARKER" setpriv --reuid=daemon --regid=daemon --clear-groups --inh-caps=+net_raw --ambient-caps=+net_raw \
		-- "$S" "$1" "$R" 10.9.0.2 "$FAR_PORT" near
}

# The far side asks us.
answer() {
	local server status
	as daemon "$S" answer "$R" - 4100 &
	server=$!
	t_wait 20 listens 4100
	far_sees 1 "$MARKER" nsenter --net=/run/netns/far "$S" ask - 10.9.0.1 4100 >"$FAR/asked"
	wait "$server"
	status=$?
	cat "$FAR/asked"
	return "$status"
}

listens() {
	grep -q ":$(printf %04X "$1") .* 0A " /proc/net/tcp6
}

# Somebody who has read nothing sends what he gets by a pipe from who has.
through_pipe() {
	as daemon cat "$R" | as news "$S" "$1" - 10.9.0.2 "$FAR_PORT"
}

piped() {
	far_sees 1 "$MARKER" through_pipe "$1"
}

TELLS="user=daemon program=$S operations=send reason=not_agreed"
ways() {
	local way
	m_attack tcp "$TELLS hook=socket_connect to=10.9.0.2:$FAR_PORT" out tcp 10.9.0.2
	m_attack "tcp by IPv6" "$TELLS hook=socket_connect to=fd09::2:$FAR_PORT" out tcp fd09::2
	for way in before inherited writev sendmsg sendmmsg zerocopy fastopen uring udp udp-connected; do
		m_attack "$way" "$TELLS hook=socket_sendmsg to=10.9.0.2:$FAR_PORT" out "$way" 10.9.0.2
	done
	m_attack "udp by IPv6" "$TELLS hook=socket_sendmsg to=fd09::2:$FAR_PORT" out udp fd09::2
	for way in ping raw packet; do
		m_attack "$way" "$TELLS hook=socket_sendmsg" out_raw "$way"
	done
	m_attack answer "$TELLS hook=socket_sendmsg" answer
	m_attack "by a UNIX socket to another" "$TELLS hook=socket_sendmsg to=10.9.0.2:$FAR_PORT" out tell 10.9.0.2
	m_attack "by a pipe to another" "user=news program=$S operations=send reason=not_agreed hook=socket_sendmsg" piped udp
	if [[ $KERNEL != 6.1 || $M_PASS == unguarded ]]; then
		for way in sendfile splice; do
			m_attack "$way" "$TELLS hook=socket_sendmsg to=10.9.0.2:$FAR_PORT" out "$way" 10.9.0.2
		done
	fi
}

m_unguarded ways
m_start --pin
m_guarded ways
M_PASS=guarded
if [[ $KERNEL == 6.1 ]]; then
	for way in sendfile splice; do
		t_equal "$way: not one byte comes, and who sent is ended" "137 " "$(out "$way" 10.9.0.2 2>/dev/null; echo "$? ")"
	done
fi
m_allowed "what an agreement covers" \
	"user=daemon program=$S hook=socket_connect reason=null agreement=lab purpose=treatment to=10.9.0.3:$FAR_PORT" out tcp 10.9.0.3
m_allowed "by IPv6" "user=daemon hook=socket_sendmsg agreement=lab to=fd09::3:$FAR_PORT" out tcp fd09::3
m_allowed "by UDP" "user=daemon hook=socket_sendmsg agreement=lab to=10.9.0.3:$FAR_PORT" out udp 10.9.0.3
m_attack "another protocol than the agreement's" "$TELLS to=fd09::3:$FAR_PORT" out udp fd09::3
m_allowed "by a role that an agreement names" "user=games hook=socket_sendmsg agreement=backup to=10.9.0.2:$FAR_PORT" \
	far_sees 1 "$MARKER" as games "$S" before "$R" 10.9.0.2 "$FAR_PORT"
m_events
t_check "who has read nothing connects wherever he wants" as games "$S" before /etc/hostname 10.9.0.2 "$FAR_PORT"
m_verify
m_stop
far_stop
t_done
