/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4, with padding), base64url (section 5, without) and hex. */
#ifndef MUNIMENT_BASE_B64_H
#define MUNIMENT_BASE_B64_H

#include <stddef.h>
#include <stdint.h>

#define B64_SIZE(n)    (4 * (((n) + 2) / 3) + 1) /* room for n bytes as base64 with NUL */
#define B64URL_SIZE(n) ((4 * (n) + 2) / 3 + 1)	 /* room for n bytes as base64url with NUL */
#define HEX_SIZE(n)    (2 * (n) + 1)

/* Writes text with NUL to out (B64_SIZE(n)); returns its length. */
size_t b64_encode(const void *bytes, size_t n, char *out);

/* Strict: canonical padding, no white space. Returns the byte count, or -EINVAL; out holds at least 3 * n / 4
 * bytes. */
long b64_decode(const char *text, size_t n, uint8_t *out);

/* Writes text with NUL to out (B64URL_SIZE(n)); returns its length. */
size_t b64url_encode(const void *bytes, size_t n, char *out);

/* Lower-case hex with NUL to out (HEX_SIZE(n)). */
void hex_encode(const void *bytes, size_t n, char *out);

#endif
