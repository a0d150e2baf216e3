// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes the ledger's parsers of what others wrote: notes, checkpoints, proof files, verifier keys, slots and
 * batches. The first byte chooses the parser. What parses must survive being written and parsed again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/checkpoint.h"
#include "ledger/scan.h"

#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_note(const char *text, size_t n)
{
	static const char vkey[] =
		"example.org/records+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
	struct note_verifier key;
	struct note note;

	CHECK(note_verifier_parse(vkey, &key) == 0);
	if (note_parse(text, n, &note) == 0) {
		CHECK(note.n > 0 && note.text_len < n && note.text[note.text_len - 1] == '\n');
		for (unsigned i = 0; i < note.n; i++)
			CHECK(note_name_valid(note.signatures[i].name, note.signatures[i].name_len));
	}
	(void)note_open(text, n, &key, 1, &note);
}

static void fuzz_checkpoint(const char *text, size_t n)
{
	struct checkpoint c, again;
	struct buf out = {0};

	if (checkpoint_parse(text, n, &c))
		return;
	checkpoint_format(c.origin, c.size, &c.root, &out);
	CHECK(out.len <= n && memcmp(out.data, text, out.len) == 0);
	CHECK(c.extensions > 0 || out.len == n);
	CHECK(checkpoint_parse(out.data, out.len, &again) == 0 && again.size == c.size);
	buf_free(&out);
}

static void fuzz_proof(const char *text, size_t n)
{
	struct tree_hash leaf = {{0}}, root = {{1}};
	struct tlog_proof p;
	struct buf out = {0};

	if (tlog_proof_parse(text, n, &p))
		return;
	tlog_proof_format(p.index, &p.path, p.note, p.note_len, &out);
	CHECK(out.len <= n && memcmp(out.data + out.len - p.note_len, p.note, p.note_len) == 0);
	(void)tree_verify_inclusion(&p.path, p.index, p.index + 1 + n, &leaf, &root);
	(void)tree_verify_consistency(&p.path, p.index, p.index + n, &leaf, &root);
	buf_free(&out);
}

static void fuzz_vkey(const char *text, size_t n)
{
	char *copy = malloc(n + 1);
	struct note_verifier v;
	struct buf out = {0};

	CHECK(copy);
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (note_verifier_parse(copy, &v) == 0) {
		note_verifier_format(&v, &out);
		CHECK(strcmp(out.data, copy) == 0);
	}
	buf_free(&out);
	free(copy);
}

static void fuzz_slot(const uint8_t *data, size_t n)
{
	uint8_t bytes[SLOT_SIZE] = {0}, again[SLOT_SIZE];
	struct slot *slot = calloc(1, sizeof(*slot));

	CHECK(slot);
	memcpy(bytes, data, n < sizeof(bytes) ? n : sizeof(bytes));
	slot_parse(bytes, slot);
	CHECK(slot->status != SLOT_INVALID);
	if (slot->status == SLOT_GOOD) {
		slot_write(slot, again);
		slot_parse(again, slot);
		CHECK(slot->status == SLOT_GOOD);
	}
	free(slot);
}

/* The fuzzer cannot guess CRCs: the header is made from its numbers, and the rest is its payload. */
static void fuzz_batch(const uint8_t *data, size_t n)
{
	struct batch b = {.first = 7}, parsed;
	const uint8_t *entry;
	struct tree_hash *leaves;
	uint32_t offset = 0;
	uint8_t *bytes;

	if (n < 2)
		return;
	b.count = data[0] + 1U;
	b.entry_bytes = data[1] * 8U;
	data += 2;
	n -= 2;
	bytes = calloc(1, BATCH_HEADER_SIZE + batch_payload_size(&b));
	leaves = calloc(b.count, sizeof(*leaves));
	CHECK(bytes && leaves);
	memcpy(bytes + BATCH_HEADER_SIZE, data, n < batch_payload_size(&b) ? n : batch_payload_size(&b));
	batch_header_write(&b, bytes);
	if (batch_header_parse(bytes, &parsed) == 0) {
		CHECK(memcmp(&b.first, &parsed.first, 8) == 0 && parsed.count == b.count);
		CHECK(batch_payload_good(&parsed, bytes + BATCH_HEADER_SIZE));
		while (batch_entry_next(&parsed, bytes + BATCH_HEADER_SIZE, &offset, &entry) >= 0)
			CHECK(offset <= parsed.entry_bytes);
		(void)batch_leaves(&parsed, bytes + BATCH_HEADER_SIZE, leaves);
	}
	free(leaves);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] % 6) {
	case 0:
		fuzz_note((const char *)data + 1, size - 1);
		break;
	case 1:
		fuzz_checkpoint((const char *)data + 1, size - 1);
		break;
	case 2:
		fuzz_proof((const char *)data + 1, size - 1);
		break;
	case 3:
		fuzz_vkey((const char *)data + 1, size - 1);
		break;
	case 4:
		fuzz_slot(data + 1, size - 1);
		break;
	default:
		fuzz_batch(data + 1, size - 1);
		break;
	}
	return 0;
}
