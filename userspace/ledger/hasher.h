/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaf hashes of entries that come one after another and begin alike: SHA-256's state after each 256 bytes is
 * kept, and where an entry begins with the same bytes as the one before, hashing goes on from there. Entries
 * about one host, policy and process share more than half of their bytes. Same result as tree_leaf. One
 * thread.
 */
#ifndef MUNIMENT_LEDGER_HASHER_H
#define MUNIMENT_LEDGER_HASHER_H

#include "ledger/tree.h"

struct leaf_hasher;

struct leaf_hasher *leaf_hasher_new(void); /* NULL: no memory */
void leaf_hasher_free(struct leaf_hasher *h);

/* SHA-256(0x00 || entry). */
void leaf_hasher_leaf(struct leaf_hasher *h, const void *entry, size_t n, struct tree_hash *out);

#endif
