// SPDX-License-Identifier: Apache-2.0
/* `muniment log verify`: re-verifies a ledger from its files and says what it found, and what nobody could
 * find. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/args.h"
#include "base/b64.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/log_common.h"
#include "ledger/verify.h"

#define FINDINGS_SHOWN 100

struct report {
	bool json;
	struct buf findings;
	uint64_t shown;
};

static const char not_seen_end[] =
	"entries that were cut from the end together with the checkpoints that covered "
	"them; keep the checkpoint (--save) elsewhere and give it by --since next time";
static const char not_seen_since[] =
	"entries after the checkpoint given by --since that were cut from the end "
	"together with the checkpoints that covered them";
static const char not_seen_key[] =
	"entries that somebody who held the private key has rewritten and signed anew";

static void found(void *ctx, const struct verify_finding *f)
{
	struct report *r = ctx;
	struct buf *b = &r->findings;

	if (r->shown++ >= FINDINGS_SHOWN)
		return;
	if (r->json) {
		json_open(b, NULL, '{');
		json_str(b, "kind", verify_kind_name(f->kind));
		if (f->segment != VERIFY_UNKNOWN)
			json_u64(b, "segment", f->segment);
		if (f->index != VERIFY_UNKNOWN)
			json_u64(b, "index", f->index);
		if (f->count)
			json_u64(b, "count", f->count);
		json_str(b, "text", f->text);
		json_close(b, '}');
		return;
	}
	buf_printf(b, "%s: ", verify_kind_name(f->kind));
	if (f->segment != VERIFY_UNKNOWN)
		buf_printf(b, "segment %llu: ", (unsigned long long)f->segment);
	if (f->index != VERIFY_UNKNOWN && f->count > 1)
		buf_printf(b, "entries %llu to %llu: ", (unsigned long long)f->index,
			   (unsigned long long)(f->index + f->count - 1));
	else if (f->index != VERIFY_UNKNOWN)
		buf_printf(b, "entry %llu: ", (unsigned long long)f->index);
	buf_printf(b, "%s\n", f->text);
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
	(void)ctx;
	log_progress("verifying", done, total);
}

static void render_json(const struct report *r, const struct verify_result *v, const char *dir,
			double seconds, struct buf *out)
{
	char root[B64_SIZE(TREE_HASH_SIZE)];

	b64_encode(v->checkpoint.root.bytes, TREE_HASH_SIZE, root);
	json_open(out, NULL, '{');
	json_str(out, "status", v->findings ? "bad" : "good");
	json_str(out, "ledger", dir);
	if (v->signed_checkpoint) {
		json_str(out, "origin", v->checkpoint.origin);
		json_u64(out, "size", v->checkpoint.size);
		json_str(out, "root", root);
		json_strn(out, "checkpoint", v->note, v->note_len);
	}
	json_u64(out, "segments", v->segments);
	json_u64(out, "entries_hashed", v->entries);
	json_u64(out, "uncovered_entries", v->uncovered_entries);
	json_u64(out, "uncovered_bytes", v->uncovered_bytes);
	if (v->since.size || v->since_checked) {
		json_open(out, "since", '{');
		json_u64(out, "size", v->since.size);
		json_bool(out, "continued", v->since_checked);
		json_close(out, '}');
	}
	json_u64(out, "findings_total", v->findings);
	json_open(out, "findings", '[');
	buf_add(out, r->findings.data ? r->findings.data : "", r->findings.len);
	json_close(out, ']');
	json_open(out, "cannot_see", '[');
	json_str(out, NULL, v->since_checked ? not_seen_since : not_seen_end);
	json_str(out, NULL, not_seen_key);
	json_close(out, ']');
	json_u64(out, "milliseconds", (uint64_t)(seconds * 1000));
	buf_str(out, "}\n");
}

static void render_checkpoint(const struct verify_result *v, double seconds, struct buf *out)
{
	char root[B64_SIZE(TREE_HASH_SIZE)];

	b64_encode(v->checkpoint.root.bytes, TREE_HASH_SIZE, root);
	buf_printf(out, "  log         %s\n  root        %s\n  hashed      ", v->checkpoint.origin, root);
	log_count(out, v->entries, "entry in ", "entries in ");
	log_count(out, v->segments, "segment", "segments");
	buf_printf(out, ", %.1f s%s\n", seconds, v->findings ? "" : "; every one as signed");
}

static void render_text(const struct report *r, const struct verify_result *v, const char *dir,
			double seconds, struct buf *out)
{
	buf_add(out, r->findings.data ? r->findings.data : "", r->findings.len);
	if (r->shown > FINDINGS_SHOWN)
		buf_printf(out, "… and %llu findings more\n",
			   (unsigned long long)(r->shown - FINDINGS_SHOWN));
	buf_printf(out, "%s: ", dir);
	if (v->findings)
		log_count(out, v->findings, "FINDING\n", "FINDINGS\n");
	else
		buf_str(out, "GOOD\n");
	if (v->signed_checkpoint)
		render_checkpoint(v, seconds, out);
	if (v->since_checked) {
		buf_str(out, "  continues   the checkpoint given, over ");
		log_count(out, v->since.size, "entry\n", "entries\n");
	}
	if (v->uncovered_bytes) {
		buf_str(out, "  not signed  ");
		log_count(out, v->uncovered_entries, "whole entry, ", "whole entries, ");
		log_count(out, v->uncovered_bytes, "byte", "bytes");
		buf_str(out, " above the newest checkpoint: nothing vouches for them yet\n");
	}
	buf_printf(out, "  cannot see  %s;\n              %s\n",
		   v->since_checked ? not_seen_since : not_seen_end, not_seen_key);
}

static int save_checkpoint(const char *command, const char *path, const struct verify_result *v)
{
	int err = file_replace(path, v->note, v->note_len, 0644);

	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, path, strerror(-err));
	return err;
}

static int read_since(const char *command, const char *path, struct buf *note)
{
	int err = file_read(path, NOTE_SIZE_MAX, note);

	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, path, strerror(-err));
	return err;
}

static int verify(const char *command, const struct verify_options *options, bool json, const char *save)
{
	struct verify_options o = *options;
	struct report report = {.json = json};
	struct verify_result result;
	struct timespec from, to;
	struct buf out = {0};
	double seconds;
	bool printed;
	int err;

	o.found = found;
	o.progress = progress;
	o.ctx = &report;
	clock_gettime(CLOCK_MONOTONIC, &from);
	err = ledger_verify(&o, &result);
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	if (err) {
		fprintf(stderr, "%s: %s\n", command,
			err == -EINVAL ? "the file given by --since is no checkpoint" : log_error_text(err));
		buf_free(&report.findings);
		return err == -EACCES || err == -EPERM || err == -ENOMEM ? EXIT_CANNOT : EXIT_USAGE;
	}
	if (json)
		render_json(&report, &result, o.dir, seconds, &out);
	else
		render_text(&report, &result, o.dir, seconds, &out);
	printed = log_print(command, &out);
	buf_free(&out);
	buf_free(&report.findings);
	if (!printed)
		return EXIT_CANNOT;
	/* Only a good ledger's checkpoint is worth comparing with next time. */
	if (save && !result.findings && save_checkpoint(command, save, &result))
		return EXIT_CANNOT;
	return result.findings ? EXIT_FINDINGS : EXIT_GOOD;
}

