// SPDX-License-Identifier: Apache-2.0
/* `muniment status`: what guards this host right now, and whether anything about it is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "cli/command.h"
#include "cli/control_client.h"

#define STATUS_TIMEOUT_S 15
#define FINDINGS_MAX	 16

struct findings {
	const char *texts[FINDINGS_MAX];
	unsigned n;
};

/* The member at "a.b", or NULL. */
static json_t *at(json_t *json, const char *path)
{
	char copy[64], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *key = strtok_r(copy, ".", &save); key && json; key = strtok_r(NULL, ".", &save))
		json = json_object_get(json, key);
	return json;
}

static long long number(json_t *json, const char *path)
{
	return (long long)json_integer_value(at(json, path));
}

static const char *text(json_t *json, const char *path)
{
	const char *s = json_string_value(at(json, path));

	return s ? s : "";
}

static bool is_true(json_t *json, const char *path)
{
	return json_is_true(at(json, path));
}

static bool has_failed_name(json_t *s)
{
	json_t *name;
	size_t i;

	json_array_foreach (at(s, "names"), i, name)
		if (strcmp(text(name, "state"), "failed") == 0)
			return true;
	return false;
}

/* What somebody should look at; each of these was counted since the daemon started. */
static void judge(json_t *s, struct findings *f)
{
	static const struct {
		const char *counter;
		const char *finding;
	} counters[] = {
		{"counters.lost", "records were lost"},
		{"counters.lost_denied", "accesses were denied because their record could not be kept"},
		{"counters.malformed", "records of the kernel made no sense"},
		{"counters.missed_runs", "the kernel skipped programs of the monitor"},
		{"counters.packets_dropped", "packets with records were dropped on their way"},
		{"counters.passes_untold", "who passed data on to whom was not told in full"},
		{"counters.too_deep", "files lay deeper than a walk goes"},
		{"counters.no_cache", "the kernel had no memory for answers"},
		{"counters.unlabelled", "the kernel had no memory for labels: data may be followed no more"},
		{"counters.read_failed", "the kernel's memory could not be read"},
		{"counters.rules_missing", "a store had no rules"},
	};

	if (strcmp(text(s, "canary.state"), "silent") == 0)
		f->texts[f->n++] = "the canary is silent: a mechanism decides nothing";
	if (is_true(s, "policy.degraded"))
		f->texts[f->n++] = "the policy enforces, but this kernel can only detect";
	if (number(s, "protection.window_s"))
		f->texts[f->n++] =
			"a window for maintenance is open: the daemon denies nothing that is done to it";
	if (is_true(s, "ledger.disk_full"))
		f->texts[f->n++] = "the disk of the ledger is full";
	if (number(s, "events.error"))
		f->texts[f->n++] = "the events file cannot be written; events wait in the ledger";
	if (has_failed_name(s))
		f->texts[f->n++] = "a name in an agreement is not resolved";
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (number(s, counters[i].counter))
			f->texts[f->n++] = counters[i].finding;
	}
}

static void print_operations(json_t *s)
{
	const char *net = NULL;
	json_t *row;
	size_t i;

	printf("\n  %-30s %-9s %-9s %-28s %s\n", "OPERATION", "BY", "CAN", "PROGRAM", "WHY NOT STRONGER");
	json_array_foreach (at(s, "operations"), i, row) {
		bool served = *text(row, "program");

		printf("  %-30s %-9s %-9s %-28s %s\n", text(row, "operation"), text(row, "mechanism"),
		       is_true(row, "can_prevent") ? "prevent"
		       : served			   ? "detect"
						   : "nothing",
		       served ? text(row, "program") : "-", text(row, "why_not_stronger"));
		net = *text(row, "net") ? text(row, "net") : net;
	}
	if (net)
		printf("  What the kernel skips of these while it preempts them is stopped by %s.\n", net);
}

static void print_names(json_t *s)
{
	json_t *name, *address;
	size_t i, k;

	json_array_foreach (at(s, "names"), i, name) {
		printf("%-10s %s: %s", i ? "" : "names", text(name, "name"), text(name, "state"));
		if (*text(name, "why"))
			printf(" (%s)", text(name, "why"));
		if (at(name, "age_s"))
			printf(", last %lld s ago", number(name, "age_s"));
		printf(", %lld addresses", number(name, "n_addresses"));
		json_array_foreach (at(name, "addresses"), k, address) {
			printf("%s %s (%lld s)", k ? "," : ":", text(address, "ip"),
			       number(address, "age_s"));
		}
		putchar('\n');
	}
}

