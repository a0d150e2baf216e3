// SPDX-License-Identifier: Apache-2.0
/*
 * `deep DIR DEPTH NAME`: makes DEPTH directories of this name, each inside the one before, in DIR, and in the
 * last a file `record` with what standard input holds. Prints the file's path, which may be longer than any
 * system call takes. Used by tests/guest/cases. Owns nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *call)
{
	fprintf(stderr, "deep: %s: %s\n", call, strerror(errno));
	return 1;
}

static int fill(int at)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	int fd = openat(at, "record", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (n < 0 || fd < 0 || write(fd, bytes, (size_t)n) != n)
		return failed("record");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	long depth = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	int at = argc == 4 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1, next;

	if (depth < 1 || at < 0) {
		fprintf(stderr, "usage: deep DIR DEPTH NAME\n");
		return 2;
	}
	fputs(argv[1], stdout);
	for (long i = 0; i < depth; i++) {
		if (mkdirat(at, argv[3], 0755) && errno != EEXIST)
			return failed("mkdirat");
		next = openat(at, argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return failed("openat");
		close(at);
		at = next;
		printf("/%s", argv[3]);
	}
	puts("/record");
	return fill(at);
}
