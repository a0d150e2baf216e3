/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of recovery, shared by recover.c (the covered part) and recover_tail.c (what lies above). */
#ifndef MUNIMENT_LEDGER_RECOVER_H
#define MUNIMENT_LEDGER_RECOVER_H

#include "ledger/checkpoint.h"
#include "ledger/writer.h"

struct recovery {
	struct ledger *l;
	struct ledger_recovery *rec;
	struct checkpoint checkpoint;
	struct segment_scan
		scan; /* at the first batch above the checkpoint, once the covered part is hashed */
	bool scan_open;
	struct tree_hash *leaves; /* of one batch */
	uint64_t wrong_root;	  /* first covered segment from which DIR/roots differs, or UINT64_MAX */
};

void recovery_close_scan(struct recovery *r);

/* Adds the leaves of a batch to the tree, and the roots of segments that it fills to DIR/roots (if not
 * covered). */
int recovery_count_batch(struct recovery *r, const struct batch *b, bool covered);

/* Takes over the whole batches above the checkpoint and tells them to the daemon. */
int recovery_keep_batches(struct recovery *r);

/* Cuts the rest and opens the segments in which appending goes on. */
int recovery_open_segments(struct recovery *r);

#endif
