// SPDX-License-Identifier: Apache-2.0
/*
 * The commit thread: makes one batch of appends durable, has the tree head signed and stores the checkpoint.
 * See ledger.h for the order, which is the whole point, and writer.h for who may touch what.
 */
#include "ledger/writer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ledger/checkpoint.h"

void chunk_free(struct chunk *c)
{
	buf_free(&c->bytes);
	buf_free(&c->marks);
}

void job_clear(struct job *job)
{
	for (size_t i = 0; i < job->n_chunks; i++) {
		if (job->chunks[i].seals)
			segment_free(job->chunks[i].segment);
		chunk_free(&job->chunks[i]);
	}
	job->n_chunks = 0;
	job->stage = JOB_FINISHED;
}

/* Only a full disk may be tried again: it leaves nothing unknown behind. */
static int write_error(int err)
{
	return err == -ENOSPC || err == -ENOMEM ? err : -EIO;
}

static int write_chunk(struct ledger *l, struct chunk *c)
{
	int err;

	if (c->marks.len) {
		buf_add(&c->bytes, c->marks.data, c->marks.len);
		if (c->bytes.failed)
			return -ENOMEM;
		buf_reset(&c->marks);
		batch_header_write(&c->batch, (uint8_t *)c->bytes.data);
	}
	err = l->io->write_at(l->io->ctx, c->segment->fd, c->bytes.data, c->bytes.len, c->offset);
	if (!err && c->seals)
		err = l->io->cut(l->io->ctx, c->segment->fd, c->offset + c->bytes.len);
	if (!err && c->seals)
		err = l->io->write_at(l->io->ctx, l->roots_fd, c->root.bytes, TREE_HASH_SIZE,
				      c->segment->number * TREE_HASH_SIZE);
	return err ? write_error(err) : 0;
}

static int job_write(struct ledger *l, struct job *job)
{
	for (size_t i = 0; i < job->n_chunks; i++) {
		int err = write_chunk(l, &job->chunks[i]);

		if (err)
			return err;
	}
	return 0;
}

static int job_sync(struct ledger *l, struct job *job)
{
	bool sealed = false;

	for (size_t i = 0; i < job->n_chunks; i++) {
		bool last = i + 1 == job->n_chunks || job->chunks[i + 1].segment != job->chunks[i].segment;

		sealed = sealed || job->chunks[i].seals;
		if (last && l->io->sync(l->io->ctx, job->chunks[i].segment->fd))
			return -EIO;
	}
	return sealed && l->io->sync(l->io->ctx, l->roots_fd) ? -EIO : 0;
}

static int job_sign(struct ledger *l, struct job *job)
{
	struct buf note = {0}, signatures = {0};
	int err;

	checkpoint_format(l->origin, job->slot->size, &job->root, &note);
	err = note.failed ? -ENOMEM : l->options.sign(l->options.sign_ctx, note.data, note.len, &signatures);
	if (!err && signatures.len == 0)
		err = -EKEYREJECTED;
	if (!err) {
		buf_char(&note, '\n');
		buf_add(&note, signatures.data, signatures.len);
		err = note.failed || signatures.failed ? -ENOMEM : note.len > SLOT_NOTE_MAX ? -EMSGSIZE : 0;
	}
	if (!err) {
		memcpy(job->slot->note, note.data, note.len);
		job->slot->note_len = (uint32_t)note.len;
	}
	buf_free(&signatures);
	buf_free(&note);
	/* -EIO means "the disk failed" to the owner; a signer that went away is another matter. */
	return err == -EIO ? -EKEYREJECTED : err;
}

static int job_store(struct ledger *l, struct job *job)
{
	uint64_t at = job->slot->generation % SLOT_COUNT * SLOT_SIZE;
	uint8_t bytes[SLOT_SIZE];

	slot_write(job->slot, bytes);
	/* The state's page first: see format.h. */
	if (l->io->write_at(l->io->ctx, l->slots_fd, bytes + SLOT_PAGE, SLOT_PAGE, at + SLOT_PAGE) ||
	    l->io->write_at(l->io->ctx, l->slots_fd, bytes, SLOT_PAGE, at) ||
	    l->io->sync(l->io->ctx, l->slots_fd))
		return -EIO;
	return 0;
}

/* What keeps a full disk away from the next appends. Its failure is not this commit's: appending will find
 * out. */
static void job_housekeeping(struct ledger *l, struct job *job)
{
	if (job->want_ahead && !job->ahead && segment_create(l, job->ahead_number, &job->ahead) == 0 &&
	    job->ahead_number * TREE_HASH_SIZE % (ROOTS_RESERVE / 2) == 0)
		(void)l->io->reserve(l->io->ctx, l->roots_fd, job->ahead_number * TREE_HASH_SIZE,
				     ROOTS_RESERVE);
	if (job->grow && !job->grown &&
	    l->io->reserve(l->io->ctx, job->grow->fd, job->grow->reserved, ledger_grow_bytes(l)) == 0)
		job->grown = ledger_grow_bytes(l);
}

void job_run(struct ledger *l, struct job *job)
{
	static int (*const stages[])(struct ledger *, struct job *) = {
		[JOB_WRITE] = job_write,
		[JOB_SYNC] = job_sync,
		[JOB_SIGN] = job_sign,
		[JOB_STORE] = job_store,
	};

	job->err = 0;
	for (; job->stage < JOB_FINISHED; job->stage++) {
		job->err = stages[job->stage](l, job);
		if (job->err)
			return;
	}
	job_housekeeping(l, job);
}

static void *commit_main(void *arg)
{
	struct ledger *l = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		while (l->job_state != JOB_RUNNING && !l->stop)
			pthread_cond_wait(&l->changed, &l->lock);
		if (l->job_state != JOB_RUNNING)
			break;
		pthread_mutex_unlock(&l->lock);
		job_run(l, &l->job);
		pthread_mutex_lock(&l->lock);
		l->job_state = JOB_DONE;
		pthread_cond_broadcast(&l->changed);
		/* The counter cannot overflow: one wake-up per commit, and each is reaped before the next. */
		if (write(l->event_fd, &one, sizeof(one)) < 0)
			continue;
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int commit_start(struct ledger *l)
{
	sigset_t all, before;
	int err;

	if (l->options.no_thread)
		return 0;
	/* Signals are for the owner's event loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&l->thread, NULL, commit_main, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	l->threaded = err == 0;
	return -err;
}

void commit_stop(struct ledger *l)
{
	if (!l->threaded)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	l->threaded = false;
}

int commit_empty_tree(struct ledger *l)
{
	int err;

	memset(l->job.slot, 0, sizeof(*l->job.slot));
	l->job.slot->generation = l->generation + 1;
	l->job.stage = JOB_SIGN;
	ledger_root(l, &l->job.root);
	job_run(l, &l->job);
	err = l->job.err;
	if (!err)
		l->generation++;
	if (!err && l->options.published)
		l->options.published(l->options.ctx, 0, l->job.slot->note, l->job.slot->note_len);
	job_clear(&l->job);
	return err;
}
