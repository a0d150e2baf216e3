// SPDX-License-Identifier: Apache-2.0
/* Entries: valid JSON of the right class whatever names come, with the words that SIEM rules look for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <unistd.h>

#include "base/json.h"
#include "pipeline_fixture.h"

static struct enrich *enrich;
static struct ocsf *ocsf;
static struct fixture_record record;
static FILE *lines; /* everything made here, for the schemas */
static char lines_path[] = "/tmp/muniment-ocsf-XXXXXX";

static json_t *entry(const char **ret_text)
{
	static struct buf out;
	struct record_view view;
	json_error_t error;
	json_t *json;

	assert_int_equal(decode_record(record.bytes, record.size, 4, &view), DECODE_OK);
	buf_reset(&out);
	ocsf_access(ocsf, &view, FIXTURE_NONCE, &out);
	assert_false(out.failed);
	assert_null(strchr(out.data, '\n'));
	fprintf(lines, "%s\n", out.data);
	json = json_loads(out.data, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s: %s", error.text, out.data);
	if (ret_text)
		*ret_text = out.data;
	else
		buf_free(&out);
	return json;
}

/* The value at "a.b.c" (numbers: index), as text; "" when it is not there. */
static const char *at(json_t *json, const char *path)
{
	static char text[8192];
	char copy[256], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *key = strtok_r(copy, ".", &save); key && json; key = strtok_r(NULL, ".", &save))
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(key))
					   : json_object_get(json, key);
	if (json_is_integer(json))
		snprintf(text, sizeof(text), "%lld", json_integer_value(json));
	else
		snprintf(text, sizeof(text), "%s",
			 json_is_string(json) ? json_string_value(json)
			 : json_is_true(json) ? "true"
					      : "");
	return text;
}

#define ASSERT_AT(json, path, expected) assert_string_equal(at(json, path), expected)

static void program_known(const char *path)
{
	struct record_view view;

	fixture_program(&record, 1, path);
	assert_int_equal(decode_record(record.bytes, record.size, 4, &view), DECODE_OK);
	enrich_program(enrich, &view);
}

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

static struct record_access *denied(const char *path)
{
	struct record_access *a = fixture_access(&record, 813, path);

	a->uid = a->gid = 0;
	a->login_uid = 1044;
	a->session = 3;
	a->wanted = VERDICT_DENY;
	a->enforced = ENFORCED_DENIED;
	a->reason = REASON_NOT_GRANTED;
	a->flags = RECORD_FLAG_BY_LOGIN;
	return a;
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
static void test_processes(void **state)
{
	struct record_access *a = denied("bin/postgres");
	json_t *json;

	(void)state;
	a->flags |= RECORD_FLAG_PATH_OUTSIDE;
	a->file.dev = 8u << 20 | 2;
	a->target_tgid = 4242;
	a->hook = HOOK_PTRACE_ACCESS_CHECK;
	a->operations = OPERATION_BIT(OPERATION_LIST) | OPERATION_BIT(OPERATION_READ);
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "1007");
	ASSERT_AT(json, "type_uid", "100703");
	ASSERT_AT(json, "process.pid", "4242");
	ASSERT_AT(json, "process.file.path", "/srv/bin/postgres");
	ASSERT_AT(json, "file.path", "");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1055");
	ASSERT_AT(json, "unmapped.muniment.hook", "ptrace_access_check");
	assert_non_null(
		strstr(at(json, "message"), "attach to /srv/bin/postgres[4242], which may reach store"));
	json_decref(json);
	a->hook = HOOK_CORE_DUMP;
	json = entry(NULL);
	ASSERT_AT(json, "type_uid", "100799");
	ASSERT_AT(json, "activity_name", "core dump");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1005");
	json_decref(json);
}

