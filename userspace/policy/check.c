/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a policy: reads the sources, then limits, names and references, then the host's side
 * (check_reference.c, check_agreement.c, check_store.c, check_copies.c, check_role.c). Goes on after errors, so that an admin
 * sees them all at once, but draws no conclusions from what was unreadable.
 *
 * Owns the policy's lifetime. Called by munimentd, the commands, tests and fuzzers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/check.h"
#include "policy/reader.h"

#define SUGGESTIONS_MAX 20

struct policy *policy_new(void)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy)
		policy->degraded = POLICY_DEGRADED_DENY;
	return policy;
}

static void free_programs(struct policy_program *programs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		policy_path_info_clear(&programs[i].info.path);
		free(programs[i].digests);
	}
	free(programs);
}

static void free_role(struct policy_role *role)
{
	free_programs(role->programs, role->n_programs);
	free_programs(role->libraries.items, role->libraries.n);
	free(role->users.items);
	free(role->groups.items);
}

static void free_agreement(struct policy_agreement *agreement)
{
	free(agreement->store_names);
	free(agreement->role_names);
	free(agreement->endpoints);
	free(agreement->region_words);
}

static void free_paths(struct policy_store_path *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		policy_path_info_clear(&paths[i].info);
	free(paths);
}

static void free_store(struct policy_store *store)
{
	free_paths(store->paths, store->n_paths);
	for (size_t i = 0; i < store->n_no_records; i++)
		policy_path_info_clear(&store->no_records[i].directory);
	free(store->no_records);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->n_files; i++) {
		free(policy->files[i].path);
		free(policy->files[i].bytes);
		ytree_free(policy->files[i].tree);
	}
	for (size_t i = 0; i < policy->n_stores; i++)
		free_store(&policy->stores[i]);
	free_paths(policy->copies.to, policy->copies.n_to);
	for (size_t i = 0; i < policy->n_sinks; i++) {
		free_paths(policy->sinks[i].to, policy->sinks[i].n_to);
		free_programs(policy->sinks[i].programs, policy->sinks[i].n_programs);
	}
	free(policy->sinks);
	for (size_t i = 0; i < policy->n_roles; i++)
		free_role(&policy->roles[i]);
	for (size_t i = 0; i < policy->n_memberships; i++)
		free(policy->memberships[i].uids);
	free(policy->files);
	free(policy->stores);
	free(policy->host.approvers.items);
	free(policy->roles);
	free(policy->grants);
	for (size_t i = 0; i < policy->n_compartments; i++)
		free(policy->compartments[i].names);
	free(policy->compartments);
	for (size_t i = 0; i < policy->n_agreements; i++)
		free_agreement(&policy->agreements[i]);
	free(policy->agreements);
	free(policy->regions.table);
	free(policy->dns.resolvers);
	free(policy->memberships);
	findings_free(&policy->findings);
	free(policy);
}

/* One finding at the first that is too many. Returns true when there is none. */
static bool check_limit(struct checker *ck, size_t n, size_t max, const char *what, struct policy_place at)
{
	if (n <= max)
		return true;
	finding_expect(finding_add(ck->findings, POLICY_LIMIT_EXCEEDED, at, "the policy has %zu %s", n, what),
		       "at most %zu", max);
	return false;
}

static struct policy_place first_beyond(const struct policy *policy, size_t max, size_t *ret_total, int what)
{
	struct policy_place at = {.file = POLICY_NO_FILE};
	size_t n = 0;

	for (size_t i = 0; i < policy->n_roles; i++) {
		const struct policy_role *role = &policy->roles[i];
		size_t here = what == 'u'   ? role->users.n
			      : what == 'g' ? role->groups.n
			      : what == 'p' ? role->n_programs
					    : role->libraries.n;

		if (n <= max && n + here > max)
			at = role->name.at;
		n += here;
	}
	*ret_total = n;
	return at;
}

static bool check_agreement_limits(struct checker *ck)
{
	const struct policy *policy = ck->policy;
	struct policy_place at = {.file = POLICY_NO_FILE};
	size_t endpoints = 0;
	bool good;

	if (policy->n_agreements > AGREEMENTS_MAX)
		at = policy->agreements[AGREEMENTS_MAX].name.at;
	good = check_limit(ck, policy->n_agreements, AGREEMENTS_MAX, "agreements", at);
	for (size_t i = 0; i < policy->n_agreements; i++) {
		size_t here = policy->agreements[i].n_endpoints;

		if (endpoints <= ENDPOINTS_MAX && endpoints + here > ENDPOINTS_MAX)
			at = policy->agreements[i].name.at;
		endpoints += here;
	}
	return check_limit(ck, endpoints, ENDPOINTS_MAX, "endpoints in agreements", at) && good;
}

static bool check_no_records_limit(struct checker *ck)
{
	const struct policy *policy = ck->policy;
	struct policy_place at = {.file = POLICY_NO_FILE};
	size_t n = 0;

	for (size_t i = 0; i < policy->n_stores; i++) {
		const struct policy_store *store = &policy->stores[i];

		if (n <= NO_RECORDS_MAX && n + store->n_no_records > NO_RECORDS_MAX)
			at = store->no_records[NO_RECORDS_MAX - n].word.at;
		n += store->n_no_records;
	}
	return check_limit(ck, n, NO_RECORDS_MAX, "files without records", at);
}

