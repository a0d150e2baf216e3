// SPDX-License-Identifier: Apache-2.0
/*
 * Agreements from the daemon's side: which networks they name, whose data they let go, and until when.
 *
 * Used by apply.c at a policy switch, and by the daemon as time goes by.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel/state.h"
#include "muniment.skel.h"
#include "policy/hosts.h"
#include "policy/image.h"
#include "policy/network.h"

#define NS_PER_S 1000000000ull

/* Wall time in boot nanoseconds, at most ~0, as the two clocks stand now; 0 when it has passed. */
static uint64_t boot_ns_of(int64_t wall_s)
{
	uint64_t now_ns = kernel_clock_ns(CLOCK_BOOTTIME);
	struct timespec wall;
	uint64_t ahead;

	clock_gettime(CLOCK_REALTIME, &wall);
	if (wall_s == INT64_MAX)
		return ~0ull;
	if (wall_s <= wall.tv_sec)
		return 0;
	ahead = (uint64_t)(wall_s - wall.tv_sec);
	if (ahead > (~0ull - now_ns) / NS_PER_S)
		return ~0ull;
	return now_ns + ahead * NS_PER_S - (uint64_t)wall.tv_nsec;
}

static int put_agreement(struct kernel *k, const struct policy_image *image, size_t i, uint32_t slot)
{
	const struct image_agreement *agreement = &image->agreements[i];
	struct agreement_rules rules = agreement->rules;
	uint32_t index = slot * AGREEMENTS_MAX + (uint32_t)i;

	rules.stores = kernel_labels_of(image, agreement->rules.stores);
	rules.until_ns = boot_ns_of(agreement->expires_s);
	if (rules.limits.max_bytes)
		rules.limits.clock_ns = kernel_volume_clock(rules.limits.window_ns);
	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.agreements), &index, &rules, BPF_ANY);
}

/* Is a network within an endpoint's, or its name's address? */
static bool is_within(const struct policy_image *image, const struct image_endpoint *endpoint,
		      const uint8_t address[16], uint32_t prefix)
{
	if (endpoint->host)
		return prefix == 128 && image_host_has(&image->hosts[endpoint->host - 1], address);
	return endpoint->prefix <= prefix && network_contains(endpoint->address, endpoint->prefix, address);
}

/* A network, with all endpoints that are about it; without any, it is taken away. */
static int put_network(struct kernel *k, const struct policy_image *image, const uint8_t address[16],
		       uint32_t prefix, uint32_t slot)
{
	struct network_key key = {.bits = 32 + prefix, .slot = slot};
	struct endpoint_list list = {0};
	int fd = bpf_map__fd(k->skel->maps.endpoints_by_network), err;

	memcpy(key.address, address, sizeof(key.address));
	for (size_t i = 0; i < image->n_endpoints; i++)
		if (is_within(image, &image->endpoints[i], address, prefix))
			list.index[list.n++] = (uint16_t)i;
	err = list.n ? bpf_map_update_elem(fd, &key, &list, BPF_ANY) : bpf_map_delete_elem(fd, &key);
	return err == -ENOENT ? 0 : err;
}

static int put_hosts(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	int err = 0;

	for (size_t i = 0; i < image->n_hosts; i++)
		for (size_t n = 0; !err && n < image->hosts[i].n_addresses; n++)
			err = put_network(k, image, image->hosts[i].addresses[n].address, 128, slot);
	return err;
}

int kernel_put_addresses(struct kernel *k, const struct policy_image *image, const uint8_t (*addresses)[16],
			 size_t n, bool gone)
{
	struct control *control = &k->skel->data_control->control;
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = put_network(k, image, addresses[i], 128, epoch_slot(control->epoch));
	if (!err && image->dns_answers)
		err = kernel_fill_answers(k, image, epoch_slot(control->epoch));
	/* What was answered by them is void. */
	if (gone && n)
		__atomic_add_fetch(&control->epoch, EPOCH_STEP, __ATOMIC_SEQ_CST);
	return err;
}

#define REGION_BATCH 4096

