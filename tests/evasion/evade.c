// SPDX-License-Identifier: Apache-2.0
/*
 * Attacks of the evasion suite that no shell command makes: `evade WAY ARGUMENT…`. What reads writes to standard
 * output; a failed call is named on standard error, like perror. Used by tests/evasion/cases. Owns nothing.
 *
 * The ways with [GO] open FILE first; given GO, a FIFO, they then make GO.ready and act once GO was written to: for
 * descriptors that are older than the policy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <liburing.h>

#define ROOM	   4096
#define HELD_FD	   77
#define RACES	   200000 /* at most, and */
#define REFUSALS   20	  /* as many refusals */
#define TREE_CLONE 1
#define FROM_EMPTY 4 /* MOVE_MOUNT_F_EMPTY_PATH */

static char bytes[ROOM];

static int failed(const char *call)
{
	fprintf(stderr, "evade: %s: %s\n", call, strerror(errno));
	return 1;
}

static int show(ssize_t n, const char *call)
{
	if (n < 0)
		return failed(call);
	return write(STDOUT_FILENO, bytes, (size_t)n) == n ? 0 : failed("write");
}

/* Says that all is open, and waits for the word to go on. */
static int wait_for(const char *go)
{
	char name[ROOM], byte;
	int fd;

	if (!go)
		return 0;
	snprintf(name, sizeof(name), "%s.ready", go);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return failed(name);
	close(fd);
	fd = open(go, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &byte, 1) < 0)
		return failed(go);
	close(fd);
	return 0;
}

static int open_and_wait(const char *path, int flags, const char *go)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		return -failed(path);
	return wait_for(go) ? -1 : fd;
}

/* --- reading --- */

static int by_openat2(char **a)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, a[0], &how, sizeof(how));

	return fd < 0 ? failed("openat2") : show(read(fd, bytes, ROOM), "read");
}

/* Linux's own asynchronous reads, io_submit. */
static int by_aio(char **a)
{
	int fd = open_and_wait(a[0], O_RDONLY, a[1]);
	struct iocb one = {.aio_fildes = (unsigned)fd,
			   .aio_lio_opcode = IOCB_CMD_PREAD,
			   .aio_buf = (unsigned long)bytes,
			   .aio_nbytes = ROOM},
		    *list = &one;
	struct io_event event = {0};
	aio_context_t context = 0;

	if (fd < 0)
		return 1;
	if (syscall(SYS_io_setup, 1, &context) || syscall(SYS_io_submit, context, 1, &list) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return failed("io_submit");
	errno = event.res < 0 ? (int)-event.res : 0;
	return show((ssize_t)event.res, "io_submit's read");
}

static int show_below(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? failed(name) : show(read(fd, bytes, ROOM), "read");
}

/* A copy of the mount that no path leads to. */
static int by_tree(char **a)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, a[0], TREE_CLONE | O_CLOEXEC);

	return tree < 0 ? failed("open_tree") : show_below(tree, a[1]);
}

