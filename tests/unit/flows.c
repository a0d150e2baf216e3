// SPDX-License-Identifier: Apache-2.0
/* Flows out of entries, and the map of them: sums, folding, and names that are none of the map's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/flows.h"

/* One hop for each word of `how`; `name` bears its number where it ends with '%'. */
static json_t *hops(const char *name, const char *how)
{
	json_t *all = json_array();
	char words[128], *save = NULL, text[256];
	int i = 0;

	snprintf(words, sizeof(words), "%s", how);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		snprintf(text, sizeof(text), strchr(name, '%') ? "%.*s%d" : "%.*s", (int)strcspn(name, "%"),
			 name, i++);
		json_array_append_new(all, json_pack("{s:s, s:s, s:i}", "how", word, "name", text, "pid", i));
	}
	return all;
}

static json_t *sent(const char *store, const char *name, const char *how, const char *ip, int action)
{
	return json_pack("{s:i, s:i, s:I, s:{s:s, s:i}, s:{s:{s:s, s:[s], s:I, s:[{s:s, s:o}]}}}",
			 "class_uid", 4001, "action_id", action, "time", (json_int_t)1795356000123,
			 "dst_endpoint", "ip", ip, "port", 443, "unmapped", "muniment", "store", store,
			 "operations", "send", "bytes_written", (json_int_t)1000, "chains", "store", store,
			 "hops", hops(name, how));
}

static json_t *own(json_t *entry)
{
	return json_object_get(json_object_get(entry, "unmapped"), "muniment");
}

static void add(struct flows *f, json_t *entry)
{
	flows_add(f, entry);
	json_decref(entry);
}

static void test_sums(void **state)
{
	struct flows f = {0};
	json_t *entry;

	(void)state;
	add(&f, sent("ehr", "cat%", "read pipe", "203.0.113.9", 2));
	entry = sent("ehr", "cat%", "read pipe", "203.0.113.9", 2);
	json_object_set_new(entry, "start_time", json_integer(5));
	json_object_set_new(own(entry), "repeats", json_integer(7));
	add(&f, entry);
	entry = sent("ehr", "cat%", "read pipe", "203.0.113.9", 1);
	json_object_set_new(own(entry), "bytes_written", json_integer(90000));
	json_object_set_new(own(entry), "agreement", json_string("lab"));
	json_object_set_new(entry, "count", json_integer(3));
	add(&f, entry);
	/* None of ours. */
	add(&f, json_pack("{s:i, s:{s:{s:s, s:[s]}}}", "class_uid", 1001, "unmapped", "muniment", "store",
			  "ehr", "operations", "read"));
	add(&f, json_pack("{s:i}", "class_uid", 6002));
	add(&f, json_array());
	flows_sort(&f);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.entries, 3);
	assert_int_equal(f.items[0].verdict, FLOW_ALLOWED);
	assert_int_equal(f.items[0].count, 3);
	assert_string_equal(f.items[0].agreement, "lab");
	assert_int_equal(f.items[1].verdict, FLOW_DENIED);
	assert_int_equal(f.items[1].count, 8);
	assert_int_equal(f.items[1].bytes, 2000);
	assert_int_equal(f.items[1].first_ms, 5);
	assert_int_equal(f.items[1].last_ms, 1795356000123);
	assert_int_equal(f.items[1].n_programs, 2);
	assert_string_equal(f.items[1].programs[1].name, "cat1");
	assert_string_equal(f.items[1].programs[1].how, "pipe");
	assert_string_equal(f.items[1].destination, "203.0.113.9:443");
	flows_free(&f);
}

