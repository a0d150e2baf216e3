// SPDX-License-Identifier: Apache-2.0
/* The answer to `muniment status`: see keeper.h. Readers: cli/status.c and whoever asks for JSON. */
#include "daemon/keeper.h"

#include <unistd.h>

#include "base/b64.h"
#include "base/json.h"
#include "kernel/ring.h"
#include "pipeline/host.h"

#define FILES_SHOWN 64

static void add_policy(const struct keeper *k, struct buf *b)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

	hex_encode(k->sha256, POLICY_DIGEST_SIZE, hex);
	json_open(b, "policy", '{');
	json_u64(b, "generation", k->generation);
	json_str(b, "sha256", hex);
	json_u64(b, "since_ms", k->policy_ms);
	json_str(b, "mode", policy_mode_text(image->mode));
	json_bool(b, "enforces", policy_image_enforces(image));
	json_bool(b, "degraded", k->degraded);
	json_open(b, "files", '[');
	for (size_t i = 0; i < image->n_files && i < FILES_SHOWN; i++)
		json_str(b, NULL, image->files[i]);
	json_close(b, ']');
	json_u64(b, "n_files", image->n_files);
	json_u64(b, "stores", image->n_stores);
	json_u64(b, "roles", image->n_roles);
	json_u64(b, "grants", image->n_grants);
	json_close(b, '}');
}

/* Agreements that let only so much go. */
static void add_agreements(const struct keeper *k, struct buf *b)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	uint64_t used, left_s;

	json_open(b, "agreements", '[');
	for (size_t i = 0; i < image->n_agreements; i++) {
		if (!image->agreements[i].rules.limits.max_bytes ||
		    kernel_volume(k->kernel, image, i, &used, &left_s))
			continue;
		json_open(b, NULL, '{');
		json_str(b, "name", image->agreements[i].name);
		json_u64(b, "used_bytes", used);
		json_u64(b, "limit_bytes", image->agreements[i].rules.limits.max_bytes);
		json_u64(b, "limit_s", image->agreements[i].rules.limits.window_ns / 1000000000u);
		json_u64(b, "left_s", left_s);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void add_operations(const struct keeper *k, struct buf *b)
{
	unsigned n;
	const struct kernel_serving *serving = kernel_serving(k->kernel, &n);

	json_bool(b, "can_prevent", kernel_can_prevent(k->kernel));
	json_open(b, "operations", '[');
	for (unsigned i = 0; i < n; i++) {
		const char *mechanism = decode_mechanism_text(serving[i].mechanism);

		json_open(b, NULL, '{');
		json_str(b, "operation", serving[i].operation);
		json_str(b, "mechanism", mechanism ? mechanism : "none");
		json_str(b, "program", serving[i].program ? serving[i].program : "");
		json_bool(b, "can_prevent", serving[i].can_prevent);
		if (serving[i].net)
			json_str(b, "net", serving[i].net);
		json_str(b, "why_not_stronger", serving[i].why_not_stronger);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void add_counters(const struct keeper *k, struct buf *b)
{
	struct recorder_counts counts;
	struct kernel_counters kernel = k->counters;

	recorder_count(k->recorder, &counts);
	(void)kernel_count(k->kernel, &kernel);
	json_open(b, "counters", '{');
	json_u64(b, "events", counts.events);
	json_u64(b, "denials", counts.denials);
	json_u64(b, "observed", counts.observed);
	json_u64(b, "alerts", counts.alerts);
	json_u64(b, "lost", counts.lost);
	json_u64(b, "lost_denied", kernel.counters[COUNTER_LOST_DENIED]);
	json_u64(b, "undetermined", kernel.counters[COUNTER_UNDETERMINED]);
	json_u64(b, "too_deep", kernel.counters[COUNTER_TOO_DEEP]);
	json_u64(b, "no_cache", kernel.counters[COUNTER_NO_CACHE]);
	json_u64(b, "unlabelled", kernel.counters[COUNTER_UNLABELLED]);
	json_u64(b, "read_failed", kernel.counters[COUNTER_READ_FAILED]);
	json_u64(b, "rules_missing", kernel.counters[COUNTER_RULES_MISSING]);
	json_u64(b, "packets_dropped", kernel.counters[COUNTER_DROPPED]);
	json_u64(b, "passes_untold", kernel.counters[COUNTER_UNTOLD]);
	json_u64(b, "malformed", counts.malformed);
	json_u64(b, "late", counts.late);
	json_u64(b, "duplicates", counts.duplicates);
	json_u64(b, "twice", counts.twice);
	json_u64(b, "missed_runs", kernel.missed_runs);
	json_close(b, '}');
}

static void add_ledger(const struct keeper *k, struct buf *b)
{
	struct ledger *ledger = recorder_ledger(k->recorder);
	uint64_t now = host_monotonic_ns();

	json_open(b, "ledger", '{');
	json_str(b, "directory", k->config->ledger);
	json_str(b, "key_name", k->signer->verifier.name);
	json_u64(b, "entries", ledger_size(ledger));
	json_u64(b, "committed", ledger_committed(ledger));
	json_u64(b, "pending_bytes", ledger_pending(ledger));
	json_u64(b, "commit_age_ms", k->committed_ns ? (now - k->committed_ns) / 1000000u : 0);
	json_bool(b, "disk_full", k->full_ns != 0);
	json_close(b, '}');
	json_open(b, "ring", '{');
	json_u64(b, "bytes", RING_SIZE_BYTES);
	json_u64(b, "used", ring_used(kernel_ring(k->kernel)));
	json_close(b, '}');
}

static void add_sink(const struct keeper *k, struct buf *b)
{
	struct sink_status status;

	json_open(b, "events", '{');
	json_str(b, "to", k->config->events);
	if (k->sink) {
		sink_status(k->sink, &status);
		json_u64(b, "next", status.next);
		json_u64(b, "lines", status.lines);
		json_i64(b, "error", status.error);
	}
	json_close(b, '}');
}

void keeper_status(struct keeper *k, struct buf *answer)
{
	struct buf *b = answer;

	json_open(b, NULL, '{');
	json_bool(b, "ok", true);
	json_u64(b, "pid", (uint64_t)getpid());
	json_u64(b, "signer_pid", (uint64_t)k->signer->pid);
	json_str(b, "version", MUNIMENT_VERSION);
	json_u64(b, "started_ms", k->started_ms);
	json_u64(b, "uptime_s", (host_monotonic_ns() - k->started_ns) / 1000000000u);
	add_policy(k, b);
	add_agreements(k, b);
	keeper_asks_status(k, b);
	add_operations(k, b);
	json_open(b, "canary", '{');
	json_str(b, "state", k->canary_silent ? "silent" : k->canary_ns ? "ok" : "untested");
	json_str(b, "what", k->canary_what ? k->canary_what : "");
	json_u64(b, "failures", k->canary_failures);
	json_close(b, '}');
	add_counters(k, b);
	add_ledger(k, b);
	add_sink(k, b);
	keeper_hosts_status(k, b);
	json_bool(b, "pinned", k->config->pin);
	json_close(b, '}');
}