static int by_move_mount(char **a)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, a[0], TREE_CLONE | O_CLOEXEC), at;

	if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, a[1], FROM_EMPTY))
		return failed("move_mount");
	at = open(a[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	return at < 0 ? failed(a[1]) : show_below(at, a[2]);
}

/* DEVICE DIR: without a look at what lies there, as mount(8) takes one. */
static int by_mount(char **a)
{
	return mount(a[0], a[1], "ext4", 0, NULL) ? failed("mount") : 0;
}

struct race {
	char **names;
	atomic_bool over;
};

static void *flip(void *ctx)
{
	struct race *r = (struct race *)ctx;

	for (unsigned i = 0; !atomic_load(&r->over); i++) {
		unlink(r->names[2]);
		if (symlink(r->names[i & 1], r->names[2]))
			break;
	}
	return NULL;
}

/* RECORD DECOY NAME: opens NAME while another thread makes it lead to the one and the other. */
static int by_race(char **a)
{
	struct race r = {.names = a};
	pthread_t flipper;
	int status = 1, refusals = 0;

	if (pthread_create(&flipper, NULL, flip, &r))
		return failed("pthread_create");
	for (int i = 0; i < RACES && refusals < REFUSALS && status; i++) {
		int fd = open(a[2], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, bytes, ROOM);

		if (n > 0 && memcmp(bytes, "decoy", 5))
			status = show(n, "read");
		if (fd >= 0)
			close(fd);
		else if (errno == EACCES && refusals++ == 0)
			failed(a[2]);
		if (i % 16 == 0)
			sched_yield();
	}
	atomic_store(&r.over, true);
	pthread_join(flipper, NULL);
	return status;
}

/* FILE [GO]: maps it, and looks only then. */
static int by_old_mapping(char **a)
{
	int fd = open(a[0], O_RDONLY | O_CLOEXEC);
	char *at = fd < 0 ? MAP_FAILED : mmap(NULL, ROOM, PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return failed(a[0]);
	if (wait_for(a[1]))
		return 1;
	memcpy(bytes, at, ROOM);
	return show((ssize_t)strnlen(bytes, ROOM), "mmap");
}

/* FILE: a permitted process that has the record in its memory, mapped and open: prints how, then waits. */
/* Where it will be is told before it reads, as what it writes afterwards nobody else may read; then it makes reader.ready. */
static int hold(char **a)
{
	void *at = mmap(NULL, ROOM, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	printf("%d %p %d %lx-%lx\n", getpid(), (void *)bytes, HELD_FD, (unsigned long)at,
	       (unsigned long)at + ROOM);
	fflush(stdout);
	fd = open(a[0], O_RDONLY);
	if (fd < 0 || dup2(fd, HELD_FD) < 0 || pread(fd, bytes, 64, 0) < 0 ||
	    mmap(at, ROOM, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return failed(a[0]);
	close(open("reader.ready", O_WRONLY | O_CREAT, 0666));
	alarm(120);
	for (;;)
		pause();
}

/* --- destroying --- */

static int by_uring(char **a, void (*prepare)(struct io_uring_sqe *sqe, char **a))
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int err = io_uring_queue_init(2, &ring, 0);

	errno = -err;
	if (err)
		return failed("io_uring_setup");
	prepare(io_uring_get_sqe(&ring), a);
	err = io_uring_submit_and_wait(&ring, 1);
	if (err < 0 || io_uring_peek_cqe(&ring, &cqe))
		return failed("io_uring");
	errno = -cqe->res;
	return cqe->res < 0 ? failed("io_uring's operation") : 0;
}

static void prepare_unlink(struct io_uring_sqe *sqe, char **a)
{
	io_uring_prep_unlinkat(sqe, AT_FDCWD, a[0], 0);
}

static void prepare_rename(struct io_uring_sqe *sqe, char **a)
{
	io_uring_prep_renameat(sqe, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

static void prepare_mkdir(struct io_uring_sqe *sqe, char **a)
{
	io_uring_prep_mkdirat(sqe, AT_FDCWD, a[0], 0755);
}

static void prepare_link(struct io_uring_sqe *sqe, char **a)
{
	io_uring_prep_linkat(sqe, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

static int uring_unlink(char **a)
{
	return by_uring(a, prepare_unlink);
}

static int uring_rename(char **a)
{
	return by_uring(a, prepare_rename);
}

static int uring_mkdir(char **a)
{
	return by_uring(a, prepare_mkdir);
}

static int uring_link(char **a)
{
	return by_uring(a, prepare_link);
}

static int by_ftruncate(char **a)
{
	int fd = open_and_wait(a[0], O_RDWR, a[1]);

	return fd < 0 || ftruncate(fd, 3) ? failed("ftruncate") : 0;
}

static int by_punch(char **a)
{
	int fd = open_and_wait(a[0], O_RDWR, a[1]);

	return fd < 0 || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8) ? failed("fallocate")
											 : 0;
}

static int by_write(char **a)
{
	int fd = open_and_wait(a[0], O_RDWR, a[1]);

	return fd < 0 || pwrite(fd, "scrambled", 9, 0) != 9 ? failed("pwrite") : 0;
}

static int by_mapping(char **a)
{
	int fd = open_and_wait(a[0], O_RDWR, a[1]);
	char *at = fd < 0 ? MAP_FAILED : mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return failed("mmap");
	memcpy(at, "scrambled", 9);
	return msync(at, ROOM, MS_SYNC) ? failed("msync") : 0;
}

/* FILE SOURCE [GO]: the source's blocks become the file's. */
static int by_clone(char **a)
{
	int fd = open_and_wait(a[0], O_RDWR, a[2]), source = open(a[1], O_RDONLY | O_CLOEXEC);

	return fd < 0 || ioctl(fd, FICLONE, source) ? failed("FICLONE") : 0;
}

/* FILE SOURCE [GO]: the kernel copies into the file. */
static int by_copy(char **a)
{
	int fd = open_and_wait(a[0], O_RDWR, a[2]), source = open(a[1], O_RDONLY | O_CLOEXEC);

	return fd < 0 || copy_file_range(source, NULL, fd, NULL, 6, 0) != 6 ? failed("copy_file_range") : 0;
}

/* DIR NAME: a file without a name gets one. */
static int by_tmpfile(char **a)
{
	char name[64];
	int fd = open(a[0], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		return failed("O_TMPFILE");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, name, AT_FDCWD, a[1], AT_SYMLINK_FOLLOW) ? failed("linkat") : 0;
}

/* MOUNT FILE: emptied by its file handle. */
static int by_handle(char **a)
{
	struct {
		struct file_handle handle;
		unsigned char room[MAX_HANDLE_SZ];
	} name = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
	int id, mount = open(a[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (mount < 0 || name_to_handle_at(AT_FDCWD, a[1], &name.handle, &id, 0))
		return failed("name_to_handle_at");
	return open_by_handle_at(mount, &name.handle, O_WRONLY | O_TRUNC | O_CLOEXEC) < 0
		       ? failed("open_by_handle_at")
		       : 0;
}

/* --- the monitor --- */

/* FILE N: opens FILE N times and says how often it could. */
static int flood(char **a)
{
	long n = strtol(a[1], NULL, 10), good = 0;

	for (long i = 0; i < n; i++) {
		int fd = open(a[0], O_RDONLY | O_CLOEXEC);

		good += fd >= 0;
		if (fd >= 0)
			close(fd);
	}
	printf("%ld\n", good);
	return 0;
}

/* PID: ends it by a descriptor of the process. */
static int pidfd_kill(char **a)
{
	int fd = (int)syscall(SYS_pidfd_open, atoi(a[0]), 0);

	return fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) ? failed("pidfd_send_signal")
									      : 0;
}

static const struct way {
	const char *name;
	int arguments; /* at least */
	int (*fn)(char **a);
} ways[] = {
	{"openat2", 1, by_openat2},
	{"aio", 1, by_aio},
	{"tree", 2, by_tree},
	{"move-mount", 3, by_move_mount},
	{"mount", 2, by_mount},
	{"race", 3, by_race},
	{"old-mapping", 1, by_old_mapping},
	{"hold", 1, hold},
	{"uring-unlink", 1, uring_unlink},
	{"uring-rename", 2, uring_rename},
	{"uring-mkdir", 1, uring_mkdir},
	{"uring-link", 2, uring_link},
	{"ftruncate", 1, by_ftruncate},
	{"punch", 1, by_punch},
	{"write", 1, by_write},
	{"mapping", 1, by_mapping},
	{"clone", 2, by_clone},
	{"copy", 2, by_copy},
	{"tmpfile", 2, by_tmpfile},
	{"handle", 2, by_handle},
	{"flood", 2, flood},
	{"pidfd-kill", 1, pidfd_kill},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, argv[1]) == 0 && argc - 2 >= ways[i].arguments)
			return ways[i].fn(argv + 2);
	fprintf(stderr, "usage: evade WAY ARGUMENT…, WAY one of:");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		fprintf(stderr, " %s", ways[i].name);
	fprintf(stderr, "\n");
	return 2;
}