static void test_kinds(void **state)
{
	struct flows f = {0};
	json_t *entry = sent("ehr", "sh", "read fork fork pipe", "2001:db8::1", 2);

	(void)state;
	add(&f, entry);
	add(&f,
	    json_pack("{s:i, s:i, s:{s:s}, s:{s:{s:s, s:s}}, s:{s:{s:s, s:[s]}}}", "class_uid", 1001,
		      "action_id", 3, "file", "path", "/tmp/copy", "actor", "process", "name", "cp", "path",
		      "/usr/bin/cp", "unmapped", "muniment", "store", "ehr", "operations", "copy"));
	add(&f, json_pack("{s:i, s:i, s:{s:s}, s:{s:{s:s, s:[s], s:s}}}", "class_uid", 1001, "action_id", 2,
			  "file", "path", "/srv/b", "unmapped", "muniment", "store", "ehr", "operations",
			  "read", "reason", "compartment"));
	assert_int_equal(f.n, 3);
	assert_string_equal(f.items[0].destination, "[2001:db8::1]:443");
	/* Forks of the same program are one. */
	assert_int_equal(f.items[0].n_programs, 2);
	assert_false(f.items[0].incomplete);
	assert_int_equal(f.items[1].kind, FLOW_COPY);
	assert_int_equal(f.items[1].verdict, FLOW_OBSERVED);
	assert_string_equal(f.items[1].destination, "/tmp/copy");
	assert_string_equal(f.items[1].programs[0].name, "cp");
	assert_true(f.items[1].incomplete);
	assert_int_equal(f.items[2].kind, FLOW_MEETING);
	flows_free(&f);
}

/* The chain that counts is that of the entry's own store. */
static void test_chains(void **state)
{
	json_t *entry = sent("ehr", "cat", "read", "203.0.113.9", 2), *others;
	struct flows f = {0};

	(void)state;
	others = json_pack("[{s:s, s:o}, {s:s, s:o, s:b}]", "store", "research", "hops", hops("no", "read"),
			   "store", "ehr", "hops", hops("yes", "read"), "incomplete", 1);
	json_object_set_new(own(entry), "chains", others);
	add(&f, entry);
	assert_string_equal(f.items[0].programs[0].name, "yes");
	assert_true(f.items[0].incomplete);
	flows_free(&f);
}

static void test_too_many(void **state)
{
	struct flows f = {0};
	char ip[32];

	(void)state;
	for (int i = 0; i < FLOWS_MAX + 100; i++) {
		snprintf(ip, sizeof(ip), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		add(&f, sent("ehr", "cat", "read", ip, 2));
	}
	assert_int_equal(f.n, FLOWS_MAX + 1);
	assert_int_equal(f.entries, FLOWS_MAX + 100);
	assert_string_equal(f.items[FLOWS_MAX].destination, FLOWS_OTHERS);
	assert_int_equal(f.items[FLOWS_MAX].count, 100);
	flows_free(&f);
}

static void test_json(void **state)
{
	struct flows f = {0};
	struct buf out = {0};
	json_t *json;

	(void)state;
	add(&f, sent("ehr", "c\"a\nt%", "read pipe", "203.0.113.9", 2));
	flows_sort(&f);
	flows_json(&f, 17, INT64_MAX, &out);
	json = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "since_ms")), 17);
	assert_null(json_object_get(json, "until_ms"));
	json_decref(json);
	json = json_loads(out.data, 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(json_array_get(json_object_get(json, "flows"), 0),
						       "programs"),
				       1),
			"name")),
		"c\"a\nt1");
	json_decref(json);
	buf_free(&out);
	flows_free(&f);
}

/* --- the map --- */

static char *map_of(struct flows *f, const char *title)
{
	struct buf out = {0};

	flows_sort(f);
	flows_svg(f, title, &out);
	assert_false(out.failed);
	flows_free(f);
	return out.data;
}

