/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS on the wire: what the packets of a socket show of its beginning (tls.h), in both directions. A connection is followed
 * from its first byte by sequence numbers, whoever has it, as its owner may come to hold data later. What follows from it
 * is egress.bpf.h's and wire.bpf.h's.
 */
#ifndef MUNIMENT_TLS_BPF_H
#define MUNIMENT_TLS_BPF_H

#include "bpf/tls.h"

/* Both streams count from where a hello of the client begins, once one has (`begun`); before, what leaves counts from its
 * beginning. */
struct tls_state {
	u32 out_base; /* sequence number of the first byte */
	u32 in_base;
	u32 out_end; /* how far it has been seen, without a gap */
	u32 in_end;
	u32 plain;   /* bytes that left before */
	u16 accepts; /* not 0: the other side asked for the connection, and sends the client's hello */
	u16 begun;
	struct tls_reader client;
	struct tls_reader server;
};

/* By the socket's cookie, until it is destroyed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct tls_state);
} tls_by_socket SEC(".maps");

#define TLS_PLAIN_FOLLOWED 4096 /* bytes that go out before a hello is looked for no more */

static __always_inline bool tls__is_asked(void)
{
	return control.slots[epoch_slot(maps__epoch())].flows & FLOW_TLS;
}

/* A connection begins: its first bytes have these numbers. */
static __noinline int tls__watch(u64 cookie, u32 out, u32 in, u32 accepts)
{
	static const struct tls_state none = {};
	struct socket_label *label = socket__by_cookie(cookie);
	struct tls_state *state;

	bpf_map_update_elem(&tls_by_socket, &cookie, &none, BPF_ANY);
	state = bpf_map_lookup_elem(&tls_by_socket, &cookie);
	if (!label || !state) {
		count(COUNTER_NO_CACHE);
		return 0;
	}
	state->out_base = out;
	state->in_base = in;
	state->accepts = accepts;
	label->tls = accepts ? LABEL_TLS_ACCEPTS : 0;
	label->shown = SHOWN_OPENING;
	if (!(control.wire & WIRE_TLS))
		__sync_fetch_and_or(&control.wire, WIRE_TLS);
	return 0;
}

static __always_inline void tls__gone(struct sock *sk)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;

	if (control.wire & WIRE_TLS && cookie)
		bpf_map_delete_elem(&tls_by_socket, &cookie);
}

/* --- packets --- */

struct tls_segment {
	u32 at; /* of what it carries, in the packet */
	u32 len;
	u32 seq; /* of TCP: number of the first byte */
	u32 protocol;
	u32 syn; /* of TCP: not 0 if it asks for a connection, or answers that */
};

#define TCP_SEQ_AT 4
#define TCP_OFF_AT 12
#define TCP_SYN	   0x02
#define UDP_HEADER 8

/* 0, or -1 for what is no plain TCP or UDP. */
static __always_inline int tls__segment(struct __sk_buff *skb, struct tls_segment *segment)
{
	bool four = skb->protocol == __builtin_bswap16(ETHERTYPE_IPV4);
	u32 at = 40, seq = 0;
	u8 byte[2] = {};

	if (four && bpf_skb_load_bytes(skb, 0, byte, 1))
		return -1;
	if (four)
		at = (byte[0] & 15) * 4;
	if (bpf_skb_load_bytes(skb, four ? 9 : 6, byte, 1))
		return -1;
	segment->protocol = byte[0];
	if (segment->protocol == PROTOCOL_UDP) {
		at += UDP_HEADER;
	} else {
		if (segment->protocol != PROTOCOL_TCP || bpf_skb_load_bytes(skb, at + TCP_SEQ_AT, &seq, 4) ||
		    bpf_skb_load_bytes(skb, at + TCP_OFF_AT, byte, 2))
			return -1;
		segment->syn = byte[1] & TCP_SYN;
		segment->seq = __builtin_bswap32(seq) + (segment->syn ? 1 : 0);
		at += (byte[0] >> 4) * 4;
	}
	segment->at = at;
	segment->len = skb->len > at ? skb->len - at : 0;
	return 0;
}

struct tls_feed {
	struct __sk_buff *skb;
	struct tls_reader *reader;
	u32 at;	  /* of the piece, in the packet */
	u32 from; /* and in the stream */
	u32 len;
	u32 pad;
};

