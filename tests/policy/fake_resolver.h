/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that is not there: the users, groups and files that the policy's tests and fuzzer speak of.
 *
 * Constant, so that a case says the same everywhere. Besides the tables: users "user0" to "user199999" (uid
 * 100000 + n), directories "/srv/auto/…" (each its own inode), and "ldapdown", which no directory service
 * answers for.
 */
#ifndef MUNIMENT_TESTS_FAKE_RESOLVER_H
#define MUNIMENT_TESTS_FAKE_RESOLVER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/policy.h"

struct fake_user {
	const char *name;
	uint32_t uid;
	uint32_t gid;
};

static const struct fake_user fake_users[] = {
	{"root", 0, 0},	       {"postgres", 113, 120}, {"backup", 34, 34},    {"orthanc", 114, 121},
	{"alice", 1001, 2000}, {"bob", 1002, 1002},    {"carol", 1003, 1003}, {"dave", 1004, 1004},
	{"ehr", 115, 122},     {"smbd", 116, 123},
};

static const struct fake_group {
	const char *name;
	uint32_t gid;
	uint32_t members[4]; /* besides those who have it as primary group; 0 ends */
} fake_groups[] = {
	{"root", 0, {0}},
	{"clinicians", 2000, {1002}}, /* alice by primary group */
	{"radiology", 2001, {1002}},
	{"administration", 2002, {1003}},
	{"empty", 2003, {0}},
	{"postgres", 120, {0}},
	{"auditors", 2004, {1004}},
	{"surgery", 2005, {1001}},
	{"night", 2006, {1003, 1001, 1003}}, /* neither in order nor once, as directory services list them */
};