/* By a parser of its own, where there is one: a document without an external entity, and nothing but the elements below. */
static void parse(const char *map)
{
	static const char program[] =
		"import sys, xml.parsers.expat as e\\n"
		"good = {'svg', 'title', 'rect', 'text', 'path', 'g', 'line'}\\n"
		"def start(name, attributes):\\n"
		"    assert name in good, name\\n"
		"    assert not any(a.startswith('on') or 'href' in a for a in attributes), attributes\\n"
		"p = e.ParserCreate()\\n"
		"p.StartElementHandler = start\\n"
		"p.StartDoctypeDeclHandler = lambda *a: sys.exit('a doctype')\\n"
		"p.Parse(sys.stdin.buffer.read(), True)\\n";
	char command[1024];
	FILE *pipe;

	if (access("/usr/bin/python3", X_OK)) {
		print_message("not parsed: no /usr/bin/python3\n");
		return;
	}
	snprintf(command, sizeof(command), "/usr/bin/python3 -c \"exec('''%s''')\"", program);
	pipe = popen(command, "w");
	assert_non_null(pipe);
	fwrite(map, 1, strlen(map), pipe);
	assert_int_equal(pclose(pipe), 0);
}

static size_t times(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		n++;
	return n;
}

static void test_map(void **state)
{
	struct flows f = {0};
	char *map;

	(void)state;
	add(&f, sent("ehr", "cat%", "read pipe unix_socket", "203.0.113.9", 2));
	add(&f, sent("ehr", "cat%", "read pipe", "203.0.113.10", 1));
	map = map_of(&f, "Flows of data");
	parse(map);
	assert_int_equal(times(map, "<path "), 4 + 3); /* each verdict has lines of its own */
	assert_int_equal(times(map, "stroke-dasharray=\"9 5\""), 4 + 1); /* and the legend */
	assert_int_equal(times(map, ">203.0.113.9:443</text>"), 1);
	assert_int_equal(times(map, ">cat2</text>"), 1);
	assert_non_null(strstr(map, "cat1 → cat2: denied; by unix_socket; 1 times, 1000 bytes"));
	assert_int_equal(times(map, "others"), 0);
	free(map);
}

static void test_empty_map(void **state)
{
	struct flows f = {.index = json_object()};
	char *map = map_of(&f, "Flows of data");

	(void)state;
	parse(map);
	assert_non_null(strstr(map, "no data of a store went anywhere"));
	assert_int_equal(times(map, "<path "), 0);
	free(map);
}

static void test_hostile_names(void **state)
{
	struct flows f = {0};
	char *map;

	(void)state;
	add(&f, sent("</text><script>alert(1)</script>",
		     "\"&<b>'\x01\x1b[2J\xe2\x80\xae"
		     "evil\xef\xbf\xbf%",
		     "read pipe", "]]><!--", 2));
	map = map_of(&f, "<title>&amp;\x07\xff\xc3(");
	parse(map);
	assert_null(strstr(map, "<script"));
	assert_null(strstr(map, "<!--"));
	assert_null(strchr(map, '\x01'));
	assert_null(strchr(map, '\x1b'));
	assert_null(strchr(map, '\x07'));
	assert_null(strstr(map, "\xe2\x80\xae"));
	assert_null(strstr(map, "\xef\xbf\xbf"));
	assert_non_null(strstr(map, "&#60;script&#62;"));
	assert_non_null(strstr(map, "&#60;title&#62;&#38;amp;"));
	free(map);
}

/* Five hundred programs and destinations: the rest is folded, and said to be. */
static void test_large_map(void **state)
{
	struct flows f = {0};
	char ip[32], name[32];
	char *map;

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(ip, sizeof(ip), "10.0.%d.%d", i >> 8, i & 255);
		snprintf(name, sizeof(name), "program-%d-%%", i);
		add(&f, sent(i % 2 ? "ehr" : "research", name, "read pipe fork pipe pipe pipe network", ip,
			     1 + i % 3));
	}
	map = map_of(&f, "Flows of data");
	parse(map);
	assert_int_equal(times(map, "477 others</text>"), 4); /* the middle of long chains has more */
	assert_in_range(times(map, "<rect "), 1 + 2 + 5 * FLOWS_SVG_ROWS, 1 + 2 + 5 * FLOWS_SVG_ROWS);
	assert_in_range(strlen(map), 10000, 600000);
	free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),	  cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_chains),	  cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_json),	  cmocka_unit_test(test_map),
		cmocka_unit_test(test_empty_map), cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_large_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
