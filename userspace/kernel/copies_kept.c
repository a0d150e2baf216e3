// SPDX-License-Identifier: Apache-2.0
/*
 * Which files are copies, for the daemon to keep beyond the kernel's memory: see daemon/keeper_copies.c. Nothing here needs
 * the policy, as labels keep their stores' names (labels.c).
 */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/decide.h"
#include "kernel/state.h"
#include "muniment.skel.h"

uint64_t kernel_copies_made(const struct kernel *k)
{
	return __atomic_load_n(&k->skel->data_control->control.copies, __ATOMIC_SEQ_CST);
}

int kernel_copies(struct kernel *k, kernel_copy_fn fn, void *ctx)
{
	int fd = bpf_map__fd(k->skel->maps.labels_by_file), err;
	struct object_id id, next;
	uint64_t label;

	/* A file that is removed meanwhile begins the round anew: then some are told twice. */
	for (err = bpf_map_get_next_key(fd, NULL, &next); !err; err = bpf_map_get_next_key(fd, &id, &next)) {
		id = next;
		if (bpf_map_lookup_elem(fd, &id, &label))
			continue;
		err = fn(ctx, &id, label);
		if (err)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

int kernel_add_copy(struct kernel *k, const struct object_id *id, uint64_t label)
{
	struct copy_filter *filter = &k->skel->data_copies->copy_filter;
	struct control *control = &k->skel->data_control->control;
	int fd = bpf_map__fd(k->skel->maps.labels_by_file);
	uint64_t had = 0;
	int err;

	if (!bpf_map_lookup_elem(fd, id, &had) && !(label & ~had))
		return 0;
	/* In the order of copy__mark (bpf/copy.bpf.h): nobody looks for a label without the bit. */
	__atomic_add_fetch(&control->copies, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&filter->words[copy_bit(id->ino) >> 6], 1ull << (copy_bit(id->ino) & 63),
			  __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&control->epoch, EPOCH_STEP, __ATOMIC_SEQ_CST);
	label |= had;
	err = bpf_map_update_elem(fd, id, &label, BPF_ANY);
	return err ? err : 1;
}

static int label_of(const struct kernel *k, const struct object_id *id, uint64_t *ret_label)
{
	return bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.labels_by_file), id, ret_label) ? -errno : 0;
}

int kernel_find_copy(struct kernel *k, const char *path, struct object_id *ret_id, uint64_t *ret_label)
{
	struct identified id;
	int err = kernel_identify_path(k, path, &id);

	if (err)
		return err;
	*ret_id = id.id;
	return label_of(k, ret_id, ret_label);
}

int kernel_clear_copy(struct kernel *k, const struct object_id *id, uint64_t *ret_label)
{
	struct control *control = &k->skel->data_control->control;
	int err = label_of(k, id, ret_label);

	if (!err && bpf_map_delete_elem(bpf_map__fd(k->skel->maps.labels_by_file), id))
		err = -errno;
	if (!err)
		err = kernel_clear_shared(k, decide_group_of_file(id), ret_label);
	/* Who has it open is decided anew at the next use; and what is kept beyond a boot is written anew. */
	__atomic_add_fetch(&control->copies, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&control->epoch, EPOCH_STEP, __ATOMIC_SEQ_CST);
	return err;
}
