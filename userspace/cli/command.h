/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands of `muniment`. main.c walks the table; each command parses its own options (base/args.h),
 * prints for people or, with --json, for programs, and returns an exit status of args.h.
 *
 * argv[0] is the whole name as typed ("muniment log verify"), argv[1..] what follows it.
 */
#ifndef MUNIMENT_CLI_COMMAND_H
#define MUNIMENT_CLI_COMMAND_H

struct command {
	const char *group; /* "log", "policy", "key", or NULL for commands of one word */
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int command_policy_check(int argc, char **argv);
int command_log_verify(int argc, char **argv);
int command_log_show(int argc, char **argv);
int command_log_tail(int argc, char **argv);
int command_log_export(int argc, char **argv);
int command_log_prove(int argc, char **argv);
int command_log_verify_proof(int argc, char **argv);
int command_key_new(int argc, char **argv);
int command_status(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_maintenance(int argc, char **argv);
int command_approve(int argc, char **argv);
int command_labels(int argc, char **argv);
int command_flows(int argc, char **argv);

#endif
