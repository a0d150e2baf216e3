// SPDX-License-Identifier: Apache-2.0
/* `muniment flows`: where the data of stores went, by which programs, out of the ledger. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/log_common.h"
#include "cli/log_event.h"
#include "report/flows.h"

#define PROGRESS_EVERY 4096

struct request {
	const char *command, *dir, *svg;
	struct log_filter filter;
	bool json;
};

/* "cat -pipe> gzip -unix_socket> sender"; "…" where the beginning is not known. */
static void add_programs(const struct flow *flow, struct buf *out)
{
	if (flow->incomplete)
		buf_str(out, "… ");
	for (size_t i = 0; i < flow->n_programs; i++) {
		if (i)
			buf_printf(out, " -%s> ", *flow->programs[i].how ? flow->programs[i].how : "?");
		buf_str(out, flow->programs[i].name);
	}
}

static const char *row_colour(const struct flow *flow)
{
	static const char *const colours[FLOW_VERDICTS] = {
		[FLOW_ALLOWED] = "", [FLOW_OBSERVED] = "\033[33m", [FLOW_DENIED] = "\033[31m"};

	return colours[flow->verdict];
}

static void add_row(const struct flow *flow, bool colour, struct buf *out)
{
	const char *on = colour ? row_colour(flow) : "";
	struct buf programs = {0};

	add_programs(flow, &programs);
	buf_str(out, on);
	log_cell(out, flow->store, 12);
	log_cell(out, flow_verdict_text(flow->verdict), 8);
	log_cell(out, flow_kind_text(flow->kind), 11);
	buf_printf(out, "%9llu %14llu  ", (unsigned long long)flow->count, (unsigned long long)flow->bytes);
	log_cell(out, programs.data ? programs.data : "", 40);
	log_add_safe(out, flow->destination, strlen(flow->destination));
	if (*flow->agreement)
		buf_printf(out, "  (%s)", flow->agreement);
	buf_printf(out, "%s\n", *on ? "\033[0m" : "");
	out->failed |= programs.failed;
	buf_free(&programs);
}

static void add_table(const struct flows *f, struct buf *out)
{
	bool colour = log_colour();

	if (!f->n) {
		buf_str(out, "no data of a store went anywhere\n");
		return;
	}
	buf_printf(out, "%s%-12s %-8s %-11s %9s %14s  %-40s %s%s\n", colour ? "\033[1m" : "", "STORE",
		   "VERDICT", "KIND", "TIMES", "BYTES", "BY", "TO", colour ? "\033[0m" : "");
	for (size_t i = 0; i < f->n; i++)
		add_row(&f->items[i], colour, out);
}

/* Adds the ledger's entries. An exit status. */
static int collect(const struct request *q, struct flows *f)
{
	int status = EXIT_GOOD;
	struct ledger_reader *r = log_open_reader(q->command, q->dir, &status);
	const uint8_t *entry;
	uint64_t done = 0;
	long n;

	if (!r)
		return status;
	while ((n = ledger_reader_next(r, &entry)) >= 0) {
		struct log_event e;

		log_event_parse(done, entry, (size_t)n, &e);
		if (e.root && log_filter_takes(&q->filter, &e))
			flows_add(f, e.root);
		log_event_free(&e);
		if (++done % PROGRESS_EVERY == 0)
			log_progress("reading", done, ledger_reader_size(r));
	}
	log_progress("reading", 1, 1);
	if (n != -ENODATA) {
		fprintf(stderr, "%s: entry %llu: %s\n", q->command, (unsigned long long)done,
			log_error_text((int)n));
		status = n == -EBADMSG ? EXIT_FINDINGS : EXIT_CANNOT;
	}
	ledger_reader_close(r);
	return status;
}

static void add_title(const struct request *q, struct buf *out)
{
	const struct log_filter *f = &q->filter;

	buf_str(out, "Flows of data");
	if (f->store)
		buf_printf(out, " of %s", f->store);
	if (f->since)
		buf_printf(out, " since %s", f->since);
	if (f->until)
		buf_printf(out, " until %s", f->until);
}

static int write_map(const struct request *q, const struct flows *f)
{
	struct buf title = {0}, map = {0};
	int err;

	add_title(q, &title);
	flows_svg(f, title.data ? title.data : "", &map);
	err = map.failed || title.failed ? -ENOMEM : file_replace(q->svg, map.data, map.len, 0644);
	if (err)
		fprintf(stderr, "%s: %s: %s\n", q->command, q->svg, strerror(-err));
	buf_free(&title);
	buf_free(&map);
	return err ? EXIT_CANNOT : EXIT_GOOD;
}

static int report(const struct request *q)
{
	struct flows f = {0};
	struct buf out = {0};
	int status = collect(q, &f), wrote;

	flows_sort(&f);
	if (q->json)
		flows_json(&f, q->filter.since_ms, q->filter.until_ms, &out);
	else
		add_table(&f, &out);
	out.failed |= f.failed;
	/* What stands before damage is told all the same. */
	if (status == EXIT_GOOD || f.entries) {
		wrote = q->svg ? write_map(q, &f) : EXIT_GOOD;
		if (!log_print(q->command, &out))
			wrote = EXIT_CANNOT;
		status = status == EXIT_GOOD ? wrote : status;
	}
	buf_free(&out);
	flows_free(&f);
	return status;
}

int command_flows(int argc, char **argv)
{
	struct request q = {.command = argv[0], .dir = LEDGER_DIR_DEFAULT};
	const struct args_option table[] = {
		LOG_FILTER_OPTIONS(&q.filter),
		{0, "svg", "FILE", "draw a map of stores, programs and destinations, too", ARGS_STRING,
		 &q.svg},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &q.json},
		{0, NULL, "DIR", "the ledger's directory (" LEDGER_DIR_DEFAULT ")", ARGS_OPTIONAL, &q.dir},
		ARGS_END,
	};
	enum args_result parsed = args_parse(
		argv[0], "Shows where the data of stores went, and by which programs. Verifies nothing.",
		table, argc, argv);

	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (!log_filter_check(argv[0], &q.filter))
		return EXIT_USAGE;
	return report(&q);
}
