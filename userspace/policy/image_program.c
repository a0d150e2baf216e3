// SPDX-License-Identifier: Apache-2.0
/*
 * The programs of an image, those of rules that declassify among them, and which roles accept what lies under their paths.
 *
 * Pure. Called by policy_compile, and by the daemon when a program has changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/image.h"

static void set_role(struct role_set *set, size_t role)
{
	set->words[role / 64] |= 1ull << (role % 64);
}

static void merge_roles(struct role_set *into, const struct role_set *from)
{
	for (int i = 0; i < ROLE_WORDS; i++)
		into->words[i] |= from->words[i];
}

void image_program_roles(const struct image_program *program, const uint8_t sha256[POLICY_DIGEST_SIZE],
			 bool packaged, struct role_set *ret_roles)
{
	struct role_set roles = {0};

	if (!memcmp(program->loaded_sha256, sha256, POLICY_DIGEST_SIZE))
		merge_roles(&roles, &program->loaded);
	if (packaged)
		merge_roles(&roles, &program->packaged);
	for (size_t i = 0; i < program->n_digests; i++) {
		if (!memcmp(program->digests[i].sha256, sha256, POLICY_DIGEST_SIZE))
			merge_roles(&roles, &program->digests[i].roles);
	}
	*ret_roles = roles;
}

bool image_program_accepted(const struct image_program *program)
{
	return !memcmp(&program->found.roles, &program->named, sizeof(program->named));
}

static void judge_found(struct image_program *program)
{
	image_program_roles(program, program->found.content.sha256, program->found.package.name[0],
			    &program->found.roles);
}

static int compare_programs(const void *a, const void *b)
{
	const struct image_program *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void keep_loaded(struct image_program *programs, size_t n, const struct image_program *former,
			size_t n_former)
{
	for (size_t i = 0; i < n && n_former; i++) {
		struct image_program *program = &programs[i];
		const struct image_program *before =
			bsearch(program, former, n_former, sizeof(*former), compare_programs);

		if (!before)
			continue;
		memcpy(program->loaded_sha256, before->loaded_sha256, POLICY_DIGEST_SIZE);
		judge_found(program);
	}
}

void image_keep_loaded(struct policy_image *image, const struct policy_image *former)
{
	keep_loaded(image->programs, image->n_programs, former->programs, former->n_programs);
	keep_loaded(image->libraries, image->n_libraries, former->libraries, former->n_libraries);
}

static void free_program(struct image_program *program)
{
	free(program->path);
	free(program->digests);
}

/* Moves what `from`, another name or another role's entry of the same file, has. 0 or -ENOMEM. */
static int merge_program(struct image_program *into, struct image_program *from)
{
	size_t n = into->n_digests + from->n_digests;
	struct image_digest *digests = reallocarray(into->digests, n + 1, sizeof(*digests));

	if (!digests)
		return -ENOMEM;
	memcpy(digests + into->n_digests, from->digests, from->n_digests * sizeof(*digests));
	into->digests = digests;
	into->n_digests = n;
	merge_roles(&into->named, &from->named);
	merge_roles(&into->loaded, &from->loaded);
	merge_roles(&into->packaged, &from->packaged);
	if (from->found.package.name[0])
		into->found.package = from->found.package;
	free_program(from);
	return 0;
}

/* Two names of one file are one program. */
static int merge_programs(struct image_program *programs, size_t *n)
{
	size_t kept = 0;
	int err = 0;

	if (!*n)
		return 0;
	qsort(programs, *n, sizeof(*programs), compare_programs);
	for (size_t i = 1; i < *n; i++) {
		struct image_program *program = &programs[i];

		if (!err && strcmp(program->path, programs[kept].path) == 0) {
			err = merge_program(&programs[kept], program);
			if (!err)
				continue;
		}
		programs[++kept] = *program; /* whole, so that it can be freed */
	}
	*n = kept + 1;
	return err;
}

static int add_program(const struct policy_program *from, size_t role, struct image_program *program)
{
	const struct policy_program_info *info = &from->info;

	program->path = strdup(info->path.canonical);
	program->digests = calloc(from->n_digests + 1, sizeof(*program->digests));
	if (!program->path || !program->digests)
		return -ENOMEM;
	set_role(&program->named, role);
	if (!from->digests_given)
		set_role(&program->loaded, role);
	if (from->packaged.text)
		set_role(&program->packaged, role);
	for (; program->n_digests < from->n_digests; program->n_digests++) {
		struct image_digest *digest = &program->digests[program->n_digests];

		memcpy(digest->sha256, from->digests[program->n_digests].sha256, POLICY_DIGEST_SIZE);
		set_role(&digest->roles, role);
	}
	memcpy(program->loaded_sha256, info->content.sha256, POLICY_DIGEST_SIZE);
	program->found.state = PROGRAM_FOUND;
	program->found.key = info->key;
	program->found.content = info->content;
	program->found.package = from->package;
	return 0;
}

/* The programs of a role, or its libraries. */
static const struct policy_program *list_of(const struct policy_role *role, bool libraries, size_t *ret_n)
{
	*ret_n = libraries ? role->libraries.n : role->n_programs;
	return libraries ? role->libraries.items : role->programs;
}

static int add_list(const struct policy_program *list, size_t n, size_t role, struct image_program *programs,
		    size_t *n_programs)
{
	int err = 0;

	for (size_t k = 0; k < n && !err; k++)
		if (!list[k].directory)
			err = add_program(&list[k], role, &programs[(*n_programs)++]);
	return err;
}

static int build_list(const struct policy *policy, bool libraries, struct image_program **ret_programs,
		      size_t *ret_n)
{
	size_t total = 0, n, sinks = libraries ? 0 : policy->n_sinks;
	int err = 0;

	for (size_t i = 0; i < sinks; i++)
		total += policy->sinks[i].n_programs;
	for (size_t i = 0; i < policy->n_roles; i++) {
		list_of(&policy->roles[i], libraries, &n);
		total += n;
	}
	*ret_programs = calloc(total + 1, sizeof(**ret_programs));
	if (!*ret_programs)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_roles && !err; i++) {
		const struct policy_program *list = list_of(&policy->roles[i], libraries, &n);

		err = add_list(list, n, i, *ret_programs, ret_n);
	}
	for (size_t i = 0; i < sinks && !err; i++)
		err = add_list(policy->sinks[i].programs, policy->sinks[i].n_programs, sink_role(i),
			       *ret_programs, ret_n);
	if (!err)
		err = merge_programs(*ret_programs, ret_n);
	for (size_t i = 0; i < *ret_n && !err; i++)
		judge_found(&(*ret_programs)[i]);
	return err;
}

int image_build_programs(const struct policy *policy, struct policy_image *image)
{
	int err = build_list(policy, false, &image->programs, &image->n_programs);

	return err ? err : build_list(policy, true, &image->libraries, &image->n_libraries);
}

static void free_list(struct image_program *programs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free_program(&programs[i]);
	free(programs);
}

void image_free_programs(struct policy_image *image)
{
	free_list(image->programs, image->n_programs);
	free_list(image->libraries, image->n_libraries);
}
