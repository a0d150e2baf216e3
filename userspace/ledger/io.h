/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few calls by which the ledger changes a file, behind one table, so that tests can cut the power after
 * each of them. Everything else uses ledger_io_system.
 */
#ifndef MUNIMENT_LEDGER_IO_H
#define MUNIMENT_LEDGER_IO_H

#include <stddef.h>
#include <stdint.h>

struct ledger_io {
	void *ctx;
	/* Writes all n bytes at offset. 0 or -errno; EFBIG and EDQUOT come back as -ENOSPC. */
	int (*write_at)(void *ctx, int fd, const void *bytes, size_t n, uint64_t offset);
	/* fdatasync. */
	int (*sync)(void *ctx, int fd);
	/* Makes sure that [offset, offset + n) can be written without finding the disk full; new bytes read
	 * as zero. */
	int (*reserve)(void *ctx, int fd, uint64_t offset, uint64_t n);
	/* Sets the length. */
	int (*cut)(void *ctx, int fd, uint64_t length);
};

extern const struct ledger_io ledger_io_system;

/* Reads up to n bytes at offset, fewer only at the end of the file. Byte count or -errno. */
long ledger_read_at(int fd, void *bytes, size_t n, uint64_t offset);

#endif
