// SPDX-License-Identifier: Apache-2.0
/* Entries: valid JSON of the right class whatever names come, with the words that SIEM rules look for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ocsf_entry.h"

static void test_granted(void **state)
{
	const char *text;
	json_t *json;

	(void)state;
	program_known("usr/lib/postgresql/15/bin/postgres");
	fixture_access(&record, 812, "base/16384/2619");
	json = entry(&text);
	ASSERT_AT(json, "type_uid", "100114");
	ASSERT_AT(json, "severity_id", "1");
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "disposition_id", "1");
	ASSERT_AT(json, "is_alert", "");
	ASSERT_AT(json, "device.hostname", "ehr-db1");
	ASSERT_AT(json, "actor.user.uid", "113");
	ASSERT_AT(json, "actor.user.name", "postgres");
	ASSERT_AT(json, "actor.process.pid", "3121");
	ASSERT_AT(json, "actor.process.path", "/usr/lib/postgresql/15/bin/postgres");
	ASSERT_AT(json, "file.path", "/srv/ehr/base/16384/2619");
	ASSERT_AT(json, "file.name", "2619");
	ASSERT_AT(json, "file.uid", "8:1:1311:77");
	ASSERT_AT(json, "unmapped.muniment.store", "ehr");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "read");
	ASSERT_AT(json, "unmapped.muniment.mechanism", "lsm");
	ASSERT_AT(json, "unmapped.muniment.gen", "7");
	ASSERT_AT(json, "unmapped.muniment.grant", "10-ehr.yaml:10");
	ASSERT_AT(json, "metadata.uid", FIXTURE_NONCE);
	ASSERT_AT(json, "metadata.log_source", "cpu1");
	ASSERT_AT(json, "metadata.sequence", "812");
	ASSERT_AT(json, "metadata.original_time", "123457601012");
	assert_in_range(strlen(text), 300, 730);
	json_decref(json);
}

static void test_denied(void **state)
{
	json_t *json;

	(void)state;
	denied("12/scan.dcm");
	json = entry(NULL);
	ASSERT_AT(json, "severity_id", "4");
	ASSERT_AT(json, "action_id", "2");
	ASSERT_AT(json, "disposition_id", "2");
	ASSERT_AT(json, "is_alert", "true");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1005");
	ASSERT_AT(json, "policy.name", "ehr");
	ASSERT_AT(json, "policy.version", "7");
	ASSERT_AT(json, "actor.user.uid", "1044");
	ASSERT_AT(json, "actor.session.uid", "3");
	ASSERT_AT(json, "actor.process.auid", "1044");
	ASSERT_AT(json, "actor.process.euid", "0");
	ASSERT_AT(json, "actor.process.user.name", "user0");
	ASSERT_AT(json, "actor.process.parent_process.pid", "3100");
	ASSERT_AT(json, "file.data_classifications.0.confidentiality", "Restricted");
	ASSERT_AT(json, "unmapped.muniment.wanted", "deny");
	ASSERT_AT(json, "unmapped.muniment.enforced", "denied");
	ASSERT_AT(json, "unmapped.muniment.reason", "not_granted");
	ASSERT_AT(json, "unmapped.muniment.grant", "");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	ASSERT_AT(
		json, "message",
		"user1044 as user0 with postgres[3121] was denied to open /srv/ehr/12/scan.dcm in store ehr");
	json_decref(json);
}

static void test_monitored_and_stopped(void **state)
{
	struct record_access *a = denied("x");
	json_t *json;

	(void)state;
	a->enforced = ENFORCED_ALLOWED;
	a->flags |= RECORD_FLAG_MONITOR;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "3");
	ASSERT_AT(json, "disposition_id", "15");
	ASSERT_AT(json, "is_alert", "true");
	ASSERT_AT(json, "unmapped.muniment.flags.0", "monitor");
	json_decref(json);
	a = denied("x");
	a->enforced = ENFORCED_STOPPED;
	a->mechanism = MECHANISM_TRACING;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "2");
	ASSERT_AT(json, "unmapped.muniment.enforced", "stopped");
	json_decref(json);
}

/* What the process may hold; and the compartment for whose sake it may not come to hold more. */
static void test_labels(void **state)
{
	struct policy_image *image = fixture_image();
	struct record_access *a;
	json_t *json;

	(void)state;
	/* Both arrays have room for one more. */
	image->stores[image->n_stores++].name = strdup("imaging");
	image->compartments[image->n_compartments++] = (struct image_compartment){3, 0, 11};
	image->stores[0].rules.label = 1 << 3;
	image->stores[1].rules.label = 1 << 4;
	strcpy(image->labels[3].name, "ehr");
	strcpy(image->labels[4].name, "imaging");
	strcpy(image->labels[63].name, "gone");
	assert_int_equal(ocsf_set_policy(ocsf, 7, image), 0);
	a = fixture_access(&record, 5, "leaf");
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.label", "");
	ASSERT_AT(json, "unmapped.muniment.label.0", "");
	json_decref(json);
	a->label = 1ull << 63 | 1 << 3 | 1 << 5;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.label.0", "ehr");
	ASSERT_AT(json, "unmapped.muniment.label.1", "5");
	ASSERT_AT(json, "unmapped.muniment.label.2", "gone");
	ASSERT_AT(json, "unmapped.muniment.label.3", "");
	json_decref(json);
	a = denied("leaf");
	a->reason = REASON_COMPARTMENT;
	a->label = 1 << 4;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "compartment");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:11");
	ASSERT_AT(json, "unmapped.muniment.label.0", "imaging");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to open /srv/ehr/leaf in store ehr, "
		  "whose data may not meet what the process holds");
	json_decref(json);
	a = fixture_access(&record, 6, "");
	a->file_mode = S_IFIFO | 0600;
	a->flags |= RECORD_FLAG_PATH_OUTSIDE;
	json = entry(NULL);
	ASSERT_AT(json, "file.path", "pipe:[1311]");
	ASSERT_AT(json, "file.type_id", "6");
	json_decref(json);
	a = denied("leaf");
	a->reason = REASON_COMPARTMENT; /* it held nothing that we know of: the store's line */
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	json_decref(json);
}