static bool check_sink_limits(struct checker *ck)
{
	const struct policy *policy = ck->policy;
	struct policy_place at = {.file = POLICY_NO_FILE}, program_at = at;
	size_t paths = 0, programs = 0;
	bool good;

	if (policy->n_sinks > SINKS_MAX)
		at = policy->sinks[SINKS_MAX].at;
	good = check_limit(ck, policy->n_sinks, SINKS_MAX, "rules that declassify", at);
	for (size_t i = 0; i < policy->n_sinks; i++) {
		const struct policy_sink *sink = &policy->sinks[i];

		if (paths <= POLICY_SINKS_MAX && paths + sink->n_to > POLICY_SINKS_MAX)
			at = sink->to[POLICY_SINKS_MAX - paths].word.at;
		if (programs <= POLICY_SINKS_MAX && programs + sink->n_programs > POLICY_SINKS_MAX)
			program_at = sink->programs[POLICY_SINKS_MAX - programs].word.at;
		paths += sink->n_to;
		programs += sink->n_programs;
	}
	good &= check_limit(ck, paths, POLICY_SINKS_MAX, "paths to declassify", at);
	return check_limit(ck, programs, POLICY_SINKS_MAX, "programs that declassify", program_at) && good;
}

/* Rules that declassify what some programs write take the place of roles: see sink_role. */
static size_t roles_max(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_sinks; i++)
		if (policy->sinks[i].programs_given)
			return sink_role(0);
	return ROLES_MAX;
}

static bool check_limits(struct checker *ck)
{
	const struct policy *policy = ck->policy;
	struct policy_place at = {.file = POLICY_NO_FILE};
	size_t paths = 0, n, roles = roles_max(policy);
	bool good = true;

	if (policy->n_stores > STORES_MAX)
		at = policy->stores[STORES_MAX].name.at;
	good &= check_limit(ck, policy->n_stores, STORES_MAX, "stores", at);
	if (policy->n_roles > roles)
		at = policy->roles[roles].name.at;
	good &= check_limit(ck, policy->n_roles, roles, "roles", at);
	if (policy->n_grants > GRANTS_MAX)
		at = policy->grants[GRANTS_MAX].at;
	good &= check_limit(ck, policy->n_grants, GRANTS_MAX, "grants", at);
	if (policy->n_compartments > POLICY_WALLS_MAX)
		at = policy->compartments[POLICY_WALLS_MAX].at;
	good &= check_limit(ck, policy->n_compartments, POLICY_WALLS_MAX, "compartments", at);
	good &= check_agreement_limits(ck);
	if (policy->dns.n_resolvers > RESOLVERS_MAX)
		at = policy->dns.resolvers[RESOLVERS_MAX].word.at;
	good &= check_limit(ck, policy->dns.n_resolvers, RESOLVERS_MAX, "resolvers", at);
	if (policy->copies.n_to > POLICY_COPIES_MAX)
		at = policy->copies.to[POLICY_COPIES_MAX].word.at;
	good &= check_limit(ck, policy->copies.n_to, POLICY_COPIES_MAX, "paths for copies", at);
	good &= check_sink_limits(ck);
	for (size_t i = 0; i < policy->n_stores; i++) {
		if (paths <= POLICY_PATHS_MAX && paths + policy->stores[i].n_paths > POLICY_PATHS_MAX)
			at = policy->stores[i].name.at;
		paths += policy->stores[i].n_paths;
	}
	good &= check_limit(ck, paths, POLICY_PATHS_MAX, "store paths", at);
	good &= check_no_records_limit(ck);
	at = first_beyond(policy, USERS_MAX, &n, 'u');
	good &= check_limit(ck, n, USERS_MAX, "users in roles", at);
	at = first_beyond(policy, GROUPS_MAX, &n, 'g');
	good &= check_limit(ck, n, GROUPS_MAX, "groups in roles", at);
	at = first_beyond(policy, LIBRARIES_MAX, &n, 'l');
	good &= check_limit(ck, n, LIBRARIES_MAX, "libraries in roles", at);
	at = first_beyond(policy, PROGRAMS_MAX, &n, 'p');
	return check_limit(ck, n, PROGRAMS_MAX, "programs in roles", at) && good;
}

/* Keys that the policy needs once, in whichever file. */
static void check_present(struct checker *ck)
{
	const struct policy *policy = ck->policy;
	struct policy_place at = {0, 1, 1};

	if (!policy->mode_word.text)
		finding_expect(finding_add(ck->findings, POLICY_MISSING_KEY, at,
					   "the policy has no \"mode\"%s",
					   policy->n_files > 1 ? " in any of its files" : ""),
			       "mode: monitor or mode: enforce");
	if (!policy->stores_given)
		finding_expect(finding_add(ck->findings, POLICY_MISSING_KEY, at,
					   "the policy has no \"stores\"%s",
					   policy->n_files > 1 ? " in any of its files" : ""),
			       "stores: with at least one store");
}

int policy_check(struct policy *policy, const struct policy_env *env)
{
	struct checker ck = {policy, &policy->findings, env, SUGGESTIONS_MAX};
	struct policy_place none = {.file = POLICY_NO_FILE};
	bool complete = true, readable = false;

	if (policy->n_files == 0 && policy->findings.errors == 0)
		finding_add(&policy->findings, POLICY_NO_FILES, none, "no policy was given");
	for (size_t i = 0; i < policy->n_files; i++) {
		read_file(policy, (uint32_t)i);
		complete &= !policy->files[i].unread;
		readable |= !policy->files[i].unread;
	}
	if (readable && complete)
		check_present(&ck);
	if (check_limits(&ck)) {
		check_references(&ck, complete);
		check_agreements(&ck);
		check_stores(&ck);
		check_no_records(&ck);
		check_copies(&ck);
		check_declassify(&ck);
		check_roles(&ck);
		check_host(&ck);
		if (complete)
			check_regions(&ck);
	}
	findings_sort(&policy->findings);
	if (policy->findings.failed)
		return -ENOMEM;
	policy->checked = policy->findings.errors == 0;
	return policy->checked ? 0 : -EINVAL;
}
