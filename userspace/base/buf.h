/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer, the one way in which text and records are put together.
 *
 * A failed allocation (or a size over BUF_MAX) sets `failed` and empties further additions, so that a writer
 * may add a hundred pieces and check once. The buffer owns `data`; buf_free releases it.
 */
#ifndef MUNIMENT_BASE_BUF_H
#define MUNIMENT_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define BUF_MAX ((size_t)1 << 31)

struct buf {
	char *data; /* NUL follows the last byte whenever len > 0 or anything was added */
	size_t len; /* bytes, without that NUL */
	size_t cap;
	bool failed;
};

/* Makes room for `more` bytes behind len. Returns false (and sets failed) when that cannot be had. */
bool buf_grow(struct buf *b, size_t more);

/* Appends n bytes; a failed buffer stays as it is. */
static inline void buf_add(struct buf *b, const void *bytes, size_t n)
{
	if (b->cap - b->len <= n && !buf_grow(b, n))
		return;
	memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static inline void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

/* Appends formatted text. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Appends a decimal number (faster than buf_printf: the hot path writes a dozen an event). */
void buf_u64(struct buf *b, unsigned long long v);

/* Empties the buffer and clears `failed`; keeps the memory. */
static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Releases the memory; takes NULL and zeroed buffers. */
void buf_free(struct buf *b);

#endif
