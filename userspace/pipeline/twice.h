/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses that two loads recorded. When a daemon takes over, the programs of both loads hang on the same
 * hooks and speak for a moment, so that no access goes unrecorded (bpf/maps.bpf.h); here the second record of
 * one access is told from the record of a second access.
 *
 * It is by the order in which the kernel runs them. BPF trampolines run the newest program first (`lsm`,
 * `fmod_ret`), and one that denies ends the chain; tracepoints run the oldest first (`tracing`), and all of
 * them. A thread makes one access at a time, so its records of one access are neighbours:
 *
 *   lsm, fmod_ret: a record by an older load behind one by a newer. The older load's program never runs in an
 *	access but behind the newer's.
 *   tracing: a record by a newer load behind one by an older that bears RECORD_FLAG_SHARED. Without the flag
 *	the older may have been the last access before the newer load spoke.
 *
 * fmod_ret's own record and one by the net below it are not taken for a pair: the net does not record again
 * what it knows to be recorded (used__decided). Where the order is another than that, or the pair is torn,
 * both records are kept: an access may then be told twice, never not at all.
 */
#ifndef MUNIMENT_PIPELINE_TWICE_H
#define MUNIMENT_PIPELINE_TWICE_H

#include <stdbool.h>

#include "bpf/abi.h"

struct twice;

/* NULL: no memory. Small until loads overlap. */
struct twice *twice_new(void);
void twice_free(struct twice *t);

/*
 * Takes the next record of the ring, in ring order, and tells whether it is the second of an access whose
 * first has been seen. Both must be checked records.
 */
bool twice_is_second(struct twice *t, const struct record_access *access);

#endif
