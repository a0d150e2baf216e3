// SPDX-License-Identifier: Apache-2.0
/* The way of a record into the ledger: see recorder.h. */
#include "pipeline/recorder.h"

#include <errno.h>
#include <stdlib.h>

#include "pipeline/recorder_state.h"

#define ALERTS_MAX 65536 /* bytes of alert lines that wait; what is over is in the ledger only */

static void on_published(void *ctx, uint64_t size, const char *note, size_t note_len)
{
	struct recorder *r = ctx;
	const char *alerts = NULL;

	(void)note;
	(void)note_len;
	while (r->n_marks && r->marks[0].size <= size) {
		r->released = r->marks[0].position;
		memmove(&r->marks[0], &r->marks[1], --r->n_marks * sizeof(r->marks[0]));
	}
	if (r->alerts_handed.len && r->alerts_size <= size)
		alerts = r->alerts_handed.data;
	if (r->options.published)
		r->options.published(r->options.ctx, size, alerts);
	if (alerts)
		buf_reset(&r->alerts_handed);
}

static int open_ledger(struct recorder *r, struct ledger_recovery *recovery)
{
	const struct ledger_options options = {
		.origin = r->options.origin,
		.sign = r->options.sign,
		.sign_ctx = r->options.sign_ctx,
		.verifier = r->options.verifier,
		.published = on_published,
		.kept = recorder_kept,
		.ctx = r,
	};
	int err = ledger_open(r->options.ledger_dir, &options, &r->ledger, recovery);

	if (!err)
		recorder_resume(r, recovery);
	return err;
}

int recorder_open(const struct recorder_options *options, struct recorder **ret_recorder,
		  struct ledger_recovery *ret_recovery)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->options = *options;
	r->host = *options->host;
	r->released = options->ring_position;
	r->track = track_new(options->cpus);
	r->twice = twice_new();
	err = r->track && r->twice ? enrich_new(options->names, NULL, &r->enrich) : -ENOMEM;
	if (!err) {
		r->ocsf = ocsf_new(&r->host, r->enrich);
		err = r->ocsf ? open_ledger(r, ret_recovery) : -ENOMEM;
	}
	if (err) {
		recorder_close(r);
		return err;
	}
	recorder_tick(r);
	*ret_recorder = r;
	return 0;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	ledger_close(r->ledger);
	ocsf_free(r->ocsf);
	enrich_free(r->enrich);
	track_free(r->track);
	twice_free(r->twice);
	buf_free(&r->line);
	buf_free(&r->stuck);
	buf_free(&r->event);
	buf_free(&r->state);
	buf_free(&r->kept);
	buf_free(&r->alerts);
	buf_free(&r->alerts_handed);
	free(r);
}

uint32_t recorder_next_generation(const struct recorder *r, const uint8_t sha256[POLICY_DIGEST_SIZE])
{
	if (r->resumed && !memcmp(r->sha256, sha256, POLICY_DIGEST_SIZE))
		return r->generation;
	return r->generation + 1;
}

int recorder_set_policy(struct recorder *r, uint32_t generation, struct policy_image *image)
{
	int err = ocsf_set_policy(r->ocsf, generation, image);

	if (err)
		return err;
	r->generation = generation;
	r->resumed = false;
	memcpy(r->sha256, image->sha256, POLICY_DIGEST_SIZE);
	return 0;
}

struct ocsf *recorder_ocsf(struct recorder *r)
{
	return r->ocsf;
}

struct ledger *recorder_ledger(struct recorder *r)
{
	return r->ledger;
}

struct enrich *recorder_enrich(struct recorder *r)
{
	return r->enrich;
}

int recorder_append(struct recorder *r, const struct buf *line, bool closing)
{
	int err;

	if (line->failed || !line->len)
		return -ENOMEM;
	err = ledger_append(r->ledger, line->data, line->len, NULL);
	while (err == -EAGAIN) {
		/* More waits than the ledger takes: the disk is slower than the events, and this is where it
		 * shows. */
		err = recorder_commit(r, r->released);
		if (err == -EAGAIN || !err)
			err = ledger_wait(r->ledger);
		if (!err)
			err = ledger_append(r->ledger, line->data, line->len, NULL);
	}
	if (err == -ENOSPC && closing)
		err = ledger_append_closing(r->ledger, line->data, line->len, NULL);
	return err;
}

static void count_access(struct recorder *r, const struct record_view *view)
{
	const struct record_access *a = &view->access;

	r->counts.events++;
	r->counts.undetermined += a->reason == REASON_UNDETERMINED || a->reason == REASON_TOO_DEEP;
	if (!ocsf_is_alert(a))
		return;
	r->counts.alerts++;
	r->counts.denials += a->enforced != ENFORCED_ALLOWED ? a->tally.count : 0;
	r->counts.observed += a->enforced == ENFORCED_ALLOWED ? a->tally.count : 0;
	r->urgent = true;
	if (r->alerts.len > ALERTS_MAX)
		return;
	ocsf_access_text(r->ocsf, view, &r->alerts);
	buf_char(&r->alerts, '\n');
}

