/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Labels on packets, at the root of all cgroups: where they leave a socket and where they come to one. By their addresses
 * a socket on this host learns whose data it receives, through loopback, and through network namespaces that translate no
 * addresses. And a packet whose real receiver no agreement covers is dropped: it may be another than the one that the
 * sender named (address translation, source routes, Linux 6.1's sendfile).
 */
#ifndef MUNIMENT_WIRE_BPF_H
#define MUNIMENT_WIRE_BPF_H

/* Read at once: what leaves a socket comes to the other one before many others have. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct packet);
	__type(value, u64);
} labels_by_packet SEC(".maps");

/* May a packet of the socket go there, by what those who send by it may? */
static __noinline int wire__may_leave(const struct packet *packet, const struct socket_label *label,
				      u32 shown, u64 cookie)
{
	struct egress e = {.slot = epoch_slot(maps__epoch()),
			   .peer.family = AF_INET6,
			   .peer.protocol = packet->protocol,
			   .peer.port = packet->to_port,
			   .roles = label->roles,
			   .shown = shown,
			   .cookie = cookie,
			   .service = label->tls & LABEL_TLS_ACCEPTS ? packet->from_port : packet->to_port};
	struct egress_loop loop = {.e = &e, .label = label->leaves};

	if (!maps__speaks())
		return 1;
	__builtin_memcpy(e.peer.address, packet->to, sizeof(e.peer.address));
	e.peer.type = packet->protocol == PROTOCOL_TCP ? SOCKET_STREAM : SOCKET_DGRAM;
	e.dns = dns__look(&e.peer, e.slot); /* booked as it was sent */
	e.now_ns = bpf_ktime_get_boot_ns();
	bpf_loop(STORES_MAX, egress__refuses, &loop, 0);
	if (!loop.denied)
		return 1;
	count(COUNTER_DROPPED);
	return 0;
}

/* Has a socket with that local port sent data of a store? Most have not. */
static __always_inline bool wire__is_known(u32 port)
{
	return control.ports[port_index(port)];
}

/* Did some socket of that kind have no port as it sent? */
static __always_inline bool wire__may_be_portless(struct bpf_sock *sk)
{
	return control.wire & (sk->type == SOCKET_STREAM ? WIRE_PORTLESS_STREAM : WIRE_PORTLESS);
}

/* It has: it may have had no port as it sent. */
static __always_inline void wire__know(u32 port)
{
	control.ports[port_index(port)] = 1;
}

#define WIRE_PASSED 100	 /* jiffies: a second where they are longest */
#define WIRE_PLACED 4096 /* so many packets' labels later none is pushed out of labels_by_packet yet */

/* Was such a packet of the socket found to pass less than a second ago, and is its label in its place for sure? */
static __always_inline bool wire__has_passed(const struct socket_label *label, u64 passed)
{
	return label->passed == passed && bpf_jiffies64() - label->passed_at < WIRE_PASSED &&
	       control.placed - label->passed_placed < WIRE_PLACED;
}

/* What tells packets of one sender to one receiver from others. */
static __always_inline u64 wire__summary(const struct packet *packet, u64 seed)
{
	const u64 *words = (const u64 *)packet;
	u64 hash = seed;

#pragma unroll
	for (u32 i = 0; i < sizeof(*packet) / sizeof(u64); i++)
		hash = egress__mix(hash, words[i]);
	return hash;
}

/* The same under one policy, by one device, and with what the socket has sent until now. */
static __always_inline u64 wire__summary_of(struct __sk_buff *skb, const struct packet *packet,
					    struct socket_label *label, u32 shown)
{
	u64 hash = wire__summary(packet, egress__seed(label) + (shown | (u64)skb->ifindex << 32));

	return egress__mix(egress__mix(egress__mix(hash, label->leaves), label->sent), maps__epoch()) | 1;
}

/* What stands for packets of these addresses in struct record_pass. */
static __noinline u64 wire__number(const struct packet *packet)
{
	const u64 *words = (const u64 *)packet;
	u64 hash = 0;

#pragma unroll
	for (u32 i = 0; i < sizeof(*packet) / sizeof(u64); i++)
		hash = pass_mix(hash, words[i]);
	return pass_packet(hash);
}

/* What acknowledges, ends or resets a connection carries nothing; without it, the other side would wait for what is over. */
static __noinline int wire__is_empty(struct __sk_buff *skb)
{
	struct tls_segment segment = {};

	return !tls__segment(skb, &segment) && segment.protocol == PROTOCOL_TCP && !segment.len &&
	       !segment.syn;
}

/* Packets with these addresses bear what the socket has sent. Sockets of other network namespaces may have the same ones:
 * nothing is taken back. 0 or -ENOMEM. */
static __noinline int wire__place(struct __sk_buff *skb, const struct packet *packet, u64 sent)
{
	u64 *known = bpf_map_lookup_elem(&labels_by_packet, packet);

	if (known && !(sent & ~*known))
		return 0;
	if (known)
		sent |= *known;
	pass__relay(pass_sent(bpf_get_socket_cookie(skb)), wire__number(packet));
	if (bpf_map_update_elem(&labels_by_packet, packet, &sent, BPF_ANY)) {
		count(COUNTER_UNLABELLED);
		return -ENOMEM;
	}
	__sync_fetch_and_add(&control.placed, 1); /* afterwards: who has read it before asks again */
	return 0;
}

/*
 * Does it go to a resolver that the policy lists? Such take no label by what they are asked, which was counted as it was sent:
 * else one on this host would soon hold what anybody does, and so would whoever asks it.
 */
static __noinline bool wire__asks(const struct packet *packet)
{
	u32 slot = epoch_slot(maps__epoch());

	return (packet->to_port == PORT_DNS || packet->to_port == PORT_DNS_TLS) &&
	       control.slots[slot & 1].flows & FLOW_DNS && dns__is_listed(packet->to, packet->to_port, slot);
}

/* A packet of a socket that has sent data of stores. */
static __always_inline int wire__check(struct __sk_buff *skb, struct socket_label *label, u32 shown)
{
	struct packet packet = {};
	u64 passed, placed;

	if (packet__read(skb, &packet))
		return 0;
	passed = wire__summary_of(skb, &packet, label, shown);
	if (!label->refused && wire__has_passed(label, passed))
		return 1;
	placed = *(volatile u64 *)&control.placed; /* before the label's place is looked at */
	if (label->sent && !wire__asks(&packet) && wire__place(skb, &packet, label->sent))
		return 0;
	/* An address of loopback may be routed to another device. */
	if (!egress__is_local(packet.to) || skb->ifindex != LOOPBACK_IFINDEX) {
		if (wire__is_empty(skb))
			return 1;
		if (label->refused)
			return 0;
		if (!wire__may_leave(&packet, label, shown, bpf_get_socket_cookie(skb))) {
			if (shown_kind(shown) == SHOWN_PLAIN && label->shown == SHOWN_OPENING)
				label->shown = SHOWN_NOTHING; /* the next call of its sender fails */
			return 0;
		}
	}
	label->passed = 0;
	label->passed_at = bpf_jiffies64();
	label->passed_placed = placed;
	label->passed = passed;
	return 1;
}

/* Of a socket that may have sent data of stores. */
static __noinline int wire__leaves_known(struct __sk_buff *skb)
{
	bool known = wire__is_known(skb->local_port);
	struct socket_label *label;
	struct bpf_sock *sk;
	u64 cookie;
	u32 shown;

	if (!known) {
		sk = skb->sk;
		sk = sk ? bpf_sk_fullsock(sk) : NULL;
		if (!sk || !wire__may_be_portless(sk))
			return 1;
	}
	cookie = bpf_get_socket_cookie(skb);
	label = bpf_map_lookup_elem(&labels_by_socket, &cookie);
	if (!label)
		return 1;
	shown = label->shown;
	if (shown == SHOWN_OPENING || (label->leaves && shown_kind(shown) < TLS_1_0 && tls__is_asked()))
		shown = tls__leaves(skb, cookie);
	if (!label->leaves)
		return 1;
	if (!known)
		wire__know(skb->local_port);
	return wire__check(skb, label, shown);
}

/* While some socket had no port as it sent, or answers of resolvers are looked at: it may be a question. */
static __noinline int wire__leaves_watched(struct __sk_buff *skb)
{
	u64 wire = control.wire;

	if (wire & WIRE_ANSWERS && answers__may_be(skb))
		answers__leaves(skb);
	if (!(wire & (WIRE_PORTLESS | WIRE_PORTLESS_STREAM)) && !wire__is_known(skb->local_port))
		return 1;
	return wire__leaves_known(skb);
}

/* 1: goes on, 0: dropped. Most sockets have sent no such data. */
static __always_inline int wire__leaves(struct __sk_buff *skb)
{
	u64 wire = control.wire;

	if (!wire)
		return 1;
	if (wire & (WIRE_PORTLESS | WIRE_PORTLESS_STREAM | WIRE_ANSWERS))
		return wire__leaves_watched(skb);
	return wire__is_known(skb->local_port) ? wire__leaves_known(skb) : 1;
}

/* A packet that may bear a label. */
static __noinline int wire__take(struct __sk_buff *skb)
{
	u64 *known, cookie, took = 0, placed = *(volatile u64 *)&control.placed;
	struct socket_label *label;
	struct packet packet = {};

	if (packet__read(skb, &packet) || (packet.from_port && !wire__is_known(packet.from_port)))
		return 1;
	cookie = bpf_get_socket_cookie(skb);
	label = bpf_map_lookup_elem(&labels_by_socket, &cookie);
	if (label) {
		took = wire__summary(&packet, egress__seed(label)) | 1;
		if (label->took == took && label->took_placed == placed)
			return 1;
	}
	known = bpf_map_lookup_elem(&labels_by_packet, &packet);
	if (!known)
		return 1;
	label = label ? label : socket__by_cookie(cookie);
	if (!label)
		return 0;
	if (*known & ~label->holds) {
		pass__relay(wire__number(&packet), cookie);
		__sync_fetch_and_or(&label->holds, *known);
	}
	label->took = 0;
	label->took_placed = placed;
	label->took = took;
	return 1;
}

/* A packet to a socket that may begin with TLS. */
static __noinline int wire__follow(struct __sk_buff *skb)
{
	u64 cookie = bpf_get_socket_cookie(skb);
	struct socket_label *label = bpf_map_lookup_elem(&labels_by_socket, &cookie);

	return label && label->shown == SHOWN_OPENING ? tls__arrives(skb, cookie) : 1;
}

/* May it bear a label? A connected socket knows the port that its packets come from, without a look at them; others have
 * 0, which is known. */
static __always_inline bool wire__is_from_known(struct __sk_buff *skb)
{
	u32 port = __builtin_bswap32(skb->remote_port);

	barrier_var(
		port); /* the index is bounded afterwards: of a swapped word, the verifier knows no bounds */
	return wire__is_known(port);
}

/* While answers of resolvers or the beginnings of some connections are looked at. */
static __noinline int wire__arrives_watched(struct __sk_buff *skb)
{
	if (control.wire & WIRE_ANSWERS && answers__may_be(skb))
		answers__arrives(skb);
	if (control.wire & WIRE_TLS && wire__is_known(skb->local_port) && !wire__follow(skb))
		return 0;
	return wire__is_from_known(skb) ? wire__take(skb) : 1;
}

static __always_inline int wire__arrives(struct __sk_buff *skb)
{
	u64 wire = control.wire;

	if (!wire)
		return 1;
	if (wire & (WIRE_TLS | WIRE_ANSWERS))
		return wire__arrives_watched(skb);
	return wire__is_from_known(skb) ? wire__take(skb) : 1;
}

/* Is there an agreement about the network of a connection's other side? */
static __noinline int wire__is_agreed_on(const u8 *address)
{
	struct network_key key = {.bits = 32 + 128, .slot = epoch_slot(maps__epoch())};

	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&endpoints_by_network, &key) ||
	       (control.wire & WIRE_ANSWERS && answered__is_known(address));
}

