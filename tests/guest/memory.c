// SPDX-License-Identifier: Apache-2.0
/*
 * A process that holds a record in its memory, and ways to get at that of another. Used by guest cases.
 *
 *	memory hold FILE		reads FILE, prints its pid and the address, and waits to be killed
 *	memory WAY PID ADDRESS		prints what lies there, by attach, seize, vm_readv or proc_mem
 *	memory getfd PID FD		takes a descriptor of the process and prints what it reads
 *	memory trace COMMAND…		runs COMMAND traced from before its exec, lets it run, prints its output
 *	memory map FILE read|exec|shared	opens FILE as needed, maps it, and prints what lies there
 *	memory setflags FILE		sets the flag "no dump" on FILE
 *
 * Exit status 0, or 1 with an error like perror's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 64 /* of the record, at most */

static char held[ROOM];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int show(const char *bytes, ssize_t n, const char *what)
{
	if (n < 0)
		return fail(what);
	return fwrite(bytes, 1, (size_t)n, stdout) == (size_t)n && fflush(stdout) == 0 ? 0 : 1;
}

static int hold(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, held, sizeof(held) - 1) < 0)
		return fail(path);
	printf("%d %p %d\n", getpid(), (void *)held, fd);
	fflush(stdout);
	for (;;)
		pause();
}

static int peek(pid_t pid, char *address, enum __ptrace_request how)
{
	char bytes[ROOM];
	int status;

	if (ptrace(how, pid, NULL, NULL))
		return fail("ptrace");
	if (how == PTRACE_SEIZE && ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return fail("interrupt");
	waitpid(pid, &status, __WALL);
	for (size_t i = 0; i < sizeof(bytes); i += sizeof(long)) {
		long word = ptrace(PTRACE_PEEKDATA, pid, address + i, NULL);

		memcpy(bytes + i, &word, sizeof(word));
	}
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return show(bytes, (ssize_t)strnlen(bytes, sizeof(bytes)), "peek");
}

static int vm_readv(pid_t pid, char *address)
{
	char bytes[ROOM] = "";
	struct iovec mine = {bytes, sizeof(bytes)}, theirs = {address, sizeof(bytes)};

	return show(bytes, process_vm_readv(pid, &mine, 1, &theirs, 1, 0), "process_vm_readv");
}

static int proc_mem(pid_t pid, char *address)
{
	char path[64], bytes[ROOM] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return fail(path);
	return show(bytes, pread(fd, bytes, sizeof(bytes), (off_t)(size_t)address), "pread");
}

static int getfd(pid_t pid, int number)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd;
	char bytes[ROOM] = "";

	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (fd < 0)
		return fail("pidfd_getfd");
	return show(bytes, pread(fd, bytes, sizeof(bytes), 0), "pread");
}

/* Stops at its exec and at every signal; only passed through. */
static int trace(char **command)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(fail("ptrace"));
		execv(command[0], command);
		_exit(fail(command[0]));
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int number = WSTOPSIG(status);

		if (ptrace(PTRACE_CONT, pid, NULL, number == SIGTRAP ? 0 : (size_t)number))
			return fail("cont");
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int map(const char *path, const char *how)
{
	int shared = strcmp(how, "shared") == 0, fd = open(path, shared ? O_RDWR : O_RDONLY);
	char *at;

	if (fd < 0)
		return fail(path);
	at = mmap(NULL, ROOM, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return fail("mmap");
	if (strcmp(how, "exec") == 0 && mprotect(at, ROOM, PROT_READ | PROT_EXEC))
		return fail("mprotect");
	return show(at, (ssize_t)strnlen(at, ROOM), "mmap");
}

static int setflags(const char *path)
{
	int fd = open(path, O_RDONLY), flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags))
		return fail(path);
	flags |= FS_NODUMP_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) ? fail("FS_IOC_SETFLAGS") : 0;
}

int main(int argc, char **argv)
{
	const char *way = argc > 2 ? argv[1] : "";
	pid_t pid = argc > 3 ? atoi(argv[2]) : 0;
	char *address = argc > 3 ? (char *)strtoul(argv[3], NULL, 0) : NULL;

	if (strcmp(way, "hold") == 0)
		return hold(argv[2]);
	if (strcmp(way, "trace") == 0)
		return trace(argv + 2);
	if (strcmp(way, "setflags") == 0)
		return setflags(argv[2]);
	if (strcmp(way, "map") == 0 && argc > 3)
		return map(argv[2], argv[3]);
	if (strcmp(way, "attach") == 0 && pid)
		return peek(pid, address, PTRACE_ATTACH);
	if (strcmp(way, "seize") == 0 && pid)
		return peek(pid, address, PTRACE_SEIZE);
	if (strcmp(way, "vm_readv") == 0 && pid)
		return vm_readv(pid, address);
	if (strcmp(way, "proc_mem") == 0 && pid)
		return proc_mem(pid, address);
	if (strcmp(way, "getfd") == 0 && pid)
		return getfd(pid, (int)(size_t)address);
	fprintf(stderr,
		"usage: memory hold FILE | attach|seize|vm_readv|proc_mem PID ADDRESS | getfd PID FD |\n"
		"       trace COMMAND… | map FILE read|exec|shared | setflags FILE\n");
	return 2;
}
