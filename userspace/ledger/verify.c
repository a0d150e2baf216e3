// SPDX-License-Identifier: Apache-2.0
/* Verification of a whole ledger: checkpoints, then every entry under the newest. See verify.h. */
#include "ledger/verify_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT_TRIES 5 /* of 1 ms: a slot that is just being written does not fit its CRC */

const char *verify_kind_name(enum verify_kind kind)
{
	static const char *const names[VERIFY_KIND_END] = {
		[VERIFY_SLOT] = "slot",	      [VERIFY_SIGNATURE] = "signature",
		[VERIFY_MISSING] = "missing", [VERIFY_SEGMENT] = "segment",
		[VERIFY_BATCH] = "batch",     [VERIFY_ENTRY] = "entry",
		[VERIFY_ROOT] = "root",	      [VERIFY_ROOTS_FILE] = "roots-file",
		[VERIFY_STRAY] = "stray",     [VERIFY_TRUNCATED] = "truncated",
		[VERIFY_SINCE] = "since",
	};

	return kind > VERIFY_INVALID && kind < VERIFY_KIND_END ? names[kind] : "unknown";
}

void verify_report(struct verification *v, enum verify_kind kind, uint64_t segment, uint64_t index,
		   uint64_t count, const char *fmt, ...)
{
	struct verify_finding f = {.kind = kind, .segment = segment, .index = index, .count = count};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	v->result->findings++;
	if (v->options->found)
		v->options->found(v->options->ctx, &f);
}

/* --- tree heads --- */

static void tree_root(const struct verification *v, const struct tree_frontier *top, struct tree_hash *out)
{
	struct tree_frontier whole = *top;

	memcpy(whole.nodes, v->edge.nodes, SEGMENT_ENTRIES_LOG2 * sizeof(whole.nodes[0]));
	whole.size += v->edge.size;
	tree_frontier_root(&whole, out);
}

static void head_differs(struct verification *v, const struct verify_head *h)
{
	const char *confined = "";
	struct tree_hash noted;

	if (v->noted_differs) {
		tree_root(v, &v->noted_top, &noted);
		if (tree_hash_equal(&noted, &h->root))
			confined = "; with the roots noted for the segments named above they do: the others "
				   "are as signed";
	}
	verify_report(v, h->since ? VERIFY_SINCE : VERIFY_ROOT, VERIFY_UNKNOWN, v->last_good,
		      h->size - v->last_good,
		      "the entries do not give the root of the %s over %llu entries%s",
		      h->since ? "checkpoint given by --since" : "signed checkpoint",
		      (unsigned long long)h->size, confined);
}

void verify_heads(struct verification *v)
{
	struct tree_hash root;

	tree_root(v, &v->top, &root);
	while (v->next_head < v->n_heads && v->heads[v->next_head].size == verify_size(v)) {
		const struct verify_head *h = &v->heads[v->next_head++];

		if (!tree_hash_equal(&root, &h->root)) {
			head_differs(v, h);
			continue;
		}
		v->last_good = h->size;
		v->result->since_checked = v->result->since_checked || h->since;
	}
}

static void add_head(struct verification *v, const struct checkpoint *c, bool since)
{
	unsigned at = v->n_heads++;

	for (; at > 0 && v->heads[at - 1].size > c->size; at--)
		v->heads[at] = v->heads[at - 1];
	v->heads[at] = (struct verify_head){.size = c->size, .root = c->root, .since = since};
}

static const char *open_error(int err)
{
	return err == -ENOKEY	      ? "bears no signature of this key"
	       : err == -EKEYREJECTED ? "bears a bad signature of this key, or another origin"
				      : "is malformed";
}

static void check_slot(struct verification *v, const struct slot *s, uint64_t *newest)
{
	struct verify_result *r = v->result;
	struct checkpoint c;
	int err = checkpoint_open(s->note, s->note_len, v->options->key, &c);

	if (!err && c.size != s->size)
		err = -EINVAL;
	if (err) {
		verify_report(v, VERIFY_SIGNATURE, VERIFY_UNKNOWN, VERIFY_UNKNOWN, 0, "checkpoint %llu %s",
			      (unsigned long long)s->generation, open_error(err));
		return;
	}
	add_head(v, &c, false);
	if (r->signed_checkpoint && s->generation < *newest)
		return;
	*newest = s->generation;
	r->signed_checkpoint = true;
	r->checkpoint = c;
	r->note_len = s->note_len;
	memcpy(r->note, s->note, s->note_len);
}

