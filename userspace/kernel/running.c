// SPDX-License-Identifier: Apache-2.0
/* Which files do processes execute: a program that was replaced has no name any more, but may go on running. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/state.h"

/* The descriptor, or -1 when that process executes something else, or is gone. */
static int open_exe(const char *pid, uint64_t dev, uint64_t ino)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	if (stat(path, &st) || st.st_dev != dev || st.st_ino != ino)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) || st.st_dev != dev || st.st_ino != ino)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int kernel_open_running(uint64_t dev, uint64_t ino)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			fd = open_exe(entry->d_name, dev, ino);
	}
	if (dir)
		closedir(dir);
	return fd < 0 ? -ENOENT : fd;
}
