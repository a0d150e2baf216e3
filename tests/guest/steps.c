// SPDX-License-Identifier: Apache-2.0
/*
 * A process that takes steps, one after the other, with what it has read in its memory. Used by guest cases.
 *
 *	steps STEP…
 *
 *	read FILE	prints the file		take FILE	reads it, prints nothing
 *	fork		a child goes on		exec		goes on after execve of this program
 *	thread S FILE	a thread takes step S (read or take) and ends
 *	child S FILE	likewise a child that shares the memory (CLONE_VM)
 *	texec		as exec, but a thread asks for it	become FILE	as exec, of another program
 *	peek PID AT	takes 32 bytes of another process's memory
 *	wait FILE	until the file is there		slurp		reads standard input to its end
 *	splice FILE	to standard output		sendfile FILE	likewise
 *	relay		splices standard input to standard output	tee	likewise
 *	open FILE	for writing, to be kept open	put		writes what it has read last there
 *	map		the same by a shared mapping
 *	hold		maps that file to write to it	fill	writes there what it has read last
 *	view		maps it to be read		loosen	that may be written from now on
 *	pour		vmsplices what it has read last to standard output
 *	race A B	again and again, at once: A by one, B by another thread or child that shares the memory; prints B
 *			as soon as one process had both
 *
 * Exit status 0, or 1 with an error like perror's, or as a shell's for a child that was killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char **steps; /* still to be taken */
static char bytes[4096];
static size_t n_bytes;
static int kept = -1; /* descriptor */
static void *area;    /* a mapping of it */
static int outcome;   /* of a thread or child that shares the memory */

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		return fail("child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int look(const char *path, int print)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	if (n < 0)
		return fail(path);
	close(fd);
	n_bytes = (size_t)n;
	return !print || write(STDOUT_FILENO, bytes, (size_t)n) == n ? 0 : fail("write");
}

static int look_step(char **step)
{
	return step[0] && step[1] ? look(step[1], !strcmp(step[0], "read")) : 1;
}

static void *in_thread(void *step)
{
	outcome = look_step(step);
	return NULL;
}

static int in_child(void *step)
{
	outcome = look_step(step);
	return outcome;
}

static int run_child(char **step)
{
	static _Alignas(16) char stack[65536];

	return wait_for(clone(in_child, stack + sizeof(stack), CLONE_VM | SIGCHLD, step));
}

static int run_thread(void *(*run)(void *), char **step)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, step) || pthread_join(thread, NULL))
		return fail("thread");
	return outcome;
}

static int execute(const char *program, char **rest)
{
	*--rest = "steps";
	execv(program, rest);
	return fail(program);
}

static void *execute_in_thread(void *rest)
{
	outcome = execute("/proc/self/exe", rest);
	return NULL;
}

static int peek(const char *pid, const char *at)
{
	struct iovec mine = {bytes, 32}, theirs = {(void *)strtoull(at, NULL, 0), 32};

	return process_vm_readv(atoi(pid), &mine, 1, &theirs, 1, 0) < 0 ? fail("process_vm_readv") : 0;
}

static int slurp(void)
{
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
		;
	return n < 0 ? fail("standard input") : 0;
}

static int send_out(const char *path, int by_splice)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return fail(path);
	n = by_splice ? splice(fd, NULL, STDOUT_FILENO, NULL, sizeof(bytes), 0)
		      : sendfile(STDOUT_FILENO, fd, NULL, sizeof(bytes));
	return n < 0 ? fail(path) : 0;
}

static int pass_on(int by_tee)
{
	ssize_t n = by_tee ? tee(STDIN_FILENO, STDOUT_FILENO, sizeof(bytes), 0)
			   : splice(STDIN_FILENO, NULL, STDOUT_FILENO, NULL, sizeof(bytes), 0);

	return n < 0 ? fail("splice") : 0;
}

static int keep_open(const char *path)
{
	kept = open(path, O_RDWR | O_CLOEXEC);
	return kept < 0 ? fail(path) : 0;
}

static int put(void)
{
	return write(kept, bytes, n_bytes) == (ssize_t)n_bytes ? 0 : fail("write");
}

static int hold(int protection)
{
	area = mmap(NULL, sizeof(bytes), protection, MAP_SHARED, kept, 0);
	return area == MAP_FAILED ? fail("mmap") : 0;
}

static int fill(void)
{
	memcpy(area, bytes, n_bytes);
	return 0;
}

static int map(void)
{
	return hold(PROT_READ | PROT_WRITE) || fill();
}

static int loosen(void)
{
	return mprotect(area, sizeof(bytes), PROT_READ | PROT_WRITE) ? fail("mprotect") : 0;
}

static int pour(void)
{
	struct iovec all = {bytes, sizeof(bytes)};

	return vmsplice(STDOUT_FILENO, &all, 1, 0) < 0 ? fail("vmsplice") : 0;
}

