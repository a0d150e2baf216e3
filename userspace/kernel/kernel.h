/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF objects from the daemon's point of view: probe what this kernel can do, load, bring a policy into
 * force, attach, watch that every mechanism still decides. Owns all BPF descriptors, pins and the canary
 * files. Called by the keeper only.
 */
#ifndef MUNIMENT_KERNEL_KERNEL_H
#define MUNIMENT_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/image.h"

struct kernel;
struct ring;

struct kernel_options {
	const char *pin_dir; /* a directory on bpffs, "/sys/fs/bpf/muniment": maps are pinned here always */
	const char *run_dir; /* for the canary files, "/run/muniment" */
	bool pin_links;	     /* leave links pinned so that enforcement outlives the daemon */
	const char *cgroup;  /* of version 2, for programs at sockets and settings: "/sys/fs/cgroup" */
	enum mechanism only; /* MECHANISM_INVALID: the strongest that works; tests force one */
	enum store_mode protect; /* what the monitor does for itself; STORE_MODE_INVALID: nothing */
	const char *const
		*own_paths; /* files and directories that others may read, not change; NULL ends them */
	const char *secret; /* the signing key, which others may not even read; NULL: none */
	uint64_t settings;  /* a digest of what the daemon was started with: see kernel_open */
	int signer;	    /* its process, beside our own; 0: none */
	uint64_t fold_ns;   /* repeats are counted and told once in so long; 0: each is a record of its own */
};

/* Which mechanism serves a hook, and why not a stronger one. */
struct kernel_serving {
	const char *operation;	  /* "open", "read and write", "link", "rename" */
	enum mechanism mechanism; /* MECHANISM_INVALID: served by none */
	const char *program;	  /* name of the BPF program, NULL when none */
	bool can_prevent;
	const char *net; /* program that stops what the kernel skips of `program`, NULL when none */
	char why_not_stronger[160]; /* "" when it is the strongest */
};

struct kernel_counters {
	uint64_t sequence; /* sum over all CPUs of numbers given to records */
	uint64_t counters[COUNTER_END];
	uint64_t missed_runs;	/* times the kernel skipped one of our programs, and nothing made up for it */
	uint64_t missed_labels; /* of these, programs that label and decide nothing */
};

enum kernel_canary { KERNEL_CANARY_OK, KERNEL_CANARY_SILENT, KERNEL_CANARY_UNTESTED };

/*
 * Pins of a daemon that guards itself are adopted when it is gone, and only with the same settings, unless its window for
 * maintenance is open: else -EBUSY or -EPERM, with a message logged.
 *
 * Loads the programs and opens (adopts) the pinned maps, attaches nothing yet. *ret_adopted tells whether
 * maps of an earlier daemon were found, whose ring still holds records. -EPERM, -EOPNOTSUPP with a message
 * logged: this host cannot run any mechanism.
 */
int kernel_open(const struct kernel_options *options, struct kernel **ret_kernel, bool *ret_adopted);

/* Detaches what is not pinned and frees everything. With keep: links and maps stay pinned; else pins are
 * removed. */
void kernel_close(struct kernel *k, bool keep);

/*
 * Resolves the image's stores and programs to inodes, fills the idle slot and switches to it: atomic for
 * every access. Of each program, image->programs[i].found tells what it was found to be: one that no role accepts
 * is no error. generation numbers the policy in the records that follow. 0 or -errno; on error the former
 * policy is in force.
 */
int kernel_apply(struct kernel *k, struct policy_image *image, uint32_t generation);

/*
 * Looks whether the programs of the image in force are what they were; where not, finds anew which roles accept
 * them, and puts that in force. Each program whose content or roles came to differ is handed to fn, with what was
 * found before. A program that is being written has no role, and is told of once it is done or after
 * KERNEL_BUSY_MS. Costs a stat(2) per program; to be called a few times a second.
 * True when anything changed.
 */
