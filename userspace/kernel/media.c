// SPDX-License-Identifier: Apache-2.0
/*
 * What kind of disk each is that copies may lie on, by sysfs: removable, of the network, unencrypted. What lies in layers
 * (partitions, device mapper, md, loop devices) is what any of its parts is; below a layer of dm-crypt nothing is in clear.
 *
 * Told to the kernel side for all disks at once, as it asks nobody: see bpf/medium.bpf.h.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel/state.h"
#include "muniment.skel.h"
#include "policy/image.h"

#define LAYERS_MAX 16 /* more, or a ring of loop devices: nobody can tell */
#define ANY_DISK   (MEDIA_ALL & ~MEDIUM_BIT(MEDIUM_FUSE))

struct parts {
	uint32_t media;
	unsigned layer;
	bool any;
};

static uint32_t disk_media(uint32_t dev, unsigned layer);

static int add_part(void *ctx, uint32_t dev)
{
	struct parts *parts = ctx;

	parts->media |= disk_media(dev, parts->layer + 1);
	parts->any = true;
	return 0;
}

static bool line_of(const char *dir, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path) &&
	       kernel_sysfs_line(path, line, size);
}

static bool line_is(const char *dir, const char *name, const char *wanted)
{
	char line[64];

	return line_of(dir, name, line, sizeof(line)) && !strcmp(line, wanted);
}

/* By the name that cryptsetup gives what it makes with the device mapper; not what only checks integrity. */
static bool is_encrypted(const char *dir)
{
	static const char *const prefixes[] = {"CRYPT-LUKS1-",	"CRYPT-LUKS2-",	  "CRYPT-PLAIN-",
					       "CRYPT-TCRYPT-", "CRYPT-LOOPAES-", "CRYPT-BITLK-",
					       "CRYPT-FVAULT2-"};
	char uuid[256];

	if (!line_of(dir, "dm/uuid", uuid, sizeof(uuid)))
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(uuid, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* By itself, by its bus, or by a slot or port above it that the firmware calls so. path: in sysfs, without links; changed. */
static bool is_removable(char *path)
{
	char *slash;

	if (line_is(path, "removable", "1") || line_is(path, "device/type", "SD") || strstr(path, "/usb"))
		return true;
	while ((slash = strrchr(path, '/')) && slash > path) {
		*slash = '\0';
		if (line_is(path, "removable", "removable"))
			return true;
	}
	return false;
}

static bool speaks_to_others(const char *pattern)
{
	bool others = false;
	glob_t found;
	char line[16];

	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++)
		others |= kernel_sysfs_line(found.gl_pathv[i], line, sizeof(line)) && strcmp(line, "pcie") &&
			  strcmp(line, "apple-nvme");
	globfree(&found);
	return others;
}

/* iSCSI, NVMe over fabrics, nbd, Ceph's rbd. */
static bool is_of_network(const char *path, const char *name)
{
	char pattern[PATH_MAX];

	if (!strncmp(name, "nbd", 3) || !strncmp(name, "rbd", 3) || strstr(path, "/session"))
		return true;
	if (strncmp(name, "nvme", 4))
		return false;
	snprintf(pattern, sizeof(pattern), "/sys/block/%.64s/device/transport", name);
	if (speaks_to_others(pattern))
		return true;
	snprintf(pattern, sizeof(pattern), "/sys/block/%.64s/device/nvme*/transport", name);
	return speaks_to_others(pattern);
}

static bool is_memory(const char *dir, const char *name)
{
	return !strncmp(name, "ram", 3) || (!strncmp(name, "zram", 4) && line_is(dir, "backing_dev", "none"));
}

/* A disk that has nothing below it. */
static uint32_t bare_media(const char *dir)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	uint32_t media = MEDIUM_BIT(MEDIUM_UNENCRYPTED);

	if (!realpath(dir, path))
		return ANY_DISK;
	snprintf(name, sizeof(name), "%s", strrchr(path, '/') + 1);
	if (is_memory(path, name))
		return 0;
	if (is_of_network(path, name))
		media |= MEDIUM_BIT(MEDIUM_NETWORK);
	if (is_removable(path))
		media |= MEDIUM_BIT(MEDIUM_REMOVABLE);
	return media;
}

