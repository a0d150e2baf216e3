/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: one event loop from the ring to the ledger, with the canary, the control socket and the policy.
 *
 * Owns everything that main.c opened for it. keeper_*.c share the struct; main.c and tests use keeper_new,
 * keeper_run and keeper_free.
 */
#ifndef MUNIMENT_DAEMON_KEEPER_H
#define MUNIMENT_DAEMON_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/policy_load.h"
#include "daemon/signer.h"
#include "kernel/kernel.h"
#include "pipeline/recorder.h"
#include "pipeline/sink.h"

#define DRAIN_MS       200 /* the kernel side wakes the reader by itself for denials and at a watermark only */
#define COMMIT_MS      100   /* at most so often, but for alerts */
#define IDLE_COMMIT_MS 10000 /* the canary's records alone are no reason to write more often */
#define CANARY_MS      2000
#define TELL_ROUNDS    16   /* until all of them are */
#define TELL_MS	       1000 /* accounts of the kernel side into records */
#define WATCH_MS       5000 /* /etc/passwd, counters of the kernel side */
#define PROGRAMS_MS                                                                                          \
	150 /* at every drain: a program that changed is found twice, as it settles, within a second */
#define PACE_IDLE      10 /* nice values */
#define KEEPER_OWN_MAX 16
#define PACE_BUSY      0
#define PACE_FULL      (-5)
#define MOVED_MS       60000 /* between reloads for a store whose path leads elsewhere */
#define RETRY_MS       2000  /* after the disk was full */

enum keeper_end {
	KEEPER_RUNS = 0,
	KEEPER_STOPPED, /* asked to */
	KEEPER_FAILED,
};

/* What tells that a file changed. */
struct file_stamp {
	struct timespec mtime;
	ino_t ino;
	off_t size;
};

struct keeper {
	const struct config *config;
	struct signer *signer;
	struct kernel *kernel;
	struct recorder *recorder;
	struct sink *sink;
	struct control *control;
	int epoll_fd, signal_fd, timer_fd, lock_fd, reload_fd;
	struct reload *reload;
	struct content_cache *contents; /* the reload's thread has it while it runs */
	enum keeper_end end;
	unsigned cpus;
	uint64_t *sequences; /* scratch, cpus */

	uint32_t generation;
	uint8_t sha256[POLICY_DIGEST_SIZE];
	bool degraded;			/* enforces by policy, detects by kernel */
	uint64_t started_ms, policy_ms; /* wall clock */

	/* CLOCK_MONOTONIC ns; 0: never yet. */
	uint64_t started_ns, drained_ns, committed_ns, canary_ns, watched_ns, programs_ns, full_ns,
		retried_ns, pinged_ns, told_ns;
	uint64_t batch_position; /* of the ring, before the batch that was read last */
	int nice;		 /* of every thread */
	bool canary_silent;
	const char *canary_what;
	uint64_t canary_failures;
	struct kernel_counters counters;
	bool counters_known;
	uint64_t moved_ns; /* when that was last tried to be mended */
	bool store_moved;  /* and told: a store's path leads to another inode than at load */
	struct file_stamp passwd, group;
	struct region_stamp regions[REGION_FILES]; /* the tables of regions, as they were seen last */
	struct resolve *resolve;
	int resolve_fd;
	uint64_t hosts_ns; /* when names were asked for last; 0: at once */
	uint64_t watchdog_ns;
	char *own[KEEPER_OWN_MAX + 1]; /* paths, ended by NULL: see kernel_options */
	size_t n_own;
	struct control_request asked; /* waits for an approver; CONTROL_INVALID: nothing does */
	uint64_t asked_ns;	      /* when */
	unsigned asked_number;
	uint64_t window_ns; /* end of the window for maintenance; 0: closed */
	bool ledger_down;   /* it signs nothing more; the kernel side goes on without us */
	int commit_error;
	int tell_error;
	struct json_t *copies_pending; /* copies that could not be placed as yet */
	uint64_t copies_saved;	       /* kernel_copies_made when they were written down last */
	int copies_error;
};

/* Whether main.c should go on: 0, or the exit status to leave with. */
int keeper_new(const struct config *config, struct signer *signer, struct keeper **ret_keeper);
int keeper_run(struct keeper *k);
/* False: a thread hangs in a directory service and still reads the configuration; the process is to end at
 * once. */
bool keeper_free(struct keeper *k);

/* keeper_start.c: opens all of it in the order that the privileges ask for; 0 or an exit status. */
int keeper_start(struct keeper *k);

/* keeper_own.c: the paths that the daemon guards of itself, into k->own. 0 or -errno, which was told. */
int keeper_own_paths(struct keeper *k);
void keeper_own_free(struct keeper *k);
/* What a daemon that takes over must have alike: kernel_options.settings. */
uint64_t keeper_settings(const struct config *c);

/*
 * keeper_asks.c: stop, maintenance, approve, and to clear a label. Each is an entry with who and why; where the policy names approvers,
 * one of them, who is not the one who asked, must agree first.
 */
void keeper_asked(struct keeper *k, const struct control_request *request, struct buf *answer);
/* Begins an entry about such a request; keeper_event_end ends it. approver: NULL for none. */
struct buf *keeper_asked_entry(struct keeper *k, enum ocsf_kind kind, const char *message,
			       const struct control_request *r, const struct control_peer *approver);
