/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads `dns:`, whom a process that holds records may ask for addresses, and how much it may send them.
 *
 * Called by the table of the top level (read.c).
 */
#include <string.h>

#include "policy/reader.h"

#define PORT_DNS     53
#define PORT_DNS_TLS 853 /* RFC 7858 */
#define FORM	     "an address: 10.0.0.53, \"10.0.0.53:853\" for DNS over TLS, \"[2001:db8::53]\""

static bool is_resolver(const struct policy_endpoint *endpoint)
{
	if (endpoint->host[0] || endpoint->prefix != 128 ||
	    endpoint->protocols != (ENDPOINT_TCP | ENDPOINT_UDP))
		return false;
	return endpoint->port_first == endpoint->port_last &&
	       (endpoint->port_first == PORT_DNS || endpoint->port_first == PORT_DNS_TLS);
}

static void report_resolver(struct reader *rd, const struct policy_endpoint *endpoint)
{
	const char *why = endpoint->host[0]	    ? "it is a name, and who would resolve that?"
			  : endpoint->prefix != 128 ? "it is a network"
			  : endpoint->protocols != (ENDPOINT_TCP | ENDPOINT_UDP)
				  ? "a protocol cannot be chosen: resolvers fall back from UDP to TCP"
				  : "its port is not 53 or 853";

	finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, endpoint->word.at,
				   "the resolver cannot be \"%s\": %s", endpoint->word.text, why),
		       FORM);
}

static bool is_listed(const struct policy_dns *dns, const struct policy_endpoint *endpoint)
{
	for (size_t i = 0; i < dns->n_resolvers; i++)
		if (memcmp(dns->resolvers[i].address, endpoint->address, sizeof(endpoint->address)) == 0 &&
		    dns->resolvers[i].port_first == endpoint->port_first)
			return true;
	return false;
}

static void read_resolver(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_dns *dns = out;
	struct policy_endpoint endpoint;

	if (!read_peer(rd, node, &endpoint))
		return;
	if (endpoint.port_first == 0) /* without one: see read_peer */
		endpoint.port_first = endpoint.port_last = PORT_DNS;
	if (!is_resolver(&endpoint))
		report_resolver(rd, &endpoint);
	else if (is_listed(dns, &endpoint)) /* in other words: the same words are the list's finding */
		finding_add(rd->findings, POLICY_DUPLICATE_ITEM, node->at,
			    "the resolver \"%s\" is listed already", node->text);
	else
		read_further_endpoint(rd, &endpoint, &dns->resolvers, &dns->n_resolvers);
}

static void read_resolvers(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "resolvers", "a list of addresses: [10.0.0.53]", read_resolver, out);
}

static void read_dns_max(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_dns *dns = out;

	read_volume(rd, node, "max", &dns->max_bytes, &dns->period_s);
}

static void read_dns_answers(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_dns *dns = out;

	read_bool(rd, node, "answers", &dns->answers);
}

static const struct key_spec dns_keys[] = {
	{"resolvers", KEY_REQUIRED, read_resolvers},
	{"max", KEY_REQUIRED, read_dns_max},
	{"answers", KEY_OPTIONAL, read_dns_answers},
};

void read_dns(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_dns *dns = &((struct policy *)out)->dns;

	if (!read_once(rd, node, "dns", dns->given ? &dns->at : NULL))
		return;
	dns->given = true;
	dns->at = node->at;
	read_mapping(rd, node, "dns", dns_keys, sizeof(dns_keys) / sizeof(*dns_keys), dns);
}
