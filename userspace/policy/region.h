/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: countries by ISO 3166-1 alpha-2, unions of them, and the tables that tell in which one a network is.
 *
 * Tables are read for the words that a policy uses and come out as networks that lie apart from each other, each with a
 * mask of those words; what is in none of the words is left out. Used by the checker and its tests.
 */
#ifndef MUNIMENT_POLICY_REGION_H
#define MUNIMENT_POLICY_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct region_network {
	uint8_t address[16]; /* as in struct peer */
	uint32_t prefix;     /* bits, 0 to 128 */
	uint64_t regions;    /* a bit for each word; not 0 in what region_table_finish made */
};

/* The words that a policy may use: two-letter codes of countries, EU and EEA. Sorted; ends with NULL. */
const char *const *region_words(size_t *ret_n);
/* Is the country of these two letters in what the word stands for? Of EU and EEA: their members. */
bool region_has(const char *word, const char country[2]);
bool region_is_country(const char country[2]);

#define REGION_FILES 2 /* that a policy names at most: the CSV file, the database */

/* What tells that a file changed; all 0 where there is none. */
struct region_stamp {
	uint64_t ino;
	uint64_t size;
	int64_t mtime_ns;
};

void region_stamp(const char *path, struct region_stamp *ret_stamp);

struct region_table;

/* A table for these words (borrowed, at most REGIONS_MAX); NULL when memory is short. */
struct region_table *region_table_new(const char *const *words, size_t n_words);
void region_table_free(struct region_table *table);

#define REGION_MESSAGE 256

/*
 * Adds the rows of a CSV file: "network,region", a line each, such as "203.0.113.0/24,DE"; of IPv6 likewise, without
 * brackets. Empty lines, what begins with # and a first line "network,region" are passed over. What it says goes before
 * a database, and of two networks, the one within the other. 0; -EINVAL, -ENOMEM or -errno, and then message tells the
 * line and what is wrong.
 */
int region_table_read_csv(struct region_table *table, const char *path, char message[REGION_MESSAGE]);

/*
 * Adds a MaxMind DB of countries (or cities): the code at country.iso_code. Networks without one are in no region.
 * The same results. See https://maxmind.github.io/MaxMind-DB/.
 */
int region_table_read_database(struct region_table *table, const char *path, char message[REGION_MESSAGE]);

/* For the readers of tables. words: mask of a country's. 0 or -ENOMEM. */
uint64_t region_table_mask(const struct region_table *table, const char country[2]);
int region_table_add(struct region_table *table, const uint8_t address[16], uint32_t prefix, uint64_t regions,
		     bool first, uint32_t line);

/*
 * The networks, sorted, into an array of the caller's. 0; -EINVAL with a message where two rows of the CSV file say
 * different things of one network, -E2BIG with one where there are more than REGION_NETWORKS_MAX, -ENOMEM.
 */
int region_table_finish(struct region_table *table, struct region_network **ret_networks, size_t *ret_n,
			char message[REGION_MESSAGE]);

#endif
