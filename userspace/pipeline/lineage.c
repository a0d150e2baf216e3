// SPDX-License-Identifier: Apache-2.0
/* Who passed data on to whom: see lineage.h. */
#include "pipeline/lineage.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/cache.h"

#define ORIGINS 6 /* of one process */

struct process_key {
	uint64_t start_boot_ns;
	uint64_t tgid;
};

/* One way in which a process came to hold something. */
struct origin {
	uint64_t label;
	uint64_t object;
	uint64_t boot_ns;
	uint32_t how;
	uint32_t refused;
	struct party from;
	struct party to; /* the process itself, as it was then */
	char *path;	 /* of what was read: ours; NULL: not known */
};

struct process {
	struct origin origins[ORIGINS]; /* by time */
	unsigned n;
};

struct lineage {
	struct cache *processes; /* struct process_key → struct process */
	struct cache *files;	 /* pass_file() → char * */
};

static void drop_process(void *value)
{
	struct process *p = value;

	for (unsigned i = 0; i < p->n; i++)
		free(p->origins[i].path);
	p->n = 0;
}

static void drop_file(void *value)
{
	free(*(char **)value);
}

struct lineage *lineage_new(void)
{
	struct lineage *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->processes = cache_new(LINEAGE_PROCESSES, sizeof(struct process_key), sizeof(struct process),
				 drop_process);
	l->files = cache_new(LINEAGE_FILES, sizeof(uint64_t), sizeof(char *), drop_file);
	if (l->processes && l->files)
		return l;
	lineage_free(l);
	return NULL;
}

void lineage_free(struct lineage *l)
{
	if (!l)
		return;
	cache_free(l->processes);
	cache_free(l->files);
	free(l);
}

/* The end of a longer path, which tells more than its beginning. NULL: no memory, or no path. */
static char *keep_path(const char *path, size_t n)
{
	size_t kept = n < LINEAGE_PATH ? n : LINEAGE_PATH;
	char *copy = n ? calloc(1, kept + 1) : NULL;

	return copy ? memcpy(copy, path + n - kept, kept) : NULL;
}

static struct process *find(struct lineage *l, const struct party *party)
{
	const struct process_key key = {party->start_boot_ns, party->tgid};

	return cache_find(l->processes, &key);
}

static struct process *find_or_add(struct lineage *l, const struct party *party)
{
	const struct process_key key = {party->start_boot_ns, party->tgid};
	struct process *p = cache_find(l->processes, &key);

	return p ? p : cache_add(l->processes, &key);
}

/* The place for an origin of that time; the oldest one makes room. */
static struct origin *insert(struct process *p, uint64_t boot_ns)
{
	unsigned at;

	if (p->n == ORIGINS) {
		free(p->origins[0].path);
		memmove(&p->origins[0], &p->origins[1], --p->n * sizeof(p->origins[0]));
	}
	for (at = p->n; at > 0 && p->origins[at - 1].boot_ns > boot_ns; at--)
		p->origins[at] = p->origins[at - 1];
	p->n++;
	memset(&p->origins[at], 0, sizeof(p->origins[at]));
	p->origins[at].boot_ns = boot_ns;
	return &p->origins[at];
}

/* What a daemon finds kept and in the ring may come twice. */
static bool is_known(const struct process *p, const struct record_pass *pass)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->origins[i].boot_ns == pass->header.boot_ns && p->origins[i].how == pass->how &&
		    p->origins[i].label == pass->label)
			return true;
	return false;
}

void lineage_pass(struct lineage *l, const struct record_pass *pass)
{
	struct process *p = find_or_add(l, &pass->to);
	struct origin *o;

	if (is_known(p, pass))
		return;
	o = insert(p, pass->header.boot_ns);
	o->label = pass->label;
	o->object = pass->object;
	o->how = pass->how;
	o->refused = pass->refused;
	o->from = pass->from;
	o->to = pass->to;
}

struct party lineage_party(const struct record_access *a)
{
	struct party party = {
		.start_boot_ns = a->start_boot_ns,
		.program = a->program,
		.tgid = a->tgid,
		.uid = a->uid,
		.login_uid = a->login_uid,
	};

	memcpy(party.comm, a->comm, sizeof(party.comm));
	return party;
}

void lineage_read(struct lineage *l, const struct record_access *a, uint64_t label, const char *path,
		  size_t n)
{
	const struct party party = lineage_party(a);
	struct process *p = find_or_add(l, &party);
	struct origin *o = NULL;

	for (unsigned i = 0; i < p->n && !o; i++)
		if (p->origins[i].how == PASS_READ && p->origins[i].label & label)
			o = &p->origins[i];
	if (!o) {
		o = insert(p, a->header.boot_ns);
		o->how = PASS_READ;
		o->label = label;
		o->to = party;
	}
	if (!o->path)
		o->path = keep_path(path, n);
}

