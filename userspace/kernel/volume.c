// SPDX-License-Identifier: Apache-2.0
/*
 * How much was sent under agreements, from the daemon's side: counts that outlive policies and daemons, and where their
 * windows begin.
 *
 * Used by egress.c at a policy switch, and by the daemon to tell of them.
 */
#include <errno.h>
#include <stdbool.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"
#include "policy/image.h"

#define NS_PER_S 1000000000ull
#define DAY_NS	 (86400 * NS_PER_S)
#define WEEK_NS	 (7 * DAY_NS)

/* 1970-01-01 was a Thursday: weeks begin on Monday (ISO 8601). */
uint64_t kernel_volume_clock(uint64_t window_ns)
{
	return kernel_clock_ns(CLOCK_REALTIME) - kernel_clock_ns(CLOCK_BOOTTIME) +
	       (window_ns == WEEK_NS ? 3 * DAY_NS : 0);
}

static bool is_counted(const struct policy_image *image, uint64_t key)
{
	for (size_t i = 0; i < image->n_agreements; i++)
		if (image->agreements[i].rules.limits.max_bytes &&
		    image->agreements[i].rules.limits.volume == key)
			return true;
	return false;
}

/* Former agreements' counts have filled the map: they are forgotten. */
static void drop_others(int fd, const struct policy_image *image)
{
	uint64_t key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &key);

	log_warn("%d agreements have been counted since the host was started: those that the policy does not "
		 "have are forgotten",
		 VOLUMES_MAX);
	while (more) {
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!is_counted(image, key))
			bpf_map_delete_elem(fd, &key);
		key = next;
	}
}

int kernel_make_volumes(struct kernel *k, const struct policy_image *image)
{
	const struct volume none = {0};
	int fd = bpf_map__fd(k->skel->maps.volumes), err = 0;

	for (size_t i = 0; !err && i < image->n_agreements; i++) {
		const struct agreement_limits *limits = &image->agreements[i].rules.limits;

		if (!limits->max_bytes)
			continue;
		err = bpf_map_update_elem(fd, &limits->volume, &none, BPF_NOEXIST);
		if (err == -E2BIG) {
			drop_others(fd, image);
			err = bpf_map_update_elem(fd, &limits->volume, &none, BPF_NOEXIST);
		}
		if (err == -EEXIST)
			err = 0;
	}
	return err;
}

int kernel_volume(struct kernel *k, const struct policy_image *image, size_t i, uint64_t *ret_used,
		  uint64_t *ret_left_s)
{
	uint32_t index = epoch_slot(k->skel->data_control->control.epoch) * AGREEMENTS_MAX + (uint32_t)i;
	uint64_t now_ns = kernel_clock_ns(CLOCK_BOOTTIME), passed_ns;
	const struct agreement_limits *limits;
	struct agreement_rules rules;
	struct volume volume;
	int err;

	if (i >= image->n_agreements || !image->agreements[i].rules.limits.max_bytes)
		return -EINVAL;
	/* The clock of the windows as the kernel side has it. */
	err = bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.agreements), &index, &rules);
	limits = &rules.limits;
	if (!err)
		err = bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.volumes), &limits->volume, &volume);
	if (err)
		return err;
	*ret_used = decide_used(&volume, decide_window(limits, now_ns));
	passed_ns = (now_ns + limits->clock_ns) % limits->window_ns;
	*ret_left_s = (limits->window_ns - passed_ns + NS_PER_S - 1) / NS_PER_S;
	return 0;
}
