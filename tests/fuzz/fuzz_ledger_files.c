// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes reading a whole ledger that somebody altered. The input is a list of edits (file, two bytes of
 * place, byte) to the files of a good ledger; where its first byte is odd, batch headers get the CRC that
 * fits them again, as a careful forger would do.
 *
 * Whatever the edits: the verifier must come to an end, and be silent only where no covered entry differs;
 * opening must succeed or say -EBADMSG (or that the checkpoint is not signed), and never take over an altered
 * covered entry.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/file.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "ledger/verify.h"

#define ENTRIES 24
#define COVERED 18
#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)

static char dir[64];
static struct note_signer *signer;
static struct buf segment, slots; /* as they were */
static size_t segment_used;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static int sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	return note_sign(ctx, text, n, signatures);
}

static void path_of(const char *name, char path[128])
{
	snprintf(path, 128, "%s/ledger/%s", dir, name);
}

static int open_ledger(struct ledger **ret_ledger, struct ledger_recovery *rec)
{
	char path[128];
	const struct ledger_options o = {.origin = "example.org/f",
					 .sign = sign,
					 .sign_ctx = signer,
					 .verifier = note_signer_verifier(signer),
					 .reserve_bytes = 1,
					 .no_thread = true};

	path_of("", path);
	return ledger_open(path, &o, ret_ledger, rec);
}

static void take(const char *name, struct buf *out)
{
	char path[128];

	path_of(name, path);
	CHECK(file_read(path, 1 << 24, out) == 0);
}

static void put(const char *name, const struct buf *bytes, size_t n)
{
	char path[128];
	int fd;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && file_write_all(fd, bytes->data, n) == 0);
	close(fd);
}

static void remove_files(void)
{
	char path[128];
	const struct dirent *e;
	DIR *d;

	path_of("", path);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		path_of(e->d_name, path);
		unlink(path);
	}
	if (d)
		closedir(d);
	path_of("", path);
	rmdir(path);
	rmdir(dir);
}

/* 18 entries in three batches under checkpoints, then 6 that no checkpoint covers. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct ledger_recovery rec;
	struct ledger *l = NULL;

	(void)argc;
	(void)argv;
	strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/muniment-fuzz.XXXXXX" : "/dev/shm/muniment-fuzz.XXXXXX");
	CHECK(mkdtemp(dir));
	CHECK(atexit(remove_files) == 0);
	CHECK(note_signer_generate("example.org/f", &signer) == 0);
	CHECK(open_ledger(&l, &rec) == 0);
	for (int i = 0; i < ENTRIES; i++) {
		char entry[64];

		if (i == COVERED)
			take(SLOTS_FILE, &slots);
		CHECK(ledger_append(l, entry, (size_t)snprintf(entry, sizeof(entry), "{\"entry\":%d}", i),
				    NULL) == 0);
		if (i % 6 == 5)
			CHECK(ledger_flush(l, NULL, 0) == 0);
	}
	ledger_close(l);
	take("segment-0000000000", &segment);
	for (size_t i = 0; i < segment.len; i++)
		segment_used = segment.data[i] ? i + 1 : segment_used;
	return 0;
}

/* Gives batch headers the CRCs that fit them. */
static void mend(uint8_t *bytes, size_t n)
{
	for (size_t at = SEGMENT_HEADER_SIZE; at + BATCH_HEADER_SIZE <= n;) {
		uint64_t size = BATCH_HEADER_SIZE + get_be(bytes + at + 20, 4) +
				get_be(bytes + at + 16, 4) * BATCH_MARK_SIZE;

		if (size <= n - at)
			put_be(bytes + at + 24,
			       crc32_z(0, bytes + at + BATCH_HEADER_SIZE, size - BATCH_HEADER_SIZE), 4);
		put_be(bytes + at + 28, crc32_z(0, bytes + at, 28), 4);
		if (size > n - at)
			break;
		at += size;
	}
}

static void found(void *ctx, const struct verify_finding *f)
{
	CHECK(f->kind > VERIFY_INVALID && f->kind < VERIFY_KIND_END);
	++*(unsigned *)ctx;
}

/* Whether reading gives the covered entries as they were written, as far as it gives any. */
static void check_reader(bool silent)
{
	struct ledger_reader *r = NULL;
	const uint8_t *entry;
	char path[128], want[64];
	long n = 0;

	path_of("", path);
	if (ledger_reader_open(path, &r))
		return;
	for (int i = 0; i < ENTRIES && (n = ledger_reader_next(r, &entry)) >= 0; i++) {
		int len = snprintf(want, sizeof(want), "{\"entry\":%d}", i);

		if (silent)
			CHECK(n == len && memcmp(entry, want, (size_t)n) == 0);
	}
	ledger_reader_close(r);
}

static void check_verify(void)
{
	unsigned findings = 0;
	char path[128];
	struct verify_result *result = calloc(1, sizeof(*result));
	struct verify_options o = {
		.dir = path, .key = note_signer_verifier(signer), .found = found, .ctx = &findings};

	CHECK(result);
	path_of("", path);
	if (ledger_verify(&o, result) == 0) {
		CHECK(result->findings == findings);
		check_reader(findings == 0);
	}
	free(result);
}

static void check_open(void)
{
	struct ledger_recovery *rec = calloc(1, sizeof(*rec));
	struct ledger *l = NULL;
	int err;

	CHECK(rec);
	err = open_ledger(&l, rec);
	CHECK(err == 0 || err == -EBADMSG || err == -ENOKEY || err == -EKEYREJECTED);
	if (err == 0) {
		CHECK(ledger_size(l) == rec->covered + rec->kept_entries);
		CHECK(ledger_flush(l, "x", 1) == 0);
		ledger_close(l);
	}
	free(rec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf new_segment = {0}, new_slots = {0};
	size_t length = segment_used + 200;

	if (size < 1)
		return 0;
	buf_add(&new_segment, segment.data, length);
	buf_add(&new_slots, slots.data, slots.len);
	for (size_t i = 1; i + 4 <= size && i < 200; i += 4) {
		struct buf *b = data[i] & 1 ? &new_slots : &new_segment;

		b->data[get_be(data + i + 1, 2) % b->len] ^= (char)data[i + 3];
	}
	if (data[0] & 1)
		mend((uint8_t *)new_segment.data, new_segment.len);
	put("segment-0000000000", &new_segment, data[0] & 2 ? length / 2 : length);
	put(SLOTS_FILE, &new_slots, new_slots.len);
	check_verify();
	if (data[0] & 4)
		check_open();
	buf_free(&new_segment);
	buf_free(&new_slots);
	return 0;
}
