// SPDX-License-Identifier: Apache-2.0
/* Base64 through OpenSSL's block codec, with the strictness that signed notes ask for: see b64.h. */
#include "base/b64.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

size_t b64_encode(const void *bytes, size_t n, char *out)
{
	return (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
}

long b64_decode(const char *text, size_t n, uint8_t *out)
{
	char again[4 + 1];
	size_t pad = 0;
	int got;

	if (n == 0 || n % 4 || n > 1 << 24)
		return n == 0 ? 0 : -EINVAL;
	while (pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n - pad; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", text[i]) ||
		    !text[i])
			return -EINVAL;
	/* EVP_DecodeBlock counts the padding as bytes and lets stray bits through: the last group is decoded
	 * apart. */
	got = n > 4 ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)n - 4) : 0;
	if (got != (int)(n / 4 - 1) * 3)
		return -EINVAL;
	unsigned char last[4];

	if (EVP_DecodeBlock(last, (const unsigned char *)text + n - 4, 4) != 3)
		return -EINVAL;
	b64_encode(last, 3 - pad, again);
	if (memcmp(again, text + n - 4, 4))
		return -EINVAL;
	memcpy(out + got, last, 3 - pad);
	return got + 3 - (long)pad;
}

size_t b64url_encode(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *p = bytes;
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		for (int k = 0; k < 4 && (k < 2 || i + (size_t)k - 1 < n); k++)
			out[len++] = digits[v >> (18 - 6 * k) & 63];
	}
	out[len] = '\0';
	return len;
}

void hex_encode(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}
