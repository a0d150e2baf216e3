// SPDX-License-Identifier: Apache-2.0
/* Static tlog-tiles trees: see tile.h. */
#include "ledger/tile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define LEVELS	      8 /* 256^8 entries */
#define TILE_MAX      (TILE_WIDTH * (size_t)(2 + ENTRY_MAX))
#define PROGRESS_MASK 0xffff

struct level {
	struct tree_hash hashes[TILE_WIDTH];
	unsigned width;
	uint64_t n; /* of the tile in work */
};

struct export
{
	const char *out;
	struct level levels[LEVELS];
	struct buf bundle;
	struct buf path;
	struct tile_export done;
};

void tile_path(int level, uint64_t n, unsigned width, struct buf *out)
{
	unsigned groups = 1;
	uint64_t rest = n;

	if (level == TILE_ENTRIES)
		buf_str(out, "tile/entries");
	else
		buf_printf(out, "tile/%d", level);
	while (rest >= 1000) {
		rest /= 1000;
		groups++;
	}
	for (unsigned g = groups; g-- > 0;) {
		rest = n;
		for (unsigned i = 0; i < g; i++)
			rest /= 1000;
		buf_printf(out, g ? "/x%03u" : "/%03u", (unsigned)(rest % 1000));
	}
	if (width < TILE_WIDTH)
		buf_printf(out, ".p/%u", width);
}

/* 0 same bytes there, -ENOENT nothing there, -EEXIST other bytes. */
static int compare_file(const char *path, const void *bytes, size_t n)
{
	struct buf there = {0};
	int err = file_read(path, TILE_MAX, &there);

	if (!err && (there.len != n || memcmp(there.data, bytes, n) != 0))
		err = -EEXIST;
	buf_free(&there);
	return err == -EFBIG ? -EEXIST : err;
}

static int make_parent(struct buf *path)
{
	char *slash = strrchr(path->data, '/');
	int err;

	*slash = '\0';
	err = file_make_dirs(path->data, 0755);
	*slash = '/';
	return err;
}

/* No fsync for each: the whole file system is synced once, before the checkpoint appears. */
static int write_new(struct buf *path, const void *bytes, size_t n)
{
	struct buf temporary = {0};
	int fd, err;

	buf_printf(&temporary, "%s.new", path->data);
	if (temporary.failed)
		return -ENOMEM;
	fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 && errno == ENOENT) {
		err = make_parent(path);
		if (!err)
			fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	}
	err = fd < 0 ? -errno : file_write_all(fd, bytes, n);
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary.data, path->data))
		err = -errno;
	buf_free(&temporary);
	return err;
}

static int put_tile(struct export *x, int level, uint64_t n, unsigned width, const void *bytes, size_t size)
{
	int err;

	buf_reset(&x->path);
	buf_printf(&x->path, "%s/", x->out);
	tile_path(level, n, width, &x->path);
	if (x->path.failed)
		return -ENOMEM;
	err = compare_file(x->path.data, bytes, size);
	if (err == 0)
		x->done.already++;
	if (err != -ENOENT)
		return err;
	err = write_new(&x->path, bytes, size);
	if (!err)
		x->done.files++;
	return err;
}

static int put_hashes(struct export *x, unsigned level)
{
	struct level *l = &x->levels[level];

	return put_tile(x, (int)level, l->n, l->width, l->hashes, (size_t)l->width * TREE_HASH_SIZE);
}

static int put_bundle(struct export *x)
{
	struct level *l = &x->levels[0];
	int err = x->bundle.failed ? -ENOMEM
				   : put_tile(x, TILE_ENTRIES, l->n, l->width, x->bundle.data, x->bundle.len);

	buf_reset(&x->bundle);
	return err;
}

static void tile_root(const struct level *l, struct tree_hash *out)
{
	struct tree_frontier f = {0};

	for (unsigned i = 0; i < l->width; i++)
		tree_frontier_add(&f, 0, &l->hashes[i]);
	tree_frontier_root(&f, out);
}

/* Adds a hash to a level; a full tile is written, and its root goes to the level above. */
static int add_hash(struct export *x, const struct tree_hash *leaf)
{
	struct tree_hash h = *leaf;

	for (unsigned level = 0; level < LEVELS; level++) {
		struct level *l = &x->levels[level];
		int err;

		l->hashes[l->width++] = h;
		if (l->width < TILE_WIDTH)
			return 0;
		err = put_hashes(x, level);
		if (!err && level == 0)
			err = put_bundle(x);
		if (err)
			return err;
		tile_root(l, &h);
		l->width = 0;
		l->n++;
	}
	return -EFBIG;
}

/* The root out of the levels' unfinished tiles, as a client would put it together. */
static void export_root(const struct export *x, uint64_t size, struct tree_hash *out)
{
	struct tree_frontier f = {0};

	if (size)
		for (unsigned level = LEVELS; level-- > 0;)
			for (unsigned i = 0; i < x->levels[level].width; i++)
				tree_frontier_add(&f, 8 * level, &x->levels[level].hashes[i]);
	tree_frontier_root(&f, out);
}

static int export_entries(struct export *x, struct ledger_reader *r, void (*progress)(uint64_t, uint64_t))
{
	uint64_t size = ledger_reader_size(r);
	const uint8_t *entry;
	long n;

	ledger_reader_seek(r, 0);
	while ((n = ledger_reader_next(r, &entry)) >= 0) {
		const uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
		struct tree_hash leaf;
		int err;

		buf_add(&x->bundle, length, 2);
		buf_add(&x->bundle, entry, (size_t)n);
		tree_leaf(entry, (size_t)n, &leaf);
		err = add_hash(x, &leaf);
		if (err)
			return err;
		if (progress && (++x->done.entries & PROGRESS_MASK) == 0)
			progress(x->done.entries, size);
	}
	x->done.entries = ledger_reader_tell(r);
	return n == -ENODATA ? 0 : (int)n;
}

static int export_edge(struct export *x)
{
	int err = x->levels[0].width ? put_bundle(x) : 0;

	for (unsigned level = 0; !err && level < LEVELS; level++)
		if (x->levels[level].width)
			err = put_hashes(x, level);
	return err;
}

static int export_checkpoint(struct export *x, struct ledger_reader *r)
{
	size_t n;
	const char *note = ledger_reader_note(r, &n);
	int fd = open(x->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0 || syncfs(fd))
		err = -errno;
	if (fd >= 0)
		close(fd);
	buf_reset(&x->path);
	buf_printf(&x->path, "%s/checkpoint", x->out);
	if (!err)
		err = x->path.failed ? -ENOMEM : file_replace(x->path.data, note, n, 0644);
	return err;
}

int ledger_export_tiles(struct ledger_reader *r, const char *out,
			void (*progress)(uint64_t done, uint64_t total), struct tile_export *ret_export)
{
	struct export *x = calloc(1, sizeof(*x));
	struct tree_hash root;
	int err;

	if (!x)
		return -ENOMEM;
	x->out = out;
	err = file_make_dirs(out, 0755);
	if (!err)
		err = export_entries(x, r, progress);
	if (!err)
		err = export_edge(x);
	if (!err) {
		export_root(x, ledger_reader_size(r), &root);
		err = tree_hash_equal(&root, &ledger_reader_checkpoint(r)->root) ? 0 : -EBADMSG;
	}
	if (!err)
		err = export_checkpoint(x, r);
	if (!err)
		*ret_export = x->done;
	buf_free(&x->bundle);
	buf_free(&x->path);
	free(x);
	return err;
}
