/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a MaxMind DB of countries for tests, by the format's specification, 2.0 (https://maxmind.github.io/MaxMind-DB/):
 * records of 24 bits, a data section of {country: {iso_code: "DE"}} and the metadata that libmaxminddb asks for.
 */
#ifndef TESTS_DATABASE_WRITER_H
#define TESTS_DATABASE_WRITER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "policy/network.h"

#define DATABASE_NODES	 4096
#define DATABASE_EMPTY	 UINT32_MAX
#define DATABASE_COUNTRY 0x80000000u /* | number of a country */

struct database {
	unsigned version; /* 4 or 6 */
	uint32_t nodes[DATABASE_NODES][2];
	uint32_t n;
	char countries[64][3];
	uint32_t n_countries;
};

static void database_begin(struct database *db, unsigned version)
{
	memset(db, 0, sizeof(*db));
	db->version = version;
	db->n = 1;
	db->nodes[0][0] = db->nodes[0][1] = DATABASE_EMPTY;
}

/* Points the first `bits` bits of an address (16 bytes, or 4 with version 4) to what is given. */
static void database_set(struct database *db, const uint8_t *address, unsigned bits, uint32_t to)
{
	uint32_t node = 0;

	for (unsigned i = 0; i < bits; i++) {
		uint32_t *next = &db->nodes[node][address[i / 8] >> (7 - i % 8) & 1];

		if (i + 1 == bits) {
			*next = to;
		} else if (*next == DATABASE_EMPTY) {
			db->nodes[db->n][0] = db->nodes[db->n][1] = DATABASE_EMPTY;
			*next = db->n++;
		}
		node = *next;
	}
}

/* address: as in struct peer; IPv4 lies below ::/96, or is the whole. */
static void database_add(struct database *db, const uint8_t address[16], unsigned prefix, const char *country)
{
	bool ipv4 = prefix >= 96 && network_contains(network_ipv4, 96, address);
	uint8_t at[16] = {0};

	memcpy(ipv4 ? at + 12 : at, ipv4 ? address + 12 : address, ipv4 ? 4 : 16);
	strcpy(db->countries[db->n_countries], country);
	if (ipv4 && db->version == 4)
		database_set(db, at + 12, prefix - 96, DATABASE_COUNTRY | db->n_countries);
	else
		database_set(db, at, prefix, DATABASE_COUNTRY | db->n_countries);
	db->n_countries++;
}

/* A network that leads to where IPv4 lies, as 2002::/16 does. */
static void database_alias(struct database *db, const uint8_t address[16], unsigned prefix)
{
	uint32_t node = 0;

	for (unsigned i = 0; i < 96; i++)
		node = db->nodes[node][0];
	database_set(db, address, prefix, node);
}

static void database_text(struct buf *b, const char *text)
{
	buf_char(b, (char)(2 << 5 | strlen(text)));
	buf_str(b, text);
}

static void database_number(struct buf *b, int type, unsigned size, uint32_t value)
{
	buf_char(b, (char)((type > 7 ? 0 : type) << 5 | (int)size));
	if (type > 7)
		buf_char(b, (char)(type - 7));
	for (unsigned i = size; i-- > 0;)
		buf_char(b, (char)(value >> 8 * i));
}

static void database_metadata(const struct database *db, struct buf *b)
{
	buf_add(b, "\xab\xcd\xefMaxMind.com", 14);
	buf_char(b, (char)(7 << 5 | 9));
	database_text(b, "binary_format_major_version");
	database_number(b, 5, 2, 2);
	database_text(b, "binary_format_minor_version");
	database_number(b, 5, 2, 0);
	database_text(b, "build_epoch");
	database_number(b, 9, 4, 1700000000);
	database_text(b, "database_type");
	database_text(b, "Test-Country");
	database_text(b, "description");
	buf_char(b, (char)(7 << 5 | 0));
	database_text(b, "ip_version");
	database_number(b, 5, 2, db->version);
	database_text(b, "languages");
	buf_char(b, 0);
	buf_char(b, 4);
	database_text(b, "node_count");
	database_number(b, 6, 4, db->n);
	database_text(b, "record_size");
	database_number(b, 5, 2, 24);
}

static void database_write(const struct database *db, const char *path)
{
	struct buf b = {0};
	FILE *file = fopen(path, "we");
	const unsigned entry = 24; /* bytes of one in the data section */

	for (uint32_t i = 0; i < db->n; i++) {
		for (int side = 0; side < 2; side++) {
			uint32_t to = db->nodes[i][side], record = to;

			if (to == DATABASE_EMPTY)
				record = db->n;
			else if (to & DATABASE_COUNTRY)
				record = db->n + 16 + (to & ~DATABASE_COUNTRY) * entry;
			for (int byte = 2; byte >= 0; byte--)
				buf_char(&b, (char)(record >> 8 * byte));
		}
	}
	for (int i = 0; i < 16; i++)
		buf_char(&b, 0);
	for (uint32_t i = 0; i < db->n_countries; i++) {
		size_t begin = b.len;

		buf_char(&b, (char)(7 << 5 | 1));
		database_text(&b, "country");
		buf_char(&b, (char)(7 << 5 | 1));
		database_text(&b, "iso_code");
		database_text(&b, db->countries[i]);
		while (b.len < begin + entry)
			buf_char(&b, 0);
	}
	database_metadata(db, &b);
	if (!file || fwrite(b.data, 1, b.len, file) != b.len || fclose(file))
		abort();
	buf_free(&b);
}

#endif
