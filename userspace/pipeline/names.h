/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users and groups by NSS, remembered for a while.
 *
 * NSS may ask a directory service that does not answer. So a thread of its own asks, and the event path waits
 * for it only within a budget (NAMES_WAIT_MS in any second); later events get the name when it is there. Owns
 * the thread.
 */
#ifndef MUNIMENT_PIPELINE_NAMES_H
#define MUNIMENT_PIPELINE_NAMES_H

#include <stdint.h>
#include <sys/types.h>

#define NAMES_WAIT_MS	  100 /* spent waiting in any second */
#define NAMES_TTL_SECONDS 300
#define NAMES_SIZE	  256
#define NAMES_FROM_FILES  500

struct names;

/* What is asked; NULL: NSS. Both write a NUL-terminated name of at most NAMES_SIZE bytes; 0, -ENOENT or
 * -errno. */
struct names_source {
	int (*user)(uint32_t uid, char *ret_name);
	int (*group)(uint32_t gid, char *ret_name);
};

/* Starts the thread. Call after privileges were dropped: threads have capabilities of their own. */
int names_new(const struct names_source *source, struct names **ret_names);

/* Joins the thread unless it hangs in NSS, which is then left to the end of the process. */
void names_free(struct names *n);

/* The name, or NULL when there is none or it is not known in time. Valid until the next call. now_ns:
 * CLOCK_MONOTONIC. */
const char *names_user(struct names *n, uint32_t uid, uint64_t now_ns);
const char *names_group(struct names *n, uint32_t gid, uint64_t now_ns);

/*
 * Takes the names in files of the form of /etc/passwd and /etc/group (NULL: none) as known, so that events of
 * local users never wait for NSS; up to NAMES_FROM_FILES of each. NSS is asked when they expire.
 */
void names_read_files(struct names *n, const char *passwd, const char *group, uint64_t now_ns);

/* /etc/passwd or /etc/group changed: everything is asked again. */
void names_forget(struct names *n);

/* Grows whenever an answer was new: texts made from names before are out of date. */
uint64_t names_version(struct names *n);

#endif
