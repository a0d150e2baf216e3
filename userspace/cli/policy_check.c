/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `muniment policy check [FILE|DIR…]`: says whether munimentd would take a policy on this host, and all that
 * is wrong with it.
 *
 * Changes nothing. Called by the table of commands (main.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "policy/render.h"

static int add_sources(struct policy *policy, const struct args_list *files)
{
	int rc = 0;

	if (files->n == 0)
		return policy_add_path(policy, POLICY_DIR);
	for (int i = 0; i < files->n && rc == 0; i++)
		rc = policy_add_path(policy, files->items[i]);
	return rc;
}

static void render(const struct policy *policy, bool json, struct buf *out)
{
	bool terminal = isatty(STDOUT_FILENO);
	bool colour = terminal && !getenv("NO_COLOR");

	if (json) {
		policy_render_json(policy, out);
		buf_char(out, '\n');
		return;
	}
	for (size_t i = 0; i < policy->findings.n; i++) {
		if (terminal)
			policy_render_block(policy, &policy->findings.items[i], colour, out);
		else
			policy_render_line(policy, &policy->findings.items[i], out);
		buf_char(out, '\n');
	}
	policy_render_summary(policy, out);
	buf_char(out, '\n');
}

/* Returns 0, -EINVAL for a policy with errors, or another -errno. */
static int check_and_show(const struct args_list *files, bool json)
{
	struct policy_resolver *resolver = resolver_host_new(NULL);
	struct policy *policy = policy_new();
	struct policy_env env = {.resolver = resolver};
	struct buf out = {0};
	int rc = -ENOMEM, written;

	if (!resolver || !policy)
		goto out;
	env.protected_paths = policy_default_protected(&env.n_protected);
	rc = add_sources(policy, files);
	if (rc == 0)
		rc = policy_check(policy, &env);
	if (rc < 0 && rc != -EINVAL)
		goto out;
	render(policy, json, &out);
	written = out.failed ? -ENOMEM : file_write_all(STDOUT_FILENO, out.data, out.len);
	if (written < 0)
		rc = written;
out:
	buf_free(&out);
	policy_free(policy);
	resolver_host_free(resolver);
	return rc;
}

int command_policy_check(int argc, char **argv)
{
	struct args_list files = {0};
	bool json = false;
	const struct args_option options[] = {
		{0, "json", NULL, "print the findings as a JSON array", ARGS_FLAG, &json},
		{0, NULL, "FILE", "policy files, or directories of *.yaml (" POLICY_DIR ")", ARGS_REST,
		 &files},
		ARGS_END,
	};
	enum args_result parsed =
		args_parse(argv[0], "checks a policy completely and changes nothing", options, argc, argv);
	int rc;

	if (parsed != ARGS_OK) {
		args_list_free(&files);
		return parsed == ARGS_HELP_SHOWN ? EXIT_GOOD : EXIT_USAGE;
	}
	rc = check_and_show(&files, json);
	args_list_free(&files);
	if (rc == 0)
		return EXIT_GOOD;
	if (rc == -EINVAL)
		return EXIT_USAGE;
	log_error("the policy could not be checked: %s", strerror(-rc));
	return EXIT_CANNOT;
}
