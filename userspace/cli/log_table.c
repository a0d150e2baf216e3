// SPDX-License-Identifier: Apache-2.0
/* Entries as rows of a table: see log_event.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/log_event.h"

#define MS 1000

bool log_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

size_t log_add_safe(struct buf *out, const char *s, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		unsigned char next = i + 1 < n ? (unsigned char)s[i + 1] : 0;

		bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;

		if (c < 0x20 || c == 0x7f || c1) {
			buf_printf(out, "\\x%02x", c);
			columns += 4;
			/* Both bytes: the second alone is a control to a terminal that is not in UTF-8. */
			if (c1) {
				buf_printf(out, "\\x%02x", next);
				columns += 4;
				i++;
			}
			continue;
		}
		buf_char(out, (char)c);
		columns += (c & 0xc0) != 0x80;
	}
	return columns;
}

void log_cell(struct buf *out, const char *s, size_t width)
{
	size_t columns = log_add_safe(out, *s ? s : "-", strlen(*s ? s : "-"));

	do
		buf_char(out, ' ');
	while (++columns <= width);
}

static void cell_time(struct buf *out, int64_t ms)
{
	time_t s = (time_t)(ms / MS);
	char day[32];
	struct tm tm;

	if (ms <= 0 || !localtime_r(&s, &tm) || !strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm)) {
		log_cell(out, "", 23);
		return;
	}
	buf_printf(out, "%s.%03d ", day, (int)(ms % MS));
}

void log_table_head(struct buf *out, bool colour)
{
	buf_printf(out, "%s%8s  %-23s %-8s %-12s %-14s %-12s %-24s %s%s\n", colour ? "\033[1m" : "", "ENTRY",
		   "TIME", "VERDICT", "USER", "OPERATION", "STORE", "PROGRAM", "PATH OR MESSAGE",
		   colour ? "\033[0m" : "");
}

static const char *row_colour(const struct log_event *e)
{
	if (strcmp(e->verdict, "denied") == 0)
		return "\033[31m";
	return e->alert ? "\033[33m" : "";
}

/* So that a row of counts is not taken for an access more. */
static void add_counts(struct buf *out, const struct log_event *e)
{
	if (e->repeats >= 0)
		buf_printf(out, "  (%lld more)", (long long)e->repeats);
	if (e->bytes_read)
		buf_printf(out, "  %lld bytes read", (long long)e->bytes_read);
	if (e->bytes_written)
		buf_printf(out, "  %lld bytes %s", (long long)e->bytes_written,
			   strcmp(e->operation, "send") == 0 ? "sent" : "written");
}

void log_table_row(struct buf *out, const struct log_event *e, const uint8_t *entry, size_t n, bool colour)
{
	const char *on = colour ? row_colour(e) : "";

	buf_printf(out, "%s%8llu  ", on, (unsigned long long)e->index);
	if (e->root) {
		cell_time(out, e->time_ms);
		log_cell(out, e->verdict, 8);
		log_cell(out, e->user, 12);
		log_cell(out, e->operation, 14);
		log_cell(out, e->store, 12);
		log_cell(out, e->program, 24);
		log_add_safe(out, e->path, strlen(e->path));
		add_counts(out, e);
	} else {
		buf_str(out, "(not JSON) ");
		log_add_safe(out, (const char *)entry, n < 200 ? n : 200);
	}
	buf_printf(out, "%s\n", *on ? "\033[0m" : "");
}
