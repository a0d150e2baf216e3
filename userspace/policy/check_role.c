/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the roles against the host: users, groups with their members, programs with their digests.
 *
 * Fills in what the compiler needs: ids, memberships, inodes. Called by policy_check.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static void report_program(struct checker *ck, const struct policy_program *program, int rc)
{
	const char *path = program->word.text;
	struct policy_place at = program->word.at;
	struct policy_finding *finding;

	switch (rc) {
	case -ENOENT:
	case -ENOTDIR:
		finding = finding_add(ck->findings, POLICY_PATH_MISSING, at,
				      "the program \"%s\" does not exist", path);
		finding_expect(finding, "an existing program file");
		check_suggest_path(ck, finding, path);
		break;
	case -EISDIR:
	case -EINVAL:
		finding_expect(finding_add(ck->findings, POLICY_PROGRAM_TYPE, at, "\"%s\" is %s", path,
					   rc == -EISDIR ? "a directory" : "no regular file"),
			       "a program file");
		break;
	default:
		finding_expect(finding_add(ck->findings, POLICY_PATH_UNREADABLE, at,
					   "the program \"%s\" cannot be read: %s", path, strerror(-rc)),
			       "a program that this user may read; the check runs best as root");
	}
}

static bool is_interpreter(const char *path)
{
	static const char *const names[] = {"sh",     "bash", "dash", "zsh",  "ksh",  "busybox", "env",
					    "python", "perl", "ruby", "node", "java", "php",	 "lua",
					    "tclsh",  "gawk", "mawk", "pwsh", "gdb",  "ld",	 NULL};
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	for (size_t i = 0; names[i]; i++) {
		size_t n = strlen(names[i]);

		if (strncmp(name, names[i], n) == 0 && strspn(name + n, "0123456789.") == strlen(name + n))
			return true;
	}
	return strncmp(name, "ld-linux", 8) == 0;
}

static void judge_program(struct checker *ck, const struct policy_program *program)
{
	const struct policy_program_info *info = &program->info;
	const char *path = program->word.text;
	struct policy_place at = program->word.at;

	if (info->script) {
		finding_expect(finding_add(ck->findings, POLICY_PROGRAM_SCRIPT, at,
					   "\"%s\" is a script: the kernel runs its interpreter, which this "
					   "does not name",
					   path),
			       "a program in machine code");
		return;
	}
	if (!(info->path.mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_TYPE, at, "\"%s\" is not executable", path),
			"a program file");
		return;
	}
	if (is_interpreter(info->path.canonical))
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_INTERPRETER, at,
				    "\"%s\" runs whatever it is told: the condition hardly narrows the role",
				    path),
			"a program of one purpose");
	if (info->path.uid != 0 || (info->path.mode & (S_IWGRP | S_IWOTH)))
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_WRITABLE, at,
				    "\"%s\" can be changed by others than root, who then have its role",
				    path),
			"a file that is owned and written by root alone");
}

static int copy_program(const struct policy_program_info *from, struct policy_program_info *to)
{
	*to = *from;
	to->path.canonical = strdup(from->path.canonical);
	to->path.inside = from->path.inside ? strdup(from->path.inside) : NULL;
	if (to->path.canonical && (to->path.inside || !from->path.inside))
		return 0;
	policy_path_info_clear(&to->path);
	return -ENOMEM;
}

static int compare_programs(const void *a, const void *b)
{
	const struct policy_program *x = *(struct policy_program *const *)a,
				    *y = *(struct policy_program *const *)b;
	int by_text = strcmp(x->word.text, y->word.text);

	return by_text ? by_text : (x > y) - (x < y);
}

/* Several roles name the same program: it is read and digested once. */
static void check_programs(struct checker *ck, struct policy_program **programs, size_t n)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	int rc = 0;

	qsort(programs, n, sizeof(*programs), compare_programs);
	for (size_t i = 0; i < n; i++) {
		struct policy_program *program = programs[i], *before = i ? programs[i - 1] : NULL;
		bool again = before && strcmp(before->word.text, program->word.text) == 0;

		if (!again)
			rc = resolver->program(resolver->ctx, program->word.text, &program->info);
		else if (rc == 0)
			rc = copy_program(&before->info, &program->info);
		program->resolved = rc == 0;
		if (rc == -ENOMEM) {
			ck->findings->failed = true;
			return;
		}
		if (rc < 0)
			report_program(ck, program, rc);
		else
			judge_program(ck, program);
	}
}

void check_roles(struct checker *ck)
{
	struct policy *policy = ck->policy;
	struct policy_program **programs;
	size_t total = 0, n = 0;

	for (size_t i = 0; i < policy->n_roles; i++) {
		check_users(ck, &policy->roles[i].users);
		check_groups(ck, &policy->roles[i]);
		check_somebody(ck, &policy->roles[i]);
		total += policy->roles[i].n_programs;
	}
	programs = calloc(total + 1, sizeof(struct policy_program *));
	if (!programs) {
		ck->findings->failed = true;
		return;
	}
	for (size_t i = 0; i < policy->n_roles; i++) {
		for (size_t k = 0; k < policy->roles[i].n_programs; k++)
			programs[n++] = &policy->roles[i].programs[k];
	}
	check_programs(ck, programs, n);
	free(programs);
	membership_check_limit(ck);
}

void check_host(struct checker *ck)
{
	check_users(ck, &ck->policy->host.approvers);
}
