// SPDX-License-Identifier: Apache-2.0
/* The ledger's commit thread beside its owner: nothing that was taken is lost between the two. */
#include <errno.h>

#include "ledger_fixture.h"

struct published {
	uint64_t size;
	unsigned count;
	struct buf note;
};

static void published(void *ctx, uint64_t size, const char *note, size_t n)
{
	struct published *p = ctx;

	p->size = size;
	p->count++;
	buf_reset(&p->note);
	buf_add(&p->note, note, n);
}

static void test_thread(void **state)
{
	struct published p = {0};
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct checkpoint c;
	struct ledger *l = NULL;
	unsigned busy = 0;

	(void)state;
	o.no_thread = false;
	o.published = published;
	o.ctx = &p;
	o.pending_max = 100000;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	for (unsigned i = 0; i < 150000; i++) {
		char entry[256];
		size_t n = fixture_entry(ledger_size(l), entry);
		int err;

		while ((err = ledger_append(l, entry, n, NULL)) == -EAGAIN) {
			busy++;
			assert_int_equal(ledger_wait(l), 0);
			assert_int_equal(ledger_commit(l, &i, sizeof(i)), 0);
		}
		assert_int_equal(err, 0);
		if (i % 100 == 0) {
			err = ledger_commit(l, &i, sizeof(i));
			assert_true(err == 0 || err == -EAGAIN);
		}
	}
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	assert_int_equal(p.size, 150000);
	assert_true(p.count > 2);
	assert_int_equal(checkpoint_open(p.note.data, p.note.len, note_signer_verifier(fixture_signer), &c),
			 0);
	assert_int_equal(c.size, 150000);
	ledger_close(l);
	buf_free(&p.note);
	print_message("%u checkpoints, %u waits\n", p.count, busy);
	fixture_assert_good(150000);
	fixture_assert_entries(150000);
}

/*
 * The thread may finish at any moment between the owner's looks at it; every commit that was taken is
 * published all the same. The owner asks without a pause, so that some looks fall on that moment.
 */
static void test_commits_without_a_pause(void **state)
{
	enum { COMMITS = 3000 };
	struct published p = {0};
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	unsigned taken = 0;

	(void)state;
	o.no_thread = false;
	o.published = published;
	o.ctx = &p;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	p.count = 0; /* the empty tree's */
	while (taken < COMMITS) {
		int err;

		fixture_append(l, 1);
		while ((err = ledger_commit(l, NULL, 0)) == -EAGAIN)
			;
		assert_int_equal(err, 0);
		taken++;
	}
	assert_int_equal(ledger_wait(l), 0);
	assert_int_equal(p.count, COMMITS);
	assert_int_equal(p.size, COMMITS);
	ledger_close(l);
	buf_free(&p.note);
	fixture_assert_good(COMMITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_begin, fixture_end)
		T(test_thread),
		T(test_commits_without_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
