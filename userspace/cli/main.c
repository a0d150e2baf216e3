// SPDX-License-Identifier: Apache-2.0
/* muniment: the command for admins and auditors. Finds the subcommand and hands over; see cli/command.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "base/log.h"
#include "base/suggest.h"
#include "cli/command.h"

static const struct command commands[] = {
	{NULL, "status", "what guards this host, and whether anything is wrong", command_status},
	{NULL, "reload", "make the daemon read its policy anew", command_reload},
	{NULL, "stop", "stop the daemon, with a reason", command_stop},
	{NULL, "maintenance", "let the daemon's own files be changed for a while", command_maintenance},
	{NULL, "approve", "agree to what somebody else asked of the daemon", command_approve},
	{NULL, "labels", "which processes may hold records, and clearing that", command_labels},
	{NULL, "flows", "where the data of stores went, as a table or a map", command_flows},
	{"policy", "check", "check a policy completely, changing nothing", command_policy_check},
	{"log", "verify", "re-verify every entry of a ledger", command_log_verify},
	{"log", "show", "show entries, filtered", command_log_show},
	{"log", "tail", "show the last entries, and those to come", command_log_tail},
	{"log", "export", "copy a ledger out as tlog-tiles or JSON lines", command_log_export},
	{"log", "prove", "prove one entry to somebody without the ledger", command_log_prove},
	{"log", "verify-proof", "check such a proof", command_log_verify_proof},
	{"key", "new", "make a ledger's signing key", command_key_new},
	{NULL, NULL, NULL, NULL},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(const char *group)
{
	printf("Usage: muniment %sCOMMAND [OPTION…]\n", group ? group : "");
	printf("Guards health records in the kernel, and proves who touched them.\n\n");
	for (const struct command *c = commands; c->name; c++) {
		char name[64];

		if (group && (!c->group || strcmp(c->group, group)))
			continue;
		snprintf(name, sizeof(name), "%s%s%s", c->group ? c->group : "", c->group ? " " : "",
			 c->name);
		printf("  %-20s %s\n", name, c->summary);
	}
	printf("\n'muniment COMMAND --help' tells the options. Manual: muniment(1), munimentd(8), "
	       "muniment-policy(5).\n");
}

static int unknown(const char *typed, const char *group)
{
	const char *words[N_COMMANDS] = {NULL}, *near;
	size_t n = 0;

	for (const struct command *c = commands; c->name; c++) {
		if (group ? c->group && !strcmp(c->group, group) : true)
			words[n++] = group || !c->group ? c->name : c->group;
	}
	near = suggest_nearest(typed, words, n);
	fprintf(stderr, "muniment: unknown command '%s%s%s'", group ? group : "", group ? " " : "", typed);
	if (near)
		fprintf(stderr, ", did you mean '%s'?", near);
	fprintf(stderr, "\nTry 'muniment --help'.\n");
	return EXIT_USAGE;
}

/* Runs commands[i] with the words of its name folded into argv[0]. */
static int run(const struct command *c, int words, int argc, char **argv)
{
	static char name[64];

	snprintf(name, sizeof(name), "muniment%s%s %s", c->group ? " " : "", c->group ? c->group : "",
		 c->name);
	argv[words] = name;
	return c->run(argc - words, argv + words);
}

int main(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : NULL, *second = argc > 2 ? argv[2] : NULL;
	bool is_group = false;

	log_init("muniment", LOG_LEVEL_INFO);
	if (!first || !strcmp(first, "--help") || !strcmp(first, "-h") || !strcmp(first, "help")) {
		print_help(NULL);
		return first ? EXIT_GOOD : EXIT_USAGE;
	}
	if (!strcmp(first, "--version")) {
		printf("muniment %s\n", MUNIMENT_VERSION);
		return EXIT_GOOD;
	}
	for (const struct command *c = commands; c->name; c++) {
		if (!c->group && !strcmp(c->name, first))
			return run(c, 1, argc, argv);
		if (!c->group || strcmp(c->group, first))
			continue;
		is_group = true;
		if (second && !strcmp(c->name, second))
			return run(c, 2, argc, argv);
	}
	if (!is_group)
		return unknown(first, NULL);
	if (!second || !strcmp(second, "--help") || !strcmp(second, "-h")) {
		print_help(first);
		return second ? EXIT_GOOD : EXIT_USAGE;
	}
	return unknown(second, first);
}
