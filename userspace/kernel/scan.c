// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the files of several names in a store. One of those names may lie outside, where a walk up the
 * directories never meets the store: such files are told to the kernel one by one.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/state.h"

#define AT_ONCE 128 /* descriptors identified by one run of the iterator */

struct batch {
	struct kernel *k;
	int fds[AT_ONCE];
	unsigned n;
	kernel_marked_fn fn;
	void *ctx;
};

static int flush(struct batch *b)
{
	struct identified ids[AT_ONCE];
	int err = b->n ? kernel_identify(b->k, b->fds, b->n, ids) : 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (!err)
			err = b->fn(b->ctx, &ids[i].id);
		close(b->fds[i]);
	}
	b->n = 0;
	return err;
}

static int add(struct batch *b, const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* gone since: nothing to guard */
	b->fds[b->n++] = fd;
	return b->n == AT_ONCE ? flush(b) : 0;
}

int kernel_scan_named_often(struct kernel *k, const char *root, kernel_marked_fn fn, void *ctx)
{
	char *const roots[] = {(char *)(uintptr_t)root, NULL};
	struct batch batch = {.k = k, .fn = fn, .ctx = ctx};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *at;
	int err = 0;

	if (!tree)
		return -errno;
	while (!err && (at = fts_read(tree))) {
		if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR) {
			if (at->fts_errno == ENOENT)
				continue;
			log_error("cannot read %s to find files of several names: %s", at->fts_path,
				  strerror(at->fts_errno));
			err = -at->fts_errno;
		} else if (at->fts_info == FTS_F && at->fts_statp->st_nlink > 1) {
			err = add(&batch, at->fts_path);
		}
	}
	if (!err)
		err = flush(&batch);
	for (unsigned i = 0; i < batch.n; i++)
		close(batch.fds[i]);
	fts_close(tree);
	return err;
}