#define KERNEL_BUSY_MS 600
typedef void (*kernel_changed_fn)(void *ctx, const struct image_program *program,
				  const struct program_found *before);
bool kernel_watch_programs(struct kernel *k, struct policy_image *image, kernel_changed_fn fn, void *ctx);

/*
 * Goes on with the libraries that packages bring, for a few milliseconds: digests what is new or has changed. Of each
 * whose content is not what its package brought, fn is told. To be called a few times a second.
 */
typedef void (*kernel_library_fn)(void *ctx, const char *path, const char *package);
void kernel_watch_packaged(struct kernel *k, kernel_library_fn fn, void *ctx);

/* Attaches every operation by its mechanism; then detaches links that an earlier daemon left. 0 or -errno. */
int kernel_attach(struct kernel *k);

/*
 * Guards the monitor itself, by options.protect: its processes from now on, its paths since kernel_apply, its BPF
 * objects since they were made. With MECHANISM_TRACING nothing is denied, only recorded. 0 or -errno.
 */
int kernel_protect(struct kernel *k);

/* A few times a second: this process is alive; and its cgroups, where it was moved. */
void kernel_heartbeat(struct kernel *k);
void kernel_own_cgroups(struct kernel *k);

/*
 * Turns what the kernel side counts (struct tally) into records in the ring: what is due, or all of it; and files that were
 * mapped before their writers came to hold data (bpf/mapped.bpf.h), once they do. To be called each second. What finds no room
 * there is told at a later call. 0, -EAGAIN when the ring was full, or -errno.
 */
int kernel_tell(struct kernel *k, bool all);

/* Until this moment (CLOCK_BOOTTIME, ns) what is done to the monitor is recorded, not denied; 0 ends that now. */
void kernel_window(struct kernel *k, uint64_t until_boot_ns);

/*
 * Hands each record of a store that some process has open to fn; before kernel_protect, the daemon's own processes are among
 * them. 0 or -errno.
 */
typedef void (*kernel_record_fn)(void *ctx, const void *record);
int kernel_held(struct kernel *k, kernel_record_fn fn, void *ctx); /* record: struct held */

/* Agreements end when their day comes, though the clock was set since the policy was applied; never later than it said
 * then. image: the policy in force. 0 or -errno. */
int kernel_age_agreements(struct kernel *k, const struct policy_image *image);

/*
 * Files outside the stores that hold data of theirs. kernel_copies hands each to fn, some of them twice, until it returns
 * other than 0, which is returned then. kernel_add_copy: a file is known to be one from before; label: bits of stores, added
 * to those that it has; 1, or 0 if all of that was known. kernel_copies_made: grows with each; nothing was made while it
 * stays. Else 0 or -errno.
 */
typedef int (*kernel_copy_fn)(void *ctx, const struct object_id *id, uint64_t label);
int kernel_copies(struct kernel *k, kernel_copy_fn fn, void *ctx);
int kernel_add_copy(struct kernel *k, const struct object_id *id, uint64_t label);
uint64_t kernel_copies_made(const struct kernel *k);
/* The file by that path (no symbolic link) if it is a copy: by which the next function knows it, and its label. 0; -ENOENT:
 * it is none, or not there; or -errno. */
int kernel_find_copy(struct kernel *k, const char *path, struct object_id *ret_id, uint64_t *ret_label);
/* That file is taken to hold nothing any more, nor those who have it mapped what they hold by that; label: what it was. 0,
 * -ENOENT if it is no copy by now, or -errno. */
int kernel_clear_copy(struct kernel *k, const struct object_id *id, uint64_t *ret_label);

/* A mounted file system whose objects keep their numbers over a boot. id: of itself, from one boot to the next. */
struct kernel_file_system {
	const char *type;
	uint64_t id;
	uint32_t dev; /* as in struct object_id */
};
typedef void (*kernel_file_system_fn)(void *ctx, const struct kernel_file_system *fs);
/* Hands those to fn that are mounted where the daemon sees them. 0 or -errno. */
int kernel_file_systems(kernel_file_system_fn fn, void *ctx);

