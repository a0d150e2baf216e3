// SPDX-License-Identifier: Apache-2.0
/* `muniment stop`, `maintenance` and `approve`: what leaves a host less guarded, with who and why in the ledger. */
#include <stdio.h>
#include <stdlib.h>

#include "base/args.h"
#include "cli/command.h"
#include "cli/control_client.h"

#define ASK_TIMEOUT_S 30

static int report(const char *command, json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const char *done = json_string_value(json_object_get(answer, "done"));
	json_t *request = json_object_get(answer, "request");

	if (!json_is_true(json_object_get(answer, "ok"))) {
		fprintf(stderr, "%s: %s\n", command, error ? error : "refused");
		return EXIT_CANNOT;
	}
	if (request)
		printf("somebody else must agree, within %lld minutes: muniment approve %lld\n",
		       (long long)json_integer_value(json_object_get(answer, "valid_minutes")),
		       (long long)json_integer_value(request));
	else
		printf("%s\n", done ? done : "done");
	return request ? EXIT_FINDINGS : EXIT_GOOD;
}

int control_ask_leave(const char *command, const char *run, json_t *request, bool json)
{
	json_t *answer = NULL;
	int status = EXIT_CANNOT;

	if (request)
		status = control_ask(command, run, request, ASK_TIMEOUT_S, &answer);
	else
		fprintf(stderr, "%s: not valid UTF-8, or out of memory\n", command);
	json_decref(request);
	if (!answer)
		return status;
	status = report(command, answer);
	if (json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(answer);
	return status;
}

int control_need_reason(const char *command, const char *reason)
{
	if (reason && *reason)
		return 0;
	fprintf(stderr, "%s: --reason is needed: it stands in the ledger\nTry '%s --help'.\n", command,
		command);
	return EXIT_USAGE;
}

int command_stop(int argc, char **argv)
{
	const char *run = RUN_DIR_DEFAULT, *reason = NULL;
	bool json = false;
	const struct args_option table[] = {
		{'r', "reason", "TEXT", "why; stands in the ledger (needed)", ARGS_STRING, &reason},
		{0, "run", "DIR", "the daemon's run directory (" RUN_DIR_DEFAULT ")", ARGS_STRING, &run},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		ARGS_END,
	};
	enum args_result parsed =
		args_parse(argv[0], "Stops the daemon, as no signal may.", table, argc, argv);
	int status = parsed == ARGS_OK ? control_need_reason(argv[0], reason) : args_exit(parsed);

	if (parsed != ARGS_OK || status)
		return status;
	return control_ask_leave(argv[0], run, json_pack("{s:s, s:s}", "command", "stop", "reason", reason),
				 json);
}

int command_maintenance(int argc, char **argv)
{
	const char *run = RUN_DIR_DEFAULT, *reason = NULL;
	uint64_t minutes = 30;
	bool json = false, end = false;
	const struct args_option table[] = {
		{'r', "reason", "TEXT", "why; stands in the ledger (needed)", ARGS_STRING, &reason},
		{'m', "minutes", "N", "for so long, at most 480 (30)", ARGS_U64, &minutes},
		{0, "end", NULL, "close the window now", ARGS_FLAG, &end},
		{0, "run", "DIR", "the daemon's run directory (" RUN_DIR_DEFAULT ")", ARGS_STRING, &run},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		ARGS_END,
	};
	enum args_result parsed = args_parse(
		argv[0], "Lets the daemon's own program, policy and processes be changed for a while.", table,
		argc, argv);
	int status = parsed == ARGS_OK ? control_need_reason(argv[0], reason) : args_exit(parsed);

	if (parsed != ARGS_OK || status)
		return status;
	if (minutes < 1 || minutes > 480) {
		fprintf(stderr, "%s: --minutes: expected a number from 1 to 480\n", argv[0]);
		return EXIT_USAGE;
	}
	return control_ask_leave(argv[0], run,
				 end ? json_pack("{s:s, s:s}", "command", "maintenance-end", "reason", reason)
				     : json_pack("{s:s, s:s, s:I}", "command", "maintenance", "reason",
						 reason, "minutes", (json_int_t)minutes),
				 json);
}

int command_approve(int argc, char **argv)
{
	const char *run = RUN_DIR_DEFAULT, *text = NULL;
	char *end = NULL;
	unsigned long number;
	bool json = false;
	const struct args_option table[] = {
		{0, "run", "DIR", "the daemon's run directory (" RUN_DIR_DEFAULT ")", ARGS_STRING, &run},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		{0, NULL, "REQUEST", "its number, as `stop` or `maintenance` printed it", ARGS_REQUIRED,
		 &text},
		ARGS_END,
	};
	enum args_result parsed =
		args_parse(argv[0], "Agrees to what somebody else asked of the daemon.", table, argc, argv);

	if (parsed != ARGS_OK)
		return args_exit(parsed);
	number = strtoul(text, &end, 10);
	if (end == text || *end || number < 1 || number > UINT32_MAX) {
		fprintf(stderr, "%s: \"%s\" is no request; expected its number\n", argv[0], text);
		return EXIT_USAGE;
	}
	return control_ask_leave(argv[0], run,
				 json_pack("{s:s, s:I}", "command", "approve", "request", (json_int_t)number),
				 json);
}
