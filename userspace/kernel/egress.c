// SPDX-License-Identifier: Apache-2.0
/*
 * Agreements from the daemon's side: which networks they name, whose data they let go, and until when.
 *
 * Used by apply.c at a policy switch, and by the daemon as time goes by.
 */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel/state.h"
#include "muniment.skel.h"
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
	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.agreements), &index, &rules, BPF_ANY);
}

/* The network of an endpoint, with all endpoints that are about it. */
static int put_network(struct kernel *k, const struct policy_image *image, const struct image_endpoint *of,
		       uint32_t slot)
{
	struct network_key key = {.bits = 32 + of->prefix, .slot = slot};
	struct endpoint_list list = {0};

	memcpy(key.address, of->address, sizeof(key.address));
	for (size_t i = 0; i < image->n_endpoints; i++)
		if (image->endpoints[i].prefix <= of->prefix &&
		    network_contains(image->endpoints[i].address, image->endpoints[i].prefix, of->address))
			list.index[list.n++] = (uint16_t)i;
	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.endpoints_by_network), &key, &list, BPF_ANY);
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
}

int kernel_fill_egress(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	int err = image->n_agreements > AGREEMENTS_MAX || image->n_endpoints > ENDPOINTS_MAX ? -E2BIG : 0;

	for (size_t i = 0; !err && i < image->n_agreements; i++)
		err = put_agreement(k, image, i, slot);
	for (size_t i = 0; !err && i < image->n_endpoints; i++) {
		uint32_t index = slot * ENDPOINTS_MAX + (uint32_t)i;

		err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.endpoints), &index,
					  &image->endpoints[i].rules, BPF_ANY);
		if (!err)
			err = put_network(k, image, &image->endpoints[i], slot);
	}
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
