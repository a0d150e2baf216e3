/* SPDX-License-Identifier: Apache-2.0 */
/* The section `dns`, from its text to the image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "policy/image.h"
#include "tests/policy/fake_resolver.h"

#define HEAD                                                                                                 \
	"version: 1\nmode: enforce\nstores: {ehr: {paths: [/srv/records]}}\n"                                \
	"roles: {staff: {users: [alice]}}\ngrants:\n  - {role: staff, store: ehr, access: [read]}\n"

static struct policy *check(const char *rest, int expected)
{
	struct policy *policy = policy_new();
	char text[4096];

	assert_true(snprintf(text, sizeof(text), HEAD "%s", rest) < (int)sizeof(text));
	assert_int_equal(policy_add_text(policy, "p.yaml", text, strlen(text)), 0);
	if (policy_check(policy, &fake_env) != expected)
		fail_msg("%s: %s", rest, policy->findings.n ? policy->findings.items[0].message : "accepted");
	return policy;
}

static void the_image_has_it(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
	} wanted[] = {{"::ffff:10.0.0.53", 53}, {"::ffff:10.0.0.53", 853}, {"2001:db8::53", 53}, {"::1", 53}};
	struct policy *policy = check("dns: {resolvers: [10.0.0.53, \"10.0.0.53:853\", \"[2001:db8::53]\", "
				      "\"[::1]:53\"], max: 64KiB/hour}\n",
				      0);
	struct policy_image *image = NULL;

	(void)state;
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy);
	assert_int_equal(image->n_resolvers, 4);
	for (size_t i = 0; i < 4; i++) {
		uint8_t address[16];

		assert_int_equal(inet_pton(AF_INET6, wanted[i].address, address), 1);
		assert_memory_equal(image->resolvers[i].address, address, 16);
		assert_int_equal(image->resolvers[i].port, wanted[i].port);
	}
	assert_int_equal(image->dns_max_bytes, 65536);
	assert_int_equal(image->dns_period_s, 3600);
	assert_false(image->dns_answers);
	assert_int_equal(image->dns_rule.line, 7);
	assert_string_equal(image->files[image->dns_rule.file], "p.yaml");
	policy_image_free(image);
}

static void without_it_nothing_is_said(void **state)
{
	struct policy *policy = check("", 0);
	struct policy_image *image = NULL;

	(void)state;
	assert_int_equal(policy_compile(policy, &image), 0);
	assert_int_equal(image->dns_rule.line, 0);
	assert_int_equal(image->n_resolvers, 0);
	policy_image_free(image);
	policy_free(policy);
}

static void volumes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: it is none */
		uint64_t period_s;
	} rows[] = {
		{"1B/minute", 1, 60},
		{"64KiB/hour", 65536, 3600},
		{"50MiB/day", 50 << 20, 86400},
		{"1024GiB/day", 1ull << 40, 86400},
		{"1099511627776B/day", 1ull << 40, 86400},
		{"1025GiB/day", 1025ull << 30, 86400},
		{"3GiB/week", 3ull << 30, 604800},
		{"8589934592GiB/day", 0, 0},
		{"99999999999999999999B/day", 0, 0},
		{"0B/day", 0, 0},
		{"064KiB/hour", 65536, 3600},
		{"64KB/hour", 0, 0},
		{"64kib/hour", 0, 0},
		{"64 KiB/hour", 0, 0},
		{"64KiB", 0, 0},
		{"64KiB/", 0, 0},
		{"64KiB/hours", 0, 0},
		{"64KiB/hour/day", 0, 0},
		{"64/hour", 0, 0},
		{"KiB/hour", 0, 0},
		{"-1KiB/hour", 0, 0},
		{"1.5KiB/hour", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy *policy;
		char rest[256];

		snprintf(rest, sizeof(rest), "dns: {resolvers: [10.0.0.53], max: \"%s\"}\n", rows[i].text);
		policy = check(rest, rows[i].bytes ? 0 : -EINVAL);
		assert_true(policy->dns.max_bytes == rows[i].bytes);
		assert_true(policy->dns.period_s == rows[i].period_s);
		policy_free(policy);
	}
}

