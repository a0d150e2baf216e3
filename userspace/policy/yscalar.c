/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bytes of a YAML document mean: UTF-8, equal scalars, and the type of a scalar by the rules of
 * YAML 1.2's core schema, with YAML 1.1's further booleans told apart, because half the tools an admin uses
 * read `no` as false.
 *
 * Owns nothing. Called by the policy's reader.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/ytree.h"

/* Length of the UTF-8 sequence at s with n bytes left; 0: not UTF-8 (overlong forms and surrogates neither),
 * or a control. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char low, high, second_low, second_high;
		size_t length;
	} forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		     {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		     {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

	if (s[0] < 0x80)
		return s[0] == '\t' || s[0] == '\n' || s[0] == '\r' || (s[0] >= 0x20 && s[0] != 0x7f);
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (s[0] < forms[i].low || s[0] > forms[i].high)
			continue;
		if (n < forms[i].length || s[1] < forms[i].second_low || s[1] > forms[i].second_high)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}

size_t ytree_bad_byte(const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = utf8_length((const unsigned char *)bytes + at, len - at);

		if (n == 0)
			return at;
		at += n;
	}
	return len;
}

size_t ytree_line_break(const char *bytes, size_t len)
{
	if (bytes[0] == '\r')
		return len > 1 && bytes[1] == '\n' ? 2 : 1;
	if (bytes[0] == '\n')
		return 1;
	if (len >= 2 && memcmp(bytes, "\xc2\x85", 2) == 0)
		return 2;
	if (len >= 3 && (memcmp(bytes, "\xe2\x80\xa8", 3) == 0 || memcmp(bytes, "\xe2\x80\xa9", 3) == 0))
		return 3;
	return 0;
}

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

static bool all_of(const char *text, const char *set)
{
	return *text && text[strspn(text, set)] == '\0';
}

static bool is_int(const char *s)
{
	if (s[0] == '0' && s[1] == 'x')
		return all_of(s + 2, "0123456789abcdefABCDEF");
	if (s[0] == '0' && s[1] == 'o')
		return all_of(s + 2, "01234567");
	if (*s == '-' || *s == '+')
		s++;
	return all_of(s, "0123456789");
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, and the infinities and no-numbers. */
static bool is_float(const char *s)
{
	static const char *const names[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
	size_t before, after = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (one_of(s, names))
		return true;
	before = strspn(s, "0123456789");
	s += before;
	if (*s == '.') {
		after = strspn(s + 1, "0123456789");
		s += 1 + after;
	}
	if (before + after == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '-' || *s == '+')
			s++;
		return all_of(s, "0123456789");
	}
	return *s == '\0';
}

enum yscalar ynode_scalar(const struct ynode *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
	static const char *const bools11[] = {"y",  "Y",  "yes", "Yes", "YES", "n",   "N",   "no", "No",
					      "NO", "on", "On",	 "ON",	"off", "Off", "OFF", NULL};

	if (node->kind != YNODE_SCALAR)
		return YSCALAR_INVALID;
	if (!node->plain)
		return YSCALAR_STRING;
	if (one_of(node->text, nulls))
		return YSCALAR_NULL;
	if (one_of(node->text, bools))
		return YSCALAR_BOOL;
	if (one_of(node->text, bools11))
		return YSCALAR_BOOL11;
	if (is_int(node->text))
		return YSCALAR_INT;
	return is_float(node->text) ? YSCALAR_FLOAT : YSCALAR_STRING;
}

const char *ynode_describe(const struct ynode *node)
{
	switch (node->kind) {
	case YNODE_SEQUENCE:
		return "a list";
	case YNODE_MAPPING:
		return "a mapping";
	default:
		break;
	}
	switch (ynode_scalar(node)) {
	case YSCALAR_NULL:
		return "nothing";
	case YSCALAR_BOOL:
	case YSCALAR_BOOL11:
		return "a truth value";
	case YSCALAR_INT:
	case YSCALAR_FLOAT:
		return "a number";
	default:
		return "a word";
	}
}

struct scalar_ref {
	const struct ynode *node;
	size_t order;
};

static int compare_scalars(const void *a, const void *b)
{
	const struct scalar_ref *x = a, *y = b;
	int by_text = strcmp(x->node->text, y->node->text);

	return by_text ? by_text : (x->order > y->order) - (x->order < y->order);
}

int ynode_duplicates(const struct ynode *node, size_t step,
		     void (*each)(void *arg, const struct ynode *first, const struct ynode *again), void *arg)
{
	struct scalar_ref *refs = calloc(node->n + 1, sizeof(*refs));
	const struct ynode *first = NULL;
	size_t n = 0;

	if (!refs)
		return -ENOMEM;
	for (size_t i = 0; i < node->n; i += step) {
		if (node->items[i]->kind == YNODE_SCALAR)
			refs[n++] = (struct scalar_ref){node->items[i], i};
	}
	qsort(refs, n, sizeof(*refs), compare_scalars);
	for (size_t i = 0; i < n; i++) {
		if (first && strcmp(first->text, refs[i].node->text) == 0)
			each(arg, first, refs[i].node);
		else
			first = refs[i].node;
	}
	free(refs);
	return 0;
}
