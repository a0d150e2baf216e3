/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Out of the host: what a process holds may go where an agreement of the policy says, by sockets of the internet. Whatever
 * else leads out (packet sockets, vsock …) is never agreed. What a process serves to others (`serves`) may go to whom it
 * has accepted, but where it connects to itself it is decided like the rest. Questions to resolvers have rules of their own
 * (dns.bpf.h). Every function returns 0 to allow or -EPERM.
 */
#ifndef MUNIMENT_EGRESS_BPF_H
#define MUNIMENT_EGRESS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * ENDPOINTS_MAX * (1 + HOST_ADDRESSES_MAX));
	__type(key, struct network_key);
	__type(value, struct endpoint_list);
} endpoints_by_network SEC(".maps");

/* In which regions that the policy names a network is: networks that lie apart. What is in none is left out. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * REGION_NETWORKS_MAX);
	__type(key, struct network_key);
	__type(value, u64);
} regions_by_network SEC(".maps");

/* Index: slot * ENDPOINTS_MAX + endpoint. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * ENDPOINTS_MAX);
	__type(key, u32);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

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

/* The number of the lowest bit of a label that is not 0. Global, as loops ask for it. */
__attribute__((noinline)) int egress__lowest(u64 label)
{
	u32 bit = 0;

	for (u32 step = 32; step; step >>= 1) {
		u32 none = !(label << (64 - step)); /* below */

		bit += none * step;
		label >>= none * step;
	}
	return bit;
}

/* What the loop over endpoints works with; a pointer to a map's value is only known for one while it lies on the stack. */
struct egress_ask {
	struct egress *e;
	struct endpoint_list *list; /* of the peer's network */
};

/* bpf_loop's body: one endpoint of the peer's network. Ends with the first whose agreement lets the store's data go. */
static long egress__ask(u32 turn, struct egress_ask *ask)
{
	struct endpoint_list *list = ask->list;
	struct egress *e = ask->e;
	struct agreement_rules *rules;
	struct endpoint *endpoint;
	u32 index, why;

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
	why = decide_region(rules, e->regions) ? limits__hinder(e, &rules->limits) : REASON_REGION;
	if (!why) {
		e->agreement = endpoint->agreement + 1;
		e->limited = rules->limits.max_bytes != 0;
		e->limits = rules->limits.max_bytes || rules->limits.tls;
		e->until_ns = rules->until_ns;
		return 1;
	}
	if (!e->why) {
		e->why = why;
		e->missed = endpoint->agreement + 1;
	}
	return 0;
}

/* What agreements say of the peer's network; and its regions, where they ask for them. */
static __always_inline struct endpoint_list *egress__endpoints(struct egress *e)
{
	struct network_key key = {.bits = 32 + 128, .slot = e->slot & 1};
	struct endpoint_list *list;
	u64 *regions;

	e->regions = 0;
	if (!egress__is_internet(e->peer.family))
		return NULL;
	__builtin_memcpy(key.address, e->peer.address, sizeof(key.address));
	list = bpf_map_lookup_elem(&endpoints_by_network, &key);
	if (!list || !(control.slots[e->slot & 1].flows & FLOW_REGIONS))
		return list;
	regions = bpf_map_lookup_elem(&regions_by_network, &key);
	e->regions = regions ? *regions : 0;
	return list;
}

/* Finds store, its rules, and agreement for the lowest bit of a label; the store may be none of the policy's. A global
 * function: verified once, not for whatever led to it. */
__attribute__((noinline)) int egress__decide(struct egress *e, u64 label)
{
	struct egress_ask ask = {.e = e};
	struct store_rules *rules;
	u32 index, store, slot;

	if (!e)
		return 0;
	slot = e->slot & 1;
	e->bit = egress__lowest(label);
	store = control.slots[slot].stores[e->bit & 63];
	e->store = store;
	e->agreement = e->dns == DNS_LISTED ? AGREEMENT_RESOLVER : 0;
	e->missed = e->limited = e->limits = 0;
	e->why = e->dns == DNS_BEYOND ? REASON_DNS_VOLUME : 0;
	index = slot * STORE_IDS + store;
	rules = store < STORES_MAX ? bpf_map_lookup_elem(&rules_by_store, &index) : NULL;
	e->mode = rules ? rules->mode : STORE_MODE_INVALID;
	e->audit = rules ? rules->audit : STORE_AUDIT_BEST_EFFORT;
	ask.list = e->agreement ? NULL : egress__endpoints(e);
	if (rules && ask.list)
		bpf_loop(ask.list->n, egress__ask, &ask, 0);
	return 0;
}

