/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of entries share: an entry of a record, words of it, and the schemas for all that were made. */
#ifndef MUNIMENT_TESTS_OCSF_ENTRY_H
#define MUNIMENT_TESTS_OCSF_ENTRY_H

#include <jansson.h>
#include <unistd.h>

#include "base/json.h"
#include "pipeline_fixture.h"

static struct enrich *enrich;
static struct ocsf *ocsf;
static struct fixture_record record;
static FILE *lines; /* everything made here, for the schemas */
static char lines_path[] = "/tmp/muniment-ocsf-XXXXXX";

static inline json_t *entry(const char **ret_text)
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
static inline const char *at(json_t *json, const char *path)
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

static inline void program_known(const char *path)
{
	struct record_view view;

	fixture_program(&record, 1, path);
	assert_int_equal(decode_record(record.bytes, record.size, 4, &view), DECODE_OK);
	enrich_program(enrich, &view);
}

static inline struct record_access *denied(const char *path)
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

static inline void test_schema(void **state)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	(void)state;
	ocsf_free(ocsf);
	enrich_free(enrich);
	fclose(lines);
	return unlink(lines_path);
}

#endif
