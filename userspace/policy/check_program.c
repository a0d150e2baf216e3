/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the programs of the roles, and of rules that declassify, against the host: are they there, can they be run, is
 * their content one that the policy accepts.
 *
 * Fills in what the compiler needs: inodes and digests. Called by check_roles.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/b64.h"
#include "policy/check.h"

void check_report_file(struct checker *ck, const struct policy_program *program, const char *what, int rc)
{
	const char *path = program->word.text;
	struct policy_place at = program->word.at;
	struct policy_finding *finding;

	switch (rc) {
	case -ENOENT:
	case -ENOTDIR:
		finding = finding_add(ck->findings, POLICY_PATH_MISSING, at, "the %s \"%s\" does not exist",
				      what, path);
		finding_expect(finding, "an existing %s file", what);
		check_suggest_path(ck, finding, path);
		break;
	case -EISDIR:
	case -EINVAL:
		finding_expect(finding_add(ck->findings, POLICY_PROGRAM_TYPE, at, "\"%s\" is %s", path,
					   rc == -EISDIR ? "a directory" : "no regular file"),
			       "a %s file", what);
		break;
	default:
		finding_expect(finding_add(ck->findings, POLICY_PATH_UNREADABLE, at,
					   "the %s \"%s\" cannot be read: %s", what, path, strerror(-rc)),
			       "a %s that this user may read; the check runs best as root", what);
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

void check_judge_program(struct checker *ck, const struct policy_program *program)
{
	const struct policy_program_info *info = &program->info;
	const char *path = program->word.text;
	struct policy_place at = program->word.at;

	if (!(info->path.mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_TYPE, at, "\"%s\" is not executable", path),
			"a program file");
		return;
	}
	if (info->content.by_env)
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_SCRIPT, at,
				    "whoever runs the script \"%s\" chooses its interpreter: env looks "
				    "for it in PATH",
				    path),
			"the interpreter's own path in the #! line");
	if (is_interpreter(info->path.canonical))
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_INTERPRETER, at,
				    "\"%s\" runs whatever it is told: the condition hardly narrows anything",
				    path),
			"a program of one purpose, or a script");
	if (info->path.uid != 0 || (info->path.mode & (S_IWGRP | S_IWOTH)))
		finding_expect(
			finding_add(ck->findings, POLICY_PROGRAM_WRITABLE, at,
				    "\"%s\" can be changed by others than root, who then may do what it may",
				    path),
			"a file that is owned and written by root alone");
}

/* Is this content among those that are listed? */
static bool is_listed(const struct policy_program *program)
{
	for (size_t i = 0; i < program->n_digests; i++) {
		if (!memcmp(program->digests[i].sha256, program->info.content.sha256, POLICY_DIGEST_SIZE))
			return true;
	}
	return false;
}

static void report_content(struct checker *ck, const struct policy_program *program, const char *what, int rc)
{
	const char *why = !program->packaged.text ? "is none that stands here"
			  : rc == -EBADMSG	  ? "is not what its package brought"
						  : "comes with no package";
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

	hex_encode(program->info.content.sha256, POLICY_DIGEST_SIZE, hex);
	finding_expect(finding_add(ck->findings, POLICY_PROGRAM_DIGEST, program->digests_at,
				   "the content of \"%s\" %s: it %s until that changes", program->word.text,
				   why, strcmp(what, "library") == 0 ? "may not be loaded" : "has no role"),
		       "sha256:%s, if that is the %s", hex, what);
}

void check_content(struct checker *ck, struct policy_program *program, const char *what)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	int rc = -ENOENT;

	if (!program->packaged.text && !program->n_digests) /* none, or none that could be read */
		return;
	if (program->packaged.text)
		rc = resolver->package(resolver->ctx, program->info.path.canonical, &program->info.content,
				       &program->package);
	if (rc == -EOPNOTSUPP)
		finding_expect(finding_add(ck->findings, POLICY_NO_PACKAGES, program->packaged.at,
					   "\"packaged\" cannot be had here: %s",
					   program->info.content.has_md5
						   ? "there is no package database (" PACKAGES_DIR ")"
						   : "OpenSSL provides no MD5"),
			       "the digests of the %s", what);
	else if (rc && rc != -ENOENT && rc != -EBADMSG)
		finding_add(ck->findings, POLICY_LOOKUP_FAILED, program->packaged.at,
			    "the package of \"%s\" cannot be looked up: %s", program->word.text,
			    strerror(-rc));
	else if (rc && !is_listed(program))
		report_content(ck, program, what, rc);
}

static void report_twice(struct checker *ck, const struct policy_program *first,
			 const struct policy_program *again)
{
	struct policy_finding *finding =
		finding_add(ck->findings, POLICY_DUPLICATE_PROGRAM, again->word.at,
			    "the program \"%s\" stands there twice", again->word.text);

	finding_expect(finding, "all its digests in one list");
	finding_other(finding, first->word.at);
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
static void check_sorted(struct checker *ck, struct policy_program **programs, size_t n)
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
		if (again && before->role == program->role &&
		    (before->digests_given || program->digests_given))
			report_twice(ck, before, program);
		if (rc == -ENOMEM) {
			ck->findings->failed = true;
			return;
		}
		if (rc < 0) {
			check_report_file(ck, program, "program", rc);
			continue;
		}
		check_judge_program(ck, program);
		check_content(ck, program, "program");
	}
}

static size_t add_all(struct policy_program **to, size_t n, struct policy_program *from, size_t n_from,
		      size_t role)
{
	for (size_t k = 0; k < n_from; k++) {
		to[n] = &from[k];
		to[n++]->role = role;
	}
	return n;
}

void check_programs(struct checker *ck)
{
	struct policy *policy = ck->policy;
	struct policy_program **programs;
	size_t total = 0, n = 0;

	for (size_t i = 0; i < policy->n_roles; i++)
		total += policy->roles[i].n_programs;
	for (size_t i = 0; i < policy->n_sinks; i++)
		total += policy->sinks[i].n_programs;
	programs = calloc(total + 1, sizeof(struct policy_program *));
	if (!programs) {
		ck->findings->failed = true;
		return;
	}
	for (size_t i = 0; i < policy->n_roles; i++)
		n = add_all(programs, n, policy->roles[i].programs, policy->roles[i].n_programs, i);
	for (size_t i = 0; i < policy->n_sinks; i++)
		n = add_all(programs, n, policy->sinks[i].programs, policy->sinks[i].n_programs,
			    sink_role(i));
	check_sorted(ck, programs, n);
	free(programs);
}
