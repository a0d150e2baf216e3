// SPDX-License-Identifier: Apache-2.0
/*
 * The canary: a file that nobody may read. "Attached" proves nothing (writing 0 to ftrace_enabled turns
 * trampolines off and leaves their links; an inactive LSM loads and decides nothing), so the daemon touches
 * the file and looks at what happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/state.h"

#define PROBE_TRIES	5
#define PROBE_PAUSE_NS	5000000
#define CANARY_PATIENCE 3 /* probes whose record may be under way with tracing */

int kernel_canary_new(struct kernel *k)
{
	static const char text[] = "muniment canary: nobody reads this\n";
	int fd;

	k->canary_fd = -1;
	if (snprintf(k->canary_path, sizeof(k->canary_path), "%s/canary", k->run_dir) >=
	    (int)sizeof(k->canary_path))
		return -ENAMETOOLONG;
	if (unlink(k->canary_path) && errno != ENOENT)
		return -errno;
	fd = open(k->canary_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1) {
		close(fd);
		return -EIO;
	}
	k->canary_fd = fd;
	return 0;
}

void kernel_canary_free(struct kernel *k)
{
	if (k->canary_fd >= 0)
		close(k->canary_fd);
	k->canary_fd = -1;
	if (k->canary_path[0])
		unlink(k->canary_path);
}

/* Does an open get through? With tracing it must, and its record must come back. */
static bool open_gets_through(struct kernel *k)
{
	int fd = open(k->canary_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool read_gets_through(struct kernel *k)
{
	char byte;

	return pread(k->canary_fd, &byte, 1, 0) >= 0;
}

/*
 * A single probe may find its program skipped, while a task is preempted within it (used__decided): only
 * what gets through again and again, with time for that task between, is silence.
 */
static bool is_silent(struct kernel *k, bool (*gets_through)(struct kernel *))
{
	const struct timespec pause = {0, PROBE_PAUSE_NS};

	for (int i = 0; i < PROBE_TRIES; i++) {
		if (!gets_through(k))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

enum kernel_canary kernel_canary_probe(struct kernel *k, const char **ret_what)
{
	if (!k->n_links)
		return KERNEL_CANARY_UNTESTED;
	if (k->mechanism == MECHANISM_TRACING) {
		open_gets_through(k);
		*ret_what = "open (tracing)";
		return ++k->canary_asked > CANARY_PATIENCE ? KERNEL_CANARY_SILENT : KERNEL_CANARY_OK;
	}
	if (is_silent(k, open_gets_through)) {
		*ret_what = k->mechanism == MECHANISM_LSM ? "open (lsm)" : "open (fmod_ret)";
		return KERNEL_CANARY_SILENT;
	}
	if (is_silent(k, read_gets_through)) {
		*ret_what =
			k->mechanism == MECHANISM_LSM ? "read and write (lsm)" : "read and write (fmod_ret)";
		return KERNEL_CANARY_SILENT;
	}
	return KERNEL_CANARY_OK;
}

void kernel_canary_seen(struct kernel *k, const struct record_access *record)
{
	if (record->store == STORE_CANARY && record->mechanism == MECHANISM_TRACING &&
	    record->tgid == (uint32_t)getpid())
		k->canary_asked = 0;
}
