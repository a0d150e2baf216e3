/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of a ring record to a view that the rest may trust: lengths before fields, numbers against
 * their enums, names against the rules of names. What does not fit is said, never guessed.
 *
 * Owns nothing; a view borrows the path from the record. Called by the pipeline; fuzzed by
 * tests/fuzz/fuzz_record.c.
 */
#ifndef MUNIMENT_PIPELINE_DECODE_H
#define MUNIMENT_PIPELINE_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "bpf/abi.h"

enum decode_error {
	DECODE_OK = 0,
	DECODE_SHORT,	   /* less than a header */
	DECODE_SIZE,	   /* the size it states is not the size it has */
	DECODE_KIND,	   /* a kind that this version does not know */
	DECODE_CPU,	   /* a CPU that the host cannot have */
	DECODE_SEQUENCE,   /* number 0 */
	DECODE_OPERATIONS, /* none, an unknown one, or a mixture that there is not */
	DECODE_FLAGS,
	DECODE_STORE,
	DECODE_HOOK,
	DECODE_MECHANISM,
	DECODE_VERDICT,
	DECODE_ENFORCED,
	DECODE_REASON,
	DECODE_TALLY,	  /* it stands for nothing, or what it counts began after it */
	DECODE_PEER,	  /* no peer where data is sent, or an address that its family does not have */
	DECODE_AGREEMENT, /* more of them than a policy can have */
	DECODE_SINK,	  /* likewise of rules that declassify */
	DECODE_MEDIUM,
	DECODE_PASS, /* nothing passed on, to nobody, or in no way that there is */
	DECODE_PATH, /* longer than the record, names without end, empty names, a slash in a name */
	DECODE_END
};

struct record_view {
	struct record_header header;
	const char *path; /* path_bytes bytes in the record, leaf first */
	unsigned path_bytes;
	unsigned path_count;
	union { /* the fixed part, by header.kind */
		struct record_access access;
		struct record_program program;
		struct record_pass pass;
	};
};

/*
 * Reads one record of size bytes (any alignment). cpus: possible CPUs of the host; greater numbers are
 * malformed. ret_view is undefined on an error, but for its header when the error is above DECODE_SHORT.
 */
enum decode_error decode_record(const void *record, size_t size, unsigned cpus, struct record_view *ret_view);

/* What was wrong, in a few words; NULL outside the enum. */
const char *decode_error_text(enum decode_error error);

/*
 * Appends the names root first, each after a slash: "/a/b/leaf"; nothing for no names. The bytes are what the
 * file system holds: any but NUL and '/'.
 */
void decode_path(const struct record_view *view, struct buf *out);

/* True when the address stands for one of IPv4, also that of a socket of IPv6. */
bool decode_peer_is_v4(const struct peer *peer);

/* Words for entries; NULL outside the enum. */
const char *decode_operation_text(unsigned operation);
const char *decode_hook_text(unsigned hook);
const char *decode_mechanism_text(unsigned mechanism);
const char *decode_reason_text(unsigned reason);
const char *decode_enforced_text(unsigned enforced);

#endif
