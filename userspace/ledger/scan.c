// SPDX-License-Identifier: Apache-2.0
/* Reading segments and slots: see scan.h. */
#include "ledger/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/io.h"

#define WINDOW_BYTES (1U << 20)

int segment_scan_open(struct segment_scan *s, int dir_fd, uint64_t number)
{
	uint8_t header[SEGMENT_HEADER_SIZE];
	char name[SEGMENT_NAME_SIZE];
	long n;

	*s = (struct segment_scan){.number = number, .offset = SEGMENT_HEADER_SIZE};
	segment_name(number, name);
	s->fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd < 0)
		return -errno;
	n = ledger_read_at(s->fd, header, sizeof(header), 0);
	if (n < 0) {
		segment_scan_close(s);
		return (int)n;
	}
	return n == sizeof(header) ? segment_header_check(header, number) : -EBADMSG;
}

void segment_scan_close(struct segment_scan *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->window);
	*s = (struct segment_scan){.fd = -1};
}

/* Makes the window hold n bytes at offset; fewer only at the end of the file. Bytes there, or -errno. */
static long window_fill(struct segment_scan *s, uint64_t offset, size_t n)
{
	long got;

	if (offset >= s->window_at && offset + n <= s->window_at + s->window_len)
		return (long)n;
	if (n > s->window_cap) {
		size_t cap = n > WINDOW_BYTES ? n : WINDOW_BYTES;
		uint8_t *window = realloc(s->window, cap);

		if (!window)
			return -ENOMEM;
		s->window = window;
		s->window_cap = cap;
	}
	got = ledger_read_at(s->fd, s->window, s->window_cap, offset);
	s->window_at = offset;
	s->window_len = got < 0 ? 0 : (size_t)got;
	return got < 0 ? got : (size_t)got < n ? got : (long)n;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

int segment_scan_next(struct segment_scan *s, struct batch *ret_batch, const uint8_t **ret_payload)
{
	struct batch b;
	size_t size;
	long got = window_fill(s, s->offset, BATCH_HEADER_SIZE);
	int err;

	if (got < 0)
		return (int)got;
	if ((size_t)got < BATCH_HEADER_SIZE)
		return all_zero(s->window, (size_t)got) ? -ENODATA : -EBADMSG;
	err = batch_header_parse(s->window + (s->offset - s->window_at), &b);
	if (err)
		return err;
	size = BATCH_HEADER_SIZE + batch_payload_size(&b);
	got = window_fill(s, s->offset, size);
	if (got < 0)
		return (int)got;
	if ((size_t)got < size)
		return -EBADMSG;
	*ret_batch = b;
	*ret_payload = s->window + (s->offset - s->window_at) + BATCH_HEADER_SIZE;
	s->offset += size;
	return 0;
}

int segment_scan_seek(struct segment_scan *s, uint64_t index)
{
	for (;;) {
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch b;
		long got = ledger_read_at(s->fd, header, sizeof(header), s->offset);
		int err;

		if (got < 0)
			return (int)got;
		if (got < (long)sizeof(header))
			return -ENODATA;
		err = batch_header_parse(header, &b);
		if (err || index < b.first + b.count)
			return err;
		s->offset += BATCH_HEADER_SIZE + batch_payload_size(&b);
	}
}

/* The place after the last byte of the file behind `at` that is not zero, or `at`. 0 or -errno. */
static int last_byte(struct segment_scan *s, uint64_t at, uint64_t *ret_end)
{
	uint64_t end = at;

	for (;;) {
		long got;

		s->window_len = 0;
		got = window_fill(s, at, WINDOW_BYTES);
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		if (!all_zero(s->window, (size_t)got)) {
			long i = got;

			while (s->window[i - 1] == 0)
				i--;
			end = at + (uint64_t)i;
		}
		at += (uint64_t)got;
	}
	*ret_end = end;
	return 0;
}

int segment_scan_rest(struct segment_scan *s, uint64_t *ret_end, uint64_t *ret_entries)
{
	uint64_t at = s->offset, entries = 0;
	struct batch b;

	while (window_fill(s, at, BATCH_HEADER_SIZE) == BATCH_HEADER_SIZE &&
	       batch_header_parse(s->window + (at - s->window_at), &b) == 0) {
		entries += b.count;
		at += BATCH_HEADER_SIZE + batch_payload_size(&b);
	}
	*ret_entries = entries;
	return last_byte(s, s->offset, ret_end);
}

long batch_leaves(const struct batch *b, const uint8_t *payload, struct tree_hash *leaves)
{
	const uint8_t *marks = payload + b->entry_bytes, *entry = NULL;
	uint32_t offset = 0;
	long bad = -1;

	for (uint32_t i = 0; i < b->count; i++) {
		long n = batch_entry_next(b, payload, &offset, &entry);

		if (n < 0)
			return bad < 0 ? (long)i : bad;
		tree_leaf(entry, (size_t)n, &leaves[i]);
		if (bad < 0 &&
		    memcmp(leaves[i].bytes, marks + (size_t)i * BATCH_MARK_SIZE, BATCH_MARK_SIZE) != 0)
			bad = (long)i;
	}
	if (bad < 0 && offset != b->entry_bytes)
		bad = (long)b->count - 1;
	return bad;
}

static void slots_judge(struct slot_set *set)
{
	set->newest = -1;
	set->untouched = true;
	set->damaged = false;
	for (int i = 0; i < (int)SLOT_COUNT; i++) {
		const struct slot *s = &set->slots[i];

		if (s->status == SLOT_GOOD &&
		    (set->newest < 0 || s->generation > set->slots[set->newest].generation))
			set->newest = i;
		set->untouched = set->untouched && s->status == SLOT_EMPTY;
	}
	for (int i = 0; i < (int)SLOT_COUNT; i++) {
		const struct slot *s = &set->slots[i];
		uint64_t newest = set->newest < 0 ? 0 : set->slots[set->newest].generation;

		if (s->status == SLOT_DAMAGED ||
		    (s->status == SLOT_BAD_STATE && s->generation + SLOT_COUNT - 1 != newest) ||
		    ((s->status == SLOT_GOOD || s->status == SLOT_BAD_STATE) &&
		     s->generation % SLOT_COUNT != (unsigned)i))
			set->damaged = true;
	}
}

int slots_read(int dir_fd, struct slot_set *ret_set)
{
	uint8_t *bytes;
	long n;
	int fd = openat(dir_fd, SLOTS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	bytes = malloc(SLOT_COUNT * SLOT_SIZE);
	n = bytes ? ledger_read_at(fd, bytes, SLOT_COUNT * SLOT_SIZE, 0) : -ENOMEM;
	close(fd);
	if (n == SLOT_COUNT * SLOT_SIZE) {
		for (unsigned i = 0; i < SLOT_COUNT; i++)
			slot_parse(bytes + (size_t)i * SLOT_SIZE, &ret_set->slots[i]);
		slots_judge(ret_set);
	}
	free(bytes);
	return n < 0 ? (int)n : n < (long)(SLOT_COUNT * SLOT_SIZE) ? -EBADMSG : 0;
}
