// SPDX-License-Identifier: Apache-2.0
/* The consumer's side of the BPF ring buffer: see ring.h. */
#include "kernel/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

struct ring {
	uint64_t *consumer;	  /* page of our position, writable */
	const uint64_t *producer; /* page of the kernel's position, then the data */
	const uint8_t *data;
	size_t bytes;
	size_t page;
	uint64_t at;	/* read so far; consumer <= at <= producer */
	uint8_t *whole; /* a record that goes round the ring's end, in one piece */
	size_t whole_bytes;
};

int ring_new(int map_fd, size_t ring_bytes, struct ring **ret_ring)
{
	struct ring *r = calloc(1, sizeof(*r));
	void *map;
	int err;

	if (!r)
		return -ENOMEM;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->bytes = ring_bytes;
	map = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (map == MAP_FAILED)
		goto fail;
	r->consumer = map;
	map = mmap(NULL, r->page + ring_bytes, PROT_READ, MAP_SHARED, map_fd, (off_t)r->page);
	if (map == MAP_FAILED)
		goto fail;
	r->producer = map;
	r->data = (const uint8_t *)map + r->page;
	r->at = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	*ret_ring = r;
	return 0;
fail:
	err = -errno;
	ring_free(r);
	return err;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)(uintptr_t)r->producer, r->page + r->bytes);
	free(r->whole);
	free(r);
}

/*
 * The kernel maps the data twice in a row, so that records never wrap; but each page that is mapped twice
 * counts twice as resident, and only one record in some 30,000 goes round the end. NULL: no memory.
 */
static const uint8_t *in_one_piece(struct ring *r, const uint8_t *record, size_t size)
{
	size_t first = (size_t)(r->data + r->bytes - record);

	if (size <= first)
		return record;
	if (size > r->whole_bytes) {
		uint8_t *larger = realloc(r->whole, size);

		if (!larger)
			return NULL;
		r->whole = larger;
		r->whole_bytes = size;
	}
	memcpy(r->whole, record, first);
	memcpy(r->whole + first, r->data, size - first);
	return r->whole;
}

long ring_read(struct ring *r, size_t max_records, ring_record_fn fn, void *ctx)
{
	uint64_t end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	long n = 0;

	while ((size_t)n < max_records && r->at < end) {
		const uint8_t *header = r->data + (r->at & (r->bytes - 1));
		uint32_t word = __atomic_load_n((const uint32_t *)(const void *)header, __ATOMIC_ACQUIRE);
		uint32_t size = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		uint64_t step = (size + BPF_RINGBUF_HDR_SZ + 7ull) / 8 * 8;
		const uint8_t *record;
		int stop;

		if (word & BPF_RINGBUF_BUSY_BIT)
			break; /* reserved, not yet filled: nothing behind it may be read before it */
		if (step > r->bytes || step > end - r->at)
			return -EBADMSG;
		if (word & BPF_RINGBUF_DISCARD_BIT) {
			r->at += step;
			continue;
		}
		record = in_one_piece(r, header + BPF_RINGBUF_HDR_SZ, size);
		if (!record)
			return -ENOMEM;
		r->at += step;
		n++;
		stop = fn(ctx, record, size);
		if (stop)
			return stop;
	}
	return n;
}

uint64_t ring_position(const struct ring *r)
{
	return r->at;
}

void ring_release(struct ring *r, uint64_t position)
{
	__atomic_store_n(r->consumer, position, __ATOMIC_RELEASE);
}

uint64_t ring_used(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(r->consumer, __ATOMIC_RELAXED);
}

bool ring_is_drained(const struct ring *r)
{
	return r->at >= __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
}
