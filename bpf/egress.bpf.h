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
	struct endpoint_list *list; /* of the peer's network, or of names */
	u64 names;		    /* not 0: of names, which lead to the peer by answers of resolvers */
};

/* The endpoint at a place of the list, if it stands for the peer. */
static __always_inline struct endpoint *egress__endpoint(const struct egress_ask *ask, u32 turn)
{
	struct endpoint_list *list = ask->list;
	struct egress *e = ask->e;
	struct endpoint *endpoint;
	u32 index;

	if (!list || turn >= ENDPOINTS_MAX)
		return NULL;
	index = (e->slot & 1) * ENDPOINTS_MAX + list->index[turn];
	endpoint = bpf_map_lookup_elem(&endpoints, &index);
	if (!endpoint || !decide_endpoint(endpoint, &e->peer) ||
	    (ask->names && !answered__leads(e, endpoint->name)))
		return NULL;
	return endpoint;
}

/* bpf_loop's body: one endpoint of the peer's network. Ends with the first whose agreement lets the store's data go. */
static long egress__ask(u32 turn, struct egress_ask *ask)
{
	struct endpoint *endpoint = egress__endpoint(ask, turn);
	struct agreement_rules *rules;
	struct egress *e = ask->e;
	u32 index, why;

	if (!endpoint)
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
		if (!ask->names || rules->until_ns < e->until_ns)
			e->until_ns = rules->until_ns;
		return 1;
	}
	if (!e->why) {
		e->why = why;
		e->missed = endpoint->agreement + 1;
	}
	return 0;
}

/* What agreements say of the peer's network; and its regions, where they ask for them. Not inlined: its stack need not add up
 * with that of what is asked of the endpoints. */
static __noinline struct endpoint_list *egress__endpoints(struct egress *e)
{
	struct network_key key = {.bits = 32 + 128, .slot = e->slot & 1};
	struct endpoint_list *list;
	u64 *regions;

	e->regions = 0;
	if (!egress__is_internet(e->peer.family))
		return NULL;
	__builtin_memcpy(key.address, e->peer.address, sizeof(key.address));
	list = bpf_map_lookup_elem(&endpoints_by_network, &key);
	if (!(control.slots[e->slot & 1].flows & FLOW_REGIONS))
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
	e->name = 0;
	e->why = e->dns == DNS_BEYOND ? REASON_DNS_VOLUME : 0;
	index = slot * STORE_IDS + store;
	rules = store < STORES_MAX ? bpf_map_lookup_elem(&rules_by_store, &index) : NULL;
	e->mode = rules ? rules->mode : STORE_MODE_INVALID;
	e->audit = rules ? rules->audit : STORE_AUDIT_BEST_EFFORT;
	ask.list = e->agreement ? NULL : egress__endpoints(e);
	if (rules && ask.list)
		bpf_loop(ask.list->n, egress__ask, &ask, 0);
	if (rules && !e->agreement && answered__counts(e->slot)) {
		index = e->slot & 1;
		ask.list = bpf_map_lookup_elem(&named_endpoints, &index);
		ask.names = 1;
		bpf_loop(ask.list ? ask.list->n : 0, egress__ask, &ask, 0);
	}
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
				: e->name			     ? REASON_ANSWERED
								     : REASON_AGREED);
	access.place.root_ino = agreed ? e->name : e->used; /* told with REASON_ANSWERED, REASON_LIMIT */
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
	pass__settle();
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

#endif
