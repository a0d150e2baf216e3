// SPDX-License-Identifier: Apache-2.0
/* Mounts below a store: their files are reached through the store's path, but on a chain of directories of
 * their own. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "kernel/state.h"

/* Undoes the octal escapes of mountinfo (space, tab, newline, backslash), in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

struct fields {
	char *dev, *point, *type, *source;
};

/* Splits a line of mountinfo, proc(5): the third field is the device, the fifth the mount point, the first after the dash
 * the type, the second the source. */
static bool split(char *line, struct fields *ret)
{
	char *save = NULL, *field = strtok_r(line, " ", &save);
	int i, after = -1;

	*ret = (struct fields){0};
	for (i = 1; field; i++, field = strtok_r(NULL, " ", &save)) {
		if (i == 3)
			ret->dev = field;
		if (i == 5)
			ret->point = field;
		if (after >= 0)
			after++;
		else if (i > 6 && !strcmp(field, "-"))
			after = 0;
		if (after == 1)
			ret->type = field;
		if (after == 2)
			ret->source = field;
	}
	if (!ret->point || !ret->source)
		return false;
	unescape(ret->point);
	unescape(ret->source);
	return true;
}

bool kernel_mount_of(const char *path, struct kernel_mount *ret_mount)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t room = 0, longest = 0;
	struct fields fields;
	char *line = NULL;
	unsigned ma, mi;

	if (!f)
		return false;
	while (getline(&line, &room, f) > 0) {
		/* Of mounts on the same point, the last one covers the others. */
		if (!split(line, &fields) || !file_is_below(path, fields.point) ||
		    strlen(fields.point) < longest || sscanf(fields.dev, "%u:%u", &ma, &mi) != 2)
			continue;
		longest = strlen(fields.point);
		ret_mount->dev = kernel_dev(ma, mi);
		snprintf(ret_mount->type, sizeof(ret_mount->type), "%s", fields.type);
		snprintf(ret_mount->source, sizeof(ret_mount->source), "%s", fields.source);
	}
	free(line);
	fclose(f);
	return longest > 0;
}

int kernel_mounts_below(const char *path, kernel_mount_fn fn, void *ctx)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n = strlen(path), size = 0;
	struct fields fields;
	char *line = NULL;
	int err = 0;

	if (!f)
		return -errno;
	while (!err && getline(&line, &size, f) > 0) {
		if (split(line, &fields) && !strncmp(fields.point, path, n) && fields.point[n] == '/' &&
		    fields.point[n + 1])
			err = fn(ctx, fields.point);
	}
	free(line);
	fclose(f);
	return err;
}

/*
 * Is a file system of that type known by an identifier of its own (statfs.f_fsid; of xfs, by its device), and its objects
 * by numbers that are not dealt out again? Others are not asked: one may hang (NFS, FUSE), or is new after each boot.
 */
static bool is_kept(const char *type)
{
	static const char *const kept[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!strcmp(type, kept[i]))
			return true;
	return false;
}

int kernel_file_systems(kernel_file_system_fn fn, void *ctx)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct fields fields;
	char *line = NULL;
	size_t size = 0;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		struct kernel_file_system fs;
		struct statfs is;
		struct stat st;

		if (!split(line, &fields) || !is_kept(fields.type) || stat(fields.point, &st) ||
		    statfs(fields.point, &is))
			continue;
		fs.type = fields.type;
		fs.id = (uint64_t)(uint32_t)is.f_fsid.__val[0] << 32 | (uint32_t)is.f_fsid.__val[1];
		fs.dev = kernel_dev(major(st.st_dev), minor(st.st_dev));
		if (fs.id)
			fn(ctx, &fs);
	}
	free(line);
	fclose(f);
	return 0;
}
