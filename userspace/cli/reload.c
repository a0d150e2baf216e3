// SPDX-License-Identifier: Apache-2.0
/* `muniment reload`: the policy is read anew; a bad one is refused, with its findings shown here. */
#include <stdio.h>
#include <stdlib.h>

#include "base/args.h"
#include "cli/command.h"
#include "cli/control_client.h"

#define RELOAD_TIMEOUT_S 120 /* a directory service may be slow */

static int report(const char *command, json_t *answer)
{
	bool ok = json_is_true(json_object_get(answer, "ok"));
	const char *messages = json_string_value(json_object_get(answer, "messages"));
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (messages)
		fputs(messages, stderr);
	if (ok)
		printf("policy of generation %lld is in force\n",
		       (long long)json_integer_value(json_object_get(answer, "generation")));
	else
		fprintf(stderr, "%s: %s\n", command, error ? error : "refused");
	return ok ? EXIT_GOOD : EXIT_USAGE;
}

int command_reload(int argc, char **argv)
{
	bool json = false;
	int status;
	json_t *answer = control_command(argc, argv, "Makes the daemon read its policy anew.", "reload",
					 RELOAD_TIMEOUT_S, &json, &status);

	if (!answer)
		return status;
	if (json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
		status = json_is_true(json_object_get(answer, "ok")) ? EXIT_GOOD : EXIT_USAGE;
	} else {
		status = report(argv[0], answer);
	}
	json_decref(answer);
	return status;
}
