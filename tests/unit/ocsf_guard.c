// SPDX-License-Identifier: Apache-2.0
/* Entries about processes, the monitor itself, the host, and libraries: as in ocsf.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ocsf_entry.h"

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
	for (unsigned hook = HOOK_TASK_KILL; hook <= HOOK_SYSRQ; hook++) {
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
