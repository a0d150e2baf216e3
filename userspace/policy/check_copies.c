/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the places for copies of records, and for what is none, against the host and the stores.
 *
 * Any place will do, a system directory, too: nothing is guarded there. Called by policy_check.
 */
#include <string.h>

#include "policy/check.h"

/* The path of a store that holds the path, or NULL. */
static const struct policy_store_path *holder(const struct policy *policy,
					      const struct policy_path_info *info,
					      const struct policy_store **ret_store)
{
	for (size_t s = 0; s < policy->n_stores; s++) {
		const struct policy_store *store = &policy->stores[s];

		for (size_t p = 0; p < store->n_paths; p++) {
			if (!store->paths[p].resolved || !check_lies_in(info, &store->paths[p].info))
				continue;
			*ret_store = store;
			return &store->paths[p];
		}
	}
	return NULL;
}

/* what: "the path for copies". in_store: what it is if it lies in a store; POLICY_FINDING_INVALID: nothing. */
static void check_place(struct checker *ck, struct policy_store_path *path, const char *what,
			enum policy_finding_id in_store)
{
	const struct policy_store_path *outer;
	const struct policy_store *store;
	struct policy_finding *finding;

	path->resolved = check_locate(ck, path, what);
	if (!path->resolved || in_store == POLICY_FINDING_INVALID)
		return;
	outer = holder(ck->policy, &path->info, &store);
	if (!outer)
		return;
	finding = finding_add(ck->findings, in_store, path->word.at,
			      "%s \"%s\" lies in the store \"%s\", whose data is no copy there", what,
			      path->word.text, store->name.text);
	finding_expect(finding, "a path outside every store");
	finding_other(finding, outer->word.at);
}

/* In a store, the data of others may lie as a copy: of a backup, say. */
void check_copies(struct checker *ck)
{
	enum policy_finding_id in_store =
		ck->policy->n_stores > 1 ? POLICY_FINDING_INVALID : POLICY_COPIES_IN_STORE;

	for (size_t i = 0; i < ck->policy->copies.n_to; i++)
		check_place(ck, &ck->policy->copies.to[i], "the path for copies", in_store);
}

/* The host's root directory, by whatever name: every file lies below it. */
static void check_root(struct checker *ck, const struct policy_store_path *path)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct policy_path_info root = {0};
	bool is_root = strcmp(path->info.canonical, "/") == 0;

	if (!is_root && resolver->path(resolver->ctx, "/", &root) == 0)
		is_root = root.dev == path->info.dev && root.ino == path->info.ino;
	policy_path_info_clear(&root);
	if (is_root)
		finding_expect(finding_add(ck->findings, POLICY_DECLASSIFY_ROOT, path->word.at,
					   "\"%s\" would declassify whatever is written anywhere",
					   path->word.text),
			       "directories or files that take no records, such as /var/log");
}

void check_declassify(struct checker *ck)
{
	for (size_t i = 0; i < ck->policy->n_sinks; i++) {
		struct policy_sink *sink = &ck->policy->sinks[i];

		for (size_t k = 0; k < sink->n_to; k++) {
			check_place(ck, &sink->to[k], "the path to declassify", POLICY_DECLASSIFY_IN_STORE);
			if (sink->to[k].resolved)
				check_root(ck, &sink->to[k]);
		}
	}
}
