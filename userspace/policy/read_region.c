/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads `region` of an agreement, and `regions:`, which says where networks are.
 *
 * Called by the tables of the top level and of agreements (read.c, read_agreement.c).
 */
#include <string.h>

#include "base/suggest.h"
#include "policy/reader.h"
#include "policy/region.h"

static bool is_word(const char *text)
{
	size_t n;
	const char *const *words = region_words(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], text) == 0)
			return true;
	return false;
}

/* What people write for countries whose code is another. */
static const char *usual(const char *text)
{
	return strcmp(text, "UK") == 0 ? "GB" : strcmp(text, "EL") == 0 ? "GR" : NULL;
}

static void read_region_word(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;
	struct policy_finding *finding;
	const char *const *words;
	size_t n;

	/* NO is a truth value to YAML 1.1, which read_word tells. */
	if (node->kind == YNODE_SCALAR && ynode_scalar(node) == YSCALAR_STRING && !is_word(node->text)) {
		words = region_words(&n);
		finding = finding_add(rd->findings, POLICY_UNKNOWN_WORD, node->at,
				      "the region cannot be \"%s\"", node->text);
		finding_expect(finding, "the two letters of a country by ISO 3166-1, EU or EEA");
		finding_suggest(finding, usual(node->text) ? usual(node->text)
							   : suggest_nearest(node->text, words, n));
		return;
	}
	read_further_word(rd, node, "the region", &agreement->region_words, &agreement->n_regions);
}

void read_region(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "region", "a list of countries or unions: [EU, CH]", read_region_word, out);
}

static void read_networks(struct reader *rd, const struct ynode *node, void *out)
{
	read_path(rd, node, "the table of networks", &((struct policy_regions *)out)->networks);
}

static void read_database(struct reader *rd, const struct ynode *node, void *out)
{
	read_path(rd, node, "the database", &((struct policy_regions *)out)->database);
}

static const struct key_spec region_keys[] = {
	{"networks", KEY_OPTIONAL, read_networks},
	{"database", KEY_OPTIONAL, read_database},
};

void read_regions(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_regions *regions = &((struct policy *)out)->regions;

	if (!read_once(rd, node, "regions", regions->given ? &regions->at : NULL))
		return;
	regions->given = true;
	regions->at = node->at;
	if (read_mapping(rd, node, "regions", region_keys, sizeof(region_keys) / sizeof(*region_keys),
			 regions) &&
	    node->n == 0)
		finding_expect(finding_add(rd->findings, POLICY_EMPTY_LIST, node->at, "regions is empty"),
			       "networks: a CSV file, or database: a MaxMind DB, or both");
}
