// SPDX-License-Identifier: Apache-2.0
/*
 * The far side: takes whatever comes, and keeps it. Used by guest cases and the evasion suite.
 *
 *	far DIRECTORY PORT
 *
 * Accepts connections on PORT and takes datagrams there, IPv4 and IPv6; takes every frame that comes to this network
 * namespace, too, so that what nobody asked for is seen as well. DIRECTORY/received has what came by connections and
 * datagrams, DIRECTORY/frames the frames, and DIRECTORY/ready is made once it listens. Ends when killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS 64

static char bytes[1 << 17];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int keep(int fd, size_t n)
{
	return write(fd, bytes, n) == (ssize_t)n ? 0 : fail("write");
}

static int listening(int type, int port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int fd = socket(AF_INET6, type, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 16)))
		return -1;
	return fd;
}

/* A frame that came, not one of our own. */
static int take_frame(int fd, int frames)
{
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);

	return n <= 0 || from.sll_pkttype == PACKET_OUTGOING ? 0 : keep(frames, (size_t)n);
}

/* One of the connections; closed where it ends. */
static int take_some(struct pollfd *p, int received)
{
	ssize_t n = read(p->fd, bytes, sizeof(bytes));

	if (n > 0)
		return keep(received, (size_t)n);
	close(p->fd);
	p->fd = -1;
	return 0;
}

static void accept_one(struct pollfd *fds, int listener)
{
	int fd = accept(listener, NULL, NULL);

	for (int i = 3; fd >= 0 && i < FDS; i++) {
		if (fds[i].fd >= 0)
			continue;
		fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
		return;
	}
	if (fd >= 0)
		close(fd);
}

static int serve(struct pollfd *fds, int received, int frames)
{
	int err = 0;

	while (!err && poll(fds, FDS, -1) >= 0) {
		ssize_t n;

		if (fds[0].revents)
			err = take_frame(fds[0].fd, frames);
		if (fds[1].revents)
			accept_one(fds, fds[1].fd);
		if (fds[2].revents && (n = recv(fds[2].fd, bytes, sizeof(bytes), 0)) > 0)
			err = keep(received, (size_t)n);
		for (int i = 3; i < FDS && !err; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				err = take_some(&fds[i], received);
	}
	return err ? err : fail("poll");
}

int main(int argc, char **argv)
{
	struct pollfd fds[FDS];
	int received, frames, port = argc == 3 ? atoi(argv[2]) : 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (port <= 0 || chdir(argv[1]))
		return fail("usage: far DIRECTORY PORT");
	received = open("received", O_WRONLY | O_CREAT | O_APPEND, 0644);
	frames = open("frames", O_WRONLY | O_CREAT | O_APPEND, 0644);
	for (int i = 0; i < FDS; i++)
		fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	fds[0].fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	fds[1].fd = listening(SOCK_STREAM, port);
	fds[2].fd = listening(SOCK_DGRAM, port);
	if (received < 0 || frames < 0 || fds[0].fd < 0 || fds[1].fd < 0 || fds[2].fd < 0)
		return fail("far");
	if (close(open("ready", O_WRONLY | O_CREAT, 0644)))
		return fail("ready");
	return serve(fds, received, frames);
}
