/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From ring records to signed entries: decode, count, enrich, write, append, commit. Everything between the
 * ring and the ledger, without either's descriptors, so that it runs in tests and benchmarks as it does in
 * the keeper.
 *
 * Owns the ledger, the enrichment and the numbering. One thread. Records are given back to the kernel only
 * when a checkpoint covers them: the caller tells a ring position with each commit and gets it back when it
 * is durable.
 */
#ifndef MUNIMENT_PIPELINE_RECORDER_H
#define MUNIMENT_PIPELINE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "pipeline/ocsf.h"

struct recorder;

struct recorder_options {
	const char *ledger_dir;
	const char *origin;
	int (*sign)(void *ctx, const char *text, size_t n, struct buf *signatures); /* see ledger_options */
	void *sign_ctx;
	const struct note_verifier *verifier; /* may be NULL */
	unsigned cpus;			      /* possible CPUs */
	uint64_t ring; /* which ring of this boot: counting goes on where the ledger has the same one */
	uint64_t ring_position; /* where reading begins */
	const struct host *host;
	const struct names_source *names; /* NULL: NSS */
	/* May be NULL. After a commit: entries below size are durable. alerts: lines for people, NULL when
	 * there are none. */
	void (*published)(void *ctx, uint64_t size, const char *alerts);
	/* May be NULL: a canary's record; it is not written. */
	void (*canary)(void *ctx, const struct record_access *access);
	void *ctx;
};

struct recorder_counts {
	uint64_t events; /* access entries written */
	uint64_t denials;
	uint64_t observed; /* would have been denied */
	uint64_t lost;
	uint64_t late;
	uint64_t duplicates;
	uint64_t twice; /* records of a second load's programs, at a takeover */
	uint64_t malformed;
	uint64_t undetermined;
	uint64_t alerts;
};

/*
 * Opens the ledger and takes up its state. ret_recovery as ledger_open; the caller writes the `recovered`
 * entry. The generation to number the next policy with: recorder_next_generation. Errors of ledger_open,
 * -ENOMEM.
 */
int recorder_open(const struct recorder_options *options, struct recorder **ret_recorder,
		  struct ledger_recovery *ret_recovery);
/* Takes NULL. What was not committed is dropped: call recorder_flush before. */
void recorder_close(struct recorder *r);

/* The number of a policy: that of the daemon before if the policy is the same and its records may come, else
 * the next. */
uint32_t recorder_next_generation(const struct recorder *r, const uint8_t sha256[POLICY_DIGEST_SIZE]);
int recorder_set_policy(struct recorder *r, uint32_t generation, struct policy_image *image);
struct ocsf *recorder_ocsf(struct recorder *r);
struct ledger *recorder_ledger(struct recorder *r);
struct enrich *recorder_enrich(struct recorder *r);

/*
 * Takes one record of the ring; the signature of ring_record_fn with a struct recorder as ctx. 0; -ENOSPC:
 * the disk is full, the record is kept inside and goes first when recorder_retry succeeds, hand in no more
 * until then; -EIO and others: the ledger is out of service.
 */
int recorder_record(void *recorder, const void *record, size_t size);
/* What the daemon before was told: a program's name (RECORD_PROGRAM), or data passed on (RECORD_PASS). Their numbers do not
 * count. */
void recorder_know(struct recorder *r, const void *record, size_t size);
int recorder_retry(struct recorder *r);
/* True: a record was taken from the ring and is not in the ledger yet. */
bool recorder_is_stuck(const struct recorder *r);

/* Begins an entry about the daemon: add members of unmapped.muniment to the result, then recorder_event_end.
 */
struct buf *recorder_event(struct recorder *r, enum ocsf_kind kind, const char *message);
/* 0; -ENOSPC; -EIO. On a full disk, entries of an alert's kind and `stop` use the space kept for last words.
 */
int recorder_event_end(struct recorder *r);

/* Numbers up to sequences[cpu] were given before the ring was found empty: see track_expect. Writes `loss`
 * entries. */
int recorder_account(struct recorder *r, const uint64_t *sequences, unsigned n, bool all);

/*
 * Adds "numbers" to an entry or a status: for each CPU the last number given, how many of them belong to
 * records without an entry, and how many were lost. With those that entries bear, everything since the ring
 * was made adds up.
 */
void recorder_add_numbers(const struct recorder *r, struct buf *out);

/* True: something waits that should be committed at once. */
bool recorder_is_urgent(const struct recorder *r);
/* Bytes and alerts that wait: whether a commit would do anything. */
bool recorder_has_pending(const struct recorder *r);

/* Hands over what was appended; ring_position goes with it. 0; -EAGAIN one is under way; -EIO. */
int recorder_commit(struct recorder *r, uint64_t ring_position);
/* When ledger_event_fd turned readable. 0 or the commit's error. */
int recorder_poll(struct recorder *r);
/* Commits everything and waits. */
int recorder_flush(struct recorder *r, uint64_t ring_position);
/* The ring position up to which all is durable. */
uint64_t recorder_released(const struct recorder *r);

/* A few times a second. */
void recorder_tick(struct recorder *r);

void recorder_count(const struct recorder *r, struct recorder_counts *ret_counts);

#endif
