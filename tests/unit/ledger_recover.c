// SPDX-License-Identifier: Apache-2.0
/* Opening a ledger after damage: torn tails at every byte are cut and nothing covered is lost; damage below
 * the checkpoint stops all. */
#include <errno.h>

#include "ledger/reader.h"
#include "ledger_fixture.h"

#define SEGMENT "segment-0000000000"

struct kept {
	uint64_t next;
	unsigned count;
};

static void kept(void *ctx, uint64_t index, const void *entry, size_t n)
{
	struct kept *k = ctx;
	char want[256];

	if (k->count == 0)
		k->next = index;
	assert_int_equal(index, k->next++);
	assert_int_equal(n, fixture_entry(index, want));
	assert_memory_equal(entry, want, n);
	k->count++;
}

static int try_open(struct ledger_recovery *rec, struct kept *k, struct ledger **ret_ledger)
{
	struct ledger_options o = fixture_options();

	o.kept = kept;
	o.ctx = k;
	memset(k, 0, sizeof(*k));
	return ledger_open(fixture_dir, &o, ret_ledger, rec);
}

/* The files of a ledger, to be put back before each experiment. */
struct files {
	struct buf segment, slots, roots;
};

static void save(struct files *f)
{
	fixture_read(SEGMENT, &f->segment);
	fixture_read(SLOTS_FILE, &f->slots);
	fixture_read(ROOTS_FILE, &f->roots);
}

static void restore(const struct files *f)
{
	fixture_write(SEGMENT, f->segment.data, f->segment.len);
	fixture_write(SLOTS_FILE, f->slots.data, f->slots.len);
	fixture_write(ROOTS_FILE, f->roots.data, f->roots.len);
}

static void release(struct files *f)
{
	buf_free(&f->segment);
	buf_free(&f->slots);
	buf_free(&f->roots);
}

/* Where the batches of the segment end. */
static unsigned batch_ends(const struct files *f, uint64_t *ends, unsigned max)
{
	uint64_t at = SEGMENT_HEADER_SIZE;
	struct batch b;
	unsigned n = 0;

	while (n < max && batch_header_parse((const uint8_t *)f->segment.data + at, &b) == 0) {
		at += BATCH_HEADER_SIZE + batch_payload_size(&b);
		ends[n++] = at;
	}
	return n;
}

/* Two checkpoints, over 5 and 8 entries; then batches of 4 and 3 entries that no checkpoint covers. */
static void make_tail(struct files *f, uint64_t ends[4])
{
	static const unsigned batches[] = {5, 3, 4, 3};
	struct buf slots = {0};
	unsigned n;

	fixture_make(batches, 2);
	fixture_read(SLOTS_FILE, &slots);
	fixture_make(batches + 2, 2);
	fixture_write(SLOTS_FILE, slots.data, slots.len);
	buf_free(&slots);
	save(f);
	n = batch_ends(f, ends, 4);
	assert_int_equal(n, 4);
}

static void test_whole_tail_is_kept(void **state)
{
	struct ledger_recovery rec;
	struct files f = {0};
	struct ledger *l = NULL;
	uint64_t ends[4];
	struct kept k;

	(void)state;
	make_tail(&f, ends);
	assert_int_equal(try_open(&rec, &k, &l), 0);
	assert_int_equal(rec.covered, 8);
	assert_int_equal(rec.kept_entries, 7);
	assert_int_equal(k.count, 7);
	assert_int_equal(k.next, 15);
	assert_int_equal(rec.cut_bytes, 0);
	assert_int_equal(ledger_committed(l), 8);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	assert_int_equal(ledger_committed(l), 15);
	ledger_close(l);
	fixture_assert_good(15);
	release(&f);
}

/* Cut off, or zeroes, or rubbish from byte `at` on; then opened, appended to and verified. */
static void torn_at(const struct files *f, const uint64_t ends[4], uint64_t at, int how)
{
	uint64_t want = at >= ends[3] ? 15 : at >= ends[2] ? 12 : 8;
	struct buf torn = {0};
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	struct kept k;

	restore(f);
	buf_add(&torn, f->segment.data, how == 0 ? at : f->segment.len);
	if (how)
		memset(torn.data + at, how == 1 ? 0 : 0xa5, ends[3] - at);
	fixture_write(SEGMENT, torn.data, torn.len);
	assert_int_equal(try_open(&rec, &k, &l), 0);
	assert_int_equal(rec.covered, 8);
	assert_int_equal(ledger_size(l), want);
	assert_int_equal(rec.kept_entries, want - 8);
	assert_int_equal(k.count, want - 8);
	if (how == 2 && at < ends[3])
		assert_true(rec.cut_bytes > 0);
	fixture_append(l, 2);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(want + 2);
	buf_free(&torn);
}

static void test_torn_tail_at_every_byte(void **state)
{
	struct files f = {0};
	uint64_t ends[4];

	(void)state;
	make_tail(&f, ends);
	for (int how = 0; how < 3; how++)
		for (uint64_t at = ends[1]; at <= ends[3]; at++)
			torn_at(&f, ends, at, how);
	release(&f);
}