static void print_policy(json_t *s)
{
	json_t *file;
	size_t i;

	printf("policy     generation %lld, %s, sha256 %.16s…, %lld stores, %lld roles, %lld grants\n",
	       number(s, "policy.generation"), text(s, "policy.mode"), text(s, "policy.sha256"),
	       number(s, "policy.stores"), number(s, "policy.roles"), number(s, "policy.grants"));
	json_array_foreach (at(s, "policy.files"), i, file) {
		printf("           %s\n", json_string_value(file));
	}
}

/* How much of what they let go has gone. */
static void print_agreements(json_t *s)
{
	const char *head = "agreements";
	json_t *row;
	size_t i;

	json_array_foreach (at(s, "agreements"), i, row) {
		long long left = number(row, "left_s");

		printf("%-10s %s: %lld of %lld bytes, anew in %lld:%02lld:%02lld\n", head, text(row, "name"),
		       number(row, "used_bytes"), number(row, "limit_bytes"), left / 3600, left / 60 % 60,
		       left % 60);
		head = "";
	}
}

static void print_status(json_t *s, const struct findings *f, bool colour)
{
	long long up = number(s, "uptime_s");

	printf("munimentd  %s, process %lld, up %lld:%02lld:%02lld, %s%s\n", text(s, "version"),
	       number(s, "pid"), up / 3600, up / 60 % 60, up % 60,
	       is_true(s, "can_prevent") ? "can prevent" : "can detect only",
	       is_true(s, "pinned") ? ", pinned" : "");
	print_policy(s);
	print_agreements(s);
	printf("canary     %s%s%s\n", text(s, "canary.state"),
	       *text(s, "canary.what") ? ", last silent: " : "", text(s, "canary.what"));
	printf("itself     guarded: %s%s%s\n", text(s, "protection.mode"),
	       number(s, "protection.window_s") ? ", but a window for maintenance is open" : "",
	       number(s, "protection.request") ? "; a request waits for an approver" : "");
	printf("events     %lld, %lld denied, %lld would be denied, %lld lost, %lld undetermined, %lld "
	       "missed runs\n",
	       number(s, "counters.events"), number(s, "counters.denials"), number(s, "counters.observed"),
	       number(s, "counters.lost"), number(s, "counters.undetermined"),
	       number(s, "counters.missed_runs"));
	printf("ledger     %lld entries, %lld under a checkpoint (%lld ms ago), key %s\n",
	       number(s, "ledger.entries"), number(s, "ledger.committed"), number(s, "ledger.commit_age_ms"),
	       text(s, "ledger.key_name"));
	printf("           %s\n", text(s, "ledger.directory"));
	printf("ring       %lld of %lld bytes wait for a checkpoint\n", number(s, "ring.used"),
	       number(s, "ring.bytes"));
	printf("lines to   %s, next %lld\n", text(s, "events.to"), number(s, "events.next"));
	print_names(s);
	print_operations(s);
	putchar('\n');
	for (unsigned i = 0; i < f->n; i++)
		printf("%sfinding%s: %s\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "", f->texts[i]);
	if (!f->n)
		printf("%sno findings%s\n", colour ? "\033[32m" : "", colour ? "\033[0m" : "");
}

static void print_json(json_t *s, const struct findings *f)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < f->n; i++)
		json_array_append_new(list, json_string(f->texts[i]));
	json_object_set_new(s, "findings", list);
	json_dumpf(s, stdout, JSON_INDENT(2));
	putchar('\n');
}

int command_status(int argc, char **argv)
{
	struct findings findings = {.n = 0};
	bool json = false;
	int status;
	json_t *answer =
		control_command(argc, argv, "Shows what guards this host, and whether anything is wrong.",
				"status", STATUS_TIMEOUT_S, &json, &status);

	if (!answer)
		return status;
	judge(answer, &findings);
	if (json)
		print_json(answer, &findings);
	else
		print_status(answer, &findings, isatty(STDOUT_FILENO));
	json_decref(answer);
	return findings.n ? EXIT_FINDINGS : EXIT_GOOD;
}
