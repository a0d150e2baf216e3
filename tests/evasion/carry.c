// SPDX-License-Identifier: Apache-2.0
/*
 * Takes data from one place of the host to another, for the evasion suite's ways out: one call is a step of an attack.
 *
 *	carry pass FROM TO [first] [splice] [uring]	first: opens TO before it waits for anything; the others: by these calls
 *	carry hand FILE SOCKET file|pipe|socket		passes the file to who listens on SOCKET, or a pipe or socket
 *							into which it then writes what it reads
 *	carry lend TO SOCKET				opens TO, and passes it to who connects to SOCKET
 *
 * FROM and TO are KIND,ARGUMENT…: see kinds_in and kinds_out below. Makes `ready` once it listens on a socket. Exit status
 * 0, or 1 with an error like perror's. Ends after ten seconds whatever comes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#define ROOM 4096

struct place {
	char words[256];
	const char *kind, *argument, *port;
	bool once; /* no end of file comes */
	int fd;
	char *at; /* memory that is mapped already */
};

static char bytes[ROOM];

static int fail(const char *what)
{
	fprintf(stderr, "carry: %s: %s\n", what, strerror(errno));
	return -1;
}

static int parse(struct place *p, const char *words)
{
	char *rest = p->words;

	snprintf(p->words, sizeof(p->words), "%s", words);
	p->kind = strsep(&rest, ",");
	p->argument = rest ? strsep(&rest, ",") : "";
	p->port = rest ? rest : "0";
	return 0;
}

/* --- sockets --- */

static const struct {
	const char *kind;
	int family, type, protocol;
} sockets[] = {
	{"tcp", AF_INET, SOCK_STREAM, 0},	   {"udp", AF_INET, SOCK_DGRAM, 0},
	{"unix", AF_UNIX, SOCK_STREAM, 0},	   {"dgram", AF_UNIX, SOCK_DGRAM, 0},
	{"seqpacket", AF_UNIX, SOCK_SEQPACKET, 0}, {"netlink", AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK},
	{"vsock", AF_VSOCK, SOCK_STREAM, 0},
};

union any {
	struct sockaddr_storage storage;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr_un local;
	struct sockaddr_nl netlink;
	struct sockaddr_vm vm;
};

/* A path, or an abstract name after @; ADDRESS,PORT; PORT. */
static socklen_t address_of(const struct place *p, int family, union any *to)
{
	memset(to, 0, sizeof(*to));
	to->storage.ss_family = (sa_family_t)family;
	if (family == AF_UNIX) {
		snprintf(to->local.sun_path, sizeof(to->local.sun_path), "%s", p->argument);
		if (*p->argument == '@')
			to->local.sun_path[0] = 0;
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(p->argument));
	}
	if (family == AF_NETLINK) {
		to->netlink.nl_pid = (unsigned)atoi(p->argument);
		return sizeof(to->netlink);
	}
	if (family == AF_VSOCK) {
		to->vm.svm_cid = VMADDR_CID_LOCAL;
		to->vm.svm_port = (unsigned)atoi(p->argument);
		return sizeof(to->vm);
	}
	to->four.sin_port = htons((uint16_t)atoi(p->port));
	if (inet_pton(AF_INET, p->argument, &to->four.sin_addr) == 1)
		return sizeof(to->four);
	to->storage.ss_family = AF_INET6;
	inet_pton(AF_INET6, p->argument, &to->six.sin6_addr);
	return sizeof(to->six);
}

/* The socket that a kind names, KIND or KIND-l for one that listens; sets its address. */
static int socket_for(struct place *p, union any *to, socklen_t *size)
{
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		size_t n = strlen(sockets[i].kind);

		if (strncmp(sockets[i].kind, p->kind, n) || (p->kind[n] && strcmp(p->kind + n, "-l")))
			continue;
		*size = address_of(p, sockets[i].family, to);
		p->once = sockets[i].type == SOCK_DGRAM || sockets[i].type == SOCK_RAW;
		return socket(to->storage.ss_family, sockets[i].type | SOCK_CLOEXEC, sockets[i].protocol);
	}
	errno = EINVAL;
	return -1;
}

static int listened(struct place *p)
{
	union any at;
	socklen_t size;
	int fd = socket_for(p, &at, &size), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || (!p->once && listen(fd, 1)) ||
	    close(open("ready", O_WRONLY | O_CREAT, 0666)))
		return fail(p->kind);
	return p->once ? fd : accept(fd, NULL, NULL);
}

/* Waits for who is to listen. */
static int connected(struct place *p)
{
	union any to;
	socklen_t size;
	int fd = socket_for(p, &to, &size), err = 1;

	for (int i = 0; fd >= 0 && i < 150; i++) {
		err = connect(fd, (struct sockaddr *)&to, size);
		if (!err || (errno != ECONNREFUSED && errno != ENOENT && errno != ECONNRESET))
			break;
		usleep(20000);
	}
	return err ? fail(p->kind) : fd;
}