static void test_flips_above_are_cut(void **state)
{
	struct files f = {0};
	uint64_t ends[4];

	(void)state;
	make_tail(&f, ends);
	for (uint64_t at = ends[1]; at < ends[3]; at++) {
		struct ledger_recovery rec;
		struct ledger *l = NULL;
		struct kept k;

		restore(&f);
		fixture_flip(SEGMENT, &f.segment, at);
		assert_int_equal(try_open(&rec, &k, &l), 0);
		assert_int_equal(ledger_size(l), at < ends[2] ? 8 : 12);
		assert_int_equal(rec.cut_bytes, ends[3] - (at < ends[2] ? ends[1] : ends[2]));
		ledger_close(l);
	}
	release(&f);
}

static void test_flips_below_are_tampering(void **state)
{
	struct files f = {0};
	struct buf after = {0};
	uint64_t ends[4];

	(void)state;
	make_tail(&f, ends);
	for (uint64_t at = 0; at < ends[1]; at++) {
		struct ledger_recovery rec;
		struct ledger *l = NULL;
		struct kept k;

		restore(&f);
		fixture_flip(SEGMENT, &f.segment, at);
		if (try_open(&rec, &k, &l) == 0)
			fail_msg("a flip at byte %llu was not noticed", (unsigned long long)at);
		assert_non_null(rec.bad);
		assert_int_equal(rec.bad_segment, 0);
		assert_true(rec.bad_index < 8);
		assert_int_equal(k.count, 0);
		fixture_read(SEGMENT, &after);
		after.data[at] = f.segment.data[at];
		assert_memory_equal(after.data, f.segment.data, f.segment.len);
	}
	buf_free(&after);
	release(&f);
}

static void test_lost_below_is_tampering(void **state)
{
	struct ledger_recovery rec;
	struct files f = {0};
	struct ledger *l = NULL;
	uint64_t ends[4];
	char path[192];
	struct kept k;

	(void)state;
	make_tail(&f, ends);
	for (uint64_t at = 0; at < ends[1]; at += 7) {
		restore(&f);
		fixture_write(SEGMENT, f.segment.data, at);
		assert_int_equal(try_open(&rec, &k, &l), -EBADMSG);
	}
	restore(&f);
	fixture_path(SEGMENT, path, sizeof(path));
	unlink(path);
	assert_int_equal(try_open(&rec, &k, &l), -EBADMSG);
	assert_string_equal(rec.bad, "a covered segment is missing");
	restore(&f);
	fixture_path(SLOTS_FILE, path, sizeof(path));
	unlink(path);
	assert_int_equal(try_open(&rec, &k, &l), -EBADMSG);
	assert_null(l);
	release(&f);
}

static void test_wiped_slots_are_tampering(void **state)
{
	struct ledger_recovery rec;
	struct files f = {0};
	struct ledger *l = NULL;
	uint64_t ends[4];
	struct kept k;

	(void)state;
	make_tail(&f, ends);
	memset(f.slots.data, 0, f.slots.len);
	restore(&f);
	assert_int_equal(try_open(&rec, &k, &l), -EBADMSG);
	memset(f.slots.data, 0x55, f.slots.len);
	restore(&f);
	assert_int_equal(try_open(&rec, &k, &l), -EBADMSG);
	f.slots.len = 5000;
	restore(&f);
	assert_int_equal(try_open(&rec, &k, &l), -EBADMSG);
	release(&f);
}

static void test_damaged_slot_falls_back(void **state)
{
	static const unsigned batches[] = {5, 3, 4, 3, 2};
	struct files f = {0};
	uint64_t newest = 6 % SLOT_COUNT * SLOT_SIZE; /* generation 1 covers nothing, 6 all */

	(void)state;
	fixture_make(batches, 5);
	save(&f);
	for (uint64_t at = newest; at < newest + SLOT_SIZE; at += at < newest + 400 ? 1 : 37) {
		struct ledger_recovery rec;
		struct ledger *l = NULL;
		struct kept k;

		restore(&f);
		fixture_flip(SLOTS_FILE, &f.slots, at);
		assert_int_equal(try_open(&rec, &k, &l), 0);
		assert_true(rec.slot_damaged);
		assert_int_equal(rec.generation, 5);
		assert_int_equal(rec.covered, 15);
		assert_int_equal(rec.kept_entries, 2);
		assert_int_equal(ledger_flush(l, "again", 5), 0);
		ledger_close(l);
		fixture_assert_good(17);
	}
	release(&f);
}

static void test_other_key_is_refused(void **state)
{
	struct ledger_options o = fixture_options();
	struct note_signer *other = NULL;
	static const unsigned batches[] = {5};
	struct ledger_recovery rec;
	struct ledger *l = NULL;

	(void)state;
	fixture_make(batches, 1);
	assert_int_equal(note_signer_generate(ORIGIN, &other), 0);
	o.verifier = note_signer_verifier(other);
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), -ENOKEY);
	o = fixture_options();
	o.verifier = NULL;
	o.origin = "example.org/another";
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), -EKEYREJECTED);
	note_signer_free(other);
}

