// SPDX-License-Identifier: Apache-2.0
/* Appending to the ledger, and the owner's side of commits: see ledger.h. */
#include "ledger/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

#define PENDING_MAX_DEFAULT (4ULL << 20)

void ledger_root(const struct ledger *l, struct tree_hash *out)
{
	struct tree_frontier whole = l->top;

	memcpy(whole.nodes, l->edge.nodes, SEGMENT_ENTRIES_LOG2 * sizeof(whole.nodes[0]));
	whole.size += l->edge.size;
	tree_frontier_root(&whole, out);
}

bool ledger_count_leaf(struct ledger *l, const struct tree_hash *leaf, struct tree_hash *ret_segment_root)
{
	tree_frontier_add(&l->edge, 0, leaf);
	if (l->edge.size < SEGMENT_ENTRIES)
		return false;
	*ret_segment_root = l->edge.nodes[SEGMENT_ENTRIES_LOG2];
	tree_frontier_add(&l->top, SEGMENT_ENTRIES_LOG2, ret_segment_root);
	l->edge.size = 0;
	return true;
}

/* --- room --- */

/* Takes the segment for the next entry into work. May wait for a commit that is just making it. */
static int begin_segment(struct ledger *l)
{
	uint64_t number = ledger_tree_size(l) >> SEGMENT_ENTRIES_LOG2;
	int err;

	/* A signer that fails is no reason to refuse entries; the next ledger_commit reports it again. */
	if (!l->ahead && ledger_wait(l) && l->failed)
		return -EIO;
	if (!l->ahead) {
		err = segment_create(l, number, &l->ahead);
		if (err)
			return err;
		/* A retained job must not make this segment once more. */
		l->job.want_ahead = false;
	}
	l->current = l->ahead;
	l->ahead = NULL;
	return 0;
}

/* Makes sure that `need` more bytes of the current segment are reserved, beside what closing entries may
 * count on. */
static int reserve_room(struct ledger *l, uint64_t need, bool closing)
{
	struct segment *s = l->current;
	int err;

	if (!closing)
		need += CLOSING_RESERVE;
	if (s->planned + need <= s->reserved)
		return 0;
	if (l->job.grow == s && ledger_wait(l) && l->failed)
		return -EIO;
	if (s->planned + need <= s->reserved)
		return 0;
	/* On a nearly full disk the large step fails while small ones still find room. */
	for (uint64_t step = ledger_grow_bytes(l);; step = GROW_LEAST) {
		err = l->io->reserve(l->io->ctx, s->fd, s->reserved, step);
		if (!err)
			s->reserved += step;
		if (err != -ENOSPC || step == GROW_LEAST)
			break;
	}
	return err;
}

static int new_chunk(struct ledger *l, struct chunk **ret_chunk)
{
	struct chunk *c;

	if (!l->chunks || l->n_chunks == l->chunks_cap) {
		size_t cap = l->chunks_cap ? 2 * l->chunks_cap : 8;

		c = reallocarray(l->chunks, cap, sizeof(*c));
		if (!c)
			return -ENOMEM;
		l->chunks = c;
		l->chunks_cap = cap;
	}
	c = &l->chunks[l->n_chunks];
	*c = (struct chunk){
		.segment = l->current, .offset = l->current->planned, .batch.first = ledger_tree_size(l)};
	if (!buf_grow(&c->bytes, 16384))
		return -ENOMEM;
	memset(c->bytes.data, 0, BATCH_HEADER_SIZE);
	c->bytes.len = BATCH_HEADER_SIZE;
	l->current->planned += BATCH_HEADER_SIZE;
	l->n_chunks++;
	*ret_chunk = c;
	return 0;
}

/* The batch that takes the next entry of n bytes. */
static int open_chunk(struct ledger *l, size_t n, bool closing, struct chunk **ret_chunk)
{
	struct chunk *c = l->n_chunks ? &l->chunks[l->n_chunks - 1] : NULL;
	int err;

	if (!l->current) {
		err = begin_segment(l);
		if (err)
			return err;
	}
	err = reserve_room(l, BATCH_HEADER_SIZE + 2 + n + BATCH_MARK_SIZE, closing);
	if (err)
		return err;
	if (c && c->segment == l->current && c->batch.entry_bytes < CHUNK_BYTES) {
		*ret_chunk = c;
		return 0;
	}
	return new_chunk(l, ret_chunk);
}

/* --- appending --- */

/* A batch without entries must not be written: a reader would take it for the end. */
static void drop_empty_chunk(struct ledger *l, struct chunk *c)
{
	if (c->batch.count)
		return;
	chunk_free(c);
	l->current->planned -= BATCH_HEADER_SIZE;
	l->n_chunks--;
}

static int append(struct ledger *l, const void *entry, size_t n, bool closing, uint64_t *ret_index)
{
	uint64_t index = ledger_tree_size(l);
	struct tree_hash leaf;
	struct chunk *c;
	uint8_t length[2];
	int err;

	if (n == 0 || n > ENTRY_MAX)
		return -EMSGSIZE;
	if (l->failed)
		return -EIO;
	if (!closing &&
	    l->pending + n > (l->options.pending_max ? l->options.pending_max : PENDING_MAX_DEFAULT))
		return -EAGAIN;
	err = open_chunk(l, n, closing, &c);
	if (err)
		return err;
	/* Both buffers first: an entry is in the batch whole or not at all. */
	if ((c->bytes.cap - c->bytes.len <= n + 2 && !buf_grow(&c->bytes, n + 2)) ||
	    (c->marks.cap - c->marks.len <= BATCH_MARK_SIZE && !buf_grow(&c->marks, BATCH_MARK_SIZE))) {
		c->bytes.failed = c->marks.failed = false;
		drop_empty_chunk(l, c);
		return -ENOMEM;
	}
	leaf_hash(l->leaves, entry, n, &leaf);
	put_be(length, n, 2);
	buf_add(&c->bytes, length, 2);
	buf_add(&c->bytes, entry, n);
	buf_add(&c->marks, leaf.bytes, BATCH_MARK_SIZE);
	c->batch.count++;
	c->batch.entry_bytes += (uint32_t)(2 + n);
	l->current->planned += 2 + n + BATCH_MARK_SIZE;
	l->pending += n;
	c->seals = ledger_count_leaf(l, &leaf, &c->root);
	if (c->seals)
		l->current = NULL;
	if (ret_index)
		*ret_index = index;
	return 0;
}

