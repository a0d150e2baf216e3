/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of names (hosts.h). Pure. */
#include <string.h>

#include "policy/hosts.h"
#include "policy/network.h"

#define IPV4(...)                                                                                            \
	{                                                                                                    \
		[10] = 0xff, [11] = 0xff, [12] = __VA_ARGS__                                                 \
	}

/* RFC 6890 and its registries; private ones by RFC 1918, RFC 6598 and RFC 4193. */
static const struct host_special specials[] = {
	{IPV4(0), 104, "it is of this host (0.0.0.0/8)"},
	{IPV4(127), 104, "it is of this host (127.0.0.0/8)"},
	{IPV4(169, 254), 112, "it is link-local (169.254.0.0/16)"},
	{IPV4(224), 100, "it is of many (224.0.0.0/4)"},
	{IPV4(255, 255, 255, 255), 128, "it is of all (255.255.255.255)"},
	{{0}, 128, "it is of this host (::)"},
	{{[15] = 1}, 128, "it is of this host (::1)"},
	{{0xfe, 0x80}, 10, "it is link-local (fe80::/10)"},
	{{0xff}, 8, "it is of many (ff00::/8)"},
	{IPV4(10), 104, NULL},
	{IPV4(172, 16), 108, NULL},
	{IPV4(192, 168), 112, NULL},
	{IPV4(100, 64), 106, NULL},
	{{0xfc}, 7, NULL},
};

static const struct host_special *find_special(const uint8_t address[16])
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (network_contains(specials[i].address, specials[i].prefix, address))
			return &specials[i];
	return NULL;
}

const struct host_special *host_specials(size_t *ret_n)
{
	*ret_n = sizeof(specials) / sizeof(*specials);
	return specials;
}

static bool is_private(const uint8_t address[16])
{
	const struct host_special *special = find_special(address);

	return special && !special->what;
}

const char *image_host_refuses(const uint8_t address[16])
{
	const struct host_special *special = find_special(address);

	return special ? special->what : NULL;
}

bool image_host_is_private(const struct image_host *host)
{
	return host->n_addresses && is_private(host->addresses[0].address);
}

static struct image_address *find(struct image_host *host, const uint8_t address[16])
{
	for (size_t i = 0; i < host->n_addresses; i++)
		if (memcmp(host->addresses[i].address, address, 16) == 0)
			return &host->addresses[i];
	return NULL;
}

bool image_host_has(const struct image_host *host, const uint8_t address[16])
{
	return find((struct image_host *)host, address);
}

static void forget(struct image_host *host, struct image_address *address, struct host_change *change)
{
	memcpy(change->went[change->n_went++], address->address, 16);
	*address = host->addresses[--host->n_addresses];
}

static struct image_address *oldest(struct image_host *host)
{
	struct image_address *oldest = &host->addresses[0];

	for (size_t i = 1; i < host->n_addresses; i++)
		if (host->addresses[i].seen_s < oldest->seen_s)
			oldest = &host->addresses[i];
	return oldest;
}

static const char *why_not(const struct image_host *host, const uint8_t address[16])
{
	const char *why = image_host_refuses(address);

	if (why || !host->n_addresses || image_host_is_private(host) == is_private(address))
		return why;
	return is_private(address) ? "it is private, and the name has others that are not"
				   : "it is not private, and the name has others that are";
}

static bool take(struct image_host *host, const uint8_t address[16], uint64_t now_s,
		 struct host_change *change)
{
	struct image_address *known = find(host, address);
	const char *why = known ? NULL : why_not(host, address);

	if (why) {
		if (!change->why)
			memcpy(change->refused, address, 16);
		change->why = change->why ? change->why : why;
		return false;
	}
	if (!known) {
		if (host->n_addresses == HOST_ADDRESSES_MAX) {
			if (oldest(host)->seen_s == now_s) /* an answer of more than there is room for */
				return true;
			forget(host, oldest(host), change);
		}
		known = &host->addresses[host->n_addresses++];
		memcpy(known->address, address, 16);
		memcpy(change->came[change->n_came++], address, 16);
	}
	known->seen_s = now_s;
	return true;
}

void image_host_take(struct image_host *host, const uint8_t (*addresses)[16], size_t n, uint64_t now_s,
		     uint64_t grace_s, struct host_change *ret_change)
{
	bool taken = false;

	memset(ret_change, 0, sizeof(*ret_change));
	for (size_t i = 0; i < n; i++)
		taken |= take(host, addresses[i], now_s, ret_change);
	for (size_t i = host->n_addresses; i-- > 0;)
		if (now_s - host->addresses[i].seen_s >= grace_s)
			forget(host, &host->addresses[i], ret_change);
	if (taken)
		host->answered_s = now_s;
}

void image_hosts_inherit(struct policy_image *image, const struct policy_image *former)
{
	for (size_t i = 0; i < image->n_hosts; i++) {
		struct image_host *host = &image->hosts[i];
		char *name = host->name;

		for (size_t k = 0; k < former->n_hosts; k++) {
			if (strcmp(former->hosts[k].name, name) != 0)
				continue;
			*host = former->hosts[k];
			host->name = name;
		}
	}
}
