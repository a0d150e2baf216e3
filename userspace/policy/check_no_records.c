/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the files that stores are said to have no records in against the host, the stores and the grants.
 *
 * Who reads such a file comes to hold nothing. So who may write there must not hold records: only who serves them. Called by
 * policy_check, after the stores and the references.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/check.h"

#define WHAT "the file without records"

static void report_missing(struct checker *ck, const struct policy_no_records *file, const char *path, int rc)
{
	bool missing = rc == -ENOENT || rc == -ENOTDIR;
	struct policy_finding *finding;

	if (rc == -ENOMEM) {
		ck->findings->failed = true;
		return;
	}
	finding = finding_add(
		ck->findings, missing ? POLICY_PATH_MISSING : POLICY_PATH_UNREADABLE, file->word.at,
		"%s" WHAT " \"%s\" %s%s", missing ? "the directory of " : "", file->word.text,
		missing ? "does not exist" : "cannot be examined: ", missing ? "" : strerror(-rc));
	finding_expect(finding, "a file, which need not be there, in a directory that is");
	if (missing)
		check_suggest_path(ck, finding, path);
}

/* The file's path with symbolic links followed, as far as it is there; NULL after a finding. The caller frees it. */
static char *canonical_path(struct checker *ck, const struct policy_no_records *file)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct policy_path_info info = {0};
	int rc = resolver->path(resolver->ctx, file->word.text, &info);
	char *path = NULL;

	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR) {
		report_missing(ck, file, file->word.text, rc);
	} else if (rc == 0 && !S_ISREG(info.mode)) {
		finding_expect(finding_add(ck->findings, POLICY_PATH_TYPE, file->word.at,
					   WHAT " \"%s\" is no regular file", file->word.text),
			       "files by their names: whatever is not named holds records");
	} else {
		path = strdup(rc < 0 ? file->word.text : info.canonical);
		ck->findings->failed |= !path;
	}
	policy_path_info_clear(&info);
	return path;
}

/* Takes the name off the path, which is its directory's then. False after a finding. */
static bool split(struct checker *ck, struct policy_no_records *file, char *path)
{
	char *slash = strrchr(path, '/');
	const char *name = slash + 1;
	size_t len = strlen(name);

	if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		finding_expect(finding_add(ck->findings, POLICY_INVALID_VALUE, file->word.at,
					   WHAT " \"%s\" has no name", file->word.text),
			       "the path of a file: /srv/records/VERSION");
		return false;
	}
	if (len >= sizeof(file->name)) {
		finding_expect(finding_add(ck->findings, POLICY_INVALID_VALUE, file->word.at,
					   "the name \"%s\" is %zu bytes long", name, len),
			       "at most %zu bytes", sizeof(file->name) - 1);
		return false;
	}
	memcpy(file->name, name, len + 1);
	slash[slash == path] = '\0'; /* "/" keeps it */
	return true;
}

static void check_file(struct checker *ck, const struct policy_store *store, struct policy_no_records *file)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	char *path = canonical_path(ck, file);
	int rc;

	if (!path || !split(ck, file, path))
		goto out;
	rc = resolver->path(resolver->ctx, path, &file->directory);
	if (rc < 0) {
		report_missing(ck, file, path, rc);
		goto out;
	}
	for (size_t i = 0; i < store->n_paths && !file->resolved; i++)
		file->resolved =
			store->paths[i].resolved && check_lies_in(&file->directory, &store->paths[i].info);
	if (!file->resolved)
		finding_expect(finding_add(ck->findings, POLICY_NO_RECORDS_OUTSIDE, file->word.at,
					   WHAT " \"%s\" does not lie in a directory of the store \"%s\"",
					   file->word.text, store->name.text),
			       "a file below one of the store's paths");
out:
	free(path);
}

/* Is the role said to serve what it reads there? */
static bool serves(const struct policy *policy, const struct policy_grant *grant)
{
	for (size_t i = 0; i < policy->n_grants; i++) {
		const struct policy_grant *other = &policy->grants[i];

		if (other->role == grant->role && other->store == grant->store && other->serves &&
		    other->access & OPERATION_BIT(OPERATION_READ))
			return true;
	}
	return false;
}

static void check_writers(struct checker *ck, size_t s)
{
	const struct policy_store *store = &ck->policy->stores[s];
	const uint32_t writes = OPERATION_BIT(OPERATION_WRITE) | OPERATION_BIT(OPERATION_CREATE) |
				OPERATION_BIT(OPERATION_RENAME);

	for (size_t i = 0; i < ck->policy->n_grants; i++) {
		const struct policy_grant *grant = &ck->policy->grants[i];
		struct policy_finding *finding;

		if (grant->store != s || !(grant->access & writes) || serves(ck->policy, grant))
			continue;
		finding = finding_add(
			ck->findings, POLICY_NO_RECORDS_WRITTEN, grant->at,
			"the role \"%s\" may write in the store \"%s\", whose \"no_records\" others read "
			"without coming to hold anything",
			grant->role_name.text, store->name.text);
		finding_expect(finding,
			       "\"read\" with serves: true for whoever may write, create or rename there");
		finding_other(finding, store->no_records[0].word.at);
	}
}

void check_no_records(struct checker *ck)
{
	for (size_t s = 0; s < ck->policy->n_stores; s++) {
		struct policy_store *store = &ck->policy->stores[s];

		for (size_t i = 0; i < store->n_no_records; i++)
			check_file(ck, store, &store->no_records[i]);
		if (store->n_no_records)
			check_writers(ck, s);
	}
}
