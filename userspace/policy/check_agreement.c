/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for agreements that do nothing: that are over, or about what stays on the host.
 *
 * Their stores and roles are check_reference.c's. Called by policy_check.
 */
#include <string.h>
#include <time.h>

#include "policy/check.h"
#include "policy/network.h"

static void check_expiry(struct checker *ck, const struct policy_agreement *agreement)
{
	if (agreement->expires_s <= (int64_t)time(NULL))
		finding_expect(finding_add(ck->findings, POLICY_AGREEMENT_EXPIRED, agreement->expires.at,
					   "the agreement \"%s\" has expired: it lets nothing go",
					   agreement->name.text),
			       "a day to come, or the agreement left out");
}

static void report_local(struct checker *ck, const struct policy_endpoint *endpoint)
{
	finding_expect(finding_add(ck->findings, POLICY_AGREEMENT_LOCAL, endpoint->word.at,
				   "\"%s\" is this host itself", endpoint->word.text),
		       "an address of others: what stays on the host needs no agreement");
}

/* Loopback only: it never asks for an agreement. */
static void check_local(struct checker *ck, const struct policy_endpoint *endpoint)
{
	static const struct {
		uint8_t address[16];
		uint32_t prefix;
	} local[] = {
		{{[10] = 0xff, [11] = 0xff, [12] = 127}, NETWORK_IPV4_PREFIX + 8},
		{{[15] = 1}, 128},
	};

	if (endpoint->host[0]) {
		const char *top = strrchr(endpoint->host, '.');

		if (strcmp(top ? top + 1 : endpoint->host, "localhost") == 0) /* RFC 6761, 6.3 */
			report_local(ck, endpoint);
		return;
	}
	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++) {
		if (endpoint->prefix >= local[i].prefix &&
		    network_contains(local[i].address, local[i].prefix, endpoint->address))
			report_local(ck, endpoint);
	}
}

void check_agreements(struct checker *ck)
{
	for (size_t i = 0; i < ck->policy->n_agreements; i++) {
		const struct policy_agreement *agreement = &ck->policy->agreements[i];

		check_expiry(ck, agreement);
		for (size_t k = 0; k < agreement->n_endpoints; k++)
			check_local(ck, &agreement->endpoints[k]);
	}
}
