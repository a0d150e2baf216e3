/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the parts of a policy against each other: names defined twice, grants to nobody, roles that nothing
 * uses.
 *
 * Fills in the grants' indices, and the stores and roles of compartments and agreements. Called by
 * policy_check, after the limits: the loops here are over pairs.
 */
#include <string.h>

#include "base/suggest.h"
#include "policy/check.h"

/* Reports a name that stands in two files; within one the tree has found it already. */
static bool check_name(struct checker *ck, const struct policy_word *before, const struct policy_word *name,
		       const char *what)
{
	if (before->at.file == name->at.file || strcmp(before->text, name->text) != 0)
		return false;
	finding_other(finding_add(ck->findings, POLICY_DUPLICATE_NAME, name->at,
				  "the %s \"%s\" is defined in two files", what, name->text),
		      before->at);
	return true;
}

static void check_names(struct checker *ck)
{
	const struct policy *policy = ck->policy;

	for (size_t i = 1; i < policy->n_stores; i++) {
		for (size_t k = 0; k < i; k++) {
			if (check_name(ck, &policy->stores[k].name, &policy->stores[i].name, "store"))
				break;
		}
	}
	for (size_t i = 1; i < policy->n_roles; i++) {
		for (size_t k = 0; k < i; k++) {
			if (check_name(ck, &policy->roles[k].name, &policy->roles[i].name, "role"))
				break;
		}
	}
	for (size_t i = 1; i < policy->n_agreements; i++) {
		for (size_t k = 0; k < i; k++) {
			if (check_name(ck, &policy->agreements[k].name, &policy->agreements[i].name,
				       "agreement"))
				break;
		}
	}
}

static void report_unknown(struct checker *ck, const struct policy_word *word, bool role)
{
	const struct policy *policy = ck->policy;
	const char *names[ROLES_MAX];
	size_t n = 0, total = role ? policy->n_roles : policy->n_stores;
	struct policy_finding *finding;

	while (n < total && n < ROLES_MAX) {
		names[n] = role ? policy->roles[n].name.text : policy->stores[n].name.text;
		n++;
	}
	finding = finding_add(ck->findings, role ? POLICY_UNKNOWN_ROLE : POLICY_UNKNOWN_STORE, word->at,
			      "there is no %s \"%s\"", role ? "role" : "store", word->text);
	finding_expect(finding,
		       role ? "the name of a role under roles:" : "the name of a store under stores:");
	finding_suggest(finding, suggest_nearest(word->text, names, n));
}

/* The index of the store of that name, or SIZE_MAX; an unknown one is a finding once every source was read. */
static size_t resolve_store(struct checker *ck, const struct policy_word *name, bool complete)
{
	for (size_t i = 0; i < ck->policy->n_stores && name->text; i++) {
		if (strcmp(ck->policy->stores[i].name.text, name->text) == 0)
			return i;
	}
	if (complete && name->text)
		report_unknown(ck, name, false);
	return SIZE_MAX;
}

/* Likewise of a role. */
static size_t resolve_role(struct checker *ck, const struct policy_word *name, bool complete)
{
	for (size_t i = 0; i < ck->policy->n_roles && name->text; i++) {
		if (strcmp(ck->policy->roles[i].name.text, name->text) == 0)
			return i;
	}
	if (complete && name->text)
		report_unknown(ck, name, true);
	return SIZE_MAX;
}

static uint64_t resolve_stores(struct checker *ck, const struct policy_word *names, size_t n, bool complete)
{
	uint64_t stores = 0;

	for (size_t i = 0; i < n; i++) {
		size_t store = resolve_store(ck, &names[i], complete);

		if (store < STORES_MAX)
			stores |= 1ull << store;
	}
	return stores;
}

static void resolve_agreement(struct checker *ck, struct policy_agreement *agreement, bool complete)
{
	agreement->stores = resolve_stores(ck, agreement->store_names, agreement->n_stores, complete);
	for (size_t i = 0; i < agreement->n_roles; i++) {
		size_t role = resolve_role(ck, &agreement->role_names[i], complete);

		if (role < ROLES_MAX)
			agreement->roles.words[role / 64] |= 1ull << (role % 64);
	}
}

static void resolve_grant(struct checker *ck, struct policy_grant *grant, bool complete)
{
	struct policy *policy = ck->policy;

	grant->role = resolve_role(ck, &grant->role_name, complete);
	if (grant->role != SIZE_MAX)
		policy->roles[grant->role].used = true;
	grant->store = resolve_store(ck, &grant->store_name, complete);
	if (grant->store != SIZE_MAX)
		policy->stores[grant->store].used = true;
}

/* What is granted twice would leave open which grant decided, and which of them `serves`. */
static void check_duplicate_grant(struct checker *ck, size_t at)
{
	const struct policy_grant *grant = &ck->policy->grants[at];

	for (size_t i = 0; i < at; i++) {
		const struct policy_grant *before = &ck->policy->grants[i];
		uint32_t both = before->access & grant->access;
		struct policy_finding *finding;
		int op = OPERATION_LIST;

		if (before->role != grant->role || before->store != grant->store || both == 0)
			continue;
		while (!(both & OPERATION_BIT(op)))
			op++;
		finding = finding_add(ck->findings, POLICY_DUPLICATE_GRANT, grant->at,
				      "the role \"%s\" has \"%s\" in the store \"%s\" already",
				      grant->role_name.text, policy_operation_text((enum operation)op),
				      grant->store_name.text);
		finding_expect(finding, "each operation once for a role and a store");
		finding_other(finding, before->at);
		return;
	}
}

static void check_unused(struct checker *ck)
{
	const struct policy *policy = ck->policy;

	for (size_t i = 0; i < policy->n_grants; i++) {
		if (policy->grants[i].role == SIZE_MAX || policy->grants[i].store == SIZE_MAX)
			return; /* it may have been meant for what seems unused */
	}
	for (size_t i = 0; i < policy->n_roles; i++) {
		if (!policy->roles[i].used)
			finding_expect(finding_add(ck->findings, POLICY_UNUSED_ROLE, policy->roles[i].name.at,
						   "the role \"%s\" is in no grant",
						   policy->roles[i].name.text),
				       "a grant that gives it something");
	}
	for (size_t i = 0; i < policy->n_stores; i++) {
		if (!policy->stores[i].used)
			finding_expect(finding_add(ck->findings, POLICY_UNUSED_STORE,
						   policy->stores[i].name.at,
						   "the store \"%s\" is in no grant: nobody may touch it",
						   policy->stores[i].name.text),
				       "a grant for those who need it");
	}
}

void check_references(struct checker *ck, bool complete)
{
	struct policy *policy = ck->policy;

	check_names(ck);
	for (size_t i = 0; i < policy->n_grants; i++)
		resolve_grant(ck, &policy->grants[i], complete);
	for (size_t i = 0; i < policy->n_compartments; i++)
		policy->compartments[i].stores = resolve_stores(ck, policy->compartments[i].names,
								policy->compartments[i].n, complete);
	for (size_t i = 0; i < policy->n_agreements; i++)
		resolve_agreement(ck, &policy->agreements[i], complete);
	for (size_t i = 1; i < policy->n_grants; i++) {
		if (policy->grants[i].role != SIZE_MAX && policy->grants[i].store != SIZE_MAX)
			check_duplicate_grant(ck, i);
	}
	if (complete)
		check_unused(ck);
}
