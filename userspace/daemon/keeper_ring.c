// SPDX-License-Identifier: Apache-2.0
/* From the ring into the ledger, commit by commit: see keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "kernel/ring.h"
#include "pipeline/host.h"

#define BATCH_RECORDS 256
#define BATCHES_MAX   256		    /* before the loop looks at its other descriptors */
#define HOLD_BYTES    (RING_SIZE_BYTES / 4) /* records that wait for a commit: more, and it is begun at once */
#define MS	      1000000ull

void keeper_ledger_failed(struct keeper *k, int err, const char *doing)
{
	if (k->ledger_down)
		return;
	/*
	 * A failed fdatasync is never retried on its descriptor, and the records still lie in the ring, which
	 * is pinned. So the right place to begin anew is the next daemon, which adopts both.
	 */
	log_error("ledger: %s: %s; the keeper ends, records stay in the kernel for the next one", doing,
		  strerror(-err));
	k->ledger_down = true;
	k->end = KEEPER_FAILED;
}

static void disk_full(struct keeper *k, uint64_t now_ns)
{
	struct buf *b;

	if (k->full_ns)
		return;
	k->full_ns = k->retried_ns = now_ns;
	log_error("ledger: the disk is full; records wait in the kernel, then each store's audit setting "
		  "decides");
	b = recorder_event(k->recorder, OCSF_DISK_FULL,
			   "the disk of the ledger is full; records wait in the kernel");
	json_str(b, "ledger", k->config->ledger);
	(void)recorder_event_end(k->recorder);
}

/* After anything that appends. */
static void judge(struct keeper *k, int err, const char *doing, uint64_t now_ns)
{
	if (err == -ENOSPC)
		disk_full(k, now_ns);
	else if (err)
		keeper_ledger_failed(k, err, doing);
}

void keeper_event_end(struct keeper *k)
{
	judge(k, recorder_event_end(k->recorder), "writing an entry", host_monotonic_ns());
}

/* While the disk is full: nothing is read, and every other second it is tried again. */
static bool still_full(struct keeper *k, uint64_t now_ns)
{
	struct buf *b;
	int err;

	if (!k->full_ns)
		return false;
	if (now_ns - k->retried_ns < RETRY_MS * MS)
		return true;
	k->retried_ns = now_ns;
	err = recorder_retry(k->recorder);
	if (err == -ENOSPC)
		return true;
	if (err) {
		keeper_ledger_failed(k, err, "trying again after the disk was full");
		return true;
	}
	b = recorder_event(k->recorder, OCSF_DISK_FREE, "the disk of the ledger has room again");
	json_u64(b, "seconds", (now_ns - k->full_ns) / 1000000000u);
	k->full_ns = 0;
	keeper_event_end(k);
	log_info("ledger: the disk has room again");
	return k->full_ns != 0;
}

/* Numbers that were given before the ring was found empty have come, or are lost. While it never is, only
 * holes count. */
static void account(struct keeper *k, int n_cpus, uint64_t now_ns)
{
	unsigned n = n_cpus > 0 && ring_is_drained(kernel_ring(k->kernel)) ? (unsigned)n_cpus : 0;

	judge(k, recorder_account(k->recorder, k->sequences, n, false), "writing a loss", now_ns);
}

void keeper_drain(struct keeper *k, uint64_t now_ns)
{
	struct ring *ring = kernel_ring(k->kernel);
	int n_cpus;
	long n = BATCH_RECORDS;

	k->drained_ns = now_ns;
	recorder_tick(k->recorder);
	if (k->ledger_down)
		return;
	if (still_full(k, now_ns)) {
		keeper_commit(k, now_ns); /* what was accepted, and the entry that says so */
		return;
	}
	/* Before reading: what is given after this may still be under way. */
	n_cpus = kernel_sequences(k->kernel, k->sequences, k->cpus);
	for (int i = 0; i < BATCHES_MAX && n == BATCH_RECORDS; i++) {
		k->batch_position = ring_position(ring);
		n = ring_read(ring, BATCH_RECORDS, recorder_record, k->recorder);
		if (n < 0)
			break;
		keeper_pace(k);
		if (recorder_is_urgent(k->recorder) ||
		    ring_position(ring) - recorder_released(k->recorder) > HOLD_BYTES)
			keeper_commit(k, now_ns);
	}
	if (n == -EBADMSG) {
		log_error("the ring's own headers make no sense; the keeper ends");
		k->end = KEEPER_FAILED;
	} else if (n < 0) {
		judge(k, (int)n, "writing an access", now_ns);
	} else {
		account(k, n_cpus > (int)k->cpus ? (int)k->cpus : n_cpus, now_ns);
	}
	keeper_commit(k, now_ns);
}

void keeper_tell(struct keeper *k, bool all)
{
	int err = kernel_tell(k->kernel, all);

	/* While the ring is full: what is taken out makes room. */
	for (int i = 0; all && err == -EAGAIN && i < TELL_ROUNDS && !k->ledger_down && !k->full_ns; i++) {
		keeper_drain(k, host_monotonic_ns());
		err = kernel_tell(k->kernel, all);
	}
	if (err && err != -EAGAIN && err != k->tell_error)
		log_error("what was folded in the kernel cannot be told: %s; it stays there", strerror(-err));
	k->tell_error = err;
}

static bool is_due(struct keeper *k, uint64_t now_ns)
{
	uint64_t since = now_ns - k->committed_ns;
	uint64_t held = ring_position(kernel_ring(k->kernel)) - recorder_released(k->recorder);

	if (recorder_is_urgent(k->recorder) || held > HOLD_BYTES)
		return true;
	if (recorder_has_pending(k->recorder))
		return since >= COMMIT_MS * MS;
	return held && since >= IDLE_COMMIT_MS * MS;
}

/* How far records may be given back with this commit. Those of a batch that stopped half way come again
 * otherwise. */
uint64_t keeper_safe_position(struct keeper *k)
{
	return recorder_is_stuck(k->recorder) ? k->batch_position : ring_position(kernel_ring(k->kernel));
}

void keeper_commit(struct keeper *k, uint64_t now_ns)
{
	int err;

	/* A commit may have been reaped on the way, when an entry had to wait for it. */
	ring_release(kernel_ring(k->kernel), recorder_released(k->recorder));
	if (k->ledger_down || !is_due(k, now_ns))
		return;
	err = recorder_commit(k->recorder, keeper_safe_position(k));
	if (err == -EAGAIN)
		return;
	if (err == -EIO) {
		keeper_ledger_failed(k, err, "committing");
		return;
	}
	k->committed_ns = now_ns;
	if (err && err != k->commit_error)
		log_error("ledger: committing: %s; it is tried again", strerror(-err));
	k->commit_error = err;
}

void keeper_committed(struct keeper *k, uint64_t now_ns)
{
	int err = recorder_poll(k->recorder);

	ring_release(kernel_ring(k->kernel), recorder_released(k->recorder));
	keeper_pace(k);
	if (err == -EIO || err == -EPIPE || err == -ETIMEDOUT || err == -EKEYREJECTED) {
		/* A signer that is gone or refuses: without signatures this process is of no use. */
		keeper_ledger_failed(k, err, err == -EIO ? "committing" : "having the tree head signed");
		return;
	}
	if (err && err != k->commit_error)
		log_error("ledger: committing: %s; it is tried again", strerror(-err));
	if (err == -ENOSPC)
		disk_full(k, now_ns);
	k->commit_error = err;
}