/* Repeats and bytes: what follows the entry of the first access, and what is told with one. */
static void test_tally(void **state)
{
	struct record_access *a = fixture_access(&record, 5, "leaf");
	json_t *json;

	(void)state;
	json = entry(NULL);
	ASSERT_AT(json, "count", "");
	ASSERT_AT(json, "unmapped.muniment.repeats", "");
	json_decref(json);
	a->flags = RECORD_FLAG_FOLDED;
	a->tally = (struct tally){.uses = 7, .read = 4096, .written = 5, .mapped = 8192, .unmeasured = 1};
	a->first_ns -= 2000000000;
	json = entry(NULL);
	ASSERT_AT(json, "count", "");
	ASSERT_AT(json, "unmapped.muniment.repeats", "0");
	ASSERT_AT(json, "unmapped.muniment.uses", "7");
	ASSERT_AT(json, "unmapped.muniment.bytes_read", "4096");
	ASSERT_AT(json, "unmapped.muniment.bytes_written", "5");
	ASSERT_AT(json, "unmapped.muniment.bytes_mapped", "8192");
	ASSERT_AT(json, "unmapped.muniment.unmeasured", "1");
	assert_int_equal(json_integer_value(json_object_get(json, "end_time")) -
				 json_integer_value(json_object_get(json, "start_time")),
			 2000);
	json_decref(json);
	a = denied("x");
	a->flags |= RECORD_FLAG_FOLDED;
	a->tally.count = 499;
	json = entry(NULL);
	ASSERT_AT(json, "count", "499");
	assert_non_null(strstr(at(json, "message"), ", 499 times more"));
	json_decref(json);
}

