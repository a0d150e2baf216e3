/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-verification of a whole ledger from its files, offline and without trust in anything but a verifier key
 * (and the last checkpoint that the caller knows). Called by `muniment log verify`; writes nothing, takes no
 * lock, so it may run beside the daemon.
 */
#ifndef MUNIMENT_LEDGER_VERIFY_H
#define MUNIMENT_LEDGER_VERIFY_H

#include <stdarg.h>

#include "ledger/checkpoint.h"
#include "ledger/scan.h"

#define VERIFY_UNKNOWN UINT64_MAX

enum verify_kind {
	VERIFY_INVALID = 0,
	VERIFY_SLOT,	   /* a checkpoint slot is not whole, or none is */
	VERIFY_SIGNATURE,  /* a checkpoint does not bear the key's signature, or names another origin */
	VERIFY_MISSING,	   /* a segment, or entries in it, that a checkpoint covers are not there */
	VERIFY_SEGMENT,	   /* a segment's header is not its own */
	VERIFY_BATCH,	   /* a batch is damaged or stands in another's place */
	VERIFY_ENTRY,	   /* an entry is not what was written */
	VERIFY_ROOT,	   /* the entries do not give a checkpoint's root */
	VERIFY_ROOTS_FILE, /* DIR/roots differs from a segment's entries */
	VERIFY_STRAY,	   /* bytes where none should be */
	VERIFY_TRUNCATED,  /* the ledger ends before the checkpoint that the caller knows */
	VERIFY_SINCE,	   /* the ledger is not a continuation of that checkpoint */
	VERIFY_KIND_END,
};

struct verify_finding {
	enum verify_kind kind;
	uint64_t segment; /* VERIFY_UNKNOWN where it is not known */
	uint64_t index;	  /* first entry concerned, likewise */
	uint64_t count;	  /* entries concerned; 0 where that is not known */
	char text[200];
};

struct verify_options {
	const char *dir;
	const struct note_verifier *key;
	const char *since; /* a checkpoint's note, or NULL */
	size_t since_len;
	/* Called for each finding, as it is found. */
	void (*found)(void *ctx, const struct verify_finding *f);
	/* May be NULL: called about every 65,536 entries. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

struct verify_result {
	bool signed_checkpoint; /* a checkpoint with a good signature was found: the fields below count */
	struct checkpoint checkpoint; /* the newest */
	char note[SLOT_NOTE_MAX];
	size_t note_len;
	bool since_checked; /* the checkpoint given was genuine and the ledger continues it */
	struct checkpoint since;
	uint64_t segments;	    /* hashed */
	uint64_t entries;	    /* hashed */
	uint64_t uncovered_entries; /* whole batches above the newest checkpoint: nobody vouches for them */
	uint64_t uncovered_bytes;   /* everything above it */
	uint64_t findings;
};

/* The word for a kind, as it stands in JSON output. */
const char *verify_kind_name(enum verify_kind kind);

/*
 * 0 when all was read (findings or not); -ENOENT no ledger there; -EINVAL the checkpoint given is malformed;
 * -ENODATA no checkpoint was ever made; -ENOMEM, other -errno when reading failed.
 */
int ledger_verify(const struct verify_options *options, struct verify_result *ret_result);

#endif
