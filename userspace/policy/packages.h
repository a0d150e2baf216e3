/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The package database of Debian and its kin: which content a package gave a file. It holds MD5 sums that
 * whoever may write to it can change, and is as strong as that.
 *
 * Diversions are passed over: a diverted file has another content than its package says, and is refused.
 * Called by the host's resolver and by userspace/kernel.
 */
#ifndef MUNIMENT_POLICY_PACKAGES_H
#define MUNIMENT_POLICY_PACKAGES_H

#include "policy/content.h"

#define PACKAGES_DIR	 "/var/lib/dpkg" /* "info", a list for each package, and "status" */
#define PACKAGE_NAME_MAX 127

struct package {
	char name[PACKAGE_NAME_MAX + 1];    /* of the md5sums file: "libc6:amd64"; "" for none */
	char version[PACKAGE_NAME_MAX + 1]; /* "" where it is not to be had */
};

/*
 * Does a package list this path (canonical) with this content? 0 and which; -EBADMSG: one lists it, with other
 * content; -ENOENT: none lists it; -EOPNOTSUPP: no database here, or no MD5; other -errno. hint: where to look
 * first, or NULL. dir: PACKAGES_DIR.
 */
int packages_find(const char *dir, const char *path, const struct content *content, const char *hint,
		  struct package *ret_package);

/* By its name: ".so" at the end, or before a ".". */
bool packages_is_shared_object(const char *path);

/*
 * Hands each file that packages list, and that is wanted, to fn, in any order. path is as the database has it, with a
 * slash before. 0; -EOPNOTSUPP: no database; fn's value if that is not 0; -ENOMEM.
 */
struct packages_each {
	bool (*wanted)(void *ctx, const char *path);
	int (*fn)(void *ctx, const char *package, const char *path, const uint8_t md5[CONTENT_MD5_SIZE]);
	void *ctx;
};
int packages_files(const char *dir, const struct packages_each *each);

/* When the database last changed, in ns since 1970; 0: there is none. */
uint64_t packages_changed_ns(const char *dir);

#endif
