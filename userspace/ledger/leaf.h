/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaf hashes of entries that begin alike: the state of SHA-256 after each block of the entry before is kept,
 * and hashing goes on where the two part. Entries put what changes least first (ocsf.h), so that most of a
 * line is hashed once for a process instead of once for each of its accesses. The result is tree_leaf's, bit
 * for bit.
 */
#ifndef MUNIMENT_LEDGER_LEAF_H
#define MUNIMENT_LEDGER_LEAF_H

#include <stddef.h>

#include "ledger/tree.h"

struct leaf_cache;

/* NULL when memory is short. */
struct leaf_cache *leaf_cache_new(void);
void leaf_cache_free(struct leaf_cache *c);

/* As tree_leaf(entry, n, out). */
void leaf_hash(struct leaf_cache *c, const void *entry, size_t n, struct tree_hash *out);

#endif
