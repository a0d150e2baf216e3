// SPDX-License-Identifier: Apache-2.0
/* Checking without doing: see dry_run.h. A daemon that runs is not disturbed: pins and canary lie elsewhere.
 */
#include "daemon/dry_run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/log.h"
#include "daemon/policy_load.h"
#include "kernel/kernel.h"
#include "pipeline/decode.h"

static void print_serving(const struct kernel *k)
{
	unsigned n;
	const struct kernel_serving *s = kernel_serving(k, &n);

	for (unsigned i = 0; i < n; i++) {
		const char *mechanism = decode_mechanism_text(s[i].mechanism);

		printf("  %-30s %-9s %-8s %s\n", s[i].operation, mechanism ? mechanism : "none",
		       s[i].can_prevent ? "prevents"
		       : s[i].program	? "detects"
					: "-",
		       s[i].why_not_stronger);
	}
}

/* 0 and what the kernel can do, or an exit status. */
static int probe(const struct config *config, bool *ret_can_prevent)
{
	char run[] = "/tmp/munimentd-check-XXXXXX", pins[PATH_MAX];
	struct kernel_options options = {
		.run_dir = run, .pin_dir = pins, .only = config->mechanism, .cgroup = config->cgroup};
	struct kernel *k = NULL;
	bool adopted;
	int err;

	if (!mkdtemp(run))
		return EXIT_CANNOT;
	/* Beside the real ones: they must lie on the same bpffs, and must not be found by a daemon. */
	snprintf(pins, sizeof(pins), "%s_check_%d", config->pin_dir, (int)getpid());
	err = kernel_open(&options, &k, &adopted);
	if (err) {
		printf("this host cannot run any mechanism: %s\n", strerror(-err));
	} else {
		print_serving(k);
		*ret_can_prevent = kernel_can_prevent(k);
		kernel_close(k, false);
	}
	rmdir(pins);
	rmdir(run);
	return err ? EXIT_CANNOT : 0;
}

static int judge(const struct policy_image *image, bool can_prevent)
{
	if (!policy_image_enforces(image)) {
		puts("the policy only monitors");
	} else if (can_prevent) {
		puts("the policy enforces, and this kernel can prevent");
	} else if (image->degraded == POLICY_DEGRADED_ALLOW) {
		puts("the policy enforces, this kernel can only detect, and the policy allows that "
		     "(degraded: allow)");
	} else {
		puts("the policy enforces, but this kernel can only detect: the daemon will not start with "
		     "it");
		return EXIT_CANNOT;
	}
	puts("configuration OK");
	return EXIT_GOOD;
}

int dry_run(const struct config *config)
{
	struct policy_loaded loaded;
	bool can_prevent = false;
	int status;

	if (!policy_load(config, NULL, &loaded)) {
		log_error("out of memory");
		return EXIT_CANNOT;
	}
	if (loaded.messages.len)
		fputs(loaded.messages.data, stderr);
	if (!loaded.image) {
		log_error("the policy in %s is refused", config->policy);
		policy_loaded_free(&loaded);
		return EXIT_USAGE;
	}
	printf("policy: %zu stores, %zu roles, %zu grants\n", loaded.image->n_stores, loaded.image->n_roles,
	       loaded.image->n_grants);
	status = probe(config, &can_prevent);
	if (!status)
		status = judge(loaded.image, can_prevent);
	policy_loaded_free(&loaded);
	return status;
}
