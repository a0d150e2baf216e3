/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an endpoint of an agreement: "203.0.113.0/24:443", "[2001:db8::]/32:8000-8100/tcp", "lab.example.org:443".
 *
 * Called by the readers of agreements and resolvers (read_agreement.c, read_dns.c).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/network.h"
#include "policy/reader.h"

#define FORM                                                                                                 \
	"an address, a network or a name, and a port: 203.0.113.7:443, [2001:db8::]/32, "                    \
	"203.0.113.0/24:53/udp, "                                                                            \
	"lab.example.org:443"

static struct policy_finding *refuse(struct reader *rd, const struct ynode *node, const char *why)
{
	return finding_add(rd->findings, POLICY_INVALID_VALUE, node->at, "the endpoint cannot be \"%s\": %s",
			   node->text, why);
}

static bool take_number(const char **at, unsigned long max, unsigned long *ret_number)
{
	size_t digits = strspn(*at, "0123456789");

	if (digits == 0 || digits > 5 || (digits > 1 && **at == '0'))
		return false;
	*ret_number = strtoul(*at, NULL, 10);
	*at += digits;
	return *ret_number <= max;
}

static bool take_prefix(struct reader *rd, const struct ynode *node, const char **at, unsigned long max,
			unsigned long *ret_prefix)
{
	*ret_prefix = max;
	if (**at != '/')
		return true;
	++*at;
	if (strcmp(*at, "tcp") == 0 || strcmp(*at, "udp") == 0) {
		finding_expect(refuse(rd, node, "a protocol needs a port"), "a port before it: :53/udp");
		return false;
	}
	if (take_number(at, max, ret_prefix))
		return true;
	finding_expect(refuse(rd, node, "the prefix is wrong"), "the number of its bits, from 0 to %lu", max);
	return false;
}

/* Does it begin as a name does? Letters before the first colon or slash; addresses of IPv6 have two colons. */
static bool looks_named(const char *text, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*";
	const char *colon = strchr(text, ':');

	if (colon && strchr(colon + 1, ':') &&
	    strspn(text, "0123456789abcdefABCDEF") == (size_t)(colon - text))
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr(letters, text[i]) || (unsigned char)text[i] >= 0x80)
			return true;
	return false;
}

/* What was written is neither an address of IPv4 nor a name: what may it have been? */
static void report_address(struct reader *rd, const struct ynode *node)
{
	const char *text = node->text, *colon = strchr(text, ':');

	if (colon && strchr(colon + 1, ':') &&
	    strspn(text, "0123456789abcdefABCDEF") == (size_t)(colon - text))
		finding_expect(refuse(rd, node, "an address of IPv6 needs brackets"),
			       "[2001:db8::7]:443 or [2001:db8::]/32:443");
	else
		finding_expect(refuse(rd, node, "it begins with no address"), FORM);
}

/* Copies and reads text[0..len). */
static bool parse_address(int family, const char *text, size_t len, uint8_t *ret_address)
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, ret_address) == 1;
}

static bool take_ipv4(struct reader *rd, const struct ynode *node, const char **at,
		      struct policy_endpoint *endpoint)
{
	size_t len = strcspn(*at, ":/");
	unsigned long prefix;

	memcpy(endpoint->address, network_ipv4, sizeof(network_ipv4));
	if (!parse_address(AF_INET, *at, len, endpoint->address + NETWORK_IPV4_PREFIX / 8)) {
		report_address(rd, node);
		return false;
	}
	*at += len;
	if (!take_prefix(rd, node, at, 32, &prefix))
		return false;
	endpoint->prefix = NETWORK_IPV4_PREFIX + (uint32_t)prefix;
	return true;
}

static bool take_name(struct reader *rd, const struct ynode *node, const char **at,
		      struct policy_endpoint *endpoint)
{
	size_t len = strcspn(*at, ":/");
	unsigned long prefix;

	if ((*at)[len] == '/' && strcmp(*at + len, "/tcp") != 0 && strcmp(*at + len, "/udp") != 0) {
		finding_expect(refuse(rd, node, "a name has no prefix"),
			       "the name and a port: lab.example.org:443");
		return false;
	}
	if (!read_host_name(rd, node, len, endpoint->host))
		return false;
	*at += len;
	endpoint->prefix = 128;
	return take_prefix(rd, node, at, 128, &prefix); /* which tells that a protocol needs a port */
}

/* The prefix may stand behind the bracket or in it. */
static bool take_ipv6(struct reader *rd, const struct ynode *node, const char **at,
		      struct policy_endpoint *endpoint)
{
	size_t len = strcspn(++*at, "]/");
	bool within = (*at)[len] == '/';
	unsigned long prefix;

	if (!parse_address(AF_INET6, *at, len, endpoint->address)) {
		finding_expect(refuse(rd, node, "the brackets hold no address of IPv6"), FORM);
		return false;
	}
	*at += len;
	if (within && !take_prefix(rd, node, at, 128, &prefix))
		return false;
	if (**at != ']') {
		finding_expect(refuse(rd, node, "the bracket is not closed"), FORM);
		return false;
	}
	++*at;
	if (!within && !take_prefix(rd, node, at, 128, &prefix))
		return false;
	endpoint->prefix = (uint32_t)prefix;
	return true;
}

static bool take_range(const char **at, unsigned long *ret_first, unsigned long *ret_last)
{
	if (!take_number(at, UINT16_MAX, ret_first) || *ret_first == 0)
		return false;
	*ret_last = *ret_first;
	if (**at != '-')
		return true;
	++*at;
	return take_number(at, UINT16_MAX, ret_last) && *ret_first <= *ret_last;
}

static bool take_ports(struct reader *rd, const struct ynode *node, const char **at,
		       struct policy_endpoint *endpoint)
{
	unsigned long first, last;

