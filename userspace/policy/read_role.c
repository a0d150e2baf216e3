/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the roles and grants of a source: who there is and what they may do.
 *
 * Called by the table of the top level (read.c).
 */
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"

static const char *const operation_words[] = {"list",	"read",	      "write",	"create", "delete",
					      "rename", "attributes", "execute"}; /* enum operation, from 1 */

_Static_assert(sizeof(operation_words) / sizeof(*operation_words) == OPERATION_END - 1,
	       "a word for each operation");

const char *policy_operation_text(enum operation operation)
{
	return operation > OPERATION_INVALID && operation < OPERATION_END ? operation_words[operation - 1]
									  : NULL;
}

/* A number of one login: decimal, not the one that stands for "unset". */
static bool read_id(struct reader *rd, const struct ynode *node, const char *what, uint32_t *ret_id)
{
	unsigned long long id = 0;
	size_t n = node->len;

	if (n > 0 && n <= 10 && strspn(node->text, "0123456789") == n && (n == 1 || node->text[0] != '0')) {
		id = strtoull(node->text, NULL, 10);
		if (id < ID_UNSET) {
			*ret_id = (uint32_t)id;
			return true;
		}
	}
	finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at, "%s cannot be the number %s",
				   what, node->text),
		       "a decimal number from 0 to %u, or a name", ID_UNSET - 1);
	return false;
}

static void read_principal(struct reader *rd, const struct ynode *node, const char *what,
			   struct policy_principals *list)
{
	struct policy_principal entry = {0}, *items;

	if (ynode_scalar(node) == YSCALAR_INT) {
		entry.numeric = true;
		entry.word = (struct policy_word){node->text, node->at};
		if (!read_id(rd, node, what, &entry.id))
			return;
	} else if (!read_word(rd, node, what, &entry.word)) {
		return;
	}
	items = read_grow(rd, list->items, list->n, sizeof(*items));
	if (!items)
		return;
	list->items = items;
	items[list->n++] = entry;
}

static void read_user(struct reader *rd, const struct ynode *node, void *out)
{
	read_principal(rd, node, "the user", out);
}

static void read_group(struct reader *rd, const struct ynode *node, void *out)
{
	read_principal(rd, node, "the group", out);
}

void read_user_list(struct reader *rd, const struct ynode *node, const char *what,
		    struct policy_principals *list)
{
	list->given = true;
	read_list(rd, node, what, "a list of login names: [postgres]", read_user, list);
}

static void read_users(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_role *role = out;

	read_user_list(rd, node, "users", &role->users);
}

static void read_groups(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_role *role = out;

	role->groups.given = true;
	read_list(rd, node, "groups", "a list of groups: [clinicians]", read_group, &role->groups);
}

static void read_program(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_role *role = out;

	read_further_program(rd, node, &role->programs, &role->n_programs);
}

static void read_programs(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_role *role = out;

	role->programs_given = true;
	read_list(rd, node, "programs", "a list of program files: [/usr/bin/restic]", read_program, role);
}

static const struct key_spec role_keys[] = {
	{"users", KEY_OPTIONAL, read_users},
	{"groups", KEY_OPTIONAL, read_groups},
	{"programs", KEY_OPTIONAL, read_programs},
	{"libraries", KEY_OPTIONAL, read_libraries},
	{"hours", KEY_LATER, NULL},
	{"origins", KEY_LATER, NULL},
	{"training", KEY_LATER, NULL},
	{"terminals", KEY_LATER, NULL},
	{"containers", KEY_LATER, NULL},
	{"expires", KEY_LATER, NULL},
};

static void read_role(struct reader *rd, const struct ynode *name, const struct ynode *value)
{
	struct policy *policy = rd->policy;
	struct policy_role *roles = read_grow(rd, policy->roles, policy->n_roles, sizeof(*roles)), *role;

	if (!roles)
		return;
	policy->roles = roles;
	role = &roles[policy->n_roles++];
	role->name = (struct policy_word){name->text, name->at};
	if (value->kind == YNODE_MAPPING && value->n == 0) {
		finding_expect(finding_add(rd->findings, POLICY_ROLE_NO_CONDITION, value->at,
					   "the role \"%s\" has no condition: everybody would have it",
					   name->text),
			       "users, groups or programs");
		return;
	}
	read_mapping(rd, value, "the role", role_keys, sizeof(role_keys) / sizeof(*role_keys), role);
}

void read_roles(struct reader *rd, const struct ynode *node, void *out)
{
	(void)out;
	read_named(rd, node, "roles", "a role", read_role);
}

static void read_grant_role(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_grant *grant = out;

	read_word(rd, node, "the grant's role", &grant->role_name);
}

static void read_grant_store(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_grant *grant = out;

	read_word(rd, node, "the grant's store", &grant->store_name);
}

static void read_operation(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_grant *grant = out;
	int i = read_choice(rd, node, "access", POLICY_UNKNOWN_ACCESS, operation_words, OPERATION_END - 1);

	if (i >= 0)
		grant->access |= OPERATION_BIT(i + 1);
}

static void read_access(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "access", "a list of operations: [list, read]", read_operation, out);
}

static void read_serves(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_grant *grant = out;

	read_bool(rd, node, "serves", &grant->serves);
}

static const struct key_spec grant_keys[] = {
	{"role", KEY_REQUIRED, read_grant_role},
	{"store", KEY_REQUIRED, read_grant_store},
	{"access", KEY_REQUIRED, read_access},
	{"serves", KEY_OPTIONAL, read_serves},
	{"purpose", KEY_LATER, NULL},
	{"break_glass", KEY_LATER, NULL},
	{"expires", KEY_LATER, NULL},
};

static void read_grant(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;
	struct policy_grant *grants, *grant;

	grants = read_grow(rd, policy->grants, policy->n_grants, sizeof(*grants));
	if (!grants)
		return;
	policy->grants = grants;
	grant = &grants[policy->n_grants++];
	grant->at = node->at;
	grant->role = SIZE_MAX;
	grant->store = SIZE_MAX;
	read_mapping(rd, node, "the grant", grant_keys, sizeof(grant_keys) / sizeof(*grant_keys), grant);
}

void read_grants(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "grants", "a list of grants: [{role: ..., store: ..., access: [...]}]",
		  read_grant, out);
}