/* What was decided of the store at hand. */
static __always_inline struct access egress__access(const struct egress *e)
{
	bool agreed = e->agreement;
	struct access access = {.hook = e->hook,
				.mechanism = e->mechanism,
				.slot = e->slot & 1,
				.operations = OPERATION_BIT(OPERATION_SEND),
				.place.store = e->store,
				.detail = unknown(agreed ? e->agreement : e->missed),
				.open_flags = e->shown,
				.actor = e->actor};

	access.wanted = agreed ? VERDICT_ALLOW : VERDICT_DENY;
	access.reason = unknown(!agreed				     ? e->why ? e->why : REASON_NOT_AGREED
				: e->agreement == AGREEMENT_RESOLVER ? REASON_RESOLVER
								     : REASON_AGREED);
	access.place.root_ino = e->used; /* told with REASON_LIMIT */
	access.enforced = decide_enforced(access.wanted, e->mode, e->mechanism);
	access.flags = (e->mode != STORE_MODE_ENFORCE) * RECORD_FLAG_MONITOR;
	/* What is denied does not go. */
	access.amount =
		e->bytes && access.enforced == ENFORCED_ALLOWED ? amount(AMOUNT_WRITTEN, e->bytes) : 0;
	return access;
}

/* Records it. 0, or -EPERM when it must not go. */
static __noinline int egress__settle(struct egress *e)
{
	if (e->agreement && e->limited)
		limits__charge(e);

	struct access access = egress__access(e);

	access__tell_actor(&access);
	if (!e->tells && account__is_foldable(&access))
		account__fold_sent(&e->peer, &access);
	if (emit__bare(&access, NULL, (const char *)e->server_name, e->label, &e->peer) &&
	    e->audit == STORE_AUDIT_REQUIRED && e->mode == STORE_MODE_ENFORCE)
		return -EPERM; /* no record, no access */
	e->account = e->agreement ? access.account & ~ACCOUNT_FOLDED : 0;
	return access.enforced == ENFORCED_ALLOWED ? 0 : -EPERM;
}

struct egress_loop {
	struct egress *e;
	u64 label;  /* stores still to be asked about */
	u64 denied; /* not 0: one that enforces keeps its data here */
};

/* bpf_loop's body: one store. Ends with the first that keeps its data here. */
static long egress__refuses(u32 turn, struct egress_loop *loop)
{
	u64 label = loop->label;

	if (!label)
		return 1;
	egress__decide(loop->e, label);
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
	egress__decide(loop->e, label);
	if (loop->e->mode != STORE_MODE_INVALID && egress__settle(loop->e)) {
		loop->denied = 1;
		return 1;
	}
	loop->label = label & (label - 1);
	return 0;
}

/* Where the current thread's case is written down; NULL: there was no memory, which is counted. */
static __always_inline struct egress *egress__new(const struct peer *peer, u32 hook, u32 mechanism)
{
	struct actor_answer *actor = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0,
							  BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct egress *e;

	if (!actor) {
		count(COUNTER_NO_CACHE);
		return NULL;
	}
	e = &actor->egress;
	__builtin_memset(e, 0, sizeof(*e));
	e->hook = hook;
	e->mechanism = mechanism;
	e->peer = *peer;
	return e;
}

/* The current process is about to send, or to connect, to e->peer. */
static __always_inline int egress__decide_all(struct egress *e, u64 label)
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
	e->now_ns = bpf_ktime_get_boot_ns();
	egress__decide(e, label);
	if (label & (label - 1) && (e->mode != STORE_MODE_ENFORCE || e->agreement))
		bpf_loop(STORES_MAX, egress__refuses, &loop, 0);
	if (loop.denied || !(label & (label - 1)))
		return e->mode == STORE_MODE_INVALID ? 0 : egress__settle(e);
	loop.label = label;
	bpf_loop(STORES_MAX, egress__lets_go, &loop, 0);
	return loop.denied ? -EPERM : 0;
}

static __always_inline int egress__judge(struct egress *e, u64 label)
{
	int err = egress__decide_all(e, label);

	if (err && e->charged)
		limits__take_back(e);
	return err;
}

/* --- sockets --- */

/* What the current process holds, and what it serves. */
struct egress_label {
	u64 held;
	u64 served;
};

static __always_inline struct egress_label egress__label(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_label *label = control.labels ? label__find(task, 0) : NULL;
	struct egress_label is = {};

	if (!label)
		return is;
	is.held = label->stores | label__shared(label);
	is.served = label->serves | label__serves_shared(label);
	return is;
}

/* What must not leave by this socket but by agreement: what the process holds, and what it serves if it is it that asked
 * for the connection, or names the receiver. */
