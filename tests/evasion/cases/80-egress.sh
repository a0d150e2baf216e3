# shellcheck shell=bash
# shellcheck disable=SC2004,SC2034  # arrays of evasion.sh, by words
# SPDX-License-Identifier: Apache-2.0
#
# Getting it out by sockets: somebody who may read a record sends it himself. Sourced by tests/evasion/evasion.sh.

DIRECT='connect and send, by whatever call' CONNECTED='a connection from before the reading'
DATAGRAMS='UDP, DNS and other datagrams' PACKETS='ICMP, raw and packet sockets' ASIDE='an agreed peer as a pretext'
# With `tracing` a cgroup's programs decide, and only when somebody connects or names a receiver.
CONNECTS='missed: with tracing only connecting, and datagrams to who is named, are asked about'
FOLLOWED='missed: with tracing labels pass on by fork and exec only'
TRACED+=([$DIRECT]=prevented [$CONNECTED]=$CONNECTS [$DATAGRAMS]=prevented [$PACKETS]=$CONNECTS [$ASIDE]=prevented)
PAGES='by the time that its caller is killed the packet has been dropped: no hook decides on pages there'

# sent WAY [ADDRESS [PORT]]
sent() { "$SENDS" "$1" "$R" "${2:-10.9.0.2}" "${3:-$FAR_PORT}" near; }
# slipped WAY [ADDRESS [PORT]]
slipped() { "$SLIP" "$1" "$R" "${2:-10.9.0.2}" "${3:-$FAR_PORT}" 10.9.0.3 "$UDP_PORT" near; }

evade out-tcp egress "$DIRECT" 'connects when it has read'
attack_out-tcp() { sent tcp; }

evade out-tcp6 egress "$DIRECT" 'the same by IPv6'
attack_out-tcp6() { sent tcp fd09::2; }

evade out-mapped egress "$DIRECT" 'the same to an address of IPv4 in one of IPv6'
attack_out-mapped() { sent tcp ::ffff:10.9.0.2; }

evade out-answer egress "$DIRECT" 'listens, and answers the far side' who=root tracing="$CONNECTS"
attack_out-answer() {
	local server status
	sent answer - 4100 &
	server=$!
	soon grep -q ':1004 .* 0A ' /proc/net/tcp6
	nsenter --net="/run/netns/$FAR_NS" "$HELPERS/sends" ask - 10.9.0.1 4100 >/dev/null
	wait "$server"
	status=$?
	return "$status"
}

evade out-fastopen egress "$DIRECT" 'sendto that connects (TCP fast open)'
attack_out-fastopen() { sent fastopen; }

evade out-before egress "$CONNECTED" 'write'
attack_out-before() { sent before; }

evade out-inherited egress "$CONNECTED" 'a child reads, and sends by its parent'"'"'s connection'
attack_out-inherited() { sent inherited; }

evade out-writev egress "$CONNECTED" writev who=user
attack_out-writev() { sent writev; }

evade out-sendmsg egress "$CONNECTED" sendmsg who=user
attack_out-sendmsg() { sent sendmsg; }

evade out-sendmmsg egress "$CONNECTED" sendmmsg who=user
attack_out-sendmmsg() { sent sendmmsg; }

evade out-zerocopy egress "$CONNECTED" MSG_ZEROCOPY
attack_out-zerocopy() { sent zerocopy; }

evade out-sendfile egress "$CONNECTED" 'sendfile out of the record' 6.1/lsm="stopped: $PAGES"
attack_out-sendfile() { sent sendfile; }

evade out-splice egress "$CONNECTED" 'spliced out of the record by a pipe' 6.1/lsm="stopped: $PAGES"
attack_out-splice() { sent splice; }

evade out-vmsplice egress "$CONNECTED" 'spliced out of memory by a pipe' 6.1/lsm="stopped: $PAGES"
attack_out-vmsplice() { slipped vmsplice; }

evade out-uring egress "$CONNECTED" 'io_uring connects and sends'
attack_out-uring() { sent uring; }

evade out-uring-zc egress "$CONNECTED" 'io_uring, without a copy'
attack_out-uring-zc() { slipped uring-zc; }

evade out-sqpoll egress "$CONNECTED" 'io_uring, by a thread of the kernel'
attack_out-sqpoll() { slipped sqpoll; }

evade out-thread egress "$CONNECTED" 'one thread reads, another sends'
attack_out-thread() { slipped thread; }

evade out-deferred egress "$CONNECTED" 'connected for TCP fast open'
attack_out-deferred() { slipped deferred; }

# needs_socket FAMILY TYPE PROTOCOL MODULE
needs_socket() {
	modprobe -q "$4" 2>/dev/null
	perl -e 'socket(S, $ARGV[0], $ARGV[1], $ARGV[2]) or exit 1' "$1" "$2" "$3" || { echo "no $4 here" && return 1; }
}

evade out-mptcp egress "$CONNECTED" 'Multipath TCP' needs=needs_mptcp
needs_mptcp() { needs_socket 2 1 262 mptcp; }
attack_out-mptcp() { slipped mptcp; }

