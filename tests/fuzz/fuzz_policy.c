/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the policy from bytes to kernel image: read, check, render, compile, explain, with the fake host.
 *
 * A form feed divides the input into several files. What is wanted beyond "no crash": findings lie inside
 * their files, errors and return value agree, and what was compiled answers every question without
 * contradiction.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/render.h"
#include "tests/policy/fake_resolver.h"

static void require(int holds)
{
	if (!holds)
		abort();
}

static void add_files(struct policy *policy, const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml"};
	const char *bytes = (const char *)data;

	for (size_t i = 0; i < 4; i++) {
		const char *end = i < 3 ? memchr(bytes, '\f', size) : NULL;
		size_t n = end ? (size_t)(end - bytes) : size;

		require(policy_add_text(policy, names[i], bytes, n) == 0);
		if (!end)
			return;
		bytes = end + 1;
		size -= n + 1;
	}
}

static void look_at_findings(const struct policy *policy)
{
	struct buf out = {0};

	for (size_t i = 0; i < policy->findings.n; i++) {
		const struct policy_finding *finding = &policy->findings.items[i];
		struct policy_place before;
		const char *line;
		size_t len;

		require(finding->message && ytree_bad_byte(finding->message, strlen(finding->message)) ==
						    strlen(finding->message));
		require(finding->at.file == POLICY_NO_FILE || finding->at.file < policy->n_files);
		/* libyaml puts what is missing at the end of a file on the line after the last. */
		before = (struct policy_place){finding->at.file, finding->at.line - 1, 1};
		if (finding->at.file != POLICY_NO_FILE && finding->at.line > 1)
			require(policy_source_line(policy, before, &line, &len) == 0);
		policy_render_line(policy, finding, &out);
		policy_render_block(policy, finding, i % 2, &out);
	}
	policy_render_json(policy, &out);
	policy_render_summary(policy, &out);
	require(!out.failed);
	buf_free(&out);
}

static void ask(const struct policy_image *image)
{
	static const uint32_t uids[] = {0, 113, 1001, 1002, ID_UNSET}, gids[] = {0, 2000};

	for (uint32_t store = 0; store < image->n_stores; store++) {
		for (size_t i = 0; i < 5 * 3 * 8; i++) {
			struct policy_actor actor = {uids[i % 5], 1003, gids, 2, (long)(i / 5 % 3) - 1};
			uint32_t operation = OPERATION_BIT(1 + i / 15);
			struct policy_decision decision;

			require(policy_explain(image, &actor, store, operation, &decision) == 0);
			require((decision.verdict == VERDICT_ALLOW) == (decision.grant != POLICY_NO_GRANT));
			if (decision.grant != POLICY_NO_GRANT)
				require(image->grants[decision.grant].store == store &&
					(image->grants[decision.grant].access & operation));
		}
	}
}

static void ask_egress(const struct policy_image *image)
{
	struct role_set all;

	memset(&all, 0xff, sizeof(all));
	for (size_t i = 0; i < image->n_endpoints; i++) {
		const struct image_endpoint *endpoint = &image->endpoints[i];
		const struct image_agreement *agreement;
		struct peer peer = {.port = endpoint->rules.port_last, .type = SOCKET_DGRAM};

		require(endpoint->rules.agreement < image->n_agreements && endpoint->prefix <= 128);
		require(endpoint->host <= image->n_hosts);
		agreement = &image->agreements[endpoint->rules.agreement];
		if (endpoint->rules.protocols & ENDPOINT_TCP)
			peer.type = SOCKET_STREAM;
		peer.protocol = peer.type == SOCKET_STREAM ? PROTOCOL_TCP : PROTOCOL_UDP;
		memcpy(peer.address, endpoint->address, sizeof(peer.address));
		for (uint32_t store = 0; store < image->n_stores; store++) {
			long found = policy_explain_egress(image, &all, store, &peer, INT64_MIN);

			require(found < (long)image->n_agreements);
			/* A name has other addresses, if any; and where regions are asked for, one may lie in none. */
			if (agreement->rules.stores >> store & 1 && agreement->expires_s > INT64_MIN &&
			    !agreement->rules.regions && !endpoint->host)
				require(found >= 0 && found <= (long)endpoint->rules.agreement);
		}
	}
}

static void look_at_copies(const struct policy_image *image)
{
	require(image->n_copy_paths <= POLICY_COPIES_MAX && image->copies <= COPIES_DENY);
	require(image->copies_rule.line ||
		(!image->n_copy_paths && image->copies == COPIES_ALLOW && !image->media));
	for (unsigned i = 0; i < MEDIA_END; i++)
		require(!media_word(image->media, i) == !image->media_rules[i].line &&
			image->media_rules[i].file < image->n_files);
	require(image->copies_rule.file < image->n_files);
	for (size_t i = 0; i < image->n_copy_paths; i++)
		require(image->copy_paths[i][0] == '/');
}

static void look_at_sinks(const struct policy_image *image)
{
	size_t paths = 0;

	require(image->n_sinks <= SINKS_MAX);
	for (size_t i = 0; i < image->n_sinks; i++) {
		const struct image_sink *sink = &image->sinks[i];
		uint64_t is_role = image->any_user.words[ROLE_WORDS - 1] >> i & 1;

		require(sink->n_paths && sink->line && sink->file < image->n_files);
		require(sink->any_program || (is_role && image->n_roles <= sink_role(0)));
		for (size_t k = 0; k < sink->n_paths; k++)
			require(sink->paths[k][0] == '/' && sink->paths[k][1]);
		paths += sink->n_paths;
	}
	require(paths <= POLICY_SINKS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;
	int rc;

	if (!policy)
		return 0;
	add_files(policy, data, size);
	rc = policy_check(policy, &fake_env);
	require(rc == (policy->findings.errors ? -EINVAL : 0));
	look_at_findings(policy);
	require(policy_compile(policy, &image) == rc);
	if (image) {
		ask(image);
		ask_egress(image);
		look_at_copies(image);
		look_at_sinks(image);
	}
	policy_image_free(image);
	policy_free(policy);
	return 0;
}
