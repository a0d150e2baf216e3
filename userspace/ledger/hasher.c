// SPDX-License-Identifier: Apache-2.0
/* See hasher.h. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ledger/hasher.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#define STEP   256U /* a multiple of SHA-256's 64-byte block: the context holds no rest there */
#define STATES 8U
#define KEPT                                                                                                 \
	(STEP * STATES - 1) /* bytes of an entry whose states can be kept: the prefix byte is the first */

struct leaf_hasher {
	uint8_t last[KEPT];
	unsigned n; /* states that belong to last */
	SHA256_CTX states[STATES];
};

struct leaf_hasher *leaf_hasher_new(void)
{
	return calloc(1, sizeof(struct leaf_hasher));
}

void leaf_hasher_free(struct leaf_hasher *h)
{
	free(h);
}

/* How many whole steps of the entry, behind the prefix byte, are those of the last one. */
static unsigned common_steps(const struct leaf_hasher *h, const uint8_t *entry, size_t n)
{
	unsigned k = 0;

	for (size_t from = 0; k < h->n; k++) {
		size_t to = (size_t)STEP * (k + 1) - 1;

		if (to > n || memcmp(h->last + from, entry + from, to - from) != 0)
			break;
		from = to;
	}
	return k;
}

void leaf_hasher_leaf(struct leaf_hasher *h, const void *entry, size_t n, struct tree_hash *out)
{
	static const uint8_t prefix = 0x00;
	const uint8_t *bytes = entry;
	unsigned k = common_steps(h, bytes, n);
	size_t at = k ? (size_t)STEP * k - 1 : 0, kept = n < KEPT ? n : KEPT;
	SHA256_CTX c;

	if (kept > at)
		memcpy(h->last + at, bytes + at, kept - at);
	if (k) {
		c = h->states[k - 1];
	} else {
		SHA256_Init(&c);
		SHA256_Update(&c, &prefix, 1);
	}
	for (; k < STATES && (size_t)STEP * (k + 1) - 1 <= n; k++) {
		size_t to = (size_t)STEP * (k + 1) - 1;

		SHA256_Update(&c, bytes + at, to - at);
		h->states[k] = c;
		at = to;
	}
	h->n = k;
	SHA256_Update(&c, bytes + at, n - at);
	SHA256_Final(out->bytes, &c);
}
