// SPDX-License-Identifier: Apache-2.0
/* Hashing from where an entry differs from the one before: see leaf.h. */
/* The low-level calls, as in tree.c: their context is a plain struct, and a copy of it is a state to go on
 * from. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ledger/leaf.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#define BLOCK	   64
#define BLOCKS_MAX 8 /* beyond, entries hardly ever agree, and keeping a state costs a copy of 112 bytes */

struct leaf_cache {
	unsigned n;			   /* blocks whose state is known */
	uint8_t bytes[BLOCKS_MAX * BLOCK]; /* the prefix byte and the entry, as they were hashed */
	SHA256_CTX after[BLOCKS_MAX];	   /* after[i]: after i + 1 blocks */
};

struct leaf_cache *leaf_cache_new(void)
{
	return calloc(1, sizeof(struct leaf_cache));
}

void leaf_cache_free(struct leaf_cache *c)
{
	free(c);
}

/* Whole blocks at the beginning in which this entry agrees with the one before. */
static unsigned common_blocks(const struct leaf_cache *c, const uint8_t *entry, unsigned n)
{
	unsigned i = 0;

	n = n < c->n ? n : c->n;
	/* The first block holds the prefix byte, so block i begins at byte 64 i - 1 of the entry. */
	if (n == 0 || memcmp(c->bytes + 1, entry, BLOCK - 1) != 0)
		return 0;
	for (i = 1; i < n && !memcmp(c->bytes + i * BLOCK, entry + i * BLOCK - 1, BLOCK); i++)
		;
	return i;
}

void leaf_hash(struct leaf_cache *c, const void *entry, size_t n, struct tree_hash *out)
{
	const uint8_t *bytes = entry;
	unsigned whole = n + 1 < sizeof(c->bytes) ? (unsigned)((n + 1) / BLOCK) : BLOCKS_MAX;
	unsigned at = common_blocks(c, bytes, whole);
	SHA256_CTX ctx;
	size_t done;

	if (at) {
		ctx = c->after[at - 1];
	} else {
		SHA256_Init(&ctx);
	}
	for (; at < whole; at++) {
		uint8_t *block = c->bytes + at * BLOCK;

		if (at == 0) {
			block[0] = 0x00;
			memcpy(block + 1, bytes, BLOCK - 1);
		} else {
			memcpy(block, bytes + at * BLOCK - 1, BLOCK);
		}
		SHA256_Update(&ctx, block, BLOCK);
		c->after[at] = ctx;
	}
	c->n = whole;
	done = whole ? whole * BLOCK - 1 : 0;
	if (!whole)
		SHA256_Update(&ctx, "", 1); /* the prefix byte 0x00 */
	SHA256_Update(&ctx, bytes + done, n - done);
	SHA256_Final(out->bytes, &ctx);
}