/* A descriptor comes or goes by a UNIX socket; *passed < 0: it comes. */
static int pass_fd(int by, int *passed)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = '.';
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.room)};

	if (*passed >= 0) {
		memcpy(CMSG_DATA(&control.header), passed, sizeof(int));
		return sendmsg(by, &message, 0) == 1 ? 0 : fail("passing");
	}
	if (recvmsg(by, &message, 0) != 1 || message.msg_controllen < CMSG_LEN(sizeof(int)))
		return fail("being passed");
	memcpy(passed, CMSG_DATA(&control.header), sizeof(int));
	return 0;
}

static int passed_to(struct place *p, bool listens)
{
	int fd = -1, by;

	p->kind = listens ? "unix-l" : "unix";
	by = listens ? listened(p) : connected(p);
	return by < 0 || pass_fd(by, &fd) ? -1 : fd;
}

/* --- the other places --- */

static bool is_memory(const struct place *p)
{
	return !strcmp(p->kind, "shm") || !strcmp(p->kind, "posix-shm") || !strcmp(p->kind, "map") ||
	       !strcmp(p->kind, "seen");
}

/* The others' is read and written, this kind only read. */
static int memory_of(struct place *p)
{
	bool seen = !strcmp(p->kind, "seen");
	int fd = -1;

	if (p->at)
		return 0;
	if (!strcmp(p->kind, "shm")) {
		int id = shmget(atoi(p->argument), ROOM, IPC_CREAT | 0666);

		p->at = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
	} else {
		fd = strcmp(p->kind, "map") ? shm_open(p->argument, O_RDWR | O_CREAT, 0666)
					    : open(p->argument, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0 || ftruncate(fd, ROOM))
			return fail(p->kind);
		if (seen)
			fd = shm_open(p->argument, O_RDONLY, 0);
		p->at = mmap(NULL, ROOM, PROT_READ | (seen ? 0 : PROT_WRITE), MAP_SHARED, fd, 0);
	}
	return p->at == MAP_FAILED ? fail(p->kind) : 0;
}

/* Waits until something is there. */
static ssize_t take_memory(struct place *p)
{
	if (memory_of(p) || close(open("ready", O_WRONLY | O_CREAT, 0666)))
		return -1;
	for (int i = 0; i < 250 && !*(volatile char *)p->at; i++)
		usleep(20000);
	usleep(100000);
	return (ssize_t)strlen(memcpy(bytes, p->at, ROOM));
}

static int queue_of(const struct place *p)
{
	struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = ROOM};

	return mq_open(p->argument, O_RDWR | O_CREAT, 0666, &attr);
}

/* A terminal, whose name goes to the file ARGUMENT. */
static int terminal(const struct place *p)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), file;
	struct termios t;
	const char *name;

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || tcgetattr(fd, &t))
		return fail("posix_openpt");
	cfmakeraw(&t);
	name = ptsname(fd);
	if (tcsetattr(fd, TCSANOW, &t) || open(name, O_RDWR | O_NOCTTY) < 0)
		return fail("terminal");
	file = open(p->argument, O_WRONLY | O_CREAT, 0666);
	return write(file, name, strlen(name)) < 0 ? fail(p->argument) : fd;
}

struct letter {
	long type;
	char text[ROOM];
};

/* What has no descriptor to read or write: 0 where it is none of these, bytes, or -1. */
static ssize_t take_other(struct place *p)
{
	static struct letter letter;
	ssize_t n;

	p->once = true;
	if (is_memory(p))
		return take_memory(p);
	if (!strcmp(p->kind, "mq"))
		return mq_receive(queue_of(p), bytes, ROOM, NULL);
	if (!strcmp(p->kind, "msg")) {
		n = msgrcv(msgget(atoi(p->argument), IPC_CREAT | 0666), &letter, ROOM, 0, 0);
		memcpy(bytes, letter.text, ROOM);
		return n;
	}
	if (!strcmp(p->kind, "key"))
		return syscall(
			SYS_keyctl, KEYCTL_READ,
			syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", p->argument, 0),
			bytes, ROOM);
	if (!strcmp(p->kind, "xattr"))
		return getxattr(p->argument, "user.note", bytes, ROOM);
	if (!strcmp(p->kind, "env"))
		return snprintf(bytes, ROOM, "%s", getenv(p->argument));
	p->once = false;
	return 0;
}

/* 1: it is none of these. */
static int give_other(struct place *p, size_t n)
{
	static struct letter letter = {.type = 1};

	if (is_memory(p))
		return memory_of(p) ? -1 : !memcpy(p->at, bytes, n);
	if (!strcmp(p->kind, "mq"))
		return mq_send(queue_of(p), bytes, n, 0);
	if (!strcmp(p->kind, "msg")) {
		memcpy(letter.text, bytes, n);
		return msgsnd(msgget(atoi(p->argument), IPC_CREAT | 0666), &letter, n, 0);
	}
	if (!strcmp(p->kind, "key"))
		return syscall(SYS_add_key, "user", p->argument, bytes, n, KEY_SPEC_USER_KEYRING) < 0 ? -1
												      : 0;
	if (!strcmp(p->kind, "xattr"))
		return setxattr(p->argument, "user.note", bytes, n, 0);
	return 1;
}

