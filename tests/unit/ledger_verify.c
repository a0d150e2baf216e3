// SPDX-License-Identifier: Apache-2.0
/* `log verify`'s engine: every flipped byte is found and named, forged and cut ledgers are told, proofs hold,
 * tiles come out right. */
#include <errno.h>

#include "base/b64.h"
#include "ledger/reader.h"
#include "ledger/tile.h"
#include "ledger_fixture.h"

#define SEGMENT "segment-0000000000"

static void take_note(struct buf *out)
{
	struct ledger_reader *r = NULL;
	const char *note;
	size_t n;

	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	note = ledger_reader_note(r, &n);
	buf_reset(out);
	buf_add(out, note, n);
	ledger_reader_close(r);
}

static void test_every_flip_in_a_segment_is_found(void **state)
{
	static const unsigned batches[] = {5, 7, 1, 9};
	struct fixture_findings found;
	struct verify_result result;
	struct buf segment = {0};
	uint64_t end = 0;

	(void)state;
	fixture_make(batches, 4);
	fixture_assert_good(22);
	fixture_read(SEGMENT, &segment);
	for (uint64_t i = 0; i < segment.len; i++)
		end = segment.data[i] ? i + 1 : end;
	for (uint64_t at = 0; at < segment.len; at += at < end ? 1 : 997) {
		fixture_flip(SEGMENT, &segment, at);
		assert_int_equal(fixture_verify(&found, &result, NULL), 0);
		if (at < end && found.total == 0)
			fail_msg("a flip at byte %llu was not found", (unsigned long long)at);
		if (at < end) {
			if (found.first.segment)
				print_message("byte %llu: %s\n", (unsigned long long)at, found.first.text);
			assert_int_equal(found.first.segment, 0);
			assert_true(found.first.index < 22);
		} else {
			assert_int_equal(found.total, 0);
			assert_int_equal(result.uncovered_bytes, at + 1 - end);
		}
		fixture_poke(SEGMENT, at, segment.data + at, 1);
	}
	fixture_assert_good(22);
	buf_free(&segment);
}

static void test_every_flip_in_the_slots_is_found(void **state)
{
	static const unsigned batches[] = {5, 7, 1, 9, 3, 2};
	struct fixture_findings found;
	struct verify_result result;
	struct buf slots = {0};
	/* Generation 1 covers nothing; 7 is the newest, 8 would come next, over 4: its second page may be
	 * torn. */
	uint64_t next = 8 % SLOT_COUNT * SLOT_SIZE + SLOT_PAGE;

	(void)state;
	fixture_make(batches, 6);
	fixture_read(SLOTS_FILE, &slots);
	for (uint64_t at = 0; at < slots.len; at += at % SLOT_PAGE < 320 ? 5 : 211) {
		bool torn = at >= next && at < next + SLOT_PAGE;

		fixture_flip(SLOTS_FILE, &slots, at);
		assert_int_equal(fixture_verify(&found, &result, NULL), 0);
		if (torn != (found.total == 0))
			fail_msg("a flip at byte %llu of the slots: %u findings", (unsigned long long)at,
				 found.total);
		fixture_poke(SLOTS_FILE, at, slots.data + at, 1);
	}
	fixture_assert_good(27);
	buf_free(&slots);
}

/* The place of entry `index`'s bytes in the segment. */
static uint64_t entry_offset(const struct buf *segment, uint64_t index)
{
	uint64_t at = SEGMENT_HEADER_SIZE;
	const uint8_t *bytes = (const uint8_t *)segment->data, *entry;
	struct batch b;

	while (batch_header_parse(bytes + at, &b) == 0) {
		uint32_t offset = 0;

		for (uint64_t i = b.first; i < b.first + b.count; i++) {
			batch_entry_next(&b, bytes + at + BATCH_HEADER_SIZE, &offset, &entry);
			if (i == index)
				return (uint64_t)(entry - bytes);
		}
		at += BATCH_HEADER_SIZE + batch_payload_size(&b);
	}
	fail_msg("no entry %llu", (unsigned long long)index);
	return 0;
}

