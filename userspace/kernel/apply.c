// SPDX-License-Identifier: Apache-2.0
/*
 * Brings a policy into force: resolves its stores and programs to inodes, fills the idle slot of the maps and
 * switches to it in one store. No access ever sees half a policy: programs read the slot once.
 */
#include <errno.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"
#include "policy/image.h"

struct filling {
	struct kernel *k;
	const struct policy_image *image;
	uint32_t slot;
	struct policy_slot *policy; /* the idle one, in the mapping that the programs read */
	struct kernel_roots roots;
	uint32_t store; /* of the root at hand */
	uint32_t root;
	uint64_t devices; /* for control.devices */
	uint64_t raw;	  /* for control.raw */
	uint64_t marked;  /* files of several names */
};

static int map_fd(const struct bpf_map *map)
{
	return bpf_map__fd(map);
}

/* Removes the entries of one slot; the slot is the u32 at slot_at in each key. */
static int clear_slot(const struct bpf_map *map, size_t slot_at, uint32_t slot)
{
	unsigned char key[sizeof(struct name_key)], next[sizeof(struct name_key)]; /* the longest */
	int fd = map_fd(map);
	bool more = !bpf_map_get_next_key(fd, NULL, key);

	if (bpf_map__key_size(map) > sizeof(key))
		return -EINVAL;
	while (more) {
		uint32_t at;

		more = !bpf_map_get_next_key(fd, key, next);
		memcpy(&at, key + slot_at, sizeof(at));
		if (at == slot && bpf_map_delete_elem(fd, key) && errno != ENOENT)
			return -errno;
		memcpy(key, next, sizeof(key));
	}
	return 0;
}