/* What is done to the monitor or the host has a process or the kernel for its object, and no file. */
static void test_guard(void **state)
{
	struct record_access *a = denied("");
	json_t *json;

	(void)state;
	a->operations = OPERATION_BIT(OPERATION_CONTROL);
	a->store = STORE_OWN;
	a->reason = REASON_OWN;
	a->hook = HOOK_TASK_KILL;
	a->target_tgid = 4242;
	a->detail = 9;
	a->file = (struct object_id){0};
	json = entry(NULL);
	ASSERT_AT(json, "type_uid", "100702");
	ASSERT_AT(json, "process.pid", "4242");
	ASSERT_AT(json, "unmapped.muniment.store", "(monitor)");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "control");
	ASSERT_AT(json, "unmapped.muniment.signal", "9");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1685");
	ASSERT_AT(json, "file.path", "");
	assert_non_null(strstr(at(json, "message"), "send a signal to the monitor's process 4242"));
	json_decref(json);
	a->target_tgid = 0;
	a->hook = HOOK_BPF;
	a->detail = 5 | 29 << 8;
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "1003");
	ASSERT_AT(json, "kernel.name", "BPF program");
	ASSERT_AT(json, "kernel.system_call", "bpf");
	ASSERT_AT(json, "unmapped.muniment.program_type", "29");
	json_decref(json);
	a = denied("ftrace_enabled");
	a->operations = OPERATION_BIT(OPERATION_CONTROL);
	a->store = STORE_OWN;
	a->mechanism = MECHANISM_CGROUP;
	a->hook = HOOK_SYSCTL;
	a->file = (struct object_id){0};
	json = entry(NULL);
	ASSERT_AT(json, "kernel.name", "ftrace_enabled");
	ASSERT_AT(json, "unmapped.muniment.mechanism", "cgroup");
	json_decref(json);
	a = denied("updates/evil.ko");
	a->flags |= RECORD_FLAG_PATH_OUTSIDE;
	a->operations = OPERATION_BIT(OPERATION_CONTROL);
	a->store = STORE_HOST;
	a->reason = REASON_HOST;
	a->hook = HOOK_MODULE;
	a->root = HOST_MODULES;
	json = entry(NULL);
	ASSERT_AT(json, "kernel.name", "kernel module evil.ko");
	ASSERT_AT(json, "unmapped.muniment.store", "(host)");
	ASSERT_AT(json, "attacks.0.sub_technique.uid", "T1547.006");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:12");
	json_decref(json);
	a->root = HOST_KEXEC; /* of which the policy says nothing */
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.rule", "");
	json_decref(json);
	for (unsigned hook = HOOK_TASK_KILL; hook < HOOK_END; hook++) {
		a->hook = (uint8_t)hook;
		json_decref(entry(NULL));
	}
}

/* A library that a role does not take, with that role and its line. */
static void test_library(void **state)
{
	struct record_access *a = denied("usr/lib/evil.so");
	json_t *json;

	(void)state;
	a->flags |= RECORD_FLAG_PATH_OUTSIDE | RECORD_FLAG_LIBRARY;
	a->operations = OPERATION_BIT(OPERATION_EXECUTE);
	a->store = STORE_LIBRARY;
	a->reason = REASON_LIBRARY;
	a->hook = HOOK_MMAP_FILE;
	a->detail = 0;
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "1001");
	ASSERT_AT(json, "activity_id", "2");
	ASSERT_AT(json, "unmapped.muniment.store", "(library)");
	ASSERT_AT(json, "unmapped.muniment.reason", "library");
	ASSERT_AT(json, "unmapped.muniment.role", "database");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:8");
	ASSERT_AT(json, "attacks.0.sub_technique.uid", "T1574.006");
	assert_non_null(strstr(at(json, "message"), "evil.so into a program of the role database"));
	json_decref(json);
	a->detail = 999;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.role", "");
	json_decref(json);
}

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

/* The entry after a change of policy tells the new grant; records of the former still find theirs. */
static void test_policy_switch(void **state)
{
	struct record_access *a;
	json_t *json;

	(void)state;
	program_known("usr/lib/postgresql/15/bin/postgres");
	assert_int_equal(ocsf_set_policy(ocsf, 8, fixture_image()), 0);
	for (unsigned generation = 7; generation <= 8; generation++) {
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

static void test_schema(void **state)
{
	const char *schemas = getenv("MUNIMENT_SCHEMAS");
	char command[1024];

	(void)state;
	if (!schemas)
		schemas = "../shared/schemas";
	snprintf(command, sizeof(command), "%s/ocsf-1.8.0/file_activity.schema.json", schemas);
	if (access(command, R_OK)) {
		print_message("skipped: no OCSF schemas in %s; set MUNIMENT_SCHEMAS\n", schemas);
		skip();
	}
	if (access("/usr/bin/python3", X_OK) ||
	    system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null")) {
		print_message("skipped: python3 has no jsonschema\n");
		skip();
	}
	fflush(lines);
	snprintf(command, sizeof(command), "/usr/bin/python3 tests/unit/ocsf_validate.py '%s' <%s", schemas,
		 lines_path);
	assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
	char mounts[] = "/tmp/muniment-mounts-XXXXXX";
	int fd = mkstemp(mounts), out = mkstemp(lines_path);

	(void)state;
	if (fd < 0 || out < 0 || write(fd, FIXTURE_MOUNTS, strlen(FIXTURE_MOUNTS)) < 0)
		return -1;
	close(fd);
	lines = fdopen(out, "w");
	if (!lines || enrich_new(&fixture_names, mounts, &enrich))
		return -1;
	unlink(mounts);
	ocsf = ocsf_new(&fixture_host, enrich);
	return ocsf ? ocsf_set_policy(ocsf, 7, fixture_image()) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	ocsf_free(ocsf);
	enrich_free(enrich);
	fclose(lines);
	return unlink(lines_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_monitored_and_stopped),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_activities),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_library),
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