static void test_altered_entry_is_named(void **state)
{
	static const unsigned batches[] = {65536, 65000, 1000};
	struct fixture_findings found;
	struct verify_result result;
	struct buf segment = {0};

	(void)state;
	fixture_make(batches, 3);
	fixture_read("segment-0000000001", &segment);
	fixture_flip("segment-0000000001", &segment, entry_offset(&segment, 100000) + 12);
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	assert_int_equal(found.first.kind, VERIFY_ENTRY);
	assert_int_equal(found.first.segment, 1);
	assert_int_equal(found.first.index, 100000);
	assert_int_equal(found.first.count, 1);
	assert_int_equal(found.by_kind[VERIFY_ENTRY], 1);
	/* The segment differs from its noted root, and the signed roots behind it are not met. */
	assert_int_equal(found.by_kind[VERIFY_ROOTS_FILE], 1);
	assert_true(found.by_kind[VERIFY_ROOT] > 0);
	assert_int_equal(
		found.by_kind[VERIFY_BATCH] + found.by_kind[VERIFY_MISSING] + found.by_kind[VERIFY_SLOT], 0);
	buf_free(&segment);
}

/* An attacker who knows the format: alters an entry, its mark and both CRCs. Only the tree tells. */
static void test_careful_forgery(void **state)
{
	static const unsigned batches[] = {10, 10};
	struct fixture_findings found;
	struct verify_result result;
	struct buf segment = {0};
	struct tree_hash leaves[10];
	struct batch b;
	uint8_t *at;

	(void)state;
	fixture_make(batches, 2);
	fixture_read(SEGMENT, &segment);
	segment.data[entry_offset(&segment, 3) + 3] ^= 1;
	at = (uint8_t *)segment.data + SEGMENT_HEADER_SIZE;
	assert_int_equal(batch_header_parse(at, &b), 0);
	assert_int_equal(batch_leaves(&b, at + BATCH_HEADER_SIZE, leaves), 3);
	memcpy(at + BATCH_HEADER_SIZE + b.entry_bytes + 3 * BATCH_MARK_SIZE, leaves[3].bytes,
	       BATCH_MARK_SIZE);
	batch_header_write(&b, at);
	fixture_write(SEGMENT, segment.data, segment.len);
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	assert_int_equal(found.total, found.by_kind[VERIFY_ROOT]);
	assert_int_equal(found.total, 2);
	/* Between the empty checkpoint, which holds, and the first that does not. */
	assert_int_equal(found.first.index, 0);
	assert_int_equal(found.first.count, 10);
	buf_free(&segment);
}

static void test_missing_segment(void **state)
{
	static const unsigned batches[] = {65536, 65536, 10};
	struct fixture_findings found;
	struct verify_result result;
	char path[192];

	(void)state;
	fixture_make(batches, 3);
	fixture_path("segment-0000000001", path, sizeof(path));
	unlink(path);
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	assert_int_equal(found.first.kind, VERIFY_MISSING);
	assert_int_equal(found.first.segment, 1);
	assert_int_equal(found.first.index, 65536);
	assert_int_equal(found.first.count, 65536);
	/* The noted root stands for it: the rest is as signed, and the finding says so. */
	assert_int_equal(found.by_kind[VERIFY_ENTRY] + found.by_kind[VERIFY_BATCH], 0);
}

static void test_damaged_batch_does_not_hide_the_next(void **state)
{
	static const unsigned batches[] = {10, 10, 10};
	struct fixture_findings found;
	struct verify_result result;
	struct buf segment = {0};
	uint64_t header;

	(void)state;
	fixture_make(batches, 3);
	fixture_read(SEGMENT, &segment);
	header = entry_offset(&segment, 10) - 2 - BATCH_HEADER_SIZE;
	fixture_flip(SEGMENT, &segment, header + 9);
	fixture_flip(SEGMENT, &segment, entry_offset(&segment, 25));
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	assert_int_equal(found.first.kind, VERIFY_BATCH);
	assert_int_equal(found.first.index, 10);
	assert_int_equal(found.first.count, 10);
	assert_int_equal(found.by_kind[VERIFY_ENTRY], 1);
	buf_free(&segment);
}

