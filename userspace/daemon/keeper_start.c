// SPDX-License-Identifier: Apache-2.0
/*
 * Opening everything, in this order: the lock, the policy, the BPF objects, away with the privileges, the
 * ledger, the policy into force, programs attached, sockets. Each failure says what cannot be done and leaves
 * with its exit status.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/args.h"
#include "base/b64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/privileges.h"
#include "kernel/ring.h"
#include "pipeline/host.h"

static int lock_run_dir(struct keeper *k)
{
	char path[PATH_MAX], pid[32];
	int err = file_make_dirs(k->config->run, 0755);

	if (err) {
		log_error("%s: %s", k->config->run, strerror(-err));
		return EXIT_CANNOT;
	}
	snprintf(path, sizeof(path), "%s/lock", k->config->run);
	k->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->lock_fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		return EXIT_CANNOT;
	}
	if (flock(k->lock_fd, LOCK_EX | LOCK_NB)) {
		if (file_read_small(path, pid, sizeof(pid)) > 0)
			log_error("munimentd runs already (process %.*s)", (int)strcspn(pid, "\n"), pid);
		else
			log_error("munimentd runs already");
		return EXIT_CANNOT;
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(k->lock_fd, 0) || pwrite(k->lock_fd, pid, strlen(pid), 0) < 0)
		log_warn("%s: %s", path, strerror(errno));
	return 0;
}

static int open_policy(struct keeper *k, struct policy_loaded *loaded)
{
	if (!policy_load(k->config, k->contents, loaded)) {
		log_error("out of memory while reading the policy");
		return EXIT_CANNOT;
	}
	if (loaded->messages.len)
		fputs(loaded->messages.data, stderr);
	if (loaded->image)
		return 0;
	log_error("the policy in %s is refused", k->config->policy);
	return EXIT_USAGE;
}

static int open_kernel(struct keeper *k, bool *ret_adopted)
{
	const struct kernel_options options = {
		.pin_dir = k->config->pin_dir,
		.run_dir = k->config->run,
		.cgroup = k->config->cgroup,
		.pin_links = k->config->pin,
		.only = k->config->mechanism,
		.protect = k->config->protect,
		.fold_ns = k->config->fold * 1000000000ull,
		.own_paths = (const char *const *)k->own,
		.secret = k->config->key,
		.signer = (int)k->signer->pid,
		.settings = keeper_settings(k->config),
	};
	int err = kernel_open(&options, &k->kernel, ret_adopted);

	if (err) {
		log_error("this host cannot run any mechanism: %s", strerror(-err));
		return EXIT_CANNOT;
	}
	keeper_pace_start();
	err = privileges_keep_needed();
	if (err) {
		log_error("cannot give up privileges: %s", strerror(-err));
		return EXIT_CANNOT;
	}
	return 0;
}

static void on_published(void *ctx, uint64_t size, const char *alerts)
{
	struct keeper *k = ctx;

	sink_published(k->sink, size);
	if (alerts && k->config->alerts) {
		char *copy = strdup(alerts), *save = NULL;

		for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line;
		     line = strtok_r(NULL, "\n", &save))
			log_warn("ALERT %s", line);
		free(copy);
	}
}

static void on_canary(void *ctx, const struct record_access *access)
{
	kernel_canary_seen(((struct keeper *)ctx)->kernel, access);
}

static int ledger_refused(const struct keeper *k, int err, const struct ledger_recovery *recovery)
{
	switch (err) {
	case -EBADMSG:
		log_error("%s: TAMPERED or corrupt, in segment %lld, entry %lld: %s. Nothing was changed; "
			  "`muniment log verify` tells more",
			  k->config->ledger, (long long)recovery->bad_segment, (long long)recovery->bad_index,
			  recovery->bad ? recovery->bad : "it does not match its checkpoint");
		return EXIT_FINDINGS;
	case -EKEYREJECTED:
	case -ENOKEY:
		log_error("%s: its newest checkpoint is not signed by %s", k->config->ledger, k->config->key);
		return EXIT_FINDINGS;
	case -EBUSY:
		log_error("%s: another writer has it open", k->config->ledger);
		return EXIT_CANNOT;
	default:
		log_error("%s: cannot open the ledger: %s", k->config->ledger, strerror(-err));
		return EXIT_CANNOT;
	}
}

static void on_program(void *ctx, const struct record_program *record, size_t size)
{
	recorder_know(ctx, record, size);
}

static void on_pass(void *ctx, const struct record_pass *record)
{
	recorder_know(ctx, record, sizeof(*record));
}

static const char *root_path(const void *ctx, uint32_t generation, uint32_t root)
{
	return kernel_root_path(ctx, generation, root);
}

static int open_recorder(struct keeper *k, struct ledger_recovery *recovery)
{
	struct host host;
	const struct recorder_options options = {
		.ledger_dir = k->config->ledger,
		.origin = k->signer->verifier.name,
		.sign = signer_sign,
		.sign_ctx = k->signer,
		.verifier = &k->signer->verifier,
		.cpus = k->cpus,
		.ring = kernel_ring_id(k->kernel),
		.ring_position = ring_position(kernel_ring(k->kernel)),
		.host = &host,
		.published = on_published,
		.canary = on_canary,
		.ctx = k,
	};
	int err;

	host_read(&host);
	err = recorder_open(&options, &k->recorder, recovery);
	if (err)
		return ledger_refused(k, err, recovery);
	ocsf_set_roots(recorder_ocsf(k->recorder), root_path, k->kernel);
	kernel_take_programs(k->kernel, on_program, k->recorder);
	kernel_each_pass(k->kernel, on_pass, k->recorder);
	return 0;
}

static void write_start(struct keeper *k, bool adopted, const struct ledger_recovery *r)
{
	unsigned n;
	const struct kernel_serving *serving = kernel_serving(k->kernel, &n);
	struct buf *b;

	if (!r->created && (r->kept_entries || r->cut_entries || r->cut_bytes || r->roots_rebuilt ||
			    r->slot_damaged || adopted)) {
		b = recorder_event(
			k->recorder, OCSF_RECOVERED,
			"the daemon before did not end cleanly, or left its enforcement to this one");
		json_u64(b, "covered", r->covered);
		json_u64(b, "kept_entries", r->kept_entries);
		json_u64(b, "cut_entries", r->cut_entries);
		json_u64(b, "cut_bytes", r->cut_bytes);
		json_bool(b, "roots_rebuilt", r->roots_rebuilt);
		json_bool(b, "slot_damaged", r->slot_damaged);
		json_bool(b, "ring_adopted", adopted);
		keeper_event_end(k);
	}
	b = recorder_event(k->recorder, OCSF_START, "the monitor started");
	json_u64(b, "pid", (uint64_t)getpid());
	json_str(b, "ledger_key", k->signer->verifier.name);
	json_bool(b, "pinned", k->config->pin);
	json_str(b, "ring", adopted ? "adopted" : "new");
	json_open(b, "operations", '[');
	for (unsigned i = 0; i < n; i++) {
		const char *mechanism = decode_mechanism_text(serving[i].mechanism);

		json_open(b, NULL, '{');
		json_str(b, "operation", serving[i].operation);
		json_str(b, "mechanism", mechanism ? mechanism : "none");
		json_bool(b, "can_prevent", serving[i].can_prevent);
		if (serving[i].net)
			json_str(b, "net", serving[i].net);
		json_close(b, '}');
	}
	json_close(b, ']');
	keeper_event_end(k);
}

static int enforce(struct keeper *k, struct policy_loaded *loaded)
{
	int err;

	buf_reset(&loaded->messages);
	if (k->config->protect && keeper_own_paths(k))
		return EXIT_CANNOT;
	err = keeper_apply(k, loaded, true);
	if (err) {
		log_error("%.*s", (int)(loaded->messages.len ? loaded->messages.len - 1 : 0),
			  loaded->messages.data ? loaded->messages.data : "");
		return EXIT_CANNOT;
	}
	keeper_copies_load(k);
	err = kernel_attach(k->kernel);
	if (err) {
		log_error("cannot attach: %s", strerror(-err));
		return EXIT_CANNOT;
	}
	if (kernel_protect(k->kernel))
		return EXIT_CANNOT;
	if (k->degraded)
		log_warn("the policy enforces, but this kernel can only detect; `degraded: allow` accepts "
			 "that");
	keeper_write_policy_event(k, "start");
	return 0;
}

static int open_outlets(struct keeper *k, uint64_t from)
{
	int err = 0;

	if (strcmp(k->config->events, "none") != 0)
		err = sink_new(k->config->events, k->config->ledger, from, &k->sink);
	if (err) {
		log_error("%s: cannot write events: %s", k->config->events, strerror(-err));
		return EXIT_CANNOT;
	}
	return 0;
}

int keeper_start(struct keeper *k)
{
	struct policy_loaded loaded = {0};
	struct ledger_recovery *recovery = calloc(1, sizeof(*recovery));
	bool adopted = false;
	uint64_t from;
	int status = recovery ? lock_run_dir(k) : EXIT_CANNOT;

	if (!status)
		status = open_policy(k, &loaded);
	if (!status)
		status = open_kernel(k, &adopted);
	if (!status)
		status = open_recorder(k, recovery);
	if (status)
		goto out;
	from = ledger_committed(recorder_ledger(k->recorder));
	write_start(k, adopted, recovery);
	status = enforce(k, &loaded);
	if (!status)
		status = open_outlets(k, from);
	/* Where an earlier daemon guarded, they were decided as they were opened. */
	if (!status && !adopted)
		keeper_tell_held(k, NULL);
	if (!status && k->end)
		status = EXIT_CANNOT;
out:
	/* What an earlier daemon left enforcing is not this one's to take away. */
	if (status && adopted)
		k->end = KEEPER_FAILED;
	policy_loaded_free(&loaded);
	free(recovery);
	return status;
}
