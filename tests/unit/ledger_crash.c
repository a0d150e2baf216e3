// SPDX-License-Identifier: Apache-2.0
/*
 * The ledger under a simulated crash after each single write, fdatasync, reservation and cut: killed (what
 * was written stays) and powered off (of what was not synced, each sector may or may not have reached the
 * disk). After each, the ledger opens, everything that was ever published is there with its state, nothing
 * comes back altered, and it verifies.
 */
#include <errno.h>

#include "ledger/reader.h"
#include "ledger_fixture.h"

#define SECTOR	   512
#define WRITES_MAX 256

struct written {
	ino_t inode;
	int fd;
	uint64_t offset;
	size_t n;
	uint8_t *before;
};

struct machine {
	unsigned calls, dies_at; /* 0: never */
	bool dead, power_cut;
	uint64_t random;
	struct written unsynced[WRITES_MAX];
	unsigned n;
	uint64_t published;
};

static uint64_t next_random(struct machine *m)
{
	m->random = m->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return m->random >> 33;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void forget(struct machine *m, ino_t inode)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < m->n; i++) {
		if (inode == 0 || m->unsynced[i].inode == inode)
			free(m->unsynced[i].before);
		else
			m->unsynced[kept++] = m->unsynced[i];
	}
	m->n = kept;
}

/* Puts back what the power cut kept from the disk, newest first. */
static void die(struct machine *m)
{
	m->dead = true;
	for (unsigned i = m->n; m->power_cut && i-- > 0;) {
		const struct written *w = &m->unsynced[i];

		for (size_t at = 0; at < w->n;) {
			size_t n = SECTOR - (w->offset + at) % SECTOR;

			n = n < w->n - at ? n : w->n - at;
			if (next_random(m) & 1)
				assert_int_equal(pwrite(w->fd, w->before + at, n, (off_t)(w->offset + at)),
						 (ssize_t)n);
			at += n;
		}
	}
	forget(m, 0);
}

/* True when this call is the one that does not come to its end. */
static bool last_call(struct machine *m)
{
	return ++m->calls == m->dies_at;
}

static int machine_write(void *ctx, int fd, const void *bytes, size_t n, uint64_t offset)
{
	struct machine *m = ctx;
	struct written *w = &m->unsynced[m->n];
	bool last = !m->dead && last_call(m);

	if (m->dead)
		return -EIO;
	assert_true(m->n < WRITES_MAX);
	/* A kill strikes between pages, a power cut wherever. */
	if (last && m->power_cut)
		n = next_random(m) % (n + 1);
	else if (last)
		n = n / 4096 ? next_random(m) % (n / 4096) * 4096 : 0;
	*w = (struct written){inode_of(fd), fd, offset, n, calloc(1, n + 1)};
	assert_true(pread(fd, w->before, n, (off_t)offset) >= 0);
	m->n++;
	assert_int_equal(pwrite(fd, bytes, n, (off_t)offset), (ssize_t)n);
	if (last)
		die(m);
	return last ? -EIO : 0;
}

static int machine_sync(void *ctx, int fd)
{
	struct machine *m = ctx;

	if (!m->dead && last_call(m))
		die(m);
	if (m->dead)
		return -EIO;
	forget(m, inode_of(fd));
	return 0;
}

static int machine_reserve(void *ctx, int fd, uint64_t offset, uint64_t n)
{
	struct machine *m = ctx;

	if (!m->dead && last_call(m))
		die(m);
	return m->dead ? -EIO : ledger_io_system.reserve(NULL, fd, offset, n);
}

static int machine_cut(void *ctx, int fd, uint64_t length)
{
	struct machine *m = ctx;

	if (!m->dead && last_call(m))
		die(m);
	return m->dead ? -EIO : ledger_io_system.cut(NULL, fd, length);
}

static void published(void *ctx, uint64_t size, const char *note, size_t n)
{
	struct machine *m = ((struct ledger_io *)ctx)->ctx;

	(void)note;
	(void)n;
	m->published = size;
}

static void kept(void *ctx, uint64_t index, const void *entry, size_t n)
{
	char want[256];

	(void)ctx;
	assert_int_equal(n, fixture_entry(index, want));
	assert_memory_equal(entry, want, n);
}

/* Appends and commits until all is done or the machine dies. Returns how many entries were handed over. */
static uint64_t work(struct machine *m, const unsigned *batches, unsigned n)
{
	struct ledger_io io = {m, machine_write, machine_sync, machine_reserve, machine_cut};
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	uint64_t size = 0;

	o.io = &io;
	o.published = published;
	o.kept = kept;
	o.ctx = &io;
	if (ledger_open(fixture_dir, &o, &l, &rec)) {
		assert_true(m->dead);
		return 0;
	}
	for (unsigned i = 0; i < n && !m->dead; i++) {
		for (unsigned k = 0; k < batches[i] && !m->dead; k++) {
			char entry[256];
			size_t len = fixture_entry(ledger_size(l), entry);

			assert_true(ledger_append(l, entry, len, NULL) == 0 || m->dead);
		}
		size = ledger_size(l);
		assert_true(ledger_flush(l, &size, sizeof(size)) == 0 || m->dead);
	}
	ledger_close(l);
	return size;
}

