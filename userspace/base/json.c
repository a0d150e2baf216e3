// SPDX-License-Identifier: Apache-2.0
/* The JSON writer: see json.h. */
#include "base/json.h"

static void json_key(struct buf *b, const char *key)
{
	char last = b->len ? b->data[b->len - 1] : '\0';

	if (last && last != '{' && last != '[' && last != '\n')
		buf_char(b, ',');
	if (!key)
		return;
	buf_char(b, '"');
	buf_str(b, key);
	buf_add(b, "\":", 2);
}

void json_open(struct buf *b, const char *key, char bracket)
{
	json_key(b, key);
	buf_char(b, bracket);
}

void json_u64(struct buf *b, const char *key, uint64_t v)
{
	json_key(b, key);
	buf_u64(b, v);
}

void json_i64(struct buf *b, const char *key, int64_t v)
{
	json_key(b, key);
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_bool(struct buf *b, const char *key, bool v)
{
	json_key(b, key);
	buf_str(b, v ? "true" : "false");
}

void json_u64_str(struct buf *b, const char *key, uint64_t v)
{
	json_key(b, key);
	buf_char(b, '"');
	buf_u64(b, v);
	buf_char(b, '"');
}

/* Length of the UTF-8 sequence at s (1 to 4), or 0 where it is not one (RFC 3629: no overlong forms, no
 * surrogates). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	unsigned c = s[0];

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	if (left < 2 || (s[1] & 0xc0) != 0x80)
		return 0;
	if (c < 0xe0)
		return 2;
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
	    (c == 0xf4 && s[1] > 0x8f))
		return 0;
	if (left < 3 || (s[2] & 0xc0) != 0x80)
		return 0;
	if (c < 0xf0)
		return 3;
	return left >= 4 && (s[3] & 0xc0) == 0x80 ? 4 : 0;
}

static void json_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c == '"' || c == '\\') {
		text[1] = (char)c;
		buf_add(b, text, 2);
	} else {
		buf_add(b, text, 6);
	}
}

bool json_strn(struct buf *b, const char *key, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t plain = 0, at = 0, len;
	bool clean = true;

	json_key(b, key);
	buf_char(b, '"');
	while (at < n) {
		unsigned char c = p[at];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			at++;
			continue;
		}
		len = c < 0x80 ? 0 : utf8_length(p + at, n - at);
		if (len) {
			at += len;
			continue;
		}
		buf_add(b, s + plain, at - plain);
		if (c < 0x80) {
			json_escape(b, c);
		} else {
			buf_add(b, "\xef\xbf\xbd", 3);
			clean = false;
		}
		plain = ++at;
	}
	buf_add(b, s + plain, at - plain);
	buf_char(b, '"');
	return clean;
}
