// SPDX-License-Identifier: Apache-2.0
/* Entries about data that is written to files outside its store, and about what is read there: as in ocsf.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ocsf_entry.h"

#define RULE_LINE 16

static struct record_access *copying(struct record_access *a)
{
	a->operations = OPERATION_BIT(OPERATION_COPY);
	a->hook = HOOK_FILE_PERMISSION;
	a->reason = a->wanted == VERDICT_DENY ? REASON_COPIES : REASON_GRANTED;
	a->flags |= RECORD_FLAG_COPY | RECORD_FLAG_PATH_OUTSIDE;
	a->label = 1;
	a->tally.uses = 1;
	a->tally.written = 4096;
	return a;
}

/* A policy that has `copies`, or one that has not. */
static void say_copies(uint32_t line)
{
	struct policy_image *image = fixture_image();

	assert_non_null(image);
	image->copies = line ? COPIES_DENY : COPIES_ALLOW;
	image->copies_rule = (struct image_rule){0, line};
	assert_int_equal(ocsf_set_policy(ocsf, 7, image), 0);
}

static void test_denied(void **state)
{
	struct record_access *a = copying(denied("tmp/x"));
	json_t *json;

	(void)state;
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "1001");
	ASSERT_AT(json, "activity_id", "3");
	ASSERT_AT(json, "type_uid", "100103");
	ASSERT_AT(json, "action_id", "2");
	ASSERT_AT(json, "is_alert", "true");
	ASSERT_AT(json, "attacks.0.tactic.uid", "TA0009");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1074");
	ASSERT_AT(json, "attacks.0.sub_technique.uid", "T1074.001");
	ASSERT_AT(json, "policy.name", "ehr");
	ASSERT_AT(json, "file.path", "/tmp/x");
	ASSERT_AT(json, "file.uid", "8:1:1311:77");
	ASSERT_AT(json, "file.data_classifications.0.confidentiality", "Restricted");
	ASSERT_AT(json, "unmapped.muniment.store", "ehr");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "copy");
	ASSERT_AT(json, "unmapped.muniment.operations.1", "");
	ASSERT_AT(json, "unmapped.muniment.hook", "file_permission");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:16");
	ASSERT_AT(json, "unmapped.muniment.reason", "copies");
	ASSERT_AT(json, "unmapped.muniment.label.0", "0");
	ASSERT_AT(json, "unmapped.muniment.bytes_written", "4096");
	ASSERT_AT(json, "unmapped.muniment.flags.0", "path_outside");
	ASSERT_AT(json, "unmapped.muniment.flags.1", "copy");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to copy data of store ehr to /tmp/x");
	json_decref(json);
	a->flags |= RECORD_FLAG_FOLDED;
	a->tally.count = 41;
	a->hook = HOOK_MMAP_FILE;
	json = entry(NULL);
	ASSERT_AT(json, "activity_id", "3");
	ASSERT_AT(json, "unmapped.muniment.hook", "mmap_file");
	assert_non_null(strstr(at(json, "message"), "copy data of store ehr to /tmp/x, 41 times more"));
	json_decref(json);
}

static void test_observed_and_stopped(void **state)
{
	struct record_access *a = copying(denied("tmp/x"));
	json_t *json;

	(void)state;
	a->enforced = ENFORCED_ALLOWED;
	a->flags |= RECORD_FLAG_MONITOR;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "3");
	ASSERT_AT(json, "is_alert", "true");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1074");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was not granted but did copy data of store ehr to "
		  "/tmp/x");
	json_decref(json);
	a->enforced = ENFORCED_STOPPED;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "2");
	assert_non_null(strstr(at(json, "message"), "was killed on trying to copy data of store ehr to"));
	json_decref(json);
}

