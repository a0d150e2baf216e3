/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger's tests share: a key, a directory of their own, entries that can be told apart, files as
 * bytes. */
#ifndef TEST_LEDGER_FIXTURE_H
#define TEST_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "ledger/verify.h"

#define ORIGIN "example.org/records"

/* A fixed key (its seed is 0, 1, 2 … 31), so that a failing test can be repeated byte by byte. */
static const char fixture_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
				  "-----END PRIVATE KEY-----\n";

/* In memory where that can be had: these tests open ledgers by the thousand, each with its fsyncs. */
static char fixture_root[64];
static char fixture_dir[128];
static struct note_signer *fixture_signer;

static inline int fixture_remove(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct buf below = {0};

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		buf_printf(&below, "%s/%s", path, e->d_name);
		if (unlink(below.data))
			fixture_remove(below.data);
		buf_free(&below);
	}
	if (dir)
		closedir(dir);
	return rmdir(path);
}

static inline void fixture_path(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", fixture_dir, name);
}

static inline int fixture_begin(void **state)
{
	char path[160];

	(void)state;
	strcpy(fixture_root,
	       access("/dev/shm", W_OK) ? "/tmp/muniment-ledger.XXXXXX" : "/dev/shm/muniment-ledger.XXXXXX");
	assert_non_null(mkdtemp(fixture_root));
	snprintf(fixture_dir, sizeof(fixture_dir), "%s/ledger", fixture_root);
	snprintf(path, sizeof(path), "%s/key.pem", fixture_root);
	assert_int_equal(file_replace(path, fixture_pem, strlen(fixture_pem), 0600), 0);
	assert_int_equal(note_signer_read(path, ORIGIN, &fixture_signer), 0);
	return 0;
}

static inline int fixture_end(void **state)
{
	(void)state;
	note_signer_free(fixture_signer);
	fixture_signer = NULL;
	fixture_remove(fixture_root);
	return 0;
}

static inline int fixture_sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	(void)ctx;
	return note_sign(fixture_signer, text, n, signatures);
}

static inline struct ledger_options fixture_options(void)
{
	return (struct ledger_options){
		.origin = ORIGIN,
		.sign = fixture_sign,
		.verifier = note_signer_verifier(fixture_signer),
		.reserve_bytes = 1, /* the least: small files make quick tests */
		.no_thread = true,
	};
}

/* Entry `index`: its number and a tail whose length depends on it. Returns the length. */
static inline size_t fixture_entry(uint64_t index, char *entry)
{
	size_t n = (size_t)sprintf(entry, "{\"index\":%llu,\"pad\":\"", (unsigned long long)index);
	size_t pad = index * 7 % 41;

	memset(entry + n, 'a' + (int)(index % 26), pad);
	memcpy(entry + n + pad, "\"}", 3);
	return n + pad + 2;
}

static inline void fixture_append(struct ledger *l, uint64_t count)
{
	char entry[256];

	for (uint64_t i = 0; i < count; i++) {
		size_t n = fixture_entry(ledger_size(l), entry);
		int err = ledger_append(l, entry, n, NULL);

		if (err == -EAGAIN) {
			assert_int_equal(ledger_flush(l, NULL, 0), 0);
			err = ledger_append(l, entry, n, NULL);
		}
		assert_int_equal(err, 0);
	}
}

static inline struct ledger *fixture_open(struct ledger_recovery *rec)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery unused;
	struct ledger *l = NULL;
	int err = ledger_open(fixture_dir, &o, &l, rec ? rec : &unused);

	if (err)
		print_message("ledger_open: %s\n", strerror(-err));
	assert_int_equal(err, 0);
	return l;
}

/* A ledger with batches of these sizes, each under a checkpoint of its own. */
static inline void fixture_make(const unsigned *batches, unsigned n)
{
	struct ledger *l = fixture_open(NULL);

	for (unsigned i = 0; i < n; i++) {
		fixture_append(l, batches[i]);
		assert_int_equal(ledger_flush(l, NULL, 0), 0);
	}
	ledger_close(l);
}

static inline void fixture_read(const char *name, struct buf *out)
{
	char path[192];

	fixture_path(name, path, sizeof(path));
	buf_reset(out);
	assert_int_equal(file_read(path, 1U << 30, out), 0);
}

/* Overwrites in place, keeping the length. */
static inline void fixture_poke(const char *name, uint64_t offset, const void *bytes, size_t n)
{
	char path[192];
	int fd;

	fixture_path(name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, (off_t)offset), (ssize_t)n);
	close(fd);
}

static inline void fixture_write(const char *name, const void *bytes, size_t n)
{
	char path[192];

	fixture_path(name, path, sizeof(path));
	assert_int_equal(file_replace(path, bytes, n, 0600), 0);
}

static inline void fixture_flip(const char *name, const struct buf *original, uint64_t offset)
{
	uint8_t byte = (uint8_t) ~(uint8_t)original->data[offset];

	fixture_poke(name, offset, &byte, 1);
}

/* Findings of one verification, by kind. */
struct fixture_findings {
	unsigned by_kind[VERIFY_KIND_END];
	struct verify_finding first;
	unsigned total;
};

static inline void fixture_found(void *ctx, const struct verify_finding *f)
{
	struct fixture_findings *all = ctx;

	all->by_kind[f->kind]++;
	if (all->total++ == 0)
		all->first = *f;
}

static inline int fixture_verify(struct fixture_findings *ret_findings, struct verify_result *ret_result,
				 const char *since)
{
	struct verify_options o = {
		.dir = fixture_dir,
		.key = note_signer_verifier(fixture_signer),
		.since = since,
		.since_len = since ? strlen(since) : 0,
		.found = fixture_found,
		.ctx = ret_findings,
	};

	memset(ret_findings, 0, sizeof(*ret_findings));
	return ledger_verify(&o, ret_result);
}

static inline void fixture_assert_good(uint64_t size)
{
	struct fixture_findings found;
	struct verify_result result;

	assert_int_equal(fixture_verify(&found, &result, NULL), 0);
	if (found.total)
		print_message("finding: %s\n", found.first.text);
	assert_int_equal(found.total, 0);
	assert_int_equal(result.checkpoint.size, size);
}

/* Reads everything back and compares it with what fixture_append wrote. */
static inline void fixture_assert_entries(uint64_t size)
{
	struct ledger_reader *r = NULL;
	const uint8_t *entry;
	char want[256];
	long n;

	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	assert_int_equal(ledger_reader_size(r), size);
	for (uint64_t i = 0; i < size; i++) {
		n = ledger_reader_next(r, &entry);
		assert_int_equal(n, fixture_entry(i, want));
		assert_memory_equal(entry, want, (size_t)n);
	}
	assert_int_equal(ledger_reader_next(r, &entry), -ENODATA);
	/* Backwards, by index. */
	for (uint64_t i = size; i > 0; i -= i > 97 ? 97 : i) {
		ledger_reader_seek(r, i - 1);
		n = ledger_reader_next(r, &entry);
		assert_int_equal(n, fixture_entry(i - 1, want));
		assert_memory_equal(entry, want, (size_t)n);
	}
	ledger_reader_close(r);
}

#endif
