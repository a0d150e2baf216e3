// SPDX-License-Identifier: Apache-2.0
/*
 * Loads code in several ways, then prints a file; and, compiled with -DTHEFT -shared, the code that is loaded. Used by
 * guest cases and the evasion suite.
 *
 *	loader read - FILE		loads nothing
 *	loader dlopen LIBRARY FILE
 *	loader memfd LIBRARY FILE	loads a copy of the library that has no name
 *	loader mprotect LIBRARY FILE	maps the library as data, then makes that executable
 *	loader readimplies LIBRARY FILE	maps it as data in a personality where data are executable
 *	loader jit - FILE		runs code from memory that it has written
 *	loader thread LIBRARY FILE	reads FILE in one thread, before and after another has loaded the library
 *	loader hold FIFO FILE		makes FIFO.ready, waits for somebody to write to FIFO
 *
 * Exit status 0, or 1 with an error like perror's. The library prints the file named by $R and ends the process.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

static int print(const char *path)
{
	char bytes[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	if (n < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	return write(1, bytes, (size_t)n) == n ? 0 : 1;
}

#ifdef THEFT
unsigned la_version(unsigned version);
unsigned la_version(unsigned version)
{
	return version;
}

__attribute__((constructor)) static void theft(void)
{
	if (getenv("R"))
		_exit(print(getenv("R")));
}
#else
static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int map(const char *library, int protection, int later)
{
	int fd = open(library, O_RDONLY);
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, protection, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED || (later && mprotect(at, 4096, later)))
		return fail(library);
	return 0;
}

/* The dynamic loader does not tell why it could not map a library: asked again. */
static int load(const char *library)
{
	if (dlopen(library, RTLD_NOW))
		return 0;
	fprintf(stderr, "%s\n", dlerror());
	map(library, PROT_READ | PROT_EXEC, 0);
	return 1;
}

static int load_memfd(const char *library)
{
	int from = open(library, O_RDONLY), to = memfd_create("library", 0);
	char path[64];
	struct stat st;
	void *bytes;

	if (from < 0 || to < 0 || fstat(from, &st))
		return fail(library);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, from, 0);
	if (bytes == MAP_FAILED || write(to, bytes, (size_t)st.st_size) != st.st_size)
		return fail("memfd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	return load(path);
}

static int run_written(void)
{
	static const unsigned char code[] = {0xb8, 7, 0, 0, 0, 0xc3}; /* mov $7, %eax; ret */
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int (*function)(void);

	if (at == MAP_FAILED)
		return fail("mmap");
	memcpy(at, code, sizeof(code));
	if (mprotect(at, 4096, PROT_READ | PROT_EXEC))
		return fail("mprotect");
	memcpy(&function, &at, sizeof(function));
	return function() == 7 ? 0 : 1;
}

static int wait_for(const char *fifo)
{
	char ready[4096], byte;
	int fd;

	snprintf(ready, sizeof(ready), "%s.ready", fifo);
	fd = creat(ready, 0600);
	if (fd >= 0)
		close(fd);
	fd = open(fifo, O_RDONLY);
	return fd < 0 || read(fd, &byte, 1) < 0 ? fail(fifo) : 0;
}

static void *load_in_thread(void *library)
{
	load(library);
	return NULL;
}

static int load_beside(const char *library, const char *path)
{
	pthread_t thread;

	if (print(path) || pthread_create(&thread, NULL, load_in_thread, (void *)(size_t)library))
		return fail("thread");
	pthread_join(thread, NULL);
	return 0;
}

static int load_by(const char *way, const char *library, const char *path)
{
	if (!strcmp(way, "read"))
		return 0;
	if (!strcmp(way, "dlopen"))
		return load(library);
	if (!strcmp(way, "memfd"))
		return load_memfd(library);
	if (!strcmp(way, "mprotect"))
		return map(library, PROT_READ, PROT_READ | PROT_EXEC);
	if (!strcmp(way, "readimplies"))
		return personality(READ_IMPLIES_EXEC) < 0 ? fail("personality") : map(library, PROT_READ, 0);
	if (!strcmp(way, "jit"))
		return run_written();
	if (!strcmp(way, "hold"))
		return wait_for(library);
	if (!strcmp(way, "thread"))
		return load_beside(library, path);
	errno = EINVAL;
	return fail(way);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	return load_by(argv[1], argv[2], argv[3]) ? 1 : print(argv[3]);
}
#endif
