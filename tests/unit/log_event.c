// SPDX-License-Identifier: Apache-2.0
/* How `log show` reads times, filters entries and keeps names from driving the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/log_event.h"

#define NOW_MS 1795356000000 /* 2026-11-22T14:00:00Z */

static int in_utc(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"@1795356000", NOW_MS},	 {"2026-11-22T14:00:00Z", NOW_MS},
		{"2026-11-22T14:00:00", NOW_MS}, {"2026-11-22 14:00", NOW_MS},
		{"2026-11-22T14:00", NOW_MS},	 {"2026-11-22", NOW_MS - 14 * 3600000LL},
		{"90s", NOW_MS - 90000},	 {"15m", NOW_MS - 900000},
		{"2h", NOW_MS - 7200000},	 {"7d", NOW_MS - 7 * 86400000LL},
		{"1w", NOW_MS - 7 * 86400000LL},
	};
	static const char *const bad[] = {"",
					  "soon",
					  "@",
					  "@x",
					  "@12x",
					  "-5m",
					  "5",
					  "5y",
					  "5mm",
					  "2026-13-22",
					  "2026-11-22T14:00:00+01:00",
					  "2026-11-22T14:00:00 Z"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(log_time_parse(good[i].text, NOW_MS, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(log_time_parse(bad[i], NOW_MS, &ms), -EINVAL);
}

static const char denied[] =
	"{\"class_uid\":1001,\"activity_id\":2,\"action_id\":2,\"is_alert\":true,\"time\":1795356000123,"
	"\"actor\":{\"user\":{\"name\":\"alice\",\"uid\":\"1001\"},\"process\":{\"name\":\"cat\",\"path\":\"/"
	"usr/bin/tac\","
	"\"user\":{\"name\":\"root\",\"uid\":\"0\"}}},\"file\":{\"path\":\"a\\u001b[2Jb\\u009bc\\nd\"},"
	"\"unmapped\":{\"muniment\":{\"store\":\"records\"}}}";

static bool takes(struct log_filter f)
{
	struct log_event e;
	bool taken;

	assert_true(log_filter_check("test", &f));
	log_event_parse(4711, (const uint8_t *)denied, strlen(denied), &e);
	taken = log_filter_takes(&f, &e);
	log_event_free(&e);
	return taken;
}

static void test_filters(void **state)
{
	(void)state;
	assert_true(takes((struct log_filter){0}));
	assert_true(takes((struct log_filter){.user = "alice"}));
	assert_true(takes((struct log_filter){.user = "1001"}));
	assert_true(takes((struct log_filter){.user = "root"}));
	assert_false(takes((struct log_filter){.user = "bob"}));
	assert_true(takes((struct log_filter){.store = "records"}));
	assert_false(takes((struct log_filter){.store = "record"}));
	assert_true(takes((struct log_filter){.verdict = "denied"}));
	assert_false(takes((struct log_filter){.verdict = "allowed"}));
	assert_true(takes((struct log_filter){.program = "cat"}));
	assert_true(takes((struct log_filter){.program = "tac"}));
	assert_true(takes((struct log_filter){.program = "/usr/bin/tac"}));
	assert_false(takes((struct log_filter){.program = "/usr/bin/cat"}));
	assert_true(takes((struct log_filter){.since = "@1795356000", .until = "@1795356001"}));
	assert_false(takes((struct log_filter){.since = "@1795356001"}));
	assert_false(takes((struct log_filter){.until = "@1795356000"}));
	assert_false(takes((struct log_filter){.user = "alice", .store = "other"}));
}

static void test_rows(void **state)
{
	static const char rubbish[] = "not {json\x1b]0;x\x07";
	static const char counts[] = "{\"class_uid\":1001,\"activity_id\":14,\"file\":{\"path\":\"/r\"},"
				     "\"unmapped\":{\"muniment\":{\"repeats\":99,\"bytes_read\":4096}}}";
	struct buf out = {0};
	struct log_event e;

	(void)state;
	log_event_parse(4711, (const uint8_t *)denied, strlen(denied), &e);
	assert_string_equal(e.operation, "read");
	log_table_row(&out, &e, (const uint8_t *)denied, strlen(denied), false);
	log_event_free(&e);
	assert_string_equal(
		out.data,
		"    4711  2026-11-22 14:00:00.123 denied   alice        read           records      "
		"/usr/bin/tac             a\\x1b[2Jb\\xc2\\x9bc\\x0ad\n");
	buf_reset(&out);
	log_event_parse(4712, (const uint8_t *)counts, strlen(counts), &e);
	log_table_row(&out, &e, (const uint8_t *)counts, strlen(counts), false);
	log_event_free(&e);
	assert_non_null(strstr(out.data, " /r  (99 more)  4096 bytes read\n"));
	buf_reset(&out);
	log_event_parse(3, (const uint8_t *)rubbish, strlen(rubbish), &e);
	assert_null(e.root);
	log_table_row(&out, &e, (const uint8_t *)rubbish, strlen(rubbish), false);
	assert_string_equal(out.data, "       3  (not JSON) not {json\\x1b]0;x\\x07\n");
	log_event_free(&e);
	buf_free(&out);
}

/* Where data went stands where the path would. */
static void test_sent(void **state)
{
	static const struct {
		const char *activity, *endpoint, *shown;
	} rows[] = {
		{"1", "\"ip\":\"203.0.113.9\",\"port\":443", " 203.0.113.9:443\n"},
		{"6", "\"ip\":\"203.0.113.9\",\"port\":443", " 203.0.113.9:443  5 bytes sent\n"},
		{"6", "\"ip\":\"2001:db8::1\",\"port\":53", " [2001:db8::1]:53  5 bytes sent\n"},
		{"6", "\"ip\":\"2001:db8::1\"", " 2001:db8::1  5 bytes sent\n"},
		{"6", "\"name\":\"AF_PACKET\"", " AF_PACKET  5 bytes sent\n"},
		{"6", "\"port\":1", " a message  5 bytes sent\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool connects = *rows[i].activity == '1';
		struct log_filter store = {.store = "ehr"}, user = {.user = "bob"};
		struct buf json = {0}, out = {0};
		struct log_event e;

		buf_printf(&json,
			   "{\"class_uid\":4001,\"activity_id\":%s,\"action_id\":1,\"message\":\"a message\","
			   "\"unmapped\":{\"muniment\":{\"store\":\"ehr\",\"bytes_written\":%d}},"
			   "\"dst_endpoint\":{%s}}",
			   rows[i].activity, connects ? 0 : 5, rows[i].endpoint);
		log_event_parse(1, (const uint8_t *)json.data, json.len, &e);
		assert_string_equal(e.operation, connects ? "connect" : "send");
		assert_true(log_filter_check("test", &store) && log_filter_takes(&store, &e));
		assert_true(log_filter_check("test", &user) && !log_filter_takes(&user, &e));
		log_table_row(&out, &e, (const uint8_t *)json.data, json.len, false);
		assert_non_null(strstr(out.data, rows[i].shown));
		log_event_free(&e);
		buf_free(&json);
		buf_free(&out);
	}
}

/* An update to the standard, but of what, the row must tell. */
static void test_copied(void **state)
{
	static const char copied[] =
		"{\"class_uid\":1001,\"activity_id\":3,\"action_id\":2,\"file\":{\"path\":\"/tmp/x\"},"
		"\"unmapped\":{\"muniment\":{\"store\":\"ehr\",\"operations\":[\"copy\"],\"bytes_written\":7}"
		"}}";
	static const char written[] = "{\"class_uid\":1001,\"activity_id\":3,\"unmapped\":{\"muniment\":"
				      "{\"operations\":[\"write\",\"copy\"]}}}";
	struct buf out = {0};
	struct log_event e;

	(void)state;
	log_event_parse(1, (const uint8_t *)copied, strlen(copied), &e);
	assert_string_equal(e.operation, "copy");
	assert_string_equal(e.store, "ehr");
	log_table_row(&out, &e, (const uint8_t *)copied, strlen(copied), false);
	assert_non_null(strstr(out.data, " /tmp/x  7 bytes written\n"));
	log_event_free(&e);
	buf_free(&out);
	log_event_parse(2, (const uint8_t *)written, strlen(written), &e);
	assert_string_equal(e.operation, "update");
	log_event_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times), cmocka_unit_test(test_filters), cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sent),  cmocka_unit_test(test_copied),
	};

	return cmocka_run_group_tests(tests, in_utc, NULL);
}
