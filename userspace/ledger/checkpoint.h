/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a checkpoint (c2sp.org/tlog-checkpoint) and of a proof file (c2sp.org/tlog-proof). No files, no
 * keys. */
#ifndef MUNIMENT_LEDGER_CHECKPOINT_H
#define MUNIMENT_LEDGER_CHECKPOINT_H

#include "base/buf.h"
#include "ledger/note.h"
#include "ledger/tree.h"

struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size; /* entries covered */
	struct tree_hash root;
	unsigned extensions; /* opaque lines after the third; ours never has any */
};

struct tlog_proof {
	uint64_t index;
	struct tree_proof path;
	const char *note; /* the checkpoint with its signatures, borrowed from the text */
	size_t note_len;
};

/* Appends the three lines. */
void checkpoint_format(const char *origin, uint64_t size, const struct tree_hash *root, struct buf *out);

/*
 * Parses a note's text. -EINVAL when malformed. An origin of more than NOTE_NAME_MAX bytes and a size over
 * TREE_SIZE_LIMIT are refused too. Extension lines are counted and passed over, as the standard demands.
 */
int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret_checkpoint);

/* Opens the note with the one key and parses it; the origin must be the key's name. Errors of both,
 * -EKEYREJECTED. */
int checkpoint_open(const char *note, size_t n, const struct note_verifier *key,
		    struct checkpoint *ret_checkpoint);

/* Appends a whole proof file. */
void tlog_proof_format(uint64_t index, const struct tree_proof *path, const char *note, size_t note_len,
		       struct buf *out);

/* -EINVAL when malformed. The result borrows from text. An `extra` line is passed over: nothing vouches for
 * it. */
int tlog_proof_parse(const char *text, size_t n, struct tlog_proof *ret_proof);

#endif