static const struct fake_file {
	const char *path;
	const char *canonical; /* NULL: the path itself */
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	bool script;
	const char *inside; /* NULL: the canonical path */
} fake_files[] = {
	{"/", NULL, 2, S_IFDIR | 0755, 0, false, NULL},
	{"/usr", NULL, 3, S_IFDIR | 0755, 0, false, NULL},
	{"/etc", NULL, 4, S_IFDIR | 0755, 0, false, NULL},
	{"/proc", NULL, 5, S_IFDIR | 0555, 0, false, NULL},
	{"/home", NULL, 6, S_IFDIR | 0755, 0, false, NULL},
	{"/usr/lib", NULL, 7, S_IFDIR | 0755, 0, false, NULL},
	{"/usr/lib/x", NULL, 8, S_IFDIR | 0755, 0, false, NULL},
	{"/lib", "/usr/lib", 7, S_IFDIR | 0755, 0, false, NULL},
	{"/dev/shm/records", NULL, 9, S_IFDIR | 0755, 0, false, NULL},
	{"/var/lib/muniment", NULL, 10, S_IFDIR | 0700, 0, false, NULL},
	{"/var/lib/muniment/ledger", NULL, 11, S_IFDIR | 0700, 0, false, NULL},
	{"/mnt/state", NULL, 10, S_IFDIR | 0700, 0, false, "/var/lib/muniment"}, /* a bind mount */
	{"/mnt/root", NULL, 2, S_IFDIR | 0755, 0, false, "/"},			 /* likewise */
	{"/srv", NULL, 20, S_IFDIR | 0755, 0, false, NULL},
	{"/srv/records", NULL, 21, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/records/2026", NULL, 22, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/records-old", NULL, 23, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/link", "/srv/records", 21, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/bind", NULL, 22, S_IFDIR | 0750, 0, false, "/srv/records/2026"},
	{"/srv/dicom", NULL, 24, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/dicom/archive", NULL, 25, S_IFDIR | 0750, 0, false,
	 "/"}, /* another file system, see fake_device */
	{"/srv/overlaid", NULL, 80, S_IFDIR | 0750, 0, false, NULL}, /* see numbered_twice */
	{"/srv/index.db", NULL, 26, S_IFREG | 0640, 0, false, NULL},
	{"/srv/fifo", NULL, 27, S_IFIFO | 0640, 0, false, NULL},
	{"/srv/departments/administration", NULL, 28, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/departments/clinic", NULL, 29, S_IFDIR | 0750, 0, false, NULL},
	{"/srv/departments/surgery", NULL, 30, S_IFDIR | 0750, 0, false, NULL},
	{"/var/lib/postgresql/15/main", NULL, 31, S_IFDIR | 0700, 113, false, NULL},
	{"/var/lib/postgresql/15/main/global", NULL, 81, S_IFDIR | 0700, 113, false, NULL},
	{"/var/lib/orthanc", NULL, 32, S_IFDIR | 0700, 114, false, NULL},
	{"/var/lib/pgbackup", NULL, 33, S_IFDIR | 0700, 113, false, NULL},
	{"/usr/lib/postgresql/15/bin/postgres", NULL, 40, S_IFREG | 0755, 0, false, NULL},
	{"/usr/lib/postgresql/15/bin/pg_basebackup", NULL, 41, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/restic", NULL, 42, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/restic-link", "/usr/bin/restic", 42, S_IFREG | 0755, 0, false, NULL},
	{"/usr/sbin/Orthanc", NULL, 43, S_IFREG | 0755, 0, false, NULL},
	{"/usr/sbin/smbd", NULL, 44, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/python3", "/usr/bin/python3.11", 45, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/storescu", NULL, 46, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/notes.txt", NULL, 47, S_IFREG | 0644, 0, false, NULL},
	{"/usr/local/bin/backup.sh", NULL, 48, S_IFREG | 0755, 0, true, NULL},
	{"/opt/tool", NULL, 49, S_IFREG | 0775, 0, false, NULL},
	{"/opt/owned", NULL, 50, S_IFREG | 0755, 1001, false, NULL},
	{"/usr/bin/rsync", NULL, 51, S_IFREG | 0755, 0, false, NULL},
	{"/opt/lab", NULL, 52, S_IFDIR | 0755, 0, false, NULL},
	{"/opt/lab/libhl7.so", NULL, 53, S_IFREG | 0644, 0, false, NULL},
	{"/opt/lab/libwide.so", NULL, 54, S_IFREG | 0666, 0, false, NULL},
	{"/opt/lab/plugins", NULL, 55, S_IFDIR | 0755, 0, false, NULL},
	{"/opt/lab/plugins/", "/opt/lab/plugins", 55, S_IFDIR | 0755, 0, false, NULL},
	{"/opt/lab/plugins/a.so", NULL, 56, S_IFREG | 0644, 0, false, NULL},
	{"/opt/lab/plugins/b.so", NULL, 57, S_IFREG | 0644, 0, false, NULL},
	{"/opt/lab/plugins/more", NULL, 58, S_IFDIR | 0755, 0, false, NULL},
	{"/lib64/ld-linux-x86-64.so.2", "/usr/lib/ld-linux-x86-64.so.2", 59, S_IFREG | 0755, 0, false, NULL},
	{"/usr/share/postgresql-common/pg_wrapper", NULL, 70, S_IFREG | 0755, 0, false, NULL},
	{"/usr/lib/own/server", NULL, 71, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/pg_ctlcluster", NULL, 72, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/pg_lsclusters", NULL, 73, S_IFREG | 0755, 0, false, NULL},
	{"/usr/lib/postgresql/15/bin/pg_ctl", NULL, 74, S_IFREG | 0755, 0, false, NULL},
	{"/usr/lib/postgresql/15/bin/pg_controldata", NULL, 75, S_IFREG | 0755, 0, false, NULL},
	{"/usr/lib/postgresql/15/bin/pg_dump", NULL, 76, S_IFREG | 0755, 0, false, NULL},
	{"/usr/lib/postgresql/15/bin/pg_restore", NULL, 77, S_IFREG | 0755, 0, false, NULL},
	{"/usr/bin/pg_conftool", NULL, 78, S_IFREG | 0755, 0, false, NULL},
};

#define FAKE_COUNT(a) (sizeof(a) / sizeof(*(a)))

static inline int fake_user(void *ctx, const char *name, uint32_t *ret_uid)
{
	(void)ctx;
	if (strcmp(name, "ldapdown") == 0)
		return -EIO;
	for (size_t i = 0; i < FAKE_COUNT(fake_users); i++) {
		if (strcmp(fake_users[i].name, name) == 0) {
			*ret_uid = fake_users[i].uid;
			return 0;
		}
	}
	if (strncmp(name, "user", 4) == 0 && name[4] && strspn(name + 4, "0123456789") == strlen(name + 4) &&
	    strlen(name) < 11 && strtoul(name + 4, NULL, 10) < 200000) {
		*ret_uid = 100000 + (uint32_t)strtoul(name + 4, NULL, 10);
		return 0;
	}
	return -ENOENT;
}

static inline int fake_group(void *ctx, const char *name, uint32_t *ret_gid)
{
	(void)ctx;
	if (strcmp(name, "ldapdown") == 0)
		return -EIO;
	for (size_t i = 0; i < FAKE_COUNT(fake_groups); i++) {
		if (strcmp(fake_groups[i].name, name) == 0) {
			*ret_gid = fake_groups[i].gid;
			return 0;
		}
	}
	return -ENOENT;
}

static inline int fake_members(void *ctx, uint32_t gid, policy_each_uid *each, void *arg)
{
	(void)ctx;
	if (gid == 77777) { /* as many as a map takes, and one more */
		for (uint32_t i = 0; i <= USERS_MAX; i++) {
			if (!each(arg, 100000 + i))
				break;
		}
		return 0;
	}
	for (size_t i = 0; i < FAKE_COUNT(fake_users); i++) {
		if (fake_users[i].gid == gid && !each(arg, fake_users[i].uid))
			return 0;
	}
	for (size_t i = 0; i < FAKE_COUNT(fake_groups); i++) {
		for (size_t k = 0; fake_groups[i].gid == gid && k < 4 && fake_groups[i].members[k]; k++)
			each(arg, fake_groups[i].members[k]);
	}
	return 0;
}

static inline int fake_fill(const char *canonical, const char *inside, struct policy_path_info *info)
{
	info->canonical = strdup(canonical);
	info->inside = strdup(inside);
	if (info->canonical && info->inside)
		return 0;
	policy_path_info_clear(info);
	return -ENOMEM;
}

static inline int fake_path(void *ctx, const char *path, struct policy_path_info *ret_info)
{
	struct policy_path_info info = {.device = 8u << 20 | 1, .dev = 2049, .mode = S_IFDIR | 0755};
	const char *canonical = path, *inside;
	int rc;

	(void)ctx;
	if (strcmp(path, "/srv/private/records") == 0)
		return -EACCES;
	inside = path;
	if (strncmp(path, "/srv/auto/", 10) == 0 && path[10] && !strchr(path + 10, '/')) {
		info.ino = 5381;
		for (const char *c = path; *c; c++)
			info.ino = info.ino * 33 + (unsigned char)*c;
	} else {
		const struct fake_file *file = NULL;

		for (size_t i = 0; i < FAKE_COUNT(fake_files) && !file; i++) {
			if (strcmp(fake_files[i].path, path) == 0)
				file = &fake_files[i];
		}
		if (!file)
			return -ENOENT;
		canonical = file->canonical ? file->canonical : file->path;
		inside = file->inside ? file->inside : canonical;
		info.ino = file->ino;
		info.mode = file->mode;
		info.uid = file->uid;
		if (file->ino == 25) /* the archive is a file system of its own */
			info.device = 8u << 20 | 2, info.dev = 2050;
		info.numbered_twice = file->ino == 80;
	}
	rc = fake_fill(canonical, inside, &info);
	if (rc == 0)
		*ret_info = info;
	return rc;
}

static inline int fake_program(void *ctx, const char *path, struct policy_program_info *ret_info)
{
	struct policy_program_info info = {0};
	int rc = fake_path(ctx, path, &info.path);

	if (rc < 0)
		return rc;
	if (!S_ISREG(info.path.mode)) {
		rc = S_ISDIR(info.path.mode) ? -EISDIR : -EINVAL;
		policy_path_info_clear(&info.path);
		return rc;
	}
	for (size_t i = 0; i < FAKE_COUNT(fake_files); i++) {
		if (fake_files[i].ino == info.path.ino)
			info.content.script = info.content.by_env = fake_files[i].script;
	}
	memset(info.content.sha256, (int)info.path.ino, POLICY_DIGEST_SIZE);
	info.content.has_md5 = true;
	info.key = (struct content_key){.dev = info.path.dev, .ino = info.path.ino, .size = 1, .ctime_ns = 1};
	*ret_info = info;
	return 0;
}

/* Of the package "tools" come the programs of /usr/bin and of PostgreSQL; rsync has been changed since; for
 * /usr/sbin there is no package database. */
static inline int fake_package(void *ctx, const char *path, const struct content *content,
			       struct package *ret_package)
{
	(void)ctx;
	(void)content;
	if (strncmp(path, "/usr/bin/", 9) != 0 && !strstr(path, "/postgresql"))
		return strncmp(path, "/usr/sbin/", 10) == 0 ? -EOPNOTSUPP : -ENOENT;
	if (strcmp(path, "/usr/bin/rsync") == 0)
		return -EBADMSG;
	strcpy(ret_package->name, "tools");
	strcpy(ret_package->version, "1.0-1");
	return 0;
}

static inline void fake_entries(const char *directory, policy_each_name *each, void *arg)
{
	size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
	char name[256];

	for (size_t i = 0; i < FAKE_COUNT(fake_files); i++) {
		const char *path = fake_files[i].path;

		if (strncmp(path, directory, n) != 0 || path[n] != '/' || !path[n + 1])
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(path + n + 1, "/"), path + n + 1);
		if (!each(arg, name))
			return;
	}
}

static inline void fake_names(void *ctx, enum policy_names kind, const char *directory,
			      policy_each_name *each, void *arg)
{
	(void)ctx;
	if (kind == POLICY_NAMES_USERS) {
		for (size_t i = 0; i < FAKE_COUNT(fake_users) && each(arg, fake_users[i].name); i++)
			;
	} else if (kind == POLICY_NAMES_GROUPS) {
		for (size_t i = 0; i < FAKE_COUNT(fake_groups) && each(arg, fake_groups[i].name); i++)
			;
	} else if (kind == POLICY_NAMES_DIRECTORY) {
		fake_entries(directory, each, arg);
	} else if (kind == POLICY_NAMES_MOUNTS && strcmp(directory, "/srv/dicom") == 0) {
		each(arg, "/srv/dicom/archive");
	}
}

static const struct policy_resolver fake_resolver = {
	.user = fake_user,
	.group = fake_group,
	.members = fake_members,
	.path = fake_path,
	.program = fake_program,
	.package = fake_package,
	.names = fake_names,
};

static const struct policy_protected fake_protected[] = {
	{"/var/lib/muniment", "the daemon's state"},
	{"/usr/sbin/munimentd", "the daemon's program"},
};

static const struct policy_env fake_env = {&fake_resolver, fake_protected, FAKE_COUNT(fake_protected)};

#endif