/* In pieces: a country has tens of thousands of networks. */
static int put_regions(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	struct network_key *keys = calloc(REGION_BATCH, sizeof(*keys));
	uint64_t *values = calloc(REGION_BATCH, sizeof(*values));
	int fd = bpf_map__fd(k->skel->maps.regions_by_network), err = keys && values ? 0 : -ENOMEM;

	for (size_t at = 0; !err && at < image->n_regions;) {
		__u32 n = 0;

		for (; n < REGION_BATCH && at < image->n_regions; n++, at++) {
			const struct region_network *network = &image->regions[at];

			keys[n] = (struct network_key){.bits = 32 + network->prefix, .slot = slot};
			memcpy(keys[n].address, network->address, sizeof(keys[n].address));
			values[n] = network->regions;
		}
		err = bpf_map_update_batch(fd, keys, values, &n, NULL);
	}
	free(keys);
	free(values);
	return err;
}

static int put_resolvers(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	__u32 listed = 1;
	int err = 0;

	for (size_t i = 0; !err && i < image->n_resolvers; i++) {
		struct resolver_key key = {.slot = slot, .port = image->resolvers[i].port};

		memcpy(key.address, image->resolvers[i].address, sizeof(key.address));
		err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.resolvers), &key, &listed, BPF_ANY);
	}
	return err;
}

static void fill_slot(const struct policy_image *image, struct policy_slot *slot)
{
	memset(slot->stores, STORE_NONE, sizeof(slot->stores));
	for (size_t i = 0; i < image->n_stores; i++)
		for (unsigned bit = 0; bit < STORES_MAX; bit++)
			if (image->stores[i].rules.label >> bit & 1)
				slot->stores[bit] = (uint8_t)i;
	slot->flows = 0;
	for (size_t i = 0; i < image->n_grants; i++)
		if (image->grants[i].serves)
			slot->flows |= FLOW_SERVES;
	for (size_t i = 0; i < image->n_agreements; i++) {
		if (image->agreements[i].rules.regions)
			slot->flows |= FLOW_REGIONS;
		if (image->agreements[i].rules.limits.tls)
			slot->flows |= FLOW_TLS;
	}
	if (image->dns_rule.line)
		slot->flows |= FLOW_DNS;
	if (image->dns_answers)
		slot->flows |= FLOW_ANSWERS;
	slot->dns_max_bytes = image->dns_max_bytes;
	slot->dns_period_ns = image->dns_period_s * NS_PER_S;
}

int kernel_fill_egress(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	int err = image->n_agreements > AGREEMENTS_MAX || image->n_endpoints > ENDPOINTS_MAX ? -E2BIG : 0;

	if (!err)
		err = kernel_make_volumes(k, image);
	for (size_t i = 0; !err && i < image->n_agreements; i++)
		err = put_agreement(k, image, i, slot);
	for (size_t i = 0; !err && i < image->n_endpoints; i++) {
		uint32_t index = slot * ENDPOINTS_MAX + (uint32_t)i;

		err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.endpoints), &index,
					  &image->endpoints[i].rules, BPF_ANY);
		if (!err && !image->endpoints[i].host)
			err = put_network(k, image, image->endpoints[i].address, image->endpoints[i].prefix,
					  slot);
	}
	if (!err)
		err = put_hosts(k, image, slot);
	if (!err)
		err = put_regions(k, image, slot);
	if (!err)
		err = put_resolvers(k, image, slot);
	if (!err && image->dns_answers)
		err = kernel_fill_answers(k, image, slot);
	if (!err)
		fill_slot(image, &k->skel->data_control->control.slots[slot]);
	return err;
}

int kernel_age_agreements(struct kernel *k, const struct policy_image *image)
{
	uint32_t slot = epoch_slot(k->skel->data_control->control.epoch);
	int fd = bpf_map__fd(k->skel->maps.agreements), err = 0;

	for (size_t i = 0; !err && i < image->n_agreements; i++) {
		uint32_t index = slot * AGREEMENTS_MAX + (uint32_t)i;
		uint64_t until_ns = boot_ns_of(image->agreements[i].expires_s);
		struct agreement_rules rules;

		err = bpf_map_lookup_elem(fd, &index, &rules);
		if (err || until_ns >= rules.until_ns)
			continue;
		rules.until_ns = until_ns;
		err = bpf_map_update_elem(fd, &index, &rules, BPF_EXIST);
	}
	return err;
}
