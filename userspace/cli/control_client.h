/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon by its control socket. Used by the commands status and reload. */
#ifndef MUNIMENT_CLI_CONTROL_CLIENT_H
#define MUNIMENT_CLI_CONTROL_CLIENT_H

#include <jansson.h>

#define RUN_DIR_DEFAULT "/run/muniment"

/*
 * Sends {"command": word} and waits for the answer. 0 and the answer's object, which the caller releases; on
 * failure an exit status, with the reason on standard error (a daemon that does not run: EXIT_CANNOT).
 */
int control_ask(const char *command, const char *run_dir, const char *word, unsigned timeout_s,
		json_t **ret_answer);

#endif
