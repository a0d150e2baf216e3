/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a policy: several files, odd files, limits, digests. What one file shows stands in
 * tests/policy/cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/b64.h"
#include "base/file.h"
#include "policy/image.h"
#include "tests/policy/fake_resolver.h"

#define HEAD "version: 1\nmode: enforce\n"

static const struct policy_finding *find(const struct policy *policy, enum policy_finding_id id)
{
	for (size_t i = 0; i < policy->findings.n; i++) {
		if (policy->findings.items[i].id == id)
			return &policy->findings.items[i];
	}
	return NULL;
}

static void add(struct policy *policy, const char *name, const char *text)
{
	assert_int_equal(policy_add_text(policy, name, text, strlen(text)), 0);
}

static void files_are_merged(void **state)
{
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;

	(void)state;
	add(policy, "10-mode.yaml", HEAD "degraded: allow\n");
	add(policy, "20-stores.yaml", "version: 1\nstores:\n  ehr: {paths: [/srv/records], mode: monitor}\n");
	add(policy, "30-roles.yaml", "version: 1\nroles:\n  staff: {groups: [clinicians]}\n");
	add(policy, "40-grants.yaml", "version: 1\ngrants:\n  - {role: staff, store: ehr, access: [read]}\n");
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy->findings.n, 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	assert_int_equal(image->mode, STORE_MODE_ENFORCE);
	assert_int_equal(image->degraded, POLICY_DEGRADED_ALLOW);
	assert_int_equal(image->stores[0].rules.mode, STORE_MODE_MONITOR);
	assert_string_equal(image->files[image->grants[0].file], "40-grants.yaml");
	assert_int_equal(image->grants[0].line, 3);
	policy_image_free(image);
	policy_free(policy);
}

static void duplicates_across_files_name_both_places(void **state)
{
	struct policy *policy = policy_new();
	const struct policy_finding *finding;
	static const char text[] =
		HEAD "stores:\n  ehr: {paths: [/srv/records]}\nroles:\n  staff: {users: [root]}\n"
		     "grants:\n  - {role: staff, store: ehr, access: [read]}\n";

	(void)state;
	add(policy, "a.yaml", text);
	add(policy, "b.yaml", text);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	finding = find(policy, POLICY_DUPLICATE_KEY);
	assert_non_null(finding);
	assert_int_equal(finding->at.file, 1);
	assert_int_equal(finding->at.line, 2);
	assert_int_equal(finding->other.file, 0);
	assert_int_equal(finding->other.line, 2);
	finding = find(policy, POLICY_DUPLICATE_NAME);
	assert_non_null(finding);
	assert_int_equal(finding->at.file, 1);
	assert_int_equal(finding->at.line, 4);
	assert_int_equal(finding->other.file, 0);
	assert_int_equal(finding->other.line, 4);
	finding = find(policy, POLICY_DUPLICATE_GRANT);
	assert_non_null(finding);
	assert_int_equal(finding->at.file, 1);
	assert_int_equal(finding->other.file, 0);
	policy_free(policy);
}

/* What a broken file would have defined is unknown, so references to it are not called wrong. */
static void broken_files_cause_no_further_findings(void **state)
{
	struct policy *policy = policy_new();

	(void)state;
	add(policy, "a.yaml", "version: 1\nroles: {staff: [\n");
	add(policy, "b.yaml", "version: 1\ngrants:\n  - {role: staff, store: ehr, access: [reed]}\n");
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_non_null(find(policy, POLICY_YAML_SYNTAX));
	assert_non_null(find(policy, POLICY_UNKNOWN_ACCESS));
	assert_int_equal(policy->findings.n, 2);
	policy_free(policy);
}

static void encodings_are_checked(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint32_t line, column;
	} rows[] = {
		{"version: 1\nmode: \xe4nforce\n", 26, 2, 7},
		{"\xff\xfev\0e\0", 6, 1, 1},
		{"version: 1\n# \xc3\xa4\xc3\xa4\x1b\n", 19, 2, 5},
		{"version: 1\n\0", 12, 2, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy *policy = policy_new();

		assert_int_equal(policy_add_text(policy, "x.yaml", rows[i].bytes, rows[i].len), 0);
		assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
		assert_int_equal(policy->findings.n, 1);
		assert_int_equal(policy->findings.items[0].id, POLICY_NOT_UTF8);
		assert_int_equal(policy->findings.items[0].at.line, rows[i].line);
		assert_int_equal(policy->findings.items[0].at.column, rows[i].column);
		policy_free(policy);
	}
}

