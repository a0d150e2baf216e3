// SPDX-License-Identifier: Apache-2.0
/* Records into the ledger and back out: nothing twice, nothing missing, over clean and unclean ends; the
 * events file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "ledger/note.h"
#include "ledger/reader.h"
#include "pipeline/recorder.h"
#include "pipeline/sink.h"
#include "pipeline_fixture.h"

static char dir[64], ledger_dir[96], events[96];
static struct note_signer *signer;
static struct recorder *recorder;
static struct ledger_recovery recovery;
static struct fixture_record record;
static uint64_t published;
static char alerts[4096];
static int canaries;

static int sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	(void)ctx;
	return note_sign(signer, text, n, signatures);
}

static void on_published(void *ctx, uint64_t size, const char *lines)
{
	(void)ctx;
	published = size;
	if (lines)
		snprintf(alerts + strlen(alerts), sizeof(alerts) - strlen(alerts), "%s", lines);
}

static void on_canary(void *ctx, const struct record_access *access)
{
	(void)ctx;
	(void)access;
	canaries++;
}

static void open_it(bool adopted, uint64_t position)
{
	static uint64_t ring;
	const struct recorder_options options = {
		.ledger_dir = ledger_dir,
		.origin = "example.org/test",
		.sign = sign,
		.verifier = note_signer_verifier(signer),
		.cpus = 4,
		.ring = adopted ? ring : ++ring,
		.ring_position = position,
		.host = &fixture_host,
		.names = &fixture_names,
		.published = on_published,
		.canary = on_canary,
	};
	struct policy_image *image = fixture_image();

	assert_int_equal(recorder_open(&options, &recorder, &recovery), 0);
	assert_int_equal(
		recorder_set_policy(recorder, recorder_next_generation(recorder, image->sha256), image), 0);
}

static void close_it(void)
{
	recorder_close(recorder);
	recorder = NULL;
}

static int put(uint64_t sequence, bool denied)
{
	struct record_access *a = fixture_access(&record, sequence, "12/scan.dcm");

	a->policy_generation = 1;
	if (denied) {
		a->wanted = VERDICT_DENY;
		a->enforced = ENFORCED_DENIED;
		a->reason = REASON_NOT_GRANTED;
	}
	return recorder_record(recorder, record.bytes, record.size);
}

/* Sequence numbers of CPU 1 in the ledger; kinds are counted. */
static unsigned seen[1000], kinds[OCSF_KIND_END];
static uint64_t lost_sum;
static char stores[256];

static void read_entry(const uint8_t *entry, size_t n)
{
	json_t *json = json_loadb((const char *)entry, n, 0, NULL), *own, *metadata;

	assert_non_null(json);
	metadata = json_object_get(json, "metadata");
	own = json_object_get(json_object_get(json, "unmapped"), "muniment");
	if (json_integer_value(json_object_get(json, "class_uid")) == 1001) {
		seen[json_integer_value(json_object_get(metadata, "sequence"))]++;
		snprintf(stores, sizeof(stores), "%s", json_string_value(json_object_get(own, "store")));
	} else {
		const char *kind = json_string_value(json_object_get(own, "kind"));

		for (int i = 1; i < OCSF_KIND_END; i++)
			kinds[i] += !strcmp(kind, ocsf_kind_text((enum ocsf_kind)i));
		if (!strcmp(kind, "loss"))
			lost_sum += (uint64_t)json_integer_value(json_object_get(own, "count"));
	}
	json_decref(json);
}

static void read_ledger(void)
{
	struct ledger_reader *reader;
	const uint8_t *entry;
	long n;

	memset(seen, 0, sizeof(seen));
	memset(kinds, 0, sizeof(kinds));
	lost_sum = 0;
	assert_int_equal(ledger_reader_open(ledger_dir, &reader), 0);
	while ((n = ledger_reader_next(reader, &entry)) >= 0)
		read_entry(entry, (size_t)n);
	assert_int_equal(n, -61); /* ENODATA */
	ledger_reader_close(reader);
}

static void each_once(uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++)
		assert_int_equal(seen[i], 1);
}

static void test_in_and_out(void **state)
{
	(void)state;
	open_it(false, 4096);
	assert_true(recovery.created);
	assert_int_equal(recorder_released(recorder), 4096);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(put(i, false), 0);
	assert_false(recorder_is_urgent(recorder));
	assert_true(recorder_has_pending(recorder));
	assert_int_equal(put(101, true), 0);
	assert_true(recorder_is_urgent(recorder));
	assert_int_equal(alerts[0], '\0');
	assert_int_equal(recorder_flush(recorder, 9999), 0);
	assert_int_equal(recorder_released(recorder), 9999);
	assert_int_equal(published, 101);
	assert_string_equal(
		alerts,
		"postgres with postgres[3121] was denied to open /srv/ehr/12/scan.dcm in store ehr\n");
	close_it();
	read_ledger();
	each_once(1, 101);
}

