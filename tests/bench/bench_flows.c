// SPDX-License-Identifier: Apache-2.0
/*
 * What it costs to send and to receive, to fork, to execute and to connect (rounds.h), for a process that holds no data
 * of a store or has read a record. Called by tests/bench/flows.sh, which makes the far side: a network namespace behind
 * a pair of interfaces.
 *
 * bench_flows FAR ADDRESS PORT SILENT [RECORD]
 *	Lines "OPERATION PLACE best median" for all operations below; if it has to read RECORD before, only for those to
 *	the far side. FAR is a descriptor of that namespace, ADDRESS an address in it; packets to SILENT go there, too,
 *	where nobody takes them.
 * bench_flows hold RECORD READY
 *	Reads RECORD and sends it to a child by TCP over loopback, which makes READY as it has come; both live on with
 *	their connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loopback.h"
#include "rounds.h"

#define OPS	128
#define MESSAGE 64
#define DRAIN	65536

/* What an operation works on: where it sends, where that comes to lie, and of datagrams that need it, to whom. */
struct ends {
	int from;
	int to;
	struct sockaddr_in name;
};

/* --- operations --- */

static int fail_errno(void)
{
	return errno ? -errno : -EIO;
}

static int round_socket(const void *what, unsigned ops)
{
	const struct ends *at = what;
	char bytes[MESSAGE] = {};

	for (unsigned i = 0; i < ops; i++)
		if (send(at->from, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
		    recv(at->to, bytes, sizeof(bytes), 0) != sizeof(bytes))
			return fail_errno();
	return 0;
}

static int round_pipe(const void *what, unsigned ops)
{
	const struct ends *at = what;
	char bytes[MESSAGE] = {};

	for (unsigned i = 0; i < ops; i++)
		if (write(at->from, bytes, sizeof(bytes)) != sizeof(bytes) ||
		    read(at->to, bytes, sizeof(bytes)) != sizeof(bytes))
			return fail_errno();
	return 0;
}

static int round_send(const void *what, unsigned ops)
{
	const struct ends *at = what;
	char bytes[MESSAGE] = {};

	for (unsigned i = 0; i < ops; i++)
		if (send(at->from, bytes, sizeof(bytes), 0) != sizeof(bytes))
			return fail_errno();
	return 0;
}

/* Takes what has been sent. */
static int round_drain(const void *what, unsigned ops)
{
	static char bytes[DRAIN];
	const struct ends *at = what;
	size_t n = (size_t)ops * MESSAGE;

	return recv(at->to, bytes, n, MSG_WAITALL) == (ssize_t)n ? 0 : fail_errno();
}

static int round_send_to(const void *what, unsigned ops)
{
	const struct ends *at = what;
	char bytes[MESSAGE] = {};

	for (unsigned i = 0; i < ops; i++)
		if (sendto(at->from, bytes, sizeof(bytes), 0, (const struct sockaddr *)&at->name,
			   sizeof(at->name)) != sizeof(bytes))
			return fail_errno();
	return 0;
}

static int wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int round_fork(const void *what, unsigned ops)
{
	int err = 0;

	(void)what;
	for (unsigned i = 0; i < ops && !err; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		err = wait_for(child);
	}
	return err;
}

/* One child that executes a program out of its parent's memory (vfork). Its process, or -1. */
static __attribute__((noinline)) pid_t spawn(char **arguments)
{
	pid_t child = vfork();

	if (child)
		return child;
	execv(arguments[0], arguments);
	_exit(127);
}

static int round_exec(const void *what, unsigned ops)
{
	static char program[] = "/bin/true", *arguments[] = {program, NULL};
	int err = 0;

	(void)what;
	for (unsigned i = 0; i < ops && !err; i++)
		err = wait_for(spawn(arguments));
	return err;
}

static int round_connect(const void *what, unsigned ops)
{
	const struct ends *at = what;
	int err = 0;

	for (unsigned i = 0; i < ops && !err; i++)
		err = loopback_connect_once(at->to, &at->name);
	return err;
}

/* --- their ends --- */

static int open_unix(struct ends *ends)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ends->from = fds[0];
	ends->to = fds[1];
	return 0;
}

static int open_pipe(struct ends *ends)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	ends->to = fds[0];
	ends->from = fds[1];
	return 0;
}

static int open_udp(struct ends *ends)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	ends->from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ends->to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ends->from < 0 || ends->to < 0 || bind(ends->to, (struct sockaddr *)&at, size) ||
	    getsockname(ends->to, (struct sockaddr *)&at, &size) ||
	    connect(ends->from, (struct sockaddr *)&at, size))
		return -errno;
	return 0;
}

