// SPDX-License-Identifier: Apache-2.0
/* Whole-file reading and writing: see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int file_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int file_read_fd(int fd, size_t max, struct buf *b)
{
	size_t start = b->len;

	for (;;) {
		ssize_t got;

		if (!buf_grow(b, 65536))
			return -ENOMEM;
		got = read(fd, b->data + b->len, 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		b->len += (size_t)got;
		b->data[b->len] = '\0';
		if (b->len - start > max)
			return -EFBIG;
		if (!got)
			return 0;
	}
}

int file_read(const char *path, size_t max, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = file_read_fd(fd, max, b);
	close(fd);
	return err;
}

ssize_t file_read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got, total = 0;

	if (fd < 0)
		return -errno;
	while ((size_t)total < size - 1) {
		got = read(fd, text + total, size - 1 - (size_t)total);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			total = -errno;
		if (got <= 0)
			break;
		total += got;
	}
	close(fd);
	if (total >= 0)
		text[total] = '\0';
	return total;
}

/* The directory part of path in dir (PATH_MAX bytes). */
static int parent_of(const char *path, char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!slash) {
		memcpy(dir, ".", 2);
	} else if (n == 0) {
		memcpy(dir, "/", 2);
	} else {
		memcpy(dir, path, n);
		dir[n] = '\0';
	}
	return 0;
}

int file_sync_parent(const char *path)
{
	char dir[PATH_MAX];
	int fd, err = parent_of(path, dir);

	if (err)
		return err;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

int file_replace(const char *path, const void *bytes, size_t n, mode_t mode)
{
	char tmp[PATH_MAX];
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = file_write_all(fd, bytes, n);
	if (!err && (fchmod(fd, mode) || fsync(fd)))
		err = -errno;
	close(fd);
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	return err ? err : file_sync_parent(path);
}

int file_make_dirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) && errno != EEXIST)
			return -errno;
		part[i] = path[i];
	}
	return 0;
}

bool file_is_below(const char *path, const char *point)
{
	size_t n = strlen(point);

	return !strcmp(point, "/") || (!strncmp(path, point, n) && (path[n] == '/' || !path[n]));
}
