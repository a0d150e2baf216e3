/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a CSV file of networks and countries (region.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/suggest.h"
#include "policy/network.h"
#include "policy/region.h"

#define LINE_MAX_BYTES 256
#define ROW_FORM       "network,region: 203.0.113.0/24,DE"

struct csv {
	struct region_table *table;
	uint32_t line;
	char *message;
};

static int refuse(const struct csv *csv, const char *what, const char *expected)
{
	snprintf(csv->message, REGION_MESSAGE, "line %u: %s; expected %s", csv->line, what, expected);
	return -EINVAL;
}

/* The number of bits behind a slash, of at most max; all of them without one. */
static bool parse_prefix(const char *text, uint32_t max, uint32_t *ret_prefix)
{
	size_t digits = text ? strspn(text, "0123456789") : 0;

	*ret_prefix = max;
	if (!text)
		return true;
	if (digits == 0 || digits > 3 || text[digits])
		return false;
	*ret_prefix = (uint32_t)strtoul(text, NULL, 10);
	return *ret_prefix <= max;
}

static int parse_network(const struct csv *csv, char *text, uint8_t address[16], uint32_t *prefix)
{
	char *slash = strchr(text, '/');
	uint8_t masked[16];
	bool ipv4;

	if (slash)
		*slash++ = '\0';
	memcpy(address, network_ipv4, 16);
	ipv4 = inet_pton(AF_INET, text, address + NETWORK_IPV4_PREFIX / 8) == 1;
	if (!ipv4 && inet_pton(AF_INET6, text, address) != 1)
		return refuse(csv, "the network has no address", ROW_FORM);
	if (!parse_prefix(slash, ipv4 ? 32 : 128, prefix))
		return refuse(csv, "the prefix is wrong",
			      ipv4 ? "a number from 0 to 32" : "a number from 0 to 128");
	*prefix += ipv4 ? NETWORK_IPV4_PREFIX : 0;
	memcpy(masked, address, sizeof(masked));
	network_mask(masked, *prefix);
	if (memcmp(masked, address, sizeof(masked)) != 0)
		return refuse(csv, "the address has bits below the prefix",
			      "the first address of the network");
	/* As in agreements: what would be both of IPv6 and of IPv4 is refused. */
	if (!ipv4 && *prefix < NETWORK_IPV4_PREFIX && network_contains(address, *prefix, network_ipv4))
		return refuse(csv, "the network would have the addresses of IPv4, too",
			      "2000::/3 for all of IPv6, and 0.0.0.0/0 for all of IPv4");
	return 0;
}

static int refuse_region(const struct csv *csv, const char *region)
{
	size_t n;
	const char *const *words = region_words(&n);
	const char *nearest = suggest_nearest(region, words, n);
	char what[64], expected[96];

	snprintf(what, sizeof(what), "\"%.8s\" is no country", region);
	snprintf(expected, sizeof(expected), "two letters of ISO 3166-1%s%s%s",
		 nearest && strlen(nearest) == 2 ? "; did you mean \"" : "",
		 nearest && strlen(nearest) == 2 ? nearest : "",
		 nearest && strlen(nearest) == 2 ? "\"?" : "");
	return refuse(csv, what, expected);
}

static int read_row(const struct csv *csv, char *line)
{
	char *comma = strchr(line, ',');
	uint8_t address[16];
	uint32_t prefix;
	int err;

	if (!line[0] || line[0] == '#' || (csv->line == 1 && strcmp(line, "network,region") == 0))
		return 0;
	if (!comma)
		return refuse(csv, "there is no comma", ROW_FORM);
	*comma++ = '\0';
	err = parse_network(csv, line, address, &prefix);
	if (err)
		return err;
	if (strlen(comma) != 2 || !region_is_country(comma))
		return refuse_region(csv, comma);
	return region_table_add(csv->table, address, prefix, region_table_mask(csv->table, comma), true,
				csv->line);
}

static int read_rows(struct csv *csv, FILE *file)
{
	char line[LINE_MAX_BYTES];
	int err = 0;

	while (!err && fgets(line, sizeof(line), file)) {
		size_t len = strcspn(line, "\r\n");

		csv->line++;
		if (!line[len] && !feof(file))
			return refuse(csv, "it is too long, or has a zero byte", ROW_FORM);
		line[len] = '\0';
		err = read_row(csv, line);
	}
	return err;
}

void region_stamp(const char *path, struct region_stamp *ret_stamp)
{
	struct stat st;

	*ret_stamp = (struct region_stamp){0};
	if (!stat(path, &st))
		*ret_stamp =
			(struct region_stamp){st.st_ino, (uint64_t)st.st_size,
					      (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
}

int region_table_read_csv(struct region_table *table, const char *path, char message[REGION_MESSAGE])
{
	struct csv csv = {table, 0, message};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO keeps nobody waiting */
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	int err = file ? 0 : -errno;

	if (!err)
		err = read_rows(&csv, file);
	if (!err && ferror(file))
		err = -EIO;
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	if (err && err != -EINVAL)
		snprintf(message, REGION_MESSAGE, "%s", strerror(-err));
	return err;
}
