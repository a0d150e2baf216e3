/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Out of the host: what a process holds may go where an agreement of the policy says, by sockets of the internet. Whatever
 * else leads out (packet sockets, vsock …) is never agreed. What a process serves to others (`serves`) may go to whom it
 * has accepted, but where it connects to itself it is decided like the rest. Every function returns 0 to allow or -EPERM.
 */
#ifndef MUNIMENT_EGRESS_BPF_H
#define MUNIMENT_EGRESS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * ENDPOINTS_MAX);
	__type(key, struct network_key);
	__type(value, struct endpoint_list);
} endpoints_by_network SEC(".maps");

/* Index: slot * ENDPOINTS_MAX + endpoint. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * ENDPOINTS_MAX);
	__type(key, u32);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

/* Index: slot * AGREEMENTS_MAX + agreement. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * AGREEMENTS_MAX);
	__type(key, u32);
	__type(value, struct agreement_rules);
} agreements SEC(".maps");

/* --- where to --- */

static __always_inline void egress__set_ipv4(u8 *address, u32 ipv4)
{
	__builtin_memset(address, 0, 10);
	address[10] = address[11] = 0xff;
	__builtin_memcpy(address + 12, &ipv4, sizeof(ipv4));
}

/* Stays on this host, whatever the network namespace. The unspecified address stands for it, too (RFC 6890; and
 * ip_route_output_key, ip6_datagram_connect). */
static __always_inline bool egress__is_local(const u8 *address)
{
	const u64 *half = (const u64 *)address;
	const u32 *quarter = (const u32 *)address;
	u64 low = half[1];

	if (half[0])
		return false;
	if (quarter[2] == 0xffff0000) /* ::ffff:0:0/96, as the host sees it in its order */
		return address[12] == 127 || !quarter[3];
	return !low || low == 1ull << 56;
}

/* The other side that the socket knows. */
static __always_inline void egress__peer_of(struct sock *sk, struct peer *peer)
{
	if (peer->family == AF_INET)
		egress__set_ipv4(peer->address, sk->__sk_common.skc_daddr);
	else
		bpf_probe_read_kernel(peer->address, sizeof(peer->address), &sk->__sk_common.skc_v6_daddr);
	peer->port = __builtin_bswap16(sk->__sk_common.skc_dport);
}

struct address { /* struct sockaddr_in6, and over its beginning sockaddr_in */
	u16 family;
	u16 port;
	u32 ipv4; /* of IPv6, the flow */
	u8 ipv6[16];
};

/* The one that an address names, NULL: none. Returns false for an address that tells none: then the socket's counts. A name
 * of no family is one of IPv4 to IPv4 sockets only (udp_sendmsg, udpv6_sendmsg). */
static __always_inline bool egress__peer_named(const void *name, int size, struct peer *peer)
{
	struct address address = {};

	if (!name || size < 16 ||
	    bpf_probe_read_kernel(&address, size < (int)sizeof(address) ? 16 : sizeof(address), name))
		return false;
	if (address.family == AF_INET6 && peer->family == AF_INET6)
		__builtin_memcpy(peer->address, address.ipv6, sizeof(peer->address));
	else if (address.family == AF_INET || (!address.family && peer->family == AF_INET))
		egress__set_ipv4(peer->address, address.ipv4);
	else
		return false;
	peer->port = __builtin_bswap16(address.port);
	return true;
}

static __always_inline bool egress__is_internet(u32 family)
{
	return family == AF_INET || family == AF_INET6;
}

/* --- decision --- */

/* What loops work with; a pointer to what lies in a map's value is only known for one while it lies on the stack. */
struct egress_loop {
	struct egress *e;
	struct endpoint_list *list; /* of the peer's network, or NULL */
	u64 label;		    /* stores still to be asked about */
	u64 denied;		    /* not 0: one that enforces keeps its data here */
};