static void test_activities(void **state)
{
	static const struct {
		unsigned hook, operations;
		const char *type;
	} rows[] = {
		{HOOK_FILE_OPEN, OPERATION_BIT(OPERATION_READ), "100114"},
		{HOOK_FILE_OPEN, OPERATION_BIT(OPERATION_LIST), "100114"},
		{HOOK_FILE_OPEN, OPERATION_BIT(OPERATION_WRITE) | OPERATION_BIT(OPERATION_CREATE), "100101"},
		{HOOK_FILE_PERMISSION, OPERATION_BIT(OPERATION_READ), "100102"},
		{HOOK_FILE_PERMISSION, OPERATION_BIT(OPERATION_WRITE), "100103"},
		{HOOK_FILE_PERMISSION, OPERATION_BIT(OPERATION_LIST), "100102"},
		{HOOK_INODE_LINK, OPERATION_BIT(OPERATION_CREATE), "100101"},
		{HOOK_INODE_LINK, OPERATION_BIT(OPERATION_RENAME), "100101"},
		{HOOK_INODE_RENAME, OPERATION_BIT(OPERATION_RENAME), "100105"},
		{HOOK_INODE_RENAME, OPERATION_BIT(OPERATION_RENAME) | OPERATION_BIT(OPERATION_DELETE),
		 "100105"},
		{HOOK_INODE_CREATE, OPERATION_BIT(OPERATION_CREATE), "100101"},
		{HOOK_INODE_MKDIR, OPERATION_BIT(OPERATION_CREATE), "100101"},
		{HOOK_INODE_UNLINK, OPERATION_BIT(OPERATION_DELETE), "100104"},
		{HOOK_INODE_RMDIR, OPERATION_BIT(OPERATION_DELETE), "100104"},
		{HOOK_FILE_OPEN, OPERATION_BIT(OPERATION_ATTRIBUTES), "100106"},
		{HOOK_IO_URING, OPERATION_BIT(OPERATION_READ), "100114"},
		{HOOK_FILE_OPEN, OPERATION_BIT(OPERATION_EXECUTE), "100114"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int deny = 0; deny < 2; deny++) {
			struct record_access *a = deny ? denied("f") : fixture_access(&record, 900 + i, "f");
			json_t *json;

			a->hook = (uint8_t)rows[i].hook;
			a->operations = (uint16_t)rows[i].operations;
			json = entry(NULL);
			ASSERT_AT(json, "type_uid", rows[i].type);
			json_decref(json);
		}
	}
}

/* The memory of a process is an activity of processes; its program stands where a file would. */
static void test_hostile(void **state)
{
	struct record_access *a = denied("a\"b\\c\n\x1b[31m/\xff\xfe.dcm");
	json_t *json;

	(void)state;
	memcpy(a->comm, "\"},\n\xff\x80\x1b][0123456", COMM_SIZE); /* without a NUL */
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.path_raw", "L3Nydi9laHIvYSJiXGMKG1szMW0v//4uZGNt");
	ASSERT_AT(json, "file.name", "\xef\xbf\xbd\xef\xbf\xbd.dcm");
	assert_null(strchr(at(json, "message"), '\x1b'));
	assert_null(strchr(at(json, "message"), '\n'));
	json_decref(json);
}

static void test_long_and_cut(void **state)
{
	char path[PATH_LARGE];
	struct record_access *a;
	json_t *json;

	/* Escapes are the worst case: six bytes for one. */
	(void)state;
	memset(path, '\x01', sizeof(path));
	for (size_t i = 200; i < sizeof(path); i += 200)
		path[i] = '/';
	path[sizeof(path) - 1] = '\0';
	a = denied(path);
	a->flags |= RECORD_FLAG_PATH_CUT;
	json = entry(NULL);
	assert_memory_equal(at(json, "file.path"), "/srv/ehr/…/\x01", 12);
	ASSERT_AT(json, "unmapped.muniment.flags.0", "path_cut");
	json_decref(json);
}

