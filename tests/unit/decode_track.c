// SPDX-License-Identifier: Apache-2.0
/* Every record number is seen, lost or a duplicate, over restarts too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "pipeline/track.h"

#define SECOND 1000000000ull

static struct track_loss losses[64];

static uint64_t lost(struct track *t, uint64_t now, bool all)
{
	uint64_t sum = 0;
	size_t n;

	while ((n = track_take_losses(t, now, all, losses, 4)) > 0) {
		for (size_t i = 0; i < n; i++)
			sum += losses[i].count;
	}
	return sum;
}

static void test_in_order(void **state)
{
	struct track *t = track_new(2);

	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(track_see(t, i % 2, (i + 1) / 2, i), TRACK_NEW);
	assert_int_equal(lost(t, 0, true), 0);
	track_free(t);
}

/* last = entries + own + lost, whatever happened. */
static void test_identity(void **state)
{
	struct track *t = track_new(1);
	struct track_numbers numbers;

	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		if (i % 7 == 0)
			continue;
		track_see(t, 0, i, 0);
		if (i % 10 == 0)
			track_own(t, 0);
	}
	assert_int_equal(lost(t, 0, true), 14);
	track_numbers(t, 0, &numbers);
	assert_int_equal(numbers.last, 100);
	assert_int_equal(numbers.lost, 14);
	assert_int_equal(numbers.own, 9);
	track_free(t);
}

static void test_swapped_is_no_loss(void **state)
{
	struct track *t = track_new(1);

	(void)state;
	assert_int_equal(track_see(t, 0, 2, 10), TRACK_NEW);
	assert_int_equal(track_see(t, 0, 1, 11), TRACK_NEW);
	assert_int_equal(track_see(t, 0, 1, 12), TRACK_LATE);
	assert_int_equal(lost(t, 10 * SECOND, true), 0);
	track_free(t);
}

static void test_hole_becomes_loss(void **state)
{
	struct track *t = track_new(1);

	(void)state;
	track_see(t, 0, 1, 0);
	track_see(t, 0, 10, 5);
	assert_int_equal(lost(t, SECOND / 2, false), 0);
	assert_int_equal(track_see(t, 0, 5, 6), TRACK_NEW);
	assert_int_equal(track_take_losses(t, 2 * SECOND, false, losses, 64), 2);
	assert_int_equal(losses[0].count + losses[1].count, 7);
	assert_int_equal(lost(t, 3 * SECOND, true), 0);
	assert_int_equal(track_see(t, 0, 7, 7), TRACK_LATE);
	track_free(t);
}

static void test_tail_is_counted(void **state)
{
	struct track *t = track_new(1);

	(void)state;
	track_see(t, 0, 3, 0);
	track_expect(t, 0, 8, 0);
	track_expect(t, 0, 2, 0);
	assert_int_equal(track_see(t, 0, 9, 1), TRACK_NEW);
	assert_int_equal(lost(t, 2 * SECOND, false), 2 + 5);
	track_free(t);
}

static void test_more_holes_than_room(void **state)
{
	struct track *t = track_new(1);

	(void)state;
	for (uint64_t i = 1; i <= 500; i++)
		track_see(t, 0, 2 * i, i);
	assert_int_equal(lost(t, 0, true), 500);
	track_free(t);
}

static void test_restart(void **state)
{
	struct track *t = track_new(3), *u = track_new(3);
	struct buf text = {0}, again = {0};

	(void)state;
	for (uint64_t i = 1; i <= 10; i++)
		track_see(t, 2, i, 0);
	track_see(t, 0, 4, 0);
	track_save(t, &text);
	assert_string_equal(text.data, "0 4 0 0 1-3;2 10 0 0;");
	assert_int_equal(track_restore(u, text.data, text.len), 0);
	track_save(u, &again);
	assert_string_equal(again.data, text.data);
	track_settle(u, 2, 11, 5, false); /* what an earlier daemon wrote after it saved */
	track_settle(u, 0, 2, 1, false);
	track_seal(u);
	assert_int_equal(track_see(u, 2, 15, 0), TRACK_DUPLICATE);
	assert_int_equal(track_see(u, 2, 16, 0), TRACK_NEW);
	assert_int_equal(track_see(u, 0, 3, 0), TRACK_NEW);
	assert_int_equal(track_see(u, 0, 2, 0), TRACK_DUPLICATE);
	assert_int_equal(lost(u, 0, true), 1);
	buf_free(&text);
	buf_free(&again);
	track_free(t);
	track_free(u);
}

static void test_restore_refuses(void **state)
{
	static const char *const bad[] = {
		"x",
		"0",
		"0 ",
		"0 5",
		"0 5 0 0",
		"0 5;",
		"0 5 0;",
		"3 5 0 0;",
		"0 5 0 0;0 6 0 0;",
		"0 0 0 0;",
		"0 5 0 0 ;",
		"0 5 0 0 1;",
		"0 5 0 0 0-1;",
		"0 5 0 0 3-2;",
		"0 5 0 0 1-2,2-3;",
		"0 5 0 0 1-6;",
		"0 5 0 0 1-2,",
		"-1 5 0 0;",
		"0 99999999999999999999 0 0;",
		"0 5 0 0;;",
	};
	struct track *t = track_new(2);
	struct buf text = {0};

	(void)state;
	track_see(t, 1, 1, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(track_restore(t, bad[i], strlen(bad[i])), -EINVAL);
	track_save(t, &text);
	assert_string_equal(text.data, "1 1 0 0;");
	assert_int_equal(track_restore(t, "", 0), 0);
	buf_free(&text);
	track_free(t);
}

/* Random order with random losses: what is seen and what is lost adds up to all numbers, always. */
static void test_adds_up(void **state)
{
	struct track *t = track_new(1);
	uint64_t seen = 0, last = 0, sum = 0;

	(void)state;
	srand(7);
	for (uint64_t base = 1; base < 20000; base += 4) {
		uint64_t order[4] = {base, base + 1, base + 2, base + 3};

		for (int i = 3; i > 0; i--) {
			int j = rand() % (i + 1);
			uint64_t swap = order[i];

			order[i] = order[j];
			order[j] = swap;
		}
		for (int i = 0; i < 4; i++) {
			if (rand() % 10 == 0)
				continue;
			seen += track_see(t, 0, order[i], base) != TRACK_DUPLICATE;
			last = order[i] > last ? order[i] : last;
		}
		if (rand() % 50 == 0)
			sum += lost(t, base, true);
	}
	sum += lost(t, 0, true);
	assert_int_equal(seen + sum, last);
	track_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_swapped_is_no_loss),
		cmocka_unit_test(test_hole_becomes_loss),
		cmocka_unit_test(test_tail_is_counted),
		cmocka_unit_test(test_more_holes_than_room),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restore_refuses),
		cmocka_unit_test(test_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
