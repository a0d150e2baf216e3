// SPDX-License-Identifier: Apache-2.0
/* Who passed data on to whom: chains from a record to a process, and what entries tell of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ocsf_entry.h"
#include "pipeline/lineage.h"

#define START 5000000000ull /* of process n: n behind that */

static uint64_t sequence;

static struct party party(uint32_t tgid, const char *comm)
{
	struct party p = {
		.start_boot_ns = START + tgid,
		.program = {.ino = 4711, .dev = 8u << 20 | 1, .generation = 5}, /* fixture_access's */
		.tgid = tgid,
		.uid = 1000 + tgid,
		.login_uid = ID_UNSET};

	strncpy(p.comm, comm, sizeof(p.comm) - 1);
	return p;
}

/* tgid 0: nobody. */
static struct record_pass passed(uint32_t from, uint32_t to, unsigned how, uint64_t label)
{
	struct record_pass pass = {.how = how, .label = label, .to = party(to, "receiver")};

	pass.header = (struct record_header){.size = sizeof(pass),
					     .kind = RECORD_PASS,
					     .cpu = 1,
					     .sequence = ++sequence,
					     .boot_ns = 2 * START + sequence};
	if (from)
		pass.from = party(from, "giver");
	return pass;
}

static void learn(struct lineage *l, uint32_t from, uint32_t to, unsigned how, uint64_t label)
{
	const struct record_pass pass = passed(from, to, how, label);

	lineage_pass(l, &pass);
}

static void reads(struct lineage *l, uint32_t tgid, uint64_t label, const char *path)
{
	struct record_access *a = fixture_access(&record, ++sequence, "record");

	a->header.boot_ns = 2 * START + sequence;
	a->start_boot_ns = START + tgid;
	a->tgid = tgid;
	lineage_read(l, a, label, path, strlen(path));
}

static size_t chain(struct lineage *l, uint32_t tgid, uint64_t label, struct lineage_chain *c)
{
	const struct party process = party(tgid, "asked");

	lineage_find(l, &process, label, false, c);
	return c->n;
}

static void test_chain(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_chain c;

	(void)state;
	reads(l, 1, 1, "/srv/ehr/a");
	learn(l, 1, 2, PASS_PIPE, 1);
	learn(l, 2, 3, PASS_UNIX, 1);
	learn(l, 3, 4, PASS_FORK, 1);
	assert_int_equal(chain(l, 4, 1, &c), 4);
	assert_false(c.incomplete);
	assert_int_equal(c.hops[0].who.tgid, 1);
	assert_int_equal(c.hops[0].how, PASS_READ);
	assert_string_equal(c.hops[0].path, "/srv/ehr/a");
	assert_int_equal(c.hops[1].who.tgid, 2);
	assert_int_equal(c.hops[1].how, PASS_PIPE);
	assert_string_equal(c.hops[1].who.comm, "giver"); /* as it was when it passed that on */
	assert_int_equal(c.hops[2].how, PASS_UNIX);
	assert_int_equal(c.hops[3].who.tgid, 4);
	assert_int_equal(c.hops[3].how, PASS_FORK);
	assert_string_equal(c.hops[3].who.comm, "asked");
	/* Another store's data did not come that way. */
	assert_int_equal(chain(l, 4, 2, &c), 0);
	assert_true(c.incomplete);
	lineage_free(l);
}

/* A process of the same number that started at another time is another one. */
static void test_numbers_are_used_again(void **state)
{
	struct lineage *l = lineage_new();
	struct party process = party(1, "another");
	struct lineage_chain c;

	(void)state;
	reads(l, 1, 1, "/srv/ehr/a");
	assert_true(lineage_find(l, &process, 1, false, &c));
	process.start_boot_ns++;
	assert_false(lineage_find(l, &process, 1, false, &c));
	lineage_free(l);
}

static void test_own_reading_comes_first(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_chain c;

	(void)state;
	reads(l, 1, 1, "/srv/ehr/a");
	learn(l, 1, 2, PASS_FORK, 1);
	reads(l, 2, 1, "/srv/ehr/b");
	assert_int_equal(chain(l, 2, 1, &c), 1);
	assert_string_equal(c.hops[0].path, "/srv/ehr/b");
	lineage_free(l);
}

