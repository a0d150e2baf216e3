// SPDX-License-Identifier: Apache-2.0
/* Reading dpkg's database: see packages.h. */
#include "policy/packages.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/file.h"

#define LIST_MAX   ((size_t)64 << 20)
#define STATUS_MAX ((size_t)256 << 20)
#define SUFFIX	   ".md5sums"
#define MD5_HEX	   (2 * CONTENT_MD5_SIZE)

struct search {
	const char *dir;
	/* As the database writes the path: without "/", and as it was before /bin and others moved to /usr. */
	const char *names[2];
	char md5[HEX_SIZE(CONTENT_MD5_SIZE)];
	struct buf text;
	bool listed; /* by some package, with whatever content */
};

static const char *before_merge(const char *name)
{
	static const char *const moved[] = {"usr/bin/", "usr/sbin/", "usr/lib"};

	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
		if (!strncmp(name, moved[i], strlen(moved[i])))
			return name + strlen("usr/");
	return NULL;
}

/* "<32 hex digits>  <path>": does a line of the list name the path with the sum? */
static bool list_has(struct search *s, const char *name)
{
	size_t n = name ? strlen(name) : 0;
	const char *at = s->text.data, *end = at + s->text.len;

	while (n && at && (at = memmem(at, (size_t)(end - at), name, n))) {
		const char *line = at - MD5_HEX - 2;

		if (line >= s->text.data && (line == s->text.data || line[-1] == '\n') &&
		    !memcmp(at - 2, "  ", 2) && at[n] == '\n') {
			s->listed = true;
			if (!memcmp(line, s->md5, MD5_HEX))
				return true;
		}
		at++;
	}
	return false;
}

/* One package's list. 1: it has the file with this content; 0: not; -ENOMEM. */
static int search_list(struct search *s, const char *package)
{
	char path[PATH_MAX];
	int err;

	if (snprintf(path, sizeof(path), "%s/info/%s" SUFFIX, s->dir, package) >= (int)sizeof(path))
		return 0;
	buf_reset(&s->text);
	err = file_read(path, LIST_MAX, &s->text);
	if (err)
		return err == -ENOMEM ? err : 0; /* removed meanwhile, or no list at all */
	return list_has(s, s->names[0]) || list_has(s, s->names[1]);
}

static int search_all(struct search *s, char *package, size_t size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/info", s->dir);
	dir = opendir(path);
	if (!dir)
		return -EOPNOTSUPP;
	while (!found && (entry = readdir(dir))) {
		size_t n = strlen(entry->d_name), cut = strlen(SUFFIX);

		if (n <= cut || n - cut >= size || strcmp(entry->d_name + n - cut, SUFFIX) != 0)
			continue;
		snprintf(package, size, "%.*s", (int)(n - cut), entry->d_name);
		found = search_list(s, package);
	}
	closedir(dir);
	return found;
}

/* The value of a field in a stanza that begins at text; stanzas end with an empty line. */
static bool field_of(const char *text, const char *end, const char *field, const char **ret, size_t *ret_n)
{
	for (const char *line = text; line < end && *line != '\n';) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = strlen(field);

		stop = stop ? stop : end;
		if ((size_t)(stop - line) > n && !strncmp(line, field, n)) {
			*ret = line + n;
			*ret_n = (size_t)(stop - line) - n;
			return true;
		}
		line = stop < end ? stop + 1 : end;
	}
	return false;
}

static bool is_value(const char *value, size_t n, const char *wanted, size_t wanted_n)
{
	return n == wanted_n && !memcmp(value, wanted, n);
}

/* Keeps the version that this part of the status database gives the package, if it does. */
static void version_in(const struct buf *text, struct package *package)
{
	size_t name = strcspn(package->name, ":");
	const char *at = text->data, *end = at + text->len, *value;
	size_t n;

	while (at && at < end) {
		const char *next = memmem(at, (size_t)(end - at), "\n\n", 2);

		next = next ? next + 2 : end;
		if (field_of(at, next, "Package: ", &value, &n) && is_value(value, n, package->name, name) &&
		    (!package->name[name] ||
		     (field_of(at, next, "Architecture: ", &value, &n) &&
		      is_value(value, n, package->name + name + 1, strlen(package->name + name + 1)))) &&
		    field_of(at, next, "Version: ", &value, &n) && n <= PACKAGE_NAME_MAX)
			snprintf(package->version, sizeof(package->version), "%.*s", (int)n, value);
		at = next;
	}
}

/* From "status", and from the journal in "updates" that dpkg merges into it when it ends. */
static void find_version(const char *dir, struct package *package, struct buf *text)
{
	char path[PATH_MAX];
	bool found = true;

	snprintf(path, sizeof(path), "%s/status", dir);
	buf_reset(text);
	if (!file_read(path, STATUS_MAX, text))
		version_in(text, package);
	for (unsigned i = 0; found && i < 10000; i++) {
		if (snprintf(path, sizeof(path), "%s/updates/%04u", dir, i) >= (int)sizeof(path))
			return;
		buf_reset(text);
		found = !file_read(path, STATUS_MAX, text);
		if (found)
			version_in(text, package);
	}
}

int packages_find(const char *dir, const char *path, const struct content *content, const char *hint,
		  struct package *ret_package)
{
	struct search s = {.dir = dir, .names = {path + 1, before_merge(path + 1)}};
	struct package package = {0};
	int found = 0;

	if (!content->has_md5)
		return -EOPNOTSUPP;
	hex_encode(content->md5, CONTENT_MD5_SIZE, s.md5);
	if (hint && hint[0]) {
		snprintf(package.name, sizeof(package.name), "%s", hint);
		found = search_list(&s, hint);
	}
	/* A package that lists it with other content is no reason to ask hundreds of others. */
	if (!found && !s.listed)
		found = search_all(&s, package.name, sizeof(package.name));
	if (found > 0) {
		find_version(dir, &package, &s.text);
		*ret_package = package;
	}
	buf_free(&s.text);
	return found > 0 ? 0 : found < 0 ? found : s.listed ? -EBADMSG : -ENOENT;
}

uint64_t packages_changed_ns(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/info", dir) >= (int)sizeof(path) || stat(path, &st))
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * 1000000000ull + (uint64_t)st.st_mtim.tv_nsec;
}
