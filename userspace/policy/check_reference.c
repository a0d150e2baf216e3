/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the parts of a policy against each other: names defined twice, grants to nobody, roles that nothing
 * uses.
 *
 * Fills in the grants' indices. Called by policy_check, after the limits: the loops here are over pairs.
 */
#include <string.h>

#include "base/suggest.h"
#include "policy/check.h"

/* Within one file the tree has found them already. */
static void check_names(struct checker *ck)
{
	const struct policy *policy = ck->policy;

	for (size_t i = 1; i < policy->n_stores; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct policy_word *a = &policy->stores[k].name, *b = &policy->stores[i].name;

			if (a->at.file == b->at.file || strcmp(a->text, b->text) != 0)
				continue;
			finding_other(finding_add(ck->findings, POLICY_DUPLICATE_NAME, b->at,
						  "the store \"%s\" is defined in two files", b->text),
				      a->at);
			break;
		}
	}
	for (size_t i = 1; i < policy->n_roles; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct policy_word *a = &policy->roles[k].name, *b = &policy->roles[i].name;

			if (a->at.file == b->at.file || strcmp(a->text, b->text) != 0)
				continue;
			finding_other(finding_add(ck->findings, POLICY_DUPLICATE_NAME, b->at,
						  "the role \"%s\" is defined in two files", b->text),
				      a->at);
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

static void resolve_compartment(struct checker *ck, struct policy_compartment *compartment, bool complete)
{
	for (size_t i = 0; i < compartment->n; i++) {
		size_t store = resolve_store(ck, &compartment->names[i], complete);

		if (store < STORES_MAX)
			compartment->stores |= 1ull << store;
	}
}

static void resolve_grant(struct checker *ck, struct policy_grant *grant, bool complete)
{
	struct policy *policy = ck->policy;

	for (size_t i = 0; i < policy->n_roles && grant->role_name.text; i++) {
		if (strcmp(policy->roles[i].name.text, grant->role_name.text) != 0)
			continue;
		grant->role = i;
		policy->roles[i].used = true;
		break;
	}
	if (complete && grant->role_name.text && grant->role == SIZE_MAX)
		report_unknown(ck, &grant->role_name, true);
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
		resolve_compartment(ck, &policy->compartments[i], complete);
	for (size_t i = 1; i < policy->n_grants; i++) {
		if (policy->grants[i].role != SIZE_MAX && policy->grants[i].store != SIZE_MAX)
			check_duplicate_grant(ck, i);
	}
	if (complete)
		check_unused(ck);
}
