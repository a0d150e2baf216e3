/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of IPv6 addresses, IPv4 among them as ::ffff:a.b.c.d. Used by the reader, the checker and explain. */
#ifndef MUNIMENT_POLICY_NETWORK_H
#define MUNIMENT_POLICY_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_IPV4_PREFIX 96 /* bits of an address before those of IPv4 */

/* Where the addresses of IPv4 lie. */
extern const uint8_t network_ipv4[16];

/* Clears what lies below the prefix (bits, at most 128). */
void network_mask(uint8_t address[16], uint32_t prefix);

/* Do both addresses begin with the same bits? */
bool network_contains(const uint8_t network[16], uint32_t prefix, const uint8_t address[16]);

#endif
