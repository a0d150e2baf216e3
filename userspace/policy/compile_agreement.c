/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agreements of a checked policy as arrays (image.h), with the endpoints of all of them in one; and whom to ask for
 * addresses.
 *
 * Called by policy_compile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "policy/image.h"

static char *copy_word(const struct policy_word *word)
{
	return strdup(word->text ? word->text : "");
}

/* A number that stands for a text. */
static uint64_t number_of(const char *text, size_t n)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t number;

	SHA256((const unsigned char *)text, n, digest);
	memcpy(&number, digest, sizeof(number));
	return number;
}

/* What an agreement's count is kept under: the same for the same name and length of windows, whose numbers mean nothing for
 * another. */
static uint64_t volume_of(const char *name, uint64_t window_ns)
{
	char text[POLICY_NAME_MAX + 32];

	return number_of(text, (size_t)snprintf(text, sizeof(text), "%s %" PRIu64, name, window_ns));
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
	to->rules.regions = from->regions;
	to->rules.until_ns = ~0ull;
	to->rules.limits = from->limits;
	to->rules.limits.volume = from->limits.max_bytes ? volume_of(to->name, from->limits.window_ns) : 0;
	to->expires_s = from->expires_s;
	to->file = from->name.at.file;
	to->line = from->name.at.line;
	return 0;
}

/* The number of a name among the image's, from 1; 0 when memory is short. */
static uint32_t host_number(struct policy_image *image, const char *name)
{
	char *copy;

	for (size_t i = 0; i < image->n_hosts; i++)
		if (strcmp(image->hosts[i].name, name) == 0)
			return (uint32_t)i + 1;
	copy = strdup(name);
	if (!copy)
		return 0;
	image->hosts[image->n_hosts].name = copy;
	image->hosts[image->n_hosts].id = number_of(name, strlen(name)) | 1;
	return (uint32_t)++image->n_hosts;
}

static int copy_endpoints(const struct policy_agreement *from, uint32_t number, struct policy_image *image)
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
		if (!endpoint->host[0])
			continue;
		to->host = host_number(image, endpoint->host);
		if (!to->host)
			return -ENOMEM;
		to->rules.name = image->hosts[to->host - 1].id;
	}
	return 0;
}

static int copy_regions(const struct policy_regions *from, struct policy_image *image)
{
	const struct policy_word *files[] = {&from->networks, &from->database};

	if (!from->n_words)
		return 0;
	image->regions = calloc(from->n_table + 1, sizeof(*image->regions));
	if (!image->regions)
		return -ENOMEM;
	if (from->n_table)
		memcpy(image->regions, from->table, from->n_table * sizeof(*image->regions));
	image->n_regions = from->n_table;
	memcpy(image->region_stamps, from->stamps, sizeof(image->region_stamps));
	for (size_t i = 0; i < REGION_FILES; i++) {
		image->region_files[i] = files[i]->text ? strdup(files[i]->text) : NULL;
		if (files[i]->text && !image->region_files[i])
			return -ENOMEM;
	}
	return 0;
}

static int copy_dns(const struct policy_dns *from, struct policy_image *image)
{
	if (!from->given)
		return 0;
	image->resolvers = calloc(from->n_resolvers + 1, sizeof(*image->resolvers));
	if (!image->resolvers)
		return -ENOMEM;
	for (; image->n_resolvers < from->n_resolvers; image->n_resolvers++) {
		struct image_resolver *to = &image->resolvers[image->n_resolvers];

		memcpy(to->address, from->resolvers[image->n_resolvers].address, sizeof(to->address));
		to->port = from->resolvers[image->n_resolvers].port_first;
	}
	image->dns_max_bytes = from->max_bytes;
	image->dns_period_s = from->period_s;
	image->dns_answers = from->answers;
	image->dns_rule = (struct image_rule){from->at.file, from->at.line};
	return 0;
}

int image_build_agreements(const struct policy *policy, struct policy_image *image)
{
	size_t endpoints = 0;
	int rc = 0;

	for (size_t i = 0; i < policy->n_agreements; i++)
		endpoints += policy->agreements[i].n_endpoints;
	image->agreements = calloc(policy->n_agreements + 1, sizeof(*image->agreements));
	image->endpoints = calloc(endpoints + 1, sizeof(*image->endpoints));
	image->hosts = calloc(endpoints + 1, sizeof(*image->hosts));
	image->n_hosts = 0;
	if (!image->agreements || !image->endpoints || !image->hosts)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_agreements && rc == 0; i++) {
		rc = copy_agreement(&policy->agreements[i], &image->agreements[image->n_agreements++]);
		if (rc == 0)
			rc = copy_endpoints(&policy->agreements[i], (uint32_t)i, image);
	}
	if (rc == 0)
		rc = copy_regions(&policy->regions, image);
	return rc == 0 ? copy_dns(&policy->dns, image) : rc;
}

void image_drop_regions(struct policy_image *image)
{
	free(image->regions);
	image->regions = NULL;
	image->n_regions = 0;
}

void image_free_agreements(struct policy_image *image)
{
	for (size_t i = 0; i < image->n_agreements; i++) {
		free(image->agreements[i].name);
		free(image->agreements[i].purpose);
		free(image->agreements[i].partner);
	}
	for (size_t i = 0; i < image->n_hosts; i++)
		free(image->hosts[i].name);
	for (size_t i = 0; i < REGION_FILES; i++)
		free(image->region_files[i]);
	free(image->agreements);
	free(image->endpoints);
	free(image->hosts);
	image_drop_regions(image);
	free(image->resolvers);
}