static void test_next_daemon_goes_on(void **state)
{
	(void)state;
	open_it(true, 9999);
	assert_int_equal(recorder_next_generation(recorder, recovery.state), 2);
	/* The ring gives again what was not given back. */
	for (uint64_t i = 90; i <= 120; i++)
		assert_int_equal(put(i, false), 0);
	assert_int_equal(recorder_flush(recorder, 20000), 0);
	close_it();
	read_ledger();
	each_once(1, 120);
	assert_string_equal(stores, "ehr"); /* the same policy kept its number, so its records have names */
}

static void test_killed_before_the_commit(void **state)
{
	(void)state;
	open_it(true, 20000);
	for (uint64_t i = 121; i <= 150; i++)
		assert_int_equal(put(i, false), 0);
	/* Dropped with the process: the next one gets them from the ring. */
	close_it();
	open_it(true, 20000);
	for (uint64_t i = 121; i <= 160; i++)
		assert_int_equal(put(i, false), 0);
	assert_int_equal(recorder_flush(recorder, 30000), 0);
	close_it();
	read_ledger();
	each_once(1, 160);
}

static void test_losses(void **state)
{
	uint64_t sequences[4] = {0, 175, 3, 0};

	(void)state;
	open_it(true, 30000);
	assert_int_equal(put(165, false), 0);
	assert_int_equal(recorder_account(recorder, sequences, 4, false), 0);
	read_ledger();
	assert_int_equal(lost_sum, 0); /* they may still come */
	assert_int_equal(put(163, false), 0);
	assert_int_equal(recorder_account(recorder, sequences, 4, true), 0);
	assert_int_equal(put(162, false), 0); /* too late: reported as lost, recorded all the same */
	assert_int_equal(recorder_flush(recorder, 31000), 0);
	close_it();
	read_ledger();
	/* 161, 162, 164 and 166..175 of CPU 1, 1..3 of CPU 2. */
	assert_int_equal(lost_sum, 3 + 10 + 3);
	assert_int_equal(kinds[OCSF_LOSS], 1);
	assert_int_equal(seen[162], 1);
}

static void test_canary_and_programs_have_no_entry(void **state)
{
	struct recorder_counts before, after;
	struct record_access *a;
	struct buf numbers = {0};

	(void)state;
	open_it(true, 31000);
	recorder_count(recorder, &before);
	fixture_program(&record, 176, "usr/bin/tar");
	assert_int_equal(recorder_record(recorder, record.bytes, record.size), 0);
	a = fixture_access(&record, 177, "");
	a->store = STORE_CANARY;
	assert_int_equal(recorder_record(recorder, record.bytes, record.size), 0);
	assert_int_equal(canaries, 1);
	assert_int_equal(put(178, false), 0);
	recorder_count(recorder, &after);
	assert_int_equal(after.events - before.events, 1);
	buf_str(&numbers, "{");
	recorder_add_numbers(recorder, &numbers);
	assert_string_equal(numbers.data, "{\"numbers\":[{\"cpu\":1,\"last\":178,\"own\":2,\"lost\":13},"
					  "{\"cpu\":2,\"last\":3,\"own\":0,\"lost\":3}]");
	buf_free(&numbers);
	assert_int_equal(recorder_flush(recorder, 32000), 0);
	close_it();
}

/* A record of one load, while another speaks too. */
static int put_shared(uint64_t sequence, uint32_t instance)
{
	struct record_access *a = fixture_access(&record, sequence, "12/scan.dcm");

	a->policy_generation = 1;
	a->flags |= RECORD_FLAG_SHARED;
	a->instance = instance;
	return recorder_record(recorder, record.bytes, record.size);
}

static void test_twice_at_a_takeover(void **state)
{
	struct recorder_counts counts;
	struct buf numbers = {0};

	(void)state;
	open_it(false, 0);
	assert_int_equal(put_shared(1, 8), 0);
	assert_int_equal(put_shared(2, 7), 0); /* the same access */
	assert_int_equal(put_shared(3, 8), 0); /* the next one */
	recorder_count(recorder, &counts);
	assert_int_equal(counts.events, 2);
	assert_int_equal(counts.twice, 1);
	buf_str(&numbers, "{");
	recorder_add_numbers(recorder, &numbers);
	assert_string_equal(numbers.data, "{\"numbers\":[{\"cpu\":1,\"last\":3,\"own\":1,\"lost\":0}]");
	buf_free(&numbers);
	assert_int_equal(recorder_flush(recorder, 100), 0);
	close_it();
	/* Killed now; the ring gives all of them again, with the older load's half of the last. */
	open_it(true, 0);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(put_shared(i, i % 2 ? 8 : 7), 0);
	recorder_count(recorder, &counts);
	assert_int_equal(counts.events, 0);
	assert_int_equal(counts.twice, 1);
	close_it();
}

