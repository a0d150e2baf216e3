// SPDX-License-Identifier: Apache-2.0
/*
 * What the benchmarks need to know of a running daemon: that it is ready, and how far its ledger has come.
 * Owns the notification socket while it waits. Called by tests/bench/lib.sh.
 *
 * bench_daemon ready SOCKET SECONDS        wait for READY=1 as sd_notify(3) sends it
 *              cpu PID…                    print the CPU time of these processes, in nanoseconds
 *              size LEDGER                 print how many entries the newest checkpoint covers
 *              settle LEDGER SIZE SECONDS  wait until it covers more than that and no further ones come for a while,
 *                                          so many seconds at most; print CLOCK_MONOTONIC at its last growth, in ns
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ledger/reader.h"

#define QUIET_MS 3000

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_ready(char **argv)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int64_t until = now_ms() + atol(argv[1]) * 1000;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = -ETIMEDOUT;
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	if (fd < 0 || strlen(argv[0]) >= sizeof(at.sun_path))
		return -EINVAL;
	strcpy(at.sun_path, argv[0]);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	while (err == -ETIMEDOUT && now_ms() < until && poll(&readable, 1, (int)(until - now_ms())) > 0) {
		char text[1024];
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		if (!strncmp(text, "READY=1", 7) || strstr(text, "\nREADY=1"))
			err = 0;
	}
	unlink(argv[0]);
	close(fd);
	return err;
}

static int print_size(char **argv)
{
	struct ledger_reader *r;
	int err = ledger_reader_open(argv[0], &r);

	if (err)
		return err;
	printf("%llu\n", (unsigned long long)ledger_reader_size(r));
	ledger_reader_close(r);
	return 0;
}

/* Repeats are folded: how many entries the events make is not known beforehand. */
static int await_settled(char **argv)
{
	uint64_t size = strtoull(argv[1], NULL, 10), now;
	int64_t until = now_ms() + atol(argv[2]) * 1000, grown = 0;
	struct timespec nap = {.tv_nsec = 5000000};
	struct ledger_reader *r;
	int err = ledger_reader_open(argv[0], &r);

	if (err)
		return err;
	while (!err && (!grown || now_ms() - grown < QUIET_MS)) {
		nanosleep(&nap, NULL);
		err = now_ms() > until ? -ETIMEDOUT : ledger_reader_refresh(r);
		now = ledger_reader_size(r);
		if (now > size)
			grown = now_ms();
		size = now;
	}
	if (err)
		fprintf(stderr, "%llu entries\n", (unsigned long long)size);
	else
		printf("%llu\n", (unsigned long long)grown * 1000000u);
	ledger_reader_close(r);
	return err;
}

static int print_cpu(char **argv)
{
	unsigned long long sum = 0;

	for (; *argv; argv++) {
		clockid_t clock;
		struct timespec t;
		int err = clock_getcpuclockid(atoi(*argv), &clock);

		if (err)
			return -err;
		if (clock_gettime(clock, &t))
			return -errno;
		sum += (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
	}
	printf("%llu\n", sum);
	return 0;
}

int main(int argc, char **argv)
{
	int err = 0;

	if (argc == 4 && !strcmp(argv[1], "ready"))
		err = wait_ready(argv + 2);
	else if (argc > 2 && !strcmp(argv[1], "cpu"))
		err = print_cpu(argv + 2);
	else if (argc == 3 && !strcmp(argv[1], "size"))
		err = print_size(argv + 2);
	else if (argc == 5 && !strcmp(argv[1], "settle"))
		err = await_settled(argv + 2);
	else {
		fprintf(stderr, "usage: bench_daemon ready SOCKET SECONDS | cpu PID… | size LEDGER | settle "
				"LEDGER SIZE SECONDS\n");
		return 2;
	}
	if (err)
		fprintf(stderr, "bench_daemon: %s: %s\n", argv[1], strerror(-err));
	return err != 0;
}
