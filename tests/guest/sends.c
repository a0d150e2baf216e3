// SPDX-License-Identifier: Apache-2.0
/*
 * Reads a record and sends it away, each time by another way. Used by guest cases and the evasion suite.
 *
 *	sends WAY FILE ADDRESS PORT [INTERFACE]		FILE may be -, for standard input
 *
 *	tcp		connects after it has read		before		connects before
 *	inherited	a child reads, and sends by the parent's connection
 *	writev, sendmsg, sendmmsg, zerocopy			the same by other calls
 *	sendfile, splice					out of the file itself
 *	fastopen	sendto that connects			uring		io_uring connects and sends
 *	answer		listens on PORT, and answers whoever connects
 *	udp, udp-connected, ping, raw, packet (on INTERFACE), netlink (to process PORT), vsock
 *	tell		sends by UDP to PORT, from a process that got it through a UNIX socket pair
 *	ask		fetches: connects, without having read FILE, and prints what comes
 *
 * Exit status 0 when every call did what it was asked, or 1 with an error like perror's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct sends {
	const char *file;
	const char *interface;
	struct sockaddr_storage to;
	socklen_t to_size;
	int family;
	int port;
	int fd; /* of file */
	size_t size;
	char bytes[1400];
};

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* What was read, or the reason why not. */
static int take(struct sends *s)
{
	ssize_t n;

	s->fd = strcmp(s->file, "-") ? open(s->file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	n = s->fd < 0 ? -1 : read(s->fd, s->bytes, sizeof(s->bytes));
	if (n <= 0)
		return fail(s->file);
	s->size = (size_t)n;
	return 0;
}

static int connected(const struct sends *s, int type, int protocol)
{
	int fd = socket(s->family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&s->to, s->to_size)) {
		perror("connect");
		return -1;
	}
	return fd;
}

/* Ends the connection in peace, so that what was sent comes to its end. */
static int over(int fd, ssize_t sent, const char *what)
{
	char rest[64];

	if (sent <= 0)
		return fail(what);
	shutdown(fd, SHUT_WR);
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	return 0;
}

static int by_tcp(struct sends *s)
{
	int fd;

	if (take(s))
		return 1;
	fd = connected(s, SOCK_STREAM, 0);
	return fd < 0 ? 1 : over(fd, write(fd, s->bytes, s->size), "write");
}

static int by_connection_before(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0);

	return fd < 0 || take(s) ? 1 : over(fd, write(fd, s->bytes, s->size), "write");
}

static int by_inherited(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0), status;
	pid_t child = fd < 0 ? -1 : fork();

	if (child < 0)
		return 1;
	if (!child)
		_exit(take(s) || over(fd, send(fd, s->bytes, s->size, 0), "send"));
	return waitpid(child, &status, 0) != child || status;
}

static int by_writev(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0);
	struct iovec part;

	if (fd < 0 || take(s))
		return 1;
	part = (struct iovec){s->bytes, s->size};
	return over(fd, writev(fd, &part, 1), "writev");
}

static int by_message(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0);
	struct iovec part;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd < 0 || take(s))
		return 1;
	part = (struct iovec){s->bytes, s->size};
	return over(fd, sendmsg(fd, &message, 0), "sendmsg");
}

static int by_messages(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0);
	struct iovec part;
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};

	if (fd < 0 || take(s))
		return 1;
	part = (struct iovec){s->bytes, s->size};
	messages[1] = messages[0];
	return over(fd, sendmmsg(fd, messages, 2, 0), "sendmmsg");
}

static int by_zero_copy(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) || take(s))
		return fail("SO_ZEROCOPY");
	return over(fd, send(fd, s->bytes, s->size, MSG_ZEROCOPY), "send");
}

static int by_sendfile(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0);
	off_t start = 0;

	return fd < 0 || take(s) ? 1 : over(fd, sendfile(fd, s->fd, &start, s->size), "sendfile");
}

static int by_splice(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0), pipes[2];
	loff_t start = 0;
	ssize_t n;

	if (fd < 0 || take(s) || pipe(pipes))
		return 1;
	n = splice(s->fd, &start, pipes[1], NULL, s->size, 0);
	return n <= 0 ? fail("splice") : over(fd, splice(pipes[0], NULL, fd, NULL, (size_t)n, 0), "splice");
}

static int by_fast_open(struct sends *s)
{
	int fd = socket(s->family, SOCK_STREAM, 0);

	if (take(s))
		return 1;
	return over(fd, sendto(fd, s->bytes, s->size, MSG_FASTOPEN, (struct sockaddr *)&s->to, s->to_size),
		    "sendto");
}

static int completed(struct io_uring *ring, const char *what)
{
	struct io_uring_cqe *cqe;
	int err = io_uring_submit_and_wait(ring, 1);

	if (err >= 0)
		err = io_uring_peek_cqe(ring, &cqe);
	if (!err)
		err = cqe->res < 0 ? cqe->res : 0;
	if (err < 0) {
		errno = -err;
		return fail(what);
	}
	io_uring_cqe_seen(ring, cqe);
	return 0;
}

static int by_uring(struct sends *s)
{
	int fd = socket(s->family, SOCK_STREAM, 0), err;
	struct io_uring ring;

	err = io_uring_queue_init(4, &ring, 0);
	if (err < 0) {
		errno = -err;
		return fail("io_uring_setup");
	}
	io_uring_prep_connect(io_uring_get_sqe(&ring), fd, (struct sockaddr *)&s->to, s->to_size);
	if (completed(&ring, "connect by io_uring") || take(s))
		return 1;
	io_uring_prep_send(io_uring_get_sqe(&ring), fd, s->bytes, s->size, 0);
	return completed(&ring, "send by io_uring") ? 1 : over(fd, 1, "");
}

