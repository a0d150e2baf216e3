/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures operations in rounds: nanoseconds of the clock, which are instructions in a guest that counts them
 * (scripts/guest --icount). Run without a program and with munimentd in force; the difference is the cost of the hooks.
 * A round is some operations long, shorter than the time between two timer interrupts, so that the best round has none.
 * For bench_hooks.c and bench_flows.c; owns nothing.
 */
#ifndef MUNIMENT_ROUNDS_H
#define MUNIMENT_ROUNDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS	    200
#define ROUND_PAUSE 16 /* rounds after which the daemon is given time to empty the ring */

/* One round of an operation, ops of them, on what the program knows: 0, or -errno. */
typedef int (*round_fn)(const void *at, unsigned ops);

struct operation {
	const char *name;
	round_fn fn;
	round_fn before; /* what a round needs and what it leaves, neither of them counted; or NULL */
	round_fn after;
	unsigned ops; /* of a round */
};

static uint64_t round_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void round_pause(void)
{
	struct timespec t = {.tv_nsec = 300000000};

	nanosleep(&t, NULL);
}

static void round_nothing(const void *at, unsigned ops)
{
	for (unsigned i = 0; i < ops; i++)
		__asm__ volatile("" : : "r"(at) : "memory");
}

static int round_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One round, in *ret_ns. 0 or -errno. */
static int round_measure(const struct operation *op, const void *at, uint64_t *ret_ns)
{
	int err = op->before ? op->before(at, op->ops) : 0;
	uint64_t before;

	if (err)
		return err;
	before = round_now_ns();
	err = op->fn(at, op->ops);
	*ret_ns = round_now_ns() - before;
	if (!err && op->after)
		err = op->after(at, op->ops);
	return err;
}

/* Prints "OPERATION NAME best median": nanoseconds per operation, less the empty loop. 0 or -errno. */
static int rounds_measure(const struct operation *op, const char *name, const void *at)
{
	static uint64_t took[ROUNDS];
	uint64_t empty = UINT64_MAX, before;
	int err;

	for (int i = 0; i < ROUNDS; i++) {
		before = round_now_ns();
		round_nothing(at, op->ops);
		before = round_now_ns() - before;
		empty = before < empty ? before : empty;
	}
	for (int i = 0; i < ROUNDS; i++) {
		if (i % ROUND_PAUSE == 0)
			round_pause();
		err = round_measure(op, at, &took[i]);
		if (err)
			return err;
	}
	qsort(took, ROUNDS, sizeof(took[0]), round_compare);
	printf("%s %s %.2f %.2f\n", op->name, name, (double)(took[0] - empty) / op->ops,
	       (double)(took[ROUNDS / 2] - empty) / op->ops);
	return 0;
}

#endif
