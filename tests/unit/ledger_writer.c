// SPDX-License-Identifier: Apache-2.0
/* The ledger's writer in good days and bad: what is appended is read back and verifies; a full disk, a signer
 * or a disk that fails. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "ledger/reader.h"
#include "ledger_fixture.h"

static void test_new_ledger(void **state)
{
	struct ledger_recovery rec;
	struct ledger *l = fixture_open(&rec);

	(void)state;
	assert_true(rec.created);
	assert_int_equal(ledger_size(l), 0);
	ledger_close(l);
	fixture_assert_good(0);
	l = fixture_open(&rec);
	assert_false(rec.created);
	assert_int_equal(rec.generation, 1);
	assert_int_equal(rec.cut_bytes, 0);
	ledger_close(l);
}

static void test_append_commit_reopen(void **state)
{
	static const unsigned sizes[] = {1, 2, 5, 100, 1000, 3};
	uint64_t size = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ledger_recovery rec;
		struct ledger *l = fixture_open(&rec);

		assert_int_equal(rec.covered, size);
		assert_int_equal(rec.kept_entries, 0);
		assert_int_equal(rec.cut_bytes, 0);
		fixture_append(l, sizes[i]);
		size += sizes[i];
		assert_int_equal(ledger_size(l), size);
		assert_true(ledger_pending(l) > 0);
		assert_int_equal(ledger_flush(l, NULL, 0), 0);
		assert_int_equal(ledger_committed(l), size);
		assert_int_equal(ledger_pending(l), 0);
		ledger_close(l);
		fixture_assert_good(size);
		fixture_assert_entries(size);
	}
}

static void test_segments_roll(void **state)
{
	struct ledger_recovery rec;
	struct ledger *l = fixture_open(NULL);
	char path[192];
	struct stat st;

	(void)state;
	fixture_append(l, 65535);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	fixture_append(l, 1); /* exactly full */
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(65536);
	fixture_path("segment-0000000000", path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	l = fixture_open(&rec);
	assert_int_equal(rec.covered, 65536);
	fixture_append(l, 70000); /* over the next border in one commit */
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(135536);
	fixture_assert_entries(135536);
	l = fixture_open(&rec);
	assert_int_equal(rec.covered, 135536);
	assert_false(rec.roots_rebuilt);
	ledger_close(l);
}

static void test_state_goes_with_its_entries(void **state)
{
	uint8_t blob[SLOT_STATE_MAX];
	struct ledger_recovery rec;
	struct ledger *l = fixture_open(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (uint8_t)(i * 31);
	fixture_append(l, 3);
	assert_int_equal(ledger_flush(l, "three", 5), 0);
	fixture_append(l, 1);
	assert_int_equal(ledger_flush(l, blob, sizeof(blob)), 0);
	assert_int_equal(ledger_commit(l, blob, sizeof(blob) + 1), -EMSGSIZE);
	ledger_close(l);
	l = fixture_open(&rec);
	assert_int_equal(rec.state_len, sizeof(blob));
	assert_memory_equal(rec.state, blob, sizeof(blob));
	/* State alone is worth a checkpoint. */
	assert_int_equal(ledger_flush(l, "now", 3), 0);
	ledger_close(l);
	l = fixture_open(&rec);
	assert_int_equal(rec.covered, 4);
	assert_int_equal(rec.state_len, 3);
	assert_memory_equal(rec.state, "now", 3);
	ledger_close(l);
}

static void test_entry_sizes(void **state)
{
	struct ledger *l = fixture_open(NULL);
	static char big[ENTRY_MAX + 1];
	uint64_t index = 99;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(ledger_append(l, big, 0, &index), -EMSGSIZE);
	assert_int_equal(ledger_append(l, big, sizeof(big), &index), -EMSGSIZE);
	assert_int_equal(index, 99);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(ledger_append(l, big, ENTRY_MAX, &index), 0);
		assert_int_equal(index, 2 * i);
		assert_int_equal(ledger_append(l, big, 1, NULL), 0);
	}
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(80);
}

