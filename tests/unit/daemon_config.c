// SPDX-License-Identifier: Apache-2.0
/* munimentd.yaml: defaults, every key, and messages that lead to the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config.h"

static char path[] = "/tmp/muniment-config-XXXXXX.yaml";
static struct config config;
static struct buf messages;

static enum config_result read_text(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	config_free(&config);
	buf_reset(&messages);
	assert_true(config_init(&config));
	return config_read(&config, path, false, &messages);
}

static void refused(const char *text, const char *expected)
{
	assert_int_equal(read_text(text), CONFIG_REFUSED);
	if (!strstr(messages.data, expected))
		fail_msg("expected \"%s\" in: %s", expected, messages.data);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(read_text("version: 1\n"), CONFIG_OK);
	assert_string_equal(config.policy, "/etc/muniment/policy.d");
	assert_string_equal(config.run, "/run/muniment");
	assert_false(config.pin);
	assert_int_equal(config.mechanism, MECHANISM_INVALID);
	assert_int_equal(messages.len, 0);
}

static void test_seconds(void **state)
{
	(void)state;
	assert_int_equal(read_text("version: 1\nrefresh: 5\ngrace: 86400\n"), CONFIG_OK);
	assert_int_equal(config.refresh, 5);
	assert_int_equal(config.grace, 86400);
	assert_int_equal(read_text("version: 1\n"), CONFIG_OK);
	assert_int_equal(config.refresh, 60);
	assert_int_equal(config.grace, 600);
	refused("version: 1\nrefresh: 4\n",
		":2:10: error: refresh cannot be 4; expected a number of seconds, from 5 to 3600");
	refused("version: 1\nrefresh: 3601\n", "from 5 to 3600");
	refused("version: 1\ngrace: 59\n",
		":2:8: error: grace cannot be 59; expected a number of seconds, from 60 to 86400");
	refused("version: 1\ngrace: 10m\n", "grace cannot be 10m");
	refused("version: 1\ngrace: [60]\n", "grace cannot be that");
	refused("version: 1\nrefresh: -5\n", "refresh cannot be -5");
}

static void test_every_key(void **state)
{
	(void)state;
	assert_int_equal(read_text("version: 1\n"
				   "policy: /a\n"
				   "ledger: /b\n"
				   "key: /c\n"
				   "run: /d\n"
				   "pin_dir: /sys/fs/bpf/e\n"
				   "events: \"-\"\n"
				   "pin: true\n"
				   "same_disk: true\n"
				   "alerts: true\n"
				   "mechanism: tracing\n"),
			 CONFIG_OK);
	assert_string_equal(config.policy, "/a");
	assert_string_equal(config.ledger, "/b");
	assert_string_equal(config.key, "/c");
	assert_string_equal(config.run, "/d");
	assert_string_equal(config.pin_dir, "/sys/fs/bpf/e");
	assert_string_equal(config.events, "-");
	assert_true(config.pin && config.same_disk && config.alerts);
	assert_int_equal(config.mechanism, MECHANISM_TRACING);
	assert_int_equal(read_text("version: 1\nevents: none\n"), CONFIG_OK);
	assert_string_equal(config.events, "none");
}

static void test_refused(void **state)
{
	(void)state;
	refused("version: 1\npolcy: /a\n", ":2:1: error: unknown key \"polcy\"");
	assert_non_null(strstr(messages.data, "did you mean \"policy\""));
	refused("version: 2\n", "wrong-version");
	refused("policy: /a\n", "missing-key");
	refused("version: 1\nledger: b\n", "path-relative");
	refused("version: 1\npin: yes\n", "error");
	refused("version: 1\nmechanism: lms\n", "did you mean \"lsm\"");
	refused("version: 1\npin: true\npin: true\n", "duplicate-key");
	refused("version: 1\nledger: [/a]\n", "wrong-type");
	refused("- a\n", "wrong-type");
	refused("version: 1\n\tpin: true\n", "error");
	refused("", "empty");
	/* All at once. */
	refused("version: 3\npin: 1\nkeey: /a\n", "keey");
	assert_non_null(strstr(messages.data, ":1:"));
	assert_non_null(strstr(messages.data, ":2:"));
}

static void test_no_file(void **state)
{
	(void)state;
	buf_reset(&messages);
	assert_int_equal(config_read(&config, "/nonexistent/x.yaml", true, &messages), CONFIG_OK);
	assert_int_equal(config_read(&config, "/nonexistent/x.yaml", false, &messages), CONFIG_REFUSED);
	assert_int_equal(config_read(&config, "/tmp", false, &messages), CONFIG_REFUSED);
}

static void test_mechanisms(void **state)
{
	enum mechanism m;

	(void)state;
	assert_true(config_mechanism("auto", &m) && m == MECHANISM_INVALID);
	assert_true(config_mechanism("lsm", &m) && m == MECHANISM_LSM);
	assert_true(config_mechanism("fmod_ret", &m) && m == MECHANISM_FMOD_RET);
	assert_false(config_mechanism("", &m));
	assert_false(config_mechanism("LSM", &m));
}

static int set_up(void **state)
{
	int fd = mkstemps(path, 5);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	config_free(&config);
	buf_free(&messages);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds),	  cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_file),	  cmocka_unit_test(test_mechanisms),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
