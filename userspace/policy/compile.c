/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a checked policy into the arrays that the kernel's maps take: each dimension of the roles becomes a
 * table from key to the bitmap of roles that accept it (image.h).
 *
 * Called by munimentd before it loads a policy, by tests and fuzzers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/image.h"

static void set_role(struct role_set *set, size_t role)
{
	set->words[role / 64] |= 1ull << (role % 64);
}

static int copy_files(const struct policy *policy, struct policy_image *image)
{
	image->files = calloc(policy->n_files + 1, sizeof(*image->files));
	if (!image->files)
		return -ENOMEM;
	for (; image->n_files < policy->n_files; image->n_files++) {
		image->files[image->n_files] = strdup(policy->files[image->n_files].path);
		if (!image->files[image->n_files])
			return -ENOMEM;
	}
	return 0;
}

static int copy_roots(const struct policy_store *store, uint32_t id, struct policy_image *image)
{
	for (size_t i = 0; i < store->n_paths; i++) {
		const struct policy_path_info *info = &store->paths[i].info;
		struct image_root *root = &image->roots[image->n_roots];

		root->path = strdup(info->canonical);
		if (!root->path)
			return -ENOMEM;
		root->store = id;
		root->device = info->device;
		root->dev = info->dev;
		root->ino = info->ino;
		image->n_roots++;
	}
	return 0;
}

static int copy_no_records(const struct policy *policy, struct policy_image *image)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_stores; i++)
		n += policy->stores[i].n_no_records;
	image->no_records = calloc(n + 1, sizeof(*image->no_records));
	if (!image->no_records)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_stores; i++) {
		for (size_t k = 0; k < policy->stores[i].n_no_records; k++) {
			const struct policy_no_records *from = &policy->stores[i].no_records[k];
			struct image_no_records *to = &image->no_records[image->n_no_records];

			to->directory = strdup(from->directory.canonical);
			if (!to->directory)
				return -ENOMEM;
			memcpy(to->name, from->name, sizeof(to->name));
			to->store = (uint32_t)i;
			image->n_no_records++;
		}
	}
	return 0;
}

static int copy_stores(const struct policy *policy, struct policy_image *image)
{
	size_t roots = 0;
	int rc = 0;

	for (size_t i = 0; i < policy->n_stores; i++)
		roots += policy->stores[i].n_paths;
	image->stores = calloc(policy->n_stores + 1, sizeof(*image->stores));
	image->roots = calloc(roots + 1, sizeof(*image->roots));
	if (!image->stores || !image->roots)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_stores && rc == 0; i++) {
		const struct policy_store *from = &policy->stores[i];
		struct image_store *to = &image->stores[i];

		to->name = strdup(from->name.text);
		if (!to->name)
			return -ENOMEM;
		image->n_stores++;
		to->class = from->class;
		to->file = from->name.at.file;
		to->line = from->name.at.line;
		to->rules.mode = from->mode != STORE_MODE_INVALID ? from->mode : policy->mode;
		to->rules.audit = from->audit;
		rc = copy_roots(from, (uint32_t)i, image);
	}
	return rc;
}

static int copy_host(const struct policy *policy, struct policy_image *image)
{
	const struct policy_host *host = &policy->host;

	for (unsigned i = 0; i < HOST_ITEMS; i++) {
		const struct policy_word *word = &host->words[i];

		image->host = host_with(image->host, i,
					(uint32_t)(word->text ? host->modes[i] : STORE_MODE_MONITOR));
		if (word->text)
			image->host_rules[i] = (struct image_rule){word->at.file, word->at.line};
	}
	image->approvers = calloc(host->approvers.n + 1, sizeof(*image->approvers));
	if (!image->approvers)
		return -ENOMEM;
	for (; image->n_approvers < host->approvers.n; image->n_approvers++)
		image->approvers[image->n_approvers] = host->approvers.items[image->n_approvers].id;
	return 0;
}

