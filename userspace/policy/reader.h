/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the policy's reader: how a tree becomes a policy. Each mapping of the language is a table of its
 * keys; the tables are the language. Included by read*.c and value.c, and by the daemon's configuration,
 * which is read by the same rules.
 */
#ifndef MUNIMENT_POLICY_READER_H
#define MUNIMENT_POLICY_READER_H

#include "policy/policy.h"

struct reader {
	struct policy *policy;
	struct policy_findings *findings;
	uint32_t file;
};

typedef void key_read(struct reader *rd, const struct ynode *value, void *out);

/* LATER: a key of the language that this version does not act on, and that would narrow what a grant gives.
 */
enum key_use { KEY_INVALID, KEY_OPTIONAL, KEY_REQUIRED, KEY_LATER };

struct key_spec {
	const char *name;
	enum key_use use;
	key_read *read; /* NULL for KEY_LATER */
};

/* Reads a mapping by its table. what: "the store", for messages. Returns false when the node is no mapping.
 */
bool read_mapping(struct reader *rd, const struct ynode *node, const char *what, const struct key_spec *specs,
		  size_t n_specs, void *out);

/* Each name of a section, which is a mapping from names to mappings and must not be empty. section: "stores", what: "a
 * store", for messages. */
void read_named(struct reader *rd, const struct ynode *node, const char *section, const char *what,
		void (*each)(struct reader *rd, const struct ynode *name, const struct ynode *value));

/* Each item of a list that must not be empty nor hold a word twice. Returns the number of items, 0 when there
 * is no list. */
size_t read_list(struct reader *rd, const struct ynode *node, const char *what, const char *example,
		 key_read *each, void *out);

/* A word: any string, quoted where YAML would take it for something else. */
bool read_word(struct reader *rd, const struct ynode *node, const char *what, struct policy_word *ret_word);

/* A word more of an array, which grows. */
void read_further_word(struct reader *rd, const struct ynode *node, const char *what,
		       struct policy_word **words, size_t *n);

/* A path more of an array, which grows. */
void read_further_path(struct reader *rd, const struct ynode *node, const char *what,
		       struct policy_store_path **paths, size_t *n);

/* What the merged policy has once. before: where it was set before, NULL for nowhere. Returns false after a finding
 * when that was in another file; keys given twice in one are the tree's finding. */
bool read_once(struct reader *rd, const struct ynode *node, const char *what,
	       const struct policy_place *before);

/* One of some words. Returns its index, -1 after a finding of kind id. */
int read_choice(struct reader *rd, const struct ynode *node, const char *what, enum policy_finding_id id,
		const char *const *words, size_t n);

/* true or false. */
bool read_bool(struct reader *rd, const struct ynode *node, const char *what, bool *ret_value);

/* An absolute path of at most POLICY_PATH_MAX bytes. */
bool read_path(struct reader *rd, const struct ynode *node, const char *what, struct policy_word *ret_word);

/* Makes room for element n of an array and clears it. Returns the array, moved or not; NULL (and the old one
 * stays) when memory is short. */
void *read_grow(struct reader *rd, void *items, size_t n, size_t size);

void read_wrong_type(struct reader *rd, const struct ynode *node, const char *what, const char *expected);

/* Sections. */
void read_stores(struct reader *rd, const struct ynode *node, void *out);
void read_compartments(struct reader *rd, const struct ynode *node, void *out);
void read_roles(struct reader *rd, const struct ynode *node, void *out);
void read_grants(struct reader *rd, const struct ynode *node, void *out);
/* A list of login names beside those of roles. */
void read_user_list(struct reader *rd, const struct ynode *node, const char *what,
		    struct policy_principals *list);
void read_host(struct reader *rd, const struct ynode *node, void *out);
void read_agreements(struct reader *rd, const struct ynode *node, void *out);
void read_copies(struct reader *rd, const struct ynode *node, void *out);
void read_declassify(struct reader *rd, const struct ynode *node, void *out);

void read_regions(struct reader *rd, const struct ynode *node, void *out);
void read_dns(struct reader *rd, const struct ynode *node, void *out);

/* An endpoint: a network or a name, and ports. False after a finding. */
bool read_peer(struct reader *rd, const struct ynode *node, struct policy_endpoint *ret_endpoint);
/* One more of an array, which grows. */
void read_further_endpoint(struct reader *rd, const struct policy_endpoint *endpoint,
			   struct policy_endpoint **endpoints, size_t *n);
/* The first len bytes of a word as a host's name, in lower case. False after a finding. */
bool read_host_name(struct reader *rd, const struct ynode *node, size_t len, char name[POLICY_HOST_MAX + 1]);

/* The list `region` of an agreement, out. */
void read_region(struct reader *rd, const struct ynode *node, void *out);

/* A volume in a time: "64KiB/hour". From 1 byte to below 8 EiB, in a minute, an hour, a day or a week. False after a finding. */
bool read_volume(struct reader *rd, const struct ynode *node, const char *what, uint64_t *ret_bytes,
		 uint64_t *ret_period_s);

/* An item of `to`, into the agreement out. */
void read_endpoint(struct reader *rd, const struct ynode *node, void *out);

/* Values of keys of the agreement out, and what is to be said of them together. */
void read_tls(struct reader *rd, const struct ynode *node, void *out);
void read_quic(struct reader *rd, const struct ynode *node, void *out);
void read_starttls(struct reader *rd, const struct ynode *node, void *out);
void read_max(struct reader *rd, const struct ynode *node, void *out);
void read_limits_end(struct reader *rd, const struct policy_agreement *agreement);

/* A program more of an array, which grows: a path, or a mapping {path: ..., digest: ...}. */
void read_further_program(struct reader *rd, const struct ynode *node, struct policy_program **programs,
			  size_t *n);
/* Such a mapping; without word.text when there is no path. */
void read_program_mapping(struct reader *rd, const struct ynode *node, struct policy_program *program);

/* What may be loaded into the programs of a role, out. */
void read_libraries(struct reader *rd, const struct ynode *node, void *out);

/* One source; NULL tree and findings when it is not readable. */
void read_file(struct policy *policy, uint32_t file);

#endif
