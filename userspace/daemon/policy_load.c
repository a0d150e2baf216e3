// SPDX-License-Identifier: Apache-2.0
/* Loading a policy: see policy_load.h. */
#include "daemon/policy_load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/render.h"

#define PROTECTED_MAX 8

/* What the daemon itself needs must not become a store: guarding it would lock the guard out. */
static size_t protected_paths(const struct config *c, const char *self, struct policy_protected *out)
{
	const struct policy_protected paths[] = {
		{c->policy, "the policy"},	{c->ledger, "the ledger"}, {c->key, "the signing key"},
		{c->run, "the run directory"},	{c->pin_dir, "the pins"},  {c->events, "the events file"},
		{self, "the daemon's program"},
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i].path[0] == '/')
			out[n++] = paths[i];
	}
	return n;
}

static int check(const struct config *config, struct content_cache *contents, struct policy *policy)
{
	struct policy_protected protected[PROTECTED_MAX];
	struct policy_resolver *resolver = resolver_host_new(contents);
	char self[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct policy_env env = {.resolver = resolver, .protected_paths = protected};
	int err = -ENOMEM;

	self[n > 0 ? n : 0] = '\0';
	env.n_protected = protected_paths(config, self, protected);
	if (resolver)
		err = policy_check(policy, &env);
	resolver_host_free(resolver);
	return err;
}

bool policy_load(const struct config *config, struct content_cache *contents,
		 struct policy_loaded *ret_loaded)
{
	struct policy_loaded *l = ret_loaded;
	struct policy *policy = policy_new();
	int err = policy ? policy_add_path(policy, config->policy) : -ENOMEM;

	memset(l, 0, sizeof(*l));
	if (!err)
		err = check(config, contents, policy);
	if (!err)
		err = policy_compile(policy, &l->image);
	if (policy && err != -ENOMEM) {
		for (size_t i = 0; i < policy->findings.n; i++) {
			policy_render_line(policy, &policy->findings.items[i], &l->messages);
			buf_char(&l->messages, '\n');
		}
		policy_render_json(policy, &l->json);
		l->errors = (unsigned)policy->findings.errors;
		l->warnings = (unsigned)policy->findings.warnings;
	}
	policy_free(policy);
	content_cache_sweep(contents);
	return err != -ENOMEM && !l->messages.failed && !l->json.failed;
}

void policy_loaded_free(struct policy_loaded *loaded)
{
	policy_image_free(loaded->image);
	buf_free(&loaded->messages);
	buf_free(&loaded->json);
	memset(loaded, 0, sizeof(*loaded));
}

bool policy_image_enforces(const struct policy_image *image)
{
	for (size_t i = 0; i < image->n_stores; i++) {
		if (image->stores[i].rules.mode == STORE_MODE_ENFORCE)
			return true;
	}
	return false;
}
