/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of `declassify`: what they compile to, their limits, and that those of several files add up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "policy/image.h"
#include "tests/policy/fake_resolver.h"

#define HEAD                                                                                                 \
	"version: 1\nmode: enforce\nstores: {ehr: {paths: [/srv/records]}}\nroles: {staff: {users: "         \
	"[alice]}}\ngrants: [{role: staff, store: ehr, access: [read]}]\n"

static struct policy *checked(const char *first, const char *second, int expected)
{
	struct policy *policy = policy_new();

	assert_non_null(policy);
	assert_int_equal(policy_add_text(policy, "a.yaml", first, strlen(first)), 0);
	if (second)
		assert_int_equal(policy_add_text(policy, "b.yaml", second, strlen(second)), 0);
	assert_int_equal(policy_check(policy, &fake_env), expected);
	return policy;
}

static struct policy_image *compiled(const char *first, const char *second)
{
	struct policy *policy = checked(first, second, 0);
	struct policy_image *image = NULL;

	assert_int_equal(policy->findings.n, 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy); /* the image stands alone */
	return image;
}

static bool is_role(const struct role_set *roles, size_t role)
{
	return roles->words[role / 64] >> role % 64 & 1;
}

static void rules_of_all_files_add_up(void **state)
{
	static const char first[] = HEAD "declassify:\n"
					 "  - {to: [/lib, /srv/index.db]}\n"
					 "  - to: [/home]\n"
					 "    programs: [/usr/bin/restic-link, /usr/bin/rsync]\n";
	static const char second[] = "version: 1\ndeclassify: [{to: [/home]}]\n";
	struct policy_image *image = compiled(first, second);

	(void)state;
	assert_int_equal(image->n_sinks, 3);
	assert_true(image->sinks[0].any_program);
	assert_false(is_role(&image->any_user, sink_role(0)));
	assert_int_equal(image->sinks[0].n_paths, 2);
	assert_string_equal(image->sinks[0].paths[0], "/usr/lib"); /* behind the link */
	assert_string_equal(image->sinks[0].paths[1], "/srv/index.db");
	assert_int_equal(image->sinks[0].line, 7);
	assert_false(image->sinks[1].any_program);
	assert_true(is_role(&image->any_user, sink_role(1)) && is_role(&image->any_group, sink_role(1)) &&
		    is_role(&image->now, sink_role(1)) && !is_role(&image->any_program, sink_role(1)));
	assert_int_equal(image->n_programs, 2);
	assert_string_equal(image->programs[0].path, "/usr/bin/restic"); /* behind the link */
	assert_true(is_role(&image->programs[0].loaded, sink_role(1)));
	assert_true(is_role(&image->programs[0].found.roles, sink_role(1)));
	assert_string_equal(image->programs[1].path, "/usr/bin/rsync");
	assert_false(is_role(&image->programs[1].named, 0));
	assert_int_equal(image->sinks[1].file, 0);
	assert_int_equal(image->sinks[1].line, 8);
	assert_true(image->sinks[2].any_program);
	assert_int_equal(image->sinks[2].file, 1);
	assert_int_equal(image->sinks[2].line, 2);
	policy_image_free(image);
}

static void none_without_the_key(void **state)
{
	struct policy_image *image = compiled(HEAD, NULL);

	(void)state;
	assert_int_equal(image->n_sinks, 0);
	policy_image_free(image);
}

/* Of a program with a digest, only that content; a role that names it, too, has its own. */
static void programs_go_by_content(void **state)
{
	static const char text[] =
		"version: 1\nmode: enforce\nstores: {ehr: {paths: [/srv/records]}}\nroles: {staff: "
		"{programs: "
		"[/usr/bin/restic]}}\ngrants: [{role: staff, store: ehr, access: [read]}]\ndeclassify:\n"
		"  - {to: [/home]}\n"
		"  - {to: [/home], programs: [{path: /usr/bin/restic, digest: "
		"\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}]}\n";
	struct policy *policy = checked(text, NULL, 0);
	struct policy_image *image = NULL;

	(void)state;
	assert_int_equal(policy->findings.n, 1);
	assert_int_equal(policy->findings.items[0].id, POLICY_PROGRAM_DIGEST);
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy);
	assert_int_equal(image->n_programs, 1);
	assert_true(is_role(&image->programs[0].named, 0) &&
		    is_role(&image->programs[0].named, sink_role(1)));
	assert_true(is_role(&image->programs[0].found.roles, 0));
	assert_false(is_role(&image->programs[0].found.roles, sink_role(1)));
	assert_false(image_program_accepted(&image->programs[0]));
	policy_image_free(image);
}

