// SPDX-License-Identifier: Apache-2.0
/*
 * The keeper's whole life without a kernel side: the functions of kernel.h are played here, over a ring in a
 * memory file that a second thread fills as the kernel would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "keeper_life.h"

static void *script_events(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++)
		put(false);
	put(true);
	for (int i = 0; i < 100; i++) {
		json_decref(last_status);
		last_status = ask("status");
		if (number(last_status, "events", "next") >= 53)
			break;
		usleep(20000);
	}
	put(false); /* still in the ring when the end comes */
	end_keeper();
	return NULL;
}

static void test_events(void **state)
{
	(void)state;
	side.prevents = true;
	write_policy("enforce", "");
	assert_int_equal(live(script_events), EXIT_GOOD);
	assert_int_equal(number(last_status, "counters", "events"), 51);
	assert_int_equal(number(last_status, "counters", "denials"), 1);
	assert_int_equal(number(last_status, "ledger", "committed"), 53);
	assert_int_equal(number(last_status, "policy", "generation"), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(last_status, "canary"), "state")), "ok");
	assert_int_equal(count_entries("\"class_uid\":1001"), 52);
	assert_int_equal(count_entries("\"path\":\"/the/root/12/x.dcm\""), 52);
	assert_int_equal(count_entries("\"kind\":\"start\""), 1);
	assert_int_equal(count_entries("\"kind\":\"policy\""), 1);
	assert_int_equal(count_entries("\"kind\":\"stop\""), 1);
	assert_int_equal(count_entries("\"kind\":\"loss\""), 0);
	assert_true(side.closed);
	assert_false(side.kept);
	/* Everything was given back. */
	assert_int_equal(*(uint64_t *)(void *)side.map, *(uint64_t *)(void *)(side.map + side.page));
}

static void *script_reload(void *arg)
{
	json_t *answer;

	(void)arg;
	answer = ask("reload");
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	write_policy("enforcee", "");
	answer = ask("reload");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_non_null(
		strstr(json_string_value(json_object_get(answer, "messages")), "did you mean \"enforce\""));
	json_decref(answer);
	write_policy("enforce", "");
	side.apply_fails = true;
	answer = ask("reload");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	side.apply_fails = false;
	last_status = ask("status");
	end_keeper();
	return NULL;
}

static void test_reload(void **state)
{
	unsigned applied = side.applied, refused = count_entries("\"kind\":\"reload_refused\"");

	(void)state;
	json_decref(last_status);
	last_status = NULL;
	assert_int_equal(live(script_reload), EXIT_GOOD);
	assert_int_equal(side.applied - applied, 2); /* at start, and the good one */
	assert_int_equal(number(last_status, "policy", "generation"), 3);
	assert_int_equal(count_entries("\"kind\":\"reload_refused\"") - refused, 2);
}

static void *script_canary(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300 && count_entries("\"kind\":\"canary_silent\"") == 0; i++)
		usleep(20000);
	side.canary_silent = false;
	for (int i = 0; i < 300 && count_entries("\"kind\":\"canary_recovered\"") == 0; i++)
		usleep(20000);
	end_keeper();
	return NULL;
}

static void test_canary(void **state)
{
	(void)state;
	side.canary_silent = true;
	assert_int_equal(live(script_canary), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"canary_silent\""), 1);
	assert_int_equal(count_entries("\"kind\":\"canary_recovered\""), 1);
}

static void *script_loss(void *arg)
{
	(void)arg;
	__atomic_store_n(&side.sequence, side.sequence + 7, __ATOMIC_RELEASE); /* no room in the ring */
	put(false);
	for (int i = 0; i < 300 && count_entries("\"kind\":\"loss\"") == 0; i++)
		usleep(20000);
	end_keeper();
	return NULL;
}