static void test_roots_are_rebuilt(void **state)
{
	static const unsigned batches[] = {65536, 65536, 65000, 700};
	static const uint8_t zero[TREE_HASH_SIZE];
	struct ledger_recovery rec;
	struct buf roots = {0}, after = {0};
	struct ledger *l = NULL;
	struct kept k;

	(void)state;
	fixture_make(batches, 4);
	fixture_read(ROOTS_FILE, &roots);
	for (int i = 0; i < 3; i++) {
		fixture_poke(ROOTS_FILE, (uint64_t)i * TREE_HASH_SIZE, zero, TREE_HASH_SIZE);
		assert_int_equal(try_open(&rec, &k, &l), 0);
		assert_true(rec.roots_rebuilt);
		ledger_close(l);
		fixture_read(ROOTS_FILE, &after);
		assert_memory_equal(after.data, roots.data, roots.len);
	}
	assert_int_equal(try_open(&rec, &k, &l), 0);
	assert_false(rec.roots_rebuilt);
	ledger_close(l);
	fixture_assert_good(65536 + 65536 + 65000 + 700);
	buf_free(&roots);
	buf_free(&after);
}

static void test_old_segment_is_checked_on_demand(void **state)
{
	static const unsigned batches[] = {65536, 65536, 65536, 10};
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct buf segment = {0};
	struct ledger *l = NULL;

	(void)state;
	fixture_make(batches, 4);
	fixture_read(SEGMENT, &segment);
	fixture_flip(SEGMENT, &segment, 100000);
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	ledger_close(l);
	l = NULL;
	o.check_all = true;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), -EBADMSG);
	assert_int_equal(rec.bad_segment, 0);
	assert_true(rec.bad_index < 65536);
	/* The last full segment is always looked at. */
	fixture_poke(SEGMENT, 100000, segment.data + 100000, 1);
	fixture_read("segment-0000000002", &segment);
	fixture_flip("segment-0000000002", &segment, 100000);
	o.check_all = false;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), -EBADMSG);
	assert_int_equal(rec.bad_segment, 2);
	buf_free(&segment);
}

/* A whole batch that stood behind a cut must not stand behind what is written there next. */
static void test_stale_batch_does_not_come_back(void **state)
{
	struct ledger_recovery rec;
	struct files f = {0};
	struct ledger *l = NULL;
	uint64_t ends[4];
	struct kept k;

	(void)state;
	make_tail(&f, ends);
	fixture_flip(SEGMENT, &f.segment, ends[2] - 1);
	assert_int_equal(try_open(&rec, &k, &l), 0);
	assert_int_equal(ledger_size(l), 8);
	assert_int_equal(rec.cut_entries, 7);
	/* The same four entries as before: the next batch would fit, and its numbers too. */
	fixture_append(l, 4);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	assert_int_equal(try_open(&rec, &k, &l), 0);
	assert_int_equal(rec.covered, 12);
	assert_int_equal(rec.kept_entries, 0);
	ledger_close(l);
	release(&f);
}

/* A crash may leave batches in a segment whose predecessor's tail was lost. */
static void test_segment_behind_a_cut_is_dropped(void **state)
{
	static const unsigned batches[] = {65000, 900};
	struct ledger_recovery rec;
	struct buf slots = {0}, segment = {0};
	struct ledger *l = NULL;
	uint64_t ends[200];
	struct files f = {0};
	struct kept k;
	unsigned n;

	(void)state;
	fixture_make(batches, 1);
	fixture_read(SLOTS_FILE, &slots);
	fixture_make(batches + 1, 1);
	fixture_write(SLOTS_FILE, slots.data, slots.len);
	save(&f);
	n = batch_ends(&f, ends, 200);
	fixture_flip(SEGMENT, &f.segment, ends[n - 1] - 1);
	assert_int_equal(try_open(&rec, &k, &l), 0);
	assert_int_equal(ledger_size(l), 65000);
	assert_int_equal(rec.cut_entries, 900);
	assert_true(rec.cut_bytes > 900 * 30);
	fixture_append(l, 1000);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(66000);
	buf_free(&slots);
	buf_free(&segment);
	release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_begin, fixture_end)
		T(test_whole_tail_is_kept),
		T(test_torn_tail_at_every_byte),
		T(test_flips_above_are_cut),
		T(test_flips_below_are_tampering),
		T(test_lost_below_is_tampering),
		T(test_wiped_slots_are_tampering),
		T(test_damaged_slot_falls_back),
		T(test_other_key_is_refused),
		T(test_roots_are_rebuilt),
		T(test_old_segment_is_checked_on_demand),
		T(test_stale_batch_does_not_come_back),
		T(test_segment_behind_a_cut_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
