/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a ledger's files batch by batch: for recovery, the reader and the verifier alike.
 *
 * Files are read with pread into a window, not mapped: a file that somebody cuts while it is read must become
 * a finding, not a SIGBUS.
 */
#ifndef MUNIMENT_LEDGER_SCAN_H
#define MUNIMENT_LEDGER_SCAN_H

#include "ledger/format.h"
#include "ledger/tree.h"

#define SLOTS_FILE "slots"
#define ROOTS_FILE "roots"

struct segment_scan {
	int fd;
	uint64_t number;
	uint64_t offset; /* of the next batch */
	uint8_t *window;
	size_t window_cap;
	size_t window_len;
	uint64_t window_at;
};

/*
 * Opens segment `number`, placed at its first batch; *s need not be initialised. -EBADMSG: the header is not
 * this segment's (s is open all the same and must be closed). Other -errno: s is closed.
 */
int segment_scan_open(struct segment_scan *s, int dir_fd, uint64_t number);
void segment_scan_close(struct segment_scan *s);

/*
 * Takes the next batch. The payload is borrowed until the next call. -ENODATA: nothing more was written
 * (zeroes or the end); -EBADMSG: no whole batch stands at s->offset, which stays there. The payload's CRC is
 * not checked.
 */
int segment_scan_next(struct segment_scan *s, struct batch *ret_batch, const uint8_t **ret_payload);

/* Skips, by headers alone, to the batch that holds `index`. Results as segment_scan_next. */
int segment_scan_seek(struct segment_scan *s, uint64_t index);

/*
 * Counts what stands behind s->offset: the place after the last byte that is not zero (s->offset when there
 * is none), and the entries that whole headers announce. 0 or -errno.
 */
int segment_scan_rest(struct segment_scan *s, uint64_t *ret_end, uint64_t *ret_entries);

/* Hashes a batch's entries into leaves[0..count). The index of the first bad entry, or -1 when all stand as
 * marked. */
long batch_leaves(const struct batch *b, const uint8_t *payload, struct tree_hash *leaves);

struct slot_set {
	struct slot slots[SLOT_COUNT];
	int newest;	/* index of the good slot of highest generation, -1 for none */
	bool untouched; /* all slots are empty */
	bool damaged;	/* a slot is not whole where no killed writer would leave it so */
};

/* Reads DIR/slots. -ENOENT, -EBADMSG when it is too short, other -errno. */
int slots_read(int dir_fd, struct slot_set *ret_set);

#endif
