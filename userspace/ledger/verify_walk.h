/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of verification, shared by verify.c (checkpoints, the whole) and verify_segment.c (one segment's
 * entries). */
#ifndef MUNIMENT_LEDGER_VERIFY_WALK_H
#define MUNIMENT_LEDGER_VERIFY_WALK_H

#include "ledger/verify.h"

#define HEADS_MAX (SLOT_COUNT + 1)

/* A tree head that the entries must give. */
struct verify_head {
	uint64_t size;
	struct tree_hash root;
	bool since; /* the caller's, not one out of a slot */
};

struct verification {
	const struct verify_options *options;
	struct verify_result *result;
	int dir_fd, roots_fd;
	uint64_t covered; /* entries under the newest checkpoint */

	/*
	 * The tree twice over: as the entries hash, and with the roots that DIR/roots noted for full
	 * segments. Where the first does not give a signed root but the second does, exactly the segments
	 * that differ were altered.
	 */
	struct tree_frontier top, noted_top; /* levels >= 16 */
	struct tree_frontier edge;	     /* of the segment in work */
	bool noted_differs;

	struct verify_head heads[HEADS_MAX]; /* by size */
	unsigned n_heads, next_head;
	uint64_t last_good; /* size of the last head that held */
};

void verify_report(struct verification *v, enum verify_kind kind, uint64_t segment, uint64_t index,
		   uint64_t count, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Hashes the covered entries of one segment and reports what does not fit. 0 or -errno of reading. */
int verify_segment(struct verification *v, uint64_t number);

/* Counts what lies above the checkpoint. 0 or -errno of reading. */
int verify_uncovered(struct verification *v);

/* Compares with the heads that the tree has just reached. */
void verify_heads(struct verification *v);

static inline uint64_t verify_size(const struct verification *v)
{
	return v->top.size + v->edge.size;
}

#endif
