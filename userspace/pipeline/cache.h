/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of fixed size from a fixed-size key to a fixed-size value: what enrichment remembers, bounded
 * whatever the host does. Four places per set; the one used longest ago makes room.
 *
 * Owns keys and values; `drop` releases what a value points to. Used by one thread at a time.
 */
#ifndef MUNIMENT_PIPELINE_CACHE_H
#define MUNIMENT_PIPELINE_CACHE_H

#include <stddef.h>

struct cache;

/* key_size: a multiple of 8, at most 128, compared as bytes (so padding is zeroed by the caller). NULL: no
 * memory. */
struct cache *cache_new(size_t entries, size_t key_size, size_t value_size, void (*drop)(void *value));
void cache_free(struct cache *c);

/* The value of a key, or NULL. Valid until the next cache_add. */
void *cache_find(struct cache *c, const void *key);

/* A zeroed value for a key that is not in the table; may drop another. Never NULL. */
void *cache_add(struct cache *c, const void *key);

/* Calls fn for every value. */
void cache_each(struct cache *c, void (*fn)(void *ctx, const void *key, void *value), void *ctx);

/* Forgets everything. */
void cache_clear(struct cache *c);

#endif
