// SPDX-License-Identifier: Apache-2.0
/* Verification of one segment, batch by batch and entry by entry: see verify_walk.h. */
#include "ledger/verify_walk.h"

#include <errno.h>
#include <string.h>

#include "ledger/io.h"

#define PLURAL(n) ((n) == 1 ? "y" : "ies")

static void segment_full(struct verification *v)
{
	struct tree_hash root = v->edge.nodes[SEGMENT_ENTRIES_LOG2], noted;
	uint64_t number = v->top.size >> SEGMENT_ENTRIES_LOG2;
	bool known = v->roots_fd >= 0 && ledger_read_at(v->roots_fd, &noted, sizeof(noted),
							number * TREE_HASH_SIZE) == TREE_HASH_SIZE;

	if (!known || !tree_hash_equal(&noted, &root)) {
		verify_report(
			v, VERIFY_ROOTS_FILE, number, v->top.size, SEGMENT_ENTRIES,
			known ? "the entries do not give the root that was noted when the segment was full"
			      : "no root is noted for this full segment");
		v->noted_differs = v->noted_differs || known;
	}
	tree_frontier_add(&v->top, SEGMENT_ENTRIES_LOG2, &root);
	tree_frontier_add(&v->noted_top, SEGMENT_ENTRIES_LOG2, known ? &noted : &root);
	v->edge.size = 0;
}

static void count_leaf(struct verification *v, const struct tree_hash *leaf)
{
	tree_frontier_add(&v->edge, 0, leaf);
	if (v->edge.size == SEGMENT_ENTRIES)
		segment_full(v);
	if (v->next_head < v->n_heads && verify_size(v) == v->heads[v->next_head].size)
		verify_heads(v);
}

/* Entries that cannot be read still have their place: a hash that no entry gives stands for each. */
static void count_missing(struct verification *v, uint64_t n)
{
	static const struct tree_hash nothing;

	while (n--)
		count_leaf(v, &nothing);
}

static void report_run(struct verification *v, uint64_t segment, uint64_t first, uint64_t n)
{
	if (n == 1)
		verify_report(v, VERIFY_ENTRY, segment, first, 1,
			      "the entry does not fit the mark of its leaf hash");
	else if (n)
		verify_report(v, VERIFY_ENTRY, segment, first, n,
			      "%llu entries do not fit the marks of their leaf hashes",
			      (unsigned long long)n);
}

/* Hashes one batch; runs of entries that do not fit are reported as one. */
static void verify_batch(struct verification *v, uint64_t segment, const struct batch *b,
			 const uint8_t *payload)
{
	const uint8_t *marks = payload + b->entry_bytes, *entry = NULL;
	uint32_t offset = 0, run = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		long n = batch_entry_next(b, payload, &offset, &entry);
		struct tree_hash leaf;
		bool fits;

		if (n < 0) {
			report_run(v, segment, b->first + i - run, run + b->count - i);
			count_missing(v, b->count - i);
			return;
		}
		tree_leaf(entry, (size_t)n, &leaf);
		fits = memcmp(leaf.bytes, marks + (size_t)i * BATCH_MARK_SIZE, BATCH_MARK_SIZE) == 0;
		run += !fits;
		/* Before the last leaf is counted: the root that it completes would be told first. */
		if (fits || i + 1 == b->count) {
			report_run(v, segment, b->first + i + !fits - run, run);
			run = 0;
		}
		count_leaf(v, &leaf);
	}
	if (offset != b->entry_bytes)
		verify_report(v, VERIFY_BATCH, segment, b->first, b->count,
			      "%u bytes stand behind the batch's last entry", b->entry_bytes - offset);
}

/* Looks for the next whole batch header of this segment behind a damaged one. False when there is none. */
static bool find_batch(struct segment_scan *s, uint64_t beyond, struct batch *ret_batch)
{
	uint8_t window[65536];
	uint64_t at = s->offset + 1;
	long got;

	while ((got = ledger_read_at(s->fd, window, sizeof(window), at)) >= (long)BATCH_HEADER_SIZE) {
		for (long i = 0; i + (long)BATCH_HEADER_SIZE <= got; i++) {
			if (window[i] != 'M' || batch_header_parse(window + i, ret_batch) ||
			    ret_batch->first < beyond ||
			    ret_batch->first >> SEGMENT_ENTRIES_LOG2 != s->number)
				continue;
			s->offset = at + (uint64_t)i;
			return true;
		}
		at += (uint64_t)got - BATCH_HEADER_SIZE + 1;
	}
	return false;
}

