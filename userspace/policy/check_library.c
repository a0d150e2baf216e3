/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the libraries of the roles against the host, like their programs (check_program.c).
 *
 * Fills in what the compiler needs: a directory's files become items of their own. Called by check_roles.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/check.h"

/* Loaded by whatever name: the file must be root's alone. */
static void judge_library(struct checker *ck, const struct policy_program *library)
{
	const struct policy_path_info *path = &library->info.path;

	if (path->uid != 0 || (path->mode & (S_IWGRP | S_IWOTH)))
		finding_expect(finding_add(ck->findings, POLICY_PROGRAM_WRITABLE, library->word.at,
					   "\"%s\" can be changed by others than root", path->canonical),
			       "a file that is owned and written by root alone");
}

static void check_library(struct checker *ck, struct policy_program *library)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	int rc = resolver->program(resolver->ctx, library->word.text, &library->info);

	library->resolved = rc == 0;
	if (rc == -ENOMEM) {
		ck->findings->failed = true;
	} else if (rc < 0) {
		check_report_file(ck, library, "library", rc);
	} else {
		judge_library(ck, library);
		check_content(ck, library, "library");
	}
}

struct names {
	char **items;
	size_t n;
	bool failed;
};

static bool keep_name(void *arg, const char *name)
{
	struct names *names = arg;
	char **items = reallocarray(names->items, names->n + 1, sizeof(*items));

	if (items) {
		names->items = items;
		items[names->n] = strdup(name);
	}
	names->failed = !items || !items[names->n];
	names->n += !names->failed;
	return !names->failed && names->n <= LIBRARIES_MAX;
}

/* One name in the directory, which becomes an item if it is a file. 0 or -ENOMEM. */
static int add_entry(struct checker *ck, struct policy_libraries *libraries, size_t directory,
		     const char *name)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct policy_program entry = {.word = libraries->items[directory].word, .resolved = true}, *items;
	char *path;
	int rc;

	if (asprintf(&path, "%s%s", entry.word.text, name) < 0)
		return -ENOMEM;
	rc = resolver->program(resolver->ctx, path, &entry.info);
	free(path);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	items = reallocarray(libraries->items, libraries->n + 1, sizeof(*items));
	if (!items) {
		policy_path_info_clear(&entry.info.path);
		return -ENOMEM;
	}
	libraries->items = items;
	items[libraries->n++] = entry;
	judge_library(ck, &items[libraries->n - 1]);
	return 0;
}

static void check_directory(struct checker *ck, struct policy_libraries *libraries, size_t i)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	const struct policy_word *word = &libraries->items[i].word;
	struct policy_path_info info = {0};
	struct names names = {0};
	int rc = resolver->path(resolver->ctx, word->text, &info);

	if (rc) /* that it is a directory, the "/" has said */
		check_report_file(ck, &libraries->items[i], "library", rc);
	else
		resolver->names(resolver->ctx, POLICY_NAMES_DIRECTORY, info.canonical, keep_name, &names);
	policy_path_info_clear(&info);
	for (size_t n = 0; n < names.n; n++) {
		if (!names.failed)
			names.failed = add_entry(ck, libraries, i, names.items[n]) != 0;
		free(names.items[n]);
	}
	free(names.items);
	if (names.failed)
		ck->findings->failed = true;
}

/* Is there a package database at all? Asked about the role's program, as a file of a package it most likely is. */
static void check_packaged(struct checker *ck, const struct policy_role *role)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct package package;

	for (size_t i = 0; i < role->n_programs; i++) {
		const struct policy_program *program = &role->programs[i];

		if (!program->resolved)
			continue;
		if (resolver->package(resolver->ctx, program->info.path.canonical, &program->info.content,
				      &package) == -EOPNOTSUPP)
			finding_expect(finding_add(ck->findings, POLICY_NO_PACKAGES,
						   role->libraries.packaged.at,
						   "\"packaged\" cannot be had here: %s",
						   program->info.content.has_md5
							   ? "there is no package database (" PACKAGES_DIR ")"
							   : "OpenSSL provides no MD5"),
				       "the libraries of the programs in a list");
		return;
	}
}

/* Without its dynamic loader no program starts that is linked dynamically, as nearly all are. */
static void check_loader(struct checker *ck, const struct policy_role *role)
{
	if (role->libraries.packaged.text || !role->libraries.n)
		return;
	for (size_t i = 0; i < role->libraries.n; i++) {
		const char *path = role->libraries.items[i].info.path.canonical;
		const char *name = path ? strrchr(path, '/') : NULL;

		if (role->libraries.items[i].directory)
			continue;
		if (!name || strncmp(name, "/ld-", 4) == 0 || strncmp(name, "/ld.so", 6) == 0)
			return; /* there, or not to be told */
	}
	finding_expect(finding_add(ck->findings, POLICY_LIBRARIES_LOADER, role->libraries.at,
				   "the libraries of the role \"%s\" are without the dynamic loader: its "
				   "programs do not start, unless they are linked statically",
				   role->name.text),
		       "packaged, or /lib64/ld-linux-x86-64.so.2 and every library that ldd prints");
}

static void check_role(struct checker *ck, struct policy_role *role)
{
	struct policy_libraries *libraries = &role->libraries;
	size_t n = libraries->n; /* what is added behind these is checked already */

	if (!libraries->asked)
		return;
	if (!role->programs_given)
		finding_expect(finding_add(ck->findings, POLICY_LIBRARIES_NO_PROGRAMS, libraries->at,
					   "the role \"%s\" has libraries, but no programs that load them",
					   role->name.text),
			       "programs: ... beside them");
	if (libraries->packaged.text)
		check_packaged(ck, role);
	for (size_t i = 0; i < n; i++) {
		if (libraries->items[i].directory)
			check_directory(ck, libraries, i);
		else
			check_library(ck, &libraries->items[i]);
	}
	check_loader(ck, role);
}

void check_libraries(struct checker *ck)
{
	for (size_t i = 0; i < ck->policy->n_roles; i++)
		check_role(ck, &ck->policy->roles[i]);
}
