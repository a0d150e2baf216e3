/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the data of stores went, out of a ledger's entries: flows from a store through the programs that passed it on to a
 * destination, each with its verdict, how often and how much. Told as JSON and as a map (SVG).
 *
 * A flow is told by entries about data that is sent, copied, or kept apart by compartments (unmapped.muniment.chains).
 * Bounded: beyond FLOWS_MAX different ones the rest is one flow for each store and verdict. Used by `muniment flows`.
 */
#ifndef MUNIMENT_REPORT_FLOWS_H
#define MUNIMENT_REPORT_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"

#define FLOWS_MAX      20000
#define FLOWS_PROGRAMS 16

enum flow_kind { FLOW_SEND, FLOW_COPY, FLOW_MEETING };
enum flow_verdict { FLOW_ALLOWED, FLOW_OBSERVED, FLOW_DENIED, FLOW_VERDICTS };

/* One program on the way, and how the data came to it: "read", "pipe", … or "" where that is not known. */
struct flow_program {
	char *name; /* the last part of its path, else what the process called itself */
	char *how;
};

struct flow {
	char *store;
	char *destination; /* address and port, the path of a copy, or what could not be met; FLOWS_OTHERS */
	char *agreement;   /* "" for none */
	struct flow_program programs[FLOWS_PROGRAMS]; /* from the reader of the record to whoever acted */
	size_t n_programs;
	enum flow_kind kind;
	enum flow_verdict verdict;
	bool incomplete; /* who read the record is not known */
	uint64_t count;
	uint64_t bytes; /* of what was denied, those that would have gone */
	int64_t first_ms, last_ms;
};

#define FLOWS_OTHERS "(others)"

struct flows {
	struct flow *items; /* by volume once flows_sort was called */
	size_t n;
	uint64_t entries; /* about flows */
	json_t *index;	  /* by what makes flows the same */
	bool failed;	  /* no memory */
};

/* Takes an entry of the ledger into account; others than those about flows are passed over. */
void flows_add(struct flows *f, const json_t *entry);
void flows_sort(struct flows *f);
void flows_free(struct flows *f);

const char *flow_kind_text(enum flow_kind kind);
const char *flow_verdict_text(enum flow_verdict verdict);

/* Appends one JSON object. since_ms, until_ms: as asked for; INT64_MIN, INT64_MAX: no bound. */
void flows_json(const struct flows *f, int64_t since_ms, int64_t until_ms, struct buf *out);
/*
 * Appends a map as an SVG 1.1 document of its own: no scripts, fonts or links. Stores stand to the left, programs by hops in
 * the middle, destinations to the right; of a column with more than FLOWS_SVG_ROWS nodes the rest is one node that says
 * so. title: of any content.
 */
#define FLOWS_SVG_ROWS 24
void flows_svg(const struct flows *f, const char *title, struct buf *out);

#endif
