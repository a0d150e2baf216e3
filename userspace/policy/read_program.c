/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a program that is written with the digests that it may have: {path: ..., digest: ...}.
 *
 * Called by the readers of roles (read_role.c), their libraries, and rules that declassify.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "policy/reader.h"

#define PREFIX	   "sha256:"
#define HEX_DIGITS (2 * POLICY_DIGEST_SIZE)
#define EXPECTED   "packaged, or sha256: with the 64 hexadecimal digits that sha256sum prints"

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* 64 hexadecimal digits and nothing after them. */
static bool decode_digest(const char *text, uint8_t ret_sha256[POLICY_DIGEST_SIZE])
{
	uint8_t sha256[POLICY_DIGEST_SIZE];

	if (strlen(text) != HEX_DIGITS)
		return false;
	for (size_t i = 0; i < POLICY_DIGEST_SIZE; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		sha256[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_sha256, sha256, sizeof(sha256));
	return true;
}

static void report_digest(struct reader *rd, const struct policy_word *word)
{
	static const char *const words[] = {"packaged"};
	struct policy_finding *finding;
	uint8_t sha256[POLICY_DIGEST_SIZE];
	char whole[sizeof(PREFIX) + HEX_DIGITS];

	finding = finding_add(rd->findings, POLICY_INVALID_VALUE, word->at, "the digest cannot be \"%s\"",
			      word->text);
	finding_expect(finding, EXPECTED);
	if (decode_digest(word->text, sha256)) {
		snprintf(whole, sizeof(whole), "%s%s", PREFIX, word->text);
		finding_suggest(finding, whole);
	} else {
		finding_suggest(finding, suggest_nearest(word->text, words, 1));
	}
}

static void read_digest(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_program *program = out;
	struct policy_digest_word digest = {0}, *digests;

	if (!read_word(rd, node, "the digest", &digest.word))
		return;
	if (strcmp(digest.word.text, "packaged") == 0) {
		program->packaged = digest.word;
		return;
	}
	if (strncmp(digest.word.text, PREFIX, strlen(PREFIX)) != 0 ||
	    !decode_digest(digest.word.text + strlen(PREFIX), digest.sha256)) {
		report_digest(rd, &digest.word);
		return;
	}
	digests = read_grow(rd, program->digests, program->n_digests, sizeof(*digests));
	if (!digests)
		return;
	program->digests = digests;
	digests[program->n_digests++] = digest;
}

static void read_digests(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_program *program = out;

	program->digests_given = true;
	program->digests_at = node->at;
	if (node->kind == YNODE_SEQUENCE)
		read_list(rd, node, "digest", "a list of digests: [packaged]", read_digest, program);
	else
		read_digest(rd, node, program);
}

static void read_program_path(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_program *program = out;

	read_path(rd, node, "the program", &program->word);
}

static const struct key_spec program_keys[] = {
	{"path", KEY_REQUIRED, read_program_path},
	{"digest", KEY_REQUIRED, read_digests},
};

void read_program_mapping(struct reader *rd, const struct ynode *node, struct policy_program *program)
{
	read_mapping(rd, node, "the program", program_keys, sizeof(program_keys) / sizeof(*program_keys),
		     program);
}

void read_further_program(struct reader *rd, const struct ynode *node, struct policy_program **programs,
			  size_t *n)
{
	struct policy_program program = {0}, *grown = NULL;

	if (node->kind == YNODE_MAPPING)
		read_program_mapping(rd, node, &program);
	else
		read_path(rd, node, "the program", &program.word);
	if (program.word.text)
		grown = read_grow(rd, *programs, *n, sizeof(*grown));
	if (!grown) {
		free(program.digests);
		return;
	}
	*programs = grown;
	grown[(*n)++] = program;
}
