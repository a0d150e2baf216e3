/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the ledger's writer, shared by its files only: writer.c (appending), commit.c (the commit
 * thread), recover.c (opening), segment.c (files). ledger.h is the interface.
 *
 * Who may touch what: all fields belong to the owner's thread, but for `job` between the states JOB_RUNNING
 * and JOB_DONE, when it belongs to the commit thread.
 */
#ifndef MUNIMENT_LEDGER_WRITER_H
#define MUNIMENT_LEDGER_WRITER_H

#include <pthread.h>

#include "ledger/leaf.h"
#include "ledger/ledger.h"
#include "ledger/scan.h"
#include "ledger/tree.h"

#define CLOSING_RESERVE (64ULL << 10)	      /* kept for the last words on a full disk */
#define GROW_LEAST	(4 * CLOSING_RESERVE) /* more than the largest entry and the closing reserve */
#define RESERVE_DEFAULT (16ULL << 20)	      /* of a new segment */
#define CHUNK_BYTES	(1U << 20)	      /* a batch is closed once its entries reach this */
#define ROOTS_RESERVE	(64ULL << 10)

struct segment {
	int fd;
	uint64_t number;
	uint64_t planned;  /* where the next batch goes */
	uint64_t reserved; /* writes below this offset do not find the disk full */
};

/* One batch that waits to be written. */
struct chunk {
	struct segment *segment;
	uint64_t offset;
	struct batch batch;
	struct buf
		bytes; /* room for the header, entries with lengths; the marks are added when it is written */
	struct buf marks;
	bool seals;	       /* the segment is full with this batch: cut, note the root, close */
	struct tree_hash root; /* of the sealed segment */
};

enum job_stage { JOB_WRITE = 1, JOB_SYNC, JOB_SIGN, JOB_STORE, JOB_FINISHED };
enum job_state { JOB_IDLE = 1, JOB_RUNNING, JOB_DONE, JOB_RETAINED };

struct job {
	enum job_stage stage;
	struct chunk *chunks;
	size_t n_chunks, chunks_cap;
	struct tree_hash root;
	struct slot *slot; /* generation, size, state; the note once signed */
	int err;
	/* Housekeeping that the owner asks for, and what came of it. */
	bool want_ahead;
	uint64_t ahead_number;
	struct segment *ahead;
	struct segment *grow; /* borrowed */
	uint64_t grown;
};

struct nonce_source;

struct ledger {
	char *origin;
	struct ledger_options options;
	const struct ledger_io *io;
	int dir_fd, slots_fd, roots_fd, event_fd;

	struct tree_frontier top;  /* full segments: levels >= 16 */
	struct tree_frontier edge; /* leaves of the segment in work: levels < 16 */
	struct segment *current;   /* NULL when the last one is sealed and the next not yet begun */
	struct segment *ahead;	   /* reserved for the next roll, or NULL */
	struct chunk *chunks;	   /* appended, not handed over; the last one may be open */
	size_t n_chunks, chunks_cap;
	uint64_t pending;

	uint64_t generation, committed;
	uint8_t state[SLOT_STATE_MAX]; /* of the last commit that was handed over */
	size_t state_len;
	bool failed; /* a write or fdatasync failed: nothing more is signed */
	struct nonce_source *nonces;
	struct leaf_cache *leaves;

	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* guards job_state and stop */
	pthread_cond_t changed;
	enum job_state job_state;
	bool stop;
	struct job job;
};

static inline uint64_t ledger_tree_size(const struct ledger *l)
{
	return l->top.size + l->edge.size;
}

/* Bytes that are reserved at a time once a segment's first reservation is used up. */
static inline uint64_t ledger_grow_bytes(const struct ledger *l)
{
	uint64_t half = (l->options.reserve_bytes ? l->options.reserve_bytes : RESERVE_DEFAULT) / 2;

	return half > GROW_LEAST ? half : GROW_LEAST;
}

/* The root over everything appended. */
void ledger_root(const struct ledger *l, struct tree_hash *out);

/* Counts one leaf; on the last of a segment sets *ret_segment_root and returns true. */
bool ledger_count_leaf(struct ledger *l, const struct tree_hash *leaf, struct tree_hash *ret_segment_root);

/* segment.c: files under their temporary name, fsync, rename, fsync of the directory. */
int segment_create(struct ledger *l, uint64_t number, struct segment **ret_segment);
int segment_reopen(struct ledger *l, uint64_t number, uint64_t offset, struct segment **ret_segment);
void segment_free(struct segment *s);
int ledger_file_create(struct ledger *l, const char *name, uint64_t zeroes);

/* recover.c: reads what is there and brings l to where it can append. */
int ledger_recover(struct ledger *l, struct ledger_recovery *rec);

/* commit.c */
void job_run(struct ledger *l, struct job *job);
void job_clear(struct job *job);
void chunk_free(struct chunk *c);
int commit_start(struct ledger *l); /* makes the thread, unless no_thread */
void commit_stop(struct ledger *l);
int commit_empty_tree(struct ledger *l); /* the first checkpoint of a new ledger, on the caller's thread */

struct nonce_source *nonce_source_new(void);
void nonce_source_free(struct nonce_source *s);
int nonce_source_next(struct nonce_source *s, char out[LEDGER_NONCE_SIZE]);

#endif
