// SPDX-License-Identifier: Apache-2.0
/* Limits of agreements: TLS, QUIC, STARTTLS and how much may go. */
#include "agreements_fixture.h"

#define MIB (1ull << 20)
#define S   1000000000ull

static void limits_are_read(void **state)
{
	static const struct {
		const char *text;
		struct agreement_limits limits; /* volume is not looked at */
	} rows[] = {
		{"tls: \"1.2\"", {.tls = 0x0303}},
		{"tls: 1.3", {.tls = 0x0304}},
		{"tls: \"1.3\", quic: allow", {.tls = 0x0304, .quic = 1}},
		{"quic: deny, tls: \"1.3\"", {.tls = 0x0304}},
		{"tls: \"1.2\", starttls: [25, 65535]", {.tls = 0x0303, .starttls = {25, 65535}}},
		{"starttls: [1, 2, 3, 4, 5, 6, 7, 8], tls: \"1.2\"",
		 {.tls = 0x0303, .starttls = {1, 2, 3, 4, 5, 6, 7, 8}}},
		{"max: 1B/minute", {.max_bytes = 1, .window_ns = 60 * S}},
		{"max: 7KiB/hour", {.max_bytes = 7168, .window_ns = 3600 * S}},
		{"max: 50MiB/day", {.max_bytes = 50 * MIB, .window_ns = 86400 * S}},
		{"max: \"3GiB/week\"", {.max_bytes = 3072 * MIB, .window_ns = 604800 * S}},
		{"max: 8589934591GiB/day", {.max_bytes = 8589934591ull << 30, .window_ns = 86400 * S}},
		{"purpose: care", {0}},
	};
	uint64_t before = 0; /* another period is another count */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct agreement_limits *limits;
		struct policy_image *image;
		uint64_t volume;
		char text[256];

		snprintf(text, sizeof(text),
			 "  lab: {stores: [ehr], to: [192.0.2.1], %s}\n"
			 "  other: {stores: [ehr], to: [192.0.2.1], %s}\n",
			 rows[i].text, rows[i].text);
		image = compile(text);
		limits = &image->agreements[0].rules.limits;
		volume = limits->volume;
		assert_int_equal(volume != 0, rows[i].limits.max_bytes != 0);
		image->agreements[0].rules.limits.volume = 0;
		if (memcmp(limits, &rows[i].limits, sizeof(*limits)) != 0)
			fail_msg("%s", rows[i].text);
		if (volume)
			assert_true(volume != image->agreements[1].rules.limits.volume);
		if (volume) {
			assert_true(volume != before);
			before = volume;
		}
		policy_image_free(image);
		image = compile(text); /* the count goes on */
		assert_true(volume == image->agreements[0].rules.limits.volume);
		policy_image_free(image);
	}
}