/*
 * Tells the kernel side which disks are removable, of the network, or unencrypted, where the image's `copies` has a word on
 * that; until then each is all of it. To be called from time to time; kernel_apply does so, too. 0 or -errno.
 */
int kernel_watch_media(struct kernel *k, const struct policy_image *image);

/*
 * Some addresses came to names of the image, which is the policy in force and has them already, or went from them (gone):
 * what agreements say of each is put into force, without a policy switch. 0 or -errno.
 */
int kernel_put_addresses(struct kernel *k, const struct policy_image *image, const uint8_t (*addresses)[16],
			 size_t n, bool gone);

/*
 * What was sent in the window at hand under agreement i of the image, which has a limit; *ret_left_s: whole seconds until
 * the next window, at least 1. 0 or -errno.
 */
int kernel_volume(struct kernel *k, const struct policy_image *image, size_t i, uint64_t *ret_used,
		  uint64_t *ret_left_s);

/* Hands each process that may hold data of stores to fn. 0 or -errno. */
int kernel_labelled(struct kernel *k, kernel_record_fn fn, void *ctx); /* record: struct labelled */

/*
 * A process is said to hold nothing any more, and those that share its memory what they hold by that; each takes a label
 * anew when it reads a record. *ret_label: what it held. 0; -ESRCH or -ENOENT: no such process, or it held nothing.
 */
int kernel_clear_label(struct kernel *k, uint32_t tgid, uint64_t *ret_label);

/* n_serving entries, valid as long as k. */
const struct kernel_serving *kernel_serving(const struct kernel *k, unsigned *ret_n);

/* The weakest mechanism over all operations: what "enforce" comes to here. */
bool kernel_can_prevent(const struct kernel *k);

/*
 * Hands the names of programs that an earlier daemon was sent to fn, as records of kind RECORD_PROGRAM (size
 * bytes, valid during the call; sequence means nothing). Call once, after kernel_open and before the ring is
 * read.
 */
typedef void (*kernel_program_fn)(void *ctx, const struct record_program *record, size_t size);
void kernel_take_programs(struct kernel *k, kernel_program_fn fn, void *ctx);

/* The same of data that was passed on, by the latest records of kind RECORD_PASS; in no order. They stay. */
typedef void (*kernel_pass_fn)(void *ctx, const struct record_pass *record);
void kernel_each_pass(struct kernel *k, kernel_pass_fn fn, void *ctx);

struct ring *kernel_ring(struct kernel *k);
/* Never 0, and another for each ring of a boot: what an earlier daemon counted holds for the same ring only.
 */
uint64_t kernel_ring_id(const struct kernel *k);
int kernel_ring_fd(const struct kernel *k);

/* Per-CPU sequence numbers: fills up to max entries, returns the number of possible CPUs or -errno. */
int kernel_sequences(const struct kernel *k, uint64_t *sequences, unsigned max);
int kernel_count(const struct kernel *k, struct kernel_counters *ret_counters);

/*
 * Touches the canary files. KERNEL_CANARY_SILENT: a mechanism that looks attached decides nothing; *ret_what
 * names it (static text). The records that the probes cause bear STORE_CANARY; with MECHANISM_TRACING the
 * caller reports each of them by kernel_canary_seen, and silence is told at the next probe.
 */
enum kernel_canary kernel_canary_probe(struct kernel *k, const char **ret_what);
void kernel_canary_seen(struct kernel *k, const struct record_access *record);

/*
 * The first root of the policy in force whose path now leads to another inode, or to none: a store that was
 * removed, replaced or covered by a mount since kernel_apply. NULL when all are where they were. Costs a
 * stat(2) per root.
 */
const char *kernel_root_changed(const struct kernel *k);

/* The path of a store's root, for record_access.root of that policy generation (this or the one before); NULL
 * if unknown. */
const char *kernel_root_path(const struct kernel *k, uint32_t generation, uint32_t root);

#endif
