// SPDX-License-Identifier: Apache-2.0
/* Containers by cgroup: see container.h. */
#include "pipeline/container.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/cache.h"

#define ENTRIES	      1024
#define TTL_NS	      60000000000ull
#define FILEID_KERNFS 0xfe /* linux/exportfs.h: the handle of a cgroup directory is its id */

struct value {
	uint64_t expires_ns;
	bool is_container;
	struct container container;
};

struct containers {
	struct cache *cache;
};

struct scope {
	const char *prefix;
	const char *suffix;
	const char *runtime;
	bool hex; /* what stands between is a hex id of 12 or more digits */
};

/* Directory names of one component; the first that fits counts. */
static const struct scope scopes[] = {
	{"docker-", ".scope", "docker", true},
	{"libpod-", ".scope", "podman", true},
	{"libpod-", "", "podman", true},
	{"cri-containerd-", ".scope", "containerd", true},
	{"containerd-", ".scope", "containerd", true},
	{"nerdctl-", ".scope", "containerd", true},
	{"crio-", ".scope", "cri-o", true},
	{"crio-", "", "cri-o", true},
	{"systemd-nspawn@", ".service", "systemd-nspawn", false},
	{"machine-", ".scope", "systemd-nspawn", false},
	{"lxc.payload.", "", "lxc", false},
};

static bool is_hex(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return false;
	}
	return n >= 12;
}

static bool is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	}
	return n > 0;
}

/* Copies an id; a name of anybody's choice may be long. */
static void copy_id(char *out, const char *s, size_t n)
{
	n = n < CONTAINER_ID_SIZE - 1 ? n : CONTAINER_ID_SIZE - 1;
	memcpy(out, s, n);
	out[n] = '\0';
}

static bool match_scope(const char *name, size_t n, struct container *c)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		const struct scope *s = &scopes[i];
		size_t before = strlen(s->prefix), after = strlen(s->suffix);

		if (n <= before + after || memcmp(name, s->prefix, before) != 0 ||
		    memcmp(name + n - after, s->suffix, after) != 0)
			continue;
		if (s->hex ? !is_hex(name + before, n - before - after)
			   : !is_plain(name + before, n - before - after))
			continue;
		/* libvirt names its virtual machines in the same place. */
		if (!strncmp(name, "machine-qemu", 12))
			return false;
		c->runtime = s->runtime;
		copy_id(c->id, name + before, n - before - after);
		return true;
	}
	return false;
}

/* kubepods-besteffort-pod1234_5678.slice (systemd) or pod1234-5678 (cgroupfs). */
static void match_pod(const char *name, size_t n, struct container *c)
{
	const char *pod = NULL;

	for (size_t i = 0; i + 3 < n; i++) {
		if (!memcmp(name + i, "pod", 3) && (i == 0 || name[i - 1] == '-'))
			pod = name + i + 3;
	}
	if (!pod)
		return;
	n -= (size_t)(pod - name);
	if (n > 6 && !memcmp(pod + n - 6, ".slice", 6))
		n -= 6;
	if (!is_plain(pod, n))
		return;
	copy_id(c->pod, pod, n);
	for (char *p = c->pod; *p; p++)
		*p = *p == '_' ? '-' : *p;
}

bool container_parse(const char *cgroup, struct container *ret_container)
{
	struct container c = {0};
	const char *before = "";
	size_t before_len = 0;
	bool kubernetes = false, found = false;

	for (const char *p = cgroup; *p;) {
		size_t n = strcspn(p, "/");

		if (n >= 8 && !memcmp(p, "kubepods", 8))
			kubernetes = true;
		if (kubernetes && !found)
			match_pod(p, n, &c);
		if (match_scope(p, n, &c)) {
			found = true;
		} else if (is_hex(p, n) && n == 64 && !found) {
			/* Without systemd: /docker/ID, /kubepods/…/podUID/ID. */
			found = kubernetes || (before_len == 6 && !memcmp(before, "docker", 6));
			c.runtime = kubernetes ? "containerd" : "docker";
			copy_id(c.id, p, n);
		}
		before = p;
		before_len = n;
		p += n;
		p += *p == '/';
	}
	if (!found)
		return false;
	c.orchestrator = kubernetes ? "kubernetes" : NULL;
	*ret_container = c;
	return true;
}

struct containers *containers_new(void)
{
	struct containers *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->cache = cache_new(ENTRIES, sizeof(uint64_t), sizeof(struct value), NULL);
	if (!c->cache) {
		free(c);
		return NULL;
	}
	return c;
}

void containers_free(struct containers *c)
{
	if (!c)
		return;
	cache_free(c->cache);
	free(c);
}

/* The path of a cgroup below the root of its hierarchy, by its id as a file handle. */
static int cgroup_path(const char *cgroup2, uint64_t id, char *path, size_t size)
{
	struct {
		struct file_handle handle;
		uint64_t id;
	} h = {.handle = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	char link[64], full[PATH_MAX];
	size_t skip = strlen(cgroup2);
	int mount, fd;
	ssize_t n;

	memcpy(h.handle.f_handle, &id, sizeof(id));
	mount = open(cgroup2, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0)
		return -errno;
	fd = open_by_handle_at(mount, &h.handle, O_PATH | O_CLOEXEC);
	close(mount);
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, full, sizeof(full) - 1);
	close(fd);
	if (n < 0 || (size_t)n < skip || (size_t)n - skip >= size)
		return -ENOENT;
	full[n] = '\0';
	memcpy(path, full + skip, (size_t)n - skip + 1);
	return 0;
}

const struct container *containers_find(struct containers *c, const char *cgroup2, uint64_t id,
					uint64_t now_ns)
{
	struct value *v = cache_find(c->cache, &id);
	char path[PATH_MAX] = "";

	if (!v)
		v = cache_add(c->cache, &id);
	if (now_ns >= v->expires_ns) {
		/* A cgroup that is gone already keeps the answer it had: its id is not used again in this
		 * boot. */
		if (cgroup2 && cgroup_path(cgroup2, id, path, sizeof(path)) == 0)
			v->is_container = container_parse(path, &v->container);
		v->expires_ns = now_ns + TTL_NS;
	}
	return v->is_container ? &v->container : NULL;
}
