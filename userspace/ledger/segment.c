// SPDX-License-Identifier: Apache-2.0
/* Making and reopening the ledger's files for the writer: see writer.h. */
#include "ledger/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A file under a temporary name, which ledger_name_file turns into its own. The descriptor or -errno. */
static int temporary_file(struct ledger *l, const char *name, char *temporary, size_t size)
{
	int fd;

	snprintf(temporary, size, ".%s.new", name);
	fd = openat(l->dir_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static int name_file(struct ledger *l, int fd, const char *temporary, const char *name)
{
	/* fsync, not fdatasync: the length and the blocks' mapping must stand as well. */
	if (fsync(fd) || renameat2(l->dir_fd, temporary, l->dir_fd, name, RENAME_NOREPLACE) ||
	    fsync(l->dir_fd))
		return -errno;
	return 0;
}

int ledger_file_create(struct ledger *l, const char *name, uint64_t zeroes)
{
	char temporary[SEGMENT_NAME_SIZE + 8];
	uint8_t *bytes = calloc(1, zeroes);
	int err = -ENOMEM, fd = -1;

	if (!bytes)
		return err;
	fd = temporary_file(l, name, temporary, sizeof(temporary));
	err = fd < 0 ? fd : l->io->write_at(l->io->ctx, fd, bytes, zeroes, 0);
	if (!err)
		err = name_file(l, fd, temporary, name);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && err)
		unlinkat(l->dir_fd, temporary, 0);
	free(bytes);
	return err;
}

void segment_free(struct segment *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* Reserves up to `want` bytes; on a nearly full disk just enough for closing words. */
static int reserve_segment(struct ledger *l, struct segment *s, uint64_t want)
{
	uint64_t from = s->planned, least = 2 * CLOSING_RESERVE;
	int err;

	if (want < from + least)
		want = from + least;
	err = l->io->reserve(l->io->ctx, s->fd, from, want - from);
	if (err == -ENOSPC) {
		want = from + least;
		err = l->io->reserve(l->io->ctx, s->fd, from, least);
	}
	if (!err)
		s->reserved = want;
	return err;
}

int segment_create(struct ledger *l, uint64_t number, struct segment **ret_segment)
{
	char name[SEGMENT_NAME_SIZE], temporary[SEGMENT_NAME_SIZE + 8];
	uint8_t header[SEGMENT_HEADER_SIZE];
	struct segment *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->number = number;
	segment_name(number, name);
	s->fd = temporary_file(l, name, temporary, sizeof(temporary));
	if (s->fd < 0) {
		err = s->fd;
		goto fail;
	}
	segment_header_write(number, now_ms(), header);
	err = l->io->write_at(l->io->ctx, s->fd, header, sizeof(header), 0);
	s->planned = SEGMENT_HEADER_SIZE;
	if (!err)
		err = reserve_segment(l, s,
				      l->options.reserve_bytes ? l->options.reserve_bytes : RESERVE_DEFAULT);
	if (!err)
		err = name_file(l, s->fd, temporary, name);
	if (err) {
		unlinkat(l->dir_fd, temporary, 0);
		goto fail;
	}
	*ret_segment = s;
	return 0;
fail:
	segment_free(s);
	return err;
}

int segment_reopen(struct ledger *l, uint64_t number, uint64_t offset, struct segment **ret_segment)
{
	char name[SEGMENT_NAME_SIZE];
	struct segment *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s)
		return -ENOMEM;
	segment_name(number, name);
	*s = (struct segment){.number = number, .planned = offset};
	s->fd = openat(l->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd < 0 || fstat(s->fd, &st)) {
		int err = -errno;

		segment_free(s);
		return err;
	}
	/* A disk that is full now is no reason to stay away: appending will say so. */
	if (reserve_segment(l, s, (uint64_t)st.st_size))
		s->reserved = offset;
	*ret_segment = s;
	return 0;
}
