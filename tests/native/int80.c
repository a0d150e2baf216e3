// SPDX-License-Identifier: Apache-2.0
/*
 * `int80 FILE [at]`: writes FILE's content to standard output, through system calls by the 32-bit entry of an
 * x86-64 kernel, where calls have other numbers. Used by tests/native. Owns nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define I386_READ   3
#define I386_OPEN   5
#define I386_OPENAT 295
#define ROOM	    4096

static long call(long number, long a, long b, long c, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static int failed(const char *what, long result)
{
	fprintf(stderr, "int80: %s: %s\n", what, strerror((int)-result));
	return 1;
}

int main(int argc, char **argv)
{
	/* Pointers have 32 bits there. */
	char *low = mmap(NULL, (size_t)2 * ROOM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long fd, n;

	if (argc < 2 || low == MAP_FAILED || strlen(argv[1]) >= ROOM)
		return failed("start", -EINVAL);
	memcpy(low, argv[1], strlen(argv[1]) + 1);
	fd = argc > 2 ? call(I386_OPENAT, AT_FDCWD, (long)low, O_RDONLY, 0)
		      : call(I386_OPEN, (long)low, O_RDONLY, 0, 0);
	if (fd < 0)
		return failed("open", fd);
	n = call(I386_READ, fd, (long)(low + ROOM), ROOM, 0);
	if (n < 0)
		return failed("read", n);
	return write(STDOUT_FILENO, low + ROOM, (size_t)n) == n ? 0 : 1;
}