/* bpf_loop's body: one window, or what the packet has of it. */
static long tls__feed_window(u32 turn, struct tls_feed *feed)
{
	struct tls_reader *reader = feed->reader;
	u32 skip = 0, last, have;

	last = tls_wants(reader, feed->from, feed->len, &skip) - 1;
	have = reader->have & (TLS_WINDOW_BYTES - 1);
	barrier_var(last); /* else 6.1 takes the number of bytes for one that may be 0 */
	if (last >= TLS_WINDOW_BYTES)
		return 1;
	if (bpf_skb_load_bytes(feed->skb, feed->at + skip, reader->bytes + have, last + 1))
		return 1;
	tls_took(reader, last + 1);
	return 0;
}

#define TLS_WINDOWS 96 /* of one packet: a hello has some 20 extensions */

/* A piece of the stream goes to its reader. Global, as what steps through a hello is long: verified once. */
__attribute__((noinline)) int tls__feed(struct __sk_buff *skb, struct tls_reader *reader, u32 at, u32 from,
					u32 len)
{
	struct tls_feed feed = {.skb = skb, .reader = reader, .at = at, .from = from, .len = len};

	if (!reader)
		return 0;
	bpf_loop(TLS_WINDOWS, tls__feed_window, &feed, 0);
	return 0;
}

/* Does a client's hello begin with this packet? At the very beginning, it may come byte by byte. */
static __always_inline bool tls__begins(struct __sk_buff *skb, const struct tls_segment *segment, bool first)
{
	u8 head[TLS_HEAD_BYTES] = {};

	if (segment->len >= TLS_HEAD_BYTES)
		return !bpf_skb_load_bytes(skb, segment->at, head, sizeof(head)) &&
		       tls_is_head(head, sizeof(head), TLS_CLIENT_HELLO);
	return first && !bpf_skb_load_bytes(skb, segment->at, head, 1) && head[0] == TLS_HANDSHAKE;
}

static __always_inline struct bpf_tcp_sock *tls__tcp(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	return sk ? bpf_tcp_sock(sk) : NULL;
}

/* in: sequence number of the next byte to arrive, or of the first of the hello. */
static __always_inline void tls__begin(struct tls_state *state, u32 in)
{
	state->plain = state->out_end < SHOWN_PLAIN_MAX ? state->out_end : SHOWN_PLAIN_MAX;
	state->out_base += state->out_end;
	state->in_base = in;
	state->out_end = state->in_end = 0;
	tls_begin(&state->client, TLS_CLIENT_HELLO);
	tls_begin(&state->server, TLS_SERVER_HELLO);
	state->begun = 1;
}

static __always_inline u32 tls__shows(const struct tls_state *state, u32 kind)
{
	return kind | state->plain << SHOWN_PLAIN_SHIFT;
}

static __always_inline u32 tls__plain(u32 bytes)
{
	return SHOWN_PLAIN | (bytes < SHOWN_PLAIN_MAX ? bytes : SHOWN_PLAIN_MAX) << SHOWN_PLAIN_SHIFT;
}

/* What the socket shows from now on. */
static __always_inline u32 tls__settle(u64 cookie, u32 shown)
{
	struct socket_label *label = bpf_map_lookup_elem(&labels_by_socket, &cookie);

	if (label)
		label->shown = shown;
	if (!shown)
		bpf_map_delete_elem(&tls_by_socket, &cookie);
	return shown;
}

/* Once the server's hello has been read as far as it came. What is not over yet is SHOWN_OPENING. */
static __always_inline u32 tls__read(struct tls_state *state, u64 cookie)
{
	if (state->client.step == TLS_STEP_BAD || state->server.step == TLS_STEP_BAD)
		return tls__settle(cookie, SHOWN_NOTHING);
	if (state->server.step == TLS_STEP_DONE)
		return tls__settle(cookie, tls__shows(state, state->server.version));
	return tls__shows(state, SHOWN_OPENING);
}

/* A datagram: QUIC, if it or one before by the socket is an Initial packet. */
static __always_inline u32 tls__datagram(struct __sk_buff *skb, const struct tls_segment *segment, u64 cookie,
					 struct socket_label *label)
{
	u8 head[QUIC_HEAD_BYTES];

