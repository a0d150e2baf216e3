/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows of tables to networks that lie apart (region.h): what is written of a network counts but for the networks
 * within it; neighbours that are in the same regions become one.
 *
 * Works on ranges of addresses as numbers of 128 bits: two networks lie apart or one within the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/region.h"

typedef unsigned __int128 number;

#define DEPTH_MAX 260 /* of networks within each other: one of each prefix, from two tables */

struct row {
	number begin;
	uint32_t prefix;
	uint32_t line;
	uint64_t regions;
	bool first; /* of the CSV file, which goes before the database */
};

struct region_table {
	const char *const *words;
	size_t n_words;
	struct row *rows;
	size_t n, cap;
};

/* A range that is open at the moment, and what counts in it. */
struct open_row {
	number end; /* the last address */
	uint64_t regions;
	bool first;
};

struct flattening {
	number at;	   /* what lies before is done */
	number begin, end; /* of the range at hand, which may grow */
	struct open_row open[DEPTH_MAX];
	size_t depth;
	uint64_t regions; /* of the range at hand; 0: there is none */
	struct region_network *networks;
	size_t n, cap;
	int err;
	bool over; /* the last address is done */
};

struct region_table *region_table_new(const char *const *words, size_t n_words)
{
	struct region_table *table = calloc(1, sizeof(*table));

	if (table) {
		table->words = words;
		table->n_words = n_words;
	}
	return table;
}

void region_table_free(struct region_table *table)
{
	if (!table)
		return;
	free(table->rows);
	free(table);
}

uint64_t region_table_mask(const struct region_table *table, const char country[2])
{
	uint64_t mask = 0;

	for (size_t i = 0; i < table->n_words; i++)
		if (region_has(table->words[i], country))
			mask |= 1ull << i;
	return mask;
}

static number number_of(const uint8_t address[16])
{
	number n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 8 | address[i];
	return n;
}

/* The last address of a network. */
static number end_of(number begin, uint32_t prefix)
{
	return prefix ? begin | (prefix < 128 ? (((number)1 << (128 - prefix)) - 1) : 0) : ~(number)0;
}

/* Doubles an array that is full. */
static bool make_room(void **items, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? 2 * *cap : 1024;
	void *grown;

	if (n < *cap)
		return true;
	grown = reallocarray(*items, more, size);
	if (!grown)
		return false;
	*items = grown;
	*cap = more;
	return true;
}

int region_table_add(struct region_table *table, const uint8_t address[16], uint32_t prefix, uint64_t regions,
		     bool first, uint32_t line)
{
	if (!make_room((void **)&table->rows, table->n, &table->cap, sizeof(*table->rows)))
		return -ENOMEM;
	table->rows[table->n++] = (struct row){number_of(address), prefix, line, regions, first};
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/* The range at hand as networks: the largest that begin where it does, one after the other. */
static void flush(struct flattening *s)
{
	number at = s->begin;

	while (s->regions) {
		uint32_t prefix = 128;
		struct region_network *network;

		while (prefix && !(at >> (128 - prefix) & 1) && end_of(at, prefix - 1) <= s->end)
			prefix--;
		if (!make_room((void **)&s->networks, s->n, &s->cap, sizeof(*s->networks))) {
			s->err = -ENOMEM;
			return;
		}
		network = &s->networks[s->n++];
		*network = (struct region_network){.prefix = prefix, .regions = s->regions};
		for (int i = 0; i < 16; i++)
			network->address[i] = (uint8_t)(at >> (120 - 8 * i));
		if (end_of(at, prefix) == s->end)
			break;
		at = end_of(at, prefix) + 1;
	}
	s->regions = 0;
}

/* From s->at to end, what the innermost open range says holds. */
static void advance(struct flattening *s, number end)
{
	uint64_t regions = s->depth ? s->open[s->depth - 1].regions : 0;

	if (s->over || end < s->at)
		return;
	if (regions && s->regions == regions && s->end + 1 == s->at) {
		s->end = end;
	} else {
		flush(s);
		s->regions = regions;
		s->begin = s->at;
		s->end = end;
	}
	s->over = end == ~(number)0;
	s->at = end + 1;
}

static void close_until(struct flattening *s, number begin)
{
	while (s->depth && s->open[s->depth - 1].end < begin) {
		advance(s, s->open[s->depth - 1].end);
		s->depth--;
	}
}

static void sweep_row(struct flattening *s, const struct row *row)
{
	const struct open_row *around;
	struct open_row open = {end_of(row->begin, row->prefix), row->regions, row->first};

	close_until(s, row->begin);
	if (row->begin)
		advance(s, row->begin - 1);
	around = s->depth ? &s->open[s->depth - 1] : NULL;
	if (around && around->first && !row->first) {
		open.regions = around->regions;
		open.first = true;
	}
	s->open[s->depth++] = open;
}

/* Two rows about one network, where they differ: the CSV file contradicts itself. */
static bool contradicts(const struct row *a, const struct row *b)
{
	return a->begin == b->begin && a->prefix == b->prefix && a->first && b->first &&
	       a->regions != b->regions;
}

static bool is_same(const struct row *a, const struct row *b)
{
	return a->begin == b->begin && a->prefix == b->prefix && a->first == b->first;
}

int region_table_finish(struct region_table *table, struct region_network **ret_networks, size_t *ret_n,
			char message[REGION_MESSAGE])
{
	struct flattening s = {0};

	if (table->n)
		qsort(table->rows, table->n, sizeof(*table->rows), compare_rows);
	for (size_t i = 0; i < table->n && !s.err; i++) {
		const struct row *row = &table->rows[i], *before = i ? row - 1 : NULL;

		if (before && contradicts(row, before)) {
			snprintf(message, REGION_MESSAGE,
				 "lines %u and %u tell different regions of one network",
				 before->line < row->line ? before->line : row->line,
				 before->line < row->line ? row->line : before->line);
			s.err = -EINVAL;
		} else if (!before || !is_same(row, before)) {
			sweep_row(&s, row);
		}
	}
	while (s.depth && !s.err) {
		advance(&s, s.open[s.depth - 1].end);
		s.depth--;
	}
	if (!s.err)
		flush(&s);
	if (!s.err && s.n > REGION_NETWORKS_MAX) {
		snprintf(message, REGION_MESSAGE,
			 "the regions of the agreements have %zu networks; at most %d are possible", s.n,
			 REGION_NETWORKS_MAX);
		s.err = -E2BIG;
	}
	if (s.err) {
		free(s.networks);
		return s.err;
	}
	*ret_networks = s.networks;
	*ret_n = s.n;
	return 0;
}