static void wrong_limits_are_refused(void **state)
{
	static const struct {
		const char *text;
		uint32_t column; /* of what is wrong */
		enum policy_finding_id id;
		const char *says; /* in message or expectation */
		const char *suggestion;
	} rows[] = {
		{"tls: \"1.1\"", 46, POLICY_UNKNOWN_WORD, "\"1.2\" or \"1.3\"", "1.2"},
		{"tls: 1.4", 46, POLICY_UNKNOWN_WORD, "\"1.2\" or \"1.3\"", "1.2"},
		{"tls: yes", 46, POLICY_WRONG_TYPE, "\"1.2\" or \"1.3\"", NULL},
		{"tls: [\"1.2\"]", 46, POLICY_WRONG_TYPE, "\"1.2\" or \"1.3\"", NULL},
		{"tls: \"1.2\", quic: alow", 59, POLICY_UNKNOWN_WORD, "deny or allow", "allow"},
		{"quic: allow", 47, POLICY_MISSING_KEY, "without \"tls\"", NULL},
		{"starttls: [25]", 51, POLICY_MISSING_KEY, "without \"tls\"", NULL},
		{"tls: \"1.2\", starttls: 25", 63, POLICY_WRONG_TYPE, "a list of ports", NULL},
		{"tls: \"1.2\", starttls: []", 63, POLICY_EMPTY_LIST, "at least one", NULL},
		{"tls: \"1.2\", starttls: [0]", 64, POLICY_INVALID_VALUE, "from 1 to 65535", NULL},
		{"tls: \"1.2\", starttls: [65536]", 64, POLICY_INVALID_VALUE, "from 1 to 65535", NULL},
		{"tls: \"1.2\", starttls: [-5]", 64, POLICY_INVALID_VALUE, "from 1 to 65535", NULL},
		{"tls: \"1.2\", starttls: [smtp]", 64, POLICY_INVALID_VALUE, "from 1 to 65535", NULL},
		{"tls: \"1.2\", starttls: [25, 25]", 68, POLICY_DUPLICATE_ITEM, "twice", NULL},
		{"tls: \"1.2\", starttls: [1, 2, 3, 4, 5, 6, 7, 8, 9]", 88, POLICY_LIMIT_EXCEEDED,
		 "at most 8", NULL},
		{"max: 50MB/day", 46, POLICY_INVALID_VALUE, "50MiB/day", "50MiB/day"},
		{"max: 50MiB/days", 46, POLICY_INVALID_VALUE, "50MiB/day", "50MiB/day"},
		{"max: 50 MiB/day", 46, POLICY_INVALID_VALUE, "50MiB/day", "50MiB/day"},
		{"max: 50MiB", 46, POLICY_INVALID_VALUE, "50MiB/day", NULL},
		{"max: MiB/day", 46, POLICY_INVALID_VALUE, "50MiB/day", NULL},
		{"max: -1MiB/day", 46, POLICY_INVALID_VALUE, "50MiB/day", NULL},
		{"max: 50", 46, POLICY_WRONG_TYPE, "50MiB/day", NULL},
		{"max: 0B/day", 46, POLICY_INVALID_VALUE, "1B or more", NULL},
		{"max: 8589934592GiB/day", 46, POLICY_INVALID_VALUE, "less than 8 EiB", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct policy_finding *finding;
		struct policy *policy;
		char text[256];

		snprintf(text, sizeof(text), "  lab: {stores: [ehr], to: [192.0.2.1], %s}\n", rows[i].text);
		policy = check(text, -EINVAL);
		finding = &policy->findings.items[0];
		if (policy->findings.n != 1 || finding->id != rows[i].id ||
		    finding->at.column != rows[i].column ||
		    (!strstr(finding->message, rows[i].says) &&
		     (!finding->expected || !strstr(finding->expected, rows[i].says))))
			fail_msg("%s: column %u: %s; expected %s", rows[i].text, finding->at.column,
				 finding->message, finding->expected ? finding->expected : "nothing");
		if (strcmp(finding->suggestion ? finding->suggestion : "",
			   rows[i].suggestion ? rows[i].suggestion : "") != 0)
			fail_msg("%s: suggestion %s", rows[i].text,
				 finding->suggestion ? finding->suggestion : "none");
		policy_free(policy);
	}
}

static void limits_are_explained(void **state)
{
	struct policy_image *image = compile(
		"  lab: {stores: [ehr], to: [192.0.2.1], tls: \"1.2\", starttls: [25], max: 1KiB/day}\n");
	static const struct {
		struct policy_sent sent;
		enum reason reason;
	} rows[] = {
		{{.shown = 0x0303, .bytes = 1024}, REASON_AGREED},
		{{.shown = 0x0304, .used = 1000, .bytes = 24}, REASON_AGREED},
		{{.shown = 0x0304, .used = 1000, .bytes = 25}, REASON_LIMIT},
		{{.shown = 0x0302, .bytes = 1}, REASON_TLS_VERSION},
		{{.shown = SHOWN_NOTHING, .bytes = 1}, REASON_NOT_TLS},
		{{.shown = 0x0304 | 40 << SHOWN_PLAIN_SHIFT, .port = 25, .bytes = 1}, REASON_AGREED},
		{{.shown = 0x0302 | 40 << SHOWN_PLAIN_SHIFT, .port = 26, .bytes = 1}, REASON_TLS_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(policy_explain_limits(image, 0, &rows[i].sent), rows[i].reason);
	policy_image_free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_read),
		cmocka_unit_test(wrong_limits_are_refused),
		cmocka_unit_test(limits_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
