/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where names of agreements lead by what resolvers answered a process, beside the addresses that the daemon found
 * (`dns: {answers: true}`): kept by answers.bpf.h, asked for by egress.bpf.h. What a process was answered counts for it and its
 * children, until its time is over; and for a stream that was connected or sent on by then, as long as that is there.
 */
#ifndef MUNIMENT_ANSWERED_BPF_H
#define MUNIMENT_ANSWERED_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct answer_key);
	__type(value, u64);
} answers_by_asker SEC(".maps");

/* Index: slot. The endpoints that are names, in the order of the policy. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct endpoint_list);
} named_endpoints SEC(".maps");

static __always_inline bool answered__counts(u32 slot)
{
	return control.wire & WIRE_ANSWERS && control.slots[slot & 1].flows & FLOW_ANSWERS;
}

/* A number of no other process: PIDs are used again, but not within the same nanosecond of 73 minutes. Cookies of sockets
 * have no such first bit. */
static __always_inline u64 answered__who(struct task_struct *task)
{
	return task->group_leader->start_boottime << 22 | task->tgid | 1ull << 63;
}

/* Until when it holds that the name leads to the peer, by what `who` was answered; 0: it does not. */
static __always_inline u64 answered__until(const struct egress *e, struct answer_key *key, u64 who)
{
	u64 *until_ns;

	key->who = who;
	until_ns = bpf_map_lookup_elem(&answers_by_asker, key);
	return until_ns && *until_ns > e->now_ns ? *until_ns : 0;
}

/*
 * Does the name lead to the peer, by what the current process or its parent was answered, or by what was when the socket was
 * used first? Then e->name and e->until_ns are set. Where packets are decided, there is no process, and no hook. Global:
 * verified once.
 */
__attribute__((noinline)) int answered__leads(struct egress *e, u64 name)
{
	struct answer_key key = {.name = name};
	struct task_struct *task;
	u64 until_ns = 0;

	if (!e || !name)
		return 0;
	__builtin_memcpy(key.address, e->peer.address, sizeof(key.address));
	if (e->cookie && e->hook != HOOK_SOCKET_CONNECT)
		until_ns = answered__until(e, &key, e->cookie);
	if (!until_ns && e->hook) {
		task = bpf_get_current_task_btf();
		until_ns = answered__until(e, &key, answered__who(task));
		if (!until_ns)
			until_ns = answered__until(e, &key, answered__who(task->real_parent));
		if (until_ns && e->peer.type == SOCKET_STREAM)
			until_ns = ~0ull;
		key.who = e->cookie;
		if (until_ns && key.who && bpf_map_update_elem(&answers_by_asker, &key, &until_ns, BPF_ANY))
			until_ns = 0; /* its packets would be dropped */
	}
	if (!until_ns)
		return 0;
	e->name = name;
	e->until_ns = until_ns;
	return 1;
}

/* Was somebody answered that address for a name? */
static __noinline bool answered__is_known(const u8 *address)
{
	struct answer_key key = {};
	u64 *until_ns;

	__builtin_memcpy(key.address, address, sizeof(key.address));
	until_ns = bpf_map_lookup_elem(&answers_by_asker, &key);
	return until_ns && *until_ns > bpf_ktime_get_boot_ns();
}

#endif