	endpoint->port_first = 0;
	endpoint->port_last = UINT16_MAX;
	if (**at != ':')
		return true;
	++*at;
	if (!take_range(at, &first, &last)) {
		finding_expect(refuse(rd, node, "the port is wrong"),
			       "a number from 1 to %u, or the first and the last of a range: 8000-8100",
			       UINT16_MAX);
		return false;
	}
	endpoint->port_first = (uint16_t)first;
	endpoint->port_last = (uint16_t)last;
	return true;
}

static bool take_protocol(struct reader *rd, const struct ynode *node, const char *at,
			  struct policy_endpoint *endpoint)
{
	endpoint->protocols = ENDPOINT_TCP | ENDPOINT_UDP;
	if (*at == '\0')
		return true;
	if (strcmp(at, "/tcp") == 0 || strcmp(at, "/udp") == 0) {
		endpoint->protocols = at[1] == 't' ? ENDPOINT_TCP : ENDPOINT_UDP;
		return true;
	}
	if (*at == '/')
		finding_expect(refuse(rd, node, "the protocol is wrong"),
			       "/tcp or /udp; without it, both are meant");
	else
		finding_expect(refuse(rd, node, "it does not end there"), FORM);
	return false;
}

/* The endpoint as it would be right: another address, and what was written behind it. */
static void suggest_network(struct policy_finding *finding, const struct policy_endpoint *endpoint,
			    const char *behind)
{
	bool ipv4 = network_contains(network_ipv4, NETWORK_IPV4_PREFIX, endpoint->address);
	uint32_t before = ipv4 ? NETWORK_IPV4_PREFIX : 0;
	char address[INET6_ADDRSTRLEN], prefix[8] = "", text[128];

	inet_ntop(ipv4 ? AF_INET : AF_INET6, endpoint->address + before / 8, address, sizeof(address));
	if (endpoint->prefix < 128)
		snprintf(prefix, sizeof(prefix), "/%u", endpoint->prefix - before);
	snprintf(text, sizeof(text), ipv4 ? "%s%s%s" : "[%s]%s%s", address, prefix, behind);
	finding_suggest(finding, text);
}

/* One trie has all networks: what would be both of IPv6 and of IPv4 is refused. */
static bool check_family(struct reader *rd, const struct ynode *node, const char *behind,
			 const struct policy_endpoint *endpoint)
{
	struct policy_finding *finding;

	if (node->text[0] != '[')
		return true;
	if (endpoint->prefix < NETWORK_IPV4_PREFIX &&
	    network_contains(endpoint->address, endpoint->prefix, network_ipv4)) {
		finding_expect(refuse(rd, node, "it would have the addresses of IPv4, too"),
			       "[2000::]/3 for all of IPv6, and 0.0.0.0/0 for all of IPv4");
		return false;
	}
	if (endpoint->prefix < NETWORK_IPV4_PREFIX ||
	    !network_contains(network_ipv4, NETWORK_IPV4_PREFIX, endpoint->address))
		return true;
	finding = refuse(rd, node, "its addresses are those of IPv4");
	finding_expect(finding, "them as IPv4");
	suggest_network(finding, endpoint, behind);
	return false;
}

/* Clears what lies below the prefix, which must be clear. */
static bool check_network(struct reader *rd, const struct ynode *node, const char *behind,
			  struct policy_endpoint *endpoint)
{
	uint8_t written[16];
	struct policy_finding *finding;

	memcpy(written, endpoint->address, sizeof(written));
	network_mask(endpoint->address, endpoint->prefix);
	if (!check_family(rd, node, behind, endpoint))
		return false;
	if (memcmp(written, endpoint->address, sizeof(written)) == 0)
		return true;
	finding = refuse(rd, node, "its address has bits below the prefix");
	finding_expect(finding, "the first address of the network");
	suggest_network(finding, endpoint, behind);
	return false;
}

static bool take_peer(struct reader *rd, const struct ynode *node, const char **at,
		      struct policy_endpoint *endpoint)
{
	if (**at == '[')
		return take_ipv6(rd, node, at, endpoint);
	return looks_named(*at, strcspn(*at, ":/")) ? take_name(rd, node, at, endpoint)
						    : take_ipv4(rd, node, at, endpoint);
}

bool read_peer(struct reader *rd, const struct ynode *node, struct policy_endpoint *ret_endpoint)
{
	struct policy_endpoint endpoint = {0};
	const char *at, *behind;

	if (node->kind != YNODE_SCALAR) { /* brackets without quotes are a list to YAML */
		read_wrong_type(rd, node, "the endpoint", "a word in quotes: \"[2001:db8::]/32:443\"");
		return false;
	}
	if (!read_word(rd, node, "the endpoint", &endpoint.word))
		return false;
	at = node->text;
	if (!take_peer(rd, node, &at, &endpoint))
		return false;
	behind = at;
	if (!take_ports(rd, node, &at, &endpoint) || !take_protocol(rd, node, at, &endpoint))
		return false;
	if (!endpoint.host[0] && !check_network(rd, node, behind, &endpoint))
		return false;
	*ret_endpoint = endpoint;
	return true;
}

void read_further_endpoint(struct reader *rd, const struct policy_endpoint *endpoint,
			   struct policy_endpoint **endpoints, size_t *n)
{
	struct policy_endpoint *grown = read_grow(rd, *endpoints, *n, sizeof(*grown));

	if (!grown)
		return;
	*endpoints = grown;
	grown[(*n)++] = *endpoint;
}

void read_endpoint(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;
	struct policy_endpoint endpoint;

	if (read_peer(rd, node, &endpoint))
		read_further_endpoint(rd, &endpoint, &agreement->endpoints, &agreement->n_endpoints);
}