/* The next start, on a machine that works. */
static void reboot(const struct machine *m, uint64_t base, uint64_t handed_over)
{
	struct ledger_options o = fixture_options();
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	struct ledger_reader *r = NULL;
	const uint8_t *entry;
	uint64_t state = 0, size;
	char want[256];
	int err;

	o.kept = kept;
	err = ledger_open(fixture_dir, &o, &l, &rec);
	if (err)
		fail_msg("dies at %u (power cut %d): %s, %s", m->dies_at, m->power_cut, strerror(-err),
			 err == -EBADMSG ? rec.bad : "");
	assert_true(rec.covered >= m->published);
	assert_true(ledger_size(l) <= handed_over || ledger_size(l) == base);
	if (rec.covered > base) {
		assert_int_equal(rec.state_len, sizeof(state));
		memcpy(&state, rec.state, sizeof(state));
		assert_int_equal(state, rec.covered);
	}
	fixture_append(l, 3);
	size = ledger_size(l);
	assert_int_equal(ledger_flush(l, NULL, 0), 0);
	ledger_close(l);
	fixture_assert_good(size);
	assert_int_equal(ledger_reader_open(fixture_dir, &r), 0);
	ledger_reader_seek(r, base);
	for (uint64_t i = base; i < size; i++) {
		long n = ledger_reader_next(r, &entry);

		assert_int_equal(n, fixture_entry(i, want));
		assert_memory_equal(entry, want, (size_t)n);
	}
	ledger_reader_close(r);
}

/* Before a restart, `log verify` may say "not signed" about a tail, but not "altered": a kill is no
 * tampering. */
static void assert_no_alarm_after_kill(const struct machine *m)
{
	struct fixture_findings found;
	struct verify_result result;
	int err;

	if (m->power_cut)
		return;
	err = fixture_verify(&found, &result, NULL);
	assert_true(err == 0 || err == -ENODATA || err == -ENOENT);
	if (!err && found.total)
		fail_msg("killed at %u: %s", m->dies_at, found.first.text);
}

static void test_new_ledger(void **state)
{
	static const unsigned batches[] = {3, 20, 1, 7, 30, 2};
	unsigned runs = 0;

	(void)state;
	for (unsigned seed = 0; seed < 6; seed++) {
		for (unsigned at = 1;; at++) {
			struct machine m = {.dies_at = at, .power_cut = seed > 0, .random = seed * 7919 + at};
			uint64_t size = work(&m, batches, 6);
			bool died = m.dead;

			forget(&m, 0);
			assert_no_alarm_after_kill(&m);
			reboot(&m, 0, size);
			fixture_remove(fixture_dir);
			runs++;
			if (!died)
				break;
		}
	}
	print_message("%u crashes\n", runs);
	assert_true(runs > 6 * 30);
}

/* The same where a segment fills up: more files, more order to keep. */
static void copy_ledger(const char *from, const char *to)
{
	static const char *const names[] = {SLOTS_FILE, ROOTS_FILE, "segment-0000000000"};

	assert_int_equal(mkdir(to, 0700), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct buf bytes = {0};
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", from, names[i]);
		assert_int_equal(file_read(path, 1U << 30, &bytes), 0);
		snprintf(path, sizeof(path), "%s/%s", to, names[i]);
		assert_int_equal(file_replace(path, bytes.data, bytes.len, 0600), 0);
		buf_free(&bytes);
	}
}

static void test_segment_border(void **state)
{
	static const unsigned base[] = {65530}, batches[] = {3, 10, 2};
	char saved[128], live[128];
	unsigned runs = 0;

	(void)state;
	fixture_make(base, 1);
	snprintf(saved, sizeof(saved), "%s", fixture_dir);
	snprintf(live, sizeof(live), "%s/live", fixture_root);
	snprintf(fixture_dir, sizeof(fixture_dir), "%s", live);
	for (unsigned seed = 0; seed < 3; seed++) {
		for (unsigned at = 1;; at++) {
			struct machine m = {
				.dies_at = at, .power_cut = seed > 0, .random = seed * 104729 + at};
			uint64_t size;
			bool died;

			copy_ledger(saved, live);
			size = work(&m, batches, 3);
			died = m.dead;
			forget(&m, 0);
			assert_no_alarm_after_kill(&m);
			reboot(&m, 65530, size);
			fixture_remove(live);
			runs++;
			if (!died)
				break;
		}
	}
	print_message("%u crashes\n", runs);
	assert_true(runs > 3 * 20);
}

/* A crash, and another during the recovery from it. */
static void test_crash_in_recovery(void **state)
{
	static const unsigned batches[] = {3, 20, 1, 7};

	(void)state;
	for (unsigned first = 12; first < 40; first += 3) {
		for (unsigned second = 1; second < 16; second++) {
			struct machine a = {.dies_at = first, .power_cut = true, .random = first};
			struct machine b = {.dies_at = second, .power_cut = true, .random = second * 31};
			uint64_t size = work(&a, batches, 4), again;

			b.published = a.published;
			again = work(&b, batches, 4);
			forget(&a, 0);
			forget(&b, 0);
			reboot(&b, 0, size > again ? size : again);
			fixture_remove(fixture_dir);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_begin, fixture_end)
		T(test_new_ledger),
		T(test_segment_border),
		T(test_crash_in_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