	if (bpf_skb_load_bytes(skb, segment->at, head, sizeof(head)))
		return SHOWN_NOTHING;
	if (label->shown == SHOWN_QUIC)
		return tls_is_quic(head) ? SHOWN_QUIC : SHOWN_NOTHING;
	if (!tls_is_quic_initial(head, segment->len))
		return SHOWN_NOTHING;
	label->shown = SHOWN_QUIC;
	return SHOWN_QUIC;
}

/* Bytes that leave before a hello of the client, or with it. Returns whether it has begun. */
static __always_inline bool tls__leaves_plain(struct __sk_buff *skb, struct tls_state *state,
					      const struct tls_segment *segment, u32 from)
{
	struct bpf_tcp_sock *tcp;

	if (from > state->out_end || from + segment->len <= state->out_end)
		return false;
	if (!state->accepts && from == state->out_end && tls__begins(skb, segment, !from)) {
		tcp = tls__tcp(skb);
		if (!tcp)
			return false;
		tls__begin(state, tcp->rcv_nxt);
		return true;
	}
	state->out_end = from + segment->len;
	return false;
}

/* A packet leaves: SHOWN_… of this packet. Empty ones carry nothing. */
__attribute__((noinline)) int tls__leaves(struct __sk_buff *skb, u64 cookie)
{
	struct socket_label *label = bpf_map_lookup_elem(&labels_by_socket, &cookie);
	struct tls_state *state = bpf_map_lookup_elem(&tls_by_socket, &cookie);
	struct tls_segment segment = {};
	struct tls_reader *reader;
	u32 from, shown;

	if (!label || tls__segment(skb, &segment))
		return SHOWN_NOTHING;
	if (segment.protocol == PROTOCOL_UDP)
		return tls__datagram(skb, &segment, cookie, label);
	if (!segment.len)
		return SHOWN_OPENING;
	if (!state || shown_kind(label->shown) != SHOWN_OPENING)
		return label->shown;
	from = segment.seq - state->out_base;
	if ((s32)from < 0) /* once more what went before */
		return tls__plain(state->plain);
	if (!state->begun) {
		if (!tls__leaves_plain(skb, state, &segment, from)) {
			shown = tls__plain(from + segment.len);
			if (state->out_end > TLS_PLAIN_FOLLOWED)
				tls__settle(cookie, SHOWN_NOTHING);
			return shown;
		}
		from = 0;
	}
	reader = state->accepts ? &state->server : &state->client;
	tls__feed(skb, reader, segment.at, from, segment.len);
	shown = tls__read(state, cookie);
	if (shown_kind(shown) != SHOWN_OPENING || from + segment.len <= tls_reach(reader))
		return shown;
	return tls__shows(state, SHOWN_EARLY);
}

/* TCP has taken what we have not seen. */
static __always_inline bool tls__has_missed(struct __sk_buff *skb, const struct tls_state *state)
{
	struct bpf_tcp_sock *tcp = tls__tcp(skb);

	return !tcp || (s32)(tcp->rcv_nxt - state->in_base - state->in_end) > 0;
}

/* A client's hello arrives, in its turn: what came with the packet that made the connection was not seen here. */
static __always_inline bool tls__arrives_first(struct __sk_buff *skb, struct tls_state *state,
					       const struct tls_segment *segment)
{
	struct bpf_tcp_sock *tcp = tls__tcp(skb);

	if (!tcp || segment->seq != tcp->rcv_nxt ||
	    !tls__begins(skb, segment, segment->seq == state->in_base))
		return false;
	tls__begin(state, segment->seq);
	return true;
}

/* A packet arrives. 1; 0 drops it: it came before its turn, and would not be seen again; TCP sends it once more. */
__attribute__((noinline)) int tls__arrives(struct __sk_buff *skb, u64 cookie)
{
	struct tls_state *state = bpf_map_lookup_elem(&tls_by_socket, &cookie);
	struct tls_segment segment = {};
	u32 from, skip;

	if (!state || (!state->begun && !state->accepts) || tls__segment(skb, &segment) ||
	    segment.protocol != PROTOCOL_TCP || !segment.len)
		return 1;
	if (!state->begun && !tls__arrives_first(skb, state, &segment))
		return 1;
	from = segment.seq - state->in_base;
	skip = (s32)from < 0 ? -from : 0;
	if (skip >= segment.len)
		return 1;
	segment.at += skip;
	segment.len -= skip;
	from += skip;
	if (from > state->in_end) {
		if (!tls__has_missed(skb, state))
			return 0;
		tls__settle(cookie, SHOWN_NOTHING);
		return 1;
	}
	if (from + segment.len > state->in_end)
		state->in_end = from + segment.len;
	tls__feed(skb, state->accepts ? &state->client : &state->server, segment.at, from, segment.len);
	tls__read(state, cookie);
	return 1;
}

