/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Merkle tree of RFC 6962 (section 2.1) over SHA-256: hashes, the incremental right edge, roots and
 * proofs.
 *
 * Nothing here touches a file. The writer keeps a tree_frontier; provers hand in a tree_source that knows the
 * hashes of full subtrees; verifiers need neither.
 */
#ifndef MUNIMENT_LEDGER_TREE_H
#define MUNIMENT_LEDGER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_HASH_SIZE	32
#define TREE_LEVELS	64
#define TREE_PROOF_MAX	65 /* hashes of the longest consistency proof; inclusion proofs have at most 64 */
#define TREE_SIZE_LIMIT ((uint64_t)1 << 62)

struct tree_hash {
	uint8_t bytes[TREE_HASH_SIZE];
};

/* Hashes, from the leaf's (or the old tree's) side upwards, in the order of RFC 6962. */
struct tree_proof {
	unsigned n;
	struct tree_hash hashes[TREE_PROOF_MAX];
};

/* The roots of the full subtrees of a tree, largest to the left: nodes[k] counts when bit k of size is set.
 */
struct tree_frontier {
	uint64_t size; /* leaves */
	struct tree_hash nodes[TREE_LEVELS];
};

/* Gives the root of the full subtree of 2^level leaves that starts at leaf index << level. 0 or -errno. */
struct tree_source {
	int (*node)(void *ctx, unsigned level, uint64_t index, struct tree_hash *ret_hash);
	void *ctx;
};

/* SHA-256(0x00 || entry) and SHA-256(0x01 || left || right). out may be one of the inputs. */
void tree_leaf(const void *entry, size_t n, struct tree_hash *out);
void tree_node(const struct tree_hash *left, const struct tree_hash *right, struct tree_hash *out);

/* Adds the full subtree of 2^level leaves with this root; the size so far must be a multiple of 2^level. */
void tree_frontier_add(struct tree_frontier *f, unsigned level, const struct tree_hash *root);

/* The root over all leaves so far; SHA-256("") for none. */
void tree_frontier_root(const struct tree_frontier *f, struct tree_hash *out);

bool tree_hash_equal(const struct tree_hash *a, const struct tree_hash *b);

/*
 * Proof that leaf `index` stands in the tree of `size` leaves, and proof that the tree of `size` extends that
 * of `old_size` (which may be 0 or equal: then the proof is empty). -EINVAL for an index or size out of
 * range, or what the source returns.
 */
int tree_prove_inclusion(const struct tree_source *s, uint64_t index, uint64_t size,
			 struct tree_proof *ret_proof);
int tree_prove_consistency(const struct tree_source *s, uint64_t old_size, uint64_t size,
			   struct tree_proof *ret_proof);

/* RFC 9162, 2.1.3.2 and 2.1.4.2. 0, or -EBADMSG when the proof does not hold. */
int tree_verify_inclusion(const struct tree_proof *p, uint64_t index, uint64_t size,
			  const struct tree_hash *leaf, const struct tree_hash *root);
int tree_verify_consistency(const struct tree_proof *p, uint64_t old_size, uint64_t size,
			    const struct tree_hash *old_root, const struct tree_hash *root);

/* Root of leaves [0, size) out of the source. */
int tree_source_root(const struct tree_source *s, uint64_t size, struct tree_hash *ret_root);

#endif