static void test_since(void **state)
{
	static const unsigned first[] = {20}, more[] = {5, 65536};
	struct fixture_findings found;
	struct verify_result result;
	struct buf note = {0}, slots = {0}, segment = {0};

	(void)state;
	fixture_make(first, 1);
	take_note(&note);
	fixture_read(SLOTS_FILE, &slots);
	fixture_make(more, 2);
	assert_int_equal(fixture_verify(&found, &result, note.data), 0);
	assert_int_equal(found.total, 0);
	assert_true(result.since_checked);
	assert_int_equal(result.since.size, 20);
	/* Rolled back to the older checkpoint: alone it looks good, to one who knows the newer it does not.
	 */
	take_note(&note);
	fixture_write(SLOTS_FILE, slots.data, slots.len);
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	assert_int_equal(found.total, 0);
	assert_int_equal(result.uncovered_entries, 65541);
	assert_int_equal(fixture_verify(&found, &result, note.data), 0);
	assert_int_equal(found.by_kind[VERIFY_TRUNCATED], 1);
	assert_false(result.since_checked);
	/* A checkpoint that was tampered with, and one that is none. */
	note.data[strlen(ORIGIN) + 1] ^= 1;
	assert_int_equal(fixture_verify(&found, &result, note.data), 0);
	assert_int_equal(found.by_kind[VERIFY_SIGNATURE], 1);
	assert_int_equal(fixture_verify(&found, &result, "no checkpoint"), -EINVAL);
	buf_free(&note);
	buf_free(&slots);
	buf_free(&segment);
}

/* A second ledger, signed with the same key: each verifies, but neither continues the other. */
static void test_split_view(void **state)
{
	static const unsigned ours[] = {20}, theirs[] = {10, 15};
	struct fixture_findings found;
	struct verify_result result;
	struct buf note = {0};
	struct ledger *l;

	(void)state;
	fixture_make(ours, 1);
	take_note(&note);
	fixture_remove(fixture_dir);
	l = fixture_open(NULL);
	assert_int_equal(ledger_append(l, "another first entry", 19, NULL), 0);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_make(theirs, 2);
	fixture_assert_good(26);
	assert_int_equal(fixture_verify(&found, &result, note.data), 0);
	assert_int_equal(found.total, 1);
	assert_int_equal(found.first.kind, VERIFY_SINCE);
	assert_false(result.since_checked);
	buf_free(&note);
}

static void test_wrong_key(void **state)
{
	static const unsigned batches[] = {20};
	struct note_signer *other = NULL, *ours = fixture_signer;
	struct fixture_findings found;
	struct verify_result result;

	(void)state;
	fixture_make(batches, 1);
	assert_int_equal(note_signer_generate(ORIGIN, &other), 0);
	fixture_signer = other;
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	fixture_signer = ours;
	assert_false(result.signed_checkpoint);
	assert_true(found.by_kind[VERIFY_SIGNATURE] >= 2);
	note_signer_free(other);
}

static void test_roots_file(void **state)
{
	static const unsigned batches[] = {65536, 10};
	struct fixture_findings found;
	struct verify_result result;
	struct buf roots = {0};

	(void)state;
	fixture_make(batches, 2);
	fixture_read(ROOTS_FILE, &roots);
	for (uint64_t at = 0; at < TREE_HASH_SIZE; at += 5) {
		fixture_flip(ROOTS_FILE, &roots, at);
		assert_int_equal(fixture_verify(&found, &result, NULL), 0);
		assert_int_equal(found.total, 1);
		assert_int_equal(found.first.kind, VERIFY_ROOTS_FILE);
		fixture_poke(ROOTS_FILE, at, roots.data + at, 1);
	}
	buf_free(&roots);
}

