/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers of resolvers, as their packets arrive (answers.h), and the questions before, as they leave: by those an answer is
 * known to belong to a process, and to be one of the resolver that it asked. What follows is answered.bpf.h's. Only datagrams
 * of port 53: what is asked over TCP, TLS or HTTP, or of a service on this host by other means, is not known.
 */
#ifndef MUNIMENT_ANSWERS_BPF_H
#define MUNIMENT_ANSWERS_BPF_H

#include "bpf/answers.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct question_key);
	__type(value, struct question);
} questions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * ENDPOINTS_MAX);
	__type(key, struct name_key);
	__type(value, struct name_rules);
} names_agreed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 64);
	__type(key, struct network_key);
	__type(value, u32);
} special_networks SEC(".maps");

/* Packets arrive in softirqs, of which a CPU runs one at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct answers_reader);
} answers_read SEC(".maps");

/* An answer holds for no shorter than that, as programs take a while to connect; and for no longer. */
#define ANSWERED_MIN_S 30
#define ANSWERED_MAX_S 3600

#define LOOPBACK_IFINDEX 1 /* in every network namespace */

/* Most sockets know their peer's port, which tells without a look at the packet. */
static __always_inline bool answers__may_be(struct __sk_buff *skb)
{
	u32 port = __builtin_bswap32(skb->remote_port);

	return !port || port == PORT_DNS;
}

/* The key of what goes between a socket and a listed resolver, in either direction; *ret_at: where the message begins. 0, or
 * -1: it goes between others. */
static __always_inline int answers__key(struct __sk_buff *skb, bool arrives, struct question_key *key,
					u32 *ret_at)
{
	struct packet packet = {};
	struct tls_segment segment = {};
	u32 slot = epoch_slot(maps__epoch());
	u16 id = 0;

	if (!answered__counts(slot) || packet__read(skb, &packet) || packet.protocol != PROTOCOL_UDP ||
	    (arrives ? packet.from_port : packet.to_port) != PORT_DNS)
		return -1;
	__builtin_memcpy(key->resolver, arrives ? packet.from : packet.to, sizeof(key->resolver));
	if (!dns__is_listed(key->resolver, PORT_DNS, slot) || tls__segment(skb, &segment) ||
	    bpf_skb_load_bytes(skb, segment.at, &id, sizeof(id)))
		return -1;
	key->socket = bpf_get_socket_cookie(skb);
	key->id = id;
	*ret_at = segment.at;
	return 0;
}

/* A question leaves: the current process asks. */
__attribute__((noinline)) int answers__leaves(struct __sk_buff *skb)
{
	struct question question = {.on_loopback = skb->ifindex == LOOPBACK_IFINDEX};
	struct question_key key = {};
	u32 at;

	if (answers__key(skb, false, &key, &at))
		return 0;
	question.who = answered__who(bpf_get_current_task_btf());
	if (bpf_map_update_elem(&questions, &key, &question, BPF_ANY))
		count(COUNTER_NO_CACHE);
	return 0;
}

struct answers_feed {
	struct __sk_buff *skb;
	struct answers_reader *reader;
	u64 at; /* of the message, in the packet */
};

/* Global, as what reads a window is long: verified once. */
__attribute__((noinline)) int answers__step(struct answers_reader *reader)
{
	if (!reader)
		return 1;
	answers_step(reader);
	return answers_is_over(reader);
}

/* bpf_loop's body: one window. */
static long answers__read_window(u32 turn, struct answers_feed *feed)
{
	struct answers_reader *reader = feed->reader;
	u32 last = reader->want - 1;

	barrier_var(last); /* else 6.1 takes the number of bytes for one that may be 0 */
	if (last >= ANSWERS_WINDOW)
		return 1;
	if (bpf_skb_load_bytes(feed->skb, feed->at + reader->at, reader->bytes, last + 1))
		return 1;
	return answers__step(reader) != 0;
}

/*
 * Keeps one address for whom it was answered. Whoever owns a name can have it lead to addresses of this host, or into the
 * network that it lies in (DNS rebinding): those are not taken, by the rules of the daemon.
 */
__attribute__((noinline)) int answers__keep(struct answers_reader *reader, u32 i, u64 who,
					    struct name_rules *rules)
{
	struct network_key network = {.bits = 32 + 128};
	struct answer_key key = {.who = who};
	u32 *special, is_private;
	u64 until_ns;

	if (!reader || !rules || i >= ANSWERS_RECORDS)
		return 0;
	__builtin_memcpy(key.address, reader->addresses[i].address, sizeof(key.address));
	__builtin_memcpy(network.address, reader->addresses[i].address, sizeof(network.address));
	special = bpf_map_lookup_elem(&special_networks, &network);
	is_private = special && *special == SPECIAL_PRIVATE;
	if ((special && *special == SPECIAL_REFUSED) || is_private != rules->is_private)
		return 0;
	until_ns = reader->addresses[i].ttl_s;
	until_ns = until_ns < ANSWERED_MIN_S   ? ANSWERED_MIN_S
		   : until_ns > ANSWERED_MAX_S ? ANSWERED_MAX_S
					       : until_ns;
	until_ns = bpf_ktime_get_boot_ns() + until_ns * 1000000000ull;
	key.name = rules->id;
	bpf_map_update_elem(&answers_by_asker, &key, &until_ns, BPF_ANY);
	key.who = key.name = 0;
	bpf_map_update_elem(&answers_by_asker, &key, &until_ns, BPF_ANY);
	return 0;
}

/* Reads the message at that place of the packet, for the process that asked. */
static __noinline int answers__read(struct __sk_buff *skb, u32 at, u64 who)
{
	struct answers_feed feed = {.skb = skb, .at = at};
	struct answers_reader *reader;
	struct name_rules *rules;
	u32 zero = 0;

	reader = bpf_map_lookup_elem(&answers_read, &zero);
	if (!reader)
		return 0;
	__builtin_memset(reader, 0, offsetof(struct answers_reader, addresses));
	reader->name.slot = epoch_slot(maps__epoch());
	answers_begin(reader, skb->len - at);
	feed.reader = reader;
	bpf_loop(ANSWERS_STEPS, answers__read_window, &feed, 0);
	if (reader->step != ANSWERS_DONE)
		return 0;
	rules = bpf_map_lookup_elem(&names_agreed, &reader->name);
	for (u32 i = 0; rules && i < ANSWERS_RECORDS && i < reader->n; i++)
		answers__keep(reader, i, who, rules);
	return 0;
}

/*
 * Something arrives from where resolvers answer. Only the first answer to a question counts; and what comes by loopback is none
 * of a resolver elsewhere, though it bear its address.
 */
__attribute__((noinline)) int answers__arrives(struct __sk_buff *skb)
{
	struct question_key key = {};
	struct question *question;
	u32 at, on_loopback;
	u64 who;

	if (answers__key(skb, true, &key, &at))
		return 0;
	question = bpf_map_lookup_elem(&questions, &key);
	if (!question)
		return 0;
	who = question->who;
	on_loopback = question->on_loopback;
	if (on_loopback != (skb->ifindex == LOOPBACK_IFINDEX))
		return 0;
	bpf_map_delete_elem(&questions, &key);
	return answers__read(skb, at, who);
}

#endif