static int by_answer(struct sends *s)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)s->port)};
	int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1, client;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (take(s) || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1))
		return fail("listen");
	client = accept(fd, NULL, NULL);
	return over(client, send(client, s->bytes, s->size, MSG_NOSIGNAL), "send");
}

static int by_datagram(struct sends *s)
{
	int fd = socket(s->family, SOCK_DGRAM, 0);

	if (take(s))
		return 1;
	return sendto(fd, s->bytes, s->size, 0, (struct sockaddr *)&s->to, s->to_size) < 0 ? fail("sendto")
											   : 0;
}

static int by_connected_datagram(struct sends *s)
{
	int fd = connected(s, SOCK_DGRAM, 0);

	return fd < 0 || take(s) ? 1 : send(fd, s->bytes, s->size, 0) < 0 ? fail("send") : 0;
}

static int by_ping(struct sends *s)
{
	struct {
		struct icmphdr header;
		char bytes[1400];
	} echo = {.header = {.type = ICMP_ECHO}};
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

	if (fd < 0)
		fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	if (fd < 0 || take(s))
		return fail("socket");
	memcpy(echo.bytes, s->bytes, s->size);
	return sendto(fd, &echo, sizeof(echo.header) + s->size, 0, (struct sockaddr *)&s->to, s->to_size) < 0
		       ? fail("sendto")
		       : 0;
}

static int by_raw(struct sends *s)
{
	int fd = socket(s->family, SOCK_RAW, 253); /* for experiments: RFC 3692 */

	if (fd < 0 || take(s))
		return fail("socket");
	((struct sockaddr_in *)&s->to)->sin_port = 0;
	return sendto(fd, s->bytes, s->size, 0, (struct sockaddr *)&s->to, s->to_size) < 0 ? fail("sendto")
											   : 0;
}

static int by_packet(struct sends *s)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_802_EX1),
				 .sll_ifindex = (int)if_nametoindex(s->interface),
				 .sll_halen = ETH_ALEN};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	memset(to.sll_addr, 0xff, ETH_ALEN);
	if (fd < 0 || take(s))
		return fail("socket");
	return sendto(fd, s->bytes, s->size, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? fail("sendto") : 0;
}

static int by_netlink(struct sends *s)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)s->port};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);

	if (fd < 0 || take(s))
		return fail("socket");
	return sendto(fd, s->bytes, s->size, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? fail("sendto") : 0;
}

static int by_vsock(struct sends *s)
{
	struct sockaddr_vm to = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = (unsigned)s->port};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) || take(s))
		return fail("connect");
	return over(fd, send(fd, s->bytes, s->size, 0), "send");
}

/* A process that has read nothing sends on what it receives. */
static int by_telling(struct sends *s)
{
	int pair[2], status;
	pid_t child;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return fail("socketpair");
	child = fork();
	if (!child) {
		close(pair[0]);
		_exit(take(s) || write(pair[1], s->bytes, s->size) < 0);
	}
	close(pair[1]);
	n = read(pair[0], s->bytes, sizeof(s->bytes));
	if (waitpid(child, &status, 0) != child || status || n <= 0)
		return fail("read");
	s->size = (size_t)n;
	return sendto(socket(s->family, SOCK_DGRAM, 0), s->bytes, s->size, 0, (struct sockaddr *)&s->to,
		      s->to_size) < 0
		       ? fail("sendto")
		       : 0;
}

static int by_asking(struct sends *s)
{
	int fd = connected(s, SOCK_STREAM, 0);
	ssize_t n;

	if (fd < 0)
		return 1;
	while ((n = read(fd, s->bytes, sizeof(s->bytes))) > 0)
		if (fwrite(s->bytes, 1, (size_t)n, stdout) != (size_t)n)
			return fail("stdout");
	return n < 0 ? fail("read") : 0;
}

static const struct {
	const char *name;
	int (*way)(struct sends *s);
} ways[] = {
	{"tcp", by_tcp},
	{"before", by_connection_before},
	{"inherited", by_inherited},
	{"writev", by_writev},
	{"sendmsg", by_message},
	{"sendmmsg", by_messages},
	{"zerocopy", by_zero_copy},
	{"sendfile", by_sendfile},
	{"splice", by_splice},
	{"fastopen", by_fast_open},
	{"uring", by_uring},
	{"answer", by_answer},
	{"udp", by_datagram},
	{"udp-connected", by_connected_datagram},
	{"ping", by_ping},
	{"raw", by_raw},
	{"packet", by_packet},
	{"netlink", by_netlink},
	{"vsock", by_vsock},
	{"tell", by_telling},
	{"ask", by_asking},
};

static void aim(struct sends *s, const char *address, int port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&s->to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s->to;

	s->port = port;
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		s->family = four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		s->to_size = sizeof(*four);
	} else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		s->family = six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		s->to_size = sizeof(*six);
	}
}

int main(int argc, char **argv)
{
	static struct sends s;

	alarm(20);
	for (size_t i = 0; argc >= 5 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		s.file = argv[2];
		s.interface = argc > 5 ? argv[5] : "lo";
		aim(&s, argv[3], atoi(argv[4]));
		return ways[i].way(&s);
	}
	fprintf(stderr, "usage: sends WAY FILE ADDRESS PORT [INTERFACE]\n");
	return 2;
}
