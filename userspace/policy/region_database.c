/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks of a MaxMind DB (region.h), by libmaxminddb. The file is a binary tree over the bits of addresses; those of
 * IPv4 lie below ::/96, and what else leads there (::ffff:0:0/96, 6to4, Teredo) is an alias, which is passed over.
 */
#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/network.h"
#include "policy/region.h"

struct walk {
	struct region_table *table;
	const MMDB_s *db;
	uint64_t last_offset; /* many networks share an entry */
	uint64_t last_regions;
	uint8_t address[16];
	uint64_t visited; /* nodes: each of a tree once */
};

static uint64_t regions_of(struct walk *w, MMDB_entry_s *entry)
{
	MMDB_entry_data_s data;
	char country[2];

	if (entry->offset + 1ull == w->last_offset)
		return w->last_regions;
	w->last_offset = entry->offset + 1ull;
	w->last_regions = 0;
	if (MMDB_get_value(entry, &data, "country", "iso_code", NULL) == MMDB_SUCCESS && data.has_data &&
	    data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == sizeof(country)) {
		memcpy(country, data.utf8_string, sizeof(country));
		w->last_regions = region_table_mask(w->table, country);
	}
	return w->last_regions;
}

/* Adds the network of the first bits of w->address, which has that entry. */
static int add(struct walk *w, uint32_t bits, MMDB_entry_s *entry)
{
	uint8_t address[16];
	uint32_t prefix = bits;

	memcpy(address, w->address, sizeof(address));
	if (w->db->metadata.ip_version == 4) {
		memmove(address + 12, w->address, 4);
		prefix += NETWORK_IPV4_PREFIX;
	}
	if (prefix >= NETWORK_IPV4_PREFIX) {
		static const uint8_t below[12];

		if (w->db->metadata.ip_version == 4 || memcmp(address, below, sizeof(below)) == 0)
			memcpy(address, network_ipv4, sizeof(below));
	}
	return region_table_add(w->table, address, prefix, regions_of(w, entry), false, 0);
}

static int visit(struct walk *w, uint64_t node, uint32_t bits);

static int follow(struct walk *w, uint8_t type, uint64_t record, MMDB_entry_s *entry, uint32_t bits)
{
	switch (type) {
	case MMDB_RECORD_TYPE_EMPTY:
		return 0;
	case MMDB_RECORD_TYPE_DATA:
		return add(w, bits, entry);
	case MMDB_RECORD_TYPE_SEARCH_NODE:
		return visit(w, record, bits);
	default:
		return -EINVAL;
	}
}

/* Is the node the one of IPv4, but reached by an alias? */
static bool is_alias(const struct walk *w, uint64_t node, uint32_t bits)
{
	static const uint8_t none[12];

	if (w->db->metadata.ip_version != 6 || !bits || node != w->db->ipv4_start_node.node_value)
		return false;
	return bits != w->db->ipv4_start_node.netmask || memcmp(w->address, none, sizeof(none)) != 0;
}

static int visit(struct walk *w, uint64_t node, uint32_t bits)
{
	uint32_t depth = w->db->metadata.ip_version == 4 ? 32 : 128;
	MMDB_search_node_s at;
	int err;

	if (is_alias(w, node, bits))
		return 0;
	if (bits >= depth || ++w->visited > w->db->metadata.node_count ||
	    MMDB_read_node(w->db, (uint32_t)node, &at) != MMDB_SUCCESS)
		return -EINVAL;
	err = follow(w, at.left_record_type, at.left_record, &at.left_record_entry, bits + 1);
	if (err)
		return err;
	w->address[bits / 8] |= (uint8_t)(0x80 >> bits % 8);
	err = follow(w, at.right_record_type, at.right_record, &at.right_record_entry, bits + 1);
	w->address[bits / 8] &= (uint8_t) ~(0x80 >> bits % 8);
	return err;
}

/* 0, or -EINVAL with a message. */
static int open_database(const char *path, MMDB_s *db, char message[REGION_MESSAGE])
{
	struct stat st;
	int status;

	/* libmaxminddb would wait for who writes to a FIFO. */
	if (stat(path, &st) || !S_ISREG(st.st_mode)) {
		snprintf(message, REGION_MESSAGE, "%s",
			 stat(path, &st) ? strerror(errno) : "it is no regular file");
		return -EINVAL;
	}
	status = MMDB_open(path, MMDB_MODE_MMAP, db);
	if (status != MMDB_SUCCESS)
		snprintf(message, REGION_MESSAGE, "%s%s%s", MMDB_strerror(status),
			 status == MMDB_IO_ERROR ? ": " : "", status == MMDB_IO_ERROR ? strerror(errno) : "");
	return status == MMDB_SUCCESS ? 0 : -EINVAL;
}

int region_table_read_database(struct region_table *table, const char *path, char message[REGION_MESSAGE])
{
	struct walk walk = {.table = table};
	MMDB_s db;
	int err = open_database(path, &db, message);

	if (err)
		return err;
	walk.db = &db;
	err = visit(&walk, 0, 0);
	if (err == -EINVAL)
		snprintf(message, REGION_MESSAGE, "its search tree is damaged");
	MMDB_close(&db);
	return err;
}