evade out-sctp egress "$CONNECTED" SCTP who=root needs=needs_sctp
needs_sctp() { needs_socket 2 1 132 sctp; }
attack_out-sctp() {
	local server status
	# shellcheck disable=SC2016  # of perl
	nsenter --net="/run/netns/$FAR_NS" perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 132) and bind(S, sockaddr_in($ARGV[0], INADDR_ANY)) and
		listen(S, 1) and accept(C, S) and sysread(C, $_, 4096)' "$FAR_PORT" &
	server=$!
	soon nsenter --net="/run/netns/$FAR_NS" grep -qw "$FAR_PORT" /proc/net/sctp/eps
	slipped sctp
	status=$?
	((status == 0)) || kill "$server" 2>/dev/null
	wait "$server"
	return "$status"
}

evade out-smc egress "$CONNECTED" 'SMC, which falls back to TCP' needs=needs_smc
needs_smc() { needs_socket 43 1 0 smc; }
attack_out-smc() { slipped smc; }

evade out-udp egress "$DATAGRAMS" sendto
attack_out-udp() { sent udp; }

evade out-udp6 egress "$DATAGRAMS" 'sendto by IPv6'
attack_out-udp6() { sent udp fd09::2; }

evade out-udp-mapped egress "$DATAGRAMS" 'to an address of IPv4 in one of IPv6' who=user
attack_out-udp-mapped() { sent udp ::ffff:10.9.0.2; }

evade out-udp-connected egress "$DATAGRAMS" 'connected before the reading' tracing="$CONNECTS"
attack_out-udp-connected() { sent udp-connected; }

evade out-udplite egress "$DATAGRAMS" UDP-Lite needs=needs_udplite
needs_udplite() { needs_socket 2 2 136 udplite; }
attack_out-udplite() { slipped udplite; }

evade out-dns egress "$DATAGRAMS" 'a name to be resolved'
attack_out-dns() { slipped dns 10.9.0.2 53; }

evade out-broadcast egress "$DATAGRAMS" 'to all of the network'
attack_out-broadcast() { slipped broadcast 10.9.0.255; }

evade out-multicast egress "$DATAGRAMS" 'to a group' who=user
attack_out-multicast() { slipped broadcast 224.0.0.251; }

evade out-ping egress "$PACKETS" 'an ICMP echo'
attack_out-ping() { sent ping; }

evade out-raw egress "$PACKETS" 'another protocol of IP' who=root
attack_out-raw() { sent raw; }

evade out-header egress "$PACKETS" 'a header of its own, with another source' who=root
attack_out-header() { slipped header; }

evade out-packet egress "$PACKETS" 'a frame' who=root
attack_out-packet() { sent packet; }

evade out-ring egress "$PACKETS" 'a frame in memory that it shares with the kernel' who=root
attack_out-ring() { slipped ring; }

evade out-other-port egress "$ASIDE" 'another port of the agreed peer'
attack_out-other-port() { sent tcp 10.9.0.3 "$OTHER_PORT"; }

evade out-other-protocol egress "$ASIDE" 'another protocol of the agreed peer'
attack_out-other-protocol() { sent udp 10.9.0.3; }

evade out-other-protocol6 egress "$ASIDE" 'the same by IPv6' who=user
attack_out-other-protocol6() { sent udp fd09::3; }

evade out-unspec egress "$ASIDE" 'connected to it, to nowhere, then elsewhere' tracing="$CONNECTS"
attack_out-unspec() { slipped unspec; }

evade out-again egress "$ASIDE" 'the same by TCP when it has read'
attack_out-again() { slipped again; }

evade out-aside egress "$ASIDE" 'connected to it, sends elsewhere'
attack_out-aside() { slipped aside; }

DROPPED='unrecorded: the packet is dropped as it leaves, as its receiver is none that the sender named'

evade out-cork egress "$ASIDE" 'a datagram begun for another' all="$DROPPED" tracing="$CONNECTS"
attack_out-cork() { slipped cork; }

evade out-cork-role egress "$ASIDE" 'a datagram begun for whom another role has an agreement with' \
	all='unrecorded: the packet is dropped on its way, and counted' tracing="$CONNECTS"
attack_out-cork-role() { slipped cork 10.9.0.2 "$ROLE_PORT"; }

evade out-role egress "$ASIDE" 'UDP to whom another role has an agreement with' who=user
attack_out-role() { sent udp 10.9.0.2 "$ROLE_PORT"; }

evade out-route egress "$ASIDE" 'a source route by another' who=root all="$DROPPED" tracing="$CONNECTS"
attack_out-route() { slipped route; }

# The agreed one is the host between: what goes there does not come to the far side.
evade out-race egress "$ASIDE" 'connects here and there while it sends'
attack_out-race() { "$SLIP" race "$R" 10.9.0.2 "$FAR_PORT" 10.8.0.2 "$UDP_PORT"; }
