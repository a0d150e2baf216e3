// SPDX-License-Identifier: Apache-2.0
/* Signed notes, parsing and verifying: see note.h. The rules are those of c2sp.org/signed-note. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ledger/note.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/b64.h"

#define DASH	 "\xe2\x80\x94 " /* U+2014 and a space */
#define DASH_LEN 4

/* Decodes one UTF-8 character of s[0..n); returns its length or 0 where s is not UTF-8. */
static size_t utf8_decode(const char *s, size_t n, uint32_t *ret_char)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *u = (const uint8_t *)s;
	size_t len = u[0] < 0x80   ? 1
		     : u[0] < 0xc2 ? 0
		     : u[0] < 0xe0 ? 2
		     : u[0] < 0xf0 ? 3
		     : u[0] < 0xf5 ? 4
				   : 0;
	uint32_t c;

	if (!len || len > n)
		return 0;
	c = len == 1 ? u[0] : u[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_char = c;
	return len;
}

static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000;
}

bool note_name_valid(const char *name, size_t n)
{
	size_t at = 0;

	while (at < n) {
		uint32_t c = 0;
		size_t len = utf8_decode(name + at, n - at, &c);

		if (!len || c < 0x20 || c == '+' || is_space(c))
			return false;
		at += len;
	}
	return n > 0;
}

static void key_id(const char *name, const uint8_t key[NOTE_KEY_SIZE], uint8_t id[4])
{
	static const uint8_t middle[2] = {0x0a, NOTE_TYPE_ED25519};
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, name, strlen(name));
	SHA256_Update(&c, middle, sizeof(middle));
	SHA256_Update(&c, key, NOTE_KEY_SIZE);
	SHA256_Final(digest, &c);
	memcpy(id, digest, 4);
}

int note_verifier_init(struct note_verifier *v, const char *name, const uint8_t key[NOTE_KEY_SIZE])
{
	size_t n = strlen(name);

	if (n > NOTE_NAME_MAX)
		return -ENAMETOOLONG;
	if (!note_name_valid(name, n))
		return -EINVAL;
	memset(v, 0, sizeof(*v));
	memcpy(v->name, name, n);
	memcpy(v->key, key, NOTE_KEY_SIZE);
	key_id(v->name, v->key, v->id);
	return 0;
}

int note_verifier_parse(const char *text, struct note_verifier *ret_verifier)
{
	uint8_t bytes[3 * 128 / 4];
	char name[NOTE_NAME_MAX + 1], hex[HEX_SIZE(4)];
	const char *plus = strchr(text, '+');
	struct note_verifier v;
	size_t name_len, b64_len;
	long n;

	if (!plus || strlen(plus) < 10 || plus[9] != '+')
		return -EINVAL;
	name_len = (size_t)(plus - text);
	b64_len = strlen(plus + 10);
	if (name_len > NOTE_NAME_MAX || b64_len > 128)
		return -EINVAL;
	n = b64_decode(plus + 10, b64_len, bytes);
	if (n < 1)
		return -EINVAL;
	if (bytes[0] != NOTE_TYPE_ED25519)
		return -ENOTSUP;
	memcpy(name, text, name_len);
	name[name_len] = '\0';
	if (n != 1 + NOTE_KEY_SIZE || note_verifier_init(&v, name, bytes + 1))
		return -EINVAL;
	hex_encode(v.id, 4, hex);
	if (memcmp(hex, plus + 1, 8) != 0)
		return -EINVAL;
	*ret_verifier = v;
	return 0;
}

void note_verifier_format(const struct note_verifier *v, struct buf *out)
{
	uint8_t typed[1 + NOTE_KEY_SIZE];
	char hex[HEX_SIZE(4)], b64[B64_SIZE(1 + NOTE_KEY_SIZE)];

	typed[0] = NOTE_TYPE_ED25519;
	memcpy(typed + 1, v->key, NOTE_KEY_SIZE);
	hex_encode(v->id, 4, hex);
	b64_encode(typed, sizeof(typed), b64);
	buf_printf(out, "%s+%s+%s", v->name, hex, b64);
}

