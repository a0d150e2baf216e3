/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel side for tests of the keeper: the functions of kernel.h, played over a ring in a memory file.
 * `side` says what they answer and counts what was asked. For one test program; included by daemon_keeper.c.
 */
#ifndef MUNIMENT_TESTS_KEEPER_FIXTURE_H
#define MUNIMENT_TESTS_KEEPER_FIXTURE_H

#include <sys/eventfd.h>

#include "daemon/keeper.h"
#include "kernel/ring.h"
#include "pipeline_fixture.h"

struct kernel {
	struct ring *ring;
};

static struct {
	int fd, wake_fd;
	uint8_t *map; /* consumer page, producer page, data */
	size_t page;
	uint64_t sequence, ring;
	bool prevents, adopted, kept, closed, canary_silent, apply_fails, program_gone;
	bool library_changed;
	unsigned applied;
	uint64_t window;
	struct held held;
	uint64_t label; /* of process 4711 */
	struct object_id copy;
	uint64_t copy_label, copies_made;
	struct kernel_file_system system;
	const char *moved, *roles;
	size_t came, went; /* addresses of names */
} side;

static const struct kernel_serving serving[] = {
	{"open", MECHANISM_LSM, "lsm__file_open", true, NULL, ""},
	{"read and write", MECHANISM_LSM, "lsm__file_permission", true, NULL, ""},
};

static void ring_put(const void *record, size_t size)
{
	uint64_t *producer = (uint64_t *)(void *)(side.map + side.page);
	uint8_t *data = side.map + 2 * side.page;
	uint64_t at = *producer & (RING_SIZE_BYTES - 1);
	uint32_t header[2] = {(uint32_t)size, 0};
	uint8_t bytes[8 + RECORD_SIZE_MAX];
	size_t step = (size + 8 + 7) / 8 * 8;

	memcpy(bytes, header, 8);
	memcpy(bytes + 8, record, size);
	for (size_t i = 0; i < size + 8; i++)
		data[(at + i) & (RING_SIZE_BYTES - 1)] = bytes[i];
	__atomic_store_n(producer, *producer + step, __ATOMIC_RELEASE);
	eventfd_write(side.wake_fd, 1);
}

int kernel_open(const struct kernel_options *options, struct kernel **ret_kernel, bool *ret_adopted)
{
	struct kernel *k = calloc(1, sizeof(*k));

	(void)options;
	assert_int_equal(ring_new(side.fd, RING_SIZE_BYTES, &k->ring), 0);
	side.closed = side.kept = false;
	*ret_kernel = k;
	*ret_adopted = side.adopted;
	side.ring += !side.adopted;
	return 0;
}

void kernel_close(struct kernel *k, bool keep)
{
	if (!k)
		return;
	side.closed = true;
	side.kept = keep;
	ring_free(k->ring);
	free(k);
}

int kernel_apply(struct kernel *k, struct policy_image *image, uint32_t generation)
{
	(void)k;
	(void)generation;
	if (side.apply_fails)
		return -ENOSPC;
	snprintf(image->labels[3].name, sizeof(image->labels[3].name), "%s", image->stores[0].name);
	side.applied++;
	return 0;
}

int kernel_protect(struct kernel *k)
{
	(void)k;
	return 0;
}

int kernel_held(struct kernel *k, kernel_record_fn fn, void *ctx)
{
	(void)k;
	if (side.held.tgid)
		fn(ctx, &side.held);
	return 0;
}

/* One process, with an unprintable name, until its label is cleared. */
int kernel_labelled(struct kernel *k, kernel_record_fn fn, void *ctx)
{
	const struct labelled l = {
		.label = side.label, .tgid = 4711, .uid = 1, .login_uid = ID_UNSET, .comm = "a\033b"};

	(void)k;
	if (side.label)
		fn(ctx, &l);
	return 0;
}

uint64_t kernel_copies_made(const struct kernel *k)
{
	(void)k;
	return side.copies_made;
}

int kernel_copies(struct kernel *k, kernel_copy_fn fn, void *ctx)
{
	(void)k;
	return side.copy_label ? fn(ctx, &side.copy, side.copy_label) : 0;
}

int kernel_add_copy(struct kernel *k, const struct object_id *id, uint64_t label)
{
	(void)k;
	side.copy = *id;
	side.copy_label = label;
	side.copies_made++;
	return 1;
}

int kernel_file_systems(kernel_file_system_fn fn, void *ctx)
{
	if (side.system.type)
		fn(ctx, &side.system);
	return 0;
}

int kernel_volume(struct kernel *k, const struct policy_image *image, size_t i, uint64_t *ret_used,
		  uint64_t *ret_left_s)
{
	(void)k;
	(void)image;
	(void)i;
	(void)ret_used;
	(void)ret_left_s;
	return -ENOENT;
}

