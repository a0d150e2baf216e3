// SPDX-License-Identifier: Apache-2.0
/* Segments, batches and slots as bytes: see format.h for the layout. No file is touched here. */
#include "ledger/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#define SEGMENT_MAGIC  "MUNSEG\0\1"
#define SLOT_MAGIC     "MUNSLOT\1"
#define BATCH_MAGIC    "MUNB"
#define BATCH_VERSION  1
#define SEGMENT_PREFIX "segment-"
#define SEGMENT_DIGITS 10

static uint32_t crc(const void *bytes, size_t n)
{
	return (uint32_t)crc32_z(0, bytes, n);
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

void segment_name(uint64_t number, char *name)
{
	snprintf(name, SEGMENT_NAME_SIZE, SEGMENT_PREFIX "%0*llu", SEGMENT_DIGITS,
		 (unsigned long long)number);
}

int segment_name_parse(const char *name, uint64_t *ret_number)
{
	size_t prefix = strlen(SEGMENT_PREFIX);
	uint64_t v = 0;

	if (strncmp(name, SEGMENT_PREFIX, prefix) != 0 || strlen(name) != prefix + SEGMENT_DIGITS)
		return -EINVAL;
	for (const char *c = name + prefix; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		v = 10 * v + (uint64_t)(*c - '0');
	}
	*ret_number = v;
	return 0;
}

void segment_header_write(uint64_t number, uint64_t made_ms, uint8_t out[SEGMENT_HEADER_SIZE])
{
	memset(out, 0, SEGMENT_HEADER_SIZE);
	memcpy(out, SEGMENT_MAGIC, 8);
	put_be(out + 8, number, 8);
	put_be(out + 16, number << SEGMENT_ENTRIES_LOG2, 8);
	put_be(out + 24, SEGMENT_ENTRIES, 4);
	put_be(out + 32, made_ms, 8);
	put_be(out + 60, crc(out, 60), 4);
}

int segment_header_check(const uint8_t *in, uint64_t number)
{
	bool good = memcmp(in, SEGMENT_MAGIC, 8) == 0 && get_be(in + 60, 4) == crc(in, 60) &&
		    get_be(in + 8, 8) == number && get_be(in + 16, 8) == number << SEGMENT_ENTRIES_LOG2 &&
		    get_be(in + 24, 4) == SEGMENT_ENTRIES;

	return good ? 0 : -EBADMSG;
}

void batch_header_write(const struct batch *b, uint8_t *out)
{
	memcpy(out, BATCH_MAGIC, 4);
	put_be(out + 4, BATCH_VERSION, 2);
	put_be(out + 6, 0, 2);
	put_be(out + 8, b->first, 8);
	put_be(out + 16, b->count, 4);
	put_be(out + 20, b->entry_bytes, 4);
	put_be(out + 24, crc(out + BATCH_HEADER_SIZE, batch_payload_size(b)), 4);
	put_be(out + 28, crc(out, 28), 4);
}

int batch_header_parse(const uint8_t in[BATCH_HEADER_SIZE], struct batch *ret_batch)
{
	struct batch b = {
		.first = get_be(in + 8, 8),
		.count = (uint32_t)get_be(in + 16, 4),
		.entry_bytes = (uint32_t)get_be(in + 20, 4),
		.payload_crc = (uint32_t)get_be(in + 24, 4),
	};
	uint64_t last;

	if (all_zero(in, BATCH_HEADER_SIZE))
		return -ENODATA;
	if (memcmp(in, BATCH_MAGIC, 4) != 0 || get_be(in + 28, 4) != crc(in, 28) ||
	    get_be(in + 4, 2) != BATCH_VERSION || get_be(in + 6, 2) != 0)
		return -EBADMSG;
	if (b.count == 0 || b.count > SEGMENT_ENTRIES || b.entry_bytes > BATCH_BYTES_MAX ||
	    b.entry_bytes < 2 * b.count || b.first > UINT64_MAX - SEGMENT_ENTRIES)
		return -EBADMSG;
	last = b.first + b.count - 1;
	if (b.first >> SEGMENT_ENTRIES_LOG2 != last >> SEGMENT_ENTRIES_LOG2)
		return -EBADMSG;
	*ret_batch = b;
	return 0;
}

bool batch_payload_good(const struct batch *b, const uint8_t *payload)
{
	return crc(payload, batch_payload_size(b)) == b->payload_crc;
}

long batch_entry_next(const struct batch *b, const uint8_t *payload, uint32_t *offset,
		      const uint8_t **ret_entry)
{
	uint32_t left = b->entry_bytes - *offset, n;

	if (left == 0)
		return -ENODATA;
	if (left < 2)
		return -EBADMSG;
	n = (uint32_t)get_be(payload + *offset, 2);
	if (n > left - 2)
		return -EBADMSG;
	*ret_entry = payload + *offset + 2;
	*offset += 2 + n;
	return (long)n;
}

static uint32_t slot_crc(const uint8_t *page)
{
	uLong c = crc32_z(0, page, 60);

	return (uint32_t)crc32_z(c, page + SLOT_HEADER_SIZE, SLOT_PAGE - SLOT_HEADER_SIZE);
}

void slot_write(const struct slot *slot, uint8_t out[SLOT_SIZE])
{
	memset(out, 0, SLOT_SIZE);
	memcpy(out, SLOT_MAGIC, 8);
	put_be(out + 8, slot->generation, 8);
	put_be(out + 16, slot->size, 8);
	put_be(out + 24, slot->note_len, 4);
	put_be(out + 28, slot->state_len, 4);
	memcpy(out + SLOT_HEADER_SIZE, slot->note, slot->note_len);
	memcpy(out + SLOT_PAGE, slot->state, slot->state_len);
	put_be(out + 32, crc(out + SLOT_PAGE, SLOT_PAGE), 4);
	put_be(out + 60, slot_crc(out), 4);
}

void slot_parse(const uint8_t in[SLOT_SIZE], struct slot *slot)
{
	uint64_t note_len = get_be(in + 24, 4), state_len = get_be(in + 28, 4);

	slot->status = SLOT_DAMAGED;
	/* The second page of a slot's first use is written before its first page: that leaves the slot empty.
	 */
	if (all_zero(in, SLOT_PAGE)) {
		slot->status = SLOT_EMPTY;
		return;
	}
	if (memcmp(in, SLOT_MAGIC, 8) != 0 || get_be(in + 60, 4) != slot_crc(in) ||
	    note_len > SLOT_NOTE_MAX || state_len > SLOT_STATE_MAX)
		return;
	slot->status = SLOT_BAD_STATE;
	slot->generation = get_be(in + 8, 8);
	slot->size = get_be(in + 16, 8);
	slot->note_len = (uint32_t)note_len;
	memcpy(slot->note, in + SLOT_HEADER_SIZE, note_len);
	if (get_be(in + 32, 4) != crc(in + SLOT_PAGE, SLOT_PAGE))
		return;
	slot->state_len = (uint32_t)state_len;
	memcpy(slot->state, in + SLOT_PAGE, state_len);
	slot->status = SLOT_GOOD;
}