static void test_one_writer(void **state)
{
	struct ledger_options o = fixture_options();
	struct ledger *l = fixture_open(NULL), *second = NULL;
	struct ledger_recovery rec;

	(void)state;
	assert_int_equal(ledger_open(fixture_dir, &o, &second, &rec), -EBUSY);
	assert_null(second);
	ledger_close(l);
	l = fixture_open(NULL);
	ledger_close(l);
}

static void test_nonces(void **state)
{
	enum { COUNT = 70000 };
	struct ledger *l = fixture_open(NULL);
	char(*all)[LEDGER_NONCE_SIZE] = calloc(COUNT, sizeof(*all));

	(void)state;
	assert_non_null(all);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(ledger_nonce(l, all[i]), 0);
		assert_int_equal(
			strspn(all[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
			22);
	}
	qsort(all, COUNT, sizeof(*all), (int (*)(const void *, const void *))strcmp);
	for (size_t i = 1; i < COUNT; i++)
		assert_string_not_equal(all[i - 1], all[i]);
	free(all);
	ledger_close(l);
}

/* --- bad days --- */

static int sign_error;

static int failing_sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	return sign_error ? sign_error : fixture_sign(ctx, text, n, signatures);
}

static void test_signer_fails(void **state)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;

	(void)state;
	o.sign = failing_sign;
	sign_error = -EPIPE;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), -EPIPE);
	sign_error = 0;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	fixture_append(l, 10);
	sign_error = -EPIPE;
	assert_int_equal(ledger_commit(l, NULL, 0), -EPIPE);
	assert_int_equal(ledger_committed(l), 0);
	/* Entries are taken all the same, and the signer's -EIO is not the disk's. */
	fixture_append(l, 70000);
	sign_error = -EIO;
	assert_int_equal(ledger_commit(l, NULL, 0), -EKEYREJECTED);
	sign_error = 0;
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	assert_int_equal(ledger_committed(l), 70010);
	ledger_close(l);
	fixture_assert_good(70010);
}

static struct ledger_io broken_io;
static int break_sync;

static int broken_sync(void *ctx, int fd)
{
	if (break_sync) {
		break_sync--;
		return -EIO;
	}
	return ledger_io_system.sync(ctx, fd);
}

static void test_failed_sync_is_final(void **state)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;

	(void)state;
	broken_io = ledger_io_system;
	broken_io.sync = broken_sync;
	o.io = &broken_io;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	fixture_append(l, 5);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	fixture_append(l, 5);
	break_sync = 1;
	assert_int_equal(ledger_commit(l, NULL, 0), -EIO);
	/* The next fdatasync would succeed; it must not be asked. */
	assert_int_equal(ledger_commit(l, NULL, 0), -EIO);
	assert_int_equal(ledger_append(l, "x", 1, NULL), -EIO);
	assert_int_equal(ledger_poll(l), -EIO);
	assert_int_equal(ledger_committed(l), 5);
	ledger_close(l);
	fixture_assert_good(5);
	l = fixture_open(&rec);
	assert_int_equal(rec.covered, 5);
	assert_int_equal(rec.kept_entries, 5); /* they did reach the file */
	ledger_close(l);
}

