// SPDX-License-Identifier: Apache-2.0
/*
 * What one operation on a file costs (rounds.h): open+close, a 4 KiB read, stat, mmap+munmap, rename, create+close,
 * unlink. Owns its descriptors and the names FILE.<n> beside each file. Called by tests/bench/hooks.sh.
 *
 * bench_hooks NAME=FILE…: for each file, lines "OPERATION NAME best median"; of a file that is called NAME:reads,
 * only open and pread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rounds.h"

#define OPS	  128 /* at most; of the kernel side's 64th records, each round has two */
#define READ	  4096
#define NAME_SIZE 512

/* What a round works on. */
struct place {
	const char *path;
	int fd;			    /* for what uses a descriptor */
	char names[OPS][NAME_SIZE]; /* path.0, path.1 … */
};

static int round_open(const void *what, unsigned ops)
{
	const struct place *at = what;

	for (unsigned i = 0; i < ops; i++) {
		int fd = open(at->path, O_RDONLY);

		if (fd < 0 || close(fd))
			return -errno;
	}
	return 0;
}

static int round_pread(const void *what, unsigned ops)
{
	const struct place *at = what;
	static char bytes[READ];

	for (unsigned i = 0; i < ops; i++)
		if (pread(at->fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			return errno ? -errno : -EIO;
	return 0;
}

static int round_stat(const void *what, unsigned ops)
{
	const struct place *at = what;
	struct stat st;

	for (unsigned i = 0; i < ops; i++)
		if (stat(at->path, &st))
			return -errno;
	return 0;
}

static int round_mmap(const void *what, unsigned ops)
{
	const struct place *at = what;

	for (unsigned i = 0; i < ops; i++) {
		void *bytes = mmap(NULL, READ, PROT_READ, MAP_PRIVATE, at->fd, 0);

		if (bytes == MAP_FAILED || munmap(bytes, READ))
			return -errno;
	}
	return 0;
}

/* There and back, so that each round finds what the one before did. */
static int round_rename(const void *what, unsigned ops)
{
	const struct place *at = what;

	for (unsigned i = 0; i < ops; i++)
		if (rename(i % 2 ? at->names[0] : at->path, i % 2 ? at->path : at->names[0]))
			return -errno;
	return 0;
}

static int round_create(const void *what, unsigned ops)
{
	const struct place *at = what;

	for (unsigned i = 0; i < ops; i++) {
		int fd = open(at->names[i], O_WRONLY | O_CREAT | O_EXCL, 0644);

		if (fd < 0 || close(fd))
			return -errno;
	}
	return 0;
}

static int round_unlink(const void *what, unsigned ops)
{
	const struct place *at = what;

	for (unsigned i = 0; i < ops; i++)
		if (unlink(at->names[i]))
			return -errno;
	return 0;
}

static const struct {
	struct operation op; /* its ops are even for rename */
	int reads;	     /* also measured where nothing may be written */
} operations[] = {
	{{"open", round_open, NULL, NULL, OPS}, 1},
	{{"pread", round_pread, NULL, NULL, OPS}, 1},
	{{"stat", round_stat, NULL, NULL, OPS}, 0},
	{{"mmap", round_mmap, NULL, NULL, OPS}, 0},
	{{"rename", round_rename, NULL, NULL, OPS}, 0},
	{{"create", round_create, NULL, round_unlink, OPS / 2}, 0},
	{{"unlink", round_unlink, round_create, NULL, OPS / 2}, 0},
};

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
		err = rounds_measure(&operations[i].op, name, &at);
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
