/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlaps and mounts on the real host: bind mounts and file systems below a store, in a user and mount
 * namespace of this process's own, so that no root is needed and nothing stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/policy.h"
#include "policy/resolver_host.h"

#define ODD "o d\\d" /* written with octal digits in mountinfo */

static bool write_map(const char *path, unsigned int id)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && dprintf(fd, "0 %u 1\n", id) > 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* Returns NULL, or why the scene cannot be set. */
static const char *enter_namespaces(char *directory)
{
	static const char *const names[] = {"/a", "/a/sub",   "/b",	 "/c", "/c/deep", "/c/deep/" ODD,
					    "/d", "/d/upper", "/d/work", "/e", "/o"};
	unsigned int uid = getuid(), gid = getgid();
	char from[128], to[128];
	int fd;

	if (!mkdtemp(directory))
		return "no temporary directory";
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return "user namespaces are not allowed here";
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "deny", 4) != 4)
			fprintf(stderr, "# setgroups: %s\n", strerror(errno));
		close(fd);
	}
	if (!write_map("/proc/self/uid_map", uid) || !write_map("/proc/self/gid_map", gid))
		return "the namespace's ids cannot be mapped";
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", directory, "tmpfs", 0, NULL) < 0)
		return "mounts are not allowed here";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(to, sizeof(to), "%s%s", directory, names[i]);
		if (mkdir(to, 0700) < 0)
			return "no directory";
	}
	snprintf(from, sizeof(from), "%s/a/sub", directory);
	snprintf(to, sizeof(to), "%s/b", directory);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return "no bind mount";
	snprintf(to, sizeof(to), "%s/c/deep/" ODD, directory);
	return mount("none", to, "tmpfs", 0, NULL) < 0 ? "no second tmpfs" : NULL;
}

static char directory[] = "/tmp/muniment-mounts-XXXXXX";

static void inside_sees_through_bind_mounts(void **state)
{
	struct policy_resolver *r = resolver_host_new(NULL);
	struct policy_path_info sub = {0}, bound = {0}, odd = {0};
	char path[128];

	(void)state;
	assert_non_null(r);
	snprintf(path, sizeof(path), "%s/a/sub", directory);
	assert_int_equal(r->path(r->ctx, path, &sub), 0);
	snprintf(path, sizeof(path), "%s/b", directory);
	assert_int_equal(r->path(r->ctx, path, &bound), 0);
	snprintf(path, sizeof(path), "%s/c/deep/" ODD, directory);
	assert_int_equal(r->path(r->ctx, path, &odd), 0);
	assert_string_equal(sub.inside, "/a/sub");
	assert_string_equal(bound.inside, "/a/sub");
	assert_int_equal(sub.device, bound.device);
	assert_string_equal(odd.inside, "/");
	assert_int_not_equal(sub.device, odd.device);
	policy_path_info_clear(&sub);
	policy_path_info_clear(&bound);
	policy_path_info_clear(&odd);
	resolver_host_free(r);
}

/* Checks a policy with these stores; returns how many findings of the kind there are. */
static size_t findings_of(const char *stores, enum policy_finding_id id)
{
	struct policy_resolver *r = resolver_host_new(NULL);
	struct policy *policy = policy_new();
	struct policy_env env = {.resolver = r};
	char text[1024];
	size_t n = 0;

	assert_non_null(r);
	assert_non_null(policy);
	snprintf(text, sizeof(text), "version: 1\nmode: enforce\nstores:\n%s", stores);
	assert_int_equal(policy_add_text(policy, "p.yaml", text, strlen(text)), 0);
	policy_check(policy, &env);
	for (size_t i = 0; i < policy->findings.n; i++)
		n += policy->findings.items[i].id == id;
	policy_free(policy);
	resolver_host_free(r);
	return n;
}

static void bind_mounts_of_a_store_overlap(void **state)
{
	char stores[512];

	(void)state;
	snprintf(stores, sizeof(stores), "  x: {paths: [%s/a]}\n  y: {paths: [%s/b]}\n", directory,
		 directory);
	assert_int_equal(findings_of(stores, POLICY_STORE_OVERLAP), 1);
	snprintf(stores, sizeof(stores), "  x: {paths: [%s/a]}\n  y: {paths: [%s/c]}\n", directory,
		 directory);
	assert_int_equal(findings_of(stores, POLICY_STORE_OVERLAP), 0);
}

static void mounts_below_a_store_are_named(void **state)
{
	char stores[512];

	(void)state;
	snprintf(stores, sizeof(stores), "  x: {paths: [%s/c]}\n", directory);
	assert_int_equal(findings_of(stores, POLICY_STORE_MOUNT), 1);
	snprintf(stores, sizeof(stores), "  x: {paths: [%s/c, \"%s/c/deep/o d\\\\d\"]}\n", directory,
		 directory);
	assert_int_equal(findings_of(stores, POLICY_STORE_MOUNT), 0);
	assert_int_equal(findings_of(stores, POLICY_STORE_OVERLAP), 0);
	snprintf(stores, sizeof(stores), "  x: {paths: [%s/a]}\n", directory);
	assert_int_equal(findings_of(stores, POLICY_STORE_MOUNT), 0);
}

/* Findings about a store in an overlay whose lower layer is `lower`, with a file in it. The upper layer is in the first
 * tmpfs. */
static size_t findings_of_overlay(const char *lower, const char *more)
{
	char options[512], path[128], stores[256];
	size_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/file", directory, lower);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(options, sizeof(options), "userxattr,lowerdir=%s/%s,upperdir=%s/d/upper,workdir=%s/d/work%s",
		 directory, lower, directory, directory, more);
	snprintf(path, sizeof(path), "%s/o", directory);
	if (mount("none", path, "overlay", 0, options) < 0)
		skip();
	snprintf(stores, sizeof(stores), "  x: {paths: [%s/o]}\n", directory);
	n = findings_of(stores, POLICY_STORE_OVERLAY);
	assert_int_equal(umount(path), 0);
	return n;
}

static void overlays_that_number_twice_are_named(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/e", directory);
	assert_int_equal(findings_of_overlay("c", ""), 0); /* layers on one file system */
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	assert_int_equal(findings_of_overlay("e", ",xino=off"), 1);
	assert_int_equal(findings_of_overlay("e", ",xino=on"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_sees_through_bind_mounts),
		cmocka_unit_test(bind_mounts_of_a_store_overlap),
		cmocka_unit_test(mounts_below_a_store_are_named),
		cmocka_unit_test(overlays_that_number_twice_are_named),
	};
	const char *why = enter_namespaces(directory);
	int failed = 0;

	if (why)
		printf("1..1\nok 1 - policy mounts # SKIP %s\n", why);
	else
		failed = cmocka_run_group_tests_name("policy mounts", tests, NULL, NULL);
	umount2(directory, MNT_DETACH);
	rmdir(directory);
	return failed != 0;
}
