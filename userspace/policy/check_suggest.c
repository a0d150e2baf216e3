/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nearest existing user, group or path for one that does not exist.
 *
 * Called by the checker when it adds a finding; costs a listing each, so only the first few findings get one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "policy/check.h"

#define CANDIDATES_MAX 20000

struct candidates {
	char **words;
	size_t n;
	size_t cap;
};

static bool keep_candidate(void *arg, const char *name)
{
	struct candidates *c = arg;

	if (c->n == CANDIDATES_MAX)
		return false;
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		char **words = reallocarray(c->words, cap, sizeof(*words));

		if (!words)
			return false;
		c->words = words;
		c->cap = cap;
	}
	c->words[c->n] = strdup(name);
	if (!c->words[c->n])
		return false;
	c->n++;
	return true;
}

static void free_candidates(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->words[i]);
	free(c->words);
}

void check_suggest_name(struct checker *ck, struct policy_finding *finding, enum policy_names kind,
			const char *typed)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct candidates c = {0};

	if (!finding || ck->suggestions_left == 0 || !resolver->names)
		return;
	ck->suggestions_left--;
	resolver->names(resolver->ctx, kind, NULL, keep_candidate, &c);
	finding_suggest(finding, suggest_nearest(typed, (const char *const *)c.words, c.n));
	free_candidates(&c);
}

/* Tries the last part of path[0..end) against the entries of its directory. Returns false when there is no
 * such directory. */
static bool suggest_entry(struct checker *ck, struct policy_finding *finding, const char *path, size_t slash,
			  size_t end)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct candidates c = {0};
	char *directory = strndup(path, slash ? slash : 1),
	     *part = strndup(path + slash + 1, end - slash - 1);
	char *whole = NULL;
	const char *nearest;
	bool listed = true;

	if (!directory || !part)
		goto out;
	resolver->names(resolver->ctx, POLICY_NAMES_DIRECTORY, directory, keep_candidate, &c);
	listed = c.n > 0;
	nearest = suggest_nearest(part, (const char *const *)c.words, c.n);
	/* A nearest entry of the same name exists: what is missing lies below it. */
	if (nearest && strcmp(nearest, part) != 0 &&
	    asprintf(&whole, "%.*s/%s%s", (int)slash, path, nearest, path + end) >= 0) {
		finding_suggest(finding, whole);
		free(whole);
	}
out:
	free_candidates(&c);
	free(directory);
	free(part);
	return listed;
}

void check_suggest_path(struct checker *ck, struct policy_finding *finding, const char *typed)
{
	size_t end = strlen(typed);

	if (!finding || ck->suggestions_left == 0 || !ck->env->resolver->names)
		return;
	ck->suggestions_left--;
	for (int parts = 0; parts < 8 && end > 1; parts++) {
		size_t slash = end - 1;

		while (slash > 0 && typed[slash] != '/')
			slash--;
		if (suggest_entry(ck, finding, typed, slash, end))
			return;
		end = slash;
	}
}
