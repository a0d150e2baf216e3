// SPDX-License-Identifier: Apache-2.0
/* The cache of names and its thread: see names.h. */
#include "pipeline/names.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/cache.h"

#define ENTRIES	    2048
#define QUEUE	    64
#define SCRATCH_MAX 65536
#define SECOND_NS   1000000000ull

enum kind { KIND_USER = 1, KIND_GROUP = 2 };

struct name_key {
	uint32_t kind;
	uint32_t id;
};

struct name_value {
	uint64_t expires_ns;
	bool asked; /* an answer is on its way */
	bool known;
	char name[NAMES_SIZE];
};

struct answer {
	struct name_key key;
	int err;
	char name[NAMES_SIZE];
};

/* Questions move from todo to done; both sides hold the lock only to copy. */
struct names {
	struct names_source source;
	struct cache *cache;
	uint64_t version;
	uint64_t window_ns; /* start of the second that spent_ns belongs to */
	uint64_t spent_ns;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop, busy, ended;
	unsigned n_todo, n_done;
	struct name_key todo[QUEUE];
	struct answer done[QUEUE];
};

static int ask_user(uint32_t uid, char *ret_name)
{
	struct passwd entry, *found = NULL;
	char *scratch = malloc(SCRATCH_MAX);
	int err = scratch ? -getpwuid_r(uid, &entry, scratch, SCRATCH_MAX, &found) : -ENOMEM;

	if (!err && !found)
		err = -ENOENT;
	if (!err && strlen(entry.pw_name) >= NAMES_SIZE)
		err = -ENAMETOOLONG;
	if (!err)
		memcpy(ret_name, entry.pw_name, strlen(entry.pw_name) + 1);
	free(scratch);
	return err;
}

static int ask_group(uint32_t gid, char *ret_name)
{
	struct group entry, *found = NULL;
	size_t size = SCRATCH_MAX;
	char *scratch;
	int err;

	/* A group's entry lists its members, so it may be long. */
	do {
		scratch = malloc(size);
		err = scratch ? -getgrgid_r(gid, &entry, scratch, size, &found) : -ENOMEM;
		if (!err && !found)
			err = -ENOENT;
		if (!err && strlen(entry.gr_name) >= NAMES_SIZE)
			err = -ENAMETOOLONG;
		if (!err)
			memcpy(ret_name, entry.gr_name, strlen(entry.gr_name) + 1);
		free(scratch);
		size *= 4;
	} while (err == -ERANGE && size <= 64 * (size_t)SCRATCH_MAX);
	return err;
}

