/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of `declassify` of a checked policy as arrays (image.h).
 *
 * Called by policy_compile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/image.h"

int image_copy_paths(const struct policy_store_path *from, size_t n, char ***to, size_t *n_to)
{
	*to = calloc(n + 1, sizeof(**to));
	if (!*to)
		return -ENOMEM;
	for (; *n_to < n; ++*n_to) {
		(*to)[*n_to] = strdup(from[*n_to].info.canonical);
		if (!(*to)[*n_to])
			return -ENOMEM;
	}
	return 0;
}

void image_free_paths(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

int image_build_sinks(const struct policy *policy, struct policy_image *image)
{
	int rc = 0;

	image->sinks = calloc(policy->n_sinks + 1, sizeof(*image->sinks));
	if (!image->sinks)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sinks && rc == 0; i++) {
		const struct policy_sink *from = &policy->sinks[i];
		struct image_sink *to = &image->sinks[image->n_sinks++];

		to->any_program = !from->programs_given;
		to->file = from->at.file;
		to->line = from->at.line;
		rc = image_copy_paths(from->to, from->n_to, &to->paths, &to->n_paths);
	}
	return rc;
}

void image_free_sinks(struct policy_image *image)
{
	for (size_t i = 0; i < image->n_sinks; i++)
		image_free_paths(image->sinks[i].paths, image->sinks[i].n_paths);
	free(image->sinks);
}
