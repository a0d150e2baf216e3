/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's writer: entries go in, a growing Merkle tree with signed checkpoints comes out. format.h has
 * the bytes on disk.
 *
 * One thread (the keeper's) owns a struct ledger and makes every call below. Appending copies and hashes; no
 * call but ledger_open, ledger_flush and ledger_wait waits for the disk. Writing, fdatasync, signing and the
 * checkpoint slot are the work of a commit thread inside, one commit at a time, and ledger_event_fd turns
 * readable when it is done. The usual loop:
 *
 *	ledger_append(l, …) for each event;
 *	every few milliseconds, or when ledger_pending grows:  ledger_commit(l, state, state_len)
 *		(-EAGAIN: one is under way);
 *	ledger_event_fd readable:  ledger_poll(l)  calls published(), returns that commit's error.
 *
 * Order of a commit: batches → fdatasync → root → sign → slot → fdatasync → published().
 */
#ifndef MUNIMENT_LEDGER_LEDGER_H
#define MUNIMENT_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ledger/format.h"
#include "ledger/io.h"
#include "ledger/note.h"

#define LEDGER_NONCE_SIZE 23 /* 16 bytes as base64url with NUL */

struct ledger;

struct ledger_options {
	const char *origin; /* name of the log and of its key; copied */

	/*
	 * Appends to `signatures` one line or more over the checkpoint's text. 0 or -errno. Called on the
	 * commit thread; by ledger_open on the caller's, for the checkpoint of a new, empty ledger.
	 */
	int (*sign)(void *ctx, const char *text, size_t n, struct buf *signatures);
	void *sign_ctx;

	/* The origin's key. When given, ledger_open refuses a newest checkpoint that it did not sign. Copied.
	 */
	const struct note_verifier *verifier;

	/*
	 * May be NULL: the checkpoint that is now durable, with its signatures. Called on the owner's thread
	 * by whatever reaps the commit: ledger_poll, ledger_wait, ledger_flush, ledger_commit, and an append
	 * that has to wait for the next segment.
	 */
	void (*published)(void *ctx, uint64_t size, const char *note, size_t note_len);
	/* May be NULL: during ledger_open, each entry that lies above the newest checkpoint and was kept. */
	void (*kept)(void *ctx, uint64_t index, const void *entry, size_t n);
	void *ctx;

	uint64_t reserve_bytes; /* reserved for a segment when it is made; 0: 16 MiB */
	uint64_t pending_max;	/* bytes that may wait for a commit; 0: 4 MiB (twice that is held while one is
				   under way) */
	bool check_all;		/* rehash every segment at open, not only the last two */
	bool no_thread;		/* commits are done inside ledger_commit (tests, tools) */
	const struct ledger_io *io; /* NULL: ledger_io_system */
};

/* What ledger_open found. The daemon writes a `recovered` entry unless `created`, or nothing was kept or cut.
 */
struct ledger_recovery {
	bool created;	       /* the ledger is new */
	bool roots_rebuilt;    /* DIR/roots was wrong or short; the segments are right */
	bool slot_damaged;     /* a slot was not whole; an older checkpoint may have been used */
	uint64_t generation;   /* of the checkpoint used */
	uint64_t covered;      /* entries under that checkpoint */
	uint64_t kept_entries; /* whole batches above it, taken over; the next commit covers them */
	uint64_t kept_bytes;   /* of those entries without framing */
	uint64_t cut_entries;  /* announced by the headers of torn batches: a lower bound of what was cut */
	uint64_t cut_bytes;    /* that were not zero, from the cut to the last one */
	/* With -EBADMSG: where and what. A segment or index that is not known is UINT64_MAX. */
	uint64_t bad_segment;
	uint64_t bad_index;
	const char *bad; /* static text */
	/* The daemon's state as it was handed to the commit of that checkpoint. */
	size_t state_len;
	uint8_t state[SLOT_STATE_MAX];
};

/*
 * Opens the ledger in dir, making dir (0700) and an empty ledger when there is none. ret_recovery is filled
 * on success and with -EBADMSG. -EBADMSG  what lies at or below the newest checkpoint does not match it:
 * tampering or disk corruption. Nothing was changed. -EKEYREJECTED / -ENOKEY  the newest checkpoint is not
 * signed by `verifier`, or has another origin. Nothing was changed. -EBUSY    another writer has it open.
 *  -ENOSPC   no room for the first segments.
 *  other -errno from the file system or from sign().
 */
int ledger_open(const char *dir, const struct ledger_options *options, struct ledger **ret_ledger,
		struct ledger_recovery *ret_recovery);

/* Waits for the commit under way and drops what was never committed. Takes NULL. Call ledger_flush first. */
void ledger_close(struct ledger *l);

/*
 * Takes one entry of 1 to 65,535 bytes; ret_index may be NULL.
 *  -ENOSPC   the disk is full. What was accepted so far is safe; closing entries still go in
 * (ledger_append_closing). -EAGAIN   too much waits for a commit: call ledger_wait or ledger_commit, then
 * again. -EMSGSIZE the length. -EIO the ledger is out of service (ledger_commit says why).
 */
int ledger_append(struct ledger *l, const void *entry, size_t n, uint64_t *ret_index);

/* The same out of the space that is kept free for the last words (disk_full, stop): 64 KiB at least. */
int ledger_append_closing(struct ledger *l, const void *entry, size_t n, uint64_t *ret_index);

/*
 * Hands all that was appended, with the state that belongs to it (at most SLOT_STATE_MAX bytes), to the
 * commit thread. Nothing new to cover and the same state: does nothing. 0 does not yet mean durable:
 * ledger_poll tells. -EAGAIN   a commit is under way; the entries go with the next one. -EIO      a write or
 * an fdatasync failed before. It is not tried again on that descriptor; the ledger signs nothing more. Raise
 *            the alarm, close it and open it anew.
 */
int ledger_commit(struct ledger *l, const void *state, size_t state_len);

/*
 * Reaps a finished commit; returns 0 (also when none is finished) or its error:
 *  -ENOSPC, -EKEYREJECTED and whatever sign() returned: nothing is lost, the next ledger_commit tries the
 * same again. -EIO: as above.
 */
int ledger_poll(struct ledger *l);

/* Waits for the commit under way, if any, and reaps it. */
int ledger_wait(struct ledger *l);

/* Commits all and waits until it is durable. */
int ledger_flush(struct ledger *l, const void *state, size_t state_len);

int ledger_event_fd(const struct ledger *l);
uint64_t ledger_size(const struct ledger *l);	   /* entries appended */
uint64_t ledger_committed(const struct ledger *l); /* entries under the newest durable checkpoint */
uint64_t ledger_pending(const struct ledger *l);   /* bytes that wait for a commit */

/* A fresh secret nonce for one entry: keystream of a random key that lives for 65,536 nonces. 0 or -EIO. */
int ledger_nonce(struct ledger *l, char out[LEDGER_NONCE_SIZE]);

#endif
