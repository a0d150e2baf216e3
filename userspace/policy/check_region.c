/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The regions that agreements name, and the tables that tell which networks lie in them.
 *
 * Called by policy_check.
 */
#include <errno.h>
#include <string.h>

#include "policy/check.h"
#include "policy/region.h"

/* The word's bit; a finding at the first that is too many. */
static uint64_t bit_of(struct checker *ck, const struct policy_word *word)
{
	struct policy_regions *regions = &ck->policy->regions;

	for (size_t i = 0; i < regions->n_words; i++)
		if (strcmp(regions->words[i], word->text) == 0)
			return 1ull << i;
	if (regions->n_words == REGIONS_MAX) {
		finding_expect(finding_add(ck->findings, POLICY_LIMIT_EXCEEDED, word->at,
					   "the agreements name more than %d regions", REGIONS_MAX),
			       "at most %d different ones", REGIONS_MAX);
		return 0;
	}
	regions->words[regions->n_words] = word->text;
	return 1ull << regions->n_words++;
}

static const struct policy_word *gather(struct checker *ck)
{
	const struct policy_word *first = NULL;

	for (size_t i = 0; i < ck->policy->n_agreements; i++) {
		struct policy_agreement *agreement = &ck->policy->agreements[i];

		for (size_t k = 0; k < agreement->n_regions; k++)
			agreement->regions |= bit_of(ck, &agreement->region_words[k]);
		if (!first && agreement->n_regions)
			first = agreement->region_words;
	}
	return first;
}

static void report(struct checker *ck, const struct policy_word *path, int err, const char *message)
{
	if (err == -ENOMEM)
		ck->findings->failed = true;
	else if (err)
		finding_expect(finding_add(ck->findings,
					   err == -E2BIG ? POLICY_LIMIT_EXCEEDED : POLICY_REGION_TABLE,
					   path->at, "%s: %s", path->text, message),
			       "a table that can be read: see muniment-policy(5)");
}

static bool read_tables(struct checker *ck)
{
	struct policy_regions *regions = &ck->policy->regions;
	struct region_table *table = region_table_new(regions->words, regions->n_words);
	char message[REGION_MESSAGE] = "";
	int err = table ? 0 : -ENOMEM;
	const struct policy_word *path = regions->networks.text ? &regions->networks : &regions->database;

	if (regions->networks.text)
		region_stamp(regions->networks.text, &regions->stamps[0]);
	if (regions->database.text)
		region_stamp(regions->database.text, &regions->stamps[1]);
	if (!err && regions->database.text) {
		err = region_table_read_database(table, regions->database.text, message);
		if (err)
			path = &regions->database;
	}
	if (!err && regions->networks.text)
		err = region_table_read_csv(table, regions->networks.text, message);
	if (!err)
		err = region_table_finish(table, &regions->table, &regions->n_table, message);
	report(ck, path, err, message);
	region_table_free(table);
	return err == 0;
}

/* A word that no network is in: nothing is agreed by it. */
static void check_empty(struct checker *ck, const struct policy_word *word)
{
	const struct policy_regions *regions = &ck->policy->regions;
	uint64_t bit = bit_of(ck, word);

	for (size_t i = 0; i < regions->n_table; i++)
		if (regions->table[i].regions & bit)
			return;
	finding_expect(finding_add(ck->findings, POLICY_REGION_EMPTY, word->at,
				   "no network of the tables is in \"%s\"", word->text),
		       "a table that has some: the agreement lets nothing go there");
}

void check_regions(struct checker *ck)
{
	const struct policy_regions *regions = &ck->policy->regions;
	const struct policy_word *first = gather(ck);

	if (!first)
		return;
	if (!regions->networks.text && !regions->database.text) {
		finding_expect(finding_add(ck->findings, POLICY_MISSING_KEY, first->at,
					   "the policy does not tell which networks are in \"%s\"",
					   first->text),
			       "regions: {networks: /etc/muniment/regions.csv}, or database: a MaxMind DB");
		return;
	}
	if (!read_tables(ck))
		return;
	for (size_t i = 0; i < ck->policy->n_agreements; i++)
		for (size_t k = 0; k < ck->policy->agreements[i].n_regions; k++)
			check_empty(ck, &ck->policy->agreements[i].region_words[k]);
}
