/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in the groups that roles name. A person is judged by the groups of the login, not of the acting
 * process, so the kernel needs a list of them.
 *
 * Owns policy->memberships. Called by the checker; read by the compiler.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/check.h"

/* Returns the place of gid in the sorted memberships, or where it belongs. */
static size_t membership_index(const struct policy *policy, uint32_t gid)
{
	size_t low = 0, high = policy->n_memberships;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (policy->memberships[middle].gid < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct policy_membership *policy_members(const struct policy *policy, uint32_t gid)
{
	size_t i = membership_index(policy, gid);

	return i < policy->n_memberships && policy->memberships[i].gid == gid ? &policy->memberships[i]
									      : NULL;
}

struct uid_list {
	uint32_t *uids;
	size_t n;
	size_t cap;
	bool failed;
};

static bool keep_uid(void *arg, uint32_t uid)
{
	struct uid_list *list = arg;

	if (uid == ID_UNSET)
		return true;
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		uint32_t *uids = reallocarray(list->uids, cap, sizeof(*uids));

		if (!uids) {
			list->failed = true;
			return false;
		}
		list->uids = uids;
		list->cap = cap;
	}
	list->uids[list->n++] = uid;
	return list->n <= 4 * (size_t)USERS_MAX; /* once over the limit, the exact number is of no use */
}

static int compare_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sort_uids(struct uid_list *list)
{
	size_t kept = 0;

	if (list->n == 0)
		return;
	qsort(list->uids, list->n, sizeof(*list->uids), compare_uids);
	for (size_t i = 1; i < list->n; i++) {
		if (list->uids[i] != list->uids[kept])
			list->uids[++kept] = list->uids[i];
	}
	list->n = kept + 1;
}

void membership_gather(struct checker *ck, const struct policy_principal *group)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct policy *policy = ck->policy;
	size_t at = membership_index(policy, group->id);
	struct policy_membership *more;
	struct uid_list list = {0};
	int rc;

	if (at < policy->n_memberships && policy->memberships[at].gid == group->id)
		return;
	rc = resolver->members(resolver->ctx, group->id, keep_uid, &list);
	more = reallocarray(policy->memberships, policy->n_memberships + 1, sizeof(*more));
	if (!more || list.failed || rc == -ENOMEM) {
		ck->findings->failed = true;
		if (more)
			policy->memberships = more;
		free(list.uids);
		return;
	}
	if (rc < 0)
		finding_add(ck->findings, POLICY_LOOKUP_FAILED, group->word.at,
			    "the members of the group \"%s\" could not be listed: %s", group->word.text,
			    strerror(-rc));
	sort_uids(&list);
	policy->memberships = more;
	memmove(&more[at + 1], &more[at], (policy->n_memberships - at) * sizeof(*more));
	more[at] = (struct policy_membership){group->id, list.uids, list.n};
	policy->n_memberships++;
}

bool membership_has(const struct policy_membership *members, uint32_t uid)
{
	return members->n > 0 && bsearch(&uid, members->uids, members->n, sizeof(uid), compare_uids);
}

/* Users named and members of groups share one map. */
void membership_check_limit(struct checker *ck)
{
	const struct policy *policy = ck->policy;
	struct policy_place none = {.file = POLICY_NO_FILE};
	struct uid_list list = {0};

	for (size_t i = 0; i < policy->n_roles; i++) {
		for (size_t k = 0; k < policy->roles[i].users.n; k++)
			keep_uid(&list, policy->roles[i].users.items[k].id);
	}
	for (size_t i = 0; i < policy->n_memberships; i++) {
		for (size_t k = 0; k < policy->memberships[i].n; k++) {
			/* Groups overlap: sorting now and then keeps the list as small as what it tells. */
			if (!keep_uid(&list, policy->memberships[i].uids[k])) {
				sort_uids(&list);
				if (list.n > 2 * (size_t)USERS_MAX)
					goto out;
			}
		}
	}
	sort_uids(&list);
out:
	if (list.failed)
		ck->findings->failed = true;
	if (list.n > USERS_MAX)
		finding_expect(
			finding_add(ck->findings, POLICY_LIMIT_EXCEEDED, none,
				    "the roles' users and the members of their groups are more than %d",
				    USERS_MAX),
			"at most %d", USERS_MAX);
	free(list.uids);
}