static void test_proofs(void **state)
{
	static const unsigned batches[] = {65536, 65536, 777, 300};
	static const uint64_t indexes[] = {0, 1, 65535, 65536, 100000, 131071, 131072, 131800, 132148};
	static const uint8_t zero[TREE_HASH_SIZE];
	struct ledger_reader *r = NULL;
	const struct checkpoint *c;
	struct tree_proof proof;
	char entry[256];

	(void)state;
	fixture_make(batches, 4);
	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	c = ledger_reader_checkpoint(r);
	assert_int_equal(c->size, 132149);
	/* The second time DIR/roots is wrong: slower, but no less right. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
			struct tree_hash leaf;

			assert_int_equal(ledger_prove(r, indexes[i], &proof), 0);
			tree_leaf(entry, fixture_entry(indexes[i], entry), &leaf);
			assert_int_equal(tree_verify_inclusion(&proof, indexes[i], c->size, &leaf, &c->root),
					 0);
		}
		fixture_poke(ROOTS_FILE, TREE_HASH_SIZE, zero, TREE_HASH_SIZE);
	}
	for (uint64_t old = 0; old < c->size; old += 13001) {
		struct tree_hash old_root;

		assert_int_equal(ledger_prove_consistency(r, old, &proof, &old_root), 0);
		assert_int_equal(tree_verify_consistency(&proof, old, c->size, &old_root, &c->root), 0);
	}
	assert_int_equal(ledger_prove(r, c->size, &proof), -EINVAL);
	ledger_reader_close(r);
}

static void assert_path(int level, uint64_t n, unsigned width, const char *want)
{
	struct buf out = {0};

	tile_path(level, n, width, &out);
	assert_string_equal(out.data, want);
	buf_free(&out);
}

static void test_tile_paths(void **state)
{
	(void)state;
	assert_path(0, 0, 256, "tile/0/000");
	assert_path(0, 999, 256, "tile/0/999");
	assert_path(1, 1000, 256, "tile/1/x001/000");
	assert_path(0, 1234067, 256, "tile/0/x001/x234/067");
	assert_path(2, 1234067, 1, "tile/2/x001/x234/067.p/1");
	assert_path(TILE_ENTRIES, 5, 255, "tile/entries/005.p/255");
}

static uint64_t tile_size(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/tiles/%s", fixture_root, name);
	return stat(path, &st) ? UINT64_MAX : (uint64_t)st.st_size;
}

/* The standard's own example: what a tree of 70,000 is made of. */
static void test_tile_tree(void **state)
{
	static const unsigned batches[] = {256, 69744};
	struct ledger_reader *r = NULL;
	struct tile_export done;
	char out[128], full[32];

	(void)state;
	snprintf(out, sizeof(out), "%s/tiles", fixture_root);
	fixture_make(batches, 1);
	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	assert_int_equal(ledger_export_tiles(r, out, NULL, &done), 0);
	ledger_reader_close(r);
	assert_int_equal(tile_size("tile/0/000"), 8192);
	assert_int_equal(tile_size("tile/1/000.p/1"), 32);
	assert_int_equal(tile_size("tile/0/001.p/1"), UINT64_MAX);
	fixture_make(batches + 1, 1);
	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	assert_int_equal(ledger_export_tiles(r, out, NULL, &done), 0);
	assert_int_equal(done.entries, 70000);
	assert_int_equal(done.already, 2); /* the full tile and bundle of before */
	for (unsigned n = 0; n < 273; n++) {
		snprintf(full, sizeof(full), "tile/0/%03u", n);
		assert_int_equal(tile_size(full), 8192);
	}
	assert_int_equal(tile_size("tile/0/273.p/112"), 112 * 32);
	assert_int_equal(tile_size("tile/0/273"), UINT64_MAX);
	assert_int_equal(tile_size("tile/1/000"), 8192);
	assert_int_equal(tile_size("tile/1/001.p/17"), 17 * 32);
	assert_int_equal(tile_size("tile/2/000.p/1"), 32);
	assert_true(tile_size("tile/entries/273.p/112") != UINT64_MAX);
	assert_int_equal(ledger_export_tiles(r, out, NULL, &done), 0);
	assert_int_equal(done.files, 0);
	ledger_reader_close(r);
	/* Another ledger's tiles are not written over. */
	fixture_remove(fixture_dir);
	{
		struct ledger *l = fixture_open(NULL);

		for (int i = 0; i < 300; i++)
			assert_int_equal(ledger_append(l, "other", 5, NULL), 0);
		assert_int_equal(ledger_flush(l, NULL, 0), 0);
		ledger_close(l);
	}
	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	assert_int_equal(ledger_export_tiles(r, out, NULL, &done), -EEXIST);
	ledger_reader_close(r);
}

static void test_no_ledger(void **state)
{
	struct fixture_findings found;
	struct verify_result result;
	struct ledger_reader *r = NULL;

	(void)state;
	assert_int_equal(fixture_verify(&found, &result, NULL), -ENOENT);
	assert_int_equal(mkdir(fixture_dir, 0700), 0);
	assert_int_equal(fixture_verify(&found, &result, NULL), -ENOENT);
	assert_int_equal(ledger_reader_open(fixture_dir, &r), -ENOENT);
	fixture_write(SLOTS_FILE, "short", 5);
	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	assert_true(found.by_kind[VERIFY_SLOT] == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_begin, fixture_end)
		T(test_every_flip_in_a_segment_is_found),
		T(test_every_flip_in_the_slots_is_found),
		T(test_altered_entry_is_named),
		T(test_careful_forgery),
		T(test_missing_segment),
		T(test_damaged_batch_does_not_hide_the_next),
		T(test_since),
		T(test_split_view),
		T(test_wrong_key),
		T(test_roots_file),
		T(test_proofs),
		T(test_tile_paths),
		T(test_tile_tree),
		T(test_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
