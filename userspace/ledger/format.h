/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's bytes on disk. All numbers are big-endian and written field by field; CRCs are CRC-32
 * (zlib's).
 *
 *	DIR/slots               the newest checkpoints
 *	DIR/roots               one 32-byte subtree root for each full segment: derived, made anew when lost
 *	DIR/segment-NNNNNNNNNN  entries [N * 65,536, (N + 1) * 65,536)
 *
 * Segment: a header of 64 bytes, then batches one after another, then zeroes up to what was reserved.
 *
 *	0  magic "MUNSEG" 0 1   8  number u64   16  first index u64   24  entries u32 (65,536)   28  zero
 *	32 made, ms since 1970, u64   40  zero   60  CRC of bytes 0..59
 *
 * Batch: a header of 32 bytes, the entries as in a tlog-tiles bundle (u16 length, bytes), then for each entry
 * the first 8 bytes of its leaf hash. These marks secure nothing (the tree does); they let a verifier name
 * the very entry that was altered. A batch lies within one segment, and a checkpoint covers whole batches.
 *
 *	0  magic "MUNB"   4  version u16 (1)   6  zero u16   8  first index u64   16  count u32
 *	20 bytes of the entries with their lengths, u32   24  CRC of all after the header
 *	28  CRC of bytes 0..27
 *
 * Slots: four of 8,192 bytes; generation g stands in slot g % 4. The first page holds the note, the second
 * the opaque state of the daemon that belongs to it. Each is written by one call, second page first: a killed
 * process leaves every page whole (the kernel does not stop inside a page), so only the oldest slot can have
 * pages that do not match.
 *
 *	0  magic "MUNSLOT" 1   8  generation u64   16  entries covered u64   24  note length u32
 *	28 state length u32   32  CRC of the second page   36  zero   60  CRC of the first page without these
 *	4 bytes   64  the signed note
 */
#ifndef MUNIMENT_LEDGER_FORMAT_H
#define MUNIMENT_LEDGER_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_ENTRIES_LOG2 16
#define SEGMENT_ENTRIES	     65536U
#define SEGMENT_HEADER_SIZE  64U
#define BATCH_HEADER_SIZE    32U
#define BATCH_MARK_SIZE	     8U
#define BATCH_BYTES_MAX	     (4U << 20) /* of one batch's entries; the writer starts a new batch much earlier */
#define ENTRY_MAX	     65535U
#define SLOT_COUNT	     4U
#define SLOT_PAGE	     4096U
#define SLOT_SIZE	     (2 * SLOT_PAGE)
#define SLOT_HEADER_SIZE     64U
#define SLOT_NOTE_MAX	     (SLOT_PAGE - SLOT_HEADER_SIZE)
#define SLOT_STATE_MAX	     SLOT_PAGE
#define SEGMENT_NAME_SIZE    32

struct batch {
	uint64_t first;
	uint32_t count;
	uint32_t entry_bytes;
	uint32_t payload_crc;
};

enum slot_status {
	SLOT_INVALID = 0,
	SLOT_EMPTY, /* all zeroes: never written */
	SLOT_GOOD,
	SLOT_BAD_STATE, /* the first page is whole, the second is not its own */
	SLOT_DAMAGED,
};

struct slot {
	enum slot_status status;
	uint64_t generation;
	uint64_t size; /* entries covered */
	uint32_t note_len;
	uint32_t state_len;
	char note[SLOT_NOTE_MAX];
	uint8_t state[SLOT_STATE_MAX];
};

static inline uint32_t batch_payload_size(const struct batch *b)
{
	return b->entry_bytes + b->count * BATCH_MARK_SIZE;
}

/* name holds SEGMENT_NAME_SIZE bytes. segment_name_parse: -EINVAL when it is no segment's name. */
void segment_name(uint64_t number, char *name);
int segment_name_parse(const char *name, uint64_t *ret_number);

void segment_header_write(uint64_t number, uint64_t made_ms, uint8_t out[SEGMENT_HEADER_SIZE]);
/* -EBADMSG when it is not the whole header of this segment. */
int segment_header_check(const uint8_t *in, uint64_t number);

/* out holds header and payload; computes both CRCs over what already stands behind the header. */
void batch_header_write(const struct batch *b, uint8_t *out);
/* 0; -ENODATA for zeroes (nothing was written here); -EBADMSG for anything but a whole header within all
 * limits. */
int batch_header_parse(const uint8_t in[BATCH_HEADER_SIZE], struct batch *ret_batch);
/* Whether the payload fits the header's CRC. */
bool batch_payload_good(const struct batch *b, const uint8_t *payload);

/*
 * Steps through the entries of a payload: *offset begins at 0. Returns the entry's length and sets
 * *ret_entry, -ENODATA after the last byte, -EBADMSG when a length leads out of the entries.
 */
long batch_entry_next(const struct batch *b, const uint8_t *payload, uint32_t *offset,
		      const uint8_t **ret_entry);

/* slot->status is ignored; out is the whole slot. */
void slot_write(const struct slot *slot, uint8_t out[SLOT_SIZE]);
/* Sets slot->status; the other fields count only in a good one, and all but state in SLOT_BAD_STATE. */
void slot_parse(const uint8_t in[SLOT_SIZE], struct slot *slot);

static inline void put_be(uint8_t *out, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static inline uint64_t get_be(const uint8_t *in, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | in[i];
	return v;
}

#endif