/* Connects ends->from to a listener at an address, which is closed. 0 or -errno. */
static int connect_to(struct ends *ends, int listener, const struct sockaddr_in *at)
{
	int one = 1, err = 0;

	if (setsockopt(ends->from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    connect(ends->from, (const struct sockaddr *)at, sizeof(*at)))
		err = -errno;
	else if ((ends->to = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		err = -errno;
	close(listener);
	return err;
}

static int open_tcp(struct ends *ends)
{
	struct sockaddr_in at;
	int listener = loopback_listen(&at);

	if (listener < 0)
		return listener;
	ends->from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect_to(ends, listener, &at);
}

static int open_listener(struct ends *ends)
{
	ends->to = loopback_listen(&ends->name);
	return ends->to < 0 ? ends->to : 0;
}

static int open_nothing(struct ends *ends)
{
	(void)ends;
	return 0;
}

static struct far {
	int namespace;
	struct sockaddr_in at;
	struct sockaddr_in silent;
} far;

static int open_silent(struct ends *ends)
{
	ends->name = far.silent;
	ends->from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return ends->from < 0 ? -errno : 0;
}

/* Makes its own socket, goes to the far side to listen there, and stays: a socket keeps its namespace. Comes last. */
static int open_far(struct ends *ends)
{
	int listener;

	ends->from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ends->from < 0 || setns(far.namespace, CLONE_NEWNET))
		return -errno;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (const struct sockaddr *)&far.at, sizeof(far.at)) ||
	    listen(listener, 1))
		return -errno;
	return connect_to(ends, listener, &far.at);
}

/* --- measurement --- */

/* 8 sends to the far side: of more, some would wait for what acknowledges the first (RFC 6928's initial window of 10). */
static const struct {
	struct operation op;
	const char *place;
	int (*open)(struct ends *ends);
} operations[] = {
	{{"unix", round_socket, NULL, NULL, OPS}, "local", open_unix},
	{{"udp", round_socket, NULL, NULL, OPS}, "local", open_udp},
	{{"tcp", round_socket, NULL, NULL, OPS}, "local", open_tcp},
	{{"pipe", round_pipe, NULL, NULL, OPS}, "local", open_pipe},
	{{"fork", round_fork, NULL, NULL, 8}, "local", open_nothing},
	{{"exec", round_exec, NULL, NULL, 2}, "local", open_nothing},
	{{"connect", round_connect, NULL, NULL, 16}, "local", open_listener},
	{{"udp", round_send_to, NULL, NULL, OPS}, "far", open_silent},
	{{"tcp", round_send, NULL, round_drain, 8}, "far", open_far},
};

static int measure(int far_only)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]) && !err; i++) {
		struct ends ends = {.from = -1, .to = -1};

		if (far_only && strcmp(operations[i].place, "far"))
			continue;
		err = operations[i].open(&ends);
		if (!err)
			err = rounds_measure(&operations[i].op, operations[i].place, &ends);
		fflush(stdout); /* before it could be a child's, too */
		if (err)
			fprintf(stderr, "bench_flows: %s %s: %s\n", operations[i].op.name,
				operations[i].place, strerror(-err));
		close(ends.from);
		close(ends.to);
	}
	return err;
}

static int read_record(const char *path)
{
	char bytes[MESSAGE];
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (read(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		err = fail_errno();
	close(fd);
	return err;
}

/* --- others that hold data --- */

static int hold_received(int fd, const char *ready)
{
	char bytes[MESSAGE];
	int made;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes))
		return fail_errno();
	made = open(ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (made < 0)
		return -errno;
	for (;;)
		pause();
}

static int hold(const char *record, const char *ready)
{
	struct ends ends = {.from = -1, .to = -1};
	char bytes[MESSAGE] = {};
	int err = open_tcp(&ends);
	pid_t child;

	if (err)
		return err;
	child = fork(); /* before the record is read: what it holds has come by the connection */
	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(hold_received(ends.to, ready) != 0);
	err = read_record(record);
	if (!err && send(ends.from, bytes, sizeof(bytes), 0) != sizeof(bytes))
		err = fail_errno();
	return err ? err : wait_for(child);
}

static int read_address(const char *address, const char *port, struct sockaddr_in *ret)
{
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	return inet_pton(AF_INET, address, &ret->sin_addr) == 1 && ret->sin_port ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	int err = 0;

	if (argc == 4 && !strcmp(argv[1], "hold")) {
		err = hold(argv[2], argv[3]);
	} else if ((argc == 5 || argc == 6) && !read_address(argv[2], argv[3], &far.at) &&
		   !read_address(argv[4], argv[3], &far.silent)) {
		far.namespace = atoi(argv[1]);
		if (argc == 6)
			err = read_record(argv[5]);
		if (!err)
			return measure(argc == 6) != 0;
	} else {
		fprintf(stderr, "usage: bench_flows FAR ADDRESS PORT SILENT [RECORD] | hold RECORD READY\n");
		return 2;
	}
	if (err)
		fprintf(stderr, "bench_flows: %s\n", strerror(-err));
	return err != 0;
}