static void test_executed(void **state)
{
	struct lineage *l = lineage_new();
	struct party process = party(2, "sender");
	struct record_pass pass;
	struct lineage_chain c;

	(void)state;
	reads(l, 1, 1, "/srv/ehr/a");
	process.program.ino = 5;
	learn(l, 1, 2, PASS_PIPE, 1);
	assert_true(lineage_find(l, &process, 1, false, &c));
	assert_int_equal(c.n, 3);
	assert_string_equal(c.hops[1].who.comm, "receiver");
	assert_int_equal(c.hops[1].how, PASS_PIPE);
	assert_string_equal(c.hops[2].who.comm, "sender");
	assert_int_equal(c.hops[2].how, PASS_EXEC);
	/* Another name alone is no other program; and a child executes one as a rule. */
	process.program.ino = 4711;
	lineage_find(l, &process, 1, false, &c);
	assert_int_equal(c.n, 2);
	pass = passed(1, 3, PASS_FORK, 1);
	lineage_pass(l, &pass);
	process = party(3, "sender");
	process.program.ino = 5;
	lineage_find(l, &process, 1, false, &c);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.hops[1].how, PASS_FORK);
	assert_string_equal(c.hops[1].who.comm, "sender");
	lineage_free(l);
}

/* What the kernel tells of a reading is followed by the access that has its path. */
static void test_reading_is_told_twice(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_chain c;

	(void)state;
	learn(l, 0, 1, PASS_READ, 1);
	assert_int_equal(chain(l, 1, 1, &c), 1);
	assert_false(c.incomplete);
	assert_null(c.hops[0].path);
	reads(l, 1, 1, "/srv/ehr/a");
	reads(l, 1, 1, "/srv/ehr/later");
	assert_int_equal(chain(l, 1, 1, &c), 1);
	assert_string_equal(c.hops[0].path, "/srv/ehr/a");
	lineage_free(l);
}

static void test_copies(void **state)
{
	const struct object_id file = {.ino = 99, .dev = 8u << 20 | 1, .generation = 3};
	struct record_pass pass = passed(1, 2, PASS_FILE, 1);
	struct lineage *l = lineage_new();
	char longer[400], *path = memset(longer, 'x', sizeof(longer));
	struct lineage_chain c;

	(void)state;
	longer[399] = '\0';
	reads(l, 1, 1, "/srv/ehr/a");
	pass.object = pass_file(&file);
	lineage_pass(l, &pass);
	assert_int_equal(chain(l, 2, 1, &c), 2);
	assert_null(c.hops[1].path);
	lineage_copy(l, &file, "/tmp/copy", 9);
	chain(l, 2, 1, &c);
	assert_string_equal(c.hops[1].path, "/tmp/copy");
	memcpy(longer + 399 - 4, "/end", 4);
	lineage_copy(l, &file, path, 399);
	chain(l, 2, 1, &c);
	assert_int_equal(strlen(c.hops[1].path), LINEAGE_PATH);
	assert_string_equal(c.hops[1].path + LINEAGE_PATH - 4, "/end");
	lineage_free(l);
}

static void test_gaps(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_chain c;

	(void)state;
	/* The giver is known by name, but not whence it had it. */
	learn(l, 1, 2, PASS_PIPE, 1);
	assert_int_equal(chain(l, 2, 1, &c), 2);
	assert_true(c.incomplete);
	assert_int_equal(c.hops[0].who.tgid, 1);
	assert_int_equal(c.hops[0].how, PASS_INVALID);
	/* Nobody knows who it was. */
	learn(l, 0, 3, PASS_INTERNET, 1);
	assert_int_equal(chain(l, 3, 1, &c), 1);
	assert_true(c.incomplete);
	/* Too long. */
	reads(l, 100, 1, "/srv/ehr/a");
	for (uint32_t i = 100; i < 130; i++)
		learn(l, i, i + 1, PASS_PIPE, 1);
	assert_int_equal(chain(l, 100 + LINEAGE_HOPS - 1, 1, &c), LINEAGE_HOPS);
	assert_false(c.incomplete);
	assert_int_equal(chain(l, 100 + LINEAGE_HOPS, 1, &c), LINEAGE_HOPS);
	assert_true(c.incomplete);
	/* In a circle, which only what is forgotten in between can make. */
	learn(l, 201, 200, PASS_PIPE, 1);
	learn(l, 200, 201, PASS_PIPE, 1);
	assert_int_equal(chain(l, 200, 1, &c), LINEAGE_HOPS);
	assert_true(c.incomplete);
	lineage_free(l);
}