int ledger_append(struct ledger *l, const void *entry, size_t n, uint64_t *ret_index)
{
	return append(l, entry, n, false, ret_index);
}

int ledger_append_closing(struct ledger *l, const void *entry, size_t n, uint64_t *ret_index)
{
	return append(l, entry, n, true, ret_index);
}

int ledger_nonce(struct ledger *l, char out[LEDGER_NONCE_SIZE])
{
	return nonce_source_next(l->nonces, out);
}

/* --- commits: the owner's side --- */

static void submit(struct ledger *l)
{
	if (!l->threaded) {
		job_run(l, &l->job);
		l->job_state = JOB_DONE;
		return;
	}
	pthread_mutex_lock(&l->lock);
	l->job_state = JOB_RUNNING;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

/* Takes over what a finished commit made, and publishes. */
static int reap(struct ledger *l)
{
	struct job *job = &l->job;

	if (job->ahead) {
		l->ahead = job->ahead;
		job->ahead = NULL;
		job->want_ahead = false;
	}
	if (job->grow)
		job->grow->reserved += job->grown;
	job->grow = NULL;
	job->grown = 0;
	if (job->err) {
		l->failed = l->failed || job->err == -EIO;
		l->job_state = JOB_RETAINED;
		return job->err;
	}
	l->committed = job->slot->size;
	job_clear(job);
	l->job_state = JOB_IDLE;
	if (l->options.published)
		l->options.published(l->options.ctx, job->slot->size, job->slot->note, job->slot->note_len);
	return 0;
}

static enum job_state job_state(struct ledger *l)
{
	enum job_state state;

	pthread_mutex_lock(&l->lock);
	state = l->job_state;
	pthread_mutex_unlock(&l->lock);
	return state;
}

int ledger_poll(struct ledger *l)
{
	uint64_t count;

	if (job_state(l) != JOB_DONE)
		return l->failed ? -EIO : 0;
	if (l->threaded && read(l->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	return reap(l);
}

int ledger_wait(struct ledger *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->job_state == JOB_RUNNING)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
	return ledger_poll(l);
}

/* Moves everything appended into the job. */
static void fill_job(struct ledger *l, const void *state, size_t state_len)
{
	struct job *job = &l->job;
	struct chunk *chunks = job->chunks;
	size_t cap = job->chunks_cap;

	job->chunks = l->chunks;
	job->n_chunks = l->n_chunks;
	job->chunks_cap = l->chunks_cap;
	l->chunks = chunks;
	l->chunks_cap = cap;
	l->n_chunks = 0;
	l->pending = 0;
	job->stage = JOB_WRITE;
	ledger_root(l, &job->root);
	job->slot->generation = ++l->generation;
	job->slot->size = ledger_tree_size(l);
	job->slot->state_len = (uint32_t)state_len;
	if (state_len) {
		memcpy(job->slot->state, state, state_len);
		memcpy(l->state, state, state_len);
	}
	l->state_len = state_len;
	job->want_ahead = !l->ahead;
	job->ahead_number = (ledger_tree_size(l) >> SEGMENT_ENTRIES_LOG2) + (l->current ? 1 : 0);
	if (l->current && l->current->reserved < l->current->planned + ledger_grow_bytes(l) / 2)
		job->grow = l->current;
}

int ledger_commit(struct ledger *l, const void *state, size_t state_len)
{
	enum job_state job;
	int err;

	if (state_len > SLOT_STATE_MAX)
		return -EMSGSIZE;
	err = ledger_poll(l);
	if (l->failed)
		return -EIO;
	if (err)
		return err;
	/* One look: the thread may have finished since the poll, and what it made is not yet taken over. */
	job = job_state(l);
	if (job == JOB_RUNNING || job == JOB_DONE)
		return -EAGAIN;
	if (job == JOB_RETAINED) {
		submit(l);
		return l->threaded ? 0 : ledger_poll(l);
	}
	if (ledger_tree_size(l) == l->committed && state_len == l->state_len &&
	    (state_len == 0 || memcmp(state, l->state, state_len) == 0))
		return 0;
	fill_job(l, state, state_len);
	submit(l);
	return l->threaded ? 0 : ledger_poll(l);
}

int ledger_flush(struct ledger *l, const void *state, size_t state_len)
{
	int err = ledger_wait(l);

	/* The second round takes what was appended while a retained commit was in the way. */
	for (int round = 0; round < 2 && (!err || round == 0); round++) {
		err = ledger_commit(l, state, state_len);
		if (!err)
			err = ledger_wait(l);
	}
	return err;
}

int ledger_event_fd(const struct ledger *l)
{
	return l->event_fd;
}

uint64_t ledger_size(const struct ledger *l)
{
	return ledger_tree_size(l);
}

uint64_t ledger_committed(const struct ledger *l)
{
	return l->committed;
}

uint64_t ledger_pending(const struct ledger *l)
{
	return l->pending;
}