int recorder_write(struct recorder *r, const struct record_header *header)
{
	int err = recorder_append(r, &r->line, false);

	/* The ring will not give this record again: it waits here until there is room. */
	if (err == -ENOSPC) {
		buf_reset(&r->stuck);
		buf_add(&r->stuck, r->line.data, r->line.len);
		r->stuck_header = *header;
	}
	/* Only now: a commit may have happened meanwhile, and its state must not tell of what it does not
	 * hold. */
	if (!err && header->sequence && header->cpu < r->options.cpus)
		track_see(r->track, header->cpu, header->sequence, r->now_ns);
	return err;
}

static int write_access(struct recorder *r, const struct record_view *view)
{
	char nonce[LEDGER_NONCE_SIZE];
	int err = ledger_nonce(r->ledger, nonce);

	if (err)
		return err;
	buf_reset(&r->line);
	ocsf_access(r->ocsf, view, nonce, &r->line);
	count_access(r, view);
	return recorder_write(r, &view->header);
}

/* Those that have no entry of their own. */
static int pass_over(struct recorder *r, const struct record_header *header)
{
	if (track_see(r->track, header->cpu, header->sequence, r->now_ns) == TRACK_NEW)
		track_own(r->track, header->cpu);
	return 0;
}

int recorder_record(void *recorder, const void *record, size_t size)
{
	struct recorder *r = recorder;
	struct record_view view;
	enum decode_error error = decode_record(record, size, r->options.cpus, &view);
	enum track_verdict verdict;
	bool second;

	if (r->stuck.len)
		return -ENOSPC;
	if (error != DECODE_OK)
		return recorder_malformed(r, record, size, error);
	verdict = track_check(r->track, view.header.cpu, view.header.sequence);
	/* A program's name is wanted again even if an earlier daemon saw it. */
	if (view.header.kind == RECORD_PROGRAM) {
		enrich_program(r->enrich, &view);
		return pass_over(r, &view.header);
	}
	if (view.header.kind == RECORD_PASS) {
		ocsf_pass(r->ocsf, &view.pass);
		return pass_over(r, &view.header);
	}
	second = twice_is_second(r->twice, &view.access);
	r->counts.duplicates += verdict == TRACK_DUPLICATE;
	r->counts.late += verdict == TRACK_LATE;
	if (verdict == TRACK_DUPLICATE) {
		ocsf_remember(r->ocsf, &view); /* of which this daemon knows nothing else */
		return 0;
	}
	if (view.access.store == STORE_CANARY && r->options.canary)
		r->options.canary(r->options.ctx, &view.access);
	if (view.access.store == STORE_CANARY)
		return pass_over(r, &view.header);
	if (second) {
		r->counts.twice++;
		return pass_over(r, &view.header);
	}
	return write_access(r, &view);
}

void recorder_know(struct recorder *r, const void *record, size_t size)
{
	struct record_view view;

	if (decode_record(record, size, r->options.cpus, &view) != DECODE_OK)
		return;
	if (view.header.kind == RECORD_PROGRAM)
		enrich_program(r->enrich, &view);
	if (view.header.kind == RECORD_PASS)
		ocsf_pass(r->ocsf, &view.pass);
}

int recorder_retry(struct recorder *r)
{
	int err = 0;

	if (r->stuck.len)
		err = ledger_append(r->ledger, r->stuck.data, r->stuck.len, NULL);
	if (err || !r->stuck.len)
		return err;
	if (r->stuck_header.sequence && r->stuck_header.cpu < r->options.cpus)
		track_see(r->track, r->stuck_header.cpu, r->stuck_header.sequence, r->now_ns);
	buf_reset(&r->stuck);
	return 0;
}

bool recorder_is_stuck(const struct recorder *r)
{
	return r->stuck.len != 0;
}

bool recorder_is_urgent(const struct recorder *r)
{
	return r->urgent;
}

bool recorder_has_pending(const struct recorder *r)
{
	return ledger_size(r->ledger) > ledger_committed(r->ledger);
}

static void handed_over(struct recorder *r, uint64_t ring_position)
{
	struct recorder_mark mark = {ledger_size(r->ledger), ring_position};

	/* Out of room, the newest mark moves on: its position is given back later than it could be, never
	 * earlier. */
	if (r->n_marks == COMMITS_MAX)
		r->n_marks--;
	r->marks[r->n_marks++] = mark;
	r->alerts_size = mark.size;
	r->urgent = false;
	buf_add(&r->alerts_handed, r->alerts.data ? r->alerts.data : "", r->alerts.len);
	buf_reset(&r->alerts);
}

int recorder_commit(struct recorder *r, uint64_t ring_position)
{
	recorder_save(r);
	if (r->state.failed)
		return -ENOMEM;
	/* Before: without a thread, the commit is published within. */
	handed_over(r, ring_position);
	return ledger_commit(r->ledger, r->state.data, r->state.len);
}

int recorder_poll(struct recorder *r)
{
	return ledger_poll(r->ledger);
}

int recorder_flush(struct recorder *r, uint64_t ring_position)
{
	int err = ledger_wait(r->ledger);

	if (!err)
		err = recorder_commit(r, ring_position);
	if (!err)
		err = ledger_wait(r->ledger);
	return err;
}

uint64_t recorder_released(const struct recorder *r)
{
	return r->released;
}

void recorder_tick(struct recorder *r)
{
	r->now_ns = host_monotonic_ns();
	enrich_tick(r->enrich);
}

void recorder_count(const struct recorder *r, struct recorder_counts *ret_counts)
{
	*ret_counts = r->counts;
}