/* What the kernel side calls a name is the same in every policy, and no other's. */
static void answers_are_for_names(void **state)
{
	static const char dns[] = "dns: {resolvers: [10.0.0.53], max: 64KiB/hour, answers: true}\n";
	struct policy_image *images[2] = {NULL, NULL};
	char rest[512];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct policy *policy;

		snprintf(rest, sizeof(rest),
			 "agreements:\n%s  lab: {stores: [ehr], to: [\"lab.example.org:443\", "
			 "203.0.113.9]}\n%s",
			 i ? "  hub: {stores: [ehr], to: [\"hub.example.org:443\"]}\n" : "", dns);
		policy = check(rest, 0);
		assert_int_equal(policy_compile(policy, &images[i]), 0);
		policy_free(policy);
		assert_true(images[i]->dns_answers);
	}
	assert_true(images[0]->hosts[0].id && images[0]->hosts[0].id == images[1]->hosts[1].id);
	assert_true(images[1]->hosts[0].id != images[1]->hosts[1].id);
	assert_true(images[0]->endpoints[0].rules.name == images[0]->hosts[0].id);
	assert_true(images[0]->endpoints[1].rules.name == 0);
	policy_image_free(images[0]);
	policy_image_free(images[1]);
}

static void both_keys_are_needed(void **state)
{
	(void)state;
	policy_free(check("dns: {resolvers: [10.0.0.53]}\n", -EINVAL));
	policy_free(check("dns: {max: 64KiB/hour}\n", -EINVAL));
	policy_free(check("dns: {resolvers: [], max: 64KiB/hour}\n", -EINVAL));
}

static void two_files_may_not_have_it(void **state)
{
	static const char text[] = HEAD "dns: {resolvers: [10.0.0.53], max: 64KiB/hour}\n",
			  further[] = "version: 1\ndns: {resolvers: [10.0.0.54], max: 64KiB/hour}\n";
	struct policy *policy = policy_new();

	(void)state;
	assert_int_equal(policy_add_text(policy, "a.yaml", text, sizeof(text) - 1), 0);
	assert_int_equal(policy_add_text(policy, "b.yaml", further, sizeof(further) - 1), 0);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_int_equal(policy->findings.n, 1);
	assert_int_equal(policy->findings.items[0].id, POLICY_DUPLICATE_KEY);
	assert_int_equal(policy->findings.items[0].at.file, 1);
	policy_free(policy);
}

static void resolvers_have_a_limit(void **state)
{
	(void)state;
	for (int count = RESOLVERS_MAX; count <= RESOLVERS_MAX + 1; count++) {
		char rest[4096];
		struct policy *policy;
		int at = snprintf(rest, sizeof(rest), "dns: {resolvers: [");

		for (int i = 0; i < count; i++)
			at += snprintf(rest + at, sizeof(rest) - (size_t)at, "%s10.0.0.%d", i ? ", " : "", i);
		snprintf(rest + at, sizeof(rest) - (size_t)at, "], max: 64KiB/hour}\n");
		policy = check(rest, count > RESOLVERS_MAX ? -EINVAL : 0);
		if (count > RESOLVERS_MAX)
			assert_int_equal(policy->findings.items[0].id, POLICY_LIMIT_EXCEEDED);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_has_it),	  cmocka_unit_test(without_it_nothing_is_said),
		cmocka_unit_test(volumes_are_read),	  cmocka_unit_test(both_keys_are_needed),
		cmocka_unit_test(answers_are_for_names),  cmocka_unit_test(two_files_may_not_have_it),
		cmocka_unit_test(resolvers_have_a_limit),
	};

	return cmocka_run_group_tests_name("policy dns", tests, NULL, NULL);
}