static void test_loss(void **state)
{
	(void)state;
	side.adopted = true; /* the numbering goes on */
	assert_int_equal(live(script_loss), EXIT_GOOD);
	side.adopted = false;
	assert_int_equal(count_entries("\"count\":7,\"ranges\":[{\"cpu\":0"), 1);
	assert_int_equal(count_entries("\"kind\":\"recovered\""), 1);
}

static unsigned applied_before; /* test_store_moved */

/* Ends it once the store is told, and the policy was put into force at the start and anew. */
static void *script_moved(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000 && (count_entries("\"kind\":\"store_moved\"") == 0 ||
				     __atomic_load_n(&side.applied, __ATOMIC_SEQ_CST) - applied_before < 2);
	     i++)
		usleep(20000);
	end_keeper();
	return NULL;
}

static void test_store_moved(void **state)
{
	(void)state;
	applied_before = side.applied;
	side.moved = dir; /* there is something to reload for */
	assert_int_equal(live(script_moved), EXIT_GOOD);
	side.moved = NULL;
	assert_int_equal(count_entries("\"kind\":\"store_moved\""), 1);
	assert_int_equal(side.applied - applied_before, 2);
}

static void *script_nothing(void *arg)
{
	(void)arg;
	end_keeper();
	return NULL;
}

/* Who has a record open already is told once, and not by a daemon that takes over from another. */
static void test_open_before(void **state)
{
	(void)state;
	side.held = (struct held){.tgid = 4242, .fd = 7, .uid = 113, .mode = 1, .comm = "reader"};
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"open_before\""), 1);
	assert_int_equal(count_entries("\"pid\":4242,\"name\":\"reader\",\"euid\":113"), 1);
	side.adopted = true;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	side.adopted = false;
	assert_int_equal(count_entries("\"kind\":\"open_before\""), 1);
	side.held.tgid = 0;
}

static const char *labelled_member(json_t *answer, const char *key)
{
	json_t *process = json_array_get(json_object_get(answer, "processes"), 0),
	       *value = json_object_get(process, key);

	return json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
}

static void *script_labels(void *arg)
{
	static const char clear[] =
		"{\"command\":\"label-clear\",\"reason\":\"it was a test\",\"process\":4711}";
	json_t *answer = ask("labels");

	(void)arg;
	assert_int_equal(json_integer_value(json_object_get(answer, "count")), 1);
	assert_string_equal(labelled_member(answer, "name"), "a\033b");
	assert_string_equal(labelled_member(answer, "stores"), "5"); /* no store has it now: its number */
	json_decref(answer);
	answer = ask_for("{\"command\":\"label-clear\",\"reason\":\"x\",\"process\":4712}");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	answer = ask_for(clear);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	answer = ask("labels");
	assert_int_equal(json_integer_value(json_object_get(answer, "count")), 0);
	json_decref(answer);
	answer = ask_for(clear);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	end_keeper();
	return NULL;
}

static void test_labels(void **state)
{
	(void)state;
	side.label = 1 << 5;
	assert_int_equal(live(script_labels), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"label_cleared\""), 1);
	assert_int_equal(count_entries("\"reason\":\"it was a test\""), 1);
	assert_int_equal(count_entries("\"process\":4711,\"label\":[\"5\"]"), 1);
}

static void *script_files(void *arg)
{
	static const char clear[] =
		"{\"command\":\"file-clear\",\"reason\":\"it was a test\",\"file\":\"/srv/copy\"}";
	json_t *answer = ask("files"), *file = json_array_get(json_object_get(answer, "files"), 0);

	(void)arg;
	assert_int_equal(json_integer_value(json_object_get(answer, "count")), 1);
	assert_string_equal(json_string_value(json_object_get(file, "device")), "8:1");
	assert_int_equal(json_integer_value(json_object_get(file, "inode")), 77);
	assert_string_equal(json_string_value(json_array_get(json_object_get(file, "stores"), 0)), "5");
	json_decref(answer);
	answer = ask_for("{\"command\":\"file-clear\",\"reason\":\"x\",\"file\":\"/srv/other\"}");
	assert_string_equal(json_string_value(json_object_get(answer, "error")),
			    "no such file is a copy of records");
	json_decref(answer);
	answer = ask_for(clear);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	answer = ask("files");
	assert_int_equal(json_integer_value(json_object_get(answer, "count")), 0);
	json_decref(answer);
	answer = ask_for(clear);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	end_keeper();
	return NULL;
}

