/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads how much may go in what time: "64KiB/hour".
 *
 * Called by the readers of sections with a limit (read_dns.c).
 */
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"

#define VOLUME_MAX (1ull << 40)
#define FORM	   "a number from 1, its unit (B, KiB, MiB, GiB), and minute, hour or day: 64KiB/hour"

static const struct {
	const char *name;
	uint64_t value;
} units[] = {{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}},
  periods[] = {{"minute", 60}, {"hour", 3600}, {"day", 86400}};

static bool parse(const char *text, uint64_t *ret_bytes, uint64_t *ret_period_s)
{
	size_t digits = strspn(text, "0123456789"), len;
	uint64_t number, unit = 0, period = 0;

	if (digits == 0 || digits > 13 || text[0] == '0')
		return false;
	number = strtoull(text, NULL, 10);
	text += digits;
	len = strcspn(text, "/");
	if (!text[len])
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			unit = units[i].value;
	for (size_t i = 0; i < sizeof(periods) / sizeof(*periods); i++)
		if (strcmp(periods[i].name, text + len + 1) == 0)
			period = periods[i].value;
	if (!unit || !period || number > VOLUME_MAX / unit)
		return false;
	*ret_bytes = number * unit;
	*ret_period_s = period;
	return true;
}

bool read_volume(struct reader *rd, const struct ynode *node, const char *what, uint64_t *ret_bytes,
		 uint64_t *ret_period_s)
{
	struct policy_word word;

	if (!read_word(rd, node, what, &word))
		return false;
	if (parse(word.text, ret_bytes, ret_period_s))
		return true;
	finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at, "%s cannot be \"%s\"", what,
				   word.text),
		       FORM ", of at most 1024GiB");
	return false;
}
