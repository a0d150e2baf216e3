// SPDX-License-Identifier: Apache-2.0
/*
 * What one operation on a file costs: open+close, a 4 KiB read, stat, mmap+munmap, rename, create+close, unlink;
 * nanoseconds of the clock, which are instructions in a guest that counts them (scripts/guest --icount). Run without a
 * program and with munimentd in force; the difference is the cost of the hooks. Owns its descriptors and the names
 * FILE.<n> beside each file. Called by tests/bench/hooks.sh.
 *
 * bench_hooks NAME=FILE…: for each file, lines "OPERATION NAME best median"; of a file that is called NAME:reads,
 * only open and pread. A round is some operations long, shorter than the time between two timer interrupts, so that
 * the best round has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OPS    128 /* at most; of the kernel side's 64th records, each round has two */
#define ROUNDS 200
#define PAUSE  16 /* rounds after which the daemon is given time to empty the ring */
#define READ   4096

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_for_daemon(void)
{
	struct timespec t = {.tv_nsec = 300000000};

	nanosleep(&t, NULL);
}

#define NAME_SIZE 512

/* What a round works on. */
struct place {
	const char *path;
	int fd; /* for what uses a descriptor */
	unsigned ops;
	char names[OPS][NAME_SIZE]; /* path.0, path.1 … */
};

/* One round of an operation: 0, or -errno. */
typedef int (*round_fn)(const struct place *at);

static int round_nothing(const struct place *at)
{
	for (unsigned i = 0; i < at->ops; i++)
		__asm__ volatile("" : : "r"(at->path) : "memory");
	return 0;
}

static int round_open(const struct place *at)
{
	for (unsigned i = 0; i < at->ops; i++) {
		int fd = open(at->path, O_RDONLY);

		if (fd < 0 || close(fd))
			return -errno;
	}
	return 0;
}

static int round_pread(const struct place *at)
{
	static char bytes[READ];

	for (unsigned i = 0; i < at->ops; i++)
		if (pread(at->fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			return errno ? -errno : -EIO;
	return 0;
}

static int round_stat(const struct place *at)
{
	struct stat st;

	for (unsigned i = 0; i < at->ops; i++)
		if (stat(at->path, &st))
			return -errno;
	return 0;
}

static int round_mmap(const struct place *at)
{
	for (unsigned i = 0; i < at->ops; i++) {
		void *bytes = mmap(NULL, READ, PROT_READ, MAP_PRIVATE, at->fd, 0);

		if (bytes == MAP_FAILED || munmap(bytes, READ))
			return -errno;
	}
	return 0;
}

/* There and back, so that each round finds what the one before did. */
static int round_rename(const struct place *at)
{
	for (unsigned i = 0; i < at->ops; i++)
		if (rename(i % 2 ? at->names[0] : at->path, i % 2 ? at->path : at->names[0]))
			return -errno;
	return 0;
}

static int round_create(const struct place *at)
{
	for (unsigned i = 0; i < at->ops; i++) {
		int fd = open(at->names[i], O_WRONLY | O_CREAT | O_EXCL, 0644);

		if (fd < 0 || close(fd))
			return -errno;
	}
	return 0;
}

static int round_unlink(const struct place *at)
{
	for (unsigned i = 0; i < at->ops; i++)
		if (unlink(at->names[i]))
			return -errno;
	return 0;
}

static const struct operation {
	const char *name;
	round_fn fn;
	round_fn before; /* what a round needs and what it leaves, neither of them counted */
	round_fn after;
	unsigned ops; /* of a round; even for rename */
	int reads;    /* also measured where nothing may be written */
} operations[] = {
	{"open", round_open, NULL, NULL, OPS, 1},
	{"pread", round_pread, NULL, NULL, OPS, 1},
	{"stat", round_stat, NULL, NULL, OPS, 0},
	{"mmap", round_mmap, NULL, NULL, OPS, 0},
	{"rename", round_rename, NULL, NULL, OPS, 0},
	{"create", round_create, NULL, round_unlink, OPS / 2, 0},
	{"unlink", round_unlink, round_create, NULL, OPS / 2, 0},
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One round, in *ret_ns. 0 or -errno. */
static int measure_round(const struct operation *op, const struct place *at, uint64_t *ret_ns)
{
	int err = op->before ? op->before(at) : 0;
	uint64_t before;

	if (err)
		return err;
	before = now_ns();
	err = op->fn(at);
	*ret_ns = now_ns() - before;
	if (!err && op->after)
		err = op->after(at);
	return err;
}

/* Prints best and median nanoseconds per operation, less the empty loop. 0 or -errno. */
static int measure(const struct operation *op, const char *name, struct place *at)
{
	static uint64_t took[ROUNDS];
	uint64_t empty = UINT64_MAX, before;
	int err;

	at->ops = op->ops;
	for (int i = 0; i < ROUNDS; i++) {
		before = now_ns();
		round_nothing(at);
		before = now_ns() - before;
		empty = before < empty ? before : empty;
	}
	for (int i = 0; i < ROUNDS; i++) {
		if (i % PAUSE == 0)
			pause_for_daemon();
		err = measure_round(op, at, &took[i]);
		if (err)
			return err;
	}
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	printf("%s %s %.2f %.2f\n", op->name, name, (double)(took[0] - empty) / op->ops,
	       (double)(took[ROUNDS / 2] - empty) / op->ops);
	return 0;
}

static int measure_file(const char *name, const char *path, int reads_only)
{
	static struct place at;
	int err = 0;

	at.path = path;
	for (int i = 0; i < OPS; i++)
		if (snprintf(at.names[i], NAME_SIZE, "%s.%d", path, i) >= NAME_SIZE)
			return -ENAMETOOLONG;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]) && !err; i++) {
		if (reads_only && !operations[i].reads)
			continue;
		at.fd = open(path, O_RDONLY); /* only now: as a program does that reads what it opened */
		if (at.fd < 0)
			return -errno;
		err = measure(&operations[i], name, &at);
		close(at.fd);
	}
	return err;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *path = strchr(argv[i], '='), *reads;
		int err;

		if (!path) {
			fprintf(stderr, "usage: bench_hooks NAME[:reads]=FILE…\n");
			return 2;
		}
		*path++ = '\0';
		reads = strstr(argv[i], ":reads");
		if (reads)
			*reads = '\0';
		err = measure_file(argv[i], path, reads != NULL);
		if (err) {
			fprintf(stderr, "bench_hooks: %s: %s\n", path, strerror(-err));
			return 1;
		}
	}
	return 0;
}
