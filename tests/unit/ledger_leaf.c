// SPDX-License-Identifier: Apache-2.0
/* Leaf hashes that go on from the entry before are those of tree_leaf, whatever entries follow each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ledger/leaf.h"

static struct leaf_cache *cache;

static void same(const uint8_t *entry, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* exact, so that the sanitizer sees a byte too many */
	struct tree_hash expected, got;

	memcpy(copy, entry, n);
	tree_leaf(copy, n, &expected);
	leaf_hash(cache, copy, n, &got);
	assert_memory_equal(got.bytes, expected.bytes, TREE_HASH_SIZE);
	free(copy);
}

static void test_every_length(void **state)
{
	uint8_t entry[1200];

	(void)state;
	for (size_t i = 0; i < sizeof(entry); i++)
		entry[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n < sizeof(entry); n++)
		same(entry, n);
	for (size_t n = sizeof(entry); n-- > 0;)
		same(entry, n);
}

static void test_every_difference(void **state)
{
	uint8_t entry[700] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(entry); i++) {
		same(entry, sizeof(entry));
		entry[i] ^= 0x55;
		same(entry, sizeof(entry));
	}
}

static void test_random_order(void **state)
{
	uint8_t entry[900] = {0};

	(void)state;
	srand(11);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand() % sizeof(entry);

		entry[(size_t)rand() % sizeof(entry)] = (uint8_t)rand();
		same(entry, n);
	}
}

static int set_up(void **state)
{
	(void)state;
	cache = leaf_cache_new();
	return cache ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	leaf_cache_free(cache);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_difference),
		cmocka_unit_test(test_random_order),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
