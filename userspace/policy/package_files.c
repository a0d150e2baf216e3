// SPDX-License-Identifier: Apache-2.0
/* The files of all packages, from dpkg's lists of MD5 sums: see packages.h. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/file.h"
#include "policy/packages.h"

#define LIST_MAX ((size_t)64 << 20)
#define SUFFIX	 ".md5sums"
#define MD5_HEX	 (2 * CONTENT_MD5_SIZE)

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_md5(const char *hex, uint8_t ret_md5[CONTENT_MD5_SIZE])
{
	for (size_t i = 0; i < CONTENT_MD5_SIZE; i++) {
		int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_md5[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool packages_is_shared_object(const char *path)
{
	const char *name = strrchr(path, '/'), *at = strstr(name ? name : path, ".so");

	while (at && at[3] && at[3] != '.')
		at = strstr(at + 1, ".so");
	return at != NULL;
}

/* "<32 hex digits>  <path without its slash>", ended by NUL. */
static int take_line(const char *package, const char *line, size_t n, const struct packages_each *each)
{
	uint8_t md5[CONTENT_MD5_SIZE];
	char path[PATH_MAX];

	if (n <= MD5_HEX + 2 || n - MD5_HEX - 2 >= sizeof(path) - 1 || memcmp(line + MD5_HEX, "  ", 2) != 0)
		return 0;
	path[0] = '/';
	memcpy(path + 1, line + MD5_HEX + 2, n - MD5_HEX - 1); /* with its NUL */
	if (!each->wanted(each->ctx, path) || !decode_md5(line, md5))
		return 0;
	return each->fn(each->ctx, package, path, md5);
}

static int take_list(const char *package, char *text, size_t n, const struct packages_each *each)
{
	char *line = text, *end = text + n;
	int err = 0;

	while (!err && line < end) {
		char *stop = memchr(line, '\n', (size_t)(end - line));

		if (!stop)
			break; /* each line of dpkg's has an end */
		*stop = '\0';
		err = take_line(package, line, (size_t)(stop - line), each);
		line = stop + 1;
	}
	return err;
}

int packages_files(const char *dir, const struct packages_each *each)
{
	char path[PATH_MAX], package[PACKAGE_NAME_MAX + 1];
	struct buf text = {0};
	struct dirent *entry;
	int err = 0;
	DIR *info;

	snprintf(path, sizeof(path), "%s/info", dir);
	info = opendir(path);
	if (!info)
		return -EOPNOTSUPP;
	while (!err && (entry = readdir(info))) {
		size_t n = strlen(entry->d_name), cut = strlen(SUFFIX);

		if (n <= cut || n - cut >= sizeof(package) || strcmp(entry->d_name + n - cut, SUFFIX) != 0)
			continue;
		snprintf(package, sizeof(package), "%.*s", (int)(n - cut), entry->d_name);
		if (snprintf(path, sizeof(path), "%s/info/%s", dir, entry->d_name) >= (int)sizeof(path))
			continue;
		buf_reset(&text);
		err = file_read(path, LIST_MAX, &text);
		if (!err && text.data)
			err = take_list(package, text.data, text.len, each);
		else if (err != -ENOMEM)
			err = 0; /* removed meanwhile */
	}
	closedir(info);
	buf_free(&text);
	return err;
}