/* --- calls --- */

/* The first bytes of a message, where they can be looked at without a fault: how many, up to TLS_HEAD_BYTES. 0: not. */
static __noinline u32 tls__peek(struct msghdr *message, u8 *head)
{
	struct iov_iter *iter = &message->msg_iter;
	u32 kind = BPF_CORE_READ(iter, iter_type);
	const struct iovec *part;
	const char *base = NULL;
	u64 len = 0;

	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    kind == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		base = BPF_CORE_READ(iter, ubuf);
		len = BPF_CORE_READ(iter, count);
	} else if (kind == bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		if (bpf_core_field_exists(iter->__iov))
			part = BPF_CORE_READ(iter, __iov);
		else
			part = BPF_CORE_READ((struct iov_iter___old *)iter, iov);
		base = BPF_CORE_READ(part, iov_base);
		len = BPF_CORE_READ(part, iov_len);
	}
	if (!base || !len)
		return 0;
	base += BPF_CORE_READ(iter, iov_offset);
	if (len < TLS_HEAD_BYTES)
		return bpf_probe_read_user(head, 1, base) ? 0 : 1;
	return bpf_probe_read_user(head, TLS_HEAD_BYTES, base) ? 0 : TLS_HEAD_BYTES;
}

/* A datagram is to be sent: may it be QUIC, as far as can be seen? */
static __always_inline u32 tls__asks_datagram(const struct socket_label *label, const u8 *head, u32 n,
					      u64 bytes)
{
	if (n < QUIC_HEAD_BYTES)
		return SHOWN_QUIC;
	if (label->shown == SHOWN_QUIC)
		return tls_is_quic(head) ? SHOWN_QUIC : SHOWN_NOTHING;
	return tls_is_quic_initial(head, bytes) ? SHOWN_QUIC : SHOWN_NOTHING;
}

/* Something is to be sent on a connection that TLS has not been seen on yet. */
static __always_inline u32 tls__asks_stream(u64 cookie, const u8 *head, u32 n, u64 bytes)
{
	struct tls_state *state = bpf_map_lookup_elem(&tls_by_socket, &cookie);
	u32 plain;

	if (!state)
		return SHOWN_NOTHING;
	if (state->begun)
		return tls__shows(state, SHOWN_OPENING);
	plain = state->out_end;
	if (!state->accepts && tls_is_head(head, n, TLS_CLIENT_HELLO))
		return SHOWN_OPENING | (plain < SHOWN_PLAIN_MAX ? plain : SHOWN_PLAIN_MAX)
					       << SHOWN_PLAIN_SHIFT;
	return tls__plain(bytes < SHOWN_PLAIN_MAX ? plain + bytes : SHOWN_PLAIN_MAX);
}

#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3

/* The current process sends by the socket: SHOWN_… of what it sends, as far as can be seen. The packets are looked at, too. */
static __noinline u32 tls__asks(struct sock *sk, struct msghdr *message, struct socket_label *label,
				u64 bytes)
{
	u32 shown = label->shown, n;
	u8 head[8] = {};

	if (shown_kind(shown) >= TLS_1_0)
		return shown;
	n = message ? tls__peek(message, head) : 0;
	if (sk->sk_type == SOCKET_DGRAM)
		return tls__asks_datagram(label, head, n, bytes);
	if (sk->__sk_common.skc_state == TCP_SYN_SENT || sk->__sk_common.skc_state == TCP_SYN_RECV)
		return SHOWN_OPENING;
	return shown == SHOWN_OPENING ? tls__asks_stream(sk->__sk_common.skc_cookie.counter, head, n, bytes)
				      : SHOWN_NOTHING;
}

#endif