static int clear_idle_slot(struct filling *f)
{
	const struct muniment_bpf *skel = f->k->skel;
	struct store_rules none = {0};
	int err;

	memset(f->policy, 0, sizeof(*f->policy));
	err = clear_slot(skel->maps.roles_by_user, offsetof(struct id_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.roles_by_group, offsetof(struct id_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.roles_by_program, offsetof(struct object_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.library_roles, offsetof(struct object_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.stores_by_object, offsetof(struct object_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.rules_by_device, offsetof(struct device_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.endpoints_by_network, offsetof(struct network_key, slot),
				 f->slot);
	if (!err)
		err = clear_slot(skel->maps.regions_by_network, offsetof(struct network_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.resolvers, offsetof(struct resolver_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.names_agreed, offsetof(struct name_key, slot), f->slot);
	if (!err)
		err = clear_slot(skel->maps.no_records, offsetof(struct no_records_key, slot), f->slot);
	for (uint32_t i = 0; !err && i < STORE_IDS; i++) {
		uint32_t index = f->slot * STORE_IDS + i;

		err = bpf_map_update_elem(map_fd(skel->maps.rules_by_store), &index, &none, BPF_ANY);
	}
	return err;
}

static void filter_add(__u64 *filter, uint64_t number)
{
	uint32_t bit = decide_filter_bit(number);

	filter[bit / 64] |= 1ull << bit % 64;
}

static int fill_people(struct filling *f)
{
	const struct muniment_bpf *skel = f->k->skel;
	int err = 0;

	for (size_t i = 0; !err && i < f->image->n_users; i++) {
		struct id_key key = {.slot = f->slot, .id = f->image->users[i].uid};

		err = bpf_map_update_elem(map_fd(skel->maps.roles_by_user), &key, &f->image->users[i].roles,
					  BPF_ANY);
	}
	for (size_t i = 0; !err && i < f->image->n_groups; i++) {
		struct id_key key = {.slot = f->slot, .id = f->image->groups[i].gid};

		err = bpf_map_update_elem(map_fd(skel->maps.roles_by_group), &key, &f->image->groups[i].roles,
					  BPF_ANY);
	}
	f->policy->any_user = f->image->any_user;
	f->policy->any_group = f->image->any_group;
	f->policy->any_program = f->image->any_program;
	f->policy->now = f->image->now;
	f->policy->host = f->image->host;
	return err;
}

/* A device with stores: what holds there for files of which the walk cannot tell. The strictest store
 * decides. */
static int fill_device(struct filling *f, uint32_t dev, const struct store_rules *rules)
{
	struct device_key key = {.slot = f->slot, .dev = dev};
	struct device_rules device = {.mode = rules->mode, .audit = rules->audit}, before;
	int fd = map_fd(f->k->skel->maps.rules_by_device);

	if (!bpf_map_lookup_elem(fd, &key, &before)) {
		if (before.mode == STORE_MODE_ENFORCE)
			device.mode = STORE_MODE_ENFORCE;
		if (before.audit == STORE_AUDIT_REQUIRED)
			device.audit = STORE_AUDIT_REQUIRED;
	}
	f->devices |= 1ull << (dev & 63);
	return bpf_map_update_elem(fd, &key, &device, BPF_ANY);
}

static int put_object(struct filling *f, const struct object_id *id, bool is_root)
{
	struct object_key key = {.id = *id, .slot = f->slot};
	struct store_root value = {.store = f->store, .root = f->root};

	if (is_root)
		filter_add(f->policy->roots, id->ino);
	return bpf_map_update_elem(map_fd(f->k->skel->maps.stores_by_object), &key, &value, BPF_ANY);
}

static int mark_file(void *ctx, const struct object_id *id)
{
	struct filling *f = ctx;

	f->marked++;
	return put_object(f, id, false);
}

static int add_root_path(struct kernel_roots *roots, const char *path)
{
	char **paths = realloc(roots->paths, sizeof(*paths) * (roots->n + 1));
	struct kernel_root_stat *stats;
	struct stat st;

	if (paths)
		roots->paths = paths;
	stats = realloc(roots->stats, sizeof(*stats) * (roots->n + 1));
	if (stats)
		roots->stats = stats;
	if (!paths || !stats)
		return -ENOMEM;
	if (lstat(path, &st))
		return -errno;
	paths[roots->n] = strdup(path);
	if (!paths[roots->n])
		return -ENOMEM;
	stats[roots->n] = (struct kernel_root_stat){.dev = st.st_dev, .ino = st.st_ino};
	roots->n++;
	return 0;
}

/* What bears the file system of the root at hand. Where stores share a device, one that enforces counts. */
static int fill_device_below(void *ctx, enum object_kind kind, uint32_t dev)
{
	struct filling *f = ctx;
	struct object_key key = {.id.ino = dev, .slot = f->slot, .kind = kind};
	struct store_root value = {.store = f->store, .root = f->root}, before;
	int fd = map_fd(f->k->skel->maps.stores_by_object);

	f->raw |= 1ull << raw_bit(dev);
	if (!bpf_map_lookup_elem(fd, &key, &before) &&
	    f->image->stores[before.store].rules.mode == STORE_MODE_ENFORCE)
		return 0;
	return bpf_map_update_elem(fd, &key, &value, BPF_ANY);
}

static int fill_root(struct filling *f, const char *path);

/* One that is deleted, or lies in another mount namespace, has no path here by which we could name it. */
static int fill_file_below(void *ctx, const char *path)
{
	if (access(path, F_OK)) {
		log_warn("the file behind a store's loop device cannot be guarded: %s: %s", path,
			 strerror(errno));
		return 0;
	}
	return fill_root(ctx, path);
}

/* udev looks at every device to name it; were it denied, systemd would take the device for gone. */
static int fill_probes(struct filling *f)
{
	static const char *const probes[] = {"/usr/bin/udevadm", "/usr/lib/systemd/systemd-udevd"};
	struct store_root value = {.store = STORE_NONE};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(probes) / sizeof(probes[0]); i++) {
		struct object_key key = {.slot = f->slot, .kind = OBJECT_PROBE};
		char path[PATH_MAX];
		struct identified id;

		if (!realpath(probes[i], path))
			continue;
		err = kernel_identify_path(f->k, path, &id);
		key.id = id.id;
		if (!err)
			err = bpf_map_update_elem(map_fd(f->k->skel->maps.stores_by_object), &key, &value,
						  BPF_ANY);
	}
	return err;
}

/* One root directory or file of f->store, and its files of several names. */
static int fill_root(struct filling *f, const char *path)
{
	uint32_t index = f->slot * STORE_IDS + f->store;
	struct store_rules rules;
	struct identified id;
	int err = add_root_path(&f->roots, path);

	f->root = f->roots.n - 1;
	if (!err)
		err = kernel_identify_path(f->k, path, &id);
	if (!err)
		err = bpf_map_lookup_elem(map_fd(f->k->skel->maps.rules_by_store), &index, &rules);
	if (!err)
		err = fill_device(f, id.super_dev, &rules);
	if (!err)
		err = put_object(f, &id.id, true);
	if (!err)
		err = kernel_scan_named_often(f->k, path, mark_file, f);
	if (!err && f->store < STORES_MAX)
		err = kernel_devices_below(id.super_dev, path, fill_device_below, fill_file_below, f);
	if (err)
		log_error("cannot guard %s: %s", path, strerror(-err));
	return err;
}

/* What nobody may change through a handle, as the walk cannot tell it from the rest of the device. */
static int fill_own_device(struct filling *f, uint32_t dev)
{
	struct device_key key = {.slot = f->slot, .dev = dev};
	const struct device_rules device = {.mode = STORE_MODE_ENFORCE,
					    .audit = STORE_AUDIT_BEST_EFFORT,
					    .granted = OPERATION_BIT(OPERATION_LIST) |
						       OPERATION_BIT(OPERATION_READ) |
						       OPERATION_BIT(OPERATION_EXECUTE)};
	int err = bpf_map_update_elem(map_fd(f->k->skel->maps.rules_by_device), &key, &device, BPF_NOEXIST);

	f->devices |= 1ull << (dev & 63);
	return err == -EEXIST ? 0 : err; /* a store's rules are stricter */
}

/* One file or directory of the monitor's own. */
static int fill_own_path(struct filling *f, const char *path)
{
	struct identified id;
	int err = add_root_path(&f->roots, path);

	f->root = f->roots.n - 1;
	if (!err)
		err = kernel_identify_path(f->k, path, &id);
	if (!err)
		err = fill_own_device(f, id.super_dev);
	if (!err)
		err = put_object(f, &id.id, true);
	if (!err)
		err = kernel_scan_named_often(f->k, path, mark_file, f);
	if (err)
		log_error("cannot guard %s: %s", path, strerror(-err));
	return err;
}

static int fill_own(struct filling *f)
{
	const struct kernel_options *options = &f->k->options;
	const struct store_rules rules = {.mode = STORE_MODE_ENFORCE, .audit = STORE_AUDIT_BEST_EFFORT};
	int err = 0;

	if (!options->protect)
		return 0;
	for (uint32_t store = STORE_OWN; !err && store <= STORE_OWN_SECRET; store++) {
		uint32_t index = f->slot * STORE_IDS + store;

		err = bpf_map_update_elem(map_fd(f->k->skel->maps.rules_by_store), &index, &rules, BPF_ANY);
	}
	f->store = STORE_OWN;
	for (size_t i = 0; !err && options->own_paths && options->own_paths[i]; i++)
		err = fill_own_path(f, options->own_paths[i]);
	if (!err)
		err = fill_own_path(f, f->k->pin_dir);
	f->store = STORE_OWN_SECRET;
	if (!err && options->secret)
		err = fill_own_path(f, options->secret);
	return err;
}

static int fill_mount(void *ctx, const char *mount_point)
{
	return fill_root(ctx, mount_point);
}

static int fill_stores(struct filling *f)
{
	const struct muniment_bpf *skel = f->k->skel;
	int err = 0;

	for (uint32_t i = 0; !err && i < f->image->n_stores; i++) {
		uint32_t index = f->slot * STORE_IDS + i;
		struct store_rules rules = f->image->stores[i].rules;

		rules.apart = kernel_labels_of(f->image, rules.apart);
		err = bpf_map_update_elem(map_fd(skel->maps.rules_by_store), &index, &rules, BPF_ANY);
	}
	/* The image's own roots first: their index is the one that the image knows. */
	for (size_t i = 0; !err && i < f->image->n_roots; i++) {
		f->store = f->image->roots[i].store;
		err = fill_root(f, f->image->roots[i].path);
	}
	for (size_t i = 0; !err && i < f->image->n_roots; i++) {
		f->store = f->image->roots[i].store;
		err = kernel_mounts_below(f->image->roots[i].path, fill_mount, f);
	}
	if (!err)
		err = fill_probes(f);
	return err;
}

/* A directory that was replaced since is another one: what lies there holds records until the policy is read anew. */
static int fill_no_records(struct filling *f)
{
	int fd = map_fd(f->k->skel->maps.no_records), err = 0;

	for (size_t i = 0; !err && i < f->image->n_no_records; i++) {
		const struct image_no_records *file = &f->image->no_records[i];
		struct no_records_key key = {.slot = f->slot};
		struct identified id;

		err = kernel_identify_path(f->k, file->directory, &id);
		if (err) {
			log_error("cannot tell which files in %s hold no records: %s", file->directory,
				  strerror(-err));
			break;
		}
		key.directory = id.id;
		memcpy(key.name, file->name, sizeof(key.name));
		err = bpf_map_update_elem(fd, &key, &file->store, BPF_ANY);
		f->policy->flows |= FLOW_NO_RECORDS;
	}
	return err;
}

/* The watchdog's file. Where nothing can be prevented it is only monitored: the daemon would be the one to be
 * killed. */
static int fill_canary(struct filling *f)
{
	bool tracing = f->k->mechanism == MECHANISM_TRACING;
	struct store_rules rules = {.mode = tracing ? STORE_MODE_MONITOR : STORE_MODE_ENFORCE,
				    .audit = STORE_AUDIT_BEST_EFFORT};
	uint32_t index = f->slot * STORE_IDS + STORE_CANARY;
	int err = bpf_map_update_elem(map_fd(f->k->skel->maps.rules_by_store), &index, &rules, BPF_ANY);

	f->store = STORE_CANARY;
	return err ? err : fill_root(f, f->k->canary_path);
}

static void switch_to(struct filling *f, uint32_t generation)
{
	struct control *control = &f->k->skel->data_control->control;
	__u64 epoch, next;

	f->policy->generation = generation;
	/* The union first: programs that still use the former slot see its devices too. */
	__atomic_or_fetch(&control->devices, f->devices, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&control->raw, f->raw, __ATOMIC_SEQ_CST);
	epoch = __atomic_load_n(&control->epoch, __ATOMIC_SEQ_CST);
	do {
		next = ((epoch + EPOCH_STEP) & ~1ull) | f->slot;
	} while (!__atomic_compare_exchange_n(&control->epoch, &epoch, next, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	__atomic_store_n(&control->devices, f->devices, __ATOMIC_SEQ_CST);
	__atomic_store_n(&control->raw, f->raw, __ATOMIC_SEQ_CST);
}

void kernel_roots_free(struct kernel_roots *roots)
{
	for (uint32_t i = 0; i < roots->n; i++)
		free(roots->paths[i]);
	free(roots->paths);
	free(roots->stats);
	*roots = (struct kernel_roots){0};
}

static void keep_roots(struct kernel *k, struct kernel_roots *roots, uint32_t generation)
{
	kernel_roots_free(&k->roots[1]);
	k->roots[1] = k->roots[0];
	k->roots[0] = *roots;
	k->roots[0].generation = generation;
}

const char *kernel_root_changed(const struct kernel *k)
{
	const struct kernel_roots *roots = &k->roots[0];
	struct stat st;

	for (uint32_t i = 0; i < roots->n; i++)
		if (lstat(roots->paths[i], &st) || st.st_dev != roots->stats[i].dev ||
		    st.st_ino != roots->stats[i].ino)
			return roots->paths[i];
	return NULL;
}

int kernel_apply(struct kernel *k, struct policy_image *image, uint32_t generation)
{
	struct control *control = &k->skel->data_control->control;
	struct filling f = {.k = k, .image = image, .slot = 1 - epoch_slot(control->epoch)};
	struct kernel_programs programs = {0}, listed = {0};
	int err;

	f.policy = &control->slots[f.slot];
	/* Programs that still work with the slot to be filled have ended once every CPU has been through a
	 * grace period. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		log_debug("membarrier: %s", strerror(errno));
	control->keeper = (uint32_t)getpid();
	err = clear_idle_slot(&f);
	if (!err)
		err = kernel_deal_labels(k, image);
	if (!err)
		err = fill_people(&f);
	if (!err)
		err = kernel_fill_programs(k, image, false, f.slot, &programs);
	if (!err)
		err = kernel_fill_programs(k, image, true, f.slot, &listed);
	if (!err)
		err = kernel_fill_libraries(k, image, f.slot);
	if (!err)
		err = fill_stores(&f);
	if (!err)
		err = kernel_fill_egress(k, image, f.slot);
	if (!err)
		err = fill_no_records(&f);
	if (!err)
		err = kernel_fill_copies(k, image, f.slot);
	if (!err)
		err = fill_own(&f);
	if (!err)
		err = fill_canary(&f);
	control->keeper = 0;
	if (err) {
		kernel_roots_free(&f.roots);
		kernel_programs_free(&programs);
		kernel_programs_free(&listed);
		return err;
	}
	switch_to(&f, generation);
	keep_roots(k, &f.roots, generation);
	kernel_programs_free(&k->programs);
	kernel_programs_free(&k->listed);
	k->programs = programs;
	k->listed = listed;
	if (f.marked)
		log_info("%llu files of several names are guarded by inode", (unsigned long long)f.marked);
	return 0;
}