/* Reads the slots of a ledger that may be written at this moment. */
static int read_slots(struct verification *v, struct slot_set *set)
{
	int err = 0;

	for (int i = 0; i < SLOT_TRIES; i++) {
		err = slots_read(v->dir_fd, set);
		if (err || set->untouched || (set->newest >= 0 && !set->damaged))
			return err;
		poll(NULL, 0, 1);
	}
	return err;
}

static int check_slots(struct verification *v)
{
	struct slot_set *set = malloc(sizeof(*set));
	uint64_t newest = 0;
	int err = set ? read_slots(v, set) : -ENOMEM;

	if (err == -EBADMSG) {
		verify_report(v, VERIFY_SLOT, VERIFY_UNKNOWN, VERIFY_UNKNOWN, 0,
			      "the file of checkpoint slots is cut short");
		err = 0;
		goto out;
	}
	if (!err && set->untouched)
		err = -ENODATA;
	if (err)
		goto out;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct slot *s = &set->slots[i];

		if (s->status == SLOT_GOOD || s->status == SLOT_BAD_STATE)
			check_slot(v, s, &newest);
		if (s->status == SLOT_DAMAGED)
			verify_report(v, VERIFY_SLOT, VERIFY_UNKNOWN, VERIFY_UNKNOWN, 0,
				      "checkpoint slot %u is damaged (altered, or the power failed while it "
				      "was written; "
				      "the daemon renews it at its next start)",
				      i);
	}
	/* The second page of the slot whose turn is next may be that of a checkpoint that was cut off. */
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (set->slots[i].status == SLOT_BAD_STATE &&
		    set->slots[i].generation + SLOT_COUNT - 1 != newest)
			verify_report(v, VERIFY_SLOT, VERIFY_UNKNOWN, VERIFY_UNKNOWN, 0,
				      "the daemon's state in checkpoint slot %u is damaged", i);
out:
	free(set);
	return err;
}

static int check_since(struct verification *v)
{
	const struct verify_options *o = v->options;
	struct checkpoint *since = &v->result->since;
	int err;

	if (!o->since)
		return 0;
	err = checkpoint_open(o->since, o->since_len, o->key, since);
	if (err == -ENOKEY || err == -EKEYREJECTED) {
		verify_report(v, VERIFY_SIGNATURE, VERIFY_UNKNOWN, VERIFY_UNKNOWN, 0,
			      "the checkpoint given by --since %s", open_error(err));
		return 0;
	}
	if (err)
		return -EINVAL;
	if (since->size > v->result->checkpoint.size)
		verify_report(
			v, VERIFY_TRUNCATED, v->result->checkpoint.size >> SEGMENT_ENTRIES_LOG2,
			v->result->checkpoint.size, since->size - v->result->checkpoint.size,
			"the ledger ends with %llu entries; the checkpoint given by --since covers %llu",
			(unsigned long long)v->result->checkpoint.size, (unsigned long long)since->size);
	else
		add_head(v, since, true);
	return 0;
}

static int walk(struct verification *v)
{
	int err = 0;

	verify_heads(v);
	while (!err && verify_size(v) < v->covered) {
		err = verify_segment(v, verify_size(v) >> SEGMENT_ENTRIES_LOG2);
		if (v->options->progress)
			v->options->progress(v->options->ctx, verify_size(v), v->covered);
	}
	return err ? err : verify_uncovered(v);
}

int ledger_verify(const struct verify_options *options, struct verify_result *ret_result)
{
	struct verify_result *result = calloc(1, sizeof(*result));
	struct verification v = {.options = options, .result = result, .dir_fd = -1, .roots_fd = -1};
	int err = -ENOMEM;

	if (!result)
		return err;
	v.dir_fd = open(options->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = v.dir_fd < 0 ? -errno : check_slots(&v);
	if (!err && !result->signed_checkpoint)
		verify_report(&v, VERIFY_SIGNATURE, VERIFY_UNKNOWN, VERIFY_UNKNOWN, 0,
			      "no checkpoint with a good signature of this key was found: nothing vouches "
			      "for any entry");
	if (!err)
		err = check_since(&v);
	if (!err) {
		v.covered = result->checkpoint.size;
		v.roots_fd = openat(v.dir_fd, ROOTS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		err = walk(&v);
	}
	if (v.roots_fd >= 0)
		close(v.roots_fd);
	if (v.dir_fd >= 0)
		close(v.dir_fd);
	if (!err)
		*ret_result = *result;
	free(result);
	return err;
}
