/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checker asks of the host: users, groups, files. An interface, so that tests and fuzzers answer for
 * a host that is not there; resolver_host_new() asks the real one (NSS and the file system).
 *
 * All callbacks return 0 or -errno and leave their outputs untouched on failure. Called by the checker alone.
 */
#ifndef MUNIMENT_POLICY_RESOLVER_H
#define MUNIMENT_POLICY_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/packages.h"

struct policy_path_info {
	char *canonical; /* without symlinks, "." and ".."; owned by the taker */
	/*
	 * The same place as its file system sees it: device number and path from that file system's root. Two
	 * paths into one file system overlap here even where a bind mount hides it. NULL when the host cannot
	 * tell.
	 */
	char *inside;
	uint32_t
		device; /* major << 20 | minor of the mount, not of stat(2), where btrfs and overlay differ */
	uint64_t dev;	/* stat(2): st_dev and st_ino */
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	bool numbered_twice; /* see base/overlay.h */
};

struct policy_program_info {
	struct policy_path_info path;
	struct content_key key; /* of the file whose content it is */
	struct content content;
};

enum policy_names {
	POLICY_NAMES_INVALID,
	POLICY_NAMES_USERS,
	POLICY_NAMES_GROUPS,
	POLICY_NAMES_DIRECTORY, /* the entries of a directory */
	POLICY_NAMES_MOUNTS	/* the mount points below a directory, as absolute paths */
};

/* Both stop the enumeration by returning false. */
typedef bool policy_each_uid(void *arg, uint32_t uid);
typedef bool policy_each_name(void *arg, const char *name);

struct policy_resolver {
	void *ctx;

	/* -ENOENT: no such user or group; anything else: the directory service did not answer. */
	int (*user)(void *ctx, const char *name, uint32_t *ret_uid);
	int (*group)(void *ctx, const char *name, uint32_t *ret_gid);

	/* Every user who has the group as primary or further group, in any order, perhaps more than once. */
	int (*members)(void *ctx, uint32_t gid, policy_each_uid *each, void *arg);

	/* The file or directory behind an absolute path, all symlinks followed. */
	int (*path)(void *ctx, const char *path, struct policy_path_info *ret_info);

	/* A regular file with its digest; -EISDIR for directories, -EINVAL for anything else that is no
	 * regular file. */
	int (*program)(void *ctx, const char *path, struct policy_program_info *ret_info);

	/* Which package gave the path (canonical) this content: 0 and errors as packages_find. */
	int (*package)(void *ctx, const char *path, const struct content *content,
		       struct package *ret_package);

	/* Candidates for "did you mean"; what cannot be listed yields nothing. directory is for
	 * POLICY_NAMES_DIRECTORY. */
	void (*names)(void *ctx, enum policy_names kind, const char *directory, policy_each_name *each,
		      void *arg);
};

/*
 * The host this runs on. NULL when memory is short. Keeps one listing of the users from first use until freed.
 * cache: where digests of programs are looked up and kept; borrowed, may be NULL.
 */
struct policy_resolver *resolver_host_new(struct content_cache *cache);
void resolver_host_free(struct policy_resolver *resolver);

void policy_path_info_clear(struct policy_path_info *info);

#endif
