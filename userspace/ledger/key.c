// SPDX-License-Identifier: Apache-2.0
/* See key.h. */
#include "ledger/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct place {
	dev_t device;
	uint64_t mount;
};

/* Looks at path, or at the nearest directory above it that exists. */
static int find_place(const char *path, struct place *ret_place)
{
	char *p = strdup(path), *slash;
	struct statx sx;
	int err;

	if (!p)
		return -ENOMEM;
	for (;;) {
		err = statx(AT_FDCWD, *p ? p : ".", 0, STATX_BASIC_STATS | STATX_MNT_ID, &sx) ? -errno : 0;
		if (err != -ENOENT && err != -ENOTDIR)
			break;
		slash = strrchr(p, '/');
		if (slash == p && p[1])
			p[1] = '\0';
		else if (slash && slash != p)
			*slash = '\0';
		else if (*p && !slash)
			*p = '\0';
		else
			break;
	}
	if (!err) {
		ret_place->device = makedev(sx.stx_dev_major, sx.stx_dev_minor);
		ret_place->mount = sx.stx_mask & STATX_MNT_ID ? sx.stx_mnt_id : 0;
	}
	free(p);
	return err;
}

/*
 * The device of the mount's file system: stat gives each btrfs subvolume a device of its own, mountinfo one
 * to all of them.
 */
static dev_t filesystem_device(const struct place *p)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	dev_t device = p->device;
	char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		unsigned long long mount;
		unsigned major_id, minor_id;

		if (sscanf(line, "%llu %*u %u:%u", &mount, &major_id, &minor_id) == 3 && mount == p->mount) {
			device = makedev(major_id, minor_id);
			break;
		}
	}
	free(line);
	if (f)
		fclose(f);
	return device;
}

int key_same_filesystem(const char *path, const char *dir, bool *ret_same)
{
	struct place a, b;
	int err = find_place(path, &a);

	if (!err)
		err = find_place(dir, &b);
	if (!err)
		*ret_same = a.device == b.device || filesystem_device(&a) == filesystem_device(&b);
	return err;
}
