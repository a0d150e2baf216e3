/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions to resolvers, by the policy's `dns`: a process that holds records may ask those that are listed, without an
 * agreement, but send them no more than so many bytes in so long. They forward what they are told to whoever owns the
 * names, so that goes for resolvers on this host, too. A process and what it forks share one account.
 */
#ifndef MUNIMENT_DNS_BPF_H
#define MUNIMENT_DNS_BPF_H

#define PORT_DNS     53
#define PORT_DNS_TLS 853

enum dns {
	DNS_NONE = 0, /* no question, or the policy says nothing of them */
	DNS_LISTED,
	DNS_BEYOND,   /* listed, but that would be more than may go */
	DNS_UNLISTED, /* goes where agreements say, on this host nowhere */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * RESOLVERS_MAX);
	__type(key, struct resolver_key);
	__type(value, u32);
} resolvers SEC(".maps");

/* By process_label.dns. One that was pushed out begins anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct dns_account);
} dns_accounts SEC(".maps");

/* address: as in struct peer */
static __always_inline bool dns__is_listed(const u8 *address, u32 port, u32 slot)
{
	struct resolver_key key = {.slot = slot & 1, .port = port};

	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&resolvers, &key);
}

/* Whom the peer is to the policy: DNS_NONE, DNS_LISTED or DNS_UNLISTED. */
static __always_inline u32 dns__look(const struct peer *peer, u32 slot)
{
	if ((peer->port != PORT_DNS && peer->port != PORT_DNS_TLS) ||
	    !(control.slots[slot & 1].flows & FLOW_DNS))
		return DNS_NONE;
	return dns__is_listed(peer->address, peer->port, slot) ? DNS_LISTED : DNS_UNLISTED;
}

/* Books what the current process is about to send to a listed resolver. DNS_LISTED or DNS_BEYOND. A global function:
 * verified once. */
__attribute__((noinline)) int dns__book(u32 slot, u64 bytes)
{
	const struct policy_slot *policy = &control.slots[slot & 1];
	struct process_label *label = label__find(bpf_get_current_task_btf(), 0);
	u64 id = label ? label__dns(label) : 0, now_ns = bpf_ktime_get_boot_ns(), since_ns;
	struct dns_account fresh = {.since_ns = now_ns}, *account;

	bpf_map_update_elem(&dns_accounts, &id, &fresh, BPF_NOEXIST);
	account = bpf_map_lookup_elem(&dns_accounts, &id);
	if (!account) {
		count(COUNTER_NO_CACHE);
		return DNS_BEYOND;
	}
	since_ns = *(volatile u64 *)&account->since_ns;
	if (now_ns - since_ns >= policy->dns_period_ns &&
	    __sync_val_compare_and_swap(&account->since_ns, since_ns, now_ns) == since_ns)
		__sync_lock_test_and_set(&account->bytes, 0);
	if (__sync_fetch_and_add(&account->bytes, bytes) + bytes <= policy->dns_max_bytes)
		return DNS_LISTED;
	__sync_fetch_and_add(&account->bytes, -bytes);
	return DNS_BEYOND;
}

/* The current process is about to send so many bytes to the peer, or to connect there. */
static __always_inline u32 dns__ask(const struct peer *peer, u64 bytes)
{
	u32 slot = epoch_slot(maps__epoch()), dns = dns__look(peer, slot);

	return dns == DNS_LISTED ? dns__book(slot, bytes) : dns;
}

#endif