static int copy_grants(const struct policy *policy, struct policy_image *image)
{
	image->grants = calloc(policy->n_grants + 1, sizeof(*image->grants));
	if (!image->grants)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_grants; i++) {
		const struct policy_grant *from = &policy->grants[i];
		struct image_grant *to = &image->grants[image->n_grants++];

		*to = (struct image_grant){
			.role = (uint32_t)from->role,
			.store = (uint32_t)from->store,
			.access = from->access,
			.file = from->at.file,
			.line = from->at.line,
			.serves = from->serves,
		};
		for (int op = OPERATION_LIST; op < OPERATION_END; op++) {
			if (from->access & OPERATION_BIT(op))
				set_role(&image->stores[from->store].rules.granted[op], from->role);
		}
		if (from->serves && from->access & OPERATION_BIT(OPERATION_READ))
			set_role(&image->stores[from->store].rules.serves, from->role);
	}
	return 0;
}

static int copy_compartments(const struct policy *policy, struct policy_image *image)
{
	image->compartments = calloc(policy->n_compartments + 1, sizeof(*image->compartments));
	if (!image->compartments)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_compartments; i++) {
		const struct policy_compartment *from = &policy->compartments[i];

		image->compartments[image->n_compartments++] =
			(struct image_compartment){from->stores, from->at.file, from->at.line};
		for (size_t store = 0; store < image->n_stores; store++) {
			if (from->stores >> store & 1)
				image->stores[store].rules.apart |= from->stores & ~(1ull << store);
		}
	}
	return 0;
}

static int copy_copies(const struct policy *policy, struct policy_image *image)
{
	const struct policy_copies *copies = &policy->copies;

	image->copies = copies->otherwise;
	image->media = copies->media;
	for (unsigned i = 0; i < MEDIA_END; i++)
		image->media_rules[i] =
			(struct image_rule){copies->media_at[i].file, copies->media_at[i].line};
	if (copies->given)
		image->copies_rule = (struct image_rule){copies->at.file, copies->at.line};
	return image_copy_paths(copies->to, copies->n_to, &image->copy_paths, &image->n_copy_paths);
}

static void copy_libraries(const struct policy_role *role, size_t i, struct policy_image *image)
{
	image->roles[i].file = role->libraries.at.file;
	image->roles[i].line = role->libraries.at.line;
	if (!role->libraries.asked)
		return;
	set_role(&image->asking, i);
	if (role->libraries.packaged.text)
		set_role(&image->packaged, i);
	for (size_t g = 0; g < image->n_grants; g++) {
		if (image->grants[g].role == i &&
		    image->stores[image->grants[g].store].rules.mode == STORE_MODE_ENFORCE)
			set_role(&image->asking_enforced, i);
	}
}

static int copy_roles(const struct policy *policy, struct policy_image *image)
{
	image->roles = calloc(policy->n_roles + 1, sizeof(*image->roles));
	if (!image->roles)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_roles; i++) {
		const struct policy_role *role = &policy->roles[i];

		image->roles[i].name = strdup(role->name.text);
		if (!image->roles[i].name)
			return -ENOMEM;
		image->n_roles++;
		copy_libraries(role, i, image);
		if (!role->users.given)
			set_role(&image->any_user, i);
		if (!role->groups.given)
			set_role(&image->any_group, i);
		if (!role->programs_given)
			set_role(&image->any_program, i);
		set_role(&image->now, i);
	}
	/* Whoever runs the programs of a rule that declassifies has its role. */
	for (size_t i = 0; i < policy->n_sinks; i++) {
		if (!policy->sinks[i].programs_given)
			continue;
		set_role(&image->any_user, sink_role(i));
		set_role(&image->any_group, sink_role(i));
		set_role(&image->now, sink_role(i));
	}
	return 0;
}

/* One (key, role) pair of a dimension, before equal keys are merged. */
struct pair {
	uint32_t id;
	uint32_t role;
	bool member; /* by membership, not by name */
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Calls for each pair of the users dimension; without room it only counts. */
static size_t list_user_pairs(const struct policy *policy, struct pair *pairs)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_roles; i++) {
		const struct policy_role *role = &policy->roles[i];

		for (size_t k = 0; k < role->users.n; k++, n++) {
			if (pairs)
				pairs[n] = (struct pair){role->users.items[k].id, (uint32_t)i, false};
		}
		for (size_t k = 0; k < role->groups.n; k++) {
			const struct policy_membership *members =
				policy_members(policy, role->groups.items[k].id);

			for (size_t m = 0; members && m < members->n; m++, n++) {
				if (pairs)
					pairs[n] = (struct pair){members->uids[m], (uint32_t)i, true};
			}
		}
	}
	return n;
}

