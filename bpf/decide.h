/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The decision: who may do what to a store. Pure functions over plain structs, the only place that knows
 * these rules. Compiled for BPF (bpf/access.bpf.h) and for user space (policy_explain, tests): the same code
 * answers both.
 */
#ifndef MUNIMENT_DECIDE_H
#define MUNIMENT_DECIDE_H

#include "abi.h"

/* linux/in.h, linux/net.h: for both sides. */
#define PROTOCOL_TCP  6
#define PROTOCOL_UDP  17
#define SOCKET_STREAM 1
#define SOCKET_DGRAM  2

/* The roles that accept an actor, dimension by dimension. A role holds only when every dimension accepts it.
 */
struct decide_actor {
	struct role_set by_user;
	struct role_set by_group;
	struct role_set by_program;
	struct role_set now;
};

/* One dimension more: of these roles, those that it accepts. */
static inline __attribute__((always_inline)) void decide_narrow(struct role_set *roles,
								const struct role_set *accepted)
{
	for (int i = 0; i < ROLE_WORDS; i++)
		roles->words[i] &= accepted->words[i];
}

static inline __attribute__((always_inline)) void decide_roles(const struct decide_actor *actor,
							       struct role_set *ret_roles)
{
	*ret_roles = actor->now;
	decide_narrow(ret_roles, &actor->by_user);
	decide_narrow(ret_roles, &actor->by_group);
	decide_narrow(ret_roles, &actor->by_program);
}

/* 1 when the sets share a role, else 0. Without a branch, as is all that the verifier would follow both ways,
 * once per role. */
static inline __attribute__((always_inline)) __u32 decide_meets(const struct role_set *a,
								const struct role_set *b)
{
	__u64 both = 0;

	for (int i = 0; i < ROLE_WORDS; i++)
		both |= a->words[i] & b->words[i];
	return (__u32)((both | (0 - both)) >> 63);
}

/* The operations that these roles may do in a store, as a mask of OPERATION_BIT. Nothing is granted by
 * default. */
static inline __attribute__((always_inline)) __u32 decide_granted(const struct store_rules *rules,
								  const struct role_set *roles)
{
	__u32 granted = 0;

	for (int op = OPERATION_LIST; op < OPERATION_END; op++)
		granted |= decide_meets(&rules->granted[op], roles) << op;
	return granted;
}

/* Of what a process holds, that which this store's data may not meet; 0: it may read. */
static inline __attribute__((always_inline)) __u64 decide_apart(const struct store_rules *rules, __u64 label)
{
	return rules->apart & label;
}

/*
 * What `copies` says of a copy on these media (MEDIUM_BITs), by its words on media and, where it has none on any of them,
 * by its `else`: 0 that it may lie there, or a reason. named: one of its paths, or one of `declassify`, has the place; that
 * counts for more than `else` and `unencrypted`, but whoever can mount something there says nothing by it.
 */
static inline __attribute__((always_inline)) __u32 decide_copy(__u32 otherwise, __u32 words, __u32 media,
							       __u32 named)
{
	__u32 strictest = 0, reason = 0;

	for (__u32 medium = 0; medium < MEDIA_END; medium++) {
		__u32 word = media_word(words, medium);

		if (!(media & MEDIUM_BIT(medium)) || word <= strictest ||
		    (named && medium == MEDIUM_UNENCRYPTED))
			continue;
		strictest = word;
		reason = word > COPIES_ALLOW + 1 ? REASON_REMOVABLE + medium : 0;
	}
	if (strictest || named)
		return reason;
	return otherwise == COPIES_ALLOW ? 0 : REASON_COPIES;
}

/* The word (enum copies) behind that reason; of a copy that may lie there, the strictest of all. */
static inline __attribute__((always_inline)) __u32 decide_copy_word(__u32 otherwise, __u32 words,
								    __u32 reason)
{
	if (reason >= REASON_REMOVABLE && reason < REASON_REMOVABLE + MEDIA_END)
		return media_word(words, reason - REASON_REMOVABLE) - 1;
	/* both bits of a word are set in COPIES_DENY + 1 */
	return reason != REASON_COPIES && words & words >> 1 & 0x55 ? COPIES_DENY : otherwise;
}

/* Does this endpoint's network, which the peer is in, stand for the peer? */
static inline __attribute__((always_inline)) __u32 decide_endpoint(const struct endpoint *endpoint,
								   const struct peer *peer)
{
	__u32 protocol = peer->protocol == PROTOCOL_TCP && peer->type == SOCKET_STREAM	? ENDPOINT_TCP
			 : peer->protocol == PROTOCOL_UDP && peer->type == SOCKET_DGRAM ? ENDPOINT_UDP
											: 0;

	return endpoint->protocols & protocol && peer->port >= endpoint->port_first &&
	       peer->port <= endpoint->port_last;
}

/* Whose data an agreement lets these roles send to its endpoints at that time (boot nanoseconds): labels. */
static inline __attribute__((always_inline)) __u64 decide_agreed(const struct agreement_rules *rules,
								 const struct role_set *roles, __u64 now_ns)
{
	return now_ns < rules->until_ns && (rules->any_role || decide_meets(&rules->roles, roles))
		       ? rules->stores
		       : 0;
}

