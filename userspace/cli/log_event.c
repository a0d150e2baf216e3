// SPDX-License-Identifier: Apache-2.0
/* See log_event.h. */
#include "cli/log_event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/suggest.h"

#define MS 1000

static const char *const verdicts[] = {"allowed", "denied", "observed"}; /* OCSF action_id 1, 2, 3 */
#define N_VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

/* --- time --- */

static int parse_ago(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end = NULL;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || !*end || end[1] || n > 100000000)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit != *end)
			continue;
		*ret_ms = now_ms - (int64_t)n * units[i].seconds * MS;
		return 0;
	}
	return -EINVAL;
}

int log_time_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
					    "%Y-%m-%d %H:%M", "%Y-%m-%d"};
	char *end = NULL;

	if (text[0] == '@') {
		unsigned long long s = strtoull(text + 1, &end, 10);

		if (text[1] < '0' || text[1] > '9' || *end || s > (1ULL << 40))
			return -EINVAL;
		*ret_ms = (int64_t)s * MS;
		return 0;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *rest = strptime(text, forms[i], &tm);
		bool utc = rest && strcmp(rest, "Z") == 0;

		if (!rest || (*rest && !utc))
			continue;
		*ret_ms = (int64_t)(utc ? timegm(&tm) : mktime(&tm)) * MS;
		return 0;
	}
	return parse_ago(text, now_ms, ret_ms);
}

static bool check_time(const char *command, const char *option, const char *text, int64_t *ret_ms)
{
	struct timespec now;

	if (!text)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	if (log_time_parse(text, (int64_t)now.tv_sec * MS, ret_ms) == 0)
		return true;
	fprintf(stderr,
		"%s: --%s '%s': expected a time such as 2026-11-22T14:00, 2026-11-22T14:00:00Z, 2026-11-22, "
		"@1795356000, or "
		"90s 15m 2h 7d ago\n",
		command, option, text);
	return false;
}

