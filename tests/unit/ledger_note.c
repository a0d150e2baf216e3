// SPDX-License-Identifier: Apache-2.0
/* Signed notes, verifier keys, checkpoints and proof files: vectors made with golang.org/x/mod, and
 * everything malformed. */
#include <errno.h>

#include "base/b64.h"
#include "ledger/checkpoint.h"
#include "ledger/key.h"
#include "ledger_fixture.h"

/* Keys of the seeds 0…31 and 32…63; note signed by golang.org/x/mod/sumdb/note. */
#define VKEY	"example.org/records+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define WITNESS "witness.example/w1+484bc619+ASmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define TEXT	"example.org/records\n5\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n"
#define SIG_BODY                                                                                             \
	"P7H7JRJYhleoStv1cgrlWdLKXlQ6AaAJKdVWPBQWiP7ZKYZkpfYgsidQDf3bBmFHMe25WY5Klh3R3jUb8PPvHwUN3Ak="
#define SIG "\xe2\x80\x94 example.org/records " SIG_BODY "\n"
#define WITNESS_SIG                                                                                          \
	"\xe2\x80\x94 witness.example/w1 "                                                                   \
	"SEvGGfv9t423SSgAe7rPRPmxWevUmvNgvaROIMZeIpF5qoOhdbPcGvG5wJM7uyvaSlRU0uaQY4jbLmp/OlVok+Tt1gE=\n"
#define UNKNOWN_SIG "\xe2\x80\x94 elsewhere.example/x AAAAAAAA\n"

static struct note_verifier key, witness;

static int setup(void **state)
{
	assert_int_equal(note_verifier_parse(VKEY, &key), 0);
	assert_int_equal(note_verifier_parse(WITNESS, &witness), 0);
	return fixture_begin(state);
}

static int open_text(const char *note)
{
	struct note parsed;

	return note_open(note, strlen(note), &key, 1, &parsed);
}

static void test_vkey_bytes(void **state)
{
	struct buf out = {0};

	(void)state;
	note_verifier_format(note_signer_verifier(fixture_signer), &out);
	assert_string_equal(out.data, VKEY);
	buf_free(&out);
}

static void test_vkey_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"example.org/records",
		"example.org/records+3fb1fb25",
		"example.org/records+3fb1fb25+",
		"example.org/records+3fb1fb26+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"example.org/record+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"example.org/records+3FB1FB25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"example.org/records+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG",
		"example.org/records+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 ",
		"example.org/re cords+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"+3fb1fb25+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	};
	struct note_verifier v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(note_verifier_parse(bad[i], &v), -EINVAL);
	/* The same key as a witness's (type 4): well-formed, but none that may sign a tree head here. */
	assert_int_equal(
		note_verifier_parse(
			"example.org/records+3fb1fb25+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", &v),
		-ENOTSUP);
}

static void test_names(void **state)
{
	static const char *const bad[] = {"",	       "a b",	    "a+b",	    "a\tb",
					  "a\nb",      "a\xc2\xa0", "\xe2\x80\x83", "\xe3\x80\x80x",
					  "a\x7f\xff", "\xc0\xaf",  "\xed\xa0\x80"};

	(void)state;
	assert_true(note_name_valid("example.org/a", 13));
	assert_true(note_name_valid("\xc3\xa4rzte.example", 14));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(note_name_valid(bad[i], strlen(bad[i])));
}

static void test_sign_bytes(void **state)
{
	struct buf out = {0};

	(void)state;
	/* Ed25519 is deterministic: the very bytes that Go made. */
	assert_int_equal(note_sign(fixture_signer, TEXT, strlen(TEXT), &out), 0);
	assert_string_equal(out.data, SIG);
	buf_free(&out);
}

