// SPDX-License-Identifier: Apache-2.0
/*
 * What the ledger costs: appending with leaf hashes and disk, how long the owner's thread is held up,
 * committing, opening, verifying, proving. One JSON line per figure on standard output.
 *
 * usage: bench_ledger [ENTRIES [DIRECTORY]]   DIRECTORY lies on the disk to be measured; the default is the
 * program's own
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "ledger/verify.h"

#define ENTRY_BYTES    256
#define COMMIT_SECONDS 0.02 /* between commits, as the daemon makes them */
#define COMMITS	       500
#define PROOFS	       20

static struct note_signer *signer;
static char dir[PATH_MAX];

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void figure(const char *name, double value, const char *unit)
{
	printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n", name, value, unit);
}

static void must(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "bench_ledger: %s: %s\n", what, strerror(-err));
	exit(1);
}

static int sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	(void)ctx;
	return note_sign(signer, text, n, signatures);
}

static struct ledger *open_ledger(void)
{
	struct ledger_options o = {
		.origin = "bench.example/ledger", .sign = sign, .verifier = note_signer_verifier(signer)};
	struct ledger_recovery rec;
	struct ledger *l = NULL;

	must(ledger_open(dir, &o, &l, &rec), "open");
	return l;
}

static void make_entry(struct ledger *l, char entry[ENTRY_BYTES])
{
	char nonce[LEDGER_NONCE_SIZE];

	must(ledger_nonce(l, nonce), "nonce");
	memcpy(entry + 100, nonce, LEDGER_NONCE_SIZE - 1);
}

/* One entry as the keeper appends it: commits go on beside, and a full queue makes it wait. */
static void append_one(struct ledger *l, char entry[ENTRY_BYTES], double *committed_at)
{
	double t;
	int err;

	make_entry(l, entry);
	while ((err = ledger_append(l, entry, ENTRY_BYTES, NULL)) == -EAGAIN) {
		must(ledger_wait(l), "wait");
		must(ledger_commit(l, "state", 5), "commit");
	}
	must(err, "append");
	if (ledger_size(l) % 64)
		return;
	t = now(CLOCK_MONOTONIC);
	if (t - *committed_at < COMMIT_SECONDS)
		return;
	err = ledger_commit(l, "state", 5);
	must(err == -EAGAIN ? 0 : err, "commit");
	*committed_at = t;
}

static void bench_append(uint64_t entries)
{
	struct ledger *l = open_ledger();
	double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID),
	       all = now(CLOCK_PROCESS_CPUTIME_ID);
	double committed_at = wall;
	char entry[ENTRY_BYTES];

	memset(entry, 'e', sizeof(entry));
	for (uint64_t i = 0; i < entries; i++)
		append_one(l, entry, &committed_at);
	must(ledger_flush(l, NULL, 0), "flush");
	wall = now(CLOCK_MONOTONIC) - wall;
	cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	all = now(CLOCK_PROCESS_CPUTIME_ID) - all;
	figure("ledger.append", (double)entries / wall, "entries/s");
	figure("ledger.append_cpu", cpu / (double)entries * 1e9, "ns/entry on the owner's thread");
	figure("ledger.append_cpu_all", all / (double)entries * 1e9, "ns/entry with the commit thread");
	ledger_close(l);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* At 20,000 entries a second: how long does the owner's thread stand still, and how long does an entry wait
 * to be durable? */
static void bench_steady(void)
{
	static double held[COMMITS], durable[COMMITS];
	struct ledger *l = open_ledger();
	char entry[ENTRY_BYTES];

	memset(entry, 's', sizeof(entry));
	for (int c = 0; c < COMMITS; c++) {
		double from = now(CLOCK_MONOTONIC), to;

		for (int i = 0; i < 100; i++) {
			make_entry(l, entry);
			must(ledger_append(l, entry, ENTRY_BYTES, NULL), "append");
		}
		must(ledger_commit(l, NULL, 0), "commit");
		to = now(CLOCK_MONOTONIC);
		held[c] = to - from;
		must(ledger_wait(l), "wait");
		durable[c] = now(CLOCK_MONOTONIC) - to;
		usleep(2000);
	}
	qsort(held, COMMITS, sizeof(held[0]), compare);
	qsort(durable, COMMITS, sizeof(durable[0]), compare);
	figure("ledger.owner_held_median", held[COMMITS / 2] * 1e6, "us for 100 appends and a commit");
	figure("ledger.owner_held_max", held[COMMITS - 1] * 1e6, "us for 100 appends and a commit");
	figure("ledger.commit_median", durable[COMMITS / 2] * 1e6, "us until durable and signed");
	figure("ledger.commit_p99", durable[COMMITS * 99 / 100] * 1e6, "us until durable and signed");
	ledger_close(l);
}

static void bench_open(void)
{
	double t = now(CLOCK_MONOTONIC);

	ledger_close(open_ledger());
	figure("ledger.open", (now(CLOCK_MONOTONIC) - t) * 1e3, "ms with the last two segments rehashed");
}

static void bench_verify(void)
{
	struct verify_options o = {.dir = dir, .key = note_signer_verifier(signer)};
	static struct verify_result result;
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);

	must(ledger_verify(&o, &result), "verify");
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now(CLOCK_MONOTONIC) - wall;
	if (result.findings || !result.entries)
		must(-EBADMSG, "verify");
	figure("ledger.verify", (double)result.entries / wall, "entries/s");
	figure("ledger.verify_cpu", cpu / (double)result.entries * 1e9, "ns/entry");
}

static void bench_prove(void)
{
	struct ledger_reader *r = NULL;
	struct tree_proof proof;
	double t;

	must(ledger_reader_open(dir, &r), "reader");
	t = now(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < PROOFS; i++)
		must(ledger_prove(r, ledger_reader_size(r) / PROOFS * i, &proof), "prove");
	figure("ledger.prove", (now(CLOCK_MONOTONIC) - t) / PROOFS * 1e3, "ms/proof");
	ledger_reader_close(r);
}

static void remove_ledger(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' || strlen(e->d_name) > 2)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	char own[PATH_MAX / 2] = "";

	if (argc <= 2 && readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		must(-errno, "/proc/self/exe");
	snprintf(dir, sizeof(dir), "%s/bench-ledger.XXXXXX", argc > 2 ? argv[2] : dirname(own));
	if (!mkdtemp(dir))
		must(-errno, dir);
	must(note_signer_generate("bench.example/ledger", &signer), "key");
	atexit(remove_ledger);
	bench_append(entries);
	bench_steady();
	bench_open();
	bench_verify();
	bench_prove();
	note_signer_free(signer);
	return 0;
}
