/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of a program's file: its digests, and what tells that they still hold.
 *
 * content_read and the cache are for one thread at a time. Used by the host's resolver and by
 * userspace/kernel, which digests a program that changed.
 */
#ifndef MUNIMENT_POLICY_CONTENT_H
#define MUNIMENT_POLICY_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define POLICY_DIGEST_SIZE 32 /* SHA-256 */
#define CONTENT_MD5_SIZE   16
#define CONTENT_SETTLE_MS  100 /* well over a tick of the kernel's coarse clock, 10 ms at most */

struct content {
	uint8_t sha256[POLICY_DIGEST_SIZE];
	uint8_t md5[CONTENT_MD5_SIZE]; /* for package databases; it proves nothing by itself */
	bool has_md5;		       /* not where OpenSSL is bound to FIPS algorithms */
	bool script;		       /* begins with "#!" */
	bool by_env;		       /* "#!/usr/bin/env …": the caller's PATH says which interpreter */
};

/* By stat(2). A file of another key may have other content, one of the same key has not. */
struct content_key {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t ctime_ns; /* since 1970 */
};

struct content_key content_key(const struct stat *st);
bool content_key_equal(const struct content_key *a, const struct content_key *b);

/*
 * Nanoseconds until a change of the file is sure to change its ctime, which the kernel takes from a clock that
 * stands still for a tick; 0: at once. At most CONTENT_SETTLE_MS.
 */
uint64_t content_unsettled_ns(const struct stat *st);

/* Reads an open file from its start; its position stays. 0, -EFBIG over 4 GiB, -ENOMEM, other -errno. */
int content_read(int fd, struct content *ret_content);

/* Contents by key. What was neither found nor kept since the sweep before goes at the next one. */
struct content_cache;
struct content_cache *content_cache_new(void); /* NULL: no memory */
void content_cache_free(struct content_cache *cache);
/* False: not known. A NULL cache knows nothing. */
bool content_cache_find(struct content_cache *cache, const struct content_key *key,
			struct content *ret_content);
/* Without memory it is not kept. */
void content_cache_keep(struct content_cache *cache, const struct content_key *key,
			const struct content *content);
void content_cache_sweep(struct content_cache *cache);

#endif
