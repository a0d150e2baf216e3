// SPDX-License-Identifier: Apache-2.0
/*
 * The workloads whose time with munimentd is held against that without: opens, tar, connects, fork+exec. Each
 * prints one line "start end cpu": nanoseconds of CLOCK_MONOTONIC at its start and end, and of CPU that it
 * and its children used. Owns what it makes below the directory given. Called by tests/bench/workloads.sh.
 *
 * bench_workload tree DIR FILES BYTES     make FILES files in directories of 100
 *                opens DIR FILES COUNT    COUNT × open, read 4 KiB, close, over FILES files of such a tree
 *                writers DIR FILES COUNT  four such processes at once, each in a tree of its own below DIR: 0 … 3
 *                run PROGRAM ARG…         one program, once
 *                connects COUNT           TCP over loopback: connect, accept, close
 *                forks COUNT PROGRAM      fork, execute, wait
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loopback.h"

#define PER_DIRECTORY 100
#define READ	      4096
#define PATH_SIZE     512
#define WRITERS	      4

struct stamp {
	uint64_t start_ns;
	uint64_t cpu_ns;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct rusage children;

	getrusage(RUSAGE_CHILDREN, &children);
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) +
	       (uint64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000u;
}

static struct stamp begin(void)
{
	return (struct stamp){.cpu_ns = cpu_ns(), .start_ns = clock_ns(CLOCK_MONOTONIC)};
}

static void end(const struct stamp *began)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	printf("%llu %llu %llu\n", (unsigned long long)began->start_ns, (unsigned long long)now,
	       (unsigned long long)(cpu_ns() - began->cpu_ns));
}

static void path_of(char *path, const char *dir, long file)
{
	snprintf(path, PATH_SIZE, "%s/d%03ld/f%05ld", dir, file / PER_DIRECTORY, file);
}

static int write_file(const char *path, long bytes)
{
	static const char block[READ];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), err = 0;

	if (fd < 0)
		return -errno;
	for (long left = bytes; left > 0 && !err; left -= READ) {
		size_t n = left < READ ? (size_t)left : READ;

		if (write(fd, block, n) != (ssize_t)n)
			err = -EIO;
	}
	close(fd);
	return err;
}

static int work_tree(char **argv)
{
	long files = atol(argv[1]), bytes = atol(argv[2]);
	char path[PATH_SIZE];
	int err = 0;

	for (long i = 0; i < files && !err; i++) {
		if (i % PER_DIRECTORY == 0) {
			snprintf(path, sizeof(path), "%s/d%03ld", argv[0], i / PER_DIRECTORY);
			if (mkdir(path, 0755) && errno != EEXIST)
				return -errno;
		}
		path_of(path, argv[0], i);
		err = write_file(path, bytes);
	}
	return err;
}

static int work_opens(char **argv)
{
	long files = atol(argv[1]), count = atol(argv[2]);
	char(*paths)[PATH_SIZE] = calloc((size_t)(files > 0 ? files : 1), sizeof(*paths));
	static char bytes[READ];
	struct stamp began;
	int fd, err = 0;

	if (!paths)
		return -ENOMEM;
	for (long i = 0; i < files; i++)
		path_of(paths[i], argv[0], i);
	began = begin();
	for (long i = 0; i < count && files > 0 && !err; i++) {
		fd = open(paths[i % files], O_RDONLY);
		if (fd < 0 || read(fd, bytes, sizeof(bytes)) < 0)
			err = -errno;
		if (fd >= 0)
			close(fd);
	}
	if (!err)
		end(&began);
	free(paths);
	return err;
}

/* Runs argv[0] with standard output on /dev/null; 0, or -errno, or -ECHILD when it failed. */
static int spawn(char **argv)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int work_run(char **argv)
{
	struct stamp began = begin();
	int err = spawn(argv);

	if (!err)
		end(&began);
	return err;
}

static int work_forks(char **argv)
{
	long count = atol(argv[0]);
	struct stamp began = begin();
	int err = 0;

	for (long i = 0; i < count && !err; i++)
		err = spawn(argv + 1);
	if (!err)
		end(&began);
	return err;
}

static int work_writers(char **argv)
{
	struct stamp began = begin();
	char dir[PATH_SIZE];
	int err = 0, status;

	for (int i = 0; i < WRITERS; i++) {
		char *arguments[] = {dir, argv[1], argv[2]};
		pid_t child = fork();

		if (child < 0)
			return -errno;
		if (child > 0)
			continue;
		snprintf(dir, sizeof(dir), "%s/%d", argv[0], i);
		_exit(work_opens(arguments) != 0);
	}
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			err = -ECHILD;
	if (!err)
		end(&began);
	return err;
}

static int work_connects(char **argv)
{
	struct sockaddr_in to;
	int listener = loopback_listen(&to), err = 0;
	long count = atol(argv[0]);
	struct stamp began;

	if (listener < 0)
		return listener;
	began = begin();
	for (long i = 0; i < count && !err; i++)
		err = loopback_connect_once(listener, &to);
	if (!err)
		end(&began);
	close(listener);
	return err;
}

static const struct workload {
	const char *name;
	int n_arguments; /* at least */
	int (*fn)(char **argv);
} workloads[] = {
	{"tree", 3, work_tree}, {"opens", 3, work_opens},	{"writers", 3, work_writers},
	{"run", 1, work_run},	{"connects", 1, work_connects}, {"forks", 2, work_forks},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		int err;

		if (strcmp(workloads[i].name, argv[1]) || argc - 2 < workloads[i].n_arguments)
			continue;
		err = workloads[i].fn(argv + 2);
		if (err)
			fprintf(stderr, "bench_workload: %s: %s\n", argv[1], strerror(-err));
		return err != 0;
	}
	fprintf(stderr, "usage: bench_workload tree|opens|writers|run|connects|forks ARGUMENT…\n");
	return 2;
}
