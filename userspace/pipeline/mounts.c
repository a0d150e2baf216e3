// SPDX-License-Identifier: Apache-2.0
/* The table of mounts: see mounts.h. */
#include "pipeline/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define MOUNTINFO_MAX (16u << 20)
#define MOUNTS_MAX    65536
#define FIELDS_MAX    48

struct mount {
	uint32_t dev;
	const char *root;  /* within the file system */
	const char *point; /* where it is mounted */
	size_t root_len;
	size_t point_len;
};

struct mounts {
	int fd;
	struct buf text; /* the table's own bytes, unescaped in place; entries point into it */
	struct mount *items;
	size_t n;
	const char *cgroup2;
};

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static bool parse_dev(const char *s, uint32_t *ret_dev)
{
	char *end;
	unsigned long major = strtoul(s, &end, 10), minor;

	if (*end != ':')
		return false;
	minor = strtoul(end + 1, &end, 10);
	if (*end || major > 0xfff || minor > 0xfffff)
		return false;
	*ret_dev = (uint32_t)(major << 20 | minor);
	return true;
}

static void parse_line(struct mounts *m, char *line)
{
	char *fields[FIELDS_MAX] = {NULL}, *save = NULL;
	struct mount item = {0};
	unsigned n = 0, dash;

	for (char *f = strtok_r(line, " ", &save); f && n < FIELDS_MAX; f = strtok_r(NULL, " ", &save))
		fields[n++] = f;
	for (dash = 6; dash < n && strcmp(fields[dash], "-") != 0; dash++)
		;
	if (dash + 1 >= n || !parse_dev(fields[2], &item.dev))
		return;
	unescape(fields[3]);
	unescape(fields[4]);
	item.root = fields[3];
	item.point = fields[4];
	item.root_len = strcmp(item.root, "/") ? strlen(item.root) : 0;
	item.point_len = strcmp(item.point, "/") ? strlen(item.point) : 0;
	m->items[m->n++] = item;
	if (!m->cgroup2 && !strcmp(fields[dash + 1], "cgroup2"))
		m->cgroup2 = fields[4];
}

int mounts_parse(struct mounts *m, const char *text, size_t n)
{
	struct buf copy = {0};
	struct mount *items;
	size_t lines = 1;
	char *save = NULL;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	lines = lines < MOUNTS_MAX ? lines : MOUNTS_MAX;
	buf_add(&copy, text, n);
	items = calloc(lines, sizeof(*items));
	if (copy.failed || !items) {
		buf_free(&copy);
		free(items);
		return -ENOMEM;
	}
	buf_free(&m->text);
	free(m->items);
	m->text = copy;
	m->items = items;
	m->n = 0;
	m->cgroup2 = NULL;
	for (char *line = strtok_r(m->text.data, "\n", &save); line && m->n < lines;
	     line = strtok_r(NULL, "\n", &save))
		parse_line(m, line);
	return 0;
}

static int read_table(struct mounts *m)
{
	struct buf text = {0};
	int err = 0;

	if (lseek(m->fd, 0, SEEK_SET) < 0)
		err = -errno;
	if (!err)
		err = file_read_fd(m->fd, MOUNTINFO_MAX, &text);
	if (!err)
		err = mounts_parse(m, text.data ? text.data : "", text.len);
	buf_free(&text);
	return err;
}

int mounts_new(const char *path, struct mounts **ret_mounts)
{
	struct mounts *m = calloc(1, sizeof(*m));
	int err = 0;

	if (!m)
		return -ENOMEM;
	m->fd = open(path ? path : "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (m->fd < 0)
		err = -errno;
	if (!err)
		err = read_table(m);
	if (err) {
		mounts_free(m);
		return err;
	}
	*ret_mounts = m;
	return 0;
}

void mounts_free(struct mounts *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	buf_free(&m->text);
	free(m->items);
	free(m);
}

void mounts_refresh(struct mounts *m)
{
	struct pollfd change = {m->fd, POLLPRI, 0};

	/* proc_pid_mountinfo(5): POLLERR and POLLPRI after a mount or an unmount. */
	if (poll(&change, 1, 0) > 0 && (change.revents & (POLLPRI | POLLERR)))
		(void)read_table(m);
}

bool mounts_path(const struct mounts *m, uint32_t dev, const char *inside, size_t n, struct buf *out)
{
	const struct mount *best = NULL;

	for (size_t i = 0; i < m->n; i++) {
		const struct mount *c = &m->items[i];

		if (c->dev != dev || n < c->root_len || memcmp(inside, c->root, c->root_len) != 0 ||
		    (n > c->root_len && inside[c->root_len] != '/'))
			continue;
		/* The widest view wins, and of several the one with the shorter name: binds come after. */
		if (!best || c->root_len < best->root_len ||
		    (c->root_len == best->root_len && c->point_len < best->point_len))
			best = c;
	}
	if (!best)
		return false;
	buf_add(out, best->point, best->point_len);
	buf_add(out, inside + best->root_len, n - best->root_len);
	return true;
}

const char *mounts_cgroup2(const struct mounts *m)
{
	return m->cgroup2;
}