int command_log_verify(int argc, char **argv)
{
	const char *dir = LEDGER_DIR_DEFAULT, *key = NULL, *since = NULL, *save = NULL;
	bool json = false;
	const struct args_option table[] = {
		{'k', "key", "VKEY", "the log's verifier key, or @FILE that holds it (required)", ARGS_STRING,
		 &key},
		{'s', "since", "FILE", "a checkpoint known from before: the ledger must continue it",
		 ARGS_STRING, &since},
		{0, "save", "FILE", "store the newest checkpoint there if all is good, for --since",
		 ARGS_STRING, &save},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		{0, NULL, "DIR", "the ledger's directory (" LEDGER_DIR_DEFAULT ")", ARGS_OPTIONAL, &dir},
		ARGS_END,
	};
	struct verify_options options = {0};
	struct note_verifier verifier;
	struct buf note = {0};
	int status = EXIT_USAGE;
	enum args_result parsed;

	parsed = args_parse(argv[0], "Re-verifies every entry of a ledger against its signed checkpoint.",
			    table, argc, argv);
	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (!log_read_key(argv[0], key, &verifier) || (since && read_since(argv[0], since, &note)))
		goto out;
	options.dir = dir;
	options.key = &verifier;
	options.since = since ? (note.data ? note.data : "") : NULL;
	options.since_len = note.len;
	status = verify(argv[0], &options, json, save);
out:
	buf_free(&note);
	return status;
}
