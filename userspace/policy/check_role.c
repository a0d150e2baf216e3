/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the roles against the host: users, groups with their members.
 *
 * Fills in what the compiler needs: ids, memberships. Called by policy_check.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/check.h"

static void report_principal(struct checker *ck, const struct policy_principal *entry, bool group, int rc)
{
	const char *what = group ? "group" : "user";
	struct policy_finding *finding;

	if (rc != -ENOENT) {
		finding_add(ck->findings, POLICY_LOOKUP_FAILED, entry->word.at,
			    "the %s \"%s\" could not be looked up: %s", what, entry->word.text,
			    strerror(-rc));
		return;
	}
	finding = finding_add(ck->findings, group ? POLICY_UNKNOWN_GROUP : POLICY_UNKNOWN_USER,
			      entry->word.at, "there is no %s \"%s\"", what, entry->word.text);
	finding_expect(finding, "a %s that this host knows (getent %s)", what, group ? "group" : "passwd");
	check_suggest_name(ck, finding, group ? POLICY_NAMES_GROUPS : POLICY_NAMES_USERS, entry->word.text);
}

static void check_users(struct checker *ck, const struct policy_principals *users)
{
	const struct policy_resolver *resolver = ck->env->resolver;

	for (size_t i = 0; i < users->n; i++) {
		struct policy_principal *user = &users->items[i];
		int rc = user->numeric ? 0 : resolver->user(resolver->ctx, user->word.text, &user->id);

		user->resolved = rc == 0;
		if (rc < 0)
			report_principal(ck, user, false, rc);
	}
}

static void check_groups(struct checker *ck, struct policy_role *role)
{
	const struct policy_resolver *resolver = ck->env->resolver;

	for (size_t i = 0; i < role->groups.n; i++) {
		struct policy_principal *group = &role->groups.items[i];
		int rc = group->numeric ? 0 : resolver->group(resolver->ctx, group->word.text, &group->id);
		const struct policy_membership *members;

		group->resolved = rc == 0;
		if (rc < 0) {
			report_principal(ck, group, true, rc);
			continue;
		}
		membership_gather(ck, group);
		members = policy_members(ck->policy, group->id);
		if (members && members->n == 0)
			finding_expect(
				finding_add(ck->findings, POLICY_GROUP_EMPTY, group->word.at,
					    "the group \"%s\" has no member", group->word.text),
				"a member; until then only services that run in this group are accepted");
	}
}

/* Users and groups are both asked for: is there anyone who satisfies both? */
static void check_somebody(struct checker *ck, const struct policy_role *role)
{
	bool anybody = false;

	if (role->users.n == 0 || role->groups.n == 0)
		return;
	for (size_t i = 0; i < role->groups.n; i++) {
		const struct policy_membership *members =
			policy_members(ck->policy, role->groups.items[i].id);

		if (!role->groups.items[i].resolved || !members)
			return;
		for (size_t k = 0; k < role->users.n && !anybody; k++) {
			if (!role->users.items[k].resolved)
				return;
			anybody = membership_has(members, role->users.items[k].id);
		}
	}
	if (!anybody)
		finding_expect(
			finding_add(ck->findings, POLICY_ROLE_NOBODY, role->name.at,
				    "none of the users of the role \"%s\" is in any of its groups",
				    role->name.text),
			"users or groups alone, if either should do: all conditions of a role must hold");
}

void check_roles(struct checker *ck)
{
	struct policy *policy = ck->policy;

	for (size_t i = 0; i < policy->n_roles; i++) {
		check_users(ck, &policy->roles[i].users);
		check_groups(ck, &policy->roles[i]);
		check_somebody(ck, &policy->roles[i]);
	}
	check_programs(ck);
	check_libraries(ck);
	membership_check_limit(ck);
}

void check_host(struct checker *ck)
{
	check_users(ck, &ck->policy->host.approvers);
}
