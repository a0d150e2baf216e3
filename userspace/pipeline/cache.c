// SPDX-License-Identifier: Apache-2.0
/* The bounded table of cache.h. */
#include "pipeline/cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4

struct place {
	uint64_t used; /* tick of the last use; 0: empty */
};

struct cache {
	size_t sets; /* a power of two */
	size_t key_size;
	size_t value_size;
	uint64_t tick;
	void (*drop)(void *value);
	struct place *places;
	char *keys;
	char *values;
};

struct cache *cache_new(size_t entries, size_t key_size, size_t value_size, void (*drop)(void *value))
{
	struct cache *c = calloc(1, sizeof(*c));
	size_t sets = 1;

	if (!c)
		return NULL;
	while (sets * WAYS < entries)
		sets *= 2;
	c->sets = sets;
	c->key_size = key_size;
	c->value_size = (value_size + 7) & ~(size_t)7;
	c->drop = drop;
	c->places = calloc(sets * WAYS, sizeof(*c->places));
	c->keys = calloc(sets * WAYS, key_size);
	c->values = calloc(sets * WAYS, c->value_size);
	if (!c->places || !c->keys || !c->values) {
		cache_free(c);
		return NULL;
	}
	return c;
}

void cache_clear(struct cache *c)
{
	for (size_t i = 0; i < c->sets * WAYS; i++) {
		if (c->places[i].used && c->drop)
			c->drop(c->values + i * c->value_size);
		c->places[i].used = 0;
	}
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	if (c->places && c->values)
		cache_clear(c);
	free(c->places);
	free(c->keys);
	free(c->values);
	free(c);
}

/* Keys hold numbers that a local user can choose (pids, inodes); a full set only costs him his own hits. */
static size_t set_of(const struct cache *c, const void *key)
{
	uint64_t h = 0x9e3779b97f4a7c15ull, word;

	for (size_t i = 0; i < c->key_size; i += 8) {
		memcpy(&word, (const char *)key + i, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	return (size_t)h & (c->sets - 1);
}

void *cache_find(struct cache *c, const void *key)
{
	size_t first = set_of(c, key) * WAYS;

	for (size_t i = first; i < first + WAYS; i++) {
		if (c->places[i].used && !memcmp(c->keys + i * c->key_size, key, c->key_size)) {
			c->places[i].used = ++c->tick;
			return c->values + i * c->value_size;
		}
	}
	return NULL;
}

void *cache_add(struct cache *c, const void *key)
{
	size_t first = set_of(c, key) * WAYS, at = first;
	char *value;

	for (size_t i = first; i < first + WAYS; i++) {
		if (c->places[i].used < c->places[at].used)
			at = i;
	}
	value = c->values + at * c->value_size;
	if (c->places[at].used && c->drop)
		c->drop(value);
	memcpy(c->keys + at * c->key_size, key, c->key_size);
	memset(value, 0, c->value_size);
	c->places[at].used = ++c->tick;
	return value;
}

void cache_each(struct cache *c, void (*fn)(void *ctx, const void *key, void *value), void *ctx)
{
	for (size_t i = 0; i < c->sets * WAYS; i++) {
		if (c->places[i].used)
			fn(ctx, c->keys + i * c->key_size, c->values + i * c->value_size);
	}
}
