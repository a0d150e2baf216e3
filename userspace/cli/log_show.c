// SPDX-License-Identifier: Apache-2.0
/* `muniment log show` and `muniment log tail`: entries as a table, or as the very lines that are signed and
 * shipped. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/log_common.h"
#include "cli/log_event.h"

#define FLUSH_BYTES 65536
#define WAIT_MS	    1000 /* between looks where inotify tells nothing (network file systems) */

struct view {
	const char *command;
	struct log_filter filter;
	bool json, colour;
	uint64_t left; /* entries still to be shown */
	struct buf out;
};

static bool has_filter(const struct log_filter *f)
{
	return f->since || f->until || f->user || f->store || f->verdict || f->program;
}

/* False when standard output is gone. */
static bool view_flush(struct view *v)
{
	bool good = log_print(v->command, &v->out);

	buf_reset(&v->out);
	return good;
}

static void view_entry(struct view *v, uint64_t index, const uint8_t *entry, size_t n)
{
	struct log_event e = {0};
	bool filter = has_filter(&v->filter);

	if (filter || !v->json)
		log_event_parse(index, entry, n, &e);
	if (!filter || log_filter_takes(&v->filter, &e)) {
		v->left--;
		if (v->json) {
			buf_add(&v->out, entry, n);
			buf_char(&v->out, '\n');
		} else {
			log_table_row(&v->out, &e, entry, n, v->colour);
		}
	}
	log_event_free(&e);
}

/* Shows from the reader's cursor to the end of what is covered. An exit status. */
static int view_covered(struct view *v, struct ledger_reader *r)
{
	const uint8_t *entry;
	long n = -ENODATA;

	while (v->left && (n = ledger_reader_next(r, &entry)) >= 0) {
		view_entry(v, ledger_reader_tell(r) - 1, entry, (size_t)n);
		if (v->out.len >= FLUSH_BYTES && !view_flush(v))
			return EXIT_CANNOT;
	}
	if (!view_flush(v))
		return EXIT_CANNOT;
	if (v->left == 0 || n == -ENODATA)
		return EXIT_GOOD;
	fprintf(stderr, "%s: entry %llu: %s\n", v->command, (unsigned long long)ledger_reader_tell(r),
		log_error_text((int)n));
	return n == -EBADMSG ? EXIT_FINDINGS : EXIT_CANNOT;
}

/* Shows what is covered from now on, until standard output closes or the user ends it. */
static int follow(struct view *v, struct ledger_reader *r)
{
	int fd = ledger_reader_watch(r), status = EXIT_GOOD;

	while (status == EXIT_GOOD) {
		struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
		char events[4096];
		int err;

		if (poll(fds, 2, WAIT_MS) < 0 && errno != EINTR)
			return EXIT_CANNOT;
		if (fds[1].revents & (POLLERR | POLLHUP))
			return EXIT_GOOD;
		while (fd >= 0 && read(fd, events, sizeof(events)) > 0)
			;
		err = ledger_reader_refresh(r);
		if (err) {
			fprintf(stderr, "%s: %s\n", v->command, log_error_text(err));
			return err == -EBADMSG ? EXIT_FINDINGS : EXIT_CANNOT;
		}
		status = view_covered(v, r);
	}
	return status;
}

static int show(struct view *v, const char *dir, uint64_t from, uint64_t last, bool keep_on)
{
	int status = EXIT_GOOD;
	struct ledger_reader *r = log_open_reader(v->command, dir, &status);
	uint64_t size;

	if (!r)
		return status;
	size = ledger_reader_size(r);
	if (last != UINT64_MAX)
		from = size > last ? size - last : 0;
	ledger_reader_seek(r, from);
	v->colour = log_colour();
	if (!v->json)
		log_table_head(&v->out, v->colour);
	status = view_covered(v, r);
	if (status == EXIT_GOOD && keep_on)
		status = follow(v, r);
	buf_free(&v->out);
	ledger_reader_close(r);
	return status;
}

/* EXIT_GOOD: go on; otherwise *ret_status is the command's. */
static bool parse(struct view *v, const char *summary, const struct args_option *table, int argc, char **argv,
		  int *ret_status)
{
	enum args_result parsed;

	v->command = argv[0];
	parsed = args_parse(argv[0], summary, table, argc, argv);
	*ret_status = args_exit(parsed);
	if (parsed != ARGS_OK)
		return false;
	*ret_status = EXIT_USAGE;
	return log_filter_check(argv[0], &v->filter);
}

int command_log_show(int argc, char **argv)
{
	struct view v = {.left = UINT64_MAX};
	const char *dir = LEDGER_DIR_DEFAULT;
	uint64_t from = 0;
	const struct args_option table[] = {
		LOG_FILTER_OPTIONS(&v.filter),
		{0, "from", "INDEX", "begin with this entry", ARGS_U64, &from},
		{'n', "count", "N", "show at most so many", ARGS_U64, &v.left},
		{0, "json", NULL, "print the entries' very bytes, one a line", ARGS_FLAG, &v.json},
		{0, NULL, "DIR", "the ledger's directory (" LEDGER_DIR_DEFAULT ")", ARGS_OPTIONAL, &dir},
		ARGS_END,
	};
	int status;

	if (!parse(&v, "Shows the entries of a ledger. Verifies nothing: that is 'muniment log verify'.",
		   table, argc, argv, &status))
		return status;
	return show(&v, dir, from, UINT64_MAX, false);
}

int command_log_tail(int argc, char **argv)
{
	struct view v = {.left = UINT64_MAX};
	const char *dir = LEDGER_DIR_DEFAULT;
	uint64_t last = 10;
	bool keep_on = false;
	const struct args_option table[] = {
		{'n', "lines", "N", "begin with the last N entries (10)", ARGS_U64, &last},
		{'f', "follow", NULL, "go on with each entry as its checkpoint is signed", ARGS_FLAG,
		 &keep_on},
		LOG_FILTER_OPTIONS(&v.filter),
		{0, "json", NULL, "print the entries' very bytes, one a line", ARGS_FLAG, &v.json},
		{0, NULL, "DIR", "the ledger's directory (" LEDGER_DIR_DEFAULT ")", ARGS_OPTIONAL, &dir},
		ARGS_END,
	};
	int status;

	if (!parse(&v, "Shows the last entries of a ledger, and those to come.", table, argc, argv, &status))
		return status;
	return show(&v, dir, 0, last, keep_on);
}
