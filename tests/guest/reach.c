// SPDX-License-Identifier: Apache-2.0
/*
 * Ways to a file's bytes, each through other system calls: `reach WAY FILE [GO]` writes the file's content to
 * standard output, or says on standard error which call failed and why. With GO, a FIFO, the file is opened
 * first, then GO.ready appears, and the bytes are fetched once GO has been written to: for descriptors that
 * are older than a policy.
 *
 * Used by tests/guest/cases. Owns nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <liburing.h>

#define ROOM 65536

struct reach {
	const char *way, *path;
	int fd;
	char *bytes;
	struct io_uring ring;
};

/* Prints the reason; the process ends with the result. */
static int failed(const struct reach *r, const char *call)
{
	fprintf(stderr, "reach: %s: %s: %s\n", r->way, call, strerror(errno));
	return 1;
}

static int show(const struct reach *r, ssize_t n)
{
	if (n < 0)
		return failed(r, "read");
	return write(STDOUT_FILENO, r->bytes, (size_t)n) == n ? 0 : failed(r, "write");
}

/* --- opening --- */

static int open_plainly(struct reach *r)
{
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC);
	return r->fd < 0 ? failed(r, "open") : 0;
}

static int open_by_path_descriptor(struct reach *r)
{
	char name[64];
	int fd = open(r->path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return failed(r, "open with O_PATH");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	r->fd = open(name, O_RDONLY | O_CLOEXEC);
	return r->fd < 0 ? failed(r, "open of /proc/self/fd") : 0;
}

static int drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, "3", 1) == 1;

	if (fd >= 0)
		close(fd);
	return good ? 0 : -1;
}

static int open_handle(struct reach *r, bool cold)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} name = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
	char directory[4096], *slash;
	int mount_id, mount;

	snprintf(directory, sizeof(directory), "%s", r->path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	/* Any descriptor of the file system will do, also one of the directory above the store. */
	slash = strrchr(directory, '/');
	if (slash && !getenv("REACH_MOUNT"))
		*slash = '\0';
	mount = open(getenv("REACH_MOUNT") ? getenv("REACH_MOUNT") : directory,
		     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0)
		return failed(r, "open of a directory on the file system");
	if (name_to_handle_at(AT_FDCWD, r->path, &name.handle, &mount_id, 0))
		return failed(r, "name_to_handle_at");
	sync();
	if (cold && drop_caches())
		return failed(r, "drop_caches");
	r->fd = open_by_handle_at(mount, &name.handle, O_RDONLY | O_CLOEXEC);
	return r->fd < 0 ? failed(r, "open_by_handle_at") : 0;
}

static int open_warm_handle(struct reach *r)
{
	return open_handle(r, false);
}

static int open_cold_handle(struct reach *r)
{
	return open_handle(r, true);
}

/* One name after the other, so that a path may be of any length; directories by O_PATH, which is no opening.
 */
static int open_by_steps(struct reach *r)
{
	char *path = strdup(r->path), *save = NULL, *name, *next;
	int at = open(r->path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (name = strtok_r(path, "/", &save); at >= 0 && name; name = next) {
		next = strtok_r(NULL, "/", &save);
		r->fd = openat(at, name, (next ? O_PATH | O_DIRECTORY : O_RDONLY) | O_CLOEXEC);
		close(at);
		at = r->fd;
	}
	free(path);
	return at < 0 ? failed(r, "openat") : 0;
}

/* --- io_uring --- */

static int uring_done(struct reach *r, const char *call, int *ret_result)
{
	struct io_uring_cqe *cqe;
	int err = io_uring_submit(&r->ring);

	if (err >= 0)
		err = io_uring_wait_cqe(&r->ring, &cqe);
	if (err < 0) {
		errno = -err;
		return failed(r, "io_uring");
	}
	*ret_result = cqe->res;
	io_uring_cqe_seen(&r->ring, cqe);
	errno = *ret_result < 0 ? -*ret_result : 0;
	return *ret_result < 0 ? failed(r, call) : 0;
}

static int uring_start(struct reach *r, unsigned flags)
{
	int err = io_uring_queue_init(8, &r->ring, flags);

	errno = -err;
	return err ? failed(r, "io_uring_setup") : 0;
}

static int uring_open(struct reach *r)
{
	int err = uring_start(r, 0);

	if (err)
		return err;
	io_uring_prep_openat(io_uring_get_sqe(&r->ring), AT_FDCWD, r->path, O_RDONLY | O_CLOEXEC, 0);
	return uring_done(r, "openat by io_uring", &r->fd);
}

static int uring_read(struct reach *r)
{
	int n, err;

	io_uring_prep_read(io_uring_get_sqe(&r->ring), r->fd, r->bytes, ROOM, 0);
	err = uring_done(r, "read by io_uring", &n);
	return err ? err : show(r, n);
}

static int uring_fetch(struct reach *r)
{
	int err = uring_start(r, 0);

	return err ? err : uring_read(r);
}

/* By a thread of the kernel's own, which polls the queue. */
static int uring_poll_fetch(struct reach *r)
{
	int err = uring_start(r, IORING_SETUP_SQPOLL);

	return err ? err : uring_read(r);
}

/* The ring keeps file and buffer; the descriptor is closed. */
static int uring_register(struct reach *r)
{
	struct iovec room = {r->bytes, ROOM};
	int err = open_plainly(r);

	if (!err)
		err = uring_start(r, 0);
	if (err)
		return err;
	err = io_uring_register_files(&r->ring, &r->fd, 1);
	if (!err)
		err = io_uring_register_buffers(&r->ring, &room, 1);
	errno = -err;
	close(r->fd);
	return err ? failed(r, "io_uring_register") : 0;
}

static int uring_fetch_registered(struct reach *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);
	int n, err;

	io_uring_prep_read_fixed(sqe, 0, r->bytes, ROOM, 0, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	err = uring_done(r, "read of a registered file", &n);
	return err ? err : show(r, n);
}

/* --- fetching --- */

static int fetch_read(struct reach *r)
{
	return show(r, read(r->fd, r->bytes, ROOM));
}

static int fetch_preadv2(struct reach *r)
{
	struct iovec room = {r->bytes, ROOM};

	return show(r, preadv2(r->fd, &room, 1, 0, 0));
}

static int fetch_mmap(struct reach *r)
{
	struct stat st;
	void *at;

	if (fstat(r->fd, &st))
		return failed(r, "fstat");
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, r->fd, 0);
	if (at == MAP_FAILED)
		return failed(r, "mmap");
	memcpy(r->bytes, at, (size_t)st.st_size < ROOM ? (size_t)st.st_size : ROOM);
	return show(r, st.st_size < ROOM ? st.st_size : ROOM);
}