static __always_inline u64 egress__concerned(struct sock *sk, const struct egress_label *label, bool named)
{
	struct socket_label *socket;

	if (!(label->served & ~label->held))
		return label->held;
	socket = named ? NULL : socket__find(sk);
	return named || (socket && socket->active) ? label->held | label->served : label->held;
}

/* Where the filter says that some socket had no port yet as it sent: those of two ports that nobody uses. */
#define PORT_NONE	 0
#define PORT_NONE_STREAM 1

/* What goes by the socket from now on, packet by packet: see wire.bpf.h. 0 or -EPERM. */
static __always_inline int egress__mark(struct sock *sk, u64 held, u64 concerned)
{
	struct socket_label *label = socket__label(sk);
	u16 port = sk->__sk_common.skc_num;
	u32 bit = port_bit(port ? port : sk->sk_type == SOCKET_STREAM ? PORT_NONE_STREAM : PORT_NONE);
	u64 *word = &control.ports[bit >> 6 & (PORTS_WORDS - 1)], number;

	if (!label)
		return -EPERM;
	if (!(*word >> (bit & 63) & 1))
		__sync_fetch_and_or(word, 1ull << (bit & 63));
	if (concerned & ~control.sent)
		__sync_fetch_and_or(&control.sent, concerned);
	if (held & ~label->sent) {
		number = pass_sent(sk->__sk_common.skc_cookie.counter);
		pass__give(&number);
		__sync_fetch_and_or(&label->sent, held);
	}
	if (concerned & ~label->leaves)
		__sync_fetch_and_or(&label->leaves, concerned);
	return 0;
}

/* The kernel itself, which netlink sockets mostly talk to, is no receiver; nor are its ciphers. */
static __always_inline bool egress__is_kernels(struct sock *sk, u32 family, const void *name)
{
	u32 to[3] = {}; /* family, and the port's number and groups, of struct sockaddr_nl */
	struct netlink_sock *netlink = (void *)sk;

	if (family == AF_ALG)
		return true;
	if (family != AF_NETLINK)
		return false;
	if (!name) /* whom it is connected to */
		return !BPF_CORE_READ(netlink, dst_portid) && !BPF_CORE_READ(netlink, dst_group);
	return !bpf_probe_read_kernel(to, sizeof(to), name) && !to[1] && !to[2];
}

static __always_inline u64 egress__mix(u64 hash, u64 word)
{
	return (hash ^ word ^ hash >> 29) * 0x9e3779b97f4a7c15ull;
}

static __always_inline u64 egress__seed(struct socket_label *label)
{
	if (!label->seed)
		label->seed = (u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
	return label->seed;
}

/* What tells one process's sends of what it holds, under one policy, to one receiver, from others. */
static __always_inline u64 egress__summary(struct socket_label *label, const struct actor_answer *actor,
					   u64 held, const struct peer *peer)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const u64 *to = (const u64 *)peer->address;
	u64 hash = egress__mix(egress__seed(label), maps__epoch());

	hash = egress__mix(hash, actor->identity.cred);
	hash = egress__mix(hash, task->group_leader->start_boottime);
	hash = egress__mix(hash, (u64)task->tgid << 32 | peer->port);
	hash = egress__mix(hash, held);
	return egress__mix(egress__mix(hash, to[0]), to[1]) | 1;
}

/* Was such a send allowed, and may it be counted as that one was? Nothing is asked again then. Of one store's data only, as
 * each has an account of its own. */
static __noinline bool egress__is_routine(struct sock *sk, u64 held, const struct peer *peer, u64 bytes,
					  u32 mechanism)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct socket_label *label = socket__find(sk);
	struct actor_answer *actor;
	u64 known, account, until_ns;

	if (!label || !label->sent_known || !account__counts())
		return false;
	actor = bpf_task_storage_get(&answers_by_actor, task, 0, 0);
	if (!actor || !actor__is_current(actor, task, maps__epoch(), mechanism))
		return false;
	known = *(volatile u64 *)&label->sent_known;
	account = *(volatile u64 *)&label->sent_account;
	until_ns = *(volatile u64 *)&label->sent_until_ns;
	return known == egress__summary(label, actor, held, peer) &&
	       known == *(volatile u64 *)&label->sent_known &&
	       (until_ns == ~0ull || bpf_ktime_get_boot_ns() < until_ns) &&
	       account__add(account, amount(AMOUNT_WRITTEN, bytes));
}

