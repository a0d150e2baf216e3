/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver that asks the host this runs on: users and groups by NSS (LDAP works like files), paths by the
 * file system.
 *
 * Owns a listing of the users, made at first need, because members by primary group can be had in no other
 * way. Not for two threads at once (getpwent). Made by munimentd and the commands.
 */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/resolver_host.h"

#define NSS_BUFFER_MAX (8u << 20) /* a group line with 100,000 members fits */

static int nss_error(int rc)
{
	return rc == 0 || rc == ENOENT || rc == ESRCH ? -ENOENT : -rc;
}

static int find_user(const char *name, uint32_t *ret_uid)
{
	char buffer[16384];
	struct passwd entry, *found = NULL;
	int rc = getpwnam_r(name, &entry, buffer, sizeof(buffer), &found);

	if (!found)
		return nss_error(rc);
	*ret_uid = found->pw_uid;
	return 0;
}

static int host_user(void *ctx, const char *name, uint32_t *ret_uid)
{
	(void)ctx;
	return find_user(name, ret_uid);
}

/* Finds a group by name, or by gid when name is NULL. *ret_buffer holds its strings and is the caller's to
 * free. */
static int find_group(const char *name, gid_t gid, struct group *ret_entry, char **ret_buffer)
{
	for (size_t size = 16384; size <= NSS_BUFFER_MAX; size *= 2) {
		struct group *found = NULL;
		char *buffer = malloc(size);
		int rc;

		if (!buffer)
			return -ENOMEM;
		rc = name ? getgrnam_r(name, ret_entry, buffer, size, &found)
			  : getgrgid_r(gid, ret_entry, buffer, size, &found);
		if (found) {
			*ret_buffer = buffer;
			return 0;
		}
		free(buffer);
		if (rc != ERANGE)
			return nss_error(rc);
	}
	return -E2BIG;
}

static int host_group(void *ctx, const char *name, uint32_t *ret_gid)
{
	struct group entry;
	char *buffer = NULL;
	int rc = find_group(name, 0, &entry, &buffer);

	(void)ctx;
	if (rc < 0)
		return rc;
	*ret_gid = entry.gr_gid;
	free(buffer);
	return 0;
}

static int compare_users(const void *a, const void *b)
{
	const struct host_user *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int keep_user(struct host_resolver *host, const struct passwd *entry)
{
	if (host->n_users == host->cap_users) {
		size_t cap = host->cap_users ? 2 * host->cap_users : 64;
		struct host_user *users = reallocarray(host->users, cap, sizeof(*users));

		if (!users)
			return -ENOMEM;
		host->users = users;
		host->cap_users = cap;
	}
	host->users[host->n_users] = (struct host_user){strdup(entry->pw_name), entry->pw_uid, entry->pw_gid};
	if (!host->users[host->n_users].name)
		return -ENOMEM;
	host->n_users++;
	return 0;
}

static int list_users(struct host_resolver *host)
{
	struct passwd *entry;
	int rc = 0;

	if (host->users_listed)
		return 0;
	setpwent();
	while (rc == 0 && (entry = getpwent()))
		rc = keep_user(host, entry);
	endpwent();
	if (rc < 0)
		return rc;
	if (host->n_users)
		qsort(host->users, host->n_users, sizeof(*host->users), compare_users);
	host->users_listed = true;
	return 0;
}

static int host_members(void *ctx, uint32_t gid, policy_each_uid *each, void *arg)
{
	struct host_resolver *host = ctx;
	struct group entry;
	char *buffer = NULL;
	int rc = list_users(host);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < host->n_users; i++) {
		if (host->users[i].gid == gid && !each(arg, host->users[i].uid))
			return 0;
	}
	rc = find_group(NULL, gid, &entry, &buffer);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	for (char **name = entry.gr_mem; *name; name++) {
		struct host_user key = {.name = *name}, *listed = NULL;
		uint32_t uid = UINT32_MAX;

		if (host->n_users)
			listed = bsearch(&key, host->users, host->n_users, sizeof(key), compare_users);
		if (listed)
			uid = listed->uid;
		else if (find_user(*name, &uid) < 0)
			continue; /* a member that no longer exists gains nothing */
		if (!each(arg, uid))
			break;
	}
	free(buffer);
	return 0;
}

static void list_groups(policy_each_name *each, void *arg)
{
	struct group *entry;

	setgrent();
	while ((entry = getgrent()) && each(arg, entry->gr_name))
		;
	endgrent();
}

static void list_directory(const char *path, policy_each_name *each, void *arg)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!each(arg, entry->d_name))
			break;
	}
	closedir(directory);
}

static void host_names(void *ctx, enum policy_names kind, const char *directory, policy_each_name *each,
		       void *arg)
{
	struct host_resolver *host = ctx;

	switch (kind) {
	case POLICY_NAMES_USERS:
		if (list_users(host) < 0)
			return;
		for (size_t i = 0; i < host->n_users; i++) {
			if (!each(arg, host->users[i].name))
				return;
		}
		break;
	case POLICY_NAMES_GROUPS:
		list_groups(each, arg);
		break;
	case POLICY_NAMES_DIRECTORY:
		list_directory(directory, each, arg);
		break;
	case POLICY_NAMES_MOUNTS:
		host_list_mounts(host, directory, each, arg);
		break;
	default:
		break;
	}
}

struct policy_resolver *resolver_host_new(struct content_cache *cache)
{
	struct host_resolver *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->contents = cache;
	host->interface = (struct policy_resolver){
		.ctx = host,
		.user = host_user,
		.group = host_group,
		.members = host_members,
		.path = host_path,
		.program = host_program,
		.package = host_package,
		.names = host_names,
	};
	return &host->interface;
}

void resolver_host_free(struct policy_resolver *resolver)
{
	struct host_resolver *host;

	if (!resolver)
		return;
	host = resolver->ctx;
	for (size_t i = 0; i < host->n_users; i++)
		free(host->users[i].name);
	free(host->users);
	host_free_mounts(host);
	free(host);
}
