/* SPDX-License-Identifier: Apache-2.0 */
/* How findings look to people and to programs, and what `muniment policy check` prints and returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <jansson.h>

#include "base/args.h"
#include "base/file.h"
#include "cli/command.h"
#include "policy/render.h"
#include "tests/policy/fake_resolver.h"

static const char bad[] = "version: 1\n"
			  "mode: enforce\n"
			  "stores:\n"
			  "  ehr: {paths: [/srv/records], clas: internal}\n"
			  "  \xc3\xa4: {paths: [/srv/records/2026]}\n";

static struct policy *check(const char *text)
{
	struct policy *policy = policy_new();

	assert_non_null(policy);
	assert_int_equal(policy_add_text(policy, "p.yaml", text, strlen(text)), 0);
	policy_check(policy, &fake_env);
	return policy;
}

static void lines_say_all(void **state)
{
	struct policy *policy = check(bad);
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < policy->findings.n; i++) {
		if (policy_finding_severity(policy->findings.items[i].id) != POLICY_ERROR)
			continue;
		policy_render_line(policy, &policy->findings.items[i], &out);
		buf_char(&out, '\n');
	}
	assert_string_equal(out.data, "p.yaml:4:32: error: unknown key \"clas\" in the store; expected "
				      "paths, no_records, mode, class, audit, regulations, "
				      "data_subject or retention; did you mean \"class\"? [unknown-key]\n"
				      "p.yaml:5:3: error: \"\xc3\xa4\" cannot be the name of a store; "
				      "expected a lower-case letter, then at most 62 "
				      "lower-case letters, digits, - or _ [invalid-name]\n"
				      "p.yaml:5:15: error: the path \"/srv/records/2026\" of the store "
				      "\"\xc3\xa4\" lies within \"/srv/records\" of "
				      "the store \"ehr\"; the other is at p.yaml:4:17 [store-overlap]\n");
	buf_reset(&out);
	policy_render_summary(policy, &out);
	assert_string_equal(out.data, "policy refused: 3 errors, 2 warnings");
	buf_free(&out);
	policy_free(policy);
}

static void blocks_point_at_the_place(void **state)
{
	struct policy *policy = check(bad);
	struct buf out = {0};

	(void)state;
	policy_render_block(policy, &policy->findings.items[policy->findings.n - 1], false, &out);
	assert_string_equal(
		out.data,
		"p.yaml:5:15: error: the path \"/srv/records/2026\" of the store \"\xc3\xa4\" lies within "
		"\"/srv/records\" of the store \"ehr\" [store-overlap]\n"
		"     5 |   \xc3\xa4: {paths: [/srv/records/2026]}\n"
		"       |               ^\n"
		"         the other is at p.yaml:4:17\n");
	buf_reset(&out);
	policy_render_block(policy, &policy->findings.items[0], true, &out);
	assert_non_null(strstr(out.data, "\033[1;33mwarning:\033[0m"));
	buf_free(&out);
	policy_free(policy);
}

static void long_lines_are_shown_around_the_place(void **state)
{
	struct buf text = {0}, out = {0};
	struct policy *policy;
	const char *caret, *line;

	(void)state;
	buf_str(&text, "version: 1\nmode: enforce\nstores: {s: {paths: [");
	for (int i = 0; i < 50; i++)
		buf_printf(&text, "/srv/auto/%d, ", i);
	buf_str(&text, "here]}}\n");
	policy = check(text.data);
	policy_render_block(policy, &policy->findings.items[policy->findings.n - 1], false, &out);
	line = strstr(out.data, "     3 | ");
	assert_non_null(line);
	caret = strstr(line, "       | ");
	assert_non_null(caret);
	/* The same distance from the bar: the caret stands under the word. */
	assert_int_equal(strstr(line, "here") - line, strchr(caret, '^') - caret);
	assert_true(strlen(line) < 300);
	buf_free(&text);
	buf_free(&out);
	policy_free(policy);
}