static int open_in(struct place *p)
{
	if (!strcmp(p->kind, "-"))
		return STDIN_FILENO;
	if (!strcmp(p->kind, "file"))
		return open(p->argument, O_RDONLY | O_CLOEXEC);
	if (!strcmp(p->kind, "passed"))
		return passed_to(p, true);
	p->once = !strcmp(p->kind, "pty");
	return p->once ? terminal(p) : listened(p);
}

static int open_out(struct place *p)
{
	if (!strcmp(p->kind, "-"))
		return STDOUT_FILENO;
	if (!strcmp(p->kind, "file"))
		return open(p->argument, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666);
	return !strcmp(p->kind, "lent") ? passed_to(p, false) : connected(p);
}

/* --- passing on --- */

static ssize_t take_by_uring(int fd)
{
	static struct io_uring ring;
	struct io_uring_cqe *cqe;
	ssize_t n;

	if (io_uring_queue_init(2, &ring, 0))
		return -1;
	io_uring_prep_read(io_uring_get_sqe(&ring), fd, bytes, ROOM, 0);
	if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &cqe))
		return -1;
	n = cqe->res;
	errno = n < 0 ? (int)-n : 0;
	io_uring_queue_exit(&ring);
	return n;
}

static int splice_all(int from, int to)
{
	int pipes[2];
	ssize_t n;

	if (pipe(pipes))
		return fail("pipe");
	while ((n = splice(from, NULL, pipes[1], NULL, ROOM, 0)) > 0)
		if (splice(pipes[0], NULL, to, NULL, (size_t)n, 0) != n)
			return fail("splice to");
	return n < 0 ? fail("splice from") : 0;
}

static int give(struct place *to, size_t n)
{
	int err = give_other(to, n);

	if (err <= 0)
		return err ? fail(to->kind) : 0;
	if (to->fd < 0)
		to->fd = open_out(to);
	if (to->fd < 0)
		return fail(to->kind);
	return write(to->fd, bytes, n) == (ssize_t)n ? 0 : fail("write");
}

static bool asked(char **words, const char *word)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words;
}

static int pass(char **a)
{
	struct place from = {.fd = -1}, to = {.fd = -1};
	ssize_t n;

	parse(&from, a[0]);
	parse(&to, a[1]);
	if (asked(a + 2, "first") && (is_memory(&to) ? memory_of(&to) : (to.fd = open_out(&to))) < 0)
		return fail(a[1]);
	n = take_other(&from);
	if (n)
		return n < 0 ? fail(from.kind) : give(&to, (size_t)n);
	from.fd = open_in(&from);
	if (from.fd < 0)
		return fail(a[0]);
	if (asked(a + 2, "splice"))
		return splice_all(from.fd, to.fd);
	do {
		n = asked(a + 2, "uring") ? take_by_uring(from.fd) : read(from.fd, bytes, ROOM);
		if (n > 0 && give(&to, (size_t)n))
			return -1;
	} while (n > 0 && !from.once);
	return n < 0 ? fail("read") : 0;
}

/* What it reads it writes where the other one waits, once that one has its end. */
static int hand(char **a)
{
	struct place by = {.fd = -1};
	int ends[2], socket;
	ssize_t n;

	parse(&by, a[1]);
	by.argument = by.kind;
	by.kind = "unix";
	if (!strcmp(a[2], "pipe") ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return fail(a[2]);
	if (!strcmp(a[2], "file"))
		ends[0] = open(a[0], O_RDONLY | O_CLOEXEC);
	socket = ends[0] < 0 ? fail(a[0]) : connected(&by);
	if (socket < 0 || pass_fd(socket, &ends[0]))
		return -1;
	if (!strcmp(a[2], "file"))
		return 0;
	n = read(open(a[0], O_RDONLY | O_CLOEXEC), bytes, ROOM);
	return n > 0 && write(ends[1], bytes, (size_t)n) == n ? 0 : fail("write");
}

static int lend(char **a)
{
	struct place to = {.fd = -1}, by = {.kind = "unix-l", .argument = a[1]};
	int fd, socket;

	parse(&to, a[0]);
	fd = open_out(&to);
	socket = fd < 0 ? -1 : listened(&by);
	return socket < 0 ? -1 : pass_fd(socket, &fd);
}

static const struct {
	const char *name;
	int arguments; /* at least */
	int (*fn)(char **a);
} ways[] = {
	{"pass", 2, pass},
	{"hand", 3, hand},
	{"lend", 2, lend},
};

int main(int argc, char **argv)
{
	alarm(10);
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[1]) && argc - 2 >= ways[i].arguments)
			return ways[i].fn(argv + 2) ? 1 : 0;
	fprintf(stderr, "usage: carry pass|hand|lend ARGUMENT…\n");
	return 2;
}
