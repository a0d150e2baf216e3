/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every CPU numbers its records. This keeps account of which numbers have come, so that each number is either
 * in the ledger or in a loss entry, over restarts too.
 *
 * Records of one CPU may swap places in the ring (a task can be preempted between taking its number and its
 * place), so a hole counts as lost only when it has stayed open for a while. Owned by the keeper.
 */
#ifndef MUNIMENT_PIPELINE_TRACK_H
#define MUNIMENT_PIPELINE_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TRACK_CPUS_MAX	4096
#define TRACK_HOLES_MAX 32 /* open holes per CPU; a further one closes the oldest as lost */
#define TRACK_WAIT_NS	1000000000ull

enum track_verdict {
	TRACK_NEW,	 /* a number not seen before */
	TRACK_LATE,	 /* its number was already reported as lost: record it all the same */
	TRACK_DUPLICATE, /* an earlier daemon put it into the ledger */
};

struct track_loss {
	uint32_t cpu;
	uint64_t first;
	uint64_t count;
};

struct track;

/* cpus: possible CPUs, 1..TRACK_CPUS_MAX. NULL: no memory. */
struct track *track_new(unsigned cpus);
void track_free(struct track *t);

/* What track_see would say, without counting it. */
enum track_verdict track_check(const struct track *t, unsigned cpu, uint64_t sequence);

/* Judges a number that came out of the ring, and counts it. cpu < cpus, sequence > 0. now_ns: any monotonic
 * clock. */
enum track_verdict track_see(struct track *t, unsigned cpu, uint64_t sequence, uint64_t now_ns);

/* Numbers up to `upto` were given before the ring was last found empty: those that have not come are holes.
 */
void track_expect(struct track *t, unsigned cpu, uint64_t upto, uint64_t now_ns);

/* One more number of this CPU belongs to a record that has no entry: the canary's, or a program's name. */
void track_own(struct track *t, unsigned cpu);

struct track_numbers {
	uint64_t last; /* given so far, as far as is known */
	uint64_t own;  /* of them: without an entry by design */
	uint64_t lost; /* and in `loss` entries. last - own - lost entries there are, once no hole is open */
};
void track_numbers(const struct track *t, unsigned cpu, struct track_numbers *ret_numbers);

/* These numbers stand in the ledger, as records or (lost) as a loss: for what an earlier daemon wrote last.
 * count > 0. */
void track_settle(struct track *t, unsigned cpu, uint64_t first, uint64_t count, bool lost);

/* From now on, what has been seen so far and comes again is a duplicate. Call when the past is read in. */
void track_seal(struct track *t);

/* Takes up to max holes that have stayed open for TRACK_WAIT_NS (or all of them, with all); returns how many.
 */
size_t track_take_losses(struct track *t, uint64_t now_ns, bool all, struct track_loss *ret_losses,
			 size_t max);

/*
 * Where counting stands, as text: "cpu last own lost [first-last,…]" per CPU, separated by ";".
 * track_restore: 0, -EINVAL when malformed (nothing is changed), -ENOMEM.
 */
void track_save(const struct track *t, struct buf *out);
int track_restore(struct track *t, const char *text, size_t n);

#endif
