// SPDX-License-Identifier: Apache-2.0
/* Overlays that number inodes twice: see overlay.h. */
#include "base/overlay.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define NAMES_MAX 256 /* looked at in one directory */

enum told { TOLD_NOTHING, TOLD_ONCE, TOLD_TWICE };

/* By the first in a directory that is none itself: stat(2) tells another device of it where the overlay keeps its layers'
 * numbers. */
static enum told look_into(const char *path, dev_t overlay)
{
	DIR *directory = opendir(path);
	enum told told = TOLD_NOTHING;
	struct dirent *entry;
	struct stat st;

	if (!directory)
		return TOLD_NOTHING;
	for (int n = 0; n < NAMES_MAX && told == TOLD_NOTHING && (entry = readdir(directory)); n++) {
		if (entry->d_type == DT_DIR ||
		    fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    S_ISDIR(st.st_mode))
			continue;
		told = st.st_dev == overlay ? TOLD_ONCE : TOLD_TWICE;
	}
	closedir(directory);
	return told;
}

bool overlay_numbers_twice(const char *path)
{
	enum told told = TOLD_NOTHING;
	char at[PATH_MAX];
	struct statfs fs;
	struct stat st;
	dev_t overlay = 0;
	size_t length = strlen(path);

	if (length >= sizeof(at) || statfs(path, &fs) < 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC)
		return false;
	memcpy(at, path, length + 1);
	while (told == TOLD_NOTHING && stat(at, &st) == 0) {
		if (S_ISDIR(st.st_mode) && overlay && st.st_dev != overlay)
			break; /* another file system */
		if (S_ISDIR(st.st_mode)) {
			overlay = st.st_dev;
			told = look_into(at, overlay);
		}
		if (strcmp(at, "/") == 0)
			break;
		*strrchr(at, '/') = '\0';
		if (!at[0])
			strcpy(at, "/");
	}
	return told == TOLD_TWICE;
}