#define RACES 200

static struct race {
	const char *paths[2];
	int had[2];
	int ready;
} race;

static int run_race(void *arg)
{
	int which = *(int *)arg, fd;
	char byte;

	__atomic_add_fetch(&race.ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&race.ready, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
	fd = open(race.paths[which], O_RDONLY | O_CLOEXEC);
	race.had[which] |= fd >= 0 && read(fd, &byte, 1) == 1;
	if (fd >= 0)
		close(fd);
	return 0;
}

static void *run_race_in_thread(void *arg)
{
	run_race(arg);
	return NULL;
}

/* In a process of its own: 1 if it had both. */
static int race_once(int with_thread)
{
	static _Alignas(16) char stack[65536];
	static int numbers[] = {0, 1};
	pthread_t thread;
	pid_t child = -1;

	if (with_thread)
		pthread_create(&thread, NULL, run_race_in_thread, &numbers[1]);
	else
		child = clone(run_race, stack + sizeof(stack), CLONE_VM | SIGCHLD, &numbers[1]);
	run_race(&numbers[0]);
	if (with_thread)
		pthread_join(thread, NULL);
	else
		waitpid(child, NULL, 0);
	/* Whoever was late may try again: what the other one read must still be known. */
	run_race(&numbers[0]);
	run_race(&numbers[1]);
	return race.had[0] && race.had[1];
}

static int run_races(char **paths)
{
	race.paths[0] = paths[0];
	race.paths[1] = paths[1];
	for (int i = 0; i < RACES; i++) {
		pid_t child = fork();

		if (!child)
			_exit(!race_once(i % 2));
		if (wait_for(child) == 0)
			return look(paths[1], 1);
	}
	errno = EACCES;
	return fail("race");
}

static int await(const char *path)
{
	while (access(path, F_OK))
		usleep(20000);
	return 0;
}

static int run_fork(int *ret_ended)
{
	pid_t child = fork();

	if (!child)
		return 0;
	*ret_ended = 1;
	return wait_for(child);
}

static size_t arguments_of(const char *step)
{
	static const char *const one[] = {"read", "take", "wait", "become", "splice", "sendfile", "open"},
				 *const two[] = {"thread", "child", "peek", "race"};

	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		if (!strcmp(step, one[i]))
			return 1;
	for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++)
		if (!strcmp(step, two[i]))
			return 2;
	return 0;
}

/* Takes the next step. *ret_ended: a child goes on, and how it ends is our end. */
static int take(int *ret_ended)
{
	char **step = steps;

	for (size_t i = 1; i <= arguments_of(*step); i++)
		if (!step[i])
			return 1;
	steps += 1 + arguments_of(*step);
	if (!strcmp(*step, "read") || !strcmp(*step, "take"))
		return look_step(step);
	if (!strcmp(*step, "wait"))
		return await(step[1]);
	if (!strcmp(*step, "slurp"))
		return slurp();
	if (!strcmp(*step, "splice") || !strcmp(*step, "sendfile"))
		return send_out(step[1], step[0][1] == 'p');
	if (!strcmp(*step, "relay") || !strcmp(*step, "tee"))
		return pass_on(!strcmp(*step, "tee"));
	if (!strcmp(*step, "open"))
		return keep_open(step[1]);
	if (!strcmp(*step, "put"))
		return put();
	if (!strcmp(*step, "map"))
		return map();
	if (!strcmp(*step, "hold"))
		return hold(PROT_READ | PROT_WRITE);
	if (!strcmp(*step, "view"))
		return hold(PROT_READ);
	if (!strcmp(*step, "loosen"))
		return loosen();
	if (!strcmp(*step, "fill"))
		return fill();
	if (!strcmp(*step, "pour"))
		return pour();
	if (!strcmp(*step, "race"))
		return run_races(step + 1);
	if (!strcmp(*step, "peek"))
		return peek(step[1], step[2]);
	if (!strcmp(*step, "thread"))
		return run_thread(in_thread, step + 1);
	if (!strcmp(*step, "child"))
		return run_child(step + 1);
	if (!strcmp(*step, "exec"))
		return execute("/proc/self/exe", steps);
	if (!strcmp(*step, "become"))
		return execute(step[1], steps);
	if (!strcmp(*step, "texec"))
		return run_thread(execute_in_thread, steps);
	if (!strcmp(*step, "fork"))
		return run_fork(ret_ended);
	fprintf(stderr, "steps: no such step: %s\n", *step);
	return 1;
}

int main(int argc, char **argv)
{
	int ended = 0, status = argc > 1 ? 0 : 1;

	for (steps = argv + 1; *steps && !status && !ended;)
		status = take(&ended);
	return status;
}
