// SPDX-License-Identifier: Apache-2.0
/* The system's file calls for the ledger: see io.h. */
#include "ledger/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A quota and a file size limit end the space as a full disk does. */
static int space_error(int err)
{
	return err == EFBIG || err == EDQUOT ? -ENOSPC : -err;
}

static int system_write_at(void *ctx, int fd, const void *bytes, size_t n, uint64_t offset)
{
	const char *at = bytes;

	(void)ctx;
	while (n > 0) {
		ssize_t done = pwrite(fd, at, n, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? space_error(errno) : -EIO;
		at += done;
		offset += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int system_sync(void *ctx, int fd)
{
	(void)ctx;
	/* No retry, not even on EINTR: the kernel reports a lost page only once. */
	return fdatasync(fd) ? -errno : 0;
}

static int system_reserve(void *ctx, int fd, uint64_t offset, uint64_t n)
{
	int err;

	(void)ctx;
	do
		err = posix_fallocate(fd, (off_t)offset, (off_t)n);
	while (err == EINTR);
	return err ? space_error(err) : 0;
}

static int system_cut(void *ctx, int fd, uint64_t length)
{
	(void)ctx;
	return ftruncate(fd, (off_t)length) ? -errno : 0;
}

const struct ledger_io ledger_io_system = {NULL, system_write_at, system_sync, system_reserve, system_cut};

long ledger_read_at(int fd, void *bytes, size_t n, uint64_t offset)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (char *)bytes + got, n - got, (off_t)(offset + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (long)got;
}