void lineage_copy(struct lineage *l, const struct object_id *file, const char *path, size_t n)
{
	uint64_t key = pass_file(file);
	char **known = cache_find(l->files, &key);

	if (known && *known && strlen(*known) == n && !memcmp(*known, path, n))
		return;
	if (!known)
		known = cache_add(l->files, &key);
	free(*known);
	*known = keep_path(path, n);
}

/* A record that it has read itself before what others gave it; of these the first, which brought the label. */
static const struct origin *origin_of(const struct process *p, uint64_t label, bool refused)
{
	const struct origin *first = NULL;

	for (unsigned i = p->n; i-- > 0;) {
		const struct origin *o = &p->origins[i];

		if (!(o->label & label) || !o->refused != !refused)
			continue;
		if (refused) /* the latest: it is what the entry at hand is about */
			return o;
		if (!first || o->how == PASS_READ || first->how != PASS_READ)
			first = o;
	}
	return first;
}

static const char *path_of(struct lineage *l, const struct origin *o)
{
	char **file;

	if (o->how == PASS_READ)
		return o->path;
	file = o->how == PASS_FILE ? cache_find(l->files, &o->object) : NULL;
	return file ? *file : NULL;
}

/* Names alone are a thread's choice, and of a script the kernel tells the interpreter in some records. */
static bool is_other_program(const struct party *a, const struct party *b)
{
	return (a->program.ino != b->program.ino || a->program.generation != b->program.generation) &&
	       memcmp(a->comm, b->comm, sizeof(a->comm)) != 0;
}

/* How a process, as it was later on, came to hold the data. A child that is another program than its parent goes without
 * saying. */
static void add_hops(struct lineage *l, const struct origin *o, const struct party *later,
		     struct lineage_chain *chain)
{
	struct party who = *later;

	if (o->how != PASS_FORK && is_other_program(&o->to, later)) {
		chain->hops[chain->n++] = (struct lineage_hop){who, PASS_EXEC, 0, NULL};
		who = o->to;
	}
	if (chain->n < LINEAGE_HOPS)
		chain->hops[chain->n++] = (struct lineage_hop){who, o->how, o->object, path_of(l, o)};
}

static void reverse(struct lineage_chain *chain)
{
	for (size_t i = 0; i < chain->n / 2; i++) {
		struct lineage_hop hop = chain->hops[i];

		chain->hops[i] = chain->hops[chain->n - 1 - i];
		chain->hops[chain->n - 1 - i] = hop;
	}
}

bool lineage_find(struct lineage *l, const struct party *process, uint64_t label, bool refused,
		  struct lineage_chain *ret_chain)
{
	struct lineage_chain *chain = ret_chain;
	const struct process *p = find(l, process);
	const struct origin *o = p ? origin_of(p, label, refused) : NULL;
	struct party who = *process;

	chain->n = 0;
	chain->incomplete = true;
	while (o && chain->n < LINEAGE_HOPS) {
		add_hops(l, o, &who, chain);
		if (o->how == PASS_READ) {
			chain->incomplete = chain->hops[chain->n - 1].how != PASS_READ; /* no room */
			break;
		}
		who = o->from;
		p = who.start_boot_ns ? find(l, &who) : NULL;
		o = p ? origin_of(p, label, false) : NULL;
		/* Whoever passed it on is known at least by name. */
		if (!o && who.start_boot_ns && chain->n < LINEAGE_HOPS)
			chain->hops[chain->n++] = (struct lineage_hop){who, PASS_INVALID, 0, NULL};
	}
	reverse(chain);
	return chain->n > 0;
}

const char *lineage_how_text(unsigned how)
{
	static const char *const texts[PASS_END] = {
		[PASS_READ] = "read",	      [PASS_FORK] = "fork",	   [PASS_PIPE] = "pipe",
		[PASS_UNIX] = "unix_socket",  [PASS_INTERNET] = "network", [PASS_FILE] = "file",
		[PASS_MEMORY] = "memory",     [PASS_TRACE] = "trace",	   [PASS_SHARED] = "shared_memory",
		[PASS_TERMINAL] = "terminal", [PASS_MAPPING] = "mapping",  [PASS_QUEUE] = "queue",
		[PASS_KEY] = "key",	      [PASS_OTHER] = "other",	   [PASS_EXEC] = "exec",
	};

	return how < PASS_END ? texts[how] : NULL;
}
