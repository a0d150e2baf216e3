// SPDX-License-Identifier: Apache-2.0
/*
 * Reads how much may go in what time: "64KiB/hour".
 *
 * Called by the readers of sections with a limit (read_dns.c, read_limits.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "policy/reader.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define FORM	     "a number, B, KiB, MiB or GiB, and minute, hour, day or week: 50MiB/day"

/* Of those that are equally near to a wrong word, the first is suggested: MiB for MB. */
static const char *const units[] = {"KiB", "MiB", "GiB", "B"};
static const unsigned unit_shift[] = {10, 20, 30, 0};
static const char *const periods[] = {"minute", "hour", "day", "week"};
static const uint64_t period_s[] = {60, 3600, 86400, 604800};

static size_t word_index(const char *word, const char *const *words, size_t n)
{
	size_t i = 0;

	while (i < n && strcmp(word, words[i]) != 0)
		i++;
	return i;
}

/* number, unit and period of "50MiB/day", as far as the form goes. */
struct parts {
	char number[16]; /* "50" */
	char unit[16];
	char period[16];
};

static bool split(const char *text, struct parts *ret_parts)
{
	size_t digits = strspn(text, "0123456789"), unit = strcspn(text + digits, "/");
	const char *slash = text + digits + unit;

	if (digits == 0 || digits >= sizeof(ret_parts->number) || unit == 0 ||
	    unit >= sizeof(ret_parts->unit) || *slash != '/' ||
	    strlen(slash + 1) >= sizeof(ret_parts->period))
		return false;
	*ret_parts = (struct parts){0};
	memcpy(ret_parts->number, text, digits);
	memcpy(ret_parts->unit, text + digits, unit);
	memcpy(ret_parts->period, slash + 1, strlen(slash + 1));
	return true;
}

/* One of its words is none: the nearest whole that is. */
static void refuse(struct reader *rd, const struct ynode *node, const char *what, const struct parts *parts)
{
	struct policy_finding *finding = finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
						     "%s cannot be \"%s\"", what, node->text);
	const char *unit = parts ? suggest_nearest(parts->unit, units, COUNT(units)) : NULL;
	const char *period = parts ? suggest_nearest(parts->period, periods, COUNT(periods)) : NULL;
	char whole[64];

	finding_expect(finding, "%s", FORM);
	if (!unit || !period)
		return;
	snprintf(whole, sizeof(whole), "%s%s/%s", parts->number, unit, period);
	finding_suggest(finding, whole);
}

bool read_volume(struct reader *rd, const struct ynode *node, const char *what, uint64_t *ret_bytes,
		 uint64_t *ret_period_s)
{
	struct parts parts;
	uint64_t number;
	size_t unit, period;

	if (ynode_scalar(node) != YSCALAR_STRING) {
		read_wrong_type(rd, node, what, FORM);
		return false;
	}
	if (!split(node->text, &parts)) {
		refuse(rd, node, what, NULL);
		return false;
	}
	number = strtoull(parts.number, NULL, 10);
	unit = word_index(parts.unit, units, COUNT(units));
	period = word_index(parts.period, periods, COUNT(periods));
	if (unit == COUNT(units) || period == COUNT(periods)) {
		refuse(rd, node, what, &parts);
		return false;
	}
	if (number == 0 || number > (uint64_t)INT64_MAX >> unit_shift[unit]) {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "%s cannot be \"%s\"", what, node->text),
			       number ? "less than 8 EiB" : "1B or more");
		return false;
	}
	*ret_bytes = number << unit_shift[unit];
	*ret_period_s = period_s[period];
	return true;
}
