/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries as people see them: a parsed view of one OCSF line, filters over it, and a table row. Used by `log
 * show` and `log tail`. An entry that is not such a line is shown as it is, never passed over in silence.
 */
#ifndef MUNIMENT_CLI_LOG_EVENT_H
#define MUNIMENT_CLI_LOG_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/args.h"
#include "base/buf.h"

struct log_filter {
	const char *since, *until, *user, *store, *verdict, *program; /* as typed, NULL for any */
	int64_t since_ms, until_ms;				      /* set by log_filter_check */
};

/* The options of all commands that show entries; put into their tables. */
#define LOG_FILTER_OPTIONS(f)                                                                                 \
	{0,	      "since",                                                                                \
	 "TIME",      "from then on: 2026-11-22T14:00[:SS][Z], 2026-11-22, @SECONDS, or 90s 15m 2h 7d ago",   \
	 ARGS_STRING, &(f)->since},                                                                           \
		{0, "until", "TIME", "before then, likewise", ARGS_STRING, &(f)->until},                      \
		{'u',	      "user",	 "NAME", "by the person, or the acting user, of this name or number", \
		 ARGS_STRING, &(f)->user},                                                                    \
		{'s', "store", "NAME", "in this store", ARGS_STRING, &(f)->store},                            \
		{0, "verdict", "WORD", "allowed, denied or observed", ARGS_STRING, &(f)->verdict},            \
	{                                                                                                     \
		'p', "program", "NAME", "by this program: its path, or the last part of it", ARGS_STRING,     \
			&(f)->program                                                                         \
	}

/* Checks what was typed and works out the times. Says what is wrong and returns false. */
bool log_filter_check(const char *command, struct log_filter *f);

struct log_event {
	json_t *root; /* NULL: not JSON */
	uint64_t index;
	int64_t time_ms;
	const char *verdict, *user, *operation, *store, *program, *path; /* borrowed from root, "" for none */
	char *whereto;	 /* path, of what went to an address: ours; else NULL */
	int64_t repeats; /* of an entry that counts accesses like one before it; -1: it is one access */
	int64_t bytes_read, bytes_written;
	bool alert;
};

/* Parses n bytes; log_event_free releases. */
void log_event_parse(uint64_t index, const uint8_t *entry, size_t n, struct log_event *ret_event);
void log_event_free(struct log_event *e);

bool log_filter_takes(const struct log_filter *f, const struct log_event *e);

/* The table's head, and one row. Control bytes are escaped: a file's name must not drive a terminal. */
void log_table_head(struct buf *out, bool colour);
void log_table_row(struct buf *out, const struct log_event *e, const uint8_t *entry, size_t n, bool colour);

/* Appends n bytes. Those that a terminal obeys become \xNN, also those of C1 controls written in UTF-8. Returns columns. */
size_t log_add_safe(struct buf *out, const char *s, size_t n);
/* The same as one cell of so many columns at least, and a space; "" becomes "-". */
void log_cell(struct buf *out, const char *s, size_t width);

/* Parses a point in time as typed, relative to now. 0 or -EINVAL. */
int log_time_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

/* Whether standard output takes colour. */
bool log_colour(void);

#endif
