/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of findings (finding.h): adding, cleaning the texts, ordering.
 *
 * Owns no state. Called by every part of the policy reader and checker.
 */
#include "policy/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define TEXT_MAX 600 /* bytes of one text; a message is one line of a terminal, not a page */

static const struct {
	const char *text;
	enum policy_severity severity;
} finding_table[POLICY_FINDING_END] = {
#define X(name, id, severity) [POLICY_##name] = {id, POLICY_##severity},
	POLICY_FINDINGS(X)
#undef X
};

const char *policy_finding_id_text(enum policy_finding_id id)
{
	if (id <= POLICY_FINDING_INVALID || id >= POLICY_FINDING_END)
		return "invalid";
	return finding_table[id].text;
}

enum policy_severity policy_finding_severity(enum policy_finding_id id)
{
	if (id <= POLICY_FINDING_INVALID || id >= POLICY_FINDING_END)
		return POLICY_SEVERITY_INVALID;
	return finding_table[id].severity;
}

/* Control characters (C0, DEL and C1 as UTF-8) could rewrite the reader's terminal. */
static char *clean_text(const char *fmt, va_list ap)
{
	struct buf raw = {0}, out = {0};

	buf_vprintf(&raw, fmt, ap);
	for (size_t i = 0; i < raw.len; i++) {
		unsigned char c = (unsigned char)raw.data[i];

		if (out.len > TEXT_MAX && (c & 0xc0) != 0x80) {
			buf_str(&out, "...");
			break;
		}
		if (c == 0xc2 && i + 1 < raw.len && (unsigned char)raw.data[i + 1] < 0xa0) {
			buf_printf(&out, "\\u%04x", (unsigned char)raw.data[i + 1]);
			i++;
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(&out, "\\x%02x", c);
		} else {
			buf_char(&out, (char)c);
		}
	}
	buf_free(&raw);
	if (out.failed || !out.data) {
		buf_free(&out);
		return NULL;
	}
	return out.data;
}

static bool make_room(struct policy_findings *f)
{
	size_t cap = f->cap ? 2 * f->cap : 16;
	struct policy_finding *items;

	if (f->n < f->cap)
		return true;
	items = realloc(f->items, cap * sizeof(*items));
	if (!items)
		return false;
	f->items = items;
	f->cap = cap;
	return true;
}

struct policy_finding *finding_add(struct policy_findings *f, enum policy_finding_id id,
				   struct policy_place at, const char *fmt, ...)
{
	struct policy_finding *finding;
	va_list ap;

	if (policy_finding_severity(id) == POLICY_ERROR)
		f->errors++;
	else
		f->warnings++;
	if (f->n >= POLICY_FINDINGS_MAX) {
		f->dropped++;
		return NULL;
	}
	if (!make_room(f)) {
		f->failed = true;
		return NULL;
	}
	finding = &f->items[f->n];
	*finding = (struct policy_finding){.id = id, .at = at, .other = {.file = POLICY_NO_FILE}};
	va_start(ap, fmt);
	finding->message = clean_text(fmt, ap);
	va_end(ap);
	if (!finding->message) {
		f->failed = true;
		return NULL;
	}
	f->n++;
	return finding;
}

void finding_expect(struct policy_finding *finding, const char *fmt, ...)
{
	va_list ap;

	if (!finding)
		return;
	free(finding->expected);
	va_start(ap, fmt);
	finding->expected = clean_text(fmt, ap);
	va_end(ap);
}

static char *clean_word(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *clean_word(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = clean_text(fmt, ap);
	va_end(ap);
	return text;
}

void finding_suggest(struct policy_finding *finding, const char *word)
{
	if (!finding || !word)
		return;
	free(finding->suggestion);
	finding->suggestion = clean_word("%s", word);
}

void finding_other(struct policy_finding *finding, struct policy_place other)
{
	if (finding)
		finding->other = other;
}

static int compare_findings(const void *a, const void *b)
{
	const struct policy_finding *x = a, *y = b;

	if (x->at.file != y->at.file)
		return x->at.file < y->at.file ? -1 : 1;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

void findings_sort(struct policy_findings *f)
{
	if (f->n > 1)
		qsort(f->items, f->n, sizeof(*f->items), compare_findings);
}

void findings_free(struct policy_findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].message);
		free(f->items[i].expected);
		free(f->items[i].suggestion);
	}
	free(f->items);
	*f = (struct policy_findings){0};
}
