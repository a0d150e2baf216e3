/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agreements of a checked policy as arrays (image.h), with the endpoints of all of them in one.
 *
 * Called by policy_compile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/image.h"

static char *copy_word(const struct policy_word *word)
{
	return strdup(word->text ? word->text : "");
}

static int copy_agreement(const struct policy_agreement *from, struct image_agreement *to)
{
	to->name = copy_word(&from->name);
	to->purpose = copy_word(&from->purpose);
	to->partner = copy_word(&from->partner);
	if (!to->name || !to->purpose || !to->partner)
		return -ENOMEM;
	to->rules.roles = from->roles;
	to->rules.any_role = !from->roles_given;
	to->rules.stores = from->stores;
	to->rules.until_ns = ~0ull;
	to->expires_s = from->expires_s;
	to->file = from->name.at.file;
	to->line = from->name.at.line;
	return 0;
}

static void copy_endpoints(const struct policy_agreement *from, uint32_t number, struct policy_image *image)
{
	for (size_t i = 0; i < from->n_endpoints; i++) {
		const struct policy_endpoint *endpoint = &from->endpoints[i];
		struct image_endpoint *to = &image->endpoints[image->n_endpoints++];

		memcpy(to->address, endpoint->address, sizeof(to->address));
		to->prefix = endpoint->prefix;
		to->rules = (struct endpoint){
			.agreement = number,
			.port_first = endpoint->port_first,
			.port_last = endpoint->port_last,
			.protocols = endpoint->protocols,
		};
	}
}

int image_build_agreements(const struct policy *policy, struct policy_image *image)
{
	size_t endpoints = 0;
	int rc = 0;

	for (size_t i = 0; i < policy->n_agreements; i++)
		endpoints += policy->agreements[i].n_endpoints;
	image->agreements = calloc(policy->n_agreements + 1, sizeof(*image->agreements));
	image->endpoints = calloc(endpoints + 1, sizeof(*image->endpoints));
	if (!image->agreements || !image->endpoints)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_agreements && rc == 0; i++) {
		rc = copy_agreement(&policy->agreements[i], &image->agreements[image->n_agreements++]);
		copy_endpoints(&policy->agreements[i], (uint32_t)i, image);
	}
	return rc;
}

void image_free_agreements(struct policy_image *image)
{
	for (size_t i = 0; i < image->n_agreements; i++) {
		free(image->agreements[i].name);
		free(image->agreements[i].purpose);
		free(image->agreements[i].partner);
	}
	free(image->agreements);
	free(image->endpoints);
}
