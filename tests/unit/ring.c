// SPDX-License-Identifier: Apache-2.0
/* The ring's reader: every record whole and in order, also round the end; nothing given back unasked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "kernel/ring.h"

#define RING 4096u

/* The kernel's side: a page with the reader's position, one with the writer's, the data. */
static int fd;
static size_t page;
static uint8_t *map;
static struct ring *ring;
static uint64_t put, got;

static uint64_t *producer(void)
{
	return (uint64_t *)(void *)(map + page);
}

static uint64_t consumer(void)
{
	return *(const uint64_t *)(const void *)map;
}

static void byte_at(uint64_t at, uint8_t byte)
{
	map[2 * page + (at & (RING - 1))] = byte;
}

static size_t size_of(uint64_t n)
{
	return (size_t)(n * 37 % 300);
}

/* Record n: its size and bytes follow from n. flags: busy, discarded. */
static bool put_record(uint64_t n, uint32_t flags)
{
	size_t size = size_of(n), step = (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
	uint32_t header[2] = {(uint32_t)size | flags, 0};
	const uint8_t *bytes = (const uint8_t *)header;
	uint64_t at = *producer();

	if (at + step - consumer() > RING)
		return false;
	for (size_t i = 0; i < sizeof(header); i++)
		byte_at(at + i, bytes[i]);
	for (size_t i = 0; i < size; i++)
		byte_at(at + BPF_RINGBUF_HDR_SZ + i, (uint8_t)(n + i));
	*producer() = at + step;
	return true;
}

static int take(void *ctx, const void *record, size_t size)
{
	const uint8_t *bytes = record;

	(void)ctx;
	assert_int_equal(size, size_of(got));
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], (uint8_t)(got + i));
	got++;
	return 0;
}

static void test_round_and_round(void **state)
{
	(void)state;
	while (got < 5000) {
		while (put_record(put, 0))
			put++;
		assert_true(ring_used(ring) > 0);
		assert_int_equal(ring_read(ring, 3, take, NULL), 3);
		ring_release(ring, ring_position(ring));
	}
	while (!ring_is_drained(ring))
		assert_true(ring_read(ring, 100, take, NULL) > 0);
	assert_int_equal(got, put);
	assert_int_equal(ring_read(ring, 100, take, NULL), 0);
}

static void test_not_given_back_unasked(void **state)
{
	(void)state;
	while (put_record(put, 0))
		put++;
	assert_int_equal(ring_read(ring, 100, take, NULL), put);
	assert_false(put_record(put, 0));
	assert_int_equal(consumer(), 0);
	ring_release(ring, ring_position(ring));
	assert_true(put_record(put, 0));
}

static void test_busy_and_discarded(void **state)
{
	uint64_t second;

	(void)state;
	assert_true(put_record(7, BPF_RINGBUF_DISCARD_BIT));
	second = *producer();
	assert_true(put_record(put++, BPF_RINGBUF_BUSY_BIT));
	assert_int_equal(ring_read(ring, 100, take, NULL), 0);
	assert_false(ring_is_drained(ring));
	byte_at(second + 3, 0); /* the busy bit is in the highest byte */
	assert_int_equal(ring_read(ring, 100, take, NULL), 1);
	assert_true(ring_is_drained(ring));
}

static int refuse(void *ctx, const void *record, size_t size)
{
	(void)record;
	(void)size;
	return *(int *)ctx;
}

static void test_errors(void **state)
{
	const uint32_t sizes[] = {RING, 1000000, 200};
	int full = -ENOSPC;

	(void)state;
	assert_true(put_record(put, 0));
	assert_int_equal(ring_read(ring, 100, refuse, &full), -ENOSPC);
	/* Longer than the ring, or than what was written. */
	for (unsigned i = 0; i < 3; i++) {
		uint64_t at = *producer();

		assert_true(put_record(2, 0));
		for (unsigned b = 0; b < 4; b++)
			byte_at(at + b, (uint8_t)(sizes[i] >> 8 * b));
		assert_int_equal(ring_read(ring, 100, take, NULL), -EBADMSG);
		assert_int_equal(ring_position(ring), at);
		*producer() = at;
	}
}

static int set_up(void **state)
{
	(void)state;
	put = got = 0;
	page = (size_t)sysconf(_SC_PAGESIZE);
	fd = memfd_create("ring", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)(2 * page + RING)))
		return -1;
	map = mmap(NULL, 2 * page + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return map == MAP_FAILED ? -1 : ring_new(fd, RING, &ring);
}

static int tear_down(void **state)
{
	(void)state;
	ring_free(ring);
	munmap(map, 2 * page + RING);
	return close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(test_round_and_round),
		T(test_not_given_back_unasked),
		T(test_busy_and_discarded),
		T(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
