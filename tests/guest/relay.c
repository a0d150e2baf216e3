// SPDX-License-Identifier: Apache-2.0
/*
 * Passes on what it gets: one end in, one end out. Used by guest cases that follow data over several processes.
 *
 *	relay IN OUT
 *
 *	IN:	-		standard input, to its end
 *		FILE		likewise
 *		unix:PATH	a stream socket that it binds there, from whoever connects first
 *		tcp:PORT	likewise, on 127.0.0.1
 *	OUT:	-		standard output
 *		unix:PATH	connects, as soon as somebody listens
 *		tcp:ADDRESS:PORT
 *		udp:ADDRESS:PORT
 *
 * Exit status 0, or 1 with an error like perror's. Ends itself after 60 seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRIES 300 /* a tenth of a second each */

union address {
	struct sockaddr any;
	struct sockaddr_un named;
	struct sockaddr_in internet;
};

static int fail(const char *what)
{
	perror(what);
	return -1;
}

/* What stands behind a prefix, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static socklen_t name_address(const char *path, union address *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->named.sun_family = AF_UNIX;
	snprintf(ret_address->named.sun_path, sizeof(ret_address->named.sun_path), "%s", path);
	return sizeof(ret_address->named);
}

/* "ADDRESS:PORT" */
static socklen_t internet_address(const char *text, union address *ret_address)
{
	const char *colon = strrchr(text, ':');
	char address[64];

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->internet.sin_family = AF_INET;
	if (!colon || snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text) <= 0 ||
	    inet_pton(AF_INET, address, &ret_address->internet.sin_addr) != 1)
		return 0;
	ret_address->internet.sin_port = htons((uint16_t)atoi(colon + 1));
	return sizeof(ret_address->internet);
}

static int accepted(const union address *address, socklen_t size)
{
	int one = 1, fd = socket(address->any.sa_family, SOCK_STREAM, 0), connection;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &address->any, size) || listen(fd, 1))
		return fail("listen");
	connection = accept(fd, NULL, NULL);
	return connection < 0 ? fail("accept") : connection;
}

static int connected(const union address *address, socklen_t size, int type)
{
	for (int i = 0; size && i < TRIES; i++) {
		int fd = socket(address->any.sa_family, type, 0);

		if (fd < 0)
			return fail("socket");
		if (!connect(fd, &address->any, size))
			return fd;
		if (errno != ENOENT && errno != ECONNREFUSED)
			break;
		close(fd);
		usleep(100000);
	}
	return fail("connect");
}

static int open_in(const char *in)
{
	const char *path = behind(in, "unix:"), *port = behind(in, "tcp:");
	char text[64];
	union address address;
	int fd;

	if (strcmp(in, "-") == 0)
		return 0;
	if (path)
		return accepted(&address, name_address(path, &address));
	if (port) {
		snprintf(text, sizeof(text), "127.0.0.1:%s", port);
		return accepted(&address, internet_address(text, &address));
	}
	fd = open(in, O_RDONLY);
	return fd < 0 ? fail(in) : fd;
}

static int open_out(const char *out)
{
	const char *path = behind(out, "unix:"), *tcp = behind(out, "tcp:"), *udp = behind(out, "udp:");
	union address address;

	if (path)
		return connected(&address, name_address(path, &address), SOCK_STREAM);
	if (tcp || udp)
		return connected(&address, internet_address(tcp ? tcp : udp, &address),
				 tcp ? SOCK_STREAM : SOCK_DGRAM);
	return strcmp(out, "-") == 0 ? 1 : fail("unknown end");
}

int main(int argc, char **argv)
{
	static char bytes[65536];
	size_t n = 0;
	ssize_t got;
	int in, out;

	alarm(60);
	if (argc != 3) {
		fprintf(stderr, "usage: relay IN OUT\n");
		return 1;
	}
	in = open_in(argv[1]);
	if (in < 0)
		return 1;
	while ((got = read(in, bytes + n, sizeof(bytes) - n)) > 0)
		n += (size_t)got;
	if (got < 0)
		return fail("read") != 0;
	out = open_out(argv[2]);
	if (out < 0)
		return 1;
	return write(out, bytes, n) == (ssize_t)n ? 0 : fail("write") != 0;
}
