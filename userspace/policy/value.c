/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the values of the policy language from a tree: mappings by their table of keys, lists, words, truth
 * values. Every rule about form stands here once, with its message.
 *
 * Owns nothing. Called by the readers of the sections (read*.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "policy/reader.h"

#define KEYS_MAX 32 /* of one table */

void read_wrong_type(struct reader *rd, const struct ynode *node, const char *what, const char *expected)
{
	finding_expect(finding_add(rd->findings, POLICY_WRONG_TYPE, node->at, "%s is %s", what,
				   ynode_describe(node)),
		       "%s", expected);
}

void *read_grow(struct reader *rd, void *items, size_t n, size_t size)
{
	if ((n & (n - 1)) == 0) { /* full at each power of two */
		items = reallocarray(items, n ? 2 * n : 1, size);
		if (!items) {
			rd->findings->failed = true;
			return NULL;
		}
	}
	memset((char *)items + n * size, 0, size);
	return items;
}

static void list_words(struct buf *out, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", words[i]);
}

static void report_unknown_key(struct reader *rd, const struct ynode *key, const char *what,
			       const struct key_spec *specs, size_t n_specs)
{
	const char *words[KEYS_MAX];
	struct policy_finding *finding;
	struct buf list = {0};
	size_t n = 0;

	for (size_t i = 0; i < n_specs && n < KEYS_MAX; i++) {
		if (specs[i].use != KEY_LATER)
			words[n++] = specs[i].name;
	}
	list_words(&list, words, n);
	finding = finding_add(rd->findings, POLICY_UNKNOWN_KEY, key->at, "unknown key \"%s\" in %s",
			      key->text, what);
	finding_expect(finding, "%s", list.data ? list.data : "");
	finding_suggest(finding, suggest_nearest(key->text, words, n));
	buf_free(&list);
}

static void report_later_key(struct reader *rd, const struct ynode *key, const char *what)
{
	finding_expect(finding_add(rd->findings, POLICY_NOT_ENFORCED, key->at,
				   "\"%s\" in %s is not enforced by this version", key->text, what),
		       "the key left out: with it ignored, more would be allowed than is written here");
}

static const struct key_spec *find_spec(const struct key_spec *specs, size_t n_specs, const char *name)
{
	for (size_t i = 0; i < n_specs; i++) {
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	}
	return NULL;
}

static void report_missing_keys(struct reader *rd, const struct ynode *node, const char *what,
				const struct key_spec *specs, size_t n_specs)
{
	for (size_t i = 0; i < n_specs; i++) {
		bool found = specs[i].use != KEY_REQUIRED;

		for (size_t k = 0; k + 1 < node->n && !found; k += 2)
			found = node->items[k]->kind == YNODE_SCALAR &&
				strcmp(node->items[k]->text, specs[i].name) == 0;
		if (!found)
			finding_expect(finding_add(rd->findings, POLICY_MISSING_KEY, node->at,
						   "%s has no \"%s\"", what, specs[i].name),
				       "%s: ...", specs[i].name);
	}
}

bool read_mapping(struct reader *rd, const struct ynode *node, const char *what, const struct key_spec *specs,
		  size_t n_specs, void *out)
{
	if (node->kind != YNODE_MAPPING) {
		read_wrong_type(rd, node, what, "a mapping (key: value)");
		return false;
	}
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		const struct ynode *key = node->items[i];
		const struct key_spec *spec;

		if (key->kind != YNODE_SCALAR)
			continue; /* the tree's own finding */
		spec = find_spec(specs, n_specs, key->text);
		if (!spec)
			report_unknown_key(rd, key, what, specs, n_specs);
		else if (spec->use == KEY_LATER)
			report_later_key(rd, key, what);
		else
			spec->read(rd, node->items[i + 1], out);
	}
	report_missing_keys(rd, node, what, specs, n_specs);
	return true;
}

/* Names go into events, tables and file names: one form, without case to confuse. */
static void check_name(struct reader *rd, const struct ynode *name, const char *what)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz";
	static const char further[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	struct policy_finding *finding;
	char lower[POLICY_NAME_MAX + 1];
	size_t n;

	if (ynode_scalar(name) == YSCALAR_BOOL11 || ynode_scalar(name) == YSCALAR_BOOL ||
	    ynode_scalar(name) == YSCALAR_NULL) {
		finding_expect(finding_add(rd->findings, POLICY_YAML_BOOLEAN, name->at,
					   "the name \"%s\" of %s means something else in YAML", name->text,
					   what),
			       "another name, or \"%s\" in quotes", name->text);
		return;
	}
	if (name->len > 0 && name->len <= POLICY_NAME_MAX && strchr(first, name->text[0]) &&
	    strspn(name->text, further) == name->len)
		return;
	finding = finding_add(rd->findings, POLICY_INVALID_NAME, name->at, "\"%s\" cannot be the name of %s",
			      name->text, what);
	finding_expect(finding, "a lower-case letter, then at most %d lower-case letters, digits, - or _",
		       POLICY_NAME_MAX - 1);
	if (name->len == 0 || name->len > POLICY_NAME_MAX)
		return;
	for (n = 0; name->text[n]; n++) {
		char c = name->text[n];

		lower[n] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	lower[n] = '\0';
	if (strchr(first, lower[0]) && strspn(lower, further) == n)
		finding_suggest(finding, lower);
}

void read_named(struct reader *rd, const struct ynode *node, const char *section, const char *what,
		void (*each)(struct reader *rd, const struct ynode *name, const struct ynode *value))
{
	if (node->kind != YNODE_MAPPING) {
		finding_expect(finding_add(rd->findings, POLICY_WRONG_TYPE, node->at, "%s is %s", section,
					   ynode_describe(node)),
			       "a mapping from names to %s", section);
		return;
	}
	if (node->n == 0)
		finding_expect(finding_add(rd->findings, POLICY_EMPTY_LIST, node->at, "%s is empty", section),
			       "one or more");
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		if (node->items[i]->kind != YNODE_SCALAR)
			continue;
		check_name(rd, node->items[i], what);
		each(rd, node->items[i], node->items[i + 1]);
	}
}

