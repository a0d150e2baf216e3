/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in agreements and the addresses that answers gave them: what is taken of an answer, and for how long it
 * counts. Pure: who asks is the daemon's business. Used by the daemon, explain and tests.
 */
#ifndef MUNIMENT_POLICY_HOSTS_H
#define MUNIMENT_POLICY_HOSTS_H

#include "policy/image.h"

bool image_host_has(const struct image_host *host, const uint8_t address[16]);

/* Why an answer cannot be the address of another host; NULL: it can. Static text. */
const char *image_host_refuses(const uint8_t address[16]);

/* Does it have private addresses? Then it has no others, by image_host_take. */
bool image_host_is_private(const struct image_host *host);

/* Networks whose addresses are refused, or are private. */
struct host_special {
	uint8_t address[16];
	uint32_t prefix;
	const char *what; /* why it is refused; NULL: it is private */
};
const struct host_special *host_specials(size_t *ret_n);

/* What an answer changed. */
struct host_change {
	uint8_t came[HOST_ADDRESSES_MAX][16];
	size_t n_came;
	uint8_t went[HOST_ADDRESSES_MAX][16];
	size_t n_went;
	uint8_t refused[16]; /* the first that was, */
	const char *why;     /* static text; NULL: none was */
};

/*
 * Takes the addresses of an answer. Loopback, unspecified, link-local and multicast ones are refused; and private ones of a
 * name that has others (and the other way round), as a name that once led outside and now leads inside is how its owner
 * gets at what lies inside (DNS rebinding). Beyond HOST_ADDRESSES_MAX, the one that was seen longest ago goes. Then takes
 * away what no answer had for grace_s seconds. now_s: CLOCK_BOOTTIME. n 0: there was no answer, and what was known stays
 * until then.
 */
void image_host_take(struct image_host *host, const uint8_t (*addresses)[16], size_t n, uint64_t now_s,
		     uint64_t grace_s, struct host_change *ret_change);

/* What the former policy in force knew of the names that both have. */
void image_hosts_inherit(struct policy_image *image, const struct policy_image *former);

#endif
