/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers by the kernel's own rules (bpf/decide.h) who may do what under a policy image, which grant says so, and which
 * agreement lets data go where.
 *
 * Pure. Called by munimentd to name the rule in events, by the commands and the tests.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hosts.h"
#include "policy/image.h"
#include "policy/network.h"

long policy_image_program_by_path(const struct policy_image *image, const char *path)
{
	size_t low = 0, high = image->n_programs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(image->programs[middle].path, path);

		if (order == 0)
			return (long)middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

long policy_image_program_by_inode(const struct policy_image *image, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < image->n_programs; i++) {
		if (image->programs[i].found.key.dev == dev && image->programs[i].found.key.ino == ino)
			return (long)i;
	}
	return -1;
}

static int compare_user(const void *key, const void *entry)
{
	uint32_t uid = *(const uint32_t *)key, other = ((const struct image_user *)entry)->uid;

	return (uid > other) - (uid < other);
}

static int compare_group(const void *key, const void *entry)
{
	uint32_t gid = *(const uint32_t *)key, other = ((const struct image_group *)entry)->gid;

	return (gid > other) - (gid < other);
}

static void add_roles(struct role_set *into, const struct role_set *from)
{
	for (int i = 0; i < ROLE_WORDS; i++)
		into->words[i] |= from->words[i];
}

static void add_groups(const struct policy_image *image, const struct policy_actor *actor,
		       struct role_set *into)
{
	for (size_t i = 0; i < actor->n_gids && image->n_groups; i++) {
		const struct image_group *group = bsearch(&actor->gids[i], image->groups, image->n_groups,
							  sizeof(*image->groups), compare_group);

		if (group)
			add_roles(into, &group->roles);
	}
}

void policy_actor_roles(const struct policy_image *image, const struct policy_actor *actor,
			struct decide_actor *ret_dimensions)
{
	bool by_login = actor->login_uid != ID_UNSET;
	uint32_t person = by_login ? actor->login_uid : actor->uid;
	struct decide_actor roles = {image->any_user, image->any_group, image->any_program, image->now};
	const struct image_user *user = NULL;

	if (image->n_users)
		user = bsearch(&person, image->users, image->n_users, sizeof(*image->users), compare_user);
	if (user)
		add_roles(&roles.by_user, &user->roles.by_user);
	/* Whoever logged in is judged by the login's groups: those of the acting process change with sudo and
	 * newgrp. */
	if (!by_login)
		add_groups(image, actor, &roles.by_group);
	else if (user)
		add_roles(&roles.by_group, &user->roles.by_membership);
	if (actor->program >= 0 && (size_t)actor->program < image->n_programs)
		add_roles(&roles.by_program, &image->programs[actor->program].found.roles);
	*ret_dimensions = roles;
}

long policy_image_grant(const struct policy_image *image, const struct role_set *roles, uint32_t store,
			enum operation operation)
{
	for (size_t i = 0; i < image->n_grants; i++) {
		const struct image_grant *grant = &image->grants[i];

		if (grant->store == store && (grant->access & OPERATION_BIT(operation)) &&
		    (roles->words[grant->role / 64] >> (grant->role % 64) & 1))
			return (long)i;
	}
	return POLICY_NO_GRANT;
}

int policy_explain(const struct policy_image *image, const struct policy_actor *actor, uint32_t store,
		   uint32_t operations, struct policy_decision *ret_decision)
{
	struct policy_decision decision = {.grant = POLICY_NO_GRANT};
	struct decide_actor dimensions;
	int op = OPERATION_LIST;

	if (store >= image->n_stores || operations == 0 || (operations & 1) ||
	    operations >= OPERATION_BIT(OPERATION_END))
		return -EINVAL;
	policy_actor_roles(image, actor, &dimensions);
	decide_roles(&dimensions, &decision.roles);
	decision.granted = decide_granted(&image->stores[store].rules, &decision.roles);
	decision.verdict = (enum verdict)decide_verdict(operations, decision.granted);
	while (!(operations & OPERATION_BIT(op)))
		op++;
	if (decision.verdict == VERDICT_ALLOW)
		decision.grant = policy_image_grant(image, &decision.roles, store, (enum operation)op);
	*ret_decision = decision;
	return 0;
}

/* Any of its networks that has the address counts: in the kernel, the longest prefix knows those of shorter ones. */
/* Is the peer in the endpoint's network, or one of the addresses that its name has had? */
static bool endpoint_has(const struct policy_image *image, const struct image_endpoint *endpoint,
			 const struct peer *peer)
{
	if (endpoint->host)
		return image_host_has(&image->hosts[endpoint->host - 1], peer->address);
	return network_contains(endpoint->address, endpoint->prefix, peer->address);
}

/* The regions that an address is in: networks are sorted, and lie apart. */
static uint64_t regions_of(const struct policy_image *image, const uint8_t address[16])
{
	size_t low = 0, high = image->n_regions;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct region_network *network = &image->regions[middle];

		if (network_contains(network->address, network->prefix, address))
			return network->regions;
		if (memcmp(network->address, address, sizeof(network->address)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

static bool agreement_is_about(const struct policy_image *image, uint32_t agreement, const struct peer *peer)
{
	for (size_t i = 0; i < image->n_endpoints; i++) {
		const struct image_endpoint *endpoint = &image->endpoints[i];

		if (endpoint->rules.agreement == agreement && endpoint_has(image, endpoint, peer) &&
		    decide_endpoint(&endpoint->rules, peer))
			return true;
	}
	return false;
}

long policy_explain_egress(const struct policy_image *image, const struct role_set *roles, uint32_t store,
			   const struct peer *peer, int64_t now_s)
{
	uint64_t regions = regions_of(image, peer->address);

	for (size_t i = 0; i < image->n_agreements && store < image->n_stores; i++) {
		struct agreement_rules rules = image->agreements[i].rules;
		int64_t expires_s = image->agreements[i].expires_s;

		rules.until_ns = expires_s == INT64_MAX || now_s < expires_s ? ~0ull : 0;
		if (decide_agreed(&rules, roles, 0) >> store & 1 && decide_region(&rules, regions) &&
		    agreement_is_about(image, (uint32_t)i, peer))
			return (long)i;
	}
	return POLICY_NO_GRANT;
}

enum reason policy_explain_limits(const struct policy_image *image, long agreement,
				  const struct policy_sent *sent)
{
	const struct agreement_limits *limits = &image->agreements[agreement].rules.limits;

	if (!decide_tls(limits, sent->shown, sent->port))
		return (enum reason)decide_tls_reason(sent->shown);
	return decide_fits(limits, sent->used, sent->bytes) ? REASON_AGREED : REASON_LIMIT;
}