static void *names_main(void *arg)
{
	struct names *n = arg;

	pthread_mutex_lock(&n->lock);
	for (;;) {
		struct answer a = {.err = 0};

		while (!n->stop && (!n->n_todo || n->n_done == QUEUE))
			pthread_cond_wait(&n->changed, &n->lock);
		if (n->stop)
			break;
		a.key = n->todo[0];
		memmove(&n->todo[0], &n->todo[1], --n->n_todo * sizeof(n->todo[0]));
		n->busy = true;
		pthread_mutex_unlock(&n->lock);
		a.err = a.key.kind == KIND_USER ? n->source.user(a.key.id, a.name)
						: n->source.group(a.key.id, a.name);
		pthread_mutex_lock(&n->lock);
		n->busy = false;
		n->done[n->n_done++] = a;
		pthread_cond_broadcast(&n->changed);
	}
	n->ended = true;
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

static int thread_start(struct names *n)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int err;

	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&n->thread, NULL, names_main, n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

int names_new(const struct names_source *source, struct names **ret_names)
{
	static const struct names_source nss = {ask_user, ask_group};
	struct names *n = calloc(1, sizeof(*n));
	int err = -ENOMEM;

	if (!n)
		return err;
	n->source = source ? *source : nss;
	n->cache = cache_new(ENTRIES, sizeof(struct name_key), sizeof(struct name_value), NULL);
	if (n->cache)
		err = thread_start(n);
	if (err) {
		cache_free(n->cache);
		free(n);
		return err;
	}
	*ret_names = n;
	return 0;
}

void names_free(struct names *n)
{
	bool hangs;

	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	hangs = n->busy;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	cache_free(n->cache);
	n->cache = NULL;
	if (hangs) {
		struct timespec pause = {0, 200000000};

		nanosleep(&pause, NULL);
		pthread_mutex_lock(&n->lock);
		hangs = !n->ended;
		pthread_mutex_unlock(&n->lock);
	}
	if (hangs) {
		pthread_detach(n->thread);
		return;
	}
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static void take_answer(struct names *n, const struct answer *a, uint64_t now_ns)
{
	struct name_value *v = cache_find(n->cache, &a->key);
	bool known = a->err == 0;

	if (!v)
		return;
	v->asked = false;
	/* A service that fails is asked again soon; what it said before still stands. */
	if (a->err && a->err != -ENOENT) {
		v->expires_ns = now_ns + 5 * SECOND_NS;
		return;
	}
	if (known != v->known || (known && strcmp(v->name, a->name) != 0))
		n->version++;
	v->known = known;
	v->expires_ns = now_ns + NAMES_TTL_SECONDS * SECOND_NS;
	memcpy(v->name, a->name, sizeof(v->name));
}

/* Under the lock. */
static void take_answers(struct names *n, uint64_t now_ns)
{
	for (unsigned i = 0; i < n->n_done; i++)
		take_answer(n, &n->done[i], now_ns);
	if (n->n_done)
		pthread_cond_broadcast(&n->changed);
	n->n_done = 0;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

/* Under the lock: waits for v's answer as long as this second's budget lasts. v stays valid: nothing is
 * added. */
static void wait_for(struct names *n, const struct name_value *v, uint64_t now_ns)
{
	const uint64_t budget = NAMES_WAIT_MS * 1000000ull;
	uint64_t start = monotonic_ns();
	struct timespec until;

	if (start - n->window_ns > SECOND_NS) {
		n->window_ns = start;
		n->spent_ns = 0;
	}
	until = to_timespec(start + (n->spent_ns < budget ? budget - n->spent_ns : 0));
	while (v->asked && n->spent_ns < budget) {
		if (pthread_cond_timedwait(&n->changed, &n->lock, &until))
			n->spent_ns = budget;
		take_answers(n, now_ns);
	}
	if (n->spent_ns < budget)
		n->spent_ns += monotonic_ns() - start;
}

static const char *lookup(struct names *n, enum kind kind, uint32_t id, uint64_t now_ns)
{
	struct name_key key = {kind, id};
	struct name_value *v = cache_find(n->cache, &key);
	bool fresh = !v;

	if (v && now_ns < v->expires_ns)
		return v->known ? v->name : NULL;
	if (!v)
		v = cache_add(n->cache, &key);
	pthread_mutex_lock(&n->lock);
	take_answers(n, now_ns);
	if (now_ns >= v->expires_ns && !v->asked && n->n_todo < QUEUE) {
		n->todo[n->n_todo++] = key;
		v->asked = true;
		pthread_cond_broadcast(&n->changed);
	}
	/* A name that was known is good enough until the new answer comes. */
	if (v->asked && (fresh || !v->expires_ns))
		wait_for(n, v, now_ns);
	pthread_mutex_unlock(&n->lock);
	return v->known ? v->name : NULL;
}

const char *names_user(struct names *n, uint32_t uid, uint64_t now_ns)
{
	return lookup(n, KIND_USER, uid, now_ns);
}

const char *names_group(struct names *n, uint32_t gid, uint64_t now_ns)
{
	return lookup(n, KIND_GROUP, gid, now_ns);
}

static void know(struct names *n, enum kind kind, uint32_t id, const char *name, uint64_t now_ns)
{
	struct name_key key = {kind, id};
	struct name_value *v = cache_find(n->cache, &key);

	/* The first line with this number counts, as in NSS; and what NSS itself said stands. */
	if (v || strlen(name) >= NAMES_SIZE)
		return;
	v = cache_add(n->cache, &key);
	v->known = true;
	v->expires_ns = now_ns + NAMES_TTL_SECONDS * SECOND_NS;
	memcpy(v->name, name, strlen(name) + 1);
}

void names_read_files(struct names *n, const char *passwd, const char *group, uint64_t now_ns)
{
	FILE *users = passwd ? fopen(passwd, "re") : NULL;
	FILE *groups = group ? fopen(group, "re") : NULL;
	const struct passwd *user;
	const struct group *entry;

	for (int i = 0; users && i < NAMES_FROM_FILES && (user = fgetpwent(users)); i++)
		know(n, KIND_USER, user->pw_uid, user->pw_name, now_ns);
	for (int i = 0; groups && i < NAMES_FROM_FILES && (entry = fgetgrent(groups)); i++)
		know(n, KIND_GROUP, entry->gr_gid, entry->gr_name, now_ns);
	if (users)
		fclose(users);
	if (groups)
		fclose(groups);
	n->version++;
}

void names_forget(struct names *n)
{
	/* An answer that is under way is for nobody then; take_answer passes it over. */
	cache_clear(n->cache);
	n->version++;
}

uint64_t names_version(struct names *n)
{
	return n->version;
}