static void test_open(void **state)
{
	struct note_verifier both[] = {key, witness};
	const char *signed_by_both = TEXT "\n" SIG WITNESS_SIG;
	struct note note;

	(void)state;
	assert_int_equal(open_text(TEXT "\n" SIG), 0);
	assert_int_equal(open_text(signed_by_both), 0);
	assert_int_equal(open_text(TEXT "\n" UNKNOWN_SIG SIG), 0);
	assert_int_equal(note_open(signed_by_both, strlen(signed_by_both), both, 2, &note), 0);
	assert_int_equal(note.n, 2);
	assert_int_equal(note.text_len, strlen(TEXT));
	assert_int_equal(open_text(TEXT "\n" WITNESS_SIG), -ENOKEY);
	assert_int_equal(open_text(TEXT "\n" UNKNOWN_SIG), -ENOKEY);
	assert_int_equal(open_text("x" TEXT "\n" SIG), -EKEYREJECTED);
	/* A good signature of one known key does not make up for a bad one of another. */
	assert_int_equal(note_open("x" TEXT "\n" SIG WITNESS_SIG, strlen(signed_by_both) + 1, both, 2, &note),
			 -EKEYREJECTED);
	/* A second, bad signature by the known key: rejected as well. */
	assert_int_equal(open_text(TEXT "\n" SIG "\xe2\x80\x94 example.org/records P7H7JQAA\n"),
			 -EKEYREJECTED);
	/* The name without the id, or the id without the name, is another key. */
	assert_int_equal(open_text(TEXT "\n\xe2\x80\x94 example.org/records AAAAAAAA\n" SIG), 0);
	assert_int_equal(open_text(TEXT "\n\xe2\x80\x94 example.org/other " SIG_BODY "\n"), -ENOKEY);
}

static void test_many_signatures(void **state)
{
	struct buf note = {0};
	struct note parsed;

	(void)state;
	buf_str(&note, TEXT "\n");
	for (int i = 0; i < 40; i++)
		buf_printf(&note, "\xe2\x80\x94 witness%d.example/w AAAAAA%c%c\n", i, 'A' + i % 26,
			   'A' + i / 26);
	buf_str(&note, SIG);
	assert_int_equal(note_open(note.data, note.len, &key, 1, &parsed), 0);
	assert_int_equal(parsed.n, 41);
	for (int i = 0; i < NOTE_SIGNATURES_MAX; i++)
		buf_str(&note, UNKNOWN_SIG);
	assert_int_equal(note_open(note.data, note.len, &key, 1, &parsed), -E2BIG);
	buf_free(&note);
}

static void test_note_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"\n\n",
		TEXT,
		TEXT "\n",
		SIG,
		TEXT SIG,
		TEXT "\n" SIG "\n",
		TEXT "\n" SIG "x",
		TEXT "\n- example.org/records " SIG_BODY "\n",
		TEXT "\n\xe2\x80\x94 example.org/records\n",
		TEXT "\n\xe2\x80\x94 example.org/records \n",
		TEXT "\n\xe2\x80\x94  " SIG_BODY "\n",
		TEXT "\n\xe2\x80\x94 example.org/records AAAA\n",
		TEXT "\n\xe2\x80\x94 example.org/records AAAAA===\n",
		TEXT "\n\xe2\x80\x94 example.org/records AAAAAAA\n",
		TEXT "\n\xe2\x80\x94 example.org/records AAAA AAAA\n",
		TEXT "\n\xe2\x80\x94 example.org/records AAAAAA==AAAA\n",
		TEXT "\n\xe2\x80\x94 example.org+records AAAAAAAA\n",
		"tab\there\n\n" SIG,
		"not utf-8 \xff\n\n" SIG,
		"carriage return\r\n\n" SIG,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(open_text(bad[i]), -EINVAL);
	/* A text may hold blank lines: the last one counts. */
	assert_int_equal(open_text("a\n\nb\n\n" UNKNOWN_SIG), -ENOKEY);
}

