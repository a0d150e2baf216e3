// SPDX-License-Identifier: Apache-2.0
/*
 * Opening a ledger that exists: what must be so, what may be torn, and where appending goes on. Called by
 * open.c.
 *
 * The newest whole slot says which entries are covered. Those are rehashed (the last two segments, with the
 * subtree roots of DIR/roots standing for the rest; all of them if that does not give the signed root) and
 * must match: nothing there is ever repaired. Above, whole batches are kept, and the first that is not whole
 * ends the ledger; what follows is cut.
 */
#include "ledger/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int tampered(struct recovery *r, uint64_t segment, uint64_t index, const char *what)
{
	r->rec->bad_segment = segment;
	r->rec->bad_index = index;
	r->rec->bad = what;
	return -EBADMSG;
}

void recovery_close_scan(struct recovery *r)
{
	if (r->scan_open)
		segment_scan_close(&r->scan);
	r->scan_open = false;
}

/* The newest whole slot, opened with the key when there is one. -ENODATA: the ledger never had a checkpoint.
 */
static int read_checkpoint(struct recovery *r, struct slot_set *set)
{
	struct ledger *l = r->l;
	const struct slot *slot;
	struct note note;
	int err = slots_read(l->dir_fd, set);

	if (err)
		return err == -EBADMSG
			       ? tampered(r, UINT64_MAX, UINT64_MAX, "the checkpoint slots are cut short")
			       : err;
	r->rec->slot_damaged = set->damaged;
	if (set->newest < 0)
		return set->untouched ? -ENODATA
				      : tampered(r, UINT64_MAX, UINT64_MAX, "no checkpoint slot is whole");
	slot = &set->slots[set->newest];
	if (l->options.verifier) {
		err = note_open(slot->note, slot->note_len, l->options.verifier, 1, &note);
		if (err == -EKEYREJECTED || err == -ENOKEY)
			return err;
	} else {
		err = note_parse(slot->note, slot->note_len, &note);
	}
	if (err || checkpoint_parse(note.text, note.text_len, &r->checkpoint) ||
	    r->checkpoint.size != slot->size)
		return tampered(r, UINT64_MAX, UINT64_MAX, "the newest checkpoint is malformed");
	if (strcmp(r->checkpoint.origin, l->origin) != 0)
		return -EKEYREJECTED;
	r->rec->generation = l->generation = slot->generation;
	r->rec->covered = slot->size;
	r->rec->state_len = l->state_len = slot->state_len;
	memcpy(r->rec->state, slot->state, slot->state_len);
	memcpy(l->state, slot->state, slot->state_len);
	return 0;
}

/* --- the covered part --- */

static int read_root(struct recovery *r, uint64_t number, struct tree_hash *out)
{
	return ledger_read_at(r->l->roots_fd, out, TREE_HASH_SIZE, number * TREE_HASH_SIZE) == TREE_HASH_SIZE
		       ? 0
		       : -EIO;
}

/* A segment is full: its root belongs into DIR/roots. Writes it when something else stands there. */
static int settle_root(struct recovery *r, uint64_t number, const struct tree_hash *root, bool covered)
{
	struct tree_hash stored;
	struct ledger *l = r->l;

	if (read_root(r, number, &stored) == 0 && tree_hash_equal(&stored, root))
		return 0;
	if (covered) {
		/* Not yet known who is right: the signed root decides, and only then is the file written. */
		if (r->wrong_root == UINT64_MAX)
			r->wrong_root = number;
		return 0;
	}
	return l->io->write_at(l->io->ctx, l->roots_fd, root->bytes, TREE_HASH_SIZE, number * TREE_HASH_SIZE);
}

int recovery_count_batch(struct recovery *r, const struct batch *b, bool covered)
{
	struct tree_hash root;

	for (uint32_t i = 0; i < b->count; i++) {
		uint64_t number = ledger_tree_size(r->l) >> SEGMENT_ENTRIES_LOG2;

		if (ledger_count_leaf(r->l, &r->leaves[i], &root)) {
			int err = settle_root(r, number, &root, covered);

			if (err)
				return err;
		}
	}
	return 0;
}

