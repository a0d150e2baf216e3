// SPDX-License-Identifier: Apache-2.0
/* Enrichment: see enrich.h. */
#include "pipeline/enrich.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/cache.h"
#include "pipeline/host.h"
#include "pipeline/mounts.h"

#define PROGRAMS 4096
#define ASKS_MAX 4

struct program {
	char *path;
	size_t len;
	unsigned asked; /* how often /proc was: not for every record of a program without a name */
};

struct enrich {
	struct names *names;
	bool local; /* names by this host's NSS, to which its files belong */
	struct mounts *mounts;
	struct containers *containers;
	struct cache *programs; /* struct object_id → struct program */
	struct buf scratch;
	char person[NAMES_SIZE], acting[NAMES_SIZE], group[NAMES_SIZE];
	int64_t boot_offset_ns;
	uint64_t now_ns;
	uint64_t version;
};

static void program_drop(void *value)
{
	struct program *p = value;

	free(p->path);
	p->path = NULL;
}

static void read_local_names(struct enrich *e)
{
	if (e->local)
		names_read_files(e->names, "/etc/passwd", "/etc/group", e->now_ns);
}

int enrich_new(const struct names_source *source, const char *mountinfo, struct enrich **ret_enrich)
{
	struct enrich *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	err = mounts_new(mountinfo, &e->mounts);
	if (!err)
		err = names_new(source, &e->names);
	if (err)
		goto fail;
	err = -ENOMEM;
	e->containers = containers_new();
	e->programs = cache_new(PROGRAMS, sizeof(struct object_id), sizeof(struct program), program_drop);
	if (!e->containers || !e->programs)
		goto fail;
	enrich_tick(e);
	e->local = !source;
	read_local_names(e);
	*ret_enrich = e;
	return 0;
fail:
	enrich_free(e);
	return err;
}

void enrich_free(struct enrich *e)
{
	if (!e)
		return;
	names_free(e->names);
	mounts_free(e->mounts);
	containers_free(e->containers);
	cache_free(e->programs);
	buf_free(&e->scratch);
	free(e);
}

void enrich_tick(struct enrich *e)
{
	mounts_refresh(e->mounts);
	e->boot_offset_ns = host_boot_offset_ns();
	e->now_ns = host_monotonic_ns();
}

static void program_set(struct program *p, const char *path, size_t n)
{
	char *copy = malloc(n + 1);

	if (!copy)
		return;
	memcpy(copy, path, n);
	copy[n] = '\0';
	free(p->path);
	p->path = copy;
	p->len = n;
}

void enrich_path(const struct enrich *e, uint32_t dev, const char *inside, size_t n, struct buf *out)
{
	if (!mounts_path(e->mounts, dev, inside, n, out))
		buf_add(out, inside, n);
}

void enrich_program(struct enrich *e, const struct record_view *view)
{
	const struct object_id *id = &view->program.program;
	struct program *p = cache_find(e->programs, id);
	struct buf inside = {0};
	bool found = false;

	decode_path(view, &inside);
	buf_reset(&e->scratch);
	if (inside.len && !(view->program.flags & RECORD_FLAG_PATH_CUT))
		found = mounts_path(e->mounts, id->dev, inside.data, inside.len, &e->scratch);
	/* A path in a file system that is mounted elsewhere only (a container's): better than none. */
	if (!found) {
		buf_reset(&e->scratch);
		if (view->program.flags & RECORD_FLAG_PATH_CUT)
			buf_str(&e->scratch, "/…");
		buf_add(&e->scratch, inside.data ? inside.data : "", inside.len);
	}
	if (!p)
		p = cache_add(e->programs, id);
	p->asked = found ? ASKS_MAX : 0;
	if (!e->scratch.failed && e->scratch.len)
		program_set(p, e->scratch.data, e->scratch.len);
	e->version++;
	buf_free(&inside);
}

/* What /proc says, if it still speaks of the same inode. */
static void program_ask_proc(struct program *p, const struct object_id *id, uint32_t tgid)
{
	char link[64], path[PATH_MAX];
	struct stat st;
	ssize_t n;

	p->asked++;
	snprintf(link, sizeof(link), "/proc/%u/exe", tgid);
	if (stat(link, &st) || (uint64_t)st.st_ino != id->ino)
		return;
	n = readlink(link, path, sizeof(path));
	if (n > 0 && (size_t)n < sizeof(path)) {
		program_set(p, path, (size_t)n);
		p->asked = ASKS_MAX;
	}
}

const char *enrich_program_path(struct enrich *e, const struct object_id *id, uint32_t tgid, size_t *ret_len)
{
	struct program *p;

	*ret_len = 0;
	if (!id->ino)
		return NULL;
	p = cache_find(e->programs, id);
	if (!p)
		p = cache_add(e->programs, id);
	if (p->asked < ASKS_MAX)
		program_ask_proc(p, id, tgid);
	*ret_len = p->len;
	return p->path;
}

/* A further question may drop an earlier answer from the cache: copies, until the next call. */
static const char *keep_name(char *copy, const char *name)
{
	return name ? memcpy(copy, name, strlen(name) + 1) : NULL;
}

void enrich_actor(struct enrich *e, const struct record_access *access, bool rich,
		  struct enrich_actor *ret_actor)
{
	struct enrich_actor *actor = ret_actor;
	bool by_login = access->login_uid != ID_UNSET;

	memset(actor, 0, sizeof(*actor));
	actor->person = by_login ? access->login_uid : access->uid;
	actor->person_name = keep_name(e->person, names_user(e->names, actor->person, e->now_ns));
	if (actor->person != access->uid)
		actor->acting_name = keep_name(e->acting, names_user(e->names, access->uid, e->now_ns));
	if (rich)
		actor->group_name = keep_name(e->group, names_group(e->names, access->gid, e->now_ns));
	actor->program = enrich_program_path(e, &access->program, access->tgid, &actor->program_len);
	if (access->cgroup)
		actor->container =
			containers_find(e->containers, mounts_cgroup2(e->mounts), access->cgroup, e->now_ns);
}

void enrich_forget_names(struct enrich *e)
{
	names_forget(e->names);
	read_local_names(e);
}

const char *enrich_user_name(struct enrich *e, uint32_t uid)
{
	return names_user(e->names, uid, e->now_ns);
}

uint64_t enrich_wall_ms(const struct enrich *e, uint64_t boot_ns)
{
	return (boot_ns + (uint64_t)e->boot_offset_ns) / 1000000u;
}

uint64_t enrich_version(struct enrich *e)
{
	return e->version + names_version(e->names);
}
