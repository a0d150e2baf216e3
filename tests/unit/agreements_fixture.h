/* SPDX-License-Identifier: Apache-2.0 */
/* A policy with agreements for tests of them, checked and compiled. Included by one test program each. */
#ifndef MUNIMENT_TESTS_AGREEMENTS_FIXTURE_H
#define MUNIMENT_TESTS_AGREEMENTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "policy/hosts.h"
#include "policy/image.h"
#include "policy/network.h"
#include "tests/policy/fake_resolver.h"

#define HEAD                                                                                                 \
	"version: 1\nmode: enforce\n"                                                                        \
	"stores: {ehr: {paths: [/srv/records]}, imaging: {paths: [/srv/dicom/archive]}}\n"                   \
	"roles: {staff: {users: [alice]}, tool: {programs: [/usr/bin/restic]}}\n"                            \
	"grants:\n"                                                                                          \
	"  - {role: staff, store: ehr, access: [read]}\n"                                                    \
	"  - {role: tool, store: imaging, access: [read]}\n"

static inline struct policy *check(const char *agreements, int expected)
{
	struct policy *policy = policy_new();
	char text[2048];

	assert_true(snprintf(text, sizeof(text), HEAD "agreements:\n%s", agreements) < (int)sizeof(text));
	assert_int_equal(policy_add_text(policy, "p.yaml", text, strlen(text)), 0);
	assert_int_equal(policy_check(policy, &fake_env), expected);
	return policy;
}

static inline struct policy_image *compile(const char *agreements)
{
	struct policy *policy = check(agreements, 0);
	struct policy_image *image = NULL;

	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy); /* the image stands alone */
	return image;
}

#endif