/* Hashes the covered batches of one segment; stops at its end or at the checkpoint. */
static int hash_covered(struct recovery *r, uint64_t number)
{
	uint64_t end = r->checkpoint.size, index;
	const uint8_t *payload;
	struct batch b;
	int err = segment_scan_open(&r->scan, r->l->dir_fd, number);

	r->scan_open = err == 0 || err == -EBADMSG;
	if (err == -ENOENT)
		return tampered(r, number, number << SEGMENT_ENTRIES_LOG2, "a covered segment is missing");
	if (err == -EBADMSG)
		return tampered(r, number, number << SEGMENT_ENTRIES_LOG2,
				"a covered segment's header is not its own");
	while (!err && (index = ledger_tree_size(r->l)) < end && index >> SEGMENT_ENTRIES_LOG2 == number) {
		long bad;

		err = segment_scan_next(&r->scan, &b, &payload);
		if (err == -ENODATA || err == -EBADMSG)
			return tampered(r, number, index,
					"covered entries are missing or their batch is damaged");
		if (err)
			return err;
		if (b.first != index || b.first + b.count > end)
			return tampered(r, number, index, "a covered batch stands in another's place");
		bad = batch_leaves(&b, payload, r->leaves);
		if (bad >= 0)
			return tampered(r, number, index + (uint64_t)bad, "a covered entry was altered");
		err = recovery_count_batch(r, &b, true);
	}
	return err;
}

/* Hashes from segment `start` to the checkpoint, DIR/roots standing for what lies before. -EAGAIN: the root
 * is not the signed one. */
static int hash_from(struct recovery *r, uint64_t start)
{
	struct ledger *l = r->l;
	struct tree_hash root;
	uint64_t last = r->checkpoint.size ? (r->checkpoint.size - 1) >> SEGMENT_ENTRIES_LOG2 : 0;
	int err = 0;

	memset(&l->top, 0, sizeof(l->top));
	memset(&l->edge, 0, sizeof(l->edge));
	r->wrong_root = UINT64_MAX;
	for (uint64_t k = 0; k < start; k++) {
		if (read_root(r, k, &root))
			return -EAGAIN;
		tree_frontier_add(&l->top, SEGMENT_ENTRIES_LOG2, &root);
	}
	for (uint64_t k = start; !err && r->checkpoint.size && k <= last; k++) {
		recovery_close_scan(r);
		err = hash_covered(r, k);
	}
	if (err)
		return err;
	ledger_root(l, &root);
	return tree_hash_equal(&root, &r->checkpoint.root) ? 0 : -EAGAIN;
}

/* The segments are as signed, DIR/roots is not: writes it anew. */
static int rebuild_roots(struct recovery *r)
{
	struct ledger *l = r->l;
	int err = hash_from(r, 0);

	if (err)
		return err;
	memset(&l->top, 0, sizeof(l->top));
	memset(&l->edge, 0, sizeof(l->edge));
	for (uint64_t k = 0; !err && k < r->checkpoint.size >> SEGMENT_ENTRIES_LOG2; k++) {
		recovery_close_scan(r);
		err = hash_covered(r, k);
		if (!err)
			err = l->io->write_at(l->io->ctx, l->roots_fd,
					      l->edge.nodes[SEGMENT_ENTRIES_LOG2].bytes, TREE_HASH_SIZE,
					      k * TREE_HASH_SIZE);
	}
	r->rec->roots_rebuilt = true;
	return err ? err : hash_from(r, 0);
}

static int check_covered(struct recovery *r)
{
	uint64_t full = r->checkpoint.size >> SEGMENT_ENTRIES_LOG2;
	uint64_t start = r->l->options.check_all || full == 0 ? 0 : full - 1;
	int err = hash_from(r, start);

	if (err == 0 && r->wrong_root == UINT64_MAX)
		return 0;
	if (err && err != -EAGAIN)
		return err;
	err = rebuild_roots(r);
	if (err == -EAGAIN)
		return tampered(r, r->wrong_root, UINT64_MAX,
				"the entries do not give the signed tree head, though each bears its mark");
	return err;
}

static int recover(struct recovery *r, struct slot_set *set)
{
	struct ledger *l = r->l;
	int err = read_checkpoint(r, set);

	if (err == -ENODATA) {
		/* Every ledger gets its first checkpoint, over no entry, before its first batch. */
		r->rec->created = true;
		err = recovery_keep_batches(r);
		if (!err && ledger_tree_size(l) > 0)
			err = tampered(r, 0, 0, "there are entries, but no checkpoint was ever made");
	} else if (!err) {
		err = check_covered(r);
		if (!err)
			err = recovery_keep_batches(r);
	}
	if (!err)
		err = l->io->sync(l->io->ctx, l->roots_fd);
	if (!err)
		err = recovery_open_segments(r);
	if (!err)
		l->committed = r->checkpoint.size;
	return err;
}

int ledger_recover(struct ledger *l, struct ledger_recovery *rec)
{
	struct recovery r = {.l = l, .rec = rec, .wrong_root = UINT64_MAX};
	struct slot_set *set = malloc(sizeof(*set));
	int err = -ENOMEM;

	r.leaves = malloc(SEGMENT_ENTRIES * sizeof(*r.leaves));
	if (set && r.leaves)
		err = recover(&r, set);
	recovery_close_scan(&r);
	free(r.leaves);
	free(set);
	return err;
}
