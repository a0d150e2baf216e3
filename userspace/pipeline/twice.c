// SPDX-License-Identifier: Apache-2.0
/* Telling the second record of one access: see twice.h. */
#include "pipeline/twice.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/cache.h"

#define THREADS	  1024
#define FORGET_NS 10000000000ull /* without a shared record; a takeover lasts milliseconds */

struct first {
	struct object_id file;
	struct peer peer; /* what is sent has no file */
	uint32_t instance;
	uint16_t operations;
	uint8_t hook;
	uint8_t mechanism;
	uint8_t wanted;
	uint8_t enforced;
};

struct twice {
	struct cache *firsts; /* a thread's last record; NULL while only one load speaks */
	uint64_t shared_ns;   /* boot time of the newest record with RECORD_FLAG_SHARED */
};

struct twice *twice_new(void)
{
	return calloc(1, sizeof(struct twice));
}

void twice_free(struct twice *t)
{
	if (!t)
		return;
	cache_free(t->firsts);
	free(t);
}

static struct first first_of(const struct record_access *a)
{
	return (struct first){
		.file = a->file,
		.peer = a->peer,
		.instance = a->instance,
		.operations = a->operations,
		.hook = a->hook,
		.mechanism = a->mechanism,
		.wanted = a->wanted,
		.enforced = a->enforced,
	};
}

static bool is_second_of(const struct first *first, const struct record_access *a)
{
	if (memcmp(&first->file, &a->file, sizeof(a->file)) != 0 ||
	    memcmp(&first->peer, &a->peer, sizeof(a->peer)) != 0 || first->operations != a->operations ||
	    first->hook != a->hook || first->mechanism != a->mechanism || first->wanted != a->wanted ||
	    first->enforced != a->enforced)
		return false;
	/* Signed difference: numbers of loads may wrap. */
	return a->mechanism == MECHANISM_TRACING ? (int32_t)(a->instance - first->instance) > 0
						 : (int32_t)(a->instance - first->instance) < 0;
}

bool twice_is_second(struct twice *t, const struct record_access *a)
{
	/* One send has a record for each store whose data goes. */
	const uint64_t thread = a->operations == OPERATION_BIT(OPERATION_SEND)
					? (uint64_t)(a->store + 1) << 32 | a->pid
					: a->pid;
	bool shared = a->flags & RECORD_FLAG_SHARED, second;
	struct first *last;

	if (a->flags & RECORD_FLAG_FOLDED)
		return false; /* of many accesses, told by the one daemon */
	if (shared) {
		t->shared_ns = a->header.boot_ns > t->shared_ns ? a->header.boot_ns : t->shared_ns;
		if (!t->firsts)
			t->firsts = cache_new(THREADS, sizeof(thread), sizeof(struct first), NULL);
	} else if (t->firsts && a->header.boot_ns > t->shared_ns + FORGET_NS) {
		cache_free(t->firsts);
		t->firsts = NULL;
	}
	if (!t->firsts)
		return false; /* one load only; or no memory, and both are kept */
	last = cache_find(t->firsts, &thread);
	second = last && is_second_of(last, a);
	if (!last)
		last = cache_add(t->firsts, &thread);
	*last = first_of(a);
	/* What is not shared has no second by a load still to speak. */
	if (!shared)
		last->mechanism = MECHANISM_INVALID;
	return second;
}
