/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-file reading and writing that neither loses bytes nor leaves half a file behind. */
#ifndef MUNIMENT_BASE_FILE_H
#define MUNIMENT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* Writes all n bytes at the descriptor's position; retries short writes and EINTR. 0 or -errno. */
int file_write_all(int fd, const void *bytes, size_t n);

/* Appends the content of path (or of an open descriptor) to b. -EFBIG over max bytes, other -errno. */
int file_read(const char *path, size_t max, struct buf *b);
int file_read_fd(int fd, size_t max, struct buf *b);

/* Reads a small file (/proc, /sys) into text, NUL-terminated, cut at size - 1. Bytes read or -errno. */
ssize_t file_read_small(const char *path, char *text, size_t size);

/*
 * Makes path hold exactly these bytes, or leaves it as it was: temporary file in the same directory, fsync,
 * rename, fsync of the directory. mode is the permission bits. 0 or -errno.
 */
int file_replace(const char *path, const void *bytes, size_t n, mode_t mode);

/* Is path the directory point, or below it? Both absolute, without a slash at the end but for "/". */
bool file_is_below(const char *path, const char *point);

/* fsync of the directory that holds path, after a name in it was made, changed or removed. 0 or -errno. */
int file_sync_parent(const char *path);

/* Makes a directory and its missing parents. 0 or -errno; an existing directory is no error. */
int file_make_dirs(const char *path, mode_t mode);

#endif
