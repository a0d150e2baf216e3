// SPDX-License-Identifier: Apache-2.0
/*
 * Proofs out of a ledger's files: DIR/roots stands for full segments, the segments in question are hashed.
 * What comes out is verified before it is handed on, so a wrong DIR/roots costs time, never truth. See
 * reader.h.
 */
#include "ledger/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/io.h"

#define NODES_PER_SEGMENT (2 * SEGMENT_ENTRIES)

/* Knows the full subtrees of a tree: see tree_source. */
struct prover {
	int dir_fd;
	uint64_t size;
	struct tree_hash *roots; /* of full segments */
	uint64_t full;
	struct tree_hash
		*nodes;	  /* of one segment: level k begins at NODES_PER_SEGMENT - (NODES_PER_SEGMENT >> k) */
	uint64_t segment; /* in nodes; UINT64_MAX for none */
};

static struct tree_hash *level_nodes(struct prover *p, unsigned level)
{
	return p->nodes + NODES_PER_SEGMENT - (NODES_PER_SEGMENT >> level);
}

static int load_segment(struct prover *p, uint64_t number)
{
	long n;

	if (p->segment == number)
		return 0;
	p->segment = UINT64_MAX;
	n = ledger_segment_leaves(p->dir_fd, number, p->size, p->nodes);
	if (n < 0)
		return (int)n;
	for (unsigned k = 1; k <= SEGMENT_ENTRIES_LOG2; k++) {
		struct tree_hash *below = level_nodes(p, k - 1), *here = level_nodes(p, k);

		n /= 2;
		for (long i = 0; i < n; i++)
			tree_node(&below[2 * i], &below[2 * i + 1], &here[i]);
	}
	p->segment = number;
	return 0;
}

static int prover_node(void *ctx, unsigned level, uint64_t index, struct tree_hash *ret_hash)
{
	struct prover *p = ctx;
	struct tree_frontier f = {0};
	int err;

	if (level < SEGMENT_ENTRIES_LOG2) {
		err = load_segment(p, index >> (SEGMENT_ENTRIES_LOG2 - level));
		if (!err)
			*ret_hash = level_nodes(p, level)[index & ((SEGMENT_ENTRIES >> level) - 1)];
		return err;
	}
	level -= SEGMENT_ENTRIES_LOG2;
	if ((index + 1) << level > p->full)
		return -EINVAL;
	for (uint64_t k = index << level; k < (index + 1) << level; k++)
		tree_frontier_add(&f, 0, &p->roots[k]);
	tree_frontier_root(&f, ret_hash);
	return 0;
}

static int read_roots(struct prover *p)
{
	size_t n = (size_t)p->full * TREE_HASH_SIZE;
	int fd = openat(p->dir_fd, ROOTS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	long got = fd < 0 ? 0 : ledger_read_at(fd, p->roots, n, 0);

	if (fd >= 0)
		close(fd);
	return got == (long)n ? 0 : -EAGAIN;
}

static int compute_roots(struct prover *p)
{
	for (uint64_t k = 0; k < p->full; k++) {
		int err = load_segment(p, k);

		if (err)
			return err;
		p->roots[k] = *level_nodes(p, SEGMENT_ENTRIES_LOG2);
	}
	return 0;
}

/* Makes a prover whose nodes give `root`. */
static int prover_open(struct prover *p, int dir_fd, uint64_t size, const struct tree_hash *root)
{
	struct tree_source source = {prover_node, p};
	struct tree_hash got;
	int err;

	*p = (struct prover){.dir_fd = dir_fd, .size = size, .segment = UINT64_MAX};
	p->full = size >> SEGMENT_ENTRIES_LOG2;
	p->roots = calloc(p->full + 1, sizeof(*p->roots));
	p->nodes = calloc(NODES_PER_SEGMENT, sizeof(*p->nodes));
	if (!p->roots || !p->nodes)
		return -ENOMEM;
	err = read_roots(p);
	for (int i = 0; i < 2; i++) {
		if (!err)
			err = tree_source_root(&source, size, &got);
		if (!err && tree_hash_equal(&got, root))
			return 0;
		if (i == 0)
			err = compute_roots(p);
	}
	return err ? err : -EBADMSG;
}

static void prover_close(struct prover *p)
{
	free(p->roots);
	free(p->nodes);
}

int ledger_prove(struct ledger_reader *r, uint64_t index, struct tree_proof *ret_proof)
{
	const struct checkpoint *c = ledger_reader_checkpoint(r);
	struct prover p;
	struct tree_source source = {prover_node, &p};
	struct tree_proof proof;
	struct tree_hash leaf;
	int err;

	if (index >= c->size)
		return -EINVAL;
	err = prover_open(&p, ledger_reader_dir_fd(r), c->size, &c->root);
	if (!err)
		err = tree_prove_inclusion(&source, index, c->size, &proof);
	if (!err)
		err = prover_node(&p, 0, index, &leaf);
	if (!err)
		err = tree_verify_inclusion(&proof, index, c->size, &leaf, &c->root);
	if (!err)
		*ret_proof = proof;
	prover_close(&p);
	return err;
}

int ledger_prove_consistency(struct ledger_reader *r, uint64_t old_size, struct tree_proof *ret_proof,
			     struct tree_hash *ret_old_root)
{
	const struct checkpoint *c = ledger_reader_checkpoint(r);
	struct prover p;
	struct tree_source source = {prover_node, &p};
	struct tree_proof proof;
	struct tree_hash old_root;
	int err;

	if (old_size > c->size)
		return -EINVAL;
	err = prover_open(&p, ledger_reader_dir_fd(r), c->size, &c->root);
	if (!err)
		err = tree_prove_consistency(&source, old_size, c->size, &proof);
	if (!err)
		err = tree_source_root(&source, old_size, &old_root);
	if (!err)
		err = tree_verify_consistency(&proof, old_size, c->size, &old_root, &c->root);
	if (!err) {
		*ret_proof = proof;
		*ret_old_root = old_root;
	}
	prover_close(&p);
	return err;
}
