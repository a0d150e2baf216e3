/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the policy's checker: what its parts share. Included by check*.c only.
 */
#ifndef MUNIMENT_POLICY_CHECK_H
#define MUNIMENT_POLICY_CHECK_H

#include "policy/policy.h"

struct checker {
	struct policy *policy;
	struct policy_findings *findings;
	const struct policy_env *env;
	unsigned int suggestions_left; /* each may list a whole directory service */
};

/*
 * Names, references, grants. complete: every source was read to its end, so that what is not found does not
 * exist.
 */
void check_references(struct checker *ck, bool complete);

/* Paths, system directories, the daemon's own, overlaps. */
void check_stores(struct checker *ck);

/* Looks the path up; true when it is a directory or a regular file, else a finding tells. what: "the store's path". */
bool check_locate(struct checker *ck, struct policy_store_path *path, const char *what);
/* Is a the place b, or below it on the same file system; by name where the host does not tell file systems apart. */
bool check_lies_in(const struct policy_path_info *a, const struct policy_path_info *b);

/* Files of stores that hold none. After check_stores and check_references. */
void check_no_records(struct checker *ck);

/* Where copies may lie, and what is none. After check_stores. */
void check_copies(struct checker *ck);
void check_declassify(struct checker *ck);

/* Do agreements let anything go? */
void check_agreements(struct checker *ck);

/* Where the receivers of agreements must be: reads the tables. */
void check_regions(struct checker *ck);

/* Users, groups, programs; fills policy->memberships. */
void check_roles(struct checker *ck);
void check_host(struct checker *ck);

/* Programs and their libraries, for check_roles. */
void check_programs(struct checker *ck);
void check_libraries(struct checker *ck);

/* Does the file have a content that the policy accepts? what: "program", "library". If not, the policy is good all the
 * same. */
void check_content(struct checker *ck, struct policy_program *program, const char *what);
/* Can it be run, and by whom else can it be used? */
void check_judge_program(struct checker *ck, const struct policy_program *program);
/* It cannot be looked at. expected: "an existing program file". */
void check_report_file(struct checker *ck, const struct policy_program *program, const char *what, int rc);

/* Lists the members of a group, once for each group. */
void membership_gather(struct checker *ck, const struct policy_principal *group);
bool membership_has(const struct policy_membership *members, uint32_t uid);
void membership_check_limit(struct checker *ck);

/* Adds the nearest of the host's names to a finding. */
void check_suggest_name(struct checker *ck, struct policy_finding *finding, enum policy_names kind,
			const char *typed);

/* Adds the nearest existing path. */
void check_suggest_path(struct checker *ck, struct policy_finding *finding, const char *typed);

#endif
