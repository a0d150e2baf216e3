// SPDX-License-Identifier: Apache-2.0
/* Mounts below a store: their files are reached through the store's path, but on a chain of directories of
 * their own. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/state.h"

/* Undoes the octal escapes of mountinfo (space, tab, newline, backslash), in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

int kernel_mounts_below(const char *path, kernel_mount_fn fn, void *ctx)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n = strlen(path), size = 0;
	char *line = NULL;
	int err = 0;

	if (!f)
		return -errno;
	while (!err && getline(&line, &size, f) > 0) {
		char *save = NULL, *field = strtok_r(line, " ", &save);

		for (int i = 1; field && i < 5; i++) /* proc(5): the fifth field is the mount point */
			field = strtok_r(NULL, " ", &save);
		if (!field)
			continue;
		unescape(field);
		if (!strncmp(field, path, n) && field[n] == '/' && field[n + 1])
			err = fn(ctx, field);
	}
	free(line);
	fclose(f);
	return err;
}