static void utf8_mark_and_crlf_are_taken(void **state)
{
	struct policy *policy = policy_new();
	const char *line;
	size_t len;

	(void)state;
	add(policy, "x.yaml",
	    "\xef\xbb\xbfversion: 1\r\nmode: enforce\r\nstores:\r\n  ehr: {paths: [/srv/records], x: 1}\r\n");
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_int_equal(policy->findings.errors, 1);
	assert_non_null(find(policy, POLICY_UNKNOWN_KEY));
	assert_int_equal(find(policy, POLICY_UNKNOWN_KEY)->at.column, 32);
	assert_int_equal(policy_source_line(policy, (struct policy_place){0, 1, 1}, &line, &len), 0);
	assert_int_equal(len, 10);
	assert_memory_equal(line, "version: 1", 10);
	policy_free(policy);
}

/* Checks a policy with n of something; returns how often the limit was reported. */
static size_t limit_findings(const char *before, const char *each, size_t n, const char *after, int *ret_rc)
{
	struct policy *policy = policy_new();
	struct buf text = {0};
	size_t found = 0;

	buf_str(&text, HEAD);
	buf_str(&text, before);
	for (size_t i = 0; i < n; i++) {
		const char *star;

		for (star = each; *star; star++) {
			if (*star == '*')
				buf_printf(&text, "%zu", i);
			else
				buf_char(&text, *star);
		}
	}
	buf_str(&text, after);
	assert_false(text.failed);
	add(policy, "many.yaml", text.data);
	*ret_rc = policy_check(policy, &fake_env);
	for (size_t i = 0; i < policy->findings.n; i++)
		found += policy->findings.items[i].id == POLICY_LIMIT_EXCEEDED;
	buf_free(&text);
	policy_free(policy);
	return found;
}