/* bpf_loop's body: one endpoint of the peer's network. Ends with the first whose agreement lets the store's data go. */
static long egress__ask(u32 turn, struct egress_loop *loop)
{
	struct endpoint_list *list = loop->list;
	struct egress *e = loop->e;
	struct agreement_rules *rules;
	struct endpoint *endpoint;
	u32 index;

	if (!list || turn >= ENDPOINTS_MAX)
		return 1;
	index = (e->slot & 1) * ENDPOINTS_MAX + list->index[turn];
	endpoint = bpf_map_lookup_elem(&endpoints, &index);
	if (!endpoint || !decide_endpoint(endpoint, &e->peer))
		return 0;
	index = (e->slot & 1) * AGREEMENTS_MAX + endpoint->agreement;
	rules = bpf_map_lookup_elem(&agreements, &index);
	if (!rules || !(decide_agreed(rules, &e->roles, e->now_ns) >> (e->bit & 63) & 1))
		return 0;
	e->agreement = endpoint->agreement + 1;
	return 1;
}

/* The number of the lowest bit of a label that is not 0. */
static __always_inline u32 egress__lowest(u64 label)
{
	u32 bit = 0;

	for (u32 step = 32; step; step >>= 1) {
		u32 none = !(label << (64 - step)); /* below */

		bit += none * step;
		label >>= none * step;
	}
	return bit;
}

/* Finds store, its rules, and agreement for the lowest bit of loop->label; the store may be none of the policy's. */
static __noinline int egress__decide(struct egress_loop *loop)
{
	struct egress *e = loop->e;
	u32 index, store, slot = e->slot & 1;
	struct store_rules *rules;

	e->bit = egress__lowest(loop->label);
	store = control.slots[slot].stores[e->bit & 63];
	e->store = store;
	e->agreement = 0;
	index = slot * STORE_IDS + store;
	rules = store < STORES_MAX ? bpf_map_lookup_elem(&rules_by_store, &index) : NULL;
	e->mode = rules ? rules->mode : STORE_MODE_INVALID;
	e->audit = rules ? rules->audit : STORE_AUDIT_BEST_EFFORT;
	if (rules && loop->list)
		bpf_loop(loop->list->n, egress__ask, loop, 0);
	return 0;
}

/* Records what was decided of the store at hand. 0, or -EPERM when it must not go. */
static __noinline int egress__settle(struct egress *e)
{
	struct access access = {.hook = e->hook,
				.mechanism = e->mechanism,
				.slot = e->slot & 1,
				.operations = OPERATION_BIT(OPERATION_SEND),
				.place.store = e->store,
				.detail = e->agreement,
				.actor = e->actor,
				.amount = e->bytes ? amount(AMOUNT_WRITTEN, e->bytes) : 0};
	bool agreed = e->agreement;

	access.wanted = agreed ? VERDICT_ALLOW : VERDICT_DENY;
	access.reason = agreed ? REASON_AGREED : REASON_NOT_AGREED;
	access.enforced = decide_enforced(access.wanted, e->mode, e->mechanism);
	access__tell_actor(&access);
	access.flags |= (e->mode != STORE_MODE_ENFORCE) * RECORD_FLAG_MONITOR;
	if (access.enforced != ENFORCED_ALLOWED)
		access.amount = 0; /* nothing goes */
	if (account__is_foldable(&access))
		account__fold_sent(&e->peer, &access);
	if (emit__bare(&access, NULL, e->label, &e->peer) && e->audit == STORE_AUDIT_REQUIRED &&
	    e->mode == STORE_MODE_ENFORCE)
		return -EPERM; /* no record, no access */
	return access.enforced == ENFORCED_ALLOWED ? 0 : -EPERM;
}

/* bpf_loop's body: one store. Ends with the first that keeps its data here. */
static long egress__refuses(u32 turn, struct egress_loop *loop)
{
	u64 label = loop->label;

	if (!label)
		return 1;
	egress__decide(loop);
	if (loop->e->mode == STORE_MODE_ENFORCE && !loop->e->agreement) {
		loop->denied = 1;
		return 1;
	}
	loop->label = label & (label - 1);
	return 0;
}