bool log_filter_check(const char *command, struct log_filter *f)
{
	const char *near;

	f->since_ms = INT64_MIN;
	f->until_ms = INT64_MAX;
	if (!check_time(command, "since", f->since, &f->since_ms) ||
	    !check_time(command, "until", f->until, &f->until_ms))
		return false;
	for (size_t i = 0; i < N_VERDICTS && f->verdict; i++)
		if (strcmp(f->verdict, verdicts[i]) == 0)
			return true;
	if (!f->verdict)
		return true;
	near = suggest_nearest(f->verdict, verdicts, N_VERDICTS);
	fprintf(stderr, "%s: --verdict '%s': expected allowed, denied or observed%s%s%s\n", command,
		f->verdict, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return false;
}

/* --- one entry --- */

/* Walks "a.b.c" down; NULL where it leads nowhere. */
static const json_t *member(const json_t *root, const char *dotted)
{
	char key[32];

	while (root && *dotted) {
		size_t n = strcspn(dotted, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, dotted, n);
		key[n] = '\0';
		root = json_object_get(root, key);
		dotted += n + (dotted[n] == '.');
	}
	return root;
}

static const char *text(const json_t *root, const char *dotted)
{
	const char *s = json_string_value(member(root, dotted));

	return s ? s : "";
}

static const char *either(const char *a, const char *b)
{
	return *a ? a : b;
}

/* To the standard, data that is copied is an update of the file it goes to. */
static bool is_copy(const json_t *root)
{
	const char *operation =
		json_string_value(json_array_get(member(root, "unmapped.muniment.operations"), 0));

	return operation && strcmp(operation, "copy") == 0;
}

/* The word for what was done: the daemon's own kind, or the activity of the class. */
static const char *operation(const json_t *root)
{
	static const char *const file[] = {
		"",	   "create",	     "read",	     "update",	       "delete",
		"rename",  "set attributes", "set security", "get attributes", "get security",
		"encrypt", "decrypt",	     "mount",	     "unmount",	       "open"};
	const char *named = either(text(root, "unmapped.muniment.kind"), text(root, "activity_name"));
	json_int_t class = json_integer_value(member(root, "class_uid"));
	json_int_t activity = json_integer_value(member(root, "activity_id"));

	if (*named)
		return named;
	if (is_copy(root))
		return "copy";
	if (class == 1001 && activity > 0 && (size_t)activity < sizeof(file) / sizeof(file[0]))
		return file[activity];
	if (class == 4001 && (activity == 1 || activity == 6))
		return activity == 1 ? "connect" : "send";
	switch (class) {
	case 1003:
		return "kernel";
	case 1005:
		return "module";
	case 1007:
		return activity == 3 ? "attach" : "process";
	case 2004:
		return "finding";
	case 4001:
		return "network";
	case 6002:
		return "daemon";
	default:
		return "";
	}
}

static const char *verdict(const json_t *root)
{
	json_int_t action = json_integer_value(member(root, "action_id"));

	return action >= 1 && (size_t)action <= N_VERDICTS ? verdicts[action - 1] : "";
}

/* "203.0.113.9:443" of dst_endpoint; NULL where it has no address. */
static char *whereto(const json_t *root)
{
	const char *ip = text(root, "dst_endpoint.ip");
	const json_t *port = member(root, "dst_endpoint.port");
	struct buf b = {0};

	if (!*ip)
		return NULL;
	buf_printf(&b, port && strchr(ip, ':') ? "[%s]" : "%s", ip);
	if (port)
		buf_printf(&b, ":%lld", (long long)json_integer_value(port));
	return b.data;
}

static int64_t number(const json_t *root, const char *dotted)
{
	return (int64_t)json_integer_value(member(root, dotted));
}

void log_event_parse(uint64_t index, const uint8_t *entry, size_t n, struct log_event *ret_event)
{
	struct log_event e = {.index = index};
	const json_t *root = e.root = json_loadb((const char *)entry, n, 0, NULL);

	e.time_ms = number(root, "time");
	e.verdict = verdict(root);
	e.user = either(either(text(root, "actor.user.name"), text(root, "actor.user.uid")),
			text(root, "actor.process.user.name"));
	e.operation = operation(root);
	e.store = either(text(root, "unmapped.muniment.store"), text(root, "policy.name"));
	e.program = either(either(text(root, "actor.process.file.path"), text(root, "actor.process.path")),
			   text(root, "actor.process.name"));
	e.whereto = whereto(root);
	e.path = e.whereto ? e.whereto
			   : either(either(text(root, "file.path"), text(root, "process.file.path")),
				    either(text(root, "dst_endpoint.name"), text(root, "message")));
	e.repeats =
		member(root, "unmapped.muniment.repeats") ? number(root, "unmapped.muniment.repeats") : -1;
	e.bytes_read = number(root, "unmapped.muniment.bytes_read");
	e.bytes_written = number(root, "unmapped.muniment.bytes_written");
	e.alert = json_is_true(member(root, "is_alert"));
	*ret_event = e;
}

void log_event_free(struct log_event *e)
{
	json_decref(e->root);
	free(e->whereto);
	e->root = NULL;
	e->whereto = NULL;
}

static bool any_is(const json_t *root, const char *wanted, const char *const *paths)
{
	for (; *paths; paths++)
		if (strcmp(text(root, *paths), wanted) == 0)
			return true;
	return false;
}

static bool program_is(const json_t *root, const char *wanted)
{
	static const char *const exact[] = {"actor.process.file.path", "actor.process.path",
					    "actor.process.file.name", "actor.process.name", NULL};

	const char *path = text(root, "actor.process.path"), *slash = strrchr(path, '/');

	return any_is(root, wanted, exact) || (slash && strcmp(slash + 1, wanted) == 0);
}

bool log_filter_takes(const struct log_filter *f, const struct log_event *e)
{
	static const char *const users[] = {"actor.user.name", "actor.user.uid", "actor.process.user.name",
					    "actor.process.user.uid", NULL};
	static const char *const stores[] = {"unmapped.muniment.store", "policy.name", NULL};

	if (e->time_ms < f->since_ms || e->time_ms >= f->until_ms)
		return false;
	return (!f->verdict || strcmp(f->verdict, e->verdict) == 0) &&
	       (!f->user || any_is(e->root, f->user, users)) &&
	       (!f->store || any_is(e->root, f->store, stores)) &&
	       (!f->program || program_is(e->root, f->program));
}