/* Notes the end of a window. */
void keeper_window_watch(struct keeper *k, uint64_t now_ns);
/* What waits and what is open, for the status. */
void keeper_asks_status(const struct keeper *k, struct buf *b);

/* keeper_labels.c: which processes may hold records, and that one is taken to hold none. */
void keeper_labels(struct keeper *k, struct buf *answer);

/* Answers with what `each` adds to b, and how many there are in all: n, of which KEEPER_LISTED are shown. */
#define KEEPER_LISTED 400 /* of one answer, which has an end */
struct keeper_listing {
	struct keeper *k;
	struct buf *b;
	uint64_t n;
};
void keeper_list(struct keeper *k, struct buf *answer, const char *key, int (*each)(struct keeper_listing *));

void keeper_label_clear(struct keeper *k, const struct control_request *r,
			const struct control_peer *approver, struct buf *answer);

/* keeper_files.c: the same of files that are copies. find: fills in r->object; false: refused. */
void keeper_files(struct keeper *k, struct buf *answer);
bool keeper_file_find(struct keeper *k, struct control_request *r, struct buf *answer);
void keeper_file_clear(struct keeper *k, const struct control_request *r, const struct control_peer *approver,
		       struct buf *answer);
void keeper_add_file(struct buf *b, const struct control_request *r);

/* keeper_copies.c: which files are copies, beyond a boot. load: once, with a policy in force, before programs decide by it.
 * watch: from time to time, and at the end. What fails is told. */
void keeper_copies_load(struct keeper *k);
void keeper_copies_watch(struct keeper *k);

/* keeper_held.c: one entry about the records that processes had open before they were guarded, if any. former: the
 * policy that was in force until now, NULL for none. */
void keeper_tell_held(struct keeper *k, const struct policy_image *former);

/* keeper_ring.c */
void keeper_drain(struct keeper *k, uint64_t now_ns);
/* What the kernel side has counted becomes records: what is due, or all of it. */
void keeper_tell(struct keeper *k, bool all);
void keeper_commit(struct keeper *k, uint64_t now_ns);
uint64_t keeper_safe_position(struct keeper *k);
void keeper_committed(struct keeper *k, uint64_t now_ns);
void keeper_ledger_failed(struct keeper *k, int err, const char *doing);
/* Writes an entry that was begun with recorder_event; failures are told, and end the keeper when the ledger
 * is gone. */
void keeper_event_end(struct keeper *k);

/* keeper_pace.c */
/* Before the privileges go: the keeper may go from PACE_IDLE to PACE_FULL later. */
void keeper_pace_start(void);
/* How hard the keeper works, by what waits in the ring: behind the host's own work, unless records pile up.
 */
void keeper_pace(struct keeper *k);

/* keeper_policy.c */
/*
 * Brings a loaded policy into force and takes its image. 0 or -errno, when the former stays in force. asked: by an
 * admin, so that whatever now lies under a program's path is meant; else programs that changed stay refused.
 */
int keeper_apply(struct keeper *k, struct policy_loaded *loaded, bool asked);
void keeper_write_policy_event(struct keeper *k, const char *who);

/* keeper_names.c: what an earlier daemon's policies, but that of this generation, called their stores; and this one's,
 * which is in force. Failures are told, and cost those names. */
void keeper_names_load(struct keeper *k, uint32_t generation);
void keeper_names_save(const struct keeper *k, const struct policy_image *image);

/*
 * keeper_hosts.c: the addresses of names in agreements. new before the loop; free as keeper_reload_free. ask when it is
 * time; answers when resolve_fd is readable and now and then; inherit before a policy comes into force: what is known of
 * its names, from the former one, or with NULL from an earlier daemon.
 */
int keeper_hosts_new(struct keeper *k);
bool keeper_hosts_free(struct keeper *k);
void keeper_hosts_ask(struct keeper *k, uint64_t now_ns);
void keeper_hosts_answers(struct keeper *k, uint64_t now_ns);
void keeper_hosts_inherit(struct keeper *k, struct policy_image *image, const struct policy_image *former);
void keeper_hosts_status(const struct keeper *k, struct buf *b);

/* keeper_programs.c */
/* Of a policy that came into force: writes which programs were refused, and which changed since the former one. */
void keeper_tell_programs(struct keeper *k);
void keeper_watch_programs(struct keeper *k);

/* keeper_reload.c */
int keeper_reload_new(struct keeper *k);
/*
 * Reads the policy anew, on a thread: a directory service that does not answer must not keep records waiting.
 * who, for the entry: "SIGHUP", "muniment reload" (static text); asked as for keeper_apply. Clients of the control
 * socket are answered when it is done.
 */
void keeper_reload(struct keeper *k, const char *who, bool asked);
/* When reload_fd is readable: brings it into force, or says why not. */
void keeper_reload_done(struct keeper *k);
/* False: its thread hangs. */
bool keeper_reload_free(struct keeper *k);

/* keeper_watch.c */
void keeper_probe(struct keeper *k, uint64_t now_ns);
void keeper_watch(struct keeper *k);
void keeper_stamp(struct keeper *k);

/* keeper_status.c */
void keeper_status(struct keeper *k, struct buf *answer);

#endif
