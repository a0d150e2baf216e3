/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger entries: one line of OCSF 1.8.0 JSON each. Accesses are file_activity (1001), those to the memory of
 * another process process_activity (1007), data on its way out of the host is network_activity (4001), the
 * daemon's own doings are application_lifecycle (6002).
 *
 * The order of members is chosen for the ledger, which hashes only what differs from the line before: what
 * stays the same for a host, a policy, a process comes first. struct ocsf owns the prepared pieces and the
 * policy images that records still refer to. Used by the keeper.
 *
 * What stands where, beyond the standard's plain meaning:
 *	metadata.uid		the entry's secret nonce, 16 random bytes as base64url: unique, so it also
 *				tells duplicates
 *	metadata.log_source	"cpuN", and metadata.sequence: the number that CPU gave the record
 *	metadata.original_time	nanoseconds since boot, as a string
 *	file.uid		"major:minor:inode:generation"
 *	unmapped.muniment	store, operations, hook, mechanism, gen (of the policy), grant ("file:line" of
 *				the policy), label (stores whose data the process may hold), and for
 *				denials rule (that of the store, the compartment or the host), wanted, enforced, reason, flags; path_raw
 *				(base64) where the path is not UTF-8
 *	…, of what is sent	agreement, its purpose and partner where it has them, and rule: its line; once a connection,
 *				and of what is refused, tls (its version), bytes_plain (that went before it) and
 *				server_name (that the client asked for, its first 63 bytes); with reason limit:
 *				limit_bytes in limit_s seconds, and used_bytes of these
 *	…, of what is copied	store: whose data it is; rule: the line of `copies` where there is one; with declassified,
 *				which says that the file is taken for no copy, that of the rule; medium: what it lies on,
 *				where `copies` has a word on that, whose line is the rule then. What is done to a copy
 *				later has the flag copy
 *	…, of both, and of what compartments forbid
 *				chains: for each store concerned, its name, hops and, where the beginning is not known,
 *				incomplete. A hop is a process: how the data came to it (lineage.h), the record or file
 *				that it read, pid, name, program, user; the first read the record, the last is the actor.
 *				refused: the way that data would have come, had it been let
 */
#ifndef MUNIMENT_PIPELINE_OCSF_H
#define MUNIMENT_PIPELINE_OCSF_H

#include <stdbool.h>

#include "pipeline/decode.h"
#include "pipeline/enrich.h"
#include "pipeline/host.h"
#include "policy/image.h"

struct ocsf;

/* host is copied; enrich stays the caller's and outlives the result. NULL: no memory. */
struct ocsf *ocsf_new(const struct host *host, struct enrich *enrich);
void ocsf_free(struct ocsf *o);

/*
 * The image that records of this generation refer to. Takes it over; the one before the former goes to
 * ocsf_add_earlier. 0, or -ENOMEM when it stays the caller's.
 */
int ocsf_set_policy(struct ocsf *o, uint32_t generation, struct policy_image *image);
/*
 * What records of an earlier generation refer to, which a full ring or a daemon's end kept back: files, stores and
 * roots at least. Takes the image over; the oldest of OCSF_EARLIER_MAX is released.
 */
#define OCSF_EARLIER_MAX 8
void ocsf_add_earlier(struct ocsf *o, uint32_t generation, struct policy_image *image);
const struct policy_image *ocsf_policy(const struct ocsf *o);
/* The one before, as long as records may refer to it; NULL for none. */
const struct policy_image *ocsf_former_policy(const struct ocsf *o);
/* The image in force, to note what its programs were found to be; then what was answered by it is forgotten. */
struct policy_image *ocsf_policy_programs(struct ocsf *o);
void ocsf_programs_changed(struct ocsf *o);

/* An access whose entry is there already: remembers what later chains will tell of it. */
void ocsf_remember(struct ocsf *o, const struct record_view *view);

/* A RECORD_PASS: remembers who passed data on to whom. */
void ocsf_pass(struct ocsf *o, const struct record_pass *pass);

/*
 * Who knows the path of a store's root by its number in records of a generation; NULL: not known. Without one
 * (tests), the image's own roots count. ctx is borrowed.
 */
typedef const char *(*ocsf_root_path_fn)(const void *ctx, uint32_t generation, uint32_t root);
void ocsf_set_roots(struct ocsf *o, ocsf_root_path_fn fn, const void *ctx);

