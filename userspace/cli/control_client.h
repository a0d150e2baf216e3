/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon by its control socket. Used by the commands that do. */
#ifndef MUNIMENT_CLI_CONTROL_CLIENT_H
#define MUNIMENT_CLI_CONTROL_CLIENT_H

#include <stdbool.h>

#include <jansson.h>

#define RUN_DIR_DEFAULT "/run/muniment"

/*
 * A command that is one question to the daemon: takes --run and --json from argv, sends {"command": word} and
 * returns the answer's object, which the caller releases. NULL: the command ends with *ret_status, and why is
 * on standard error (a daemon that does not run: EXIT_CANNOT), or --help was shown.
 */
json_t *control_command(int argc, char **argv, const char *summary, const char *word, unsigned timeout_s,
			bool *ret_json, int *ret_status);

/*
 * Sends a request (borrowed) to the daemon of run_dir. 0 and its answer, an object that the caller releases; or an exit
 * status, with the reason on standard error after the command's name.
 */
int control_ask(const char *command, const char *run_dir, json_t *request, unsigned timeout_s,
		json_t **ret_answer);

/*
 * The same for what leaves a host less guarded, where somebody else may have to agree first: tells what came of it, and
 * returns the exit status. request is released; NULL stands for no memory. json: the answer goes to standard output.
 */
int control_ask_leave(const char *command, const char *run_dir, json_t *request, bool json);

/* 0, or EXIT_USAGE for an empty reason, which was told. */
int control_need_reason(const char *command, const char *reason);

#endif
