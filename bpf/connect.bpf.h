/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections with `tracing`, by programs of a cgroup: these can refuse, but know no task storage. So what a process holds,
 * and its roles when it came to hold it, are kept once more by its number, as tracepoints learn of them. A connection from
 * before it read a record is not seen.
 */
#ifndef MUNIMENT_CONNECT_BPF_H
#define MUNIMENT_CONNECT_BPF_H

struct traced {
	u64 start_ns; /* of the process: numbers are used again */
	u64 label;    /* what it holds or serves */
	struct role_set roles;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct traced);
} labels_by_tgid SEC(".maps");

static __always_inline struct traced *connect__find(struct task_struct *task)
{
	u32 tgid = task->tgid;
	struct traced *traced = bpf_map_lookup_elem(&labels_by_tgid, &tgid);

	return traced && traced->start_ns == task->group_leader->start_boottime ? traced : NULL;
}

/* The current process may have come to hold something. */
static __noinline int connect__note(struct task_struct *task)
{
	u64 label = label__of(task) | label__served(task);
	struct traced *known = connect__find(task), traced = {};
	u32 tgid = task->tgid;

	if (!(label & ~(known ? known->label : 0)))
		return 0;
	traced.start_ns = task->group_leader->start_boottime;
	traced.label = label;
	actor__own_roles(epoch_slot(maps__epoch()), &traced.roles);
	if (bpf_map_update_elem(&labels_by_tgid, &tgid, &traced, BPF_ANY))
		count(COUNTER_UNLABELLED);
	return 0;
}

/* A child holds what its parent does. */
static __always_inline void connect__forked(struct task_struct *parent, struct task_struct *child)
{
	struct traced *known = control.labels ? connect__find(parent) : NULL, traced;
	u32 tgid = child->tgid;

	if (!known || child->tgid == parent->tgid)
		return;
	traced = *known;
	traced.start_ns = child->start_boottime;
	if (bpf_map_update_elem(&labels_by_tgid, &tgid, &traced, BPF_ANY))
		count(COUNTER_UNLABELLED);
}

/* The store that keeps its data here goes into the ledger; nothing else was asked. */
static __noinline int connect__settle(struct egress *e)
{
	struct access access = egress__access(e);

	if (actor__login_uid(bpf_get_current_task_btf()) != ID_UNSET)
		access.flags |= RECORD_FLAG_BY_LOGIN;
	if (account__is_foldable(&access))
		account__fold_sent(&e->peer, &access);
	emit__bare(&access, NULL, NULL, e->label, &e->peer);
	return access.enforced == ENFORCED_ALLOWED;
}

/* May the current process connect, or send a datagram, to the peer of this case? 1 or 0. */
static __noinline int connect__may(struct egress *e, u64 label)
{
	struct egress_loop loop = {.e = e, .label = label};

	e->slot = epoch_slot(maps__epoch());
	e->label = label;
	e->now_ns = bpf_ktime_get_boot_ns();
	bpf_loop(STORES_MAX, egress__refuses, &loop, 0);
	return loop.denied ? connect__settle(e) : 1;
}

static __always_inline int connect__ask(struct bpf_sock_addr *ctx, struct egress *e)
{
	struct traced *known = control.labels ? connect__find(bpf_get_current_task_btf()) : NULL;

	e->mechanism = MECHANISM_CGROUP;
	e->peer.family = ctx->family;
	e->peer.type = ctx->type;
	e->peer.protocol = ctx->protocol;
	e->peer.port = __builtin_bswap16((u16)ctx->user_port);
	if (!known || !maps__speaks())
		return 1;
	e->dns = dns__look(&e->peer, epoch_slot(maps__epoch())); /* how much is sent is not known here */
	if (egress__is_local(e->peer.address) && e->dns <= DNS_LISTED)
		return 1;
	e->roles = known->roles;
	return connect__may(e, known->label);
}

static __always_inline int connect__ask_ipv4(struct bpf_sock_addr *ctx, u32 hook)
{
	struct egress e = {.hook = hook};

	egress__set_ipv4(e.peer.address, ctx->user_ip4);
	return connect__ask(ctx, &e);
}

static __always_inline int connect__ask_ipv6(struct bpf_sock_addr *ctx, u32 hook)
{
	struct egress e = {.hook = hook};
	u32 *address = (u32 *)e.peer.address;

	address[0] = ctx->user_ip6[0];
	address[1] = ctx->user_ip6[1];
	address[2] = ctx->user_ip6[2];
	address[3] = ctx->user_ip6[3];
	return connect__ask(ctx, &e);
}

#endif