/* The same: one store that lets its data go, or is only monitored. */
static long egress__lets_go(u32 turn, struct egress_loop *loop)
{
	u64 label = loop->label;

	if (!label)
		return 1;
	egress__decide(loop);
	if (loop->e->mode != STORE_MODE_INVALID && egress__settle(loop->e)) {
		loop->denied = 1;
		return 1;
	}
	loop->label = label & (label - 1);
	return 0;
}

/* What agreements say of the peer's network. */
static __always_inline struct endpoint_list *egress__endpoints(struct egress *e)
{
	struct network_key key = {.bits = 32 + 128, .slot = e->slot & 1};

	e->now_ns = bpf_ktime_get_boot_ns();
	__builtin_memcpy(key.address, e->peer.address, sizeof(key.address));
	return egress__is_internet(e->peer.family) ? bpf_map_lookup_elem(&endpoints_by_network, &key) : NULL;
}

/* Where the current thread's case is written down; NULL: there was no memory, which is counted. */
static __always_inline struct egress *egress__new(struct sock *sk, u32 hook, u32 mechanism)
{
	struct actor_answer *actor = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0,
							  BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct egress *e;

	if (!actor) {
		count(COUNTER_NO_CACHE);
		return NULL;
	}
	e = &actor->egress;
	*e = (struct egress){.hook = hook,
			     .mechanism = mechanism,
			     .peer.family = sk->__sk_common.skc_family,
			     .peer.type = sk->sk_type,
			     .peer.protocol = sk->sk_protocol};
	return e;
}

/* The current process is about to send, or to connect, to e->peer. */
static __always_inline int egress__judge(struct egress *e, u64 label)
{
	struct egress_loop loop = {.e = e, .label = label};
	u64 epoch = maps__epoch();
	struct actor_answer *kept;

	if (!maps__speaks())
		return 0;
	e->slot = epoch_slot(epoch);
	e->label = label;
	e->actor = actor__granted(epoch, e->slot, 0, e->mechanism) >> 16;
	kept = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);
	if (kept && kept->epoch == epoch)
		e->roles = kept->roles;
	if (!(e->actor & ACTOR_ANNOUNCED))
		emit__announce(e->mechanism);
	loop.list = egress__endpoints(e);
	bpf_loop(STORES_MAX, egress__refuses, &loop, 0);
	if (loop.denied)
		return egress__settle(e);
	loop.label = label;
	bpf_loop(STORES_MAX, egress__lets_go, &loop, 0);
	return loop.denied ? -EPERM : 0;
}

/* --- sockets --- */

/* What must not leave by this socket but by agreement: what the process holds, and what it serves if it is it that asked
 * for the connection, or names the receiver. */
static __always_inline u64 egress__concerned(struct sock *sk, bool named)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 label = label__of(task), serves = label__served(task);
	struct socket_label *socket;

	if (!(serves & ~label))
		return label;
	socket = named ? NULL : socket__find(sk);
	return named || (socket && socket->active) ? label | serves : label;
}

/* What goes by the socket from now on, packet by packet: see wire.bpf.h. 0 or -EPERM. */
static __always_inline int egress__mark(struct sock *sk, u64 held, u64 concerned)
{
	struct socket_label *label = socket__label(sk);

	if (!label)
		return -EPERM;
	if (concerned & ~control.sent)
		__sync_fetch_and_or(&control.sent, concerned);
	if (held & ~label->sent)
		__sync_fetch_and_or(&label->sent, held);
	if (concerned & ~label->leaves)
		__sync_fetch_and_or(&label->leaves, concerned);
	return 0;
}

/* The kernel itself, which netlink sockets mostly talk to, is no receiver; nor are its ciphers. */
static __always_inline bool egress__is_kernels(u32 family, const void *name)
{
	u32 to[3] = {}; /* family, and the port's number and groups, of struct sockaddr_nl */

	if (family == AF_ALG)
		return true;
	if (family != AF_NETLINK)
		return false;
	return !name || (!bpf_probe_read_kernel(to, sizeof(to), name) && !to[1] && !to[2]);
}