/* Entries from the tree's size on cannot be read where they belong. Goes on behind them, or to `end`. */
static void skip_damage(struct verification *v, struct segment_scan *s, uint64_t end, int err)
{
	uint64_t index = verify_size(v), next = end;
	struct batch b;

	if (find_batch(s, index, &b) && b.first < end)
		next = b.first;
	if (next == index)
		verify_report(v, VERIFY_STRAY, s->number, index, 0,
			      "bytes that are no batch stand before this entry");
	else if (err == -EBADMSG)
		verify_report(v, VERIFY_BATCH, s->number, index, next - index,
			      "the batch is damaged; %llu entr%s cannot be read",
			      (unsigned long long)(next - index), PLURAL(next - index));
	else
		verify_report(v, VERIFY_MISSING, s->number, index, next - index,
			      "%llu entr%s that the checkpoint covers are not there",
			      (unsigned long long)(next - index), PLURAL(next - index));
	count_missing(v, next - index);
}

static int verify_batches(struct verification *v, struct segment_scan *s, uint64_t end)
{
	const uint8_t *payload;
	struct batch b;
	int err;

	while (verify_size(v) < end) {
		uint64_t index = verify_size(v), at = s->offset;

		err = segment_scan_next(s, &b, &payload);
		if (err && err != -ENODATA && err != -EBADMSG)
			return err;
		if (!err && b.first == index && b.first + b.count <= end) {
			verify_batch(v, s->number, &b, payload);
			continue;
		}
		if (!err) {
			verify_report(v, VERIFY_BATCH, s->number, index, 0,
				      "a batch that begins with entry %llu stands in this entry's place",
				      (unsigned long long)b.first);
			s->offset = at;
		}
		skip_damage(v, s, end, err ? err : -EBADMSG);
	}
	return 0;
}

/* Behind a full segment's last entry there is nothing. */
static int verify_rest(struct verification *v, struct segment_scan *s)
{
	uint64_t rest_end = 0, entries = 0;
	int err = segment_scan_rest(s, &rest_end, &entries);

	if (!err && rest_end > s->offset)
		verify_report(v, VERIFY_STRAY, s->number, VERIFY_UNKNOWN, 0,
			      "%llu bytes stand behind the segment's last entry",
			      (unsigned long long)(rest_end - s->offset));
	return err;
}

int verify_segment(struct verification *v, uint64_t number)
{
	uint64_t first = number << SEGMENT_ENTRIES_LOG2, end = first + SEGMENT_ENTRIES;
	bool full = end <= v->covered;
	struct segment_scan s;
	int err = segment_scan_open(&s, v->dir_fd, number);

	if (!full)
		end = v->covered;
	if (err == -ENOENT) {
		verify_report(v, VERIFY_MISSING, number, first, end - first, "the segment is missing");
		count_missing(v, end - first);
		return 0;
	}
	if (err && err != -EBADMSG)
		return err;
	if (err)
		verify_report(v, VERIFY_SEGMENT, number, first, 0,
			      "the segment's header is damaged or another's");
	err = verify_batches(v, &s, end);
	if (!err && full)
		err = verify_rest(v, &s);
	segment_scan_close(&s);
	v->result->segments++;
	v->result->entries += end - first;
	return err;
}

int verify_uncovered(struct verification *v)
{
	uint64_t index = v->covered;

	for (;;) {
		uint64_t number = index >> SEGMENT_ENTRIES_LOG2, end = 0, announced = 0;
		const uint8_t *payload;
		struct segment_scan s;
		struct batch b;
		int err = segment_scan_open(&s, v->dir_fd, number);

		if (err && err != -EBADMSG)
			return err == -ENOENT ? 0 : err;
		/* Where the covered part cannot be walked, what is uncovered cannot be told from it: that is
		 * reported already. */
		if (!err && (index & (SEGMENT_ENTRIES - 1)))
			err = segment_scan_seek(&s, index - 1) || segment_scan_next(&s, &b, &payload)
				      ? -EBADMSG
				      : 0;
		if (err) {
			segment_scan_close(&s);
			return 0;
		}
		err = segment_scan_rest(&s, &end, &announced);
		if (!err)
			v->result->uncovered_bytes += end - s.offset;
		while (!err && segment_scan_next(&s, &b, &payload) == 0 && b.first == index &&
		       batch_payload_good(&b, payload)) {
			index += b.count;
			v->result->uncovered_entries += b.count;
		}
		segment_scan_close(&s);
		if (err || index >> SEGMENT_ENTRIES_LOG2 == number)
			return err;
	}
}
