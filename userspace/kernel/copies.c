// SPDX-License-Identifier: Apache-2.0
/*
 * Copies from the daemon's side: where the policy lets them lie, what it declassifies, and services that take no label.
 *
 * Used by apply.c at a policy switch.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"
#include "policy/image.h"

/* What lies under a path gets these rules, beside those that it has. */
static int put(struct kernel *k, const char *path, enum object_kind kind, uint32_t slot, uint64_t rules)
{
	int fd = bpf_map__fd(k->skel->maps.stores_by_object), err;
	struct object_key key = {.slot = slot, .kind = kind};
	union object_value value = {.rules = rules}, before;
	struct identified id;

	err = kernel_identify_path(k, path, &id);
	if (err) {
		log_error("cannot find %s, which the policy's rules on copies name: %s", path,
			  strerror(-err));
		return err;
	}
	key.id = id.id;
	if (!bpf_map_lookup_elem(fd, &key, &before))
		value.rules |= before.rules;
	return bpf_map_update_elem(fd, &key, &value, BPF_ANY);
}

static int put_sink(struct kernel *k, const struct image_sink *sink, uint32_t slot, uint64_t rule)
{
	int err = 0;

	for (size_t i = 0; !err && i < sink->n_paths; i++)
		err = put(k, sink->paths[i], OBJECT_SINK, slot, rule);
	return err;
}

/*
 * Services of the host that everybody talks to, where they are installed: what they receive labels them not (bpf/label.bpf.h).
 * Their programs only count for what the system itself starts.
 */
static int put_services(struct kernel *k, uint32_t slot)
{
	static const char *const programs[] = {
		"/usr/lib/systemd/systemd-journald",
		"/usr/lib/systemd/systemd-logind",
		"/usr/lib/systemd/systemd-resolved",
		"/usr/lib/polkit-1/polkitd",
		"/usr/bin/dbus-daemon",
		"/usr/bin/dbus-broker",
		"/usr/bin/dbus-broker-launch",
		"/usr/sbin/nscd",
		"/usr/sbin/rsyslogd",
		"/usr/sbin/syslog-ng",
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(programs) / sizeof(programs[0]); i++) {
		char path[PATH_MAX];

		if (realpath(programs[i], path))
			err = put(k, path, OBJECT_SERVICE, slot, 0);
	}
	return err;
}

int kernel_fill_copies(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	struct policy_slot *policy = &k->skel->data_control->control.slots[slot];
	int err = image->n_sinks > SINKS_MAX ? -E2BIG : 0;

	policy->copies = (uint8_t)image->copies;
	policy->media = image->media;
	if (!err)
		err = kernel_watch_media(k, image);
	if (!err)
		err = put_services(k, slot);
	for (size_t i = 0; !err && i < image->n_copy_paths; i++)
		err = put(k, image->copy_paths[i], OBJECT_COPIES, slot, 0);
	policy->sinks = policy->sinks_by_role = 0;
	for (size_t i = 0; !err && i < image->n_sinks; i++) {
		err = put_sink(k, &image->sinks[i], slot, 1ull << i);
		*(image->sinks[i].any_program ? &policy->sinks : &policy->sinks_by_role) |= 1ull << i;
		policy->flows |= FLOW_SINKS;
	}
	return err;
}