/* True when the access was denied or would have been: the entry is an alert. */
bool ocsf_is_alert(const struct record_access *access);

/*
 * Appends the entry of an access. nonce: 22 characters. A result over 65,535 bytes cannot come about: names,
 * paths and words are bounded. The caller looks at out->failed.
 */
void ocsf_access(struct ocsf *o, const struct record_view *view, const char *nonce, struct buf *out);

/* The same as one line for people, without control characters: "root denied read of …". Call after
 * ocsf_access. */
void ocsf_access_text(struct ocsf *o, const struct record_view *view, struct buf *out);

/* A member with the names of the stores that a label stands for. image: NULL when it is not known any more. */
void ocsf_add_label(struct buf *b, const char *key, uint64_t label, const struct policy_image *image);

/* X(name, kind, activity, severity, alert, success) */
#define OCSF_LIFECYCLE(X)                                                                                    \
	X(START, "start", 3, 1, false, true)                                                                 \
	X(STOP, "stop", 4, 1, false, true)                                                                   \
	X(POLICY, "policy", 8, 1, false, true)                                                               \
	X(RELOAD_REFUSED, "reload_refused", 8, 3, true, false)                                               \
	X(DEGRADED, "degraded", 99, 3, true, true)                                                           \
	X(LOSS, "loss", 99, 4, true, false)                                                                  \
	X(RECOVERED, "recovered", 5, 2, false, true)                                                         \
	X(DISK_FULL, "disk_full", 99, 5, true, false)                                                        \
	X(DISK_FREE, "disk_free", 99, 2, false, true)                                                        \
	X(TAMPER, "tamper", 99, 6, true, false)                                                              \
	X(CANARY_SILENT, "canary_silent", 7, 6, true, false)                                                 \
	X(CANARY_RECOVERED, "canary_recovered", 6, 2, false, true)                                           \
	X(MISSED_RUNS, "missed_runs", 99, 5, true, false)                                                    \
	X(PACKETS_DROPPED, "packets_dropped", 99, 4, true, false)                                            \
	X(MALFORMED, "malformed", 99, 4, true, false)                                                        \
	X(STORE_MOVED, "store_moved", 99, 5, true, false)                                                    \
	X(OPEN_BEFORE, "open_before", 99, 2, false, true)                                                    \
	X(NAME_CHANGED, "name_changed", 8, 1, false, true)                                                   \
	X(NAME_FAILED, "name_failed", 99, 3, true, false)                                                    \
	X(NAME_REFUSED, "name_refused", 99, 4, true, false)                                                  \
	X(APPROVAL_ASKED, "approval_asked", 99, 3, true, true)                                               \
	X(STOP_ASKED, "stop_asked", 4, 3, true, true)                                                        \
	X(MAINTENANCE, "maintenance", 99, 3, true, true)                                                     \
	X(MAINTENANCE_END, "maintenance_end", 99, 2, false, true)                                            \
	X(LABEL_CLEARED, "label_cleared", 99, 3, true, true)                                                 \
	X(PROGRAM_CHANGED, "program_changed", 8, 1, false, true)                                             \
	X(PROGRAM_REFUSED, "program_refused", 99, 4, true, false)                                            \
	X(LIBRARY_CHANGED, "library_changed", 8, 1, false, true)                                             \
	X(LIBRARY_REFUSED, "library_refused", 99, 4, true, false)

enum ocsf_kind {
	OCSF_INVALID = 0,
#define X(name, kind, activity, severity, alert, success) OCSF_##name,
	OCSF_LIFECYCLE(X)
#undef X
		OCSF_KIND_END
};

bool ocsf_kind_is_alert(enum ocsf_kind kind);
const char *ocsf_kind_text(enum ocsf_kind kind);

/*
 * An entry about the daemon: opens it with its message; the caller adds members of unmapped.muniment with
 * json_…; then closes it. time_ms: since 1970.
 */
void ocsf_lifecycle_open(const struct ocsf *o, enum ocsf_kind kind, uint64_t time_ms, const char *message,
			 struct buf *out);
void ocsf_lifecycle_close(const struct ocsf *o, enum ocsf_kind kind, const char *nonce, struct buf *out);

#endif