/* May an agreement's receiver be in these regions, of which he is in each? */
static inline __attribute__((always_inline)) __u32 decide_region(const struct agreement_rules *rules,
								 __u64 regions)
{
	return !rules->regions || rules->regions & regions;
}

/* May TLS begin later at this port of the service? Without a branch, like decide_meets. */
static inline __attribute__((always_inline)) __u32 decide_starttls(const struct agreement_limits *limits,
								   __u32 port)
{
	__u64 listed = 0;

	for (int i = 0; i < STARTTLS_MAX; i++)
		listed |= (__u64)(limits->starttls[i] ^ port) - 1; /* below 0 where they are the same */
	return port && listed >> 63;
}

/* How much may go before TLS is asked for, at the ports of `starttls`: greetings are shorter. RFC 5321, 4.5.3.1.4 gives a
 * command 512 bytes. */
#define STARTTLS_PLAIN_MAX 1024u

/*
 * May what the socket's packets have shown (SHOWN_…) go under the agreement? port: the service's, in the host's order. 1 or
 * 0. Versions: RFC 8446, 4.2.1; QUIC has none below TLS 1.3 (RFC 9001, 4.2).
 */
static inline __attribute__((always_inline)) __u32 decide_tls(const struct agreement_limits *limits,
							      __u32 shown, __u32 port)
{
	__u32 kind = shown_kind(shown), plain = shown_plain(shown);

	if (!limits->tls)
		return 1;
	if (plain && (plain > STARTTLS_PLAIN_MAX || !decide_starttls(limits, port)))
		return 0;
	if (kind == SHOWN_QUIC)
		return limits->quic != 0;
	return kind == SHOWN_OPENING || (kind == SHOWN_PLAIN && plain) ||
	       (kind >= limits->tls && kind <= TLS_1_3);
}

/* Why it may not: the version is known, or it is none. */
static inline __attribute__((always_inline)) __u32 decide_tls_reason(__u32 shown)
{
	return shown_kind(shown) >= TLS_1_0 ? REASON_TLS_VERSION : REASON_NOT_TLS;
}

/* The number of the window of an agreement with max_bytes at that time (boot nanoseconds). */
static inline __attribute__((always_inline)) __u64 decide_window(const struct agreement_limits *limits,
								 __u64 now_ns)
{
	return limits->window_ns ? (now_ns + limits->clock_ns) / limits->window_ns : 0;
}

/* What was sent in the window: nothing yet in a new one. A clock that was set back goes on with the window it was in. */
static inline __attribute__((always_inline)) __u64 decide_used(const struct volume *volume, __u64 window)
{
	return window > volume->window ? 0 : volume->total - volume->base;
}

/* Do so many bytes more fit below the agreement's max_bytes? None always do. 1 or 0. */
static inline __attribute__((always_inline)) __u32 decide_fits(const struct agreement_limits *limits,
							       __u64 used, __u64 bytes)
{
	return !limits->max_bytes || !bytes ||
	       (used <= limits->max_bytes && bytes <= limits->max_bytes - used);
}

/* Every operation of a combined access must be granted; one that asks for nothing is denied. */
static inline __attribute__((always_inline)) __u32 decide_verdict(__u32 operations, __u32 granted)
{
	return operations && !(operations & ~granted) ? VERDICT_ALLOW : VERDICT_DENY;
}

/* What a wanted verdict comes to in a store of this mode under a mechanism that can or cannot prevent. */
static inline __attribute__((always_inline)) __u32 decide_enforced(__u32 wanted, __u32 mode, __u32 mechanism)
{
	if (wanted == VERDICT_ALLOW || mode != STORE_MODE_ENFORCE)
		return ENFORCED_ALLOWED;
	return mechanism == MECHANISM_TRACING ? ENFORCED_STOPPED : ENFORCED_DENIED;
}

#define GROUP_ADDRESS                                                                                        \
	(1ull << 63) /* of the kernel: an mm_struct's; no other key of a memory_group has that bit */

static inline __attribute__((always_inline)) __u64 decide_group_mix(__u64 value)
{
	value = (value ^ value >> 29) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 32) * 0x94d049bb133111ebull;
	return (value ^ value >> 31) & ~(GROUP_ADDRESS | GROUP_SERVED);
}

/* The memory_group of who maps a file. Not by address: it may leave the memory and come back. */
static inline __attribute__((always_inline)) __u64 decide_group_of_file(const struct object_id *id)
{
	__u64 rest = (__u64)id->dev << 32 | id->generation;

	return decide_group_mix(id->ino * 0x9e3779b97f4a7c15ull ^ rest);
}

/* The bit that stands for a number in a filter of FILTER_WORDS words: multiplicative hashing, so that
 * neighbours spread. */
static inline __attribute__((always_inline)) __u32 decide_filter_bit(__u64 number)
{
	return (__u32)((number * 0x9e3779b97f4a7c15ull) >> 55);
}

#endif