int kernel_watch_media(struct kernel *k, const struct policy_image *image)
{
	(void)k;
	(void)image;
	return 0;
}

int kernel_age_agreements(struct kernel *k, const struct policy_image *image)
{
	(void)k;
	(void)image;
	return 0;
}

int kernel_put_addresses(struct kernel *k, const struct policy_image *image, const uint8_t (*addresses)[16],
			 size_t n, bool gone)
{
	(void)k;
	(void)image;
	(void)addresses;
	side.came += gone ? 0 : n;
	side.went += gone ? n : 0;
	return 0;
}

int kernel_clear_label(struct kernel *k, uint32_t tgid, uint64_t *ret_label)
{
	(void)k;
	if (tgid != 4711)
		return -ESRCH;
	*ret_label = side.label;
	side.label = 0;
	return 0;
}

/* The copy lies at /srv/copy. */
int kernel_find_copy(struct kernel *k, const char *path, struct object_id *ret_id, uint64_t *ret_label)
{
	(void)k;
	*ret_id = side.copy;
	*ret_label = side.copy_label;
	return side.copy_label && strcmp(path, "/srv/copy") == 0 ? 0 : -ENOENT;
}

int kernel_clear_copy(struct kernel *k, const struct object_id *id, uint64_t *ret_label)
{
	(void)k;
	if (!side.copy_label || id->ino != side.copy.ino)
		return -ENOENT;
	*ret_label = side.copy_label;
	side.copy_label = 0;
	side.copies_made++;
	return 0;
}

void kernel_heartbeat(struct kernel *k)
{
	(void)k;
}

int kernel_tell(struct kernel *k, bool all)
{
	(void)k;
	(void)all;
	return 0;
}

void kernel_own_cgroups(struct kernel *k)
{
	(void)k;
}

void kernel_window(struct kernel *k, uint64_t until_boot_ns)
{
	(void)k;
	side.window = until_boot_ns;
}

void kernel_watch_packaged(struct kernel *k, kernel_library_fn fn, void *ctx)
{
	(void)k;
	if (side.library_changed)
		fn(ctx, "/usr/lib/libchanged.so.1", "case-tools");
	side.library_changed = false;
}

bool kernel_watch_programs(struct kernel *k, struct policy_image *image, kernel_changed_fn fn, void *ctx)
{
	struct image_program *program = image->n_programs ? &image->programs[0] : NULL;
	struct program_found before;

	(void)k;
	if (!side.program_gone || !program)
		return false;
	side.program_gone = false;
	before = program->found;
	program->found = (struct program_found){.state = PROGRAM_MISSING};
	fn(ctx, program, &before);
	return true;
}

int kernel_attach(struct kernel *k)
{
	(void)k;
	return 0;
}

const struct kernel_serving *kernel_serving(const struct kernel *k, unsigned *ret_n)
{
	(void)k;
	*ret_n = 2;
	return serving;
}

bool kernel_can_prevent(const struct kernel *k)
{
	(void)k;
	return side.prevents;
}

struct ring *kernel_ring(struct kernel *k)
{
	return k->ring;
}

uint64_t kernel_ring_id(const struct kernel *k)
{
	(void)k;
	return side.ring;
}

int kernel_ring_fd(const struct kernel *k)
{
	(void)k;
	return side.wake_fd;
}

int kernel_sequences(const struct kernel *k, uint64_t *sequences, unsigned max)
{
	(void)k;
	memset(sequences, 0, max * sizeof(*sequences));
	sequences[0] = __atomic_load_n(&side.sequence, __ATOMIC_ACQUIRE);
	return (int)max;
}

int kernel_count(const struct kernel *k, struct kernel_counters *ret_counters)
{
	(void)k;
	memset(ret_counters, 0, sizeof(*ret_counters));
	return 0;
}

enum kernel_canary kernel_canary_probe(struct kernel *k, const char **ret_what)
{
	(void)k;
	*ret_what = "open (lsm)";
	return side.canary_silent ? KERNEL_CANARY_SILENT : KERNEL_CANARY_OK;
}

void kernel_canary_seen(struct kernel *k, const struct record_access *record)
{
	(void)k;
	(void)record;
}

const char *kernel_root_path(const struct kernel *k, uint32_t generation, uint32_t root)
{
	(void)k;
	(void)generation;
	return root == 0 ? "/the/root" : NULL;
}

void kernel_take_programs(struct kernel *k, void (*fn)(void *, const struct record_program *, size_t),
			  void *ctx)
{
	(void)k;
	(void)fn;
	(void)ctx;
}

void kernel_each_pass(struct kernel *k, void (*fn)(void *, const struct record_pass *), void *ctx)
{
	(void)k;
	(void)fn;
	(void)ctx;
}

const char *kernel_root_changed(const struct kernel *k)
{
	(void)k;
	return side.moved;
}

#endif
