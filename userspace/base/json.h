/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An append-only JSON writer over struct buf for the event path, where a tree of allocated nodes per event
 * would cost more than the event itself. Reading JSON is jansson's work.
 *
 * The writer puts commas by looking at the last byte, so callers only open, add and close.
 */
#ifndef MUNIMENT_BASE_JSON_H
#define MUNIMENT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Opens an object or array, as a member when key is not NULL. Close with json_close('}') or json_close(']').
 */
void json_open(struct buf *b, const char *key, char bracket);
static inline void json_close(struct buf *b, char bracket)
{
	buf_char(b, bracket);
}

/* key must be plain ASCII without quotes; NULL inside arrays. */
void json_u64(struct buf *b, const char *key, uint64_t v);
void json_i64(struct buf *b, const char *key, int64_t v);
void json_bool(struct buf *b, const char *key, bool v);

/* A number as a string: OCSF's uids. */
void json_u64_str(struct buf *b, const char *key, uint64_t v);

/*
 * A string of n bytes of any content: control bytes, quotes and backslashes are escaped, bytes that are not
 * UTF-8 become U+FFFD. Returns false when such bytes were replaced, so that the caller can add the raw form.
 */
bool json_strn(struct buf *b, const char *key, const char *s, size_t n);
static inline bool json_str(struct buf *b, const char *key, const char *s)
{
	return json_strn(b, key, s, strlen(s));
}

#endif
