/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where file systems are mounted, by device number, as the daemon sees them (/proc/self/mountinfo).
 *
 * Owns its copy of the table and the descriptor that tells of changes. Used by the pipeline.
 */
#ifndef MUNIMENT_PIPELINE_MOUNTS_H
#define MUNIMENT_PIPELINE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct mounts;

/* path: NULL for /proc/self/mountinfo; tests give another file. 0 or -errno. */
int mounts_new(const char *path, struct mounts **ret_mounts);
void mounts_free(struct mounts *m);

/* Reads the table again if the kernel says that it changed. */
void mounts_refresh(struct mounts *m);

/* Reads a table from memory, for the two above and for tests. Lines that make no sense are passed over. */
int mounts_parse(struct mounts *m, const char *text, size_t n);

/*
 * Appends the path under which `inside` (a path from the root of its file system, with a leading slash) is
 * reached, and returns true; false and nothing when no mount shows it. dev: the kernel's, major << 20 |
 * minor.
 */
bool mounts_path(const struct mounts *m, uint32_t dev, const char *inside, size_t n, struct buf *out);

/* The mount point of the cgroup2 hierarchy, or NULL. Valid until the next refresh. */
const char *mounts_cgroup2(const struct mounts *m);

#endif
