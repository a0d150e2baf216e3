/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the stores of a source: what is guarded and how, and which of them are kept apart.
 *
 * Called by the table of the top level (read.c).
 */
#include <string.h>

#include "policy/reader.h"

static const char *const class_words[] = {"public", "internal", "confidential",
					  "restricted"}; /* enum, from 1 */
static const char *const audit_words[] = {"required", "best-effort"};

const char *policy_class_text(enum policy_class class)
{
	return class >= POLICY_CLASS_PUBLIC && class <= POLICY_CLASS_RESTRICTED ? class_words[class - 1]
										: NULL;
}

static void read_store_path(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_store *store = out;

	read_further_path(rd, node, "the store's path", &store->paths, &store->n_paths);
}

static void read_paths(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "paths", "a list of directories or files: [/srv/records]", read_store_path, out);
}

static void read_no_record(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_store *store = out;
	struct policy_no_records *grown;
	struct policy_word word;

	if (!read_path(rd, node, "the file without records", &word))
		return;
	grown = read_grow(rd, store->no_records, store->n_no_records, sizeof(*grown));
	if (!grown)
		return;
	store->no_records = grown;
	grown[store->n_no_records++].word = word;
}

static void read_no_records(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "no_records", "a list of files: [/srv/records/VERSION]", read_no_record, out);
}

static void read_store_mode(struct reader *rd, const struct ynode *node, void *out)
{
	static const char *const words[] = {"monitor", "enforce"};
	struct policy_store *store = out;
	int i = read_choice(rd, node, "mode", POLICY_UNKNOWN_WORD, words, 2);

	if (i >= 0)
		store->mode = (enum store_mode)(i + 1);
}

static void read_class(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_store *store = out;
	int i = read_choice(rd, node, "class", POLICY_UNKNOWN_WORD, class_words, 4);

	if (i >= 0)
		store->class = (enum policy_class)(i + 1);
}

static void read_audit(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_store *store = out;
	int i = read_choice(rd, node, "audit", POLICY_UNKNOWN_WORD, audit_words, 2);

	if (i >= 0)
		store->audit = (enum store_audit)(i + 1);
}

static void read_regulation(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_word word;

	(void)out;
	read_word(rd, node, "the regulation", &word);
}

static void read_regulations(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "regulations", "a list of words: [hipaa, gdpr]", read_regulation, out);
}

static void read_data_subject(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_store *store = out;

	read_word(rd, node, "data_subject", &store->data_subject);
}

/* A whole number of days, months or years: 10y. */
static void read_retention(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_store *store = out;
	struct policy_word word;
	size_t digits = 0;

	if (!read_word(rd, node, "retention", &word))
		return;
	while (word.text[digits] >= '0' && word.text[digits] <= '9')
		digits++;
	if (digits == 0 || digits > 5 || word.text[0] == '0' || word.text[digits] == '\0' ||
	    !strchr("dmy", word.text[digits]) || word.text[digits + 1] != '\0') {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "retention cannot be \"%s\"", word.text),
			       "a number of days, months or years: 90d, 18m, 10y");
		return;
	}
	store->retention = word;
}

static const struct key_spec store_keys[] = {
	{"paths", KEY_REQUIRED, read_paths},
	{"no_records", KEY_OPTIONAL, read_no_records},
	{"mode", KEY_OPTIONAL, read_store_mode},
	{"class", KEY_OPTIONAL, read_class},
	{"audit", KEY_OPTIONAL, read_audit},
	{"regulations", KEY_OPTIONAL, read_regulations},
	{"data_subject", KEY_OPTIONAL, read_data_subject},
	{"retention", KEY_OPTIONAL, read_retention},
};

static void read_store(struct reader *rd, const struct ynode *name, const struct ynode *value)
{
	struct policy *policy = rd->policy;
	struct policy_store *stores = read_grow(rd, policy->stores, policy->n_stores, sizeof(*stores)),
			    *store;

	if (!stores)
		return;
	policy->stores = stores;
	store = &stores[policy->n_stores++];
	store->name = (struct policy_word){name->text, name->at};
	store->class = POLICY_CLASS_RESTRICTED; /* what nobody classified is guarded as the worst case */
	store->audit = STORE_AUDIT_REQUIRED;
	read_mapping(rd, value, "the store", store_keys, sizeof(store_keys) / sizeof(*store_keys), store);
}

void read_stores(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;

	policy->stores_given = true;
	read_named(rd, node, "stores", "a store", read_store);
}

static void read_apart(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_compartment *compartment = out;

	read_further_word(rd, node, "a store of the compartment", &compartment->names, &compartment->n);
}

static void read_compartment(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;
	struct policy_compartment *compartments =
		read_grow(rd, policy->compartments, policy->n_compartments, sizeof(*compartments));
	size_t n;

	if (!compartments)
		return;
	policy->compartments = compartments;
	compartments += policy->n_compartments++;
	compartments->at = node->at;
	n = read_list(rd, node, "the compartment", "a list of stores: [psychiatry, research]", read_apart,
		      compartments);
	if (n == 1)
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "the compartment has one store only"),
			       "two stores or more, whose data may not meet in a process");
}

void read_compartments(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "compartments", "a list of lists of stores: [[psychiatry, research]]",
		  read_compartment, out);
}