static void report_duplicate_item(void *arg, const struct ynode *first, const struct ynode *again)
{
	struct reader *rd = arg;

	finding_other(finding_add(rd->findings, POLICY_DUPLICATE_ITEM, again->at,
				  "\"%s\" stands twice in the same list", again->text),
		      first->at);
}

size_t read_list(struct reader *rd, const struct ynode *node, const char *what, const char *example,
		 key_read *each, void *out)
{
	if (node->kind != YNODE_SEQUENCE) {
		read_wrong_type(rd, node, what, example);
		return 0;
	}
	if (node->n == 0) {
		finding_expect(
			finding_add(rd->findings, POLICY_EMPTY_LIST, node->at, "%s is an empty list", what),
			"at least one: %s", example);
		return 0;
	}
	for (size_t i = 0; i < node->n; i++)
		each(rd, node->items[i], out);
	if (ynode_duplicates(node, 1, report_duplicate_item, rd) < 0)
		rd->findings->failed = true;
	return node->n;
}

bool read_word(struct reader *rd, const struct ynode *node, const char *what, struct policy_word *ret_word)
{
	switch (ynode_scalar(node)) {
	case YSCALAR_STRING:
		break;
	case YSCALAR_BOOL:
	case YSCALAR_BOOL11:
		finding_expect(finding_add(rd->findings, POLICY_YAML_BOOLEAN, node->at,
					   "%s \"%s\" is a truth value to YAML", what, node->text),
			       "\"%s\" in quotes, if that is meant", node->text);
		return false;
	case YSCALAR_INT:
	case YSCALAR_FLOAT:
		finding_expect(finding_add(rd->findings, POLICY_WRONG_TYPE, node->at, "%s is the number %s",
					   what, node->text),
			       "a word; \"%s\" in quotes, if that is meant", node->text);
		return false;
	default:
		read_wrong_type(rd, node, what, "a word");
		return false;
	}
	if (node->len == 0) {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at, "%s is empty", what),
			       "a word");
		return false;
	}
	*ret_word = (struct policy_word){node->text, node->at};
	return true;
}

void read_further_word(struct reader *rd, const struct ynode *node, const char *what,
		       struct policy_word **words, size_t *n)
{
	struct policy_word word, *grown;

	if (!read_word(rd, node, what, &word))
		return;
	grown = read_grow(rd, *words, *n, sizeof(*grown));
	if (!grown)
		return;
	*words = grown;
	grown[(*n)++] = word;
}

bool read_once(struct reader *rd, const struct ynode *node, const char *what,
	       const struct policy_place *before)
{
	if (!before || before->file == rd->file)
		return true;
	finding_other(
		finding_add(rd->findings, POLICY_DUPLICATE_KEY, node->at, "%s is set in two files", what),
		*before);
	return false;
}

int read_choice(struct reader *rd, const struct ynode *node, const char *what, enum policy_finding_id id,
		const char *const *words, size_t n)
{
	struct policy_finding *finding;
	struct policy_word word;
	struct buf list = {0};

	if (!read_word(rd, node, what, &word))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], word.text) == 0)
			return (int)i;
	}
	list_words(&list, words, n);
	finding = finding_add(rd->findings, id, node->at, "%s cannot be \"%s\"", what, word.text);
	finding_expect(finding, "%s", list.data ? list.data : "");
	finding_suggest(finding, suggest_nearest(word.text, words, n));
	buf_free(&list);
	return -1;
}

bool read_bool(struct reader *rd, const struct ynode *node, const char *what, bool *ret_value)
{
	enum yscalar type = ynode_scalar(node);

	if (type == YSCALAR_BOOL) {
		*ret_value = node->text[0] == 't' || node->text[0] == 'T';
		return true;
	}
	if (type == YSCALAR_BOOL11) {
		struct policy_finding *finding =
			finding_add(rd->findings, POLICY_YAML_BOOLEAN, node->at,
				    "%s is \"%s\", which is a word in YAML 1.2", what, node->text);
		bool yes = strchr("yY", node->text[0]) || strcasecmp(node->text, "on") == 0;

		finding_expect(finding, "true or false");
		finding_suggest(finding, yes ? "true" : "false");
		return false;
	}
	read_wrong_type(rd, node, what, "true or false");
	return false;
}

bool read_path(struct reader *rd, const struct ynode *node, const char *what, struct policy_word *ret_word)
{
	struct policy_word word;

	if (!read_word(rd, node, what, &word))
		return false;
	if (word.text[0] != '/') {
		finding_expect(finding_add(rd->findings, POLICY_PATH_RELATIVE, node->at,
					   "%s \"%s\" is not absolute", what, word.text),
			       "a path that begins with /");
		return false;
	}
	if (node->len > POLICY_PATH_MAX) {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "%s is %zu bytes long", what, node->len),
			       "at most %d bytes", POLICY_PATH_MAX);
		return false;
	}
	*ret_word = word;
	return true;
}

void read_further_path(struct reader *rd, const struct ynode *node, const char *what,
		       struct policy_store_path **paths, size_t *n)
{
	struct policy_store_path *grown;
	struct policy_word word;

	if (!read_path(rd, node, what, &word))
		return;
	grown = read_grow(rd, *paths, *n, sizeof(*grown));
	if (!grown)
		return;
	*paths = grown;
	grown[(*n)++].word = word;
}
