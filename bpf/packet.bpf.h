/* SPDX-License-Identifier: GPL-2.0 */
/* Whence and whereto a packet goes, as the programs at the root of all cgroups see it (wire.bpf.h, answers.bpf.h). */
#ifndef MUNIMENT_PACKET_BPF_H
#define MUNIMENT_PACKET_BPF_H

struct packet {
	u8 from[16]; /* as in struct peer */
	u8 to[16];
	u16 from_port;
	u16 to_port;
	u32 protocol;
} __attribute__((aligned(8)));

struct ipv4_header {
	u8 version_length;
	u8 tos;
	u16 length;
	u16 id;
	u16 fragment;
	u8 ttl;
	u8 protocol;
	u16 checksum;
	u32 from;
	u32 to;
};

struct ipv6_header {
	u32 version_flow;
	u16 length;
	u8 next;
	u8 hops;
	u8 from[16];
	u8 to[16];
};

/* Reads the addresses, and the ports where the protocol has some right behind the header. */
static __noinline int packet__read_by_call(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6_header six = {};
	struct ipv4_header *four = (void *)&six;
	u32 at = sizeof(six);

	if (skb->protocol == __builtin_bswap16(ETHERTYPE_IPV4)) {
		if (bpf_skb_load_bytes(skb, 0, four, sizeof(*four)))
			return -1;
		at = (four->version_length & 15) * 4;
		packet->protocol = four->protocol;
		egress__set_ipv4(packet->from, four->from);
		egress__set_ipv4(packet->to, four->to);
	} else {
		if (bpf_skb_load_bytes(skb, 0, &six, sizeof(six)))
			return -1;
		packet->protocol = six.next;
		__builtin_memcpy(packet->from, six.from, sizeof(packet->from));
		__builtin_memcpy(packet->to, six.to, sizeof(packet->to));
	}
	if (packet->protocol == PROTOCOL_TCP || packet->protocol == PROTOCOL_UDP) {
		bpf_skb_load_bytes(skb, at, &packet->from_port, 4);
		packet->from_port = __builtin_bswap16(packet->from_port);
		packet->to_port = __builtin_bswap16(packet->to_port);
	}
	return 0;
}

/* The same, by less: most headers lie at hand and have no options. */
static __always_inline int packet__read(struct __sk_buff *skb, struct packet *packet)
{
	const void *data = (const void *)(u64)skb->data, *end = (const void *)(u64)skb->data_end;
	const struct ipv4_header *four = data;
	const struct ports {
		u16 from;
		u16 to;
	} *ports = data + sizeof(*four);

	if (data + sizeof(*four) + sizeof(*ports) > end || four->version_length != 0x45 ||
	    (four->protocol != PROTOCOL_TCP && four->protocol != PROTOCOL_UDP))
		return packet__read_by_call(skb, packet);
	packet->protocol = four->protocol;
	egress__set_ipv4(packet->from, four->from);
	egress__set_ipv4(packet->to, four->to);
	packet->from_port = __builtin_bswap16(ports->from);
	packet->to_port = __builtin_bswap16(ports->to);
	return 0;
}

#endif
