// SPDX-License-Identifier: Apache-2.0
/*
 * The programs of an image, and which roles accept what lies under their paths.
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

void image_keep_loaded(struct policy_image *image, const struct policy_image *former)
{
	for (size_t i = 0; i < image->n_programs; i++) {
		struct image_program *program = &image->programs[i];
		long before = policy_image_program_by_path(former, program->path);

		if (before < 0)
			continue;
		memcpy(program->loaded_sha256, former->programs[before].loaded_sha256, POLICY_DIGEST_SIZE);
		judge_found(program);
	}
}

static int compare_programs(const void *a, const void *b)
{
	const struct image_program *x = a, *y = b;

	return strcmp(x->path, y->path);
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
static int merge_programs(struct policy_image *image)
{
	size_t kept = 0;
	int err = 0;

	if (!image->n_programs)
		return 0;
	qsort(image->programs, image->n_programs, sizeof(*image->programs), compare_programs);
	for (size_t i = 1; i < image->n_programs; i++) {
		struct image_program *program = &image->programs[i];

		if (!err && strcmp(program->path, image->programs[kept].path) == 0) {
			err = merge_program(&image->programs[kept], program);
			if (!err)
				continue;
		}
		image->programs[++kept] = *program; /* whole, so that it can be freed */
	}
	image->n_programs = kept + 1;
	return err;
}

static int add_program(const struct policy_program *from, size_t role, struct policy_image *image)
{
	struct image_program *program = &image->programs[image->n_programs];
	const struct policy_program_info *info = &from->info;

	program->path = strdup(info->path.canonical);
	program->digests = calloc(from->n_digests + 1, sizeof(*program->digests));
	image->n_programs++;
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

int image_build_programs(const struct policy *policy, struct policy_image *image)
{
	size_t total = 0;
	int err = 0;

	for (size_t i = 0; i < policy->n_roles; i++)
		total += policy->roles[i].n_programs;
	image->programs = calloc(total + 1, sizeof(*image->programs));
	if (!image->programs)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_roles && !err; i++) {
		for (size_t k = 0; k < policy->roles[i].n_programs && !err; k++)
			err = add_program(&policy->roles[i].programs[k], i, image);
	}
	if (!err)
		err = merge_programs(image);
	for (size_t i = 0; i < image->n_programs && !err; i++)
		judge_found(&image->programs[i]);
	return err;
}

void image_free_programs(struct policy_image *image)
{
	for (size_t i = 0; i < image->n_programs; i++)
		free_program(&image->programs[i]);
	free(image->programs);
}
