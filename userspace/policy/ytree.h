/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML document as a tree in which every node knows its line and column.
 *
 * Built on libyaml's events, because its document form hides which keys were given twice and puts no bound on
 * depth, size or what aliases expand to. The tree owns its nodes; an alias is a second reference to the same
 * node. Called by the policy's reader.
 */
#ifndef MUNIMENT_POLICY_YTREE_H
#define MUNIMENT_POLICY_YTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/finding.h"

#define YTREE_DEPTH_MAX	  16	  /* nested lists and mappings; the policy's own depth is 5 */
#define YTREE_NODES_MAX	  500000  /* a list of 100,000 users needs 100,000 */
#define YTREE_WEIGHT_MAX  1000000 /* nodes after aliases are followed */
#define YTREE_ANCHORS_MAX 64

enum ynode_kind { YNODE_INVALID, YNODE_SCALAR, YNODE_SEQUENCE, YNODE_MAPPING };

/* What a scalar means by YAML's rules. YSCALAR_BOOL11: true or false in YAML 1.1 only (yes, no, on, off, y,
 * n). */
enum yscalar {
	YSCALAR_INVALID,
	YSCALAR_NULL,
	YSCALAR_BOOL,
	YSCALAR_BOOL11,
	YSCALAR_INT,
	YSCALAR_FLOAT,
	YSCALAR_STRING
};

struct ynode {
	enum ynode_kind kind;
	bool plain; /* scalar without quotes */
	bool open;  /* still being read: an alias to it would be a loop */
	struct policy_place at;
	char *text; /* scalar: without NUL bytes inside, NUL-terminated */
	size_t len;
	struct ynode **items; /* sequence: the items; mapping: key, value, key, value … */
	size_t n;	      /* length of items: twice the pairs of a mapping */
	size_t cap;
	uint64_t weight;
};

struct ytree {
	struct ynode *root; /* NULL: an empty document */
	struct ynode **all;
	size_t n;
	size_t cap;
};

/*
 * Reads bytes[0..len) as file number `file`. Trouble is added to the findings. Returns a tree when the
 * document was read to its end (with or without findings such as duplicate keys), NULL when it could not be
 * (a finding tells, or findings->failed).
 */
struct ytree *ytree_parse(const char *bytes, size_t len, uint32_t file, struct policy_findings *findings);
void ytree_free(struct ytree *tree);

/* Finds the first byte sequence that is not UTF-8, or a control character; returns its offset, or len when
 * there is none. */
size_t ytree_bad_byte(const char *bytes, size_t len);

/*
 * The length of the line break that begins at bytes[0], 0 for none: LF, CR, CR LF, and what YAML 1.1 takes
 * for one besides (U+0085, U+2028, U+2029), so that lines count as libyaml counts them. len is at least 1.
 */
size_t ytree_line_break(const char *bytes, size_t len);

enum yscalar ynode_scalar(const struct ynode *node);

/* What the node is, for messages: "a list", "a mapping", "nothing", "a truth value", "a number", "a word". */
const char *ynode_describe(const struct ynode *node);

/*
 * Calls back for each scalar of a list (step 1) or key of a mapping (step 2) whose text an earlier one has. 0
 * or -ENOMEM.
 */
int ynode_duplicates(const struct ynode *node, size_t step,
		     void (*each)(void *arg, const struct ynode *first, const struct ynode *again),
		     void *arg);

#endif
