/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver that asks the real host: only what every Linux host answers alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <errno.h>
#include <cmocka.h>

#include "base/b64.h"
#include "base/file.h"
#include "policy/policy.h"
#include "policy/resolver_host.h"

struct scene {
	struct policy_resolver *resolver;
	char directory[64]; /* canonical */
};

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	char made[] = "/tmp/muniment-host-XXXXXX", *canonical;

	if (!scene || !mkdtemp(made))
		return -1;
	canonical = realpath(made, NULL);
	snprintf(scene->directory, sizeof(scene->directory), "%s", canonical);
	free(canonical);
	scene->resolver = resolver_host_new(NULL);
	*state = scene;
	return scene->resolver ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"tool", "script", "link", "fifo", "plain"};
	struct scene *scene = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", scene->directory, names[i]);
		unlink(path);
	}
	rmdir(scene->directory);
	resolver_host_free(scene->resolver);
	free(scene);
	return 0;
}

static bool note_uid(void *arg, uint32_t uid)
{
	if (uid == 0)
		*(bool *)arg = true;
	return true;
}

static bool note_name(void *arg, const char *name)
{
	const char **wanted = arg;

	if (*wanted && strcmp(name, *wanted) == 0)
		*wanted = NULL;
	return true;
}

static void users_and_groups(void **state)
{
	const struct policy_resolver *r = ((struct scene *)*state)->resolver;
	uint32_t id = 77;
	bool root = false;
	const char *wanted = "root";

	assert_int_equal(r->user(r->ctx, "root", &id), 0);
	assert_int_equal(id, 0);
	id = 77;
	assert_int_equal(r->group(r->ctx, "root", &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(r->user(r->ctx, "no-such-user-here", &id), -ENOENT);
	assert_int_equal(r->group(r->ctx, "no-such-group-here", &id), -ENOENT);
	assert_int_equal(r->members(r->ctx, 0, note_uid, &root), 0);
	assert_true(root); /* by primary group */
	r->names(r->ctx, POLICY_NAMES_USERS, NULL, note_name, &wanted);
	assert_null(wanted);
	wanted = "root";
	r->names(r->ctx, POLICY_NAMES_GROUPS, NULL, note_name, &wanted);
	assert_null(wanted);
}

static void make_file(const struct scene *scene, const char *name, const char *text, mode_t mode,
		      char path[128])
{
	snprintf(path, 128, "%s/%s", scene->directory, name);
	assert_int_equal(file_replace(path, text, strlen(text), mode), 0);
}

static void programs_are_digested(void **state)
{
	const struct scene *scene = *state;
	const struct policy_resolver *r = scene->resolver;
	struct policy_program_info info = {0};
	char path[128], link[128], hex[HEX_SIZE(POLICY_DIGEST_SIZE)];
	struct stat st;

	make_file(scene, "tool", "abc", 0755, path);
	snprintf(link, sizeof(link), "%s/link", scene->directory);
	assert_int_equal(symlink("tool", link), 0);
	assert_int_equal(r->program(r->ctx, link, &info), 0);
	assert_string_equal(info.path.canonical, path);
	hex_encode(info.content.sha256, sizeof(info.content.sha256), hex);
	/* FIPS 180-2, appendix B.1 */
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_false(info.content.script);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(info.path.ino, st.st_ino);
	assert_int_equal(info.path.dev, st.st_dev);
	policy_path_info_clear(&info.path);
	make_file(scene, "script", "#!/bin/sh\n", 0755, path);
	assert_int_equal(r->program(r->ctx, path, &info), 0);
	assert_true(info.content.script);
	policy_path_info_clear(&info.path);
	make_file(scene, "plain", "#", 0755, path);
	assert_int_equal(r->program(r->ctx, path, &info), 0);
	assert_false(info.content.script);
	policy_path_info_clear(&info.path);
}

static void odd_files_are_told_apart(void **state)
{
	const struct scene *scene = *state;
	const struct policy_resolver *r = scene->resolver;
	struct policy_program_info info = {0};
	char path[128];

	assert_int_equal(r->program(r->ctx, scene->directory, &info), -EISDIR);
	snprintf(path, sizeof(path), "%s/fifo", scene->directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(r->program(r->ctx, path, &info), -EINVAL); /* and does not wait for a writer */
	snprintf(path, sizeof(path), "%s/nothing", scene->directory);
	assert_int_equal(r->program(r->ctx, path, &info), -ENOENT);
	assert_int_equal(r->path(r->ctx, path, &info.path), -ENOENT);
	assert_null(info.path.canonical);
}

static void paths_know_their_file_system(void **state)
{
	const struct scene *scene = *state;
	const struct policy_resolver *r = scene->resolver;
	struct policy_path_info root = {0}, proc = {0}, here = {0};
	char odd[128];

	assert_int_equal(r->path(r->ctx, "/", &root), 0);
	assert_int_equal(r->path(r->ctx, "/proc", &proc), 0);
	snprintf(odd, sizeof(odd), "%s/../%s/.", scene->directory, strrchr(scene->directory, '/') + 1);
	assert_int_equal(r->path(r->ctx, odd, &here), 0);
	assert_string_equal(here.canonical, scene->directory);
	assert_non_null(root.inside);
	assert_non_null(proc.inside);
	assert_non_null(here.inside);
	assert_string_equal(proc.inside, "/");
	assert_true(proc.device != root.device);
	assert_true(strlen(here.inside) >= strlen(strrchr(scene->directory, '/')));
	assert_string_equal(here.inside + strlen(here.inside) - strlen(strrchr(scene->directory, '/')),
			    strrchr(scene->directory, '/'));
	policy_path_info_clear(&root);
	policy_path_info_clear(&proc);
	policy_path_info_clear(&here);
}

static void mounts_below_are_listed(void **state)
{
	const struct policy_resolver *r = ((struct scene *)*state)->resolver;
	const char *wanted = "/proc";

	r->names(r->ctx, POLICY_NAMES_MOUNTS, "/", note_name, &wanted);
	assert_null(wanted);
	wanted = "/proc";
	r->names(r->ctx, POLICY_NAMES_MOUNTS, "/proc", note_name, &wanted);
	assert_non_null(wanted);
	wanted = strrchr(((struct scene *)*state)->directory, '/') + 1;
	r->names(r->ctx, POLICY_NAMES_DIRECTORY, "/tmp", note_name, &wanted);
	assert_null(wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_and_groups),	    cmocka_unit_test(programs_are_digested),
		cmocka_unit_test(odd_files_are_told_apart), cmocka_unit_test(paths_know_their_file_system),
		cmocka_unit_test(mounts_below_are_listed),
	};

	return cmocka_run_group_tests_name("policy host", tests, set_up, tear_down);
}
