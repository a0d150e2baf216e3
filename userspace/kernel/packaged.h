/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries that packages bring: which inodes have the content that the package database gives them, kept in the map
 * library_stamps. Not for others than libraries.c, which says which of them come first.
 */
#ifndef MUNIMENT_KERNEL_PACKAGED_H
#define MUNIMENT_KERNEL_PACKAGED_H

#include "kernel/state.h"

enum packaged_state {
	PACKAGED_UNKNOWN, /* to be looked at */
	PACKAGED_VERIFIED,
	PACKAGED_OTHER,	 /* not what the package brought */
	PACKAGED_ABSENT, /* nothing is there, or no regular file */
	PACKAGED_AGAIN,	 /* the path of the one before, from another package */
};

struct packaged_file {
	char *path;
	char *package;
	uint8_t md5[CONTENT_MD5_SIZE];
	bool first; /* before others, and looked at each time */
	enum packaged_state state;
	struct content_key key; /* by stat(2), as it was looked at last */
	struct object_id id;	/* that is in the map; ino 0: none */
};

#define PACKAGED_BATCH 32

/* Files that are being digested. */
struct packaged_batch {
	size_t n;
	size_t done;
	size_t index[PACKAGED_BATCH];
	int fds[PACKAGED_BATCH];
	struct identified before[PACKAGED_BATCH];
	bool skip[PACKAGED_BATCH]; /* known, or not to be settled now */
	uint8_t md5[PACKAGED_BATCH][CONTENT_MD5_SIZE];
	void *context; /* of the digest of file number `done` */
	off_t at;
};

struct packaged {
	char **others; /* what else than shared objects is wanted: canonical paths */
	size_t n_others;
	struct packaged_file *files; /* sorted by path */
	size_t n;
	uint64_t packages_ns; /* as packages_changed_ns told */
	uint64_t read_ns;     /* CLOCK_MONOTONIC, when the database was read */
	size_t next;	      /* for the round of those that are not looked at each time */
	size_t unknown;	      /* where to look for more to do */
	bool told_full;
	struct packaged_batch batch;
};

/* Reads the database if it has changed; what is known of files that it still names so stays. 0 or -errno. */
int packaged_read(struct kernel *k, struct packaged *p);

/* Wants another file, from the next reading on, which is made due. 0 or -errno. */
int packaged_want(struct packaged *p, const char *path);

/* The package that brought a wanted file, NULL for none. */
const char *packaged_owner(const struct packaged *p, const char *path);

/* Digests until this time (CLOCK_MONOTONIC, ns) or until nothing is left; only the first ones, if so asked. Returns true
 * when nothing is left. fn may be NULL. */
bool packaged_work(struct kernel *k, struct packaged *p, bool only_first, uint64_t until_ns,
		   kernel_library_fn fn, void *ctx);

/* Finds files that are no longer what was looked at. */
void packaged_watch(struct packaged *p);

#endif