static bool text_valid(const char *s, size_t n)
{
	size_t at = 0;

	while (at < n) {
		uint32_t c = 0;
		size_t len = utf8_decode(s + at, n - at, &c);

		if (!len || (c < 0x20 && c != '\n'))
			return false;
		at += len;
	}
	return true;
}

/* One line without its newline. */
static int signature_parse(const char *line, size_t n, struct note_signature *s)
{
	uint8_t head[6];
	const char *space;

	if (n < DASH_LEN || memcmp(line, DASH, DASH_LEN) != 0)
		return -EINVAL;
	s->name = line + DASH_LEN;
	space = memchr(s->name, ' ', n - DASH_LEN);
	if (!space)
		return -EINVAL;
	s->name_len = (size_t)(space - s->name);
	s->base64 = space + 1;
	s->base64_len = (size_t)(line + n - s->base64);
	if (!note_name_valid(s->name, s->name_len) || s->base64_len < 8)
		return -EINVAL;
	/* Eight characters are six bytes at most: the id and the beginning of a signature. The rest is
	 * checked here too. */
	if (b64_decode(s->base64, 8, head) < 5)
		return -EINVAL;
	memcpy(s->id, head, 4);
	if (s->base64_len > 8) {
		uint8_t *rest = malloc(s->base64_len);
		long m = rest ? b64_decode(s->base64, s->base64_len, rest) : -ENOMEM;

		free(rest);
		if (m < 0)
			return m == -ENOMEM ? -ENOMEM : -EINVAL;
	}
	return 0;
}

/* Where the last blank line begins: the index of the newline that ends the text. */
static const char *note_split(const char *message, size_t n)
{
	for (size_t at = n; at >= 2; at--)
		if (message[at - 2] == '\n' && message[at - 1] == '\n')
			return message + at - 2;
	return NULL;
}

int note_parse(const char *message, size_t n, struct note *ret_note)
{
	const char *split, *line, *end = message + n;

	if (n > NOTE_SIZE_MAX)
		return -E2BIG;
	split = note_split(message, n);
	if (!split || !text_valid(message, n) || split + 2 == end || end[-1] != '\n')
		return -EINVAL;
	ret_note->text = message;
	ret_note->text_len = (size_t)(split + 1 - message);
	ret_note->n = 0;
	for (line = split + 2; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		int err;

		if (ret_note->n == NOTE_SIGNATURES_MAX)
			return -E2BIG;
		err = signature_parse(line, (size_t)(newline - line), &ret_note->signatures[ret_note->n]);
		if (err)
			return err;
		ret_note->n++;
		line = newline + 1;
	}
	return 0;
}

static bool ed25519_verify(const uint8_t key[NOTE_KEY_SIZE], const uint8_t *signature, size_t n,
			   const char *text, size_t text_len)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, NOTE_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, n, (const unsigned char *)text, text_len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return good;
}

static bool signature_good(const struct note *note, const struct note_signature *s,
			   const struct note_verifier *v)
{
	uint8_t blob[3 * B64_SIZE(4 + 64) / 4];

	if (s->base64_len != B64_SIZE(4 + 64) - 1 || b64_decode(s->base64, s->base64_len, blob) != 4 + 64)
		return false;
	return ed25519_verify(v->key, blob + 4, 64, note->text, note->text_len);
}

int note_open(const char *message, size_t n, const struct note_verifier *known, size_t n_known,
	      struct note *ret_note)
{
	bool any = false;
	int err = note_parse(message, n, ret_note);

	for (unsigned i = 0; !err && i < ret_note->n; i++) {
		const struct note_signature *s = &ret_note->signatures[i];

		for (size_t k = 0; k < n_known; k++) {
			if (s->name_len != strlen(known[k].name) ||
			    memcmp(s->name, known[k].name, s->name_len) != 0 ||
			    memcmp(s->id, known[k].id, 4) != 0)
				continue;
			if (!signature_good(ret_note, s, &known[k]))
				return -EKEYREJECTED;
			any = true;
		}
	}
	return err ? err : any ? 0 : -ENOKEY;
}
