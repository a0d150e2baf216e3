// SPDX-License-Identifier: Apache-2.0
/*
 * `share FILE`: opens FILE in another process that shares the table of descriptors (CLONE_FILES), then reads
 * what that one left in the table and writes it to standard output. Used by tests/native. Owns nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIPTORS 16

static int opener(void *path)
{
	return open(path, O_RDONLY) < 0;
}

int main(int argc, char **argv)
{
	static char stack[65536] __attribute__((aligned(16)));
	char bytes[4096];
	int status = 0, pid;

	pid = argc == 2 ? clone(opener, stack + sizeof(stack), CLONE_FILES | SIGCHLD, argv[1]) : -1;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		fprintf(stderr, "share: clone: %s\n", strerror(errno));
		return 2;
	}
	fprintf(stderr, "share: the opener ended with status %x\n", (unsigned)status);
	for (int fd = 3; fd < DESCRIPTORS; fd++) {
		ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

		if (n > 0)
			return write(STDOUT_FILENO, bytes, (size_t)n) == n ? 0 : 1;
	}
	return 1;
}
