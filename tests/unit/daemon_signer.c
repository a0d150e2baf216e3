// SPDX-License-Identifier: Apache-2.0
/* The signer signs growing tree heads of its own log, and nothing else; its process holds nothing but the
 * key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/signer.h"
#include "ledger/checkpoint.h"

#define ORIGIN "example.org/test"

static char dir[] = "/tmp/muniment-signer-XXXXXX";
static char key_path[64];

static void write_file(const char *suffix, const struct buf *text, mode_t mode)
{
	char path[96];

	snprintf(path, sizeof(path), "%s%s", key_path, suffix);
	assert_int_equal(file_replace(path, text->data, text->len, mode), 0);
}

static void make_key(void)
{
	struct note_signer *s;
	struct buf pem = {0}, vkey = {0};

	assert_int_equal(note_signer_generate(ORIGIN, &s), 0);
	assert_int_equal(note_signer_private_pem(s, &pem), 0);
	note_verifier_format(note_signer_verifier(s), &vkey);
	write_file("", &pem, 0600);
	write_file(".vkey", &vkey, 0644);
	buf_free(&pem);
	buf_free(&vkey);
	note_signer_free(s);
}

static const char *answer(struct signer_key *key, const char *origin, uint64_t size, uint8_t root,
			  const char *more)
{
	static char text[4096];
	struct tree_hash hash;
	struct buf head = {0};
	size_t n;

	memset(hash.bytes, root, sizeof(hash.bytes));
	checkpoint_format(origin, size, &hash, &head);
	buf_str(&head, more);
	n = signer_answer(key, head.data, head.len, text, sizeof(text) - 1);
	text[n] = '\0';
	buf_free(&head);
	return text;
}

static void test_rules(void **state)
{
	struct signer_key *key;
	char why[256], out[64];

	(void)state;
	assert_int_equal(signer_key_read(key_path, &key, why, sizeof(why)), 0);
	assert_memory_equal(answer(key, ORIGIN, 10, 1, ""), "S\xe2\x80\x94 " ORIGIN " ", 6);
	assert_int_equal(answer(key, ORIGIN, 10, 1, "")[0], 'S');
	assert_int_equal(answer(key, ORIGIN, 11, 2, "")[0], 'S');
	assert_string_equal(answer(key, ORIGIN, 10, 1, ""), "Esmaller than a tree that was signed before");
	assert_string_equal(answer(key, ORIGIN, 11, 3, ""),
			    "Eanother root for a size that was signed before");
	assert_string_equal(answer(key, "example.org/other", 12, 3, ""), "Eanother log's tree head");
	assert_int_equal(answer(key, ORIGIN, 12, 3, "extension\n")[0], 'E');
	assert_int_equal(answer(key, ORIGIN, 12, 3, "")[0], 'S');
	assert_int_equal(signer_answer(key, "", 0, out, sizeof(out)) > 1 && out[0] == 'E', 1);
	assert_int_equal(signer_answer(key, "x\n1\ny\n", 6, out, sizeof(out)) > 1 && out[0] == 'E', 1);
	signer_key_free(key);
}

static void test_bad_keys(void **state)
{
	struct signer_key *key;
	struct buf other = {0}, junk = {0};
	struct note_signer *s;
	char why[256];

	(void)state;
	chmod(key_path, 0640);
	assert_int_equal(signer_key_read(key_path, &key, why, sizeof(why)), -EACCES);
	assert_non_null(strstr(why, "expected 0600"));
	chmod(key_path, 0600);
	assert_int_equal(signer_key_read("/nonexistent/key", &key, why, sizeof(why)), -ENOENT);
	assert_int_equal(note_signer_generate(ORIGIN, &s), 0);
	note_verifier_format(note_signer_verifier(s), &other);
	write_file(".vkey", &other, 0644);
	assert_int_equal(signer_key_read(key_path, &key, why, sizeof(why)), -EKEYREJECTED);
	make_key();
	buf_str(&junk, "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n");
	write_file("", &junk, 0600);
	assert_int_equal(signer_key_read(key_path, &key, why, sizeof(why)), -EINVAL);
	make_key();
	note_signer_free(s);
	buf_free(&other);
	buf_free(&junk);
}

/* The real process. The sanitizers' runtime in it needs system calls that the filter kills for only at their
 * exit. */
static void test_process(void **state)
{
	struct signer s = {.fd = -1};
	struct tree_hash root = {{1}};
	struct buf head = {0}, note = {0};
	struct checkpoint checkpoint;
	char path[64], status[4096];

	(void)state;
	assert_int_equal(signer_start(key_path, &s), 0);
	assert_string_equal(s.verifier.name, ORIGIN);
	checkpoint_format(ORIGIN, 5, &root, &head);
	buf_add(&note, head.data, head.len);
	buf_char(&note, '\n');
	assert_int_equal(signer_sign(&s, head.data, head.len, &note), 0);
	assert_int_equal(checkpoint_open(note.data, note.len, &s.verifier, &checkpoint), 0);
	assert_int_equal(checkpoint.size, 5);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)s.pid);
	assert_true(file_read_small(path, status, sizeof(status)) > 0);
	assert_non_null(strstr(status, "Seccomp:\t2"));
	assert_non_null(strstr(status, "NoNewPrivs:\t1"));
	assert_non_null(strstr(status, "CapEff:\t0000000000000000"));
	buf_reset(&head);
	checkpoint_format(ORIGIN, 4, &root, &head);
	assert_int_equal(signer_sign(&s, head.data, head.len, &note), -EKEYREJECTED);
	kill(s.pid, SIGKILL);
	assert_int_equal(signer_sign(&s, head.data, head.len, &note), -EPIPE);
	signer_stop(&s);
	buf_free(&head);
	buf_free(&note);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(key_path, sizeof(key_path), "%s/key", dir);
	make_key();
	return 0;
}

static int tear_down(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s.vkey", key_path);
	unlink(path);
	unlink(key_path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
