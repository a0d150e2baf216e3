/* SPDX-License-Identifier: Apache-2.0 */
/* Networks (network.h). Pure. */
#include <string.h>

#include "policy/network.h"

const uint8_t network_ipv4[16] = {[10] = 0xff, [11] = 0xff};

void network_mask(uint8_t address[16], uint32_t prefix)
{
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t bits = prefix > 8 * i ? prefix - 8 * i : 0;

		if (bits < 8)
			address[i] &= (uint8_t)(0xff00 >> bits);
	}
}

bool network_contains(const uint8_t network[16], uint32_t prefix, const uint8_t address[16])
{
	uint8_t a[16], b[16];

	memcpy(a, network, sizeof(a));
	memcpy(b, address, sizeof(b));
	network_mask(a, prefix);
	network_mask(b, prefix);
	return memcmp(a, b, sizeof(a)) == 0;
}
