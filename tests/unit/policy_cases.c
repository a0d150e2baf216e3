/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the checker on every file of tests/policy/cases with the fake host, and wants exactly the findings
 * that the file's own header names ("# expect LINE:COLUMN id"), no more and no fewer. One test per file, and
 * one that no finding lacks a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <cmocka.h>

#include "policy/image.h"
#include "policy/render.h"
#include "tests/policy/fake_resolver.h"

#define CASES	  "tests/policy/cases"
#define CASES_MAX 256

/* Shown by tests of their own (policy_check.c, policy_yaml.c): they need several files, odd bytes or great
 * numbers. */
static const enum policy_finding_id shown_elsewhere[] = {
	POLICY_FILE_UNREADABLE, POLICY_FILE_TOO_LARGE, POLICY_FILE_NAME,
	POLICY_FILE_IGNORED,	POLICY_NO_FILES,       POLICY_NOT_UTF8,
	POLICY_YAML_SIZE,	POLICY_DUPLICATE_NAME, POLICY_LIMIT_EXCEEDED,
};

static bool seen[POLICY_FINDING_END];

static void list_expected(const struct policy *policy, struct buf *out)
{
	const char *line;
	size_t len;

	for (uint32_t i = 1; policy_source_line(policy, (struct policy_place){0, i, 1}, &line, &len) == 0;
	     i++) {
		if (len > 9 && strncmp(line, "# expect ", 9) == 0)
			buf_printf(out, "%.*s\n", (int)(len - 9), line + 9);
	}
}

static void check_case(void **state)
{
	struct policy *policy = policy_new();
	struct buf expected = {0}, actual = {0};
	struct policy_image *image = NULL;
	int rc;

	assert_non_null(policy);
	assert_int_equal(policy_add_path(policy, *state), 0);
	rc = policy_check(policy, &fake_env);
	list_expected(policy, &expected);
	for (size_t i = 0; i < policy->findings.n; i++) {
		const struct policy_finding *finding = &policy->findings.items[i];

		seen[finding->id] = true;
		assert_non_null(finding->message);
		buf_printf(&actual, "%u:%u %s\n", finding->at.line, finding->at.column,
			   policy_finding_id_text(finding->id));
	}
	assert_string_equal(actual.data ? actual.data : "", expected.data ? expected.data : "");
	assert_int_equal(rc, policy->findings.errors ? -EINVAL : 0);
	assert_int_equal(policy_compile(policy, &image), policy->findings.errors ? -EINVAL : 0);
	policy_image_free(image);
	policy_free(policy);
	buf_free(&expected);
	buf_free(&actual);
}

static void every_finding_has_a_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shown_elsewhere) / sizeof(*shown_elsewhere); i++)
		seen[shown_elsewhere[i]] = true;
	for (int id = POLICY_FINDING_INVALID + 1; id < POLICY_FINDING_END; id++) {
		if (!seen[id])
			fail_msg("no case shows the finding \"%s\"",
				 policy_finding_id_text((enum policy_finding_id)id));
	}
}

static int is_case(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

int main(void)
{
	static struct CMUnitTest tests[CASES_MAX];
	static char paths[CASES_MAX][512];
	struct dirent **entries = NULL;
	int n = scandir(CASES, &entries, is_case, alphasort), failed;

	if (n < 1 || n >= CASES_MAX) {
		printf("not ok 1 - " CASES " holds %d cases\n1..1\n", n);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		snprintf(paths[i], sizeof(paths[i]), CASES "/%s", entries[i]->d_name);
		tests[i] = (struct CMUnitTest){entries[i]->d_name, check_case, NULL, NULL, paths[i]};
	}
	tests[n] =
		(struct CMUnitTest){"every finding has a case", every_finding_has_a_case, NULL, NULL, NULL};
	failed = _cmocka_run_group_tests("policy cases", tests, (size_t)n + 1, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return failed != 0;
}
