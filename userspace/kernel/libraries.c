// SPDX-License-Identifier: Apache-2.0
/*
 * What may be loaded into the programs of roles that ask: what the policy says of it goes into its slot, what packages
 * brought is digested (packaged.c). Those libraries come first, before the policy is in force, that the programs need to
 * start; the others follow while the daemon runs, and until then may not be loaded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel/elf_needs.h"
#include "kernel/packaged.h"
#include "muniment.skel.h"

#define NEEDED_MAX 4096 /* names in the closure of all programs */
#define STEP_NS	   10000000ull
#define FIRST_NS   120000000000ull

/* What glibc loads without being told by a file: name services, and unwinding when a thread ends. */
static const char *const always[] = {"libnss_files.so.2",   "libnss_dns.so.2", "libnss_compat.so.2",
				     "libnss_systemd.so.2", "libnss_sss.so.2", "libnss_ldap.so.2",
				     "libresolv.so.2",	    "libgcc_s.so.1",   "libpthread.so.0",
				     "libdl.so.2",	    "libm.so.6"};

struct closure {
	struct kernel *k;
	char **names; /* each once: of libraries, and paths of interpreters */
	size_t n;
};

static int need(void *ctx, const char *name)
{
	struct closure *c = ctx;

	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->names[i], name) == 0)
			return 0;
	}
	if (c->n == NEEDED_MAX)
		return 0;
	c->names[c->n] = strdup(name);
	return c->names[c->n] && ++c->n ? 0 : -ENOMEM;
}

/* "libz.so.1" is the file libz.so.1.2.13, by a link that is in no list of sums. */
static bool is_for(const char *path, const char *name)
{
	const char *leaf = strrchr(path, '/') + 1;
	size_t n = strlen(name);

	return strncmp(leaf, name, n) == 0 && (!leaf[n] || leaf[n] == '.');
}

/* Marks the files that may be meant by a name, and follows what they need in turn. */
static int mark_needed(struct closure *c, const char *name)
{
	struct packaged *p = c->k->packaged;
	char *canonical = name[0] == '/' ? realpath(name, NULL) : NULL; /* "/bin/sh" is another file */
	const char *leaf = strrchr(canonical ? canonical : name, '/');
	int err = 0;

	leaf = leaf ? leaf + 1 : name;
	for (size_t i = 0; i < p->n && !err; i++) {
		if (p->files[i].first || p->files[i].state == PACKAGED_AGAIN ||
		    !is_for(p->files[i].path, leaf))
			continue;
		p->files[i].first = true;
		err = elf_needs(p->files[i].path, need, c);
	}
	free(canonical);
	return err;
}

static bool meets(const struct role_set *a, const struct role_set *b)
{
	return decide_meets(a, b);
}

/* What a program's own package brings beside it: plug-ins, most likely, that it names nowhere. */
static int mark_package(struct closure *c, const char *program)
{
	struct packaged *p = c->k->packaged;
	const char *package = packaged_owner(p, program);
	int err = 0;

	for (size_t i = 0; package && i < p->n && !err; i++) {
		if (p->files[i].first || p->files[i].state == PACKAGED_AGAIN ||
		    strcmp(p->files[i].package, package) != 0)
			continue;
		p->files[i].first = true;
		err = elf_needs(p->files[i].path, need, c);
	}
	return err;
}

/* The libraries of the programs of roles that take what packages brought. */
static int mark_closure(struct kernel *k, const struct policy_image *image)
{
	struct closure c = {.k = k, .names = calloc(NEEDED_MAX, sizeof(char *))};
	int err = c.names ? 0 : -ENOMEM;

	for (size_t i = 0; i < k->packaged->n; i++)
		k->packaged->files[i].first = false;
	for (size_t i = 0; !err && i < sizeof(always) / sizeof(always[0]); i++)
		err = need(&c, always[i]);
	for (size_t i = 0; !err && i < image->n_programs; i++) {
		if (!meets(&image->programs[i].named, &image->packaged))
			continue;
		err = elf_needs(image->programs[i].path, need, &c);
		if (!err)
			err = mark_package(&c, image->programs[i].path);
	}
	for (size_t i = 0; !err && i < c.n; i++)
		err = mark_needed(&c, c.names[i]);
	for (size_t i = 0; i < c.n; i++)
		free(c.names[i]);
	free(c.names);
	return err;
}

static int want(void *ctx, const char *path)
{
	return packaged_want(ctx, path);
}

/* What is no shared object, but to be found in the database: the programs, which tell their packages, and the interpreters
 * of scripts. */
static int want_programs(struct kernel *k, const struct policy_image *image)
{
	int err = 0;

	for (size_t i = 0; !err && i < image->n_programs; i++) {
		const struct image_program *program = &image->programs[i];

		if (!meets(&program->named, &image->packaged))
			continue;
		err = packaged_want(k->packaged, program->path);
		if (!err && program->found.content.script)
			err = elf_needs(program->path, want, k->packaged);
	}
	return err;
}

static int fill_packaged(struct kernel *k, const struct policy_image *image)
{
	static const struct role_set nobody;
	int err;

	if (!memcmp(&image->packaged, &nobody, sizeof(nobody))) {
		kernel_packaged_free(k->packaged);
		k->packaged = NULL;
		return 0;
	}
	if (!k->packaged)
		k->packaged = calloc(1, sizeof(*k->packaged));
	if (!k->packaged)
		return -ENOMEM;
	err = want_programs(k, image);
	if (!err)
		err = packaged_read(k, k->packaged);
	if (!err)
		err = mark_closure(k, image);
	if (err == -EOPNOTSUPP) {
		log_error("no package database: libraries that packages brought cannot be told from others");
		return 0;
	}
	if (!err &&
	    !packaged_work(k, k->packaged, true, kernel_clock_ns(CLOCK_MONOTONIC) + FIRST_NS, NULL, NULL))
		log_warn("not all libraries of the programs are verified yet: those may not be loaded until "
			 "then");
	return err;
}

int kernel_fill_libraries(struct kernel *k, const struct policy_image *image, uint32_t slot)
{
	struct policy_slot *policy = &k->skel->data_control->control.slots[slot];

	policy->asking = image->asking;
	policy->packaged = image->packaged;
	policy->asking_enforced = image->asking_enforced;
	policy->asks = meets(&image->asking, &image->asking);
	return fill_packaged(k, image);
}

void kernel_watch_packaged(struct kernel *k, kernel_library_fn fn, void *ctx)
{
	struct packaged *p = k->packaged;
	int err;

	if (!p)
		return;
	err = packaged_read(k, p);
	if (err)
		log_warn("the package database cannot be read: %s", strerror(-err));
	packaged_watch(p);
	packaged_work(k, p, false, kernel_clock_ns(CLOCK_MONOTONIC) + STEP_NS, fn, ctx);
}
