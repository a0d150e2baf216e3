/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a ledger that may be growing at this moment: entries by index, the newest checkpoint, proofs. Takes
 * no lock and writes nothing. Each reader (shipper, index, report, command) has one of its own and keeps its
 * own cursor.
 */
#ifndef MUNIMENT_LEDGER_READER_H
#define MUNIMENT_LEDGER_READER_H

#include "ledger/checkpoint.h"
#include "ledger/scan.h"

struct ledger_reader;

/* dir is kept open. -ENOENT when it is no ledger, other -errno. The first refresh is done. */
int ledger_reader_open(const char *dir, struct ledger_reader **ret_reader);
void ledger_reader_close(struct ledger_reader *r);

/*
 * Looks for a newer checkpoint. Signatures are not checked here: give the note to checkpoint_open. 0;
 * -ENODATA when the ledger has no checkpoint yet, -EBADMSG when no slot is whole, other -errno.
 */
int ledger_reader_refresh(struct ledger_reader *r);

/* Entries that the newest checkpoint covers, and that checkpoint (borrowed until the next refresh). */
uint64_t ledger_reader_size(const struct ledger_reader *r);
const char *ledger_reader_note(const struct ledger_reader *r, size_t *ret_len);
const struct checkpoint *ledger_reader_checkpoint(const struct ledger_reader *r);

/* Places the cursor; reading begins there. Any index is good: reading says -ENODATA beyond the end. */
void ledger_reader_seek(struct ledger_reader *r, uint64_t index);
uint64_t ledger_reader_tell(const struct ledger_reader *r);

/*
 * The entry at the cursor, which moves on. *ret_entry is borrowed until the next call and not NUL-terminated.
 * Only covered entries are given. Length; -ENODATA at the end (refresh, then try again), -EBADMSG where the
 * ledger is damaged.
 */
long ledger_reader_next(struct ledger_reader *r, const uint8_t **ret_entry);

/* A descriptor that turns readable (inotify) when a checkpoint was stored; -errno when the kernel refuses
 * one. */
int ledger_reader_watch(struct ledger_reader *r);

/* The directory's descriptor, borrowed. */
int ledger_reader_dir_fd(const struct ledger_reader *r);

/*
 * Leaf hashes of one segment as far as `size` entries go: leaves holds SEGMENT_ENTRIES. Count or -errno,
 * -EBADMSG when the segment is damaged.
 */
long ledger_segment_leaves(int dir_fd, uint64_t number, uint64_t size, struct tree_hash *leaves);

/*
 * Proves that entry `index` stands under the newest checkpoint. Hashes one or two segments, all of them if
 * DIR/roots is wrong. The proof is verified against the checkpoint's root before it is returned. -EINVAL
 * index not covered; -EBADMSG the entries do not give the checkpoint's root.
 */
int ledger_prove(struct ledger_reader *r, uint64_t index, struct tree_proof *ret_proof);

/* The same for the tree of old_size entries and the newest checkpoint. *ret_old_root is computed from the
 * entries. */
int ledger_prove_consistency(struct ledger_reader *r, uint64_t old_size, struct tree_proof *ret_proof,
			     struct tree_hash *ret_old_root);

#endif