/* It is followed from its beginning, if some agreement wants TLS. */
static __noinline int wire__watch(struct sock *sk, u32 out, u32 in, u32 accepts)
{
	wire__know(sk->__sk_common.skc_num);
	return tls__watch(bpf_get_socket_cookie(sk), out, in, accepts);
}

static __always_inline void wire__accepts(struct sock *sk, const struct request_sock *request,
					  const struct packet *packet)
{
	const struct tcp_request_sock *tcp = (const void *)request;

	if (sk->sk_protocol == PROTOCOL_TCP && !egress__is_local(packet->from) &&
	    wire__is_agreed_on(packet->from))
		wire__watch(sk, BPF_CORE_READ(tcp, snt_isn) + 1, BPF_CORE_READ(tcp, rcv_isn) + 1, 1);
}

/* The other side has answered. What came along with the first packet (TCP Fast Open) was not seen. */
static __always_inline void wire__established(struct sock *sk)
{
	const struct tcp_sock *tcp = (const void *)sk;
	u8 address[16] = {};

	if (!tls__is_asked() || !egress__is_internet(sk->__sk_common.skc_family) ||
	    sk->sk_protocol != PROTOCOL_TCP)
		return;
	if (sk->__sk_common.skc_family == AF_INET)
		egress__set_ipv4(address, sk->__sk_common.skc_daddr);
	else
		bpf_probe_read_kernel(address, sizeof(address), &sk->__sk_common.skc_v6_daddr);
	if (!egress__is_local(address) && wire__is_agreed_on(address) && BPF_CORE_READ(tcp, bytes_acked) <= 1)
		wire__watch(sk, BPF_CORE_READ(tcp, snd_una), BPF_CORE_READ(tcp, rcv_nxt), 0);
}

/* A connection is accepted: data may have come to the listening socket with what made it. */
static __always_inline void wire__accepted(struct sock *sk, const struct request_sock *request)
{
	const struct sock_common *asked = &request->__req_common;
	struct packet packet = {.protocol = PROTOCOL_TCP};
	u64 *known;

	if (!(control.wire & WIRE_SENT) && !tls__is_asked())
		return;
	if (asked->skc_family == AF_INET) {
		egress__set_ipv4(packet.from, asked->skc_daddr);
		egress__set_ipv4(packet.to, asked->skc_rcv_saddr);
	} else {
		bpf_probe_read_kernel(packet.from, sizeof(packet.from), &asked->skc_v6_daddr);
		bpf_probe_read_kernel(packet.to, sizeof(packet.to), &asked->skc_v6_rcv_saddr);
	}
	packet.from_port = __builtin_bswap16(asked->skc_dport);
	packet.to_port = asked->skc_num;
	if (tls__is_asked())
		wire__accepts(sk, request, &packet);
	known = bpf_map_lookup_elem(&labels_by_packet, &packet);
	if (known && !socket__fill(sk, *known))
		pass__relay(wire__number(&packet), sk->__sk_common.skc_cookie.counter);
}

#endif
