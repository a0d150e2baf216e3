// SPDX-License-Identifier: Apache-2.0
/* Option tables: see args.h. */
#include "base/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

#define OPTIONS_MAX 40

static bool is_positional(const struct args_option *o)
{
	return o->type >= ARGS_REQUIRED;
}

void args_help(const char *command, const char *summary, const struct args_option *table)
{
	const struct args_option *o;
	char left[80];

	printf("Usage: %s [OPTION…]", command);
	for (o = table; o->type; o++)
		if (is_positional(o))
			printf(o->type == ARGS_REQUIRED ? " %s"
			       : o->type == ARGS_REST	? " [%s…]"
							: " [%s]",
			       o->value);
	printf("\n%s\n\n", summary);
	for (o = table; o->type; o++) {
		if (is_positional(o))
			snprintf(left, sizeof(left), "%s", o->value);
		else
			snprintf(left, sizeof(left), "%c%c%s--%s%s%s", o->letter ? '-' : ' ',
				 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
				 o->value ? " " : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
	printf("  %-28s %s\n", "-h, --help", "show this text");
}

static const struct args_option *by_name(const struct args_option *table, const char *name, size_t n)
{
	for (const struct args_option *o = table; o->type; o++)
		if (o->name && strlen(o->name) == n && !strncmp(o->name, name, n))
			return o;
	return NULL;
}

static const struct args_option *by_letter(const struct args_option *table, char letter)
{
	for (const struct args_option *o = table; o->type; o++)
		if (o->name && o->letter == letter)
			return o;
	return NULL;
}

static int list_add(struct args_list *list, const char *item)
{
	const char **items = realloc(list->items, sizeof(*items) * (size_t)(list->n + 1));

	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->n++] = item;
	return 0;
}

static bool set_value(const char *command, const struct args_option *o, const char *value)
{
	char *end;

	switch (o->type) {
	case ARGS_FLAG:
		*(bool *)o->target = true;
		return true;
	case ARGS_U64:
		errno = 0;
		*(uint64_t *)o->target = strtoull(value, &end, 10);
		if (errno || end == value || *end || *value == '-') {
			fprintf(stderr, "%s: --%s: '%s' is not a number, expected a decimal one\n", command,
				o->name, value);
			return false;
		}
		return true;
	case ARGS_LIST:
	case ARGS_REST:
		return list_add(o->target, value) == 0;
	default:
		*(const char **)o->target = value;
		return true;
	}
}

static void unknown_option(const char *command, const struct args_option *table, const char *typed)
{
	const char *names[OPTIONS_MAX], *near;
	size_t n = 0;

	for (const struct args_option *o = table; o->type && n < OPTIONS_MAX; o++)
		if (o->name)
			names[n++] = o->name;
	near = suggest_nearest(typed, names, n);
	fprintf(stderr, "%s: unknown option '%s'", command, typed);
	if (near)
		fprintf(stderr, ", did you mean '--%s'?", near);
	fprintf(stderr, "\nTry '%s --help'.\n", command);
}

/* Handles argv[*i], which begins with '-'; may take the next argument as the value. */
static bool parse_option(const char *command, const struct args_option *table, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *value = NULL, *eq = strchr(arg, '=');
	const struct args_option *o;

	if (arg[1] == '-') {
		o = by_name(table, arg + 2, eq ? (size_t)(eq - arg) - 2 : strlen(arg) - 2);
		value = eq ? eq + 1 : NULL;
	} else {
		o = by_letter(table, arg[1]);
		if (o && arg[2])
			value = arg + 2;
	}
	if (!o || (value && o->type == ARGS_FLAG)) {
		unknown_option(command, table, arg);
		return false;
	}
	if (o->type != ARGS_FLAG && !value) {
		if (*i + 1 >= argc) {
			fprintf(stderr, "%s: --%s needs a value: %s\n", command, o->name, o->value);
			return false;
		}
		value = argv[++*i];
	}
	return set_value(command, o, value);
}

/* Gives a positional argument to the next free place in the table. */
static bool parse_positional(const char *command, const struct args_option *table, const char *arg,
			     int *place)
{
	int at = 0;

	for (const struct args_option *o = table; o->type; o++) {
		if (!is_positional(o))
			continue;
		if (o->type == ARGS_REST)
			return set_value(command, o, arg);
		if (at++ == *place) {
			(*place)++;
			return set_value(command, o, arg);
		}
	}
	fprintf(stderr, "%s: unexpected argument '%s'\nTry '%s --help'.\n", command, arg, command);
	return false;
}

enum args_result args_parse(const char *command, const char *summary, const struct args_option *table,
			    int argc, char **argv)
{
	bool only_positional = false;
	int place = 0, required = 0;

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (!only_positional && !strcmp(arg, "--")) {
			only_positional = true;
		} else if (!only_positional && (!strcmp(arg, "-h") || !strcmp(arg, "--help"))) {
			args_help(command, summary, table);
			return ARGS_HELP_SHOWN;
		} else if (!only_positional && arg[0] == '-' && arg[1]) {
			if (!parse_option(command, table, argc, argv, &i))
				return ARGS_BAD;
		} else if (!parse_positional(command, table, arg, &place)) {
			return ARGS_BAD;
		}
	}
	for (const struct args_option *o = table; o->type; o++) {
		if (o->type == ARGS_REQUIRED && required++ >= place) {
			fprintf(stderr, "%s: %s is missing: %s\nTry '%s --help'.\n", command, o->value,
				o->help, command);
			return ARGS_BAD;
		}
	}
	return ARGS_OK;
}

void args_list_free(struct args_list *list)
{
	free(list->items);
	*list = (struct args_list){0};
}
