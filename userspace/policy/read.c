/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one source into the policy: encoding, YAML, the keys of the top level.
 *
 * Owns nothing beyond what it hands to the policy. Called by policy_check for each source.
 */
#include <string.h>

#include "policy/reader.h"

static const char *const mode_words[] = {"monitor", "enforce"}; /* enum store_mode, from 1 */
static const char *const degraded_words[] = {"deny", "allow"};	/* enum policy_degraded, from 1 */

const char *policy_mode_text(enum store_mode mode)
{
	return mode == STORE_MODE_MONITOR || mode == STORE_MODE_ENFORCE ? mode_words[mode - 1] : NULL;
}

/* version was looked at before everything else (check_version). */
static void read_version(struct reader *rd, const struct ynode *node, void *out)
{
	(void)rd;
	(void)node;
	(void)out;
}

/* A word that the merged policy has once. */
static int read_single(struct reader *rd, const struct ynode *node, const char *what,
		       struct policy_word *word, const char *const *words, size_t n)
{
	if (!read_once(rd, node, what, word->text ? &word->at : NULL))
		return -1;
	*word = (struct policy_word){node->kind == YNODE_SCALAR ? node->text : "", node->at};
	return read_choice(rd, node, what, POLICY_UNKNOWN_WORD, words, n);
}

static void read_mode(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;
	int i = read_single(rd, node, "mode", &policy->mode_word, mode_words, 2);

	if (i >= 0)
		policy->mode = (enum store_mode)(i + 1);
}

static void read_degraded(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;
	int i = read_single(rd, node, "degraded", &policy->degraded_word, degraded_words, 2);

	if (i >= 0)
		policy->degraded = (enum policy_degraded)(i + 1);
}

static const struct key_spec top_keys[] = {
	{"version", KEY_REQUIRED, read_version},
	{"mode", KEY_OPTIONAL, read_mode},
	{"degraded", KEY_OPTIONAL, read_degraded},
	{"stores", KEY_OPTIONAL, read_stores},
	{"roles", KEY_OPTIONAL, read_roles},
	{"grants", KEY_OPTIONAL, read_grants},
	{"host", KEY_OPTIONAL, read_host},
	{"compartments", KEY_OPTIONAL, read_compartments},
	{"agreements", KEY_OPTIONAL, read_agreements},
	{"regions", KEY_OPTIONAL, read_regions},
	{"dns", KEY_OPTIONAL, read_dns},
	{"copies", KEY_OPTIONAL, read_copies},
	{"declassify", KEY_OPTIONAL, read_declassify},
	{"training", KEY_LATER, NULL},
	{"consent", KEY_LATER, NULL},
};

/* Another version has other rules: what follows would only be misread. */
static bool check_version(struct reader *rd, const struct ynode *root)
{
	for (size_t i = 0; i + 1 < root->n; i += 2) {
		const struct ynode *value = root->items[i + 1];

		if (root->items[i]->kind != YNODE_SCALAR || strcmp(root->items[i]->text, "version") != 0)
			continue;
		if (ynode_scalar(value) != YSCALAR_INT) {
			read_wrong_type(rd, value, "version", "the number 1");
			return true;
		}
		if (strcmp(value->text, "1") == 0)
			return true;
		finding_expect(finding_add(rd->findings, POLICY_WRONG_VERSION, value->at,
					   "version %s of the policy language is not known", value->text),
			       "1: the rest of this file was not read");
		return false;
	}
	return true;
}

static struct policy_place place_of_byte(const struct reader *rd, const char *bytes, size_t offset)
{
	struct policy_place at = {rd->file, 1, 1};

	for (size_t i = 0; i < offset; i++) {
		size_t end_of_line = ytree_line_break(bytes + i, offset - i);

		if (end_of_line) {
			at.line++;
			at.column = 1;
			i += end_of_line - 1;
		} else if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

static bool check_encoding(struct reader *rd, const char *bytes, size_t len)
{
	size_t bad = ytree_bad_byte(bytes, len);
	unsigned char c;

	if (bad == len)
		return true;
	c = (unsigned char)bytes[bad];
	finding_expect(finding_add(rd->findings, POLICY_NOT_UTF8, place_of_byte(rd, bytes, bad),
				   c < 0x80 ? "the control character 0x%02x" : "the byte 0x%02x is not UTF-8",
				   c),
		       "UTF-8 text without control characters");
	return false;
}

void read_file(struct policy *policy, uint32_t number)
{
	struct policy_file *file = &policy->files[number];
	struct reader rd = {policy, &policy->findings, number};
	const char *bytes = file->bytes;
	size_t len = file->len;
	struct policy_place begin = {number, 1, 1};

	if (file->unread)
		return;
	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		len -= 3;
	}
	file->unread = true;
	if (!check_encoding(&rd, bytes, len))
		return;
	file->tree = ytree_parse(bytes, len, number, rd.findings);
	if (!file->tree)
		return;
	if (!file->tree->root) {
		file->unread = false;
		finding_expect(finding_add(rd.findings, POLICY_MISSING_KEY, begin, "the file is empty"),
			       "version: 1");
		return;
	}
	if (file->tree->root->kind == YNODE_MAPPING && !check_version(&rd, file->tree->root))
		return;
	if (read_mapping(&rd, file->tree->root, "the policy", top_keys, sizeof(top_keys) / sizeof(*top_keys),
			 policy))
		file->unread = false;
}