/* Into a socket, whose other end is read here. */
static int fetch_sendfile(struct reach *r)
{
	int ends[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return failed(r, "socketpair");
	n = sendfile(ends[0], r->fd, NULL, ROOM);
	if (n < 0)
		return failed(r, "sendfile");
	return show(r, read(ends[1], r->bytes, ROOM));
}

static int fetch_splice(struct reach *r)
{
	int ends[2];
	ssize_t n;

	if (pipe(ends))
		return failed(r, "pipe");
	n = splice(r->fd, NULL, ends[1], NULL, ROOM, 0);
	if (n < 0)
		return failed(r, "splice");
	return show(r, read(ends[0], r->bytes, ROOM));
}

static int fetch_copy(struct reach *r)
{
	char name[] = "/tmp/reach.XXXXXX";
	int copy = mkstemp(name);
	ssize_t n;

	if (copy < 0)
		return failed(r, "mkstemp");
	unlink(name);
	n = copy_file_range(r->fd, NULL, copy, NULL, ROOM, 0);
	/* Between file systems the kernel says EXDEV only after it has asked whether the caller may read. */
	if (n < 0 && errno == EXDEV)
		n = sendfile(copy, r->fd, NULL, ROOM);
	if (n < 0)
		return failed(r, "copy_file_range");
	return show(r, pread(copy, r->bytes, ROOM, 0));
}

/* --- passing a descriptor: path is the file for the giver, the socket for the taker --- */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static int socket_address(struct reach *r, const char *path, struct sockaddr_un *ret_address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", path);
	return fd < 0 ? -failed(r, "socket") : fd;
}

static int give(struct reach *r)
{
	char byte = 0;
	struct iovec one = {&byte, 1};
	union control control = {0};
	struct msghdr message = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct sockaddr_un address;
	int listener = socket_address(r, getenv("REACH_SOCKET"), &address), peer;

	if (listener < 0)
		return 1;
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    chmod(address.sun_path, 0777))
		return failed(r, "listen");
	peer = accept(listener, NULL, NULL);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &r->fd, sizeof(int));
	return sendmsg(peer, &message, 0) == 1 ? 0 : failed(r, "sendmsg");
}

static int take(struct reach *r)
{
	char byte;
	struct iovec one = {&byte, 1};
	union control control = {0};
	struct msghdr message = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct sockaddr_un address;
	int peer = socket_address(r, r->path, &address);

	if (peer < 0)
		return 1;
	if (connect(peer, (struct sockaddr *)&address, sizeof(address)))
		return failed(r, "connect");
	if (recvmsg(peer, &message, 0) != 1 || control.header.cmsg_type != SCM_RIGHTS)
		return failed(r, "recvmsg");
	memcpy(&r->fd, CMSG_DATA(&control.header), sizeof(int));
	return 0;
}

static const struct way {
	const char *name;
	int (*open)(struct reach *r);
	int (*fetch)(struct reach *r);
} ways[] = {
	{"read", open_plainly, fetch_read},
	{"preadv2", open_plainly, fetch_preadv2},
	{"mmap", open_plainly, fetch_mmap},
	{"sendfile", open_plainly, fetch_sendfile},
	{"splice", open_plainly, fetch_splice},
	{"copy_file_range", open_plainly, fetch_copy},
	{"o_path", open_by_path_descriptor, fetch_read},
	{"handle", open_warm_handle, fetch_read},
	{"cold-handle", open_cold_handle, fetch_read},
	{"steps", open_by_steps, fetch_read},
	{"uring", uring_open, uring_read},
	{"uring-read", open_plainly, uring_fetch},
	{"uring-poll", open_plainly, uring_poll_fetch},
	{"uring-registered", uring_register, uring_fetch_registered},
	{"give", open_plainly, give},
	{"take", take, fetch_read},
};

/* Says that the file is open and waits for the word to go on. */
static int wait_for(const struct reach *r, const char *go)
{
	char name[4096], byte;
	int fd;

	snprintf(name, sizeof(name), "%s.ready", go);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return failed(r, "open of GO.ready");
	close(fd);
	fd = open(go, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &byte, 1) < 0)
		return failed(r, "read of GO");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct reach r = {.fd = -1};
	int err;

	for (size_t i = 0; argc >= 3 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]))
			continue;
		r.way = argv[1];
		r.path = argv[2];
		r.bytes = calloc(1, ROOM);
		if (!r.bytes)
			return failed(&r, "calloc");
		err = ways[i].open(&r);
		if (!err && argc > 3)
			err = wait_for(&r, argv[3]);
		return err ? err : ways[i].fetch(&r);
	}
	fprintf(stderr, "usage: reach WAY FILE [GO], WAY one of:");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		fprintf(stderr, " %s", ways[i].name);
	fprintf(stderr, "\n");
	return 2;
}
