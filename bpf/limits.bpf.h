/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What agreements ask of what they let go, beside whereto and by whom: TLS (tls.bpf.h), and no more than so much
 * (volume.bpf.h). The global functions are verified once, not for whatever led to them.
 */
#ifndef MUNIMENT_LIMITS_BPF_H
#define MUNIMENT_LIMITS_BPF_H

/* Index: slot * AGREEMENTS_MAX + agreement. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * AGREEMENTS_MAX);
	__type(key, u32);
	__type(value, struct agreement_rules);
} agreements SEC(".maps");

/*
 * What is against sending under an agreement that covers it otherwise: enum reason, or 0. What a cgroup's programs decide
 * (`tracing`) cannot be counted, nor is it seen on the wire.
 */
__attribute__((noinline)) int limits__hinder(struct egress *e, struct agreement_limits *limits)
{
	u64 used = 0;

	if (!e || !limits)
		return 0;
	if (!decide_tls(limits, e->shown, e->service))
		return decide_tls_reason(e->shown);
	if (!limits->max_bytes || (volume__fits(limits, e->now_ns, e->bytes, &used) && !e->batch &&
				   e->mechanism != MECHANISM_CGROUP))
		return 0;
	if (!e->why)
		e->used = used;
	return REASON_LIMIT;
}

/* The limits of an agreement by its number, from 1. */
static __always_inline struct agreement_limits *limits__of(const struct egress *e, u32 agreement)
{
	u32 index = (e->slot & 1) * AGREEMENTS_MAX + ((agreement - 1) & (AGREEMENTS_MAX - 1));
	struct agreement_rules *rules = bpf_map_lookup_elem(&agreements, &index);

	return rules ? &rules->limits : NULL;
}

/*
 * The agreement that lets it go counts it, once, though it lets data of several stores go; or it does not fit any more. While
 * two loads speak, the newer counts.
 */
__attribute__((noinline)) int limits__charge(struct egress *e)
{
	struct agreement_limits *limits = e ? limits__of(e, e->agreement) : NULL;

	if (!limits || instance != control.instance || e->charged == e->agreement)
		return 0;
	if (volume__add(limits, e->now_ns, e->bytes, &e->used)) {
		e->charged = e->agreement;
		return 0;
	}
	e->why = REASON_LIMIT;
	e->missed = e->agreement;
	e->agreement = 0;
	return 0;
}

/* It does not go after all. Of what several agreements would let go, only the last one's is taken back. */
__attribute__((noinline)) int limits__take_back(struct egress *e)
{
	struct agreement_limits *limits = e ? limits__of(e, e->charged) : NULL;

	if (limits)
		volume__take_back(limits, e->bytes);
	return 0;
}

/* The name that the client's hello of the connection asked for. */
__attribute__((noinline)) int limits__name_server(struct egress *e, u64 cookie)
{
	struct tls_state *state = bpf_map_lookup_elem(&tls_by_socket, &cookie);

	if (e && state && state->client.name)
		e->server_name = (u64)state->client.bytes;
	return 0;
}

/* What the socket has shown of TLS, and what is about to be sent, where an agreement asks for it. Not inlined: its stack need
 * not add up with that of the decision. */
static __noinline int limits__look(struct egress *e, struct sock *sk, struct msghdr *message)
{
	struct socket_label *label = tls__is_asked() ? socket__find(sk) : NULL;
	u16 own;

	if (!label)
		return 0;
	e->shown = tls__asks(sk, message, label, e->bytes);
	own = sk->__sk_common.skc_num;
	barrier_var(own); /* else one load would serve for both */
	e->service = label->tls & LABEL_TLS_ACCEPTS ? own : e->peer.port;
	if (shown_kind(e->shown) < TLS_1_0 || label->tls & LABEL_TLS_TOLD)
		return 0;
	label->tls |= LABEL_TLS_TOLD;
	e->tells = 1;
	limits__name_server(e, sk->__sk_common.skc_cookie.counter);
	return 0;
}

#endif