static int build_users(const struct policy *policy, struct policy_image *image)
{
	size_t n = list_user_pairs(policy, NULL), distinct = 0;
	struct pair *pairs = calloc(n + 1, sizeof(*pairs));
	int rc = -ENOMEM;

	if (!pairs)
		return rc;
	list_user_pairs(policy, pairs);
	qsort(pairs, n, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || pairs[i].id != pairs[i - 1].id;
	image->users = calloc(distinct + 1, sizeof(*image->users));
	if (!image->users)
		goto out;
	for (size_t i = 0; i < n; i++) {
		struct user_roles *roles;

		if (i == 0 || pairs[i].id != pairs[i - 1].id)
			image->users[image->n_users++].uid = pairs[i].id;
		roles = &image->users[image->n_users - 1].roles;
		set_role(pairs[i].member ? &roles->by_membership : &roles->by_user, pairs[i].role);
	}
	rc = 0;
out:
	free(pairs);
	return rc;
}

static int build_groups(const struct policy *policy, struct policy_image *image)
{
	struct pair *pairs;
	size_t total = 0, n = 0;
	int rc = -ENOMEM;

	for (size_t i = 0; i < policy->n_roles; i++)
		total += policy->roles[i].groups.n;
	pairs = calloc(total + 1, sizeof(*pairs));
	image->groups = calloc(total + 1, sizeof(*image->groups));
	if (!pairs || !image->groups)
		goto out;
	for (size_t i = 0; i < policy->n_roles; i++) {
		for (size_t k = 0; k < policy->roles[i].groups.n; k++)
			pairs[n++] = (struct pair){policy->roles[i].groups.items[k].id, (uint32_t)i, false};
	}
	qsort(pairs, n, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || pairs[i].id != pairs[i - 1].id)
			image->groups[image->n_groups++].gid = pairs[i].id;
		set_role(&image->groups[image->n_groups - 1].roles, pairs[i].role);
	}
	rc = 0;
out:
	free(pairs);
	return rc;
}

int policy_compile(const struct policy *policy, struct policy_image **ret_image)
{
	struct policy_image *image;
	int rc;

	if (!policy->checked)
		return -EINVAL;
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	image->mode = policy->mode;
	image->degraded = policy->degraded;
	policy_digest(policy, image->sha256);
	if ((rc = copy_files(policy, image)) < 0 || (rc = copy_stores(policy, image)) < 0 ||
	    (rc = copy_no_records(policy, image)) < 0 || (rc = copy_grants(policy, image)) < 0 ||
	    (rc = copy_compartments(policy, image)) < 0 || (rc = copy_roles(policy, image)) < 0 ||
	    (rc = build_users(policy, image)) < 0 || (rc = build_groups(policy, image)) < 0 ||
	    (rc = image_build_programs(policy, image)) < 0 || (rc = copy_host(policy, image)) < 0 ||
	    (rc = copy_copies(policy, image)) < 0 || (rc = image_build_sinks(policy, image)) < 0 ||
	    (rc = image_build_agreements(policy, image)) < 0) {
		policy_image_free(image);
		return rc;
	}
	*ret_image = image;
	return 0;
}

void policy_image_free(struct policy_image *image)
{
	if (!image)
		return;
	for (size_t i = 0; i < image->n_files; i++)
		free(image->files[i]);
	for (size_t i = 0; i < image->n_stores; i++)
		free(image->stores[i].name);
	for (size_t i = 0; i < image->n_roots; i++)
		free(image->roots[i].path);
	for (size_t i = 0; i < image->n_no_records; i++)
		free(image->no_records[i].directory);
	for (size_t i = 0; i < image->n_roles; i++)
		free(image->roles[i].name);
	image_free_programs(image);
	image_free_agreements(image);
	image_free_sinks(image);
	free(image->approvers);
	image_free_paths(image->copy_paths, image->n_copy_paths);
	free(image->files);
	free(image->stores);
	free(image->roots);
	free(image->no_records);
	free(image->roles);
	free(image->users);
	free(image->groups);
	free(image->grants);
	free(image->compartments);
	free(image);
}