static void test_checkpoint(void **state)
{
	static const char *const bad[] = {
		"",
		"o\n",
		"o\n5\n",
		"\n5\n"
		"Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n",
		"o\n05\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n",
		"o\n+5\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n",
		"o\n\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n",
		"o\n5\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ\n",
		"o\n5\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNR=\n",
		"o\n5\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=",
		"o\n5\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n\n",
		"o\n99999999999999999999\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n",
		"o\n9223372036854775808\nTju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n",
		"o\n5\nTju7\n",
	};
	struct checkpoint c;
	struct buf out = {0};

	(void)state;
	assert_int_equal(checkpoint_parse(TEXT, strlen(TEXT), &c), 0);
	assert_string_equal(c.origin, ORIGIN);
	assert_int_equal(c.size, 5);
	assert_int_equal(c.extensions, 0);
	checkpoint_format(c.origin, c.size, &c.root, &out);
	assert_string_equal(out.data, TEXT);
	buf_free(&out);
	assert_int_equal(checkpoint_parse(TEXT "ext 1\next 2\n", strlen(TEXT) + 12, &c), 0);
	assert_int_equal(c.extensions, 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(checkpoint_parse(bad[i], strlen(bad[i]), &c), -EINVAL);
	assert_int_equal(checkpoint_open(TEXT "\n" SIG, strlen(TEXT "\n" SIG), &key, &c), 0);
	/* Signed by a known key, but a log of another name. */
	assert_int_equal(checkpoint_open(TEXT "\n" WITNESS_SIG, strlen(TEXT "\n" WITNESS_SIG), &witness, &c),
			 -EKEYREJECTED);
}

#define HASH_LINE "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=\n"

static void test_proof_file(void **state)
{
	static const char good[] = "c2sp.org/tlog-proof@v1\nindex 4\n" HASH_LINE HASH_LINE "\n" TEXT "\n" SIG;
	static const char *const bad[] = {
		"",
		"c2sp.org/tlog-proof@v2\nindex 4\n\n" TEXT "\n" SIG,
		"c2sp.org/tlog-proof@v1\n" HASH_LINE "\n",
		"c2sp.org/tlog-proof@v1\nindex 04\n\n",
		"c2sp.org/tlog-proof@v1\nindex -1\n\n",
		"c2sp.org/tlog-proof@v1\nindex 4\n" HASH_LINE,
		"c2sp.org/tlog-proof@v1\nindex 4\nAAAA\n\n",
		"c2sp.org/tlog-proof@v1\nindex 4\nextra AAAA\n\n",
	};
	struct tlog_proof p;
	struct buf out = {0};

	(void)state;
	assert_int_equal(tlog_proof_parse(good, strlen(good), &p), 0);
	assert_int_equal(p.index, 4);
	assert_int_equal(p.path.n, 2);
	assert_int_equal(open_text(p.note), 0);
	tlog_proof_format(p.index, &p.path, p.note, p.note_len, &out);
	assert_string_equal(out.data, good);
	buf_reset(&out);
	buf_str(&out, "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\n" TEXT "\n" SIG);
	assert_int_equal(tlog_proof_parse(out.data, out.len, &p), 0);
	assert_int_equal(p.path.n, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tlog_proof_parse(bad[i], strlen(bad[i]), &p), -EINVAL);
	buf_reset(&out);
	buf_str(&out, "c2sp.org/tlog-proof@v1\nindex 0\n");
	for (int i = 0; i <= TREE_PROOF_MAX; i++)
		buf_str(&out, HASH_LINE);
	buf_str(&out, "\n");
	assert_int_equal(tlog_proof_parse(out.data, out.len, &p), -EINVAL);
	buf_free(&out);
}

static void test_key_files(void **state)
{
	struct note_signer *made = NULL, *read_back = NULL;
	struct buf pem = {0};
	char path[160];

	(void)state;
	assert_int_equal(note_signer_generate(ORIGIN, &made), 0);
	assert_int_equal(note_signer_private_pem(made, &pem), 0);
	snprintf(path, sizeof(path), "%s/made.pem", fixture_root);
	assert_int_equal(file_replace(path, pem.data, pem.len, 0600), 0);
	assert_int_equal(note_signer_read(path, ORIGIN, &read_back), 0);
	assert_memory_equal(note_signer_verifier(made), note_signer_verifier(read_back), sizeof(key));
	note_signer_free(read_back);
	read_back = NULL;
	buf_reset(&pem);
	assert_int_equal(note_signer_public_pem(made, &pem), 0);
	assert_int_equal(file_replace(path, pem.data, pem.len, 0600), 0);
	assert_int_equal(note_signer_read(path, ORIGIN, &read_back), -EINVAL);
	assert_int_equal(note_signer_read("/nonexistent/key", ORIGIN, &read_back), -ENOENT);
	assert_null(read_back);
	note_signer_free(made);
	buf_free(&pem);
}

static void test_same_filesystem(void **state)
{
	char path[160];
	bool same = false;

	(void)state;
	snprintf(path, sizeof(path), "%s/not/yet/there/key", fixture_root);
	assert_int_equal(key_same_filesystem(path, fixture_root, &same), 0);
	assert_true(same);
	assert_int_equal(key_same_filesystem("/proc/self/key", fixture_root, &same), 0);
	assert_false(same);
	assert_int_equal(key_same_filesystem("relative-name", ".", &same), 0);
	assert_true(same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vkey_bytes),
		cmocka_unit_test(test_vkey_malformed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sign_bytes),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_many_signatures),
		cmocka_unit_test(test_note_malformed),
		cmocka_unit_test(test_checkpoint),
		cmocka_unit_test(test_proof_file),
		cmocka_unit_test(test_key_files),
		cmocka_unit_test(test_same_filesystem),
	};

	return cmocka_run_group_tests(tests, setup, fixture_end);
}
