/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML tree: encoding, scalar types, limits, places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "policy/ytree.h"

static struct ytree *parse(const char *text, struct policy_findings *findings)
{
	return ytree_parse(text, strlen(text), 0, findings);
}

/* The text must be refused, with this as the first finding. */
static void refuse(const char *text, size_t len, enum policy_finding_id id)
{
	struct policy_findings findings = {0};
	struct ytree *tree = ytree_parse(text, len, 0, &findings);

	assert_null(tree);
	assert_true(findings.n >= 1);
	assert_string_equal(policy_finding_id_text(findings.items[0].id), policy_finding_id_text(id));
	findings_free(&findings);
}

static void scalars_follow_the_core_schema(void **state)
{
	static const struct {
		const char *text;
		enum yscalar type;
	} rows[] = {
		{"[~]", YSCALAR_NULL},	    {"[null]", YSCALAR_NULL},	 {"[true]", YSCALAR_BOOL},
		{"[FALSE]", YSCALAR_BOOL},  {"[yes]", YSCALAR_BOOL11},	 {"[NO]", YSCALAR_BOOL11},
		{"[Off]", YSCALAR_BOOL11},  {"[y]", YSCALAR_BOOL11},	 {"[nO]", YSCALAR_STRING},
		{"['no']", YSCALAR_STRING}, {"[\"1\"]", YSCALAR_STRING}, {"[1]", YSCALAR_INT},
		{"[-12]", YSCALAR_INT},	    {"[0x1F]", YSCALAR_INT},	 {"[0o17]", YSCALAR_INT},
		{"[0x]", YSCALAR_STRING},   {"[1.5]", YSCALAR_FLOAT},	 {"[.5]", YSCALAR_FLOAT},
		{"[1e9]", YSCALAR_FLOAT},   {"[1.e+2]", YSCALAR_FLOAT},	 {"[-.inf]", YSCALAR_FLOAT},
		{"[.nan]", YSCALAR_FLOAT},  {"[.]", YSCALAR_STRING},	 {"[1.2.3]", YSCALAR_STRING},
		{"[1e]", YSCALAR_STRING},   {"[10y]", YSCALAR_STRING},	 {"[2027-03-31]", YSCALAR_STRING},
		{"['']", YSCALAR_STRING},   {"[+]", YSCALAR_STRING},
	};
	struct policy_findings findings = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ytree *tree = parse(rows[i].text, &findings);

		assert_non_null(tree);
		if (ynode_scalar(tree->root->items[0]) != rows[i].type)
			fail_msg("%s is %d, not %d", rows[i].text, ynode_scalar(tree->root->items[0]),
				 rows[i].type);
		ytree_free(tree);
	}
	findings_free(&findings);
}

static void places_count_characters_from_one(void **state)
{
	struct policy_findings findings = {0};
	struct ytree *tree = parse("\"\xc3\xa4\xc3\xb6\": [x,\n  y]\n", &findings);
	const struct ynode *list;

	(void)state;
	assert_non_null(tree);
	list = tree->root->items[1];
	assert_int_equal(list->at.line, 1);
	assert_int_equal(list->at.column, 7);
	assert_int_equal(list->items[1]->at.line, 2);
	assert_int_equal(list->items[1]->at.column, 3);
	ytree_free(tree);
	findings_free(&findings);
}

static void bad_bytes_are_found(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, bad;
	} rows[] = {
		{"plain\ttext\r\n", 12, 12},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8f\xa5", 9, 9},
		{"a\xff", 2, 1},
		{"a\xc3", 2, 1},
		{"\xc0\xaf", 2, 0},
		{"\xed\xa0\x80", 3, 0}, /* overlong; surrogate */
		{"\xf4\x90\x80\x80", 4, 0},
		{"ok\x1b[31m", 7, 2},
		{"\xe2\x82", 2, 0},
		{"a\0b", 3, 1},
		{"\xfe\xff\0v", 4, 0},
		{"x\x7f", 2, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(ytree_bad_byte(rows[i].bytes, rows[i].len), rows[i].bad);
}

static void alias_bombs_are_refused(void **state)
{
	struct buf text = {0};

	(void)state;
	buf_str(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_printf(&text, "%s*a%d", k ? "," : "", i - 1);
		buf_str(&text, "]\n");
	}
	refuse(text.data, text.len, POLICY_YAML_ALIAS);
	buf_reset(&text);
	for (int i = 0; i <= YTREE_ANCHORS_MAX; i++)
		buf_printf(&text, "k%d: &k%d x\n", i, i);
	refuse(text.data, text.len, POLICY_YAML_ALIAS);
	buf_free(&text);
}

static void depth_and_size_are_bounded(void **state)
{
	struct buf text = {0};
	struct policy_findings findings = {0};
	struct ytree *tree;

	(void)state;
	for (int i = 0; i < YTREE_DEPTH_MAX; i++)
		buf_char(&text, '[');
	for (int i = 0; i < YTREE_DEPTH_MAX; i++)
		buf_char(&text, ']');
	tree = ytree_parse(text.data, text.len, 0, &findings);
	assert_non_null(tree);
	ytree_free(tree);
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_char(&text, '[');
	refuse(text.data, text.len, POLICY_YAML_DEPTH);
	buf_reset(&text);
	buf_char(&text, '[');
	for (int i = 0; i < YTREE_NODES_MAX; i++)
		buf_str(&text, "a,");
	buf_char(&text, ']');
	refuse(text.data, text.len, POLICY_YAML_SIZE);
	buf_free(&text);
	findings_free(&findings);
}

static void duplicates_name_the_first(void **state)
{
	struct policy_findings findings = {0};
	struct ytree *tree = parse("a: 1\nb: 2\na: 3\na: 4\n", &findings);

	(void)state;
	assert_non_null(tree);
	assert_int_equal(findings.n, 2);
	assert_int_equal(findings.items[0].at.line, 3);
	assert_int_equal(findings.items[0].other.line, 1);
	assert_int_equal(findings.items[1].at.line, 4);
	assert_int_equal(findings.items[1].other.line, 1);
	ytree_free(tree);
	findings_free(&findings);
}

static void findings_are_clean_and_bounded(void **state)
{
	struct policy_findings findings = {0};
	struct policy_place at = {0, 1, 1};
	char longest[5000];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	finding_add(&findings, POLICY_INVALID_NAME, at, "a\033[31mb\x7f\xc2\x9b");
	assert_string_equal(findings.items[0].message, "a\\x1b[31mb\\x7f\\u009b");
	finding_add(&findings, POLICY_INVALID_NAME, at, "%s", longest);
	assert_true(strlen(findings.items[1].message) < 700);
	for (int i = 0; i < POLICY_FINDINGS_MAX + 10; i++)
		finding_expect(finding_add(&findings, POLICY_UNUSED_ROLE, at, "again"), "less");
	assert_int_equal(findings.n, POLICY_FINDINGS_MAX);
	assert_int_equal(findings.dropped, 12);
	assert_int_equal(findings.warnings, POLICY_FINDINGS_MAX + 10);
	assert_int_equal(findings.errors, 2);
	findings_free(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_follow_the_core_schema),
		cmocka_unit_test(places_count_characters_from_one),
		cmocka_unit_test(bad_bytes_are_found),
		cmocka_unit_test(alias_bombs_are_refused),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(duplicates_name_the_first),
		cmocka_unit_test(findings_are_clean_and_bounded),
	};

	return cmocka_run_group_tests_name("policy yaml", tests, NULL, NULL);
}
