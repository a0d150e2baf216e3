/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One declarative table per command feeds option parsing, --help and the messages about bad usage.
 *
 * A table lists options, then positional arguments, and ends with ARGS_END. Example:
 *
 *	const char *key = NULL, *dir = "/var/lib/muniment/ledger";
 *	bool json = false;
 *	const struct args_option options[] = {
 *		{'k', "key", "VKEY", "verifier key, or @FILE that holds it", ARGS_STRING, &key},
 *		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
 *		{0, NULL, "DIR", "the ledger's directory", ARGS_OPTIONAL, &dir},
 *		ARGS_END,
 *	};
 */
#ifndef MUNIMENT_BASE_ARGS_H
#define MUNIMENT_BASE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

enum args_type {
	ARGS_LAST = 0,
	ARGS_FLAG,     /* bool *: set to true */
	ARGS_STRING,   /* const char **: the value, borrowed from argv */
	ARGS_U64,      /* uint64_t *: a decimal number */
	ARGS_LIST,     /* struct args_list *: the option may be given several times */
	ARGS_REQUIRED, /* positional, const char ** */
	ARGS_OPTIONAL, /* positional, const char ** */
	ARGS_REST, /* positional, struct args_list *: all that are left (after "--" too); none is no error */
};

struct args_list {
	const char **items; /* borrowed strings in an array that args_list_free releases */
	int n;
};

struct args_option {
	char letter;	   /* 0: long form only */
	const char *name;  /* NULL: positional */
	const char *value; /* name of the value in help, NULL for flags; of the argument for positionals */
	const char *help;
	enum args_type type;
	void *target;
};

#define ARGS_END                                                                                             \
	{                                                                                                    \
		0, NULL, NULL, NULL, ARGS_LAST, NULL                                                         \
	}

enum args_result { ARGS_OK, ARGS_HELP_SHOWN, ARGS_BAD };

/*
 * Parses argv[1..]. `command` is the whole name as typed ("muniment log verify"), `summary` one line for
 * --help. -h and --help print help on standard output (ARGS_HELP_SHOWN); bad usage prints what was wrong,
 * what was expected and the nearest valid option on standard error (ARGS_BAD: the caller exits with
 * EXIT_USAGE).
 */
enum args_result args_parse(const char *command, const char *summary, const struct args_option *table,
			    int argc, char **argv);

void args_help(const char *command, const char *summary, const struct args_option *table);
void args_list_free(struct args_list *list);

/* Exit statuses of every command (DESIGN: good, findings, usage or bad input, cannot be done here). */
enum { EXIT_GOOD = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_CANNOT = 3 };

/* The status of a command that its arguments ended: help was shown, or they were bad. */
static inline int args_exit(enum args_result result)
{
	return result == ARGS_HELP_SHOWN ? EXIT_GOOD : EXIT_USAGE;
}

#endif
