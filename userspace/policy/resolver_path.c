/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's resolver, the half about files: canonical paths, what mountinfo says of them, digests of
 * programs.
 *
 * Owns the list of mounts, read once. Called through struct policy_resolver.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/overlay.h"
#include "policy/resolver_host.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)

void policy_path_info_clear(struct policy_path_info *info)
{
	free(info->canonical);
	free(info->inside);
	*info = (struct policy_path_info){0};
}

/* mountinfo writes space, tab, line break and backslash as three octal digits. In place. */
static void decode_octal(char *text)
{
	char *out = text;

	for (char *in = text; *in; out++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		    in[3] >= '0' && in[3] <= '7') {
			*out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /point options …" */
static int keep_mount(struct host_resolver *host, const char *line)
{
	struct host_mount mount = {0}, *mounts;
	unsigned int major, minor;

	if (sscanf(line, "%llu %*u %u:%u %ms %ms", &mount.id, &major, &minor, &mount.root, &mount.point) != 5)
		goto unknown;
	mount.device = major << 20 | minor;
	mounts = reallocarray(host->mounts, host->n_mounts + 1, sizeof(*mounts));
	if (!mounts) {
		free(mount.root);
		free(mount.point);
		return -ENOMEM;
	}
	decode_octal(mount.root);
	decode_octal(mount.point);
	host->mounts = mounts;
	mounts[host->n_mounts++] = mount;
	return 0;
unknown:
	free(mount.root);
	free(mount.point);
	return 0;
}

static int read_mounts(struct host_resolver *host)
{
	struct buf text = {0};
	int rc = 0;

	if (host->mounts_listed)
		return 0;
	host->mounts_listed = true; /* without /proc there are no mounts to be had, and no second try */
	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text) == 0) {
		char *save = NULL;

		for (char *line = strtok_r(text.data, "\n", &save); line && rc == 0;
		     line = strtok_r(NULL, "\n", &save))
			rc = keep_mount(host, line);
	}
	buf_free(&text);
	return rc;
}

void host_free_mounts(struct host_resolver *host)
{
	for (size_t i = 0; i < host->n_mounts; i++) {
		free(host->mounts[i].root);
		free(host->mounts[i].point);
	}
	free(host->mounts);
}

void host_list_mounts(struct host_resolver *host, const char *directory, policy_each_name *each, void *arg)
{
	size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);

	if (read_mounts(host) < 0)
		return;
	for (size_t i = 0; i < host->n_mounts; i++) {
		const char *point = host->mounts[i].point;

		if (strncmp(point, directory, n) == 0 && point[n] == '/' && point[n + 1] && !each(arg, point))
			return;
	}
}

/* Where the path lies in its file system. Leaves info->inside NULL when that cannot be told. */
static int find_inside(struct host_resolver *host, struct policy_path_info *info)
{
	struct statx stx;
	int rc = read_mounts(host);

	if (rc < 0)
		return rc;
	if (statx(AT_FDCWD, info->canonical, 0, STATX_MNT_ID, &stx) < 0 || !(stx.stx_mask & STATX_MNT_ID))
		return 0;
	for (size_t i = 0; i < host->n_mounts; i++) {
		const struct host_mount *mount = &host->mounts[i];
		size_t n = strlen(mount->point);

		if (mount->id != stx.stx_mnt_id)
			continue;
		if (strcmp(mount->point, "/") == 0)
			n = 0;
		if (strncmp(info->canonical, mount->point, n) != 0 || mount->root[0] != '/')
			return 0;
		info->device = mount->device;
		if (asprintf(&info->inside, "%s%s", strcmp(mount->root, "/") == 0 ? "" : mount->root,
			     info->canonical + n) < 0) {
			info->inside = NULL;
			return -ENOMEM;
		}
		/* The root of a whole file system. */
		if (!info->inside[0]) {
			free(info->inside);
			info->inside = strdup("/");
		}
		return info->inside ? 0 : -ENOMEM;
	}
	return 0;
}

static void take_stat(struct policy_path_info *info, const struct stat *st)
{
	info->dev = st->st_dev;
	info->ino = st->st_ino;
	info->mode = st->st_mode;
	info->uid = st->st_uid;
}

/* -errno of a call that failed: never 0, whatever the call left there. */
static int last_error(void)
{
	int err = errno;

	return err > 0 ? -err : -EIO;
}

int host_path(void *ctx, const char *path, struct policy_path_info *ret_info)
{
	struct policy_path_info info = {0};
	struct stat st = {0};
	int rc;

	info.canonical = realpath(path, NULL);
	if (!info.canonical || stat(info.canonical, &st) < 0)
		rc = last_error();
	else
		rc = find_inside(ctx, &info);
	if (rc) {
		policy_path_info_clear(&info);
		return rc;
	}
	take_stat(&info, &st);
	info.numbered_twice = overlay_numbers_twice(info.canonical);
	*ret_info = info;
	return 0;
}

/* The content of an open file, by the cache if its key tells that it is the same. */
static int read_content(struct host_resolver *host, int fd, struct stat *st, struct policy_program_info *info)
{
	uint64_t wait_ns = content_unsettled_ns(st);
	struct timespec wait = {.tv_nsec = (long)wait_ns};
	int err;

	info->key = content_key(st);
	if (content_cache_find(host->contents, &info->key, &info->content))
		return 0;
	/* Just written: a change within the same tick would not show. */
	if (wait_ns) {
		nanosleep(&wait, NULL);
		if (fstat(fd, st) < 0)
			return last_error();
		info->key = content_key(st);
	}
	err = content_read(fd, &info->content);
	if (!err && !content_unsettled_ns(st))
		content_cache_keep(host->contents, &info->key, &info->content);
	return err;
}

int host_program(void *ctx, const char *path, struct policy_program_info *ret_info)
{
	struct policy_program_info info = {0};
	struct stat st = {0};
	int fd = -1, rc = host_path(ctx, path, &info.path);

	if (rc)
		return rc;
	/* O_NONBLOCK: a FIFO of that name must not hold up the check. */
	fd = open(info.path.canonical, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else
		rc = read_content(ctx, fd, &st, &info);
	if (fd >= 0)
		close(fd);
	if (rc < 0) {
		policy_path_info_clear(&info.path);
		return rc;
	}
	take_stat(&info.path, &st); /* of the file that was digested */
	*ret_info = info;
	return 0;
}

int host_package(void *ctx, const char *path, const struct content *content, struct package *ret_package)
{
	(void)ctx;
	return packages_find(PACKAGES_DIR, path, content, NULL, ret_package);
}
