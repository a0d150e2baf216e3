// SPDX-License-Identifier: Apache-2.0
/*
 * What a file system lies on, by sysfs: partitions, whole disks, device mapper and md, loop devices and the files
 * behind them, the nodes that pass commands to the same disks (SCSI generic, NVMe). Down only, so that a logical volume
 * does not stand for its neighbours; but to the volumes above an LVM snapshot's origin, which show the same blocks.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/state.h"

#define DEVICES_MAX 512 /* below one file system; more than that is refused, not cut */

struct devices {
	kernel_device_fn fn;
	kernel_file_fn file_fn;
	void *ctx;
	uint32_t seen[DEVICES_MAX];
	unsigned n_seen;
};

bool kernel_sysfs_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool got = f && fgets(line, (int)size, f);

	if (f)
		fclose(f);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

static bool read_dev(const char *path, uint32_t *ret_dev)
{
	unsigned ma, mi;
	char line[32];

	if (!kernel_sysfs_line(path, line, sizeof(line)) || sscanf(line, "%u:%u", &ma, &mi) != 2)
		return false;
	*ret_dev = kernel_dev(ma, mi);
	return true;
}

static int visit(void *ctx, uint32_t dev);

static int visit_char(void *ctx, uint32_t dev)
{
	struct devices *d = ctx;

	return d->fn(d->ctx, OBJECT_CHAR, dev);
}

int kernel_sysfs_devices(void *ctx, int (*next)(void *ctx, uint32_t dev), const char *format, ...)
{
	char pattern[PATH_MAX];
	glob_t found;
	va_list args;
	int err = 0;

	va_start(args, format);
	vsnprintf(pattern, sizeof(pattern), format, args);
	va_end(args);
	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return 0; /* none of that kind */
	for (size_t i = 0; !err && i < found.gl_pathc; i++) {
		uint32_t dev;

		if (read_dev(found.gl_pathv[i], &dev))
			err = next(ctx, dev);
	}
	globfree(&found);
	return err;
}

/* Command nodes of the disk itself: /dev/sg0, /dev/bsg/…, /dev/nvme0 and /dev/ng0n1. */
static int visit_commands(struct devices *d, const char *dir)
{
	char name[PATH_MAX], target[PATH_MAX];
	const char *leaf;
	int err = kernel_sysfs_devices(d, visit_char, "%s/device/scsi_generic/*/dev", dir);

	if (!err)
		err = kernel_sysfs_devices(d, visit_char, "%s/device/bsg/*/dev", dir);
	if (!realpath(dir, target))
		return err;
	leaf = strrchr(target, '/') + 1;
	if (err || strncmp(leaf, "nvme", 4))
		return err;
	snprintf(name, sizeof(name), "%s", leaf + 4);
	err = kernel_sysfs_devices(d, visit_char, "/sys/class/nvme-generic/ng%s/dev", name);
	name[strcspn(name, "cn")] = '\0';
	if (!err)
		err = kernel_sysfs_devices(d, visit_char, "/sys/class/nvme/nvme%s/dev", name);
	return err;
}

/* A snapshot's origin has a hidden volume of its own (LVM's "-real"), which the snapshots share. */
static bool is_shared_origin(const char *dir)
{
	char path[PATH_MAX], uuid[256];
	size_t n;

	snprintf(path, sizeof(path), "%s/dm/uuid", dir);
	n = kernel_sysfs_line(path, uuid, sizeof(uuid)) ? strlen(uuid) : 0;
	return n > 5 && !strcmp(uuid + n - 5, "-real");
}

static int visit_backing_file(struct devices *d, const char *dir)
{
	char path[PATH_MAX], file[PATH_MAX];

	snprintf(path, sizeof(path), "%s/loop/backing_file", dir);
	if (!kernel_sysfs_line(path, file, sizeof(file)) || file[0] != '/')
		return 0;
	return d->file_fn(d->ctx, file);
}

/* Of a partition: its disk, in whose directory its own lies. */
static int visit_disk(struct devices *d, const char *dir)
{
	char path[PATH_MAX];
	uint32_t dev;

	snprintf(path, sizeof(path), "%s/partition", dir);
	if (access(path, F_OK))
		return 0;
	snprintf(path, sizeof(path), "%s/../dev", dir);
	return read_dev(path, &dev) ? visit(d, dev) : -ENODEV;
}

static int visit(void *ctx, uint32_t dev)
{
	struct devices *d = ctx;
	char dir[64];
	int err;

	for (unsigned i = 0; i < d->n_seen; i++)
		if (d->seen[i] == dev)
			return 0;
	if (d->n_seen == DEVICES_MAX)
		return -E2BIG;
	d->seen[d->n_seen++] = dev;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", dev >> 20, dev & 0xfffff);
	err = d->fn(d->ctx, OBJECT_BLOCK, dev);
	if (!err)
		err = kernel_sysfs_devices(d, visit, "%s/slaves/*/dev", dir);
	if (!err && is_shared_origin(dir))
		err = kernel_sysfs_devices(d, visit, "%s/holders/*/dev", dir);
	if (!err)
		err = visit_disk(d, dir);
	if (!err)
		err = visit_backing_file(d, dir);
	return err ? err : visit_commands(d, dir);
}

/* The devices of a file system that has none in its stat(2), such as btrfs: by the source of its mount, and what btrfs
 * has beside it. */
static int visit_source(struct devices *d, const char *path)
{
	char real[PATH_MAX], pattern[PATH_MAX];
	struct kernel_mount mount;
	struct stat st;
	glob_t found;
	int err;

	if (!kernel_mount_of(path, &mount) || !realpath(mount.source, real) || stat(real, &st) ||
	    !S_ISBLK(st.st_mode))
		return 0;
	err = visit(d, kernel_dev(major(st.st_rdev), minor(st.st_rdev)));
	snprintf(pattern, sizeof(pattern), "/sys/fs/btrfs/*/devices/%.255s", strrchr(real, '/') + 1);
	if (err || glob(pattern, GLOB_NOSORT, NULL, &found))
		return err;
	for (size_t i = 0; !err && i < found.gl_pathc; i++) {
		*strrchr(found.gl_pathv[i], '/') = '\0';
		err = kernel_sysfs_devices(d, visit, "%s/*/dev", found.gl_pathv[i]);
	}
	globfree(&found);
	return err;
}

int kernel_devices_below(uint32_t super_dev, const char *path, kernel_device_fn fn, kernel_file_fn file_fn,
			 void *ctx)
{
	struct devices d = {.fn = fn, .file_fn = file_fn, .ctx = ctx};

	return super_dev >> 20 ? visit(&d, super_dev) : visit_source(&d, path);
}
