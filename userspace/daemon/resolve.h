/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of names through NSS (getaddrinfo), on threads of its own: a resolver that does not answer keeps nobody
 * waiting but itself. Used by keeper_hosts.c and its test.
 */
#ifndef MUNIMENT_DAEMON_RESOLVE_H
#define MUNIMENT_DAEMON_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

#define RESOLVE_BOUND_MS 15000		     /* after which an answer counts as none */
#define RESOLVE_NAMES	 (2 * ENDPOINTS_MAX) /* under way at a time */
#define RESOLVE_NAME_MAX 253

struct resolve_answer {
	char name[RESOLVE_NAME_MAX + 1];
	uint8_t addresses[HOST_ADDRESSES_MAX][16]; /* as in struct peer; of more, the first */
	size_t n;
	const char *why; /* with n 0: static text */
};

struct resolve;

/* *ret_fd becomes readable when there are answers; it is the resolver's. NULL: no memory or descriptors. */
struct resolve *resolve_new(int *ret_fd);

/* Asks for a name as it stands, without domains to search. Passed over while it is under way. */
void resolve_ask(struct resolve *r, const char *name);

/* The next answer, or a name that has had none for RESOLVE_BOUND_MS. now_ns: CLOCK_MONOTONIC. False: there is none. */
bool resolve_next(struct resolve *r, uint64_t now_ns, struct resolve_answer *ret_answer);

/* False: threads hang, and what they use is kept. */
bool resolve_free(struct resolve *r);

#endif
