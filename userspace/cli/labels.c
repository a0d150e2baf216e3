// SPDX-License-Identifier: Apache-2.0
/* `muniment labels`: which processes may hold data of which stores, and which files do; that one is taken to hold none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "cli/command.h"
#include "cli/control_client.h"

#define LABELS_TIMEOUT_S 15

/* Names are the processes' own choice, and terminals obey control characters. */
static void print_name(const char *name, int width)
{
	int n = 0;

	for (; name && *name; name++, n++)
		putchar((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
	printf("%*s", n < width ? width - n : 1, "");
}

static void print_stores(json_t *stores)
{
	json_t *store;
	size_t i;

	json_array_foreach (stores, i, store) {
		printf("%s%s", i ? ", " : "", json_string_value(store));
	}
	putchar('\n');
}

static void print_process(json_t *process)
{
	const char *user = json_string_value(json_object_get(process, "user"));

	printf("%-10lld ", (long long)json_integer_value(json_object_get(process, "pid")));
	print_name(json_string_value(json_object_get(process, "name")), 17);
	if (user)
		printf("%-16s ", user);
	else
		printf("%-16lld ", (long long)json_integer_value(json_object_get(process, "uid")));
	print_stores(json_object_get(process, "stores"));
}

static void print_file(json_t *file)
{
	printf("%-10s %-20lld ", json_string_value(json_object_get(file, "device")),
	       (long long)json_integer_value(json_object_get(file, "inode")));
	print_stores(json_object_get(file, "stores"));
}

static void print_table(json_t *answer)
{
	json_t *files = json_object_get(answer, "files"),
	       *rows = files ? files : json_object_get(answer, "processes"), *row;
	long long count = json_integer_value(json_object_get(answer, "count"));
	size_t i;

	if (!count) {
		printf("no %s holds records\n", files ? "file outside the stores" : "process");
		return;
	}
	if (files)
		printf("%-10s %-20s %s\n", "DEVICE", "INODE", "MAY HOLD DATA OF");
	else
		printf("%-10s %-16s %-16s %s\n", "PROCESS", "PROGRAM", "PERSON", "MAY HOLD DATA OF");
	json_array_foreach (rows, i, row) {
		(files ? print_file : print_process)(row);
	}
	if (count > (long long)json_array_size(rows))
		printf("… and %lld more\n", count - (long long)json_array_size(rows));
}

/* what: "labels" or "files" */
static int list(const char *command, const char *run, const char *what, bool json)
{
	json_t *request = json_pack("{s:s}", "command", what), *answer = NULL;
	int status = request ? control_ask(command, run, request, LABELS_TIMEOUT_S, &answer) : EXIT_CANNOT;
	const char *error;

	json_decref(request);
	if (!answer)
		return status;
	error = json_string_value(json_object_get(answer, "error"));
	if (json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (json_is_true(json_object_get(answer, "ok"))) {
		print_table(answer);
	} else {
		fprintf(stderr, "%s: %s\n", command, error ? error : "refused");
	}
	status = json_is_true(json_object_get(answer, "ok")) ? EXIT_GOOD : EXIT_CANNOT;
	json_decref(answer);
	return status;
}

/* As the daemon is to know it: absolute, and no symbolic link. */
static int clear_file(const char *command, const char *run, const char *file, const char *reason, bool json)
{
	char *path = realpath(file, NULL);
	int status;

	if (!path) {
		fprintf(stderr, "%s: %s: %s\n", command, file, strerror(errno));
		return EXIT_USAGE;
	}
	status = control_ask_leave(
		command, run,
		json_pack("{s:s, s:s, s:s}", "command", "file-clear", "reason", reason, "file", path), json);
	free(path);
	return status;
}

int command_labels(int argc, char **argv)
{
	const char *run = RUN_DIR_DEFAULT, *reason = NULL, *file = NULL;
	uint64_t process = 0;
	bool json = false, files = false;
	const struct args_option table[] = {
		{'f', "files", NULL, "shows files outside the stores instead: copies", ARGS_FLAG, &files},
		{'c', "clear", "PID", "this process is taken to hold nothing any more", ARGS_U64, &process},
		{0, "clear-file", "FILE", "this file is", ARGS_STRING, &file},
		{'r', "reason", "TEXT", "why; stands in the ledger (needed to clear a label)", ARGS_STRING,
		 &reason},
		{0, "run", "DIR", "the daemon's run directory (" RUN_DIR_DEFAULT ")", ARGS_STRING, &run},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		ARGS_END,
	};
	enum args_result parsed = args_parse(
		argv[0], "Shows which processes, or files outside the stores, may hold data of which stores.",
		table, argc, argv);
	int status;

	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (!process && !reason && !file)
		return list(argv[0], run, files ? "files" : "labels", json);
	if (files || (file && process)) {
		fprintf(stderr, "%s: expected one of --files, --clear and --clear-file\n", argv[0]);
		return EXIT_USAGE;
	}
	if (!file && (process < 1 || process > INT32_MAX)) {
		fprintf(stderr, "%s: --clear: expected the number of a process\n", argv[0]);
		return EXIT_USAGE;
	}
	status = control_need_reason(argv[0], reason);
	if (status)
		return status;
	if (file)
		return clear_file(argv[0], run, file, reason, json);
	return control_ask_leave(argv[0], run,
				 json_pack("{s:s, s:s, s:I}", "command", "label-clear", "reason", reason,
					   "process", (json_int_t)process),
				 json);
}