/* A name that nothing has yet: there is a directory, and what the hook says that it will be. */
static void test_new_names(void **state)
{
	static const struct {
		unsigned hook;
		const char *type;
	} rows[] = {
		{HOOK_INODE_CREATE, "1"},
		{HOOK_INODE_MKDIR, "2"},
		{HOOK_INODE_SYMLINK, "7"},
		{HOOK_INODE_MKNOD, "0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record_access *a = denied("ward/new");
		json_t *json;

		a->flags |= RECORD_FLAG_NEW_NAME;
		a->hook = (uint8_t)rows[i].hook;
		a->operations = OPERATION_BIT(OPERATION_CREATE);
		a->file_mode = S_IFDIR | 0755;
		a->file = (struct object_id){.ino = 77, .dev = 8u << 20 | 2, .generation = 5};
		json = entry(NULL);
		ASSERT_AT(json, "file.type_id", rows[i].type);
		ASSERT_AT(json, "file.uid", "");
		ASSERT_AT(json, "file.size", "");
		ASSERT_AT(json, "unmapped.muniment.directory", "8:2:77:5");
		ASSERT_AT(json, "unmapped.muniment.file_mode", "");
		ASSERT_AT(json, "unmapped.muniment.flags", "");
		json_decref(json);
	}
}

static void test_outside_and_roots(void **state)
{
	struct record_access *a = denied("deep/x");
	json_t *json;

	(void)state;
	a->flags |= RECORD_FLAG_PATH_OUTSIDE;
	a->file.dev = 8u << 20 | 2;
	a->reason = REASON_BORDER;
	a->hook = HOOK_INODE_RENAME;
	json = entry(NULL);
	ASSERT_AT(json, "file.path", "/srv/deep/x");
	json_decref(json);
	a = fixture_access(&record, 5, "");
	a->file_mode = S_IFDIR | 0755;
	json = entry(NULL);
	ASSERT_AT(json, "file.path", "/srv/ehr");
	ASSERT_AT(json, "file.type_id", "2");
	ASSERT_AT(json, "file.size", "");
	json_decref(json);
	a = denied("");
	a->store = STORE_UNDETERMINED;
	a->reason = REASON_UNDETERMINED;
	json = entry(NULL);
	ASSERT_AT(json, "file.path", "/");
	ASSERT_AT(json, "unmapped.muniment.store", "(undetermined)");
	json_decref(json);
}

static void test_unknown_policy(void **state)
{
	struct record_access *a = denied("12/x");
	json_t *json;

	(void)state;
	a->policy_generation = 99;
	a->root = 4000000000u;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.store", "(unknown)");
	ASSERT_AT(json, "file.path", "/12/x");
	json_decref(json);
}

/* The entry after a change of policy tells the new grant; records of the former, and of the last few, still find theirs. */
static void test_policy_switch(void **state)
{
	const unsigned last = 7 + 2 + OCSF_EARLIER_MAX;
	struct record_access *a;
	json_t *json;

	(void)state;
	program_known("usr/lib/postgresql/15/bin/postgres");
	for (unsigned generation = 8; generation <= last; generation++)
		assert_int_equal(ocsf_set_policy(ocsf, generation, fixture_image()), 0);
	fixture_access(&record, 1000, "f")->policy_generation = 7;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.store", "(unknown)");
	json_decref(json);
	for (unsigned generation = 8; generation <= last; generation++) {
		a = fixture_access(&record, 1000 + generation, "f");
		a->policy_generation = generation;
		json = entry(NULL);
		ASSERT_AT(json, "unmapped.muniment.store", "ehr");
		ASSERT_AT(json, "file.path", "/srv/ehr/f");
		json_decref(json);
	}
}

static void test_lifecycle(void **state)
{
	(void)state;
	for (int kind = OCSF_INVALID + 1; kind < OCSF_KIND_END; kind++) {
		struct buf out = {0};
		json_t *json;

		ocsf_lifecycle_open(ocsf, (enum ocsf_kind)kind, 1795287600123, "a message", &out);
		json_u64(&out, "count", 3);
		ocsf_lifecycle_close(ocsf, (enum ocsf_kind)kind, FIXTURE_NONCE, &out);
		fprintf(lines, "%s\n", out.data);
		json = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json);
		ASSERT_AT(json, "unmapped.muniment.kind", ocsf_kind_text((enum ocsf_kind)kind));
		ASSERT_AT(json, "unmapped.muniment.count", "3");
		json_decref(json);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_monitored_and_stopped),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_activities),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_and_cut),
		cmocka_unit_test(test_new_names),
		cmocka_unit_test(test_outside_and_roots),
		cmocka_unit_test(test_unknown_policy),
		cmocka_unit_test(test_policy_switch),
		cmocka_unit_test(test_lifecycle),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
