/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP over loopback: a listener, and connections to it. For bench_workload.c and bench_flows.c, which own the sockets.
 */
#ifndef MUNIMENT_LOOPBACK_H
#define MUNIMENT_LOOPBACK_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listens on a free port. The socket, with its address in *ret_at, or -errno. */
static int loopback_listen(struct sockaddr_in *ret_at)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;
	socklen_t size = sizeof(*ret_at);

	if (listener < 0)
		return -errno;
	*ret_at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (!bind(listener, (struct sockaddr *)ret_at, size) && !listen(listener, 16) &&
	    !getsockname(listener, (struct sockaddr *)ret_at, &size))
		return listener;
	err = -errno;
	close(listener);
	return err;
}

/* One connection, closed by reset so that no port stays taken. 0 or -errno. */
static int loopback_connect_once(int listener, const struct sockaddr_in *to)
{
	struct linger reset = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted, err = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to))) {
		err = -errno;
	} else {
		accepted = accept(listener, NULL, NULL);
		if (accepted < 0)
			err = -errno;
		else
			close(accepted);
	}
	close(fd);
	return err;
}

#endif