/* A rule whose programs are all wrong must not become one for any program. */
static void a_wrong_program_is_not_any(void **state)
{
	static const char text[] = HEAD "declassify: [{to: [/home], programs: [bin/restic]}]\n";
	struct policy *policy = checked(text, NULL, -EINVAL);
	struct policy_image *image = NULL;

	(void)state;
	assert_true(policy->sinks[0].programs_given);
	assert_int_equal(policy_compile(policy, &image), -EINVAL);
	policy_free(policy);
}

static void the_store_is_named(void **state)
{
	static const char text[] = HEAD "declassify: [{to: [/srv/bind]}]\n";
	struct policy *policy = checked(text, NULL, 0);
	const struct policy_finding *finding = &policy->findings.items[0];

	(void)state;
	assert_int_equal(policy->findings.n, 1);
	assert_int_equal(finding->id, POLICY_DECLASSIFY_IN_STORE);
	assert_non_null(strstr(finding->message, "\"/srv/bind\" lies in the store \"ehr\""));
	assert_int_equal(finding->other.line, 3);
	policy_free(policy);
}

/* Findings of that kind when each (a "*" in it is a number) stands there n times. */
static size_t too_many(const char *before, const char *each, size_t n, const char *after)
{
	struct policy *policy;
	struct buf text = {0};
	size_t found = 0;

	buf_str(&text, HEAD "declassify:\n");
	buf_str(&text, before);
	for (size_t i = 0; i < n; i++) {
		const char *star = strchr(each, '*');

		if (star)
			buf_printf(&text, "%.*s%zu%s", (int)(star - each), each, i, star + 1);
		else
			buf_str(&text, each);
	}
	buf_str(&text, after);
	assert_false(text.failed);
	policy = policy_new();
	assert_int_equal(policy_add_text(policy, "many.yaml", text.data, text.len), 0);
	policy_check(policy, &fake_env);
	for (size_t i = 0; i < policy->findings.n; i++) {
		if (policy->findings.items[i].id == POLICY_LIMIT_EXCEEDED)
			found++, assert_int_not_equal(policy->findings.items[i].at.file, POLICY_NO_FILE);
	}
	assert_true(found || policy->checked);
	buf_free(&text);
	policy_free(policy);
	return found;
}

/* Programs of a rule may be the same as those of others: there are not that many here. */
static void limits_hold_to_the_one(void **state)
{
	static const char four[] = "  - to: [/home]\n    programs: [/usr/bin/restic, /usr/bin/rsync, "
				   "/usr/bin/storescu, /usr/bin/pg_lsclusters]\n";

	(void)state;
	assert_int_equal(too_many("", "  - {to: [/home]}\n", SINKS_MAX, ""), 0);
	assert_int_equal(too_many("", "  - {to: [/home]}\n", SINKS_MAX + 1, ""), 1);
	assert_int_equal(too_many("  - to:\n", "    - /srv/auto/*\n", POLICY_SINKS_MAX, ""), 0);
	assert_int_equal(too_many("  - to:\n", "    - /srv/auto/*\n", POLICY_SINKS_MAX + 1, ""), 1);
	assert_int_equal(too_many("  - to:\n", "    - /srv/auto/*\n", POLICY_SINKS_MAX - 1,
				  "  - {to: [/home, /lib]}\n"),
			 1);
	assert_int_equal(too_many("", four, POLICY_SINKS_MAX / 4, ""), 0);
	assert_int_equal(too_many("  - {to: [/home], programs: [/usr/bin/restic, /usr/bin/rsync, "
				  "/usr/bin/storescu, /usr/bin/pg_lsclusters, /usr/bin/pg_conftool]}\n",
				  four, POLICY_SINKS_MAX / 4 - 1, ""),
			 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_all_files_add_up),  cmocka_unit_test(none_without_the_key),
		cmocka_unit_test(a_wrong_program_is_not_any), cmocka_unit_test(the_store_is_named),
		cmocka_unit_test(limits_hold_to_the_one),     cmocka_unit_test(programs_go_by_content),
	};

	return cmocka_run_group_tests_name("policy declassify", tests, NULL, NULL);
}
