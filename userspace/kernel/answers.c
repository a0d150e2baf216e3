// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel side must know to read the answers of resolvers (bpf/answers.bpf.h): the names of agreements as they stand on
 * the wire, which of them have private addresses, and which addresses are none of others.
 *
 * Used by egress.c: at a policy switch, and whenever the daemon was answered.
 */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel/state.h"
#include "muniment.skel.h"
#include "policy/hosts.h"
#include "policy/image.h"

/* Labels with their lengths before them (RFC 1035, 3.1). The name is one by read_name.c: there is room. */
static void put_wire(const char *name, uint8_t wire[NAME_BYTES])
{
	size_t at = 0;

	memset(wire, 0, NAME_BYTES);
	while (*name && at + strcspn(name, ".") + 1 < NAME_BYTES) {
		size_t len = strcspn(name, ".");

		wire[at++] = (uint8_t)len;
		memcpy(wire + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
}

static int put_names(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	struct name_key key = {.slot = slot};
	int fd = bpf_map__fd(k->skel->maps.names_agreed), err = 0;

	for (size_t i = 0; !err && i < image->n_hosts; i++) {
		struct name_rules rules = {.id = image->hosts[i].id,
					   .is_private = image_host_is_private(&image->hosts[i])};

		put_wire(image->hosts[i].name, key.name);
		err = bpf_map_update_elem(fd, &key, &rules, BPF_ANY);
	}
	return err;
}

static int put_endpoints(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	struct endpoint_list list = {0};

	for (size_t i = 0; i < image->n_endpoints; i++)
		if (image->endpoints[i].host)
			list.index[list.n++] = (uint16_t)i;
	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.named_endpoints), &slot, &list, BPF_ANY);
}

static int put_specials(struct kernel *k)
{
	size_t n;
	const struct host_special *specials = host_specials(&n);
	int fd = bpf_map__fd(k->skel->maps.special_networks), err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		struct network_key key = {.bits = 32 + specials[i].prefix};
		__u32 special = specials[i].what ? SPECIAL_REFUSED : SPECIAL_PRIVATE;

		memcpy(key.address, specials[i].address, sizeof(key.address));
		err = bpf_map_update_elem(fd, &key, &special, BPF_ANY);
	}
	return err;
}

int kernel_fill_answers(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	int err = put_specials(k);

	if (!err)
		err = put_names(k, image, slot);
	if (!err)
		err = put_endpoints(k, image, slot);
	if (!err)
		__atomic_fetch_or(&k->skel->data_control->control.wire, WIRE_ANSWERS, __ATOMIC_SEQ_CST);
	return err;
}
