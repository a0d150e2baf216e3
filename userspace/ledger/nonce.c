// SPDX-License-Identifier: Apache-2.0
/*
 * Secret nonces for entries: AES-256-CTR keystream under a random key that is used for 65,536 nonces and
 * never stored. A system call per nonce would cost as much as hashing the entry.
 */
#include "ledger/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/b64.h"

#define NONCE_BYTES  16
#define STREAM_BYTES 4096

struct nonce_source {
	EVP_CIPHER_CTX *cipher;
	uint8_t stream[STREAM_BYTES];
	size_t at;     /* next unused byte of stream */
	unsigned left; /* nonces that this key still may give */
};

struct nonce_source *nonce_source_new(void)
{
	struct nonce_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->at = STREAM_BYTES;
	s->cipher = EVP_CIPHER_CTX_new();
	if (s->cipher)
		return s;
	free(s);
	return NULL;
}

void nonce_source_free(struct nonce_source *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->cipher);
	OPENSSL_cleanse(s->stream, sizeof(s->stream));
	free(s);
}

static int new_key(struct nonce_source *s)
{
	uint8_t key[32], counter[16] = {0};
	int good = RAND_bytes(key, sizeof(key)) == 1 &&
		   EVP_EncryptInit_ex2(s->cipher, EVP_aes_256_ctr(), key, counter, NULL) == 1;

	OPENSSL_cleanse(key, sizeof(key));
	s->left = SEGMENT_ENTRIES;
	return good ? 0 : -EIO;
}

int nonce_source_next(struct nonce_source *s, char out[LEDGER_NONCE_SIZE])
{
	static const uint8_t zeroes[STREAM_BYTES];
	int n = 0;

	if (s->at == STREAM_BYTES) {
		if (s->left == 0 && new_key(s))
			return -EIO;
		if (EVP_EncryptUpdate(s->cipher, s->stream, &n, zeroes, STREAM_BYTES) != 1 ||
		    n != STREAM_BYTES) {
			s->left = 0;
			return -EIO;
		}
		s->at = 0;
	}
	b64url_encode(s->stream + s->at, NONCE_BYTES, out);
	s->at += NONCE_BYTES;
	s->left--;
	return 0;
}