static void limits_hold_to_the_one(void **state)
{
	static const char role[] = "stores:\n  s: {paths: [/srv/records]}\nroles:\n  r: {";
	static const char grants[] =
		"stores:\n  s: {paths: [/srv/records]}\nroles:\n  r: {users: [root]}\ngrants:\n";
	int rc;

	(void)state;
	assert_int_equal(limit_findings("stores:\n", "  s*: {paths: [/srv/auto/*]}\n", STORES_MAX, "", &rc),
			 0);
	assert_int_equal(rc, 0);
	assert_int_equal(
		limit_findings("stores:\n", "  s*: {paths: [/srv/auto/*]}\n", STORES_MAX + 1, "", &rc), 1);
	assert_int_equal(rc, -EINVAL);
	assert_int_equal(limit_findings("stores: {s: {paths: [/srv/records]}}\nroles:\n",
					"  r*: {users: [user*]}\n", ROLES_MAX, "", &rc),
			 0);
	assert_int_equal(rc, 0);
	assert_int_equal(limit_findings("stores: {s: {paths: [/srv/records]}}\nroles:\n",
					"  r*: {users: [user*]}\n", ROLES_MAX + 1, "", &rc),
			 1);
	assert_int_equal(limit_findings(role, "", 0, "users: [root]}\n", &rc), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(limit_findings(role, "", 0, "groups: [77777]}\n", &rc), 1);
	assert_int_equal(
		limit_findings(grants, "  - {role: r, store: s, access: [read]}\n", GRANTS_MAX + 1, "", &rc),
		1);
}

static void limits_of_agreements_hold_to_the_one(void **state)
{
	static const char before[] = "stores: {s: {paths: [/srv/records]}}\nroles: {r: {users: [root]}}\n"
				     "grants: [{role: r, store: s, access: [read]}]\nagreements:\n";
	static const char one[] = "stores: {s: {paths: [/srv/records]}}\nroles: {r: {users: [root]}}\n"
				  "grants: [{role: r, store: s, access: [read]}]\n"
				  "agreements:\n  a:\n    stores: [s]\n    to:\n";
	int rc;

	(void)state;
	assert_int_equal(
		limit_findings(before, "  a*: {stores: [s], to: [192.0.2.1]}\n", AGREEMENTS_MAX, "", &rc), 0);
	assert_int_equal(rc, 0);
	/* Each has an endpoint: these are too many, too. */
	assert_int_equal(
		limit_findings(before, "  a*: {stores: [s], to: [192.0.2.1]}\n", AGREEMENTS_MAX + 1, "", &rc),
		2);
	assert_int_equal(rc, -EINVAL);
	assert_int_equal(limit_findings(one, "      - 192.0.2.*\n", ENDPOINTS_MAX, "", &rc), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(limit_findings(one, "      - 192.0.2.1:1*\n", ENDPOINTS_MAX + 1, "", &rc), 1);
	assert_int_equal(rc, -EINVAL);
}

static void the_limit_of_copies_holds_to_the_one(void **state)
{
	static const char before[] = "stores: {s: {paths: [/srv/records]}}\nroles: {r: {users: [root]}}\n"
				     "grants: [{role: r, store: s, access: [read]}]\n"
				     "copies:\n  else: deny\n  to:\n";
	int rc;

	(void)state;
	assert_int_equal(limit_findings(before, "    - /srv/auto/*\n", POLICY_COPIES_MAX, "", &rc), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(limit_findings(before, "    - /srv/auto/*\n", POLICY_COPIES_MAX + 1, "", &rc), 1);
	assert_int_equal(rc, -EINVAL);
}

static void copies_are_said_in_one_file(void **state)
{
	static const char first[] = HEAD "stores: {s: {paths: [/srv/records]}}\nroles: {r: {users: [root]}}\n"
					 "grants: [{role: r, store: s, access: [read]}]\n"
					 "copies:\n  to: [/srv/records/2026]\n  else: deny\n";
	static const char again[] = "version: 1\ncopies:\n  {to: [/nowhere], else: allow}\n";
	struct policy *policy = policy_new();
	const struct policy_finding *finding;

	(void)state;
	add(policy, "a.yaml", first);
	add(policy, "b.yaml", again);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_int_equal(policy->findings.n, 2); /* what the second says is not looked at */
	finding = find(policy, POLICY_COPIES_IN_STORE);
	assert_non_null(finding);
	assert_int_equal(finding->at.line, 7);
	assert_int_equal(finding->other.line, 3);
	finding = find(policy, POLICY_DUPLICATE_KEY);
	assert_non_null(finding);
	assert_int_equal(finding->at.file, 1);
	assert_int_equal(finding->at.line, 3);
	assert_int_equal(finding->other.file, 0);
	assert_int_equal(finding->other.line, 6);
	policy_free(policy);
}

static void a_hundred_thousand_users_fit(void **state)
{
	static const char before[] = "stores:\n  s: {paths: [/srv/records]}\nroles:\n  r:\n    users:\n";
	int rc;

	(void)state;
	assert_int_equal(limit_findings(before, "    - user*\n", USERS_MAX, "", &rc), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(limit_findings(before, "    - user*\n", USERS_MAX + 1, "", &rc), 1);
	assert_int_equal(rc, -EINVAL);
}

static void write_text(const char *directory, const char *name, const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static void remove_name(const char *directory, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static void directories_are_read_in_order(void **state)
{
	char directory[] = "/tmp/muniment-policy-XXXXXX", hex[HEX_SIZE(POLICY_DIGEST_SIZE)];
	static const char *const names[] = {"b.yaml",	    "a.yaml", "B.yaml",	  "old.yml",
					    ".hidden.yaml", "README", "c\\d.yaml"};
	/* LC_ALL=C; sha256sum *.yaml | sha256sum */
	struct policy *policy = policy_new();
	uint8_t digest[POLICY_DIGEST_SIZE];

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(policy_add_path(policy, directory), 0);
	assert_non_null(find(policy, POLICY_NO_FILES));
	policy_free(policy);
	policy = policy_new();
	for (size_t i = 0; i < 6; i++)
		write_text(directory, names[i], "version: 1\n");
	assert_int_equal(policy_add_path(policy, directory), 0);
	assert_int_equal(policy->n_files, 3);
	assert_string_equal(strrchr(policy->files[0].path, '/'), "/B.yaml");
	assert_string_equal(strrchr(policy->files[1].path, '/'), "/a.yaml");
	assert_string_equal(strrchr(policy->files[2].path, '/'), "/b.yaml");
	assert_non_null(find(policy, POLICY_FILE_IGNORED));
	policy_digest(policy, digest);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex, "fd5f83df7fb27baee77bd15354e53e33412b6b8d951ac5e298951cae107526cb");
	write_text(directory, names[6], "version: 1\n");
	assert_int_equal(policy_add_path(policy, directory), 0);
	assert_non_null(find(policy, POLICY_FILE_NAME));
	policy_free(policy);
	for (size_t i = 0; i < 7; i++)
		remove_name(directory, names[i]);
	assert_int_equal(rmdir(directory), 0);
}

static void unreadable_files_are_findings(void **state)
{
	struct policy *policy = policy_new();
	char *large = calloc(1, POLICY_FILE_MAX + 1);

	(void)state;
	assert_non_null(large);
	memset(large, '#', POLICY_FILE_MAX + 1);
	assert_int_equal(policy_add_path(policy, "/nowhere/at/all.yaml"), 0);
	assert_non_null(find(policy, POLICY_FILE_UNREADABLE));
	assert_int_equal(policy_add_text(policy, "large.yaml", large, POLICY_FILE_MAX + 1), 0);
	assert_non_null(find(policy, POLICY_FILE_TOO_LARGE));
	assert_int_equal(policy_add_path(policy, "/dev/zero"), 0);
	assert_int_equal(policy->findings.errors, 3);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_int_equal(policy->findings.errors, 3);
	free(large);
	policy_free(policy);
	policy = policy_new();
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_non_null(find(policy, POLICY_NO_FILES));
	policy_free(policy);
}

static void too_many_values_are_refused(void **state)
{
	struct policy *policy = policy_new();
	struct buf text = {0};

	(void)state;
	buf_str(&text, "version: 1\nroles: {r: {users: [");
	for (int i = 0; i < YTREE_NODES_MAX; i++)
		buf_str(&text, "a,");
	buf_str(&text, "]}}\n");
	add(policy, "x.yaml", text.data);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_non_null(find(policy, POLICY_YAML_SIZE));
	buf_free(&text);
	policy_free(policy);
}

static void members_are_sorted_and_once(void **state)
{
	struct policy *policy = policy_new();
	const struct policy_membership *members;

	(void)state;
	add(policy, "x.yaml",
	    HEAD "stores: {s: {paths: [/srv/records]}}\n"
		 "roles: {r: {users: [alice], groups: [night]}, q: {groups: [2006]}}\n"
		 "grants: [{role: r, store: s, access: [read]}, {role: q, store: s, access: [list]}]\n");
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy->findings.n, 0);
	members = policy_members(policy, 2006);
	assert_non_null(members);
	assert_int_equal(members->n, 2);
	assert_int_equal(members->uids[0], 1001);
	assert_int_equal(members->uids[1], 1003);
	assert_null(policy_members(policy, 2007));
	policy_free(policy);
}

static void truth_values_are_suggested(void **state)
{
	static const char *const words[][2] = {{"yes", "true"}, {"On", "true"},	  {"y", "true"},
					       {"no", "false"}, {"OFF", "false"}, {"n", "false"}};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct policy *policy = policy_new();
		char text[256];

		snprintf(text, sizeof(text),
			 HEAD "grants: [{role: r, store: s, access: [read], serves: %s}]\n", words[i][0]);
		add(policy, "x.yaml", text);
		assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
		assert_non_null(find(policy, POLICY_YAML_BOOLEAN));
		assert_string_equal(find(policy, POLICY_YAML_BOOLEAN)->suggestion, words[i][1]);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_merged),
		cmocka_unit_test(duplicates_across_files_name_both_places),
		cmocka_unit_test(broken_files_cause_no_further_findings),
		cmocka_unit_test(encodings_are_checked),
		cmocka_unit_test(utf8_mark_and_crlf_are_taken),
		cmocka_unit_test(members_are_sorted_and_once),
		cmocka_unit_test(truth_values_are_suggested),
		cmocka_unit_test(limits_hold_to_the_one),
		cmocka_unit_test(limits_of_agreements_hold_to_the_one),
		cmocka_unit_test(the_limit_of_copies_holds_to_the_one),
		cmocka_unit_test(copies_are_said_in_one_file),
		cmocka_unit_test(a_hundred_thousand_users_fit),
		cmocka_unit_test(directories_are_read_in_order),
		cmocka_unit_test(unreadable_files_are_findings),
		cmocka_unit_test(too_many_values_are_refused),
	};

	return cmocka_run_group_tests_name("policy check", tests, NULL, NULL);
}