/* What a daemon finds kept comes in no order, and once more by the ring. */
static void test_order_and_repeats(void **state)
{
	const struct record_pass first = passed(1, 3, PASS_PIPE, 1), second = passed(2, 3, PASS_PIPE, 1);
	struct lineage *l = lineage_new();
	struct lineage_chain c;

	(void)state;
	for (int i = 0; i < 10; i++) {
		lineage_pass(l, &second);
		lineage_pass(l, &first);
	}
	reads(l, 1, 1, "/srv/ehr/a");
	reads(l, 2, 1, "/srv/ehr/b");
	assert_int_equal(chain(l, 3, 1, &c), 2);
	assert_int_equal(c.hops[0].who.tgid, 1);
	lineage_free(l);
}

/* Bounded: the latest stay. Run under ASan, which sees what is not released. */
static void test_many(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_chain c;
	unsigned known = 0;

	(void)state;
	for (uint32_t i = 1; i <= 3 * LINEAGE_PROCESSES; i++)
		reads(l, i, 1ull << i % 8, "/srv/ehr/a");
	for (uint32_t i = 1; i <= 3 * LINEAGE_PROCESSES; i++)
		known += chain(l, i, 1ull << i % 8, &c) == 1;
	assert_in_range(known, LINEAGE_PROCESSES / 2, LINEAGE_PROCESSES);
	for (uint64_t bit = 0; bit < 64; bit++) {
		reads(l, 3 * LINEAGE_PROCESSES, 1ull << bit, "/srv/ehr/many");
		assert_int_equal(chain(l, 3 * LINEAGE_PROCESSES, 1ull << bit, &c), 1);
	}
	lineage_free(l);
}

/* --- entries --- */

static void told(const struct record_pass *pass)
{
	struct record_view view;

	assert_int_equal(decode_record(pass, sizeof(*pass), 4, &view), DECODE_OK);
	ocsf_pass(ocsf, &view.pass);
}

/* The store `ehr` gets its label, as the loader deals it. */
static void deal(void)
{
	struct policy_image *image = ocsf_policy_programs(ocsf);

	image->stores[0].rules.label = 1;
	strcpy(image->labels[0].name, "ehr");
	strcpy(image->labels[1].name, "research");
}

static struct record_access *by(struct record_access *a, uint32_t tgid, const char *comm)
{
	a->start_boot_ns = START + tgid;
	a->tgid = tgid;
	a->label = 1;
	memset(a->comm, 0, sizeof(a->comm));
	strncpy(a->comm, comm, sizeof(a->comm) - 1);
	return a;
}

static void test_sent(void **state)
{
	struct record_pass pass;
	json_t *json;

	(void)state;
	deal();
	by(fixture_access(&record, 1, "folder/record"), 301, "cat");
	json_decref(entry(NULL));
	pass = passed(301, 302, PASS_PIPE, 1);
	told(&pass);
	by(denied(""), 302, "nc");
	fixture_send(&record, NULL, 443);
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "4001");
	ASSERT_AT(json, "unmapped.muniment.chains.0.store", "ehr");
	ASSERT_AT(json, "unmapped.muniment.chains.0.incomplete", "");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0.how", "read");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0.record",
		  at(json, "unmapped.muniment.chains.0.hops.0.record"));
	assert_non_null(strstr(at(json, "unmapped.muniment.chains.0.hops.0.record"), "folder/record"));
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0.pid", "301");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.1.how", "pipe");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.1.user", "user1044");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.2", "");
	ASSERT_AT(json, "unmapped.muniment.chains.1", "");
	json_decref(json);
	/* Nothing is known of this one, and that is said. */
	by(denied(""), 399, "nc");
	fixture_send(&record, NULL, 443);
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.chains.0.store", "ehr");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0", "");
	ASSERT_AT(json, "unmapped.muniment.chains.0.incomplete", "true");
	json_decref(json);
	/* An access within a store has none. */
	by(fixture_access(&record, 2, "folder/record"), 302, "nc");
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.chains.0.store", "");
	json_decref(json);
}

