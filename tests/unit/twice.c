// SPDX-License-Identifier: Apache-2.0
/* Two loads record one access: the second record is told, and none of a second access is taken for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/twice.h"

static struct twice *twice;

static struct record_access access_by(uint32_t instance, enum mechanism mechanism, uint32_t pid, uint64_t ino)
{
	return (struct record_access){
		.header.boot_ns = 1000,
		.file = {.ino = ino, .dev = 5, .generation = 7},
		.pid = pid,
		.operations = OPERATION_BIT(OPERATION_READ),
		.flags = RECORD_FLAG_SHARED,
		.hook = HOOK_FILE_OPEN,
		.mechanism = mechanism,
		.wanted = VERDICT_ALLOW,
		.enforced = ENFORCED_ALLOWED,
		.instance = instance,
	};
}

static bool second(uint32_t instance, enum mechanism mechanism, uint32_t pid, uint64_t ino)
{
	struct record_access a = access_by(instance, mechanism, pid, ino);

	return twice_is_second(twice, &a);
}

static void test_trampolines_run_the_newest_first(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) { /* the same file again and again */
		assert_false(second(8, MECHANISM_LSM, 1, 10));
		assert_false(second(8, MECHANISM_LSM, 2, 10)); /* another thread in between */
		assert_true(second(7, MECHANISM_LSM, 1, 10));
		assert_true(second(7, MECHANISM_LSM, 2, 10));
	}
	/* The older one's own access, begun before the newer spoke; then one that both saw. */
	assert_false(second(7, MECHANISM_LSM, 3, 10));
	assert_false(second(8, MECHANISM_LSM, 3, 10));
	assert_true(second(7, MECHANISM_LSM, 3, 10));
	/* And after the older fell silent. */
	assert_false(second(8, MECHANISM_LSM, 3, 10));
	assert_false(second(8, MECHANISM_LSM, 3, 10));
}

static void test_tracepoints_run_the_oldest_first(void **state)
{
	struct record_access alone = access_by(7, MECHANISM_TRACING, 1, 10);

	(void)state;
	assert_false(second(7, MECHANISM_TRACING, 1, 10));
	assert_true(second(8, MECHANISM_TRACING, 1, 10));
	assert_false(second(7, MECHANISM_TRACING, 1, 10));
	assert_true(second(8, MECHANISM_TRACING, 1, 10));
	/* Recorded before the newer load spoke: what the newer records next is another access. */
	alone.flags = 0;
	assert_false(twice_is_second(twice, &alone));
	assert_false(second(8, MECHANISM_TRACING, 1, 10));
}

static void test_three_loads(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_false(second(9, MECHANISM_FMOD_RET, 1, 10));
		assert_true(second(8, MECHANISM_FMOD_RET, 1, 10));
		assert_true(second(7, MECHANISM_FMOD_RET, 1, 10));
		assert_false(second(7, MECHANISM_TRACING, 2, 10));
		assert_true(second(8, MECHANISM_TRACING, 2, 10));
		assert_true(second(9, MECHANISM_TRACING, 2, 10));
	}
	/* Numbers wrap. */
	assert_false(second(1, MECHANISM_LSM, 3, 10));
	assert_true(second(UINT32_MAX, MECHANISM_LSM, 3, 10));
}

static void test_only_the_same_access(void **state)
{
	struct record_access a;

	(void)state;
#define DIFFERS(field, value)                                                                                \
	assert_false(second(8, MECHANISM_LSM, 1, 10));                                                       \
	a = access_by(7, MECHANISM_LSM, 1, 10);                                                              \
	a.field = value;                                                                                     \
	assert_false(twice_is_second(twice, &a))
	DIFFERS(file.ino, 11);
	DIFFERS(file.dev, 6);
	DIFFERS(file.generation, 8);
	DIFFERS(operations, OPERATION_BIT(OPERATION_WRITE));
	DIFFERS(hook, HOOK_FILE_PERMISSION);
	DIFFERS(mechanism, MECHANISM_FMOD_RET);
	DIFFERS(wanted, VERDICT_DENY);
	DIFFERS(enforced, ENFORCED_DENIED);
	DIFFERS(pid, 2);
	DIFFERS(instance, 8);
}

static void test_one_load(void **state)
{
	struct record_access a = access_by(8, MECHANISM_LSM, 1, 10);

	(void)state;
	a.flags = 0;
	for (int i = 0; i < 5; i++)
		assert_false(twice_is_second(twice, &a));
	/* Long after a takeover, nothing of it counts. */
	assert_false(second(8, MECHANISM_LSM, 1, 10));
	a.header.boot_ns = 60000000000u;
	assert_false(twice_is_second(twice, &a));
	a.instance = 7;
	assert_false(twice_is_second(twice, &a));
}

static int set_up(void **state)
{
	(void)state;
	twice = twice_new();
	return twice ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	twice_free(twice);
	return 0;
}

static bool second_sent(uint32_t instance, uint8_t store, uint16_t port)
{
	struct record_access a = access_by(instance, MECHANISM_LSM, 5, 0);

	a.operations = OPERATION_BIT(OPERATION_SEND);
	a.hook = HOOK_SOCKET_SENDMSG;
	a.store = store;
	a.peer.port = port;
	return twice_is_second(twice, &a);
}

/* What is sent has no file: whereto tells one from another. Each store's data has a record. */
static void test_sent(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_false(second_sent(8, 0, 443));
		assert_false(second_sent(8, 1, 443));
		assert_true(second_sent(7, 0, 443));
		assert_true(second_sent(7, 1, 443));
	}
	assert_false(second_sent(8, 0, 443));
	assert_false(second_sent(7, 0, 80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(test_trampolines_run_the_newest_first),
		T(test_tracepoints_run_the_oldest_first),
		T(test_three_loads),
		T(test_only_the_same_access),
		T(test_one_load),
		T(test_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
