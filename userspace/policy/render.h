/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as text for people and as JSON for programs. Used by `muniment policy check` and munimentd.
 */
#ifndef MUNIMENT_POLICY_RENDER_H
#define MUNIMENT_POLICY_RENDER_H

#include "base/buf.h"
#include "policy/image.h"

/* One line without line break: "file:line:column: error: …; expected …; did you mean \"…\"? [id]". */
void policy_render_line(const struct policy *policy, const struct policy_finding *finding, struct buf *out);

/* The same over several lines, with the source line and a caret; colour by terminal escapes. */
void policy_render_block(const struct policy *policy, const struct policy_finding *finding, bool colour,
			 struct buf *out);

/* All findings as a JSON array of {severity, id, file, line, column, message, expected, suggestion, first}.
 */
void policy_render_json(const struct policy *policy, struct buf *out);

/* "policy OK: 2 stores, 4 roles, 5 grants, sha256 …" or "policy refused: 3 errors, 1 warning". One line. */
void policy_render_summary(const struct policy *policy, struct buf *out);

#endif
