// SPDX-License-Identifier: Apache-2.0
/*
 * Labels from the daemon's side: which bit is which store's, which processes hold something, and taking that from them.
 *
 * Bits are dealt out by the names of stores and stay theirs as long as the pinned maps live, as processes keep labels
 * through policies and daemons.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"

static int read_names(const struct kernel *k, struct label_name *names)
{
	int fd = bpf_map__fd(k->skel->maps.label_names), err = 0;

	for (__u32 bit = 0; !err && bit < STORES_MAX; bit++)
		err = bpf_map_lookup_elem(fd, &bit, &names[bit]);
	return err;
}

/* The bit of a name, or a free one, or that of a store which is no more and was never read; -ENOSPC for none. */
static int bit_for(const struct label_name *names, const char *name, uint64_t taken)
{
	for (int bit = 0; bit < STORES_MAX; bit++)
		if (!strcmp(names[bit].name, name))
			return bit;
	for (int bit = 0; bit < STORES_MAX; bit++)
		if (!names[bit].name[0])
			return bit;
	for (int bit = 0; bit < STORES_MAX; bit++)
		if (!(taken >> bit & 1))
			return bit;
	return -ENOSPC;
}

/* The bits of stores that the policy has, and of those that some process has read. */
static uint64_t taken_bits(const struct kernel *k, const struct policy_image *image,
			   const struct label_name *names)
{
	uint64_t taken = k->skel->data_control->control.labels;

	for (int bit = 0; bit < STORES_MAX; bit++)
		for (size_t i = 0; i < image->n_stores; i++)
			if (!strcmp(names[bit].name, image->stores[i].name))
				taken |= 1ull << bit;
	return taken;
}

int kernel_deal_labels(struct kernel *k, struct policy_image *image)
{
	int fd = bpf_map__fd(k->skel->maps.label_names), err = read_names(k, image->labels);
	uint64_t taken;

	if (err)
		return err;
	taken = taken_bits(k, image, image->labels);
	for (size_t i = 0; !err && i < image->n_stores; i++) {
		struct store_rules *rules = &image->stores[i].rules;
		int found = bit_for(image->labels, image->stores[i].name, taken);
		__u32 bit = (__u32)found;

		if (found < 0) {
			log_error("no label is left for the store \"%s\": all %d are those of other "
				  "stores in the policy or read since the host was started; start the host "
				  "anew, or name the store as before",
				  image->stores[i].name, STORES_MAX);
			return found;
		}
		taken |= 1ull << bit;
		rules->label = 1ull << bit;
		memset(&image->labels[bit], 0, sizeof(image->labels[bit]));
		memcpy(image->labels[bit].name, image->stores[i].name, strlen(image->stores[i].name));
		err = bpf_map_update_elem(fd, &bit, &image->labels[bit], BPF_ANY);
	}
	return err;
}

uint64_t kernel_labels_of(const struct policy_image *image, uint64_t stores)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < image->n_stores; i++)
		if (stores >> i & 1)
			labels |= image->stores[i].rules.label;
	return labels;
}

int kernel_labelled(struct kernel *k, kernel_record_fn fn, void *ctx)
{
	return kernel_iterate(k->skel->progs.iter__labelled, sizeof(struct labelled), fn, ctx);
}

/* The key that all lead to who share the memory (bpf/group.bpf.h). */
static uint64_t shared_key(const struct kernel *k, uint64_t memory)
{
	int fd = bpf_map__fd(k->skel->maps.memory_groups);
	struct memory_group group;

	while (memory && !bpf_map_lookup_elem(fd, &memory, &group) && group.joined)
		memory = group.joined;
	return memory;
}

int kernel_clear_shared(const struct kernel *k, uint64_t memory, uint64_t *ret_label)
{
	int fd = bpf_map__fd(k->skel->maps.labels_by_memory), err = 0;
	uint64_t key = shared_key(k, memory), served = key ^ GROUP_SERVED, stores = 0, none = 0;

	if (!key)
		return 0;
	if (!bpf_map_lookup_elem(fd, &key, &stores))
		err = bpf_map_update_elem(fd, &key, &none, BPF_EXIST);
	*ret_label |= stores;
	if (!err && !bpf_map_lookup_elem(fd, &served, &stores))
		err = bpf_map_update_elem(fd, &served, &none, BPF_EXIST);
	return err;
}

int kernel_clear_label(struct kernel *k, uint32_t tgid, uint64_t *ret_label)
{
	struct control *control = &k->skel->data_control->control;
	int fd = bpf_map__fd(k->skel->maps.labels_by_process), err;
	int process = (int)syscall(SYS_pidfd_open, tgid, 0);
	struct process_label label;

	if (process < 0)
		return -errno;
	err = bpf_map_lookup_elem(fd, &process, &label);
	if (!err) {
		*ret_label = label.stores;
		err = kernel_clear_shared(k, label.memory, ret_label);
	}
	label.stores = label.serves = label.told = 0;
	if (!err)
		err = bpf_map_update_elem(fd, &process, &label, BPF_EXIST);
	close(process);
	/* What it has open is decided anew at the next use, which labels it anew. */
	if (!err)
		__atomic_add_fetch(&control->epoch, EPOCH_STEP, __ATOMIC_SEQ_CST);
	return err;
}
