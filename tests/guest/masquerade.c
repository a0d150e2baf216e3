// SPDX-License-Identifier: Apache-2.0
/*
 * `masquerade PROGRAM FILE`: makes the kernel believe that this process runs PROGRAM (prctl
 * PR_SET_MM_EXE_FILE), then writes FILE's content to standard output. As the kernel changes /proc/self/exe
 * only once nothing maps the old one, each of its segments is first replaced by a copy in anonymous memory,
 * at the same address. Used by tests/guest/cases. Owns nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SEGMENTS_MAX 16

struct segment {
	unsigned long start, end;
	int protection;
};

static int failed(const char *call)
{
	fprintf(stderr, "masquerade: %s: %s\n", call, strerror(errno));
	return 1;
}

/* The mappings of the program itself; how many, or -1. */
static int own_segments(struct segment *segments)
{
	char exe[PATH_MAX] = "", line[PATH_MAX + 256], flags[5];
	FILE *maps = fopen("/proc/self/maps", "re");
	int n = 0;

	if (!maps || readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return -1;
	while (n < SEGMENTS_MAX && fgets(line, sizeof(line), maps)) {
		struct segment *s = &segments[n];

		line[strcspn(line, "\n")] = '\0';
		if (!strchr(line, '/') || strcmp(strchr(line, '/'), exe) ||
		    sscanf(line, "%lx-%lx %4s", &s->start, &s->end, flags) != 3)
			continue;
		s->protection = (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) |
				(flags[2] == 'x' ? PROT_EXEC : 0);
		n++;
	}
	fclose(maps);
	return n;
}

static int replace(const struct segment *s)
{
	size_t size = s->end - s->start;
	void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copy == MAP_FAILED)
		return -1;
	memcpy(copy, (void *)s->start, size);
	if (mprotect(copy, size, s->protection))
		return -1;
	return mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)s->start) == MAP_FAILED ? -1
												       : 0;
}

static int show(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	if (n < 0)
		return failed(path);
	return write(STDOUT_FILENO, bytes, (size_t)n) == n ? 0 : failed("write");
}

int main(int argc, char **argv)
{
	struct segment segments[SEGMENTS_MAX];
	char exe[PATH_MAX] = "";
	int n, program;

	if (argc != 3) {
		fprintf(stderr, "usage: masquerade PROGRAM FILE\n");
		return 2;
	}
	program = open(argv[1], O_RDONLY | O_CLOEXEC);
	n = own_segments(segments);
	if (program < 0 || n <= 0)
		return failed(argv[1]);
	for (int i = 0; i < n; i++)
		if (replace(&segments[i]))
			return failed("mremap");
	if (prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, program, 0, 0))
		return failed("prctl");
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0 || strcmp(exe, argv[1])) {
		fprintf(stderr, "masquerade: /proc/self/exe is %s\n", exe);
		return 1;
	}
	fprintf(stderr, "masquerade: runs as %s\n", exe);
	return show(argv[2]);
}
