// SPDX-License-Identifier: Apache-2.0
/*
 * What one open+close or one 4 KiB read costs: nanoseconds of the clock, which are instructions in a guest
 * that counts them (scripts/guest --icount). Run without a program and with munimentd in force; the
 * difference is the cost of the hooks. Owns nothing but its descriptors. Called by tests/bench/hooks.sh.
 *
 * bench_hooks NAME=FILE…: for each file, lines "open NAME best median" and "pread NAME best median". A round
 * is OPS operations long, shorter than the time between two timer interrupts, so that the best round has
 * none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPS    128 /* of the kernel side's 64th records, each round has two */
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

/* One round of an operation: 0, or -errno. */
typedef int (*round_fn)(const char *path, int fd);

static int round_nothing(const char *path, int fd)
{
	(void)fd;
	for (int i = 0; i < OPS; i++)
		__asm__ volatile("" : : "r"(path) : "memory");
	return 0;
}

static int round_open(const char *path, int fd)
{
	for (int i = 0; i < OPS; i++) {
		fd = open(path, O_RDONLY);
		if (fd < 0 || close(fd))
			return -errno;
	}
	return 0;
}

static int round_pread(const char *path, int fd)
{
	static char bytes[READ];

	(void)path;
	for (int i = 0; i < OPS; i++)
		if (pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			return errno ? -errno : -EIO;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Best and median nanoseconds per operation, less the empty loop. 0 or -errno. */
static int measure(round_fn fn, const char *path, int fd, double *ret_best, double *ret_median)
{
	static uint64_t took[ROUNDS];
	uint64_t empty = UINT64_MAX, before;
	int err;

	for (int i = 0; i < ROUNDS; i++) {
		before = now_ns();
		round_nothing(path, fd);
		before = now_ns() - before;
		empty = before < empty ? before : empty;
	}
	for (int i = 0; i < ROUNDS; i++) {
		if (i % PAUSE == 0)
			pause_for_daemon();
		before = now_ns();
		err = fn(path, fd);
		took[i] = now_ns() - before;
		if (err)
			return err;
	}
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	*ret_best = (double)(took[0] - empty) / OPS;
	*ret_median = (double)(took[ROUNDS / 2] - empty) / OPS;
	return 0;
}

static int measure_file(const char *name, const char *path)
{
	double best, median;
	int err = measure(round_open, path, -1, &best, &median), fd;

	if (err)
		return err;
	printf("open %s %.2f %.2f\n", name, best, median);
	fd = open(path, O_RDONLY); /* only now: as a program does that reads what it opened */
	if (fd < 0)
		return -errno;
	err = measure(round_pread, path, fd, &best, &median);
	if (!err)
		printf("pread %s %.2f %.2f\n", name, best, median);
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *path = strchr(argv[i], '=');
		int err;

		if (!path) {
			fprintf(stderr, "usage: bench_hooks NAME=FILE…\n");
			return 2;
		}
		*path++ = '\0';
		err = measure_file(argv[i], path);
		if (err) {
			fprintf(stderr, "bench_hooks: %s: %s\n", path, strerror(-err));
			return 1;
		}
	}
	return 0;
}
