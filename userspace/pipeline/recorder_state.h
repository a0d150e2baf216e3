/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct recorder, shared by recorder.c, recorder_resume.c and recorder_event.c only. */
#ifndef MUNIMENT_PIPELINE_RECORDER_STATE_H
#define MUNIMENT_PIPELINE_RECORDER_STATE_H

#include "pipeline/recorder.h"
#include "pipeline/track.h"
#include "pipeline/twice.h"

#define COMMITS_MAX 8

/* A ring position that may be given back once the ledger is durable up to size. */
struct recorder_mark {
	uint64_t size;
	uint64_t position;
};

struct recorder {
	struct recorder_options options;
	struct host host;
	struct ledger *ledger;
	struct enrich *enrich;
	struct ocsf *ocsf;
	struct track *track;
	struct twice *twice;
	struct recorder_counts counts;
	struct buf line;
	struct buf stuck; /* the entry that found the disk full */
	struct buf event;
	enum ocsf_kind event_kind;
	struct buf state;
	struct buf kept; /* struct kept_numbers: those that entries above the last checkpoint account for */
	uint32_t kept_generation; /* of a `policy` entry among them; 0: none */
	uint8_t kept_sha256[POLICY_DIGEST_SIZE];
	uint32_t generation; /* in force; of the daemon before until the first policy is set */
	uint8_t sha256[POLICY_DIGEST_SIZE];
	bool resumed; /* generation and sha256 are those of the daemon before */
	bool urgent;
	struct recorder_mark marks[COMMITS_MAX]; /* ascending */
	unsigned n_marks;
	uint64_t released;
	struct record_header stuck_header; /* whose entry `stuck` is */
	struct buf alerts;		   /* lines that belong to entries not yet handed over */
	struct buf alerts_handed;	   /* to a commit */
	uint64_t alerts_size;		   /* printed when the ledger is durable up to here */
	uint64_t now_ns;
};

/* recorder_resume.c: where the daemon before stopped. */
void recorder_resume(struct recorder *r, const struct ledger_recovery *recovery);
/* Takes one entry that lies above the last checkpoint into account. */
void recorder_kept(void *recorder, uint64_t index, const void *entry, size_t n);
/* Fills r->state. */
void recorder_save(struct recorder *r);

/* Appends an entry; closing: it may use the space kept for last words. */
int recorder_append(struct recorder *r, const struct buf *line, bool closing);

/* Appends r->line, which tells of this record, and only then counts the record as seen. */
int recorder_write(struct recorder *r, const struct record_header *header);

/* A record that makes no sense becomes an entry with its bytes. */
int recorder_malformed(struct recorder *r, const void *record, size_t size, enum decode_error error);

#endif