/* The file behind a loop device. */
static uint32_t file_media(const char *file, unsigned layer)
{
	struct kernel_mount mount;
	struct stat st;

	if (!kernel_mount_of(file, &mount))
		return ANY_DISK;
	if (!strcmp(mount.type, "tmpfs") || !strcmp(mount.type, "ramfs"))
		return 0;
	if (mount.dev >> 20)
		return disk_media(mount.dev, layer + 1);
	if (strcmp(mount.type, "btrfs") || stat(mount.source, &st) || !S_ISBLK(st.st_mode))
		return MEDIA_ALL; /* whatever has no disk: of the network, of user space, an overlay */
	return disk_media(kernel_dev(major(st.st_rdev), minor(st.st_rdev)), layer + 1);
}

/* The other disks of a btrfs that this one is of. */
static void add_siblings(const char *dir, struct parts *parts)
{
	char path[PATH_MAX], pattern[PATH_MAX];
	glob_t found;

	if (parts->layer || !realpath(dir, path))
		return;
	snprintf(pattern, sizeof(pattern), "/sys/fs/btrfs/*/devices/%.255s", strrchr(path, '/') + 1);
	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		*strrchr(found.gl_pathv[i], '/') = '\0';
		kernel_sysfs_devices(parts, add_part, "%s/*/dev", found.gl_pathv[i]);
	}
	globfree(&found);
}

static uint32_t layer_media(const char *dir, unsigned layer)
{
	struct parts parts = {.layer = layer};
	char file[PATH_MAX];

	if (line_of(dir, "partition", file, sizeof(file)))
		kernel_sysfs_devices(&parts, add_part, "%s/../dev", dir);
	else if (line_of(dir, "loop/backing_file", file, sizeof(file)))
		return file[0] == '/' ? file_media(file, layer) : ANY_DISK;
	else
		kernel_sysfs_devices(&parts, add_part, "%s/slaves/*/dev", dir);
	return parts.any ? parts.media : bare_media(dir);
}

static uint32_t disk_media(uint32_t dev, unsigned layer)
{
	struct parts siblings = {.layer = layer};
	uint32_t media;
	char dir[64];

	if (layer > LAYERS_MAX)
		return ANY_DISK;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", dev >> 20, dev & 0xfffff);
	media = layer_media(dir, layer);
	if (is_encrypted(dir))
		media &= ~MEDIUM_BIT(MEDIUM_UNENCRYPTED);
	add_siblings(dir, &siblings);
	return media | siblings.media;
}

/* The number by which the kernel tells a disk, of a partition its disk's. */
static bool disk_number(const char *dir, __u64 *ret_number)
{
	char line[32];
	bool got =
		line_of(dir, "diskseq", line, sizeof(line)) || line_of(dir, "../diskseq", line, sizeof(line));

	*ret_number = got ? strtoull(line, NULL, 10) : 0;
	return got;
}

/* Disks that are there no more. */
static int forget_others(int fd, uint32_t round)
{
	struct media_key key, next;
	struct media_value value;
	bool more = !bpf_map_get_next_key(fd, NULL, &key);

	while (more) {
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &value) && value.round != round &&
		    bpf_map_delete_elem(fd, &key) && errno != ENOENT)
			return -errno;
		key = next;
	}
	return 0;
}

int kernel_watch_media(struct kernel *k, const struct policy_image *image)
{
	int fd = bpf_map__fd(k->skel->maps.media_by_disk), err = 0;
	struct media_value value = {.round = ++k->media_round};
	struct media_key key = {0};
	unsigned ma, mi;
	glob_t found;

	if (!image->media)
		return 0;
	if (glob("/sys/dev/block/*:*", GLOB_NOSORT, NULL, &found))
		return 0; /* there is none */
	for (size_t i = 0; !err && i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;

		if (sscanf(name, "%u:%u", &ma, &mi) != 2 || !disk_number(found.gl_pathv[i], &key.disk))
			continue;
		key.dev = kernel_dev(ma, mi);
		value.media = disk_media(key.dev, 0);
		err = bpf_map_update_elem(fd, &key, &value, BPF_ANY);
	}
	globfree(&found);
	return err ? err : forget_others(fd, value.round);
}