static void test_files(void **state)
{
	(void)state;
	side.copy = (struct object_id){.ino = 77, .dev = 8u << 20 | 1};
	side.copy_label = 1 << 5;
	assert_int_equal(live(script_files), EXIT_GOOD);
	assert_int_equal(count_entries("a file is taken to hold no records any more"), 1);
	assert_int_equal(count_entries("\"file\":{\"path\":\"/srv/"
				       "copy\",\"device\":\"8:1\",\"inode\":77},\"label\":[\"5\"]"),
			 1);
}

static void write_copies(const char *text)
{
	assert_int_equal(file_replace(path_of("ledger/copies"), text, strlen(text), 0600), 0);
}

/* Known again after a boot, when devices have other numbers, by the file system's own. */
static void test_copies(void **state)
{
	static const char line[] =
		"{\"fs\":\"ext4\",\"id\":\"00000000000000ab\",\"ino\":12,\"generation\":34,"
		"\"stores\":[\"ehr\"]}\n";
	struct buf b = {0};

	(void)state;
	side.system = (struct kernel_file_system){.type = "ext4", .id = 0xab, .dev = 8 << 20 | 1};
	side.copy = (struct object_id){.ino = 12, .generation = 34, .dev = 8 << 20 | 1};
	side.copy_label = 1 << 3;
	side.copies_made = 1;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(file_read(path_of("ledger/copies"), 4096, &b), 0);
	assert_string_equal(b.data, line);
	buf_free(&b);

	side.copies_made = side.copy_label = 0;
	side.system.dev = 8 << 20 | 17;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(side.copy_label, 1 << 3);
	assert_int_equal(side.copy.dev, 8 << 20 | 17);
	assert_int_equal(side.copy.ino, 12);
	assert_int_equal(side.copy.generation, 34);

	/* On a file system that is not there, it stays written down; and so does one of a store that the policy has not. */
	side.copies_made = side.copy_label = 0;
	side.system.id = 0xac;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(side.copy_label, 0);
	write_copies("{\"fs\":\"ext4\",\"id\":\"00000000000000ac\",\"ino\":1,\"generation\":2,\"stores\":["
		     "\"no\"]}\n"
		     "{}\nnonsense\n"
		     "{\"fs\":\"ext4\",\"id\":\"00000000000000ac\",\"ino\":5,\"generation\":6,\"stores\":["
		     "\"ehr\"]}");
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(side.copy.ino, 5);
	assert_int_equal(side.copies_made, 1);
	assert_int_equal(file_read(path_of("ledger/copies"), 4096, &b), 0);
	assert_non_null(strstr(b.data, "\"ino\":1,"));
	assert_non_null(strstr(b.data, "\"ino\":5,"));
	assert_null(strstr(b.data, "nonsense"));
	buf_free(&b);

	/* A daemon that takes over from another keeps what that could not place either. */
	write_copies("{\"fs\":\"ext4\",\"id\":\"00000000000000ad\",\"ino\":7,\"generation\":8,\"stores\":["
		     "\"ehr\"]}\n");
	side.adopted = true;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	side.adopted = false;
	assert_int_equal(file_read(path_of("ledger/copies"), 4096, &b), 0);
	assert_non_null(strstr(b.data, "\"ino\":5,"));
	assert_non_null(strstr(b.data, "\"ino\":7,"));
	buf_free(&b);
	side.copy_label = 0;
	side.system.type = NULL;
}