/* Lets files grow to `bytes` from here on. */
static void limit_files(uint64_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_full_disk(void **state)
{
	struct ledger_recovery rec;
	struct ledger *l;
	static char entry[1000];
	uint64_t index = 0, taken;
	int err;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	l = fixture_open(NULL);
	memset(entry, 'e', sizeof(entry));
	limit_files(300000);
	while ((err = ledger_append(l, entry, sizeof(entry), &index)) == 0)
		if (index % 10 == 9)
			assert_int_equal(ledger_flush(l, NULL, 0), 0);
	assert_int_equal(err, -ENOSPC);
	taken = ledger_size(l);
	assert_true(taken > 50);
	/* Closing words go in, and are signed, as long as they are few. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(ledger_append_closing(l, entry, sizeof(entry), NULL), 0);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	assert_int_equal(ledger_committed(l), taken + 20);
	assert_int_equal(ledger_append(l, entry, sizeof(entry), NULL), -ENOSPC);
	while ((err = ledger_append_closing(l, entry, sizeof(entry), NULL)) == 0)
		;
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	taken = ledger_size(l);
	ledger_close(l);
	fixture_assert_good(taken);
	/* A full disk does not keep the daemon from starting. */
	l = fixture_open(&rec);
	assert_int_equal(rec.covered, taken);
	limit_files(0);
	assert_int_equal(ledger_append(l, entry, sizeof(entry), NULL), 0);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(taken + 1);
}

/* The same on a real file system that is full, segments rolling before; needs to mount one. */
static void test_full_tmpfs(void **state)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	char entry[256];
	uint64_t taken;
	int err;

	(void)state;
	assert_int_equal(mkdir(fixture_dir, 0700), 0);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", fixture_dir, "tmpfs", 0, "size=7m")) {
		print_message("skipped: cannot mount a tmpfs here: %s\n", strerror(errno));
		skip();
	}
	o.reserve_bytes = 0;
	o.no_thread = false;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	for (;;) {
		size_t n = fixture_entry(ledger_size(l), entry);

		err = ledger_append(l, entry, n, NULL);
		if (err == -EAGAIN || ledger_size(l) % 1000 == 0)
			assert_int_equal(ledger_flush(l, NULL, 0), 0);
		if (err && err != -EAGAIN)
			break;
	}
	assert_int_equal(err, -ENOSPC);
	taken = ledger_size(l);
	assert_true(taken > 65536);
	for (int i = 0; i < 5; i++) {
		size_t n = fixture_entry(ledger_size(l), entry);

		assert_int_equal(ledger_append_closing(l, entry, n, NULL), 0);
	}
	assert_int_equal(ledger_flush(l, "stop", 4), 0);
	ledger_close(l);
	fixture_assert_good(taken + 5);
	fixture_assert_entries(taken + 5);
	l = fixture_open(&rec);
	assert_int_equal(rec.covered, taken + 5);
	assert_int_equal(rec.state_len, 4);
	ledger_close(l);
	assert_int_equal(umount(fixture_dir), 0);
}

/* A file system that promises space and does not have it. */
static int space_left = 1;

static int lying_reserve(void *ctx, int fd, uint64_t offset, uint64_t n)
{
	(void)ctx;
	(void)fd;
	(void)offset;
	(void)n;
	return 0;
}

static int full_write(void *ctx, int fd, const void *bytes, size_t n, uint64_t offset)
{
	if (!space_left) {
		(void)ledger_io_system.write_at(ctx, fd, bytes, n / 2, offset);
		return -ENOSPC;
	}
	return ledger_io_system.write_at(ctx, fd, bytes, n, offset);
}

static void test_space_returns(void **state)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;

	(void)state;
	broken_io = ledger_io_system;
	broken_io.write_at = full_write;
	broken_io.reserve = lying_reserve;
	o.io = &broken_io;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	fixture_append(l, 10);
	space_left = 0;
	assert_int_equal(ledger_commit(l, NULL, 0), -ENOSPC);
	fixture_append(l, 10);
	assert_int_equal(ledger_commit(l, NULL, 0), -ENOSPC);
	space_left = 1;
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	assert_int_equal(ledger_committed(l), 20);
	ledger_close(l);
	fixture_assert_good(20);
	fixture_assert_entries(20);
}

static void test_too_much_pending(void **state)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	static char entry[1000];

	(void)state;
	o.pending_max = 5500;
	assert_int_equal(ledger_open(fixture_dir, &o, &l, &rec), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ledger_append(l, entry, sizeof(entry), NULL), 0);
	assert_int_equal(ledger_append(l, entry, sizeof(entry), NULL), -EAGAIN);
	assert_int_equal(ledger_append_closing(l, entry, sizeof(entry), NULL), 0);
	assert_int_equal(ledger_commit(l, NULL, 0), 0);
	assert_int_equal(ledger_append(l, entry, sizeof(entry), NULL), 0);
	ledger_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_begin, fixture_end)
		T(test_new_ledger),
		T(test_append_commit_reopen),
		T(test_segments_roll),
		T(test_state_goes_with_its_entries),
		T(test_entry_sizes),
		T(test_one_writer),
		T(test_nonces),
		T(test_signer_fails),
		T(test_failed_sync_is_final),
		T(test_full_disk),
		T(test_full_tmpfs),
		T(test_space_returns),
		T(test_too_much_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