/* Whoever was allowed to send lends his roles to what still waits in the socket. */
static __always_inline int egress__passed(struct sock *sk, const struct egress *e, u64 held)
{
	struct socket_label *label = socket__find(sk);
	struct actor_answer *actor;

	if (!label)
		return 0;
	for (int i = 0; i < ROLE_WORDS; i++)
		if (e->roles.words[i] & ~label->roles.words[i])
			__sync_fetch_and_or(&label->roles.words[i], e->roles.words[i]);
	if (!e->account || e->dns || e->limits || held & (held - 1) || e->label != held)
		return 0;
	actor = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);
	if (!actor)
		return 0;
	*(volatile u64 *)&label->sent_known = 0;
	*(volatile u64 *)&label->sent_account = e->account;
	*(volatile u64 *)&label->sent_until_ns = e->until_ns;
	*(volatile u64 *)&label->sent_known = egress__summary(label, actor, held, &e->peer);
	return 0;
}

/* By a socket of the internet, or of whatever else is not of this host. message: NULL for pages of a file. */
static __noinline int egress__send_by(struct sock *sk, struct msghdr *message, u64 bytes, u32 mechanism,
				      const struct egress_label *label)
{
	struct peer peer = {
		.family = sk->__sk_common.skc_family, .type = sk->sk_type, .protocol = sk->sk_protocol};
	bool internet = egress__is_internet(peer.family), named;
	const void *name = message ? message->msg_name : NULL;
	u32 size = message ? message->msg_namelen : 0;
	struct egress *e;
	u64 concerned;
	u32 dns;

	/* A stream that is connected goes where it is connected to, whatever the caller names. */
	if (peer.type == SOCKET_STREAM && sk->__sk_common.skc_state != TCP_CLOSED)
		name = NULL;
	named = internet && egress__peer_named(name, size, &peer);
	if (internet && !named)
		egress__peer_of(sk, &peer);
	if (internet && !label->served && egress__is_routine(sk, label->held, &peer, bytes, mechanism))
		return 0;
	concerned = egress__concerned(sk, label, named);
	if (!concerned || (!internet && egress__is_kernels(sk, peer.family, name)))
		return 0;
	if (internet && egress__mark(sk, label->held, concerned))
		return -EPERM;
	dns = internet ? dns__ask(&peer, bytes) : DNS_NONE;
	if (internet && egress__is_local(peer.address) && dns <= DNS_LISTED)
		return 0;
	e = egress__new(&peer, HOOK_SOCKET_SENDMSG, mechanism);
	if (!e)
		return -EPERM;
	e->bytes = bytes;
	e->dns = dns;
	if (internet)
		limits__look(e, sk, message);
	return egress__judge(e, concerned) ? -EPERM : egress__passed(sk, e, label->held);
}

/* The current process sends. Datagrams to UNIX sockets come by unix_may_send, too: see socket__named. */
static __always_inline int egress__send(struct socket *socket, struct msghdr *message, int bytes,
					u32 mechanism)
{
	struct sock *sk = label__may_hold(bpf_get_current_task_btf()) ? socket->sk : NULL;
	struct egress_label label;
	u32 family;

	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if (family == AF_UNIX && sk->sk_type == SOCKET_DGRAM)
		return 0;
	label = egress__label();
	if (!(label.held | label.served))
		return 0;
	if (family == AF_UNIX)
		return socket__give_peer(sk) ? -EPERM : 0;
	return egress__send_by(sk, message, bytes, mechanism, &label);
}

/* By sendfile and splice on Linux 6.1, where no hook can refuse: what must not leave is dropped on its way (wire.bpf.h). */
static __always_inline void egress__send_page(struct socket *socket, u64 bytes)
{
	struct egress_label holds = egress__label();
	struct sock *sk = socket->sk;
	struct socket_label *label;
	int err;

	if (!control.labels || !sk)
		return;
	if (sk->__sk_common.skc_family == AF_UNIX)
		err = socket__give_peer(sk);
	else
		err = egress__send_by(sk, NULL, bytes, MECHANISM_TRACING, &holds);
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
	struct peer peer = {
		.family = sk->__sk_common.skc_family, .type = sk->sk_type, .protocol = sk->sk_protocol};
	struct egress_label label = egress__label();
	u64 concerned = label.held | label.served;
	struct egress *e;

	if (!concerned || peer.type == SOCKET_DGRAM || egress__is_farewell(name) ||
	    !egress__peer_named(name, size, &peer) || egress__is_local(peer.address))
		return 0;
	e = egress__new(&peer, HOOK_SOCKET_CONNECT, mechanism);
	if (!e)
		return -EPERM;
	e->dns = dns__ask(&peer, 0);
	e->shown = SHOWN_OPENING;
	return egress__judge(e, concerned);
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
		if (label)
			label->active = 1;
		else if (egress__label().served) /* what it sends there could not be told from its answers */
			return -EPERM;
	}
	return control.labels ? egress__connect_by(sk, name, size, mechanism) : 0;
}

#endif