/* By a socket of the internet, or of whatever else is not of this host. name: where to, or NULL. */
static __noinline int egress__send_by(struct sock *sk, const void *name, u32 size, u64 bytes, u32 mechanism)
{
	struct egress *e = egress__new(sk, HOOK_SOCKET_SENDMSG, mechanism);
	bool internet, named;
	u64 concerned;

	if (!e)
		return -EPERM;
	internet = egress__is_internet(e->peer.family);
	/* A stream that is connected goes where it is connected to, whatever the caller names. */
	if (e->peer.type == SOCKET_STREAM && sk->__sk_common.skc_state != TCP_CLOSED)
		name = NULL;
	named = internet && egress__peer_named(name, size, &e->peer);
	concerned = egress__concerned(sk, named);
	if (!concerned)
		return 0;
	if (!internet && egress__is_kernels(e->peer.family, name))
		return 0;
	if (internet && !named)
		egress__peer_of(sk, &e->peer);
	if (internet && egress__mark(sk, label__of(bpf_get_current_task_btf()), concerned))
		return -EPERM;
	e->bytes = bytes;
	return internet && egress__is_local(e->peer.address) ? 0 : egress__judge(e, concerned);
}

/* The current process sends. */
static __always_inline int egress__send(struct socket *socket, struct msghdr *message, int bytes,
					u32 mechanism)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_label *label;
	struct sock *sk;
	u64 *shared;

	if (!control.labels)
		return 0;
	label = label__find(task, 0);
	if (!label)
		return 0;
	shared = label__shared(label);
	if (!(label->stores | label->serves) && !(shared && *shared))
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	if (sk->__sk_common.skc_family == AF_UNIX)
		return socket__give_peer(sk) ? -EPERM : 0;
	return egress__send_by(sk, message->msg_name, message->msg_namelen, bytes, mechanism);
}

/* By sendfile and splice on Linux 6.1, where no hook can refuse: what must not leave is dropped on its way (wire.bpf.h). */
static __always_inline void egress__send_page(struct socket *socket, u64 bytes)
{
	struct sock *sk = socket->sk;
	struct socket_label *label;
	int err;

	if (!control.labels || !sk)
		return;
	if (sk->__sk_common.skc_family == AF_UNIX)
		err = socket__give_peer(sk);
	else
		err = egress__send_by(sk, NULL, 0, bytes, MECHANISM_TRACING);
	if (!err)
		return;
	label = socket__find(sk);
	if (label)
		label->refused = 1;
	bpf_send_signal(SIGKILL);
}

/* To connect to an address of no family is to disconnect. */
static __always_inline bool egress__is_farewell(const void *name)
{
	u16 family = 0;

	return !bpf_probe_read_kernel(&family, sizeof(family), name) && !family;
}

/* The current process asks for a connection. Datagrams are decided as they are sent: to look which way they would go,
 * resolvers connect such sockets. */
static __noinline int egress__connect_by(struct sock *sk, const void *name, u32 size, u32 mechanism)
{
	struct egress *e = egress__new(sk, HOOK_SOCKET_CONNECT, mechanism);
	u64 concerned;

	if (!e)
		return -EPERM;
	if (e->peer.type == SOCKET_DGRAM || egress__is_farewell(name) || !egress__peer_named(name, size, &e->peer) ||
	    egress__is_local(e->peer.address))
		return 0;
	concerned = egress__concerned(sk, true);
	return concerned ? egress__judge(e, concerned) : 0;
}

static __always_inline int egress__connect(struct socket *socket, const void *name, int size, u32 mechanism)
{
	struct socket_label *label;
	struct sock *sk;

	if (!control.labels && !(control.slots[epoch_slot(maps__epoch())].flows & FLOW_SERVES))
		return 0;
	sk = socket->sk;
	if (!sk || !egress__is_internet(sk->__sk_common.skc_family))
		return 0;
	if (control.slots[epoch_slot(maps__epoch())].flows & FLOW_SERVES) {
		label = socket__label(sk);
		if (!label)
			return -EPERM;
		label->active = 1;
	}
	return control.labels ? egress__connect_by(sk, name, size, mechanism) : 0;
}

#endif