/* Mapped before its writers held anything: told, and nothing that was prevented. */
static void test_mapped_before(void **state)
{
	struct record_access *a = copying(denied("tmp/x"));
	json_t *json;

	(void)state;
	a->enforced = ENFORCED_ALLOWED;
	a->hook = HOOK_MMAP_FILE;
	a->flags |= RECORD_FLAG_MAPPED;
	a->tally = (struct tally){.count = 1, .uses = 1, .mapped = 8192};
	json = entry(NULL);
	ASSERT_AT(json, "activity_id", "3");
	ASSERT_AT(json, "action_id", "3");
	ASSERT_AT(json, "file.path", "/tmp/x");
	ASSERT_AT(json, "file.size", "8192");
	ASSERT_AT(json, "unmapped.muniment.hook", "mmap_file");
	ASSERT_AT(json, "unmapped.muniment.wanted", "deny");
	ASSERT_AT(json, "unmapped.muniment.enforced", "allowed");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:16");
	ASSERT_AT(json, "unmapped.muniment.bytes_mapped", "8192");
	ASSERT_AT(json, "unmapped.muniment.flags.2", "mapped_before");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was not granted but did copy data of store ehr to "
		  "/tmp/x, which was mapped before it held any");
	json_decref(json);
	a = copying(fixture_access(&record, 31, "tmp/x"));
	a->hook = HOOK_MMAP_FILE;
	a->flags |= RECORD_FLAG_MAPPED;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "unmapped.muniment.flags.2", "mapped_before");
	ASSERT_AT(json, "unmapped.muniment.wanted", "");
	json_decref(json);
}

/* What is allowed names the line that could have said otherwise, if there is one, and no grant. */
static void test_allowed(void **state)
{
	json_t *json;

	(void)state;
	program_known("usr/lib/postgresql/15/bin/postgres");
	copying(fixture_access(&record, 30, "var/tmp/sorted"));
	json = entry(NULL);
	ASSERT_AT(json, "type_uid", "100103");
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "is_alert", "");
	ASSERT_AT(json, "attacks", "");
	ASSERT_AT(json, "file.path", "/var/tmp/sorted");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "copy");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:16");
	ASSERT_AT(json, "unmapped.muniment.grant", "");
	ASSERT_AT(json, "unmapped.muniment.reason", "");
	ASSERT_AT(json, "unmapped.muniment.flags.1", "copy");
	json_decref(json);
	say_copies(0);
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.rule", "");
	ASSERT_AT(json, "unmapped.muniment.grant", "");
	json_decref(json);
	copying(denied("var/tmp/sorted"))->reason = REASON_UNLABELLED; /* no memory to note the copy */
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	json_decref(json);
	say_copies(RULE_LINE);
}

/* One that has two rules that declassify, too, and a word on what is unencrypted. */
static void say_more(void)
{
	struct policy_image *image = fixture_image();

	assert_non_null(image);
	image->copies = COPIES_DENY;
	image->copies_rule = (struct image_rule){0, RULE_LINE};
	image->media = media_with(0, MEDIUM_UNENCRYPTED, COPIES_DENY);
	image->media_rules[MEDIUM_UNENCRYPTED] = (struct image_rule){0, RULE_LINE + 1};
	assert_int_equal(fixture_declassifies(image, 2), 0);
	assert_int_equal(ocsf_set_policy(ocsf, 7, image), 0);
}

/* A rule takes what is written there for no copy, whatever `copies` says. */
static void test_declassified(void **state)
{
	struct record_access *a;
	json_t *json;

	(void)state;
	say_more();
	program_known("usr/lib/postgresql/15/bin/postgres");
	a = copying(fixture_access(&record, 32, "var/log/postgresql.log"));
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.declassified", "");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:16");
	json_decref(json);
	a->detail = 2;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "is_alert", "");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "copy");
	ASSERT_AT(json, "unmapped.muniment.declassified", "true");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:21");
	ASSERT_AT(json, "unmapped.muniment.grant", "");
	json_decref(json);
	a->detail = 3; /* of another policy, as it seems */
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.declassified", "true");
	ASSERT_AT(json, "unmapped.muniment.rule", "");
	json_decref(json);
	a->policy_generation = 99;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.declassified", "true");
	ASSERT_AT(json, "unmapped.muniment.rule", "");
	json_decref(json);
	say_copies(RULE_LINE);
}

