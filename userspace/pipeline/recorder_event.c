// SPDX-License-Identifier: Apache-2.0
/* Entries about the daemon's own doings, lost numbers and malformed records: see recorder.h. */
#include "pipeline/recorder_state.h"

#include <errno.h>
#include <stdio.h>

#include "base/b64.h"
#include "base/json.h"

#define DUMP_MAX   256 /* bytes of a malformed record that are kept */
#define LOSSES_MAX 64  /* ranges in one entry */

static uint64_t wall_ms(void)
{
	return (host_boot_ns() + (uint64_t)host_boot_offset_ns()) / 1000000u;
}

static int event_open(struct recorder *r, struct buf *out, enum ocsf_kind kind, const char *message)
{
	buf_reset(out);
	ocsf_lifecycle_open(r->ocsf, kind, wall_ms(), message, out);
	return 0;
}

static int event_close(struct recorder *r, struct buf *out, enum ocsf_kind kind)
{
	char nonce[LEDGER_NONCE_SIZE];
	int err = ledger_nonce(r->ledger, nonce);

	if (err)
		return err;
	ocsf_lifecycle_close(r->ocsf, kind, nonce, out);
	if (ocsf_kind_is_alert(kind)) {
		r->urgent = true;
		r->counts.alerts++;
	}
	return 0;
}

struct buf *recorder_event(struct recorder *r, enum ocsf_kind kind, const char *message)
{
	r->event_kind = kind;
	event_open(r, &r->event, kind, message);
	if (ocsf_kind_is_alert(kind))
		buf_printf(&r->alerts, "%s: %s\n", ocsf_kind_text(kind), message);
	return &r->event;
}

int recorder_event_end(struct recorder *r)
{
	int err = event_close(r, &r->event, r->event_kind);

	if (err)
		return err;
	err = recorder_append(r, &r->event, ocsf_kind_is_alert(r->event_kind) || r->event_kind == OCSF_STOP);
	if (err == -ENOSPC && !r->stuck.len) {
		buf_add(&r->stuck, r->event.data, r->event.len);
		memset(&r->stuck_header, 0, sizeof(r->stuck_header));
	}
	return err;
}

static int write_losses(struct recorder *r, const struct track_loss *losses, size_t n)
{
	uint64_t sum = 0;
	char message[128];
	struct buf *b;

	for (size_t i = 0; i < n; i++)
		sum += losses[i].count;
	snprintf(message, sizeof(message), "%llu records were lost before they could be read",
		 (unsigned long long)sum);
	r->counts.lost += sum;
	b = recorder_event(r, OCSF_LOSS, message);
	json_u64(b, "count", sum);
	json_open(b, "ranges", '[');
	for (size_t i = 0; i < n; i++) {
		json_open(b, NULL, '{');
		json_u64(b, "cpu", losses[i].cpu);
		json_u64(b, "first", losses[i].first);
		json_u64(b, "count", losses[i].count);
		json_close(b, '}');
	}
	json_close(b, ']');
	return recorder_event_end(r);
}

void recorder_add_numbers(const struct recorder *r, struct buf *out)
{
	struct track_numbers numbers;

	json_open(out, "numbers", '[');
	for (unsigned cpu = 0; cpu < r->options.cpus && out->len < 32768; cpu++) {
		track_numbers(r->track, cpu, &numbers);
		if (!numbers.last)
			continue;
		json_open(out, NULL, '{');
		json_u64(out, "cpu", cpu);
		json_u64(out, "last", numbers.last);
		json_u64(out, "own", numbers.own);
		json_u64(out, "lost", numbers.lost);
		json_close(out, '}');
	}
	json_close(out, ']');
}

int recorder_account(struct recorder *r, const uint64_t *sequences, unsigned n, bool all)
{
	struct track_loss losses[LOSSES_MAX];
	size_t n_losses;
	int err = 0;

	if (r->stuck.len)
		return -ENOSPC;
	for (unsigned cpu = 0; cpu < n && cpu < r->options.cpus; cpu++)
		track_expect(r->track, cpu, sequences[cpu], r->now_ns);
	while (!err && (n_losses = track_take_losses(r->track, r->now_ns, all, losses, LOSSES_MAX)) > 0)
		err = write_losses(r, losses, n_losses);
	return err;
}

int recorder_malformed(struct recorder *r, const void *record, size_t size, enum decode_error error)
{
	char hex[HEX_SIZE(DUMP_MAX)], message[128];
	struct record_header header = {0};
	struct buf *b = &r->line;
	int err;

	if (error != DECODE_SHORT)
		memcpy(&header, record, sizeof(header));
	hex_encode(record, size < DUMP_MAX ? size : DUMP_MAX, hex);
	snprintf(message, sizeof(message), "a record of the kernel makes no sense: %s",
		 decode_error_text(error));
	r->counts.malformed++;
	event_open(r, b, OCSF_MALFORMED, message);
	buf_printf(&r->alerts, "%s: %s\n", ocsf_kind_text(OCSF_MALFORMED), message);
	json_str(b, "error", decode_error_text(error));
	json_u64(b, "size", size);
	json_u64(b, "cpu", header.cpu);
	json_u64(b, "sequence", header.sequence & INT64_MAX);
	json_str(b, "bytes", hex);
	err = event_close(r, b, OCSF_MALFORMED);
	/* A number out of all proportion would make a hole as large; what is not to be believed is not
	 * counted. */
	if (error == DECODE_SIZE || error == DECODE_KIND || error == DECODE_CPU)
		header.sequence = 0;
	return err ? err : recorder_write(r, &header);
}
