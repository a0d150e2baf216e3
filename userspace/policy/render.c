/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as text for people and as JSON for programs (render.h).
 *
 * Pure: appends to the caller's buffer. The findings' texts are clean already; source lines are cleaned here.
 */
#include "policy/render.h"

#include "base/b64.h"
#include "base/json.h"

#define LINE_SHOWN 100 /* characters of a source line that are shown */

static const char *severity_text(const struct policy_finding *finding)
{
	return policy_finding_severity(finding->id) == POLICY_ERROR ? "error" : "warning";
}

static void render_place(const struct policy *policy, struct policy_place at, struct buf *out)
{
	const char *path = policy_place_path(policy, at);

	buf_str(out, path ? path : "policy");
	if (path && at.line)
		buf_printf(out, ":%u:%u", at.line, at.column);
}

static void render_help(const struct policy *policy, const struct policy_finding *finding, const char *before,
			const char *after, struct buf *out)
{
	if (finding->expected)
		buf_printf(out, "%sexpected %s%s", before, finding->expected, after);
	if (finding->suggestion)
		buf_printf(out, "%sdid you mean \"%s\"?%s", before, finding->suggestion, after);
	if (finding->other.file != POLICY_NO_FILE) {
		buf_printf(out, "%sthe other is at ", before);
		render_place(policy, finding->other, out);
		buf_str(out, after);
	}
}

void policy_render_line(const struct policy *policy, const struct policy_finding *finding, struct buf *out)
{
	render_place(policy, finding->at, out);
	buf_printf(out, ": %s: %s", severity_text(finding), finding->message);
	render_help(policy, finding, "; ", "", out);
	buf_printf(out, " [%s]", policy_finding_id_text(finding->id));
}

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* Shows the part of the line around the column; tabs and control characters take one cell, so that the caret
 * fits. */
static void render_source(const struct policy *policy, struct policy_place at, const char *on,
			  const char *off, struct buf *out)
{
	uint32_t first = at.column > LINE_SHOWN * 3 / 4 ? at.column - LINE_SHOWN / 2 : 1, n = 0;
	const char *line;
	size_t len;

	if (policy_source_line(policy, at, &line, &len) < 0 || ytree_bad_byte(line, len) != len)
		return;
	buf_printf(out, "%6u | ", at.line);
	for (size_t i = 0; i < len; i++) {
		n += starts_character(line[i]);
		if (n < first)
			continue;
		if (n >= first + LINE_SHOWN)
			break;
		buf_char(out, (unsigned char)line[i] < 0x20 ? ' ' : line[i]);
	}
	buf_printf(out, "\n       | %*s%s^%s\n", (int)(at.column - first), "", on, off);
}

void policy_render_block(const struct policy *policy, const struct policy_finding *finding, bool colour,
			 struct buf *out)
{
	bool error = policy_finding_severity(finding->id) == POLICY_ERROR;
	const char *off = colour ? "\033[0m" : "", *bold = colour ? "\033[1m" : "";
	const char *tone = !colour ? "" : error ? "\033[1;31m" : "\033[1;33m";

	buf_str(out, bold);
	render_place(policy, finding->at, out);
	buf_printf(out, ":%s %s%s:%s %s%s%s [%s]\n", off, tone, severity_text(finding), off, bold,
		   finding->message, off, policy_finding_id_text(finding->id));
	render_source(policy, finding->at, tone, off, out);
	render_help(policy, finding, "         ", "\n", out);
}

static void json_place(const struct policy *policy, struct policy_place at, struct buf *out)
{
	const char *path = policy_place_path(policy, at);

	if (!path)
		return;
	json_str(out, "file", path);
	if (at.line) {
		json_u64(out, "line", at.line);
		json_u64(out, "column", at.column);
	}
}

void policy_render_json(const struct policy *policy, struct buf *out)
{
	json_open(out, NULL, '[');
	for (size_t i = 0; i < policy->findings.n; i++) {
		const struct policy_finding *finding = &policy->findings.items[i];

		json_open(out, NULL, '{');
		json_str(out, "severity", severity_text(finding));
		json_str(out, "id", policy_finding_id_text(finding->id));
		json_place(policy, finding->at, out);
		json_str(out, "message", finding->message);
		if (finding->expected)
			json_str(out, "expected", finding->expected);
		if (finding->suggestion)
			json_str(out, "suggestion", finding->suggestion);
		if (finding->other.file != POLICY_NO_FILE) {
			json_open(out, "other", '{');
			json_place(policy, finding->other, out);
			json_close(out, '}');
		}
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void render_count(struct buf *out, size_t n, const char *what)
{
	buf_printf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

void policy_render_summary(const struct policy *policy, struct buf *out)
{
	const struct policy_findings *findings = &policy->findings;
	uint8_t sha256[POLICY_DIGEST_SIZE];
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

	if (!policy->checked) {
		buf_str(out, "policy refused: ");
		render_count(out, findings->errors, "error");
	} else {
		buf_str(out, "policy OK: ");
		render_count(out, policy->n_stores, "store");
		buf_str(out, ", ");
		render_count(out, policy->n_roles, "role");
		buf_str(out, ", ");
		render_count(out, policy->n_grants, "grant");
	}
	if (findings->warnings) {
		buf_str(out, ", ");
		render_count(out, findings->warnings, "warning");
	}
	if (findings->dropped)
		buf_printf(out, " (%zu not shown)", findings->dropped);
	if (policy->checked) {
		policy_digest(policy, sha256);
		hex_encode(sha256, sizeof(sha256), hex);
		buf_printf(out, ", sha256 %s", hex);
	}
}