static void write_program(const char *text)
{
	assert_int_equal(file_replace(path_of("tool"), text, strlen(text), 0755), 0);
}

static void wait_for(const char *needle, unsigned n)
{
	for (int i = 0; i < 500 && count_entries(needle) < n; i++)
		usleep(20000);
}

/* The program is replaced; the policy is read anew, first by itself, then because an admin wants it. */
static void *script_programs(void *arg)
{
	(void)arg;
	write_program("two");
	side.moved = dir;
	wait_for("\"kind\":\"program_refused\"", 1);
	side.moved = NULL;
	json_decref(ask("reload"));
	wait_for("\"kind\":\"program_changed\"", 1);
	side.program_gone = true;
	wait_for("\"kind\":\"program_refused\"", 2);
	side.library_changed = true;
	wait_for("\"kind\":\"library_refused\"", 1);
	end_keeper();
	return NULL;
}

static void test_programs(void **state)
{
	char roles[256];

	(void)state;
	snprintf(roles, sizeof(roles), "  tool: {programs: [%s]}\n", path_of("tool"));
	side.roles = roles;
	write_program("one");
	write_policy("enforce", "");
	assert_int_equal(live(script_programs), EXIT_GOOD);
	side.roles = NULL;
	write_policy("enforce", "");
	assert_int_equal(count_entries("\"kind\":\"program_refused\""), 2);
	assert_int_equal(count_entries("\"kind\":\"program_changed\""), 1);
	assert_int_equal(
		count_entries("\"path\":\"/usr/lib/libchanged.so.1\",\"reason\":\"content\",\"package\":"
			      "\"case-tools\""),
		1);
	assert_int_equal(count_entries("\"reason\":\"missing\",\"roles\":[],\"refused\":[\"tool\"]"), 1);
	/* printf one | sha256sum */
	assert_int_equal(
		count_entries(
			"\"refused\":[\"tool\"],\"sha256_before\":\"7692c3ad3540bb803c020b3aee66cd8887123234"
			"ea0c6e7143c0add73ff431ed\",\"sha256\":\"3fc4ccfe745870e2c0d99f71f30ff0656c8dedd4"
			"1cc1d7d3d376b0dbe685e2f3\""),
		1);
}

static void *script_dead_signer(void *arg)
{
	(void)arg;
	put(false);
	kill(signer.pid, SIGKILL);
	return NULL;
}

static void test_signer_dies(void **state)
{
	(void)state;
	assert_int_equal(live(script_dead_signer), EXIT_CANNOT);
	assert_true(side.kept); /* rules and records stay for the next one */
}

static void *no_script(void *arg)
{
	(void)arg;
	end_keeper();
	return NULL;
}

static void test_refuses_to_start(void **state)
{
	int lock;

	(void)state;
	side.prevents = false;
	assert_int_equal(live(no_script), EXIT_CANNOT);
	write_policy("enforce", "degraded: allow\n");
	assert_int_equal(live(no_script), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"degraded\""), 1);
	write_policy("monitor", "");
	assert_int_equal(live(no_script), EXIT_GOOD);
	write_policy("nonsense", "");
	assert_int_equal(live(no_script), EXIT_USAGE);
	write_policy("monitor", "");
	lock = open(path_of("run/lock"), O_RDWR | O_CLOEXEC);
	assert_int_equal(lockf(lock, F_TEST, 0), 0);
	close(lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),	    cmocka_unit_test(test_reload),
		cmocka_unit_test(test_canary),	    cmocka_unit_test(test_loss),
		cmocka_unit_test(test_store_moved), cmocka_unit_test(test_open_before),
		cmocka_unit_test(test_labels),	    cmocka_unit_test(test_files),
		cmocka_unit_test(test_copies),	    cmocka_unit_test(test_programs),
		cmocka_unit_test(test_signer_dies), cmocka_unit_test(test_refuses_to_start),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