static void json_is_json(void **state)
{
	struct policy *policy = check(bad);
	struct buf out = {0};
	json_t *array, *last;

	(void)state;
	policy_render_json(policy, &out);
	array = json_loadb(out.data, out.len, 0, NULL);
	assert_true(json_is_array(array));
	assert_int_equal(json_array_size(array), policy->findings.n);
	last = json_array_get(array, json_array_size(array) - 1);
	assert_string_equal(json_string_value(json_object_get(last, "id")), "store-overlap");
	assert_string_equal(json_string_value(json_object_get(last, "severity")), "error");
	assert_string_equal(json_string_value(json_object_get(last, "file")), "p.yaml");
	assert_int_equal(json_integer_value(json_object_get(last, "line")), 5);
	assert_int_equal(json_integer_value(json_object_get(last, "column")), 15);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(last, "other"), "line")), 4);
	json_decref(array);
	buf_free(&out);
	policy_free(policy);
}

static void good_policies_are_summed_up(void **state)
{
	struct policy *policy =
		check("version: 1\nmode: enforce\nstores: {s: {paths: [/srv/records]}}\n"
		      "roles: {r: {users: [root]}}\ngrants: [{role: r, store: s, access: [read]}]\n");
	struct buf out = {0};

	(void)state;
	policy_render_summary(policy, &out);
	assert_non_null(strstr(out.data, "policy OK: 1 store, 1 role, 1 grant, sha256 "));
	assert_int_equal(strlen(out.data), strlen("policy OK: 1 store, 1 role, 1 grant, sha256 ") + 64);
	buf_free(&out);
	policy_free(policy);
}

/* Runs the command with standard output in a file; returns its exit status and the output. */
static int run(const char *option, const char *path, struct buf *ret_out)
{
	char name[] = "muniment policy check", opt[32], file[256], *argv[] = {name, opt, file, NULL};
	char out[] = "/tmp/muniment-out-XXXXXX";
	int fd = mkstemp(out), saved = dup(STDOUT_FILENO), status;

	snprintf(opt, sizeof(opt), "%s", option);
	snprintf(file, sizeof(file), "%s", path);
	assert_true(fd >= 0 && saved >= 0);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	status = command_policy_check(3, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	buf_reset(ret_out);
	assert_int_equal(file_read(out, 1 << 20, ret_out), 0);
	unlink(out);
	return status;
}

/* On the real host, with what every host has. */
static void the_command_prints_and_returns(void **state)
{
	char directory[] = "/tmp/muniment-check-XXXXXX", path[128], text[512];
	struct buf out = {0};

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s.yaml", directory);
	snprintf(text, sizeof(text),
		 "version: 1\nmode: monitor\nstores:\n  s: {paths: [%s]}\nroles:\n  r: {users: [root]}\n"
		 "grants:\n  - {role: r, store: s, access: [list]}\n",
		 directory);
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
	assert_int_equal(run("--", path, &out), EXIT_GOOD);
	assert_non_null(strstr(out.data, "policy OK: 1 store, 1 role, 1 grant, sha256 "));
	assert_int_equal(run("--json", path, &out), EXIT_GOOD);
	assert_string_equal(out.data, "[]\n");
	assert_int_equal(run("--json", "tests/policy/cases/unknown-key.yaml", &out), EXIT_USAGE);
	assert_non_null(strstr(out.data, "\"id\":\"unknown-key\""));
	assert_int_equal(run("--", "tests/policy/cases/unknown-key.yaml", &out), EXIT_USAGE);
	assert_non_null(strstr(out.data, "did you mean \"mode\"? [unknown-key]\n"));
	assert_non_null(strstr(out.data, "policy refused: "));
	assert_int_equal(run("--", "/nowhere/at/all", &out), EXIT_USAGE);
	assert_non_null(
		strstr(out.data, "/nowhere/at/all: error: cannot be read: No such file or directory"));
	unlink(path);
	rmdir(directory);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_all),
		cmocka_unit_test(blocks_point_at_the_place),
		cmocka_unit_test(long_lines_are_shown_around_the_place),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(good_policies_are_summed_up),
		cmocka_unit_test(the_command_prints_and_returns),
	};

	return cmocka_run_group_tests_name("policy render", tests, NULL, NULL);
}
