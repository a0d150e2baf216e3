// SPDX-License-Identifier: Apache-2.0
/*
 * Going on where the daemon before stopped: the state that goes with each checkpoint, and the entries above
 * it.
 *
 * The state is text: "2 BOOT-ID RING GENERATION POLICY-SHA256" and a newline, then the numbering (track.h).
 */
#include "pipeline/recorder_state.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "base/b64.h"
#include "base/log.h"

void recorder_save(struct recorder *r)
{
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];
	struct buf *b = &r->state;
	size_t head;

	buf_reset(b);
	hex_encode(r->sha256, POLICY_DIGEST_SIZE, hex);
	buf_str(b, "2 ");
	buf_str(b, r->host.boot_id[0] ? r->host.boot_id : "-");
	buf_char(b, ' ');
	buf_u64(b, r->options.ring);
	buf_char(b, ' ');
	buf_u64(b, r->generation);
	buf_char(b, ' ');
	buf_str(b, hex);
	buf_char(b, '\n');
	head = b->len;
	track_save(r->track, b);
	/* Too many CPUs with too many holes for the space there is: whole CPUs are left out, and count anew.
	 */
	while (!b->failed && b->len > SLOT_STATE_MAX) {
		do
			b->len--;
		while (b->len > head && b->data[b->len - 1] != ';');
		b->data[b->len] = '\0';
	}
}

static bool read_digest(const char *hex, uint8_t *out)
{
	for (int i = 0; i < POLICY_DIGEST_SIZE; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

/* An element of recorder.kept. */
struct kept_numbers {
	struct track_loss range;
	bool lost;
};

static void keep_numbers(struct recorder *r, json_int_t cpu, json_int_t first, json_int_t count, bool lost)
{
	struct kept_numbers range = {{(uint32_t)cpu, (uint64_t)first, (uint64_t)count}, lost};

	if (cpu >= 0 && cpu < (json_int_t)r->options.cpus && first > 0 && count > 0)
		buf_add(&r->kept, &range, sizeof(range));
}

static void keep_access(struct recorder *r, json_t *entry)
{
	json_t *metadata = json_object_get(entry, "metadata");
	const char *source = json_string_value(json_object_get(metadata, "log_source"));
	unsigned cpu;

	if (source && sscanf(source, "cpu%u", &cpu) == 1)
		keep_numbers(r, cpu, json_integer_value(json_object_get(metadata, "sequence")), 1, false);
}

static void keep_own(struct recorder *r, json_t *entry)
{
	json_t *own = json_object_get(json_object_get(entry, "unmapped"), "muniment");
	json_t *ranges = json_object_get(own, "ranges");
	const char *kind = json_string_value(json_object_get(own, "kind")), *hex;

	if (!kind)
		return;
	for (size_t i = 0; i < json_array_size(ranges); i++) {
		json_t *range = json_array_get(ranges, i);

		keep_numbers(r, json_integer_value(json_object_get(range, "cpu")),
			     json_integer_value(json_object_get(range, "first")),
			     json_integer_value(json_object_get(range, "count")), true);
	}
	if (!strcmp(kind, "malformed"))
		keep_numbers(r, json_integer_value(json_object_get(own, "cpu")),
			     json_integer_value(json_object_get(own, "sequence")), 1, false);
	hex = json_string_value(json_object_get(own, "policy_sha256"));
	if (!strcmp(kind, "policy") && hex && strlen(hex) == 64 && read_digest(hex, r->kept_sha256))
		r->kept_generation = (uint32_t)json_integer_value(json_object_get(own, "generation"));
}

void recorder_kept(void *recorder, uint64_t index, const void *entry, size_t n)
{
	struct recorder *r = recorder;
	json_t *json = json_loadb(entry, n, 0, NULL);

	/* Our own bytes under a CRC: what is no JSON was written by another version, and is no record's
	 * account. */
	if (!json)
		log_warn("entry %llu above the checkpoint is not readable", (unsigned long long)index);
	/* All but the daemon's own doings bear the number of a record, whatever their class. */
	if (json_integer_value(json_object_get(json, "class_uid")) == 6002)
		keep_own(r, json);
	else
		keep_access(r, json);
	json_decref(json);
}

static void settle_kept(struct recorder *r)
{
	for (size_t at = 0; at + sizeof(struct kept_numbers) <= r->kept.len;
	     at += sizeof(struct kept_numbers)) {
		struct kept_numbers k;

		memcpy(&k, r->kept.data + at, sizeof(k));
		track_settle(r->track, k.range.cpu, k.range.first, k.range.count, k.lost);
	}
	if (r->kept_generation) {
		r->generation = r->kept_generation;
		memcpy(r->sha256, r->kept_sha256, POLICY_DIGEST_SIZE);
	}
}

/* The head of the state; false when it is not one. */
static bool read_head(struct recorder *r, const char *text, bool *ret_same_ring)
{
	char boot[64], hex[65];
	unsigned generation;
	uint64_t ring;

	if (sscanf(text, "2 %63s %" SCNu64 " %u %64s\n", boot, &ring, &generation, hex) != 4 ||
	    strlen(hex) != 64 || !read_digest(hex, r->sha256))
		return false;
	r->generation = generation;
	*ret_same_ring = !strcmp(boot, r->host.boot_id) && ring == r->options.ring;
	return true;
}

void recorder_resume(struct recorder *r, const struct ledger_recovery *recovery)
{
	char text[SLOT_STATE_MAX + 1];
	const char *numbers;
	bool same_ring = false;

	memcpy(text, recovery->state, recovery->state_len);
	text[recovery->state_len] = '\0';
	numbers = strchr(text, '\n');
	if (recovery->state_len && (!numbers || !read_head(r, text, &same_ring)))
		log_warn("the ledger's state is not readable; record numbers are counted anew");
	/* Numbers of another boot or of a ring that is gone mean nothing in this one. */
	r->resumed = same_ring;
	if (r->resumed) {
		if (track_restore(r->track, numbers + 1, strlen(numbers + 1)))
			log_warn("the numbering in the ledger's state is not readable; it begins anew");
		settle_kept(r);
		track_seal(r->track);
	}
	buf_free(&r->kept);
	r->kept = (struct buf){0};
}