static void test_copied(void **state)
{
	struct record_access *a;
	struct record_pass pass;
	json_t *json;

	(void)state;
	deal();
	by(fixture_access(&record, 1, "folder/record"), 311, "cp");
	json_decref(entry(NULL));
	a = by(fixture_access(&record, 2, "tmp/copy"), 311, "cp");
	a->file.ino = 777;
	a->operations = OPERATION_BIT(OPERATION_COPY);
	a->hook = HOOK_FILE_PERMISSION;
	a->reason = REASON_COPIES;
	a->flags = RECORD_FLAG_COPY | RECORD_FLAG_PATH_OUTSIDE;
	pass = passed(311, 312, PASS_FILE, 1);
	pass.object = pass_file(&a->file);
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0.how", "read");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.1", "");
	json_decref(json);
	told(&pass);
	by(denied(""), 312, "nc");
	fixture_send(&record, NULL, 443);
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.1.how", "file");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.1.file", "/tmp/copy");
	json_decref(json);
}

static void test_kept_apart(void **state)
{
	struct record_access *a;
	struct record_pass pass;
	json_t *json;

	(void)state;
	deal();
	by(fixture_access(&record, 1, "folder/record"), 321, "cat");
	json_decref(entry(NULL));
	pass = passed(0, 322, PASS_READ, 2);
	told(&pass);
	pass = passed(321, 322, PASS_PIPE, 1);
	pass.refused = 1;
	told(&pass);
	a = by(denied(""), 322, "merge");
	a->label = 2;
	a->file_mode = S_IFIFO | 0600;
	a->reason = REASON_COMPARTMENT;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.chains.0.store", "ehr");
	ASSERT_AT(json, "unmapped.muniment.chains.0.refused", "true");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0.name", "giver");
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.1.how", "pipe");
	ASSERT_AT(json, "unmapped.muniment.chains.1.store", "research");
	ASSERT_AT(json, "unmapped.muniment.chains.1.hops.0.how", "read");
	json_decref(json);
	/* What was refused is not held. */
	a->reason = REASON_NOT_AGREED;
	fixture_send(&record, NULL, 443);
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.chains.0.incomplete", "true");
	json_decref(json);
}

/* However long the names on the way, an entry has room. */
static void test_long(void **state)
{
	char path[5 * 200 + 1];
	const char *line;
	json_t *json;

	(void)state;
	deal();
	memset(path, '\x01', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	by(fixture_access(&record, 1, path), 400, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01");
	json_decref(entry(NULL));
	program_known(path);
	for (uint32_t i = 400; i < 400 + LINEAGE_HOPS - 2; i++) {
		struct record_pass pass = passed(i, i + 1, PASS_PIPE, 1);

		memset(pass.from.comm, 1, sizeof(pass.from.comm));
		pass.from.program = ((struct record_program *)record.bytes)->program;
		told(&pass);
	}
	by(denied(""), 400 + LINEAGE_HOPS - 2, "nc")->program.ino = 1;
	fixture_send(&record, NULL, 443);
	json = entry(&line);
	assert_in_range(strlen(line), 2000, 9000);
	ASSERT_AT(json, "unmapped.muniment.chains.0.hops.0.how", "read");
	ASSERT_AT(json, "unmapped.muniment.chains.0.incomplete", "true");
	json_decref(json);
}

static void test_decode(void **state)
{
	struct record_pass pass = passed(1, 2, PASS_PIPE, 1);
	struct record_view view;

	(void)state;
	assert_int_equal(decode_record(&pass, sizeof(pass), 4, &view), DECODE_OK);
	assert_int_equal(decode_record(&pass, sizeof(pass) - 1, 4, &view), DECODE_SIZE);
	pass.how = PASS_EXEC;
	assert_int_equal(decode_record(&pass, sizeof(pass), 4, &view), DECODE_PASS);
	pass.how = 0;
	assert_int_equal(decode_record(&pass, sizeof(pass), 4, &view), DECODE_PASS);
	pass.how = PASS_PIPE;
	pass.label = 0;
	assert_int_equal(decode_record(&pass, sizeof(pass), 4, &view), DECODE_PASS);
	pass.label = 1;
	pass.to.start_boot_ns = 0;
	assert_int_equal(decode_record(&pass, sizeof(pass), 4, &view), DECODE_PASS);
	for (unsigned how = 1; how < PASS_END; how++)
		assert_non_null(lineage_how_text(how));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_numbers_are_used_again),
		cmocka_unit_test(test_own_reading_comes_first),
		cmocka_unit_test(test_executed),
		cmocka_unit_test(test_reading_is_told_twice),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_order_and_repeats),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_kept_apart),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
