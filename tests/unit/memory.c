// SPDX-License-Identifier: Apache-2.0
/* What is given back of the process's own memory: what comes back as it was, nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

#define PAGES 64u

static size_t page;

/* A private mapping of a file of PAGES, each filled with its number. */
static uint8_t *map_file(int protection)
{
	char name[] = "/tmp/muniment-memory-XXXXXX";
	uint8_t *map, *bytes = malloc(page);
	int fd = mkstemp(name);

	assert_true(bytes && fd >= 0);
	unlink(name);
	for (unsigned i = 0; i < PAGES; i++) {
		memset(bytes, (int)i, page);
		assert_int_equal(write(fd, bytes, page), page);
	}
	free(bytes);
	map = mmap(NULL, PAGES * page, protection, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

/* Pages that the process has mapped by now: mincore would tell of the page cache. */
static unsigned resident(const uint8_t *map)
{
	uint64_t entry[PAGES];
	unsigned n = 0;
	FILE *file = fopen("/proc/self/pagemap", "re");

	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(fseek(file, (long)((uintptr_t)map / page * sizeof(*entry)), SEEK_SET), 0);
	assert_int_equal(fread(entry, sizeof(*entry), PAGES, file), PAGES);
	fclose(file);
	for (unsigned i = 0; i < PAGES; i++)
		n += entry[i] >> 63;
	return n;
}

static void assert_as_it_was(const uint8_t *map, unsigned first)
{
	for (unsigned i = first; i < PAGES; i++)
		for (size_t at = 0; at < page; at += 512)
			assert_int_equal(map[i * page + at], i);
}

static void test_read_only(void **state)
{
	uint8_t *map = map_file(PROT_READ);

	(void)state;
	assert_as_it_was(map, 0);
	assert_int_equal(resident(map), PAGES);
	memory_give_back();
	assert_int_equal(resident(map), 0);
	assert_as_it_was(map, 0);
	munmap(map, PAGES * page);
}

/* As relocated data of a library: written, then read-only. */
static void test_written_before(void **state)
{
	uint8_t *map = map_file(PROT_READ | PROT_WRITE);

	(void)state;
	memset(map, 0xa5, page);
	assert_int_equal(mprotect(map, PAGES * page, PROT_READ), 0);
	assert_as_it_was(map, 1);
	memory_give_back();
	assert_int_equal(resident(map), PAGES);
	assert_int_equal(map[0], 0xa5);
	assert_int_equal(map[page - 1], 0xa5);
	assert_as_it_was(map, 1);
	munmap(map, PAGES * page);
}

static void test_writable(void **state)
{
	uint8_t *map = map_file(PROT_READ | PROT_WRITE);

	(void)state;
	assert_as_it_was(map, 0);
	memory_give_back();
	assert_int_equal(resident(map), PAGES);
	munmap(map, PAGES * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_written_before),
		cmocka_unit_test(test_writable),
	};

	page = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
