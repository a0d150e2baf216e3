/* SPDX-License-Identifier: Apache-2.0 */
/* Every example policy is taken by the checker, without a warning, and compiles to what its comments promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <glob.h>
#include <cmocka.h>

#include "policy/image.h"
#include "policy/render.h"
#include "tests/policy/fake_resolver.h"

static struct policy_image *compile(const char *path)
{
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;
	struct buf text = {0};

	assert_non_null(policy);
	assert_int_equal(policy_add_path(policy, path), 0);
	policy_check(policy, &fake_env);
	for (size_t i = 0; i < policy->findings.n; i++) {
		policy_render_line(policy, &policy->findings.items[i], &text);
		buf_char(&text, '\n');
	}
	if (text.len)
		fail_msg("%s", text.data);
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy);
	buf_free(&text);
	return image;
}

static uint32_t store_id(const struct policy_image *image, const char *name)
{
	for (uint32_t i = 0; i < image->n_stores; i++) {
		if (strcmp(image->stores[i].name, name) == 0)
			return i;
	}
	fail_msg("no store %s", name);
	return 0;
}

static bool allowed(const struct policy_image *image, uint32_t login, const char *program, const char *store,
		    enum operation operation)
{
	struct policy_actor actor = {.login_uid = login, .uid = login, .program = -1};
	struct policy_decision decision;

	if (program)
		actor.program = policy_image_program_by_path(image, program);
	assert_int_equal(
		policy_explain(image, &actor, store_id(image, store), OPERATION_BIT(operation), &decision),
		0);
	assert_true((decision.verdict == VERDICT_ALLOW) == (decision.grant >= 0));
	return decision.verdict == VERDICT_ALLOW;
}

static void every_example_compiles(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("policies/*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 3);
	for (size_t i = 0; i < found.gl_pathc; i++)
		policy_image_free(compile(found.gl_pathv[i]));
	globfree(&found);
}

static void only_the_server_reads_the_database(void **state)
{
	struct policy_image *image = compile("policies/ehr-postgresql.yaml");

	(void)state;
	assert_true(allowed(image, 113, "/usr/lib/postgresql/15/bin/postgres", "ehr", OPERATION_WRITE));
	assert_false(allowed(image, 113, "/bin/cat", "ehr", OPERATION_READ));
	assert_false(allowed(image, 0, "/usr/lib/postgresql/15/bin/postgres", "ehr", OPERATION_READ));
	assert_false(allowed(image, 0, NULL, "ehr", OPERATION_LIST));
	assert_true(allowed(image, 0, "/usr/bin/pg_ctlcluster", "ehr", OPERATION_READ));
	assert_false(allowed(image, 0, "/usr/bin/pg_ctlcluster", "ehr", OPERATION_WRITE));
	assert_true(
		allowed(image, 113, "/usr/lib/postgresql/15/bin/pg_dump", "ehr-backup", OPERATION_CREATE));
	assert_false(allowed(image, 113, "/usr/lib/postgresql/15/bin/pg_dump", "ehr", OPERATION_READ));
	assert_true(allowed(image, 34, "/usr/bin/restic", "ehr-backup", OPERATION_READ));
	assert_false(allowed(image, 34, "/usr/bin/restic", "ehr-backup", OPERATION_DELETE));
	assert_false(allowed(image, 34, "/usr/bin/restic", "ehr", OPERATION_READ));
	policy_image_free(image);
}

static void radiologists_look_and_leave_alone(void **state)
{
	struct policy_image *image = compile("policies/imaging-dicom.yaml");

	(void)state;
	assert_int_equal(image->n_roots, 3);
	assert_true(allowed(image, 1002, NULL, "imaging", OPERATION_READ));
	assert_false(allowed(image, 1002, NULL, "imaging", OPERATION_WRITE));
	assert_false(allowed(image, 1001, NULL, "imaging", OPERATION_READ));
	assert_false(allowed(image, 1002, NULL, "imaging-index", OPERATION_READ));
	policy_image_free(image);
}

static void images_go_to_the_partner_alone(void **state)
{
	struct policy_image *image = compile("policies/imaging-dicom.yaml");
	struct peer peer = {{[10] = 0xff, 0xff, 203, 0, 113, 17}, 11112, PROTOCOL_TCP, 2, SOCKET_STREAM};
	struct role_set server = {{1 << 0}}, radiologist = {{1 << 1}};
	uint32_t imaging = store_id(image, "imaging"), index = store_id(image, "imaging-index");

	(void)state;
	assert_string_equal(image->agreements[0].name, "teleradiology");
	assert_int_equal(policy_explain_egress(image, &server, imaging, &peer, 0), 0);
	assert_int_equal(policy_explain_egress(image, &server, index, &peer, 0), POLICY_NO_GRANT);
	assert_int_equal(policy_explain_egress(image, &radiologist, imaging, &peer, 0), POLICY_NO_GRANT);
	peer.address[15] = 32;
	assert_int_equal(policy_explain_egress(image, &server, imaging, &peer, 0), POLICY_NO_GRANT);
	policy_image_free(image);
}

static void departments_stay_apart(void **state)
{
	struct policy_image *image = compile("policies/fileserver-departments.yaml");

	(void)state;
	assert_int_equal(image->stores[store_id(image, "surgery")].rules.mode, STORE_MODE_ENFORCE);
	assert_int_equal(image->stores[store_id(image, "clinic")].rules.mode, STORE_MODE_MONITOR);
	assert_true(allowed(image, 1002, NULL, "clinic", OPERATION_WRITE));
	assert_false(allowed(image, 1002, NULL, "administration", OPERATION_READ));
	assert_false(allowed(image, 1003, NULL, "clinic", OPERATION_READ));
	assert_true(allowed(image, 1003, NULL, "administration", OPERATION_DELETE));
	assert_true(allowed(image, 1004, NULL, "surgery", OPERATION_LIST));
	assert_false(allowed(image, 1004, NULL, "surgery", OPERATION_READ));
	assert_true(allowed(image, 0, "/usr/bin/rsync", "surgery", OPERATION_READ));
	assert_false(allowed(image, 0, NULL, "surgery", OPERATION_READ));
	policy_image_free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_compiles),
		cmocka_unit_test(only_the_server_reads_the_database),
		cmocka_unit_test(radiologists_look_and_leave_alone),
		cmocka_unit_test(images_go_to_the_partner_alone),
		cmocka_unit_test(departments_stay_apart),
	};

	return cmocka_run_group_tests_name("policy examples", tests, NULL, NULL);
}
