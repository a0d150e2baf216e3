/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the host's resolver: its state and its half that deals with files. Included by resolver_*.c only.
 */
#ifndef MUNIMENT_POLICY_RESOLVER_HOST_H
#define MUNIMENT_POLICY_RESOLVER_HOST_H

#include <stddef.h>

#include "policy/resolver.h"

struct host_user {
	char *name;
	uint32_t uid;
	uint32_t gid; /* primary */
};

struct host_mount {
	unsigned long long id;
	uint32_t device; /* major << 20 | minor */
	char *root;	 /* what of its file system is mounted */
	char *point;	 /* where */
};

struct host_resolver {
	struct policy_resolver interface;
	struct host_user *users; /* sorted by name */
	size_t n_users;
	size_t cap_users;
	bool users_listed;
	struct host_mount *mounts;
	size_t n_mounts;
	bool mounts_listed;
	struct content_cache *contents; /* borrowed */
};

int host_path(void *ctx, const char *path, struct policy_path_info *ret_info);
int host_program(void *ctx, const char *path, struct policy_program_info *ret_info);
int host_package(void *ctx, const char *path, const struct content *content, struct package *ret_package);
void host_list_mounts(struct host_resolver *host, const char *directory, policy_each_name *each, void *arg);
void host_free_mounts(struct host_resolver *host);

#endif
