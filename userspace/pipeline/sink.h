/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines for others: the ledger's entries, byte for byte, on a file or on standard output.
 *
 * A reader of the ledger like any other: a thread with a cursor of its own. It is never before a checkpoint,
 * never in the way of capture, and a slow or stuck receiver only makes it late. Delivery is at least once:
 * beside the file, FILE.cursor holds the index of the next entry, written after the lines are on disk.
 */
#ifndef MUNIMENT_PIPELINE_SINK_H
#define MUNIMENT_PIPELINE_SINK_H

#include <stdbool.h>
#include <stdint.h>

struct sink;

struct sink_status {
	uint64_t next;	/* index of the entry that is written next */
	uint64_t lines; /* written by this process */
	int error;	/* of the last attempt: 0 or -errno */
};

/*
 * path: a file (made with 0640, appended to), or "-" for standard output, which begins at entry `from`; a
 * file goes on at its cursor, and begins at 0 without one. Starts the thread. 0 or -errno when the file or
 * the ledger cannot be opened.
 */
int sink_new(const char *path, const char *ledger_dir, uint64_t from, struct sink **ret_sink);

/* Writes out what is covered, for at most wait_ms, and ends the thread. Takes NULL. */
void sink_free(struct sink *s, unsigned wait_ms);

/* Entries below size are covered by a checkpoint. */
void sink_published(struct sink *s, uint64_t size);

/* Opens the file anew before the next line: after logrotate moved it away. */
void sink_reopen(struct sink *s);

void sink_status(struct sink *s, struct sink_status *ret_status);

#endif