/* What it lies on is told where the policy has a word on that, and the word that decides is the rule. */
static void test_medium(void **state)
{
	struct record_access *a = copying(denied("mnt/x"));
	json_t *json;

	(void)state;
	say_more();
	a->reason = REASON_UNENCRYPTED;
	a->detail = copy_detail(2, MEDIUM_BIT(MEDIUM_NETWORK) | MEDIUM_BIT(MEDIUM_UNENCRYPTED));
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "unencrypted");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:17");
	ASSERT_AT(json, "unmapped.muniment.medium.0", "network");
	ASSERT_AT(json, "unmapped.muniment.medium.1", "unencrypted");
	ASSERT_AT(json, "unmapped.muniment.medium.2", "");
	ASSERT_AT(json, "unmapped.muniment.declassified", "");
	json_decref(json);
	program_known("usr/lib/postgresql/15/bin/postgres");
	a = copying(fixture_access(&record, 33, "mnt/x"));
	a->detail = copy_detail(0, MEDIUM_BIT(MEDIUM_REMOVABLE) | MEDIUM_UNKNOWN);
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:16");
	ASSERT_AT(json, "unmapped.muniment.medium.0", "removable");
	ASSERT_AT(json, "unmapped.muniment.medium.1", "unknown");
	json_decref(json);
	say_copies(RULE_LINE);
}

/* Whoever reads a copy needs the grant that reading the record would need. */
static void test_read(void **state)
{
	struct record_access *a = denied("tmp/x");
	json_t *json;

	(void)state;
	a->flags |= RECORD_FLAG_COPY | RECORD_FLAG_PATH_OUTSIDE;
	a->hook = HOOK_FILE_PERMISSION;
	json = entry(NULL);
	ASSERT_AT(json, "activity_id", "2");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1005");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "read");
	ASSERT_AT(json, "unmapped.muniment.reason", "not_granted");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	ASSERT_AT(json, "unmapped.muniment.flags.1", "copy");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to read /tmp/x, a copy from store ehr");
	json_decref(json);
	a->reason = REASON_COMPARTMENT;
	a->operations = OPERATION_BIT(OPERATION_EXECUTE);
	a->hook = HOOK_FILE_OPEN;
	json = entry(NULL);
	ASSERT_AT(json, "activity_id", "14");
	assert_non_null(strstr(at(json, "message"),
			       "was denied to open /tmp/x, a copy from store ehr, whose data may not meet"));
	json_decref(json);
	program_known("usr/lib/postgresql/15/bin/postgres");
	a = fixture_access(&record, 31, "tmp/x");
	a->flags |= RECORD_FLAG_COPY | RECORD_FLAG_PATH_OUTSIDE;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "unmapped.muniment.grant", "10-ehr.yaml:10");
	ASSERT_AT(json, "unmapped.muniment.flags.1", "copy");
	json_decref(json);
}

/* A copy may lie in another store: its path counts from that store's root. */
static void test_in_another_store(void **state)
{
	json_t *json;

	(void)state;
	copying(denied("notes/x"))->flags &= (uint16_t)~RECORD_FLAG_PATH_OUTSIDE;
	json = entry(NULL);
	ASSERT_AT(json, "file.path", "/srv/ehr/notes/x");
	json_decref(json);
}

static void test_hostile_and_unknown(void **state)
{
	struct record_access *a = copying(denied("tmp/a\n\x1b[31m\xff"));
	json_t *json;

	(void)state;
	json = entry(NULL);
	assert_non_null(strstr(at(json, "message"), "store ehr to /tmp/a\\x0a\\x1b[31m"));
	assert_string_not_equal(at(json, "unmapped.muniment.path_raw"), "");
	json_decref(json);
	a->policy_generation = 99;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.store", "(unknown)");
	ASSERT_AT(json, "unmapped.muniment.rule", "");
	json_decref(json);
	/* No program of ours makes such a one: of a copy, and of a library. Found by fuzz_record. */
	a->policy_generation = 7;
	a->store = STORE_LIBRARY;
	a->detail = 0;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.role", "database");
	json_decref(json);
}

static int set_up_copies(void **state)
{
	if (set_up(state))
		return -1;
	say_copies(RULE_LINE);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_observed_and_stopped),
		cmocka_unit_test(test_mapped_before),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_declassified),
		cmocka_unit_test(test_medium),
		cmocka_unit_test(test_in_another_store),
		cmocka_unit_test(test_hostile_and_unknown),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests(tests, set_up_copies, tear_down);
}