static void test_malformed_is_kept(void **state)
{
	struct recorder_counts counts;
	struct record_access *a;

	(void)state;
	open_it(true, 32000);
	a = fixture_access(&record, 179, "x");
	a->hook = 99;
	assert_int_equal(recorder_record(recorder, record.bytes, record.size), 0);
	assert_int_equal(recorder_record(recorder, record.bytes, 5), 0);
	assert_true(recorder_is_urgent(recorder));
	recorder_count(recorder, &counts);
	assert_int_equal(counts.malformed, 2);
	assert_int_equal(recorder_flush(recorder, 33000), 0);
	assert_int_equal(put(179, false), 0);
	recorder_count(recorder, &counts);
	assert_int_equal(counts.late, 1); /* its number was seen */
	close_it();
	read_ledger();
	assert_int_equal(kinds[OCSF_MALFORMED], 2);
}

static void test_new_ring_counts_anew(void **state)
{
	struct recorder_counts counts;

	(void)state;
	open_it(false, 0);
	assert_int_equal(put(1, false), 0);
	recorder_count(recorder, &counts);
	assert_int_equal(counts.duplicates, 0);
	assert_int_equal(counts.events, 1);
	close_it();
}

static unsigned count_lines(void)
{
	struct buf text = {0};
	unsigned n = 0;

	assert_int_equal(file_read(events, 1 << 20, &text), 0);
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	buf_free(&text);
	return n;
}

static void wait_for(struct sink *s, uint64_t next)
{
	struct sink_status status;

	for (int i = 0; i < 500; i++) {
		sink_status(s, &status);
		if (status.next >= next)
			return;
		usleep(10000);
	}
	fail_msg("the sink stands at %llu", (unsigned long long)status.next);
}

/* Data passed on: counted by its number, told by later entries only. */
static void test_passed_on_has_no_entry(void **state)
{
	struct record_pass pass = {.to = {.start_boot_ns = 1, .tgid = 7}, .label = 1, .how = PASS_FORK};
	struct recorder_counts counts;
	struct buf numbers = {0};

	(void)state;
	open_it(false, 0);
	pass.header = (struct record_header){sizeof(pass), RECORD_PASS, 1, 1, 5};
	assert_int_equal(recorder_record(recorder, &pass, sizeof(pass)), 0);
	assert_int_equal(recorder_record(recorder, &pass, sizeof(pass)),
			 0); /* once more, of a ring that was kept */
	recorder_know(recorder, &pass, sizeof(pass));
	assert_int_equal(put(2, false), 0);
	recorder_count(recorder, &counts);
	assert_int_equal(counts.events, 1);
	assert_int_equal(counts.malformed, 0);
	buf_str(&numbers, "{");
	recorder_add_numbers(recorder, &numbers);
	assert_string_equal(numbers.data, "{\"numbers\":[{\"cpu\":1,\"last\":2,\"own\":1,\"lost\":0}]");
	buf_free(&numbers);
	assert_int_equal(recorder_flush(recorder, 4096), 0);
	close_it();
}

static void test_sink(void **state)
{
	struct sink *s;
	uint64_t size;
	char moved[128];
	unsigned before;

	(void)state;
	open_it(false, 0);
	size = ledger_committed(recorder_ledger(recorder));
	assert_int_equal(sink_new(events, ledger_dir, 0, &s), 0);
	wait_for(s, size);
	sink_free(s, 2000);
	assert_int_equal(count_lines(), size);
	/* A second one goes on where the first stopped. */
	assert_int_equal(sink_new(events, ledger_dir, 0, &s), 0);
	for (uint64_t i = 2; i <= 11; i++)
		assert_int_equal(put(i, false), 0);
	usleep(50000);
	assert_int_equal(count_lines(), size); /* not before the checkpoint */
	assert_int_equal(recorder_flush(recorder, 0), 0);
	sink_published(s, published);
	wait_for(s, published);
	assert_int_equal(count_lines(), published);
	/* logrotate. */
	before = count_lines();
	snprintf(moved, sizeof(moved), "%s.1", events);
	assert_int_equal(rename(events, moved), 0);
	sink_reopen(s);
	assert_int_equal(put(12, false), 0);
	assert_int_equal(recorder_flush(recorder, 0), 0);
	sink_published(s, published);
	wait_for(s, published);
	sink_free(s, 2000);
	assert_int_equal(count_lines(), published - before);
	close_it();
}

static int set_up(void **state)
{
	char template[] = "/tmp/muniment-recorder-XXXXXX";

	(void)state;
	if (!mkdtemp(template))
		return -1;
	snprintf(dir, sizeof(dir), "%s", template);
	snprintf(ledger_dir, sizeof(ledger_dir), "%s/ledger", dir);
	snprintf(events, sizeof(events), "%s/events.json", dir);
	return note_signer_generate("example.org/test", &signer);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	note_signer_free(signer);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_and_out),
		cmocka_unit_test(test_next_daemon_goes_on),
		cmocka_unit_test(test_killed_before_the_commit),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_canary_and_programs_have_no_entry),
		cmocka_unit_test(test_malformed_is_kept),
		cmocka_unit_test(test_new_ring_counts_anew),
		cmocka_unit_test(test_twice_at_a_takeover),
		cmocka_unit_test(test_passed_on_has_no_entry),
		cmocka_unit_test(test_sink),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
