// SPDX-License-Identifier: Apache-2.0
/* Nearest words: see suggest.h. */
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 63

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: insertions, deletions, changes and swaps of neighbours cost one each; case costs
 * nothing. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned row[3][WORD_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *cur = row[i % 3], *prev = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);

			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
	}
	return row[na % 3][nb];
}

const char *suggest_nearest(const char *typed, const char *const *words, size_t n)
{
	size_t nt = strlen(typed), longer;
	unsigned best = WORD_MAX, d, allowed;
	const char *nearest = NULL;

	if (nt == 0 || nt > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t nw = strlen(words[i]);

		if (nw > WORD_MAX)
			continue;
		longer = nw > nt ? nw : nt;
		allowed = longer < 6 ? 1 + (longer > 3) : (unsigned)longer / 3;
		d = distance(typed, nt, words[i], nw);
		if (d <= allowed && d < best) {
			best = d;
			nearest = words[i];
		}
	}
	return nearest;
}
