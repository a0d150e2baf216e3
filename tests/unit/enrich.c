// SPDX-License-Identifier: Apache-2.0
/* Names, mounts, containers: right answers, bounded memory and time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/cache.h"
#include "pipeline/mounts.h"
#include "pipeline_fixture.h"

static int drops;

static void count_drop(void *value)
{
	(void)value;
	drops++;
}

static void test_cache_is_bounded(void **state)
{
	struct cache *c = cache_new(64, 8, 8, count_drop);
	unsigned found = 0;

	(void)state;
	drops = 0;
	for (uint64_t i = 0; i < 10000; i++) {
		assert_null(cache_find(c, &i));
		*(uint64_t *)cache_add(c, &i) = i;
	}
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t *v = cache_find(c, &i);

		found += v != NULL;
		if (v)
			assert_int_equal(*v, i);
	}
	assert_int_equal(found, 64);
	assert_int_equal(drops, 10000 - 64);
	cache_clear(c);
	assert_int_equal(drops, 10000);
	cache_free(c);
}

static int asked;

static int counting_user(uint32_t uid, char *ret_name)
{
	asked++;
	return fixture_user_name(uid, ret_name);
}

/* Whoever asks waits a moment only, which a loaded machine may let pass. */
static const char *user_in_time(struct names *n, uint32_t uid, uint64_t now_ns)
{
	const char *name = names_user(n, uid, now_ns);

	for (int i = 0; i < 100 && !name; i++) {
		usleep(20000);
		name = names_user(n, uid, now_ns);
	}
	return name ? name : "(none in time)";
}

static void test_names_are_remembered(void **state)
{
	const struct names_source source = {counting_user, fixture_group_name};
	struct names *n;
	uint64_t version;

	(void)state;
	asked = 0;
	assert_int_equal(names_new(&source, &n), 0);
	assert_string_equal(user_in_time(n, 113, 1), "postgres");
	assert_string_equal(names_group(n, 113, 1), "group113");
	assert_null(names_user(n, 4242, 1));
	version = names_version(n);
	for (int i = 0; i < 100; i++) {
		assert_string_equal(names_user(n, 113, 2), "postgres");
		assert_null(names_user(n, 4242, 2));
	}
	assert_int_equal(asked, 2);
	assert_int_equal(names_version(n), version);
	names_forget(n);
	assert_string_equal(user_in_time(n, 113, 3), "postgres");
	assert_int_equal(asked, 3);
	/* Out of date: the old answer at once, the new one when it is there. */
	assert_string_equal(names_user(n, 113, 3 + NAMES_TTL_SECONDS * 2000000000ull), "postgres");
	names_free(n);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int hanging_user(uint32_t uid, char *ret_name)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return fixture_user_name(uid, ret_name);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void test_hanging_directory_costs_little(void **state)
{
	const struct names_source source = {hanging_user, fixture_group_name};
	uint64_t start = now_ms();
	struct names *n;

	(void)state;
	pthread_mutex_lock(&gate);
	assert_int_equal(names_new(&source, &n), 0);
	for (uint32_t uid = 0; uid < 500; uid++)
		assert_null(names_user(n, uid, 1));
	assert_in_range(now_ms() - start, 0, 3 * NAMES_WAIT_MS);
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < 200 && !names_user(n, 3, 1); i++)
		usleep(10000);
	assert_string_equal(names_user(n, 3, 1), "user3");
	names_free(n);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_local_names_wait_for_nobody(void **state)
{
	const struct names_source source = {hanging_user, fixture_group_name};
	char passwd[] = "/tmp/muniment-passwd-XXXXXX", group[] = "/tmp/muniment-group-XXXXXX";
	int fds[] = {mkstemp(passwd), mkstemp(group)};
	struct names *n;

	(void)state;
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	write_text(
		passwd,
		"root:x:0:0:root:/root:/bin/sh\nnot a line\nother:x:0:0::/:/bin/sh\nnurse:x:1000:100::/:\n");
	write_text(group, "staff:x:50:nurse,root\n");
	pthread_mutex_lock(&gate);
	assert_int_equal(names_new(&source, &n), 0);
	names_read_files(n, passwd, group, 1);
	assert_string_equal(names_user(n, 0, 2), "root");
	assert_string_equal(names_user(n, 1000, 2), "nurse");
	assert_string_equal(names_group(n, 50, 2), "staff");
	assert_null(names_user(n, 1001, 2)); /* only NSS can tell, and it hangs */
	pthread_mutex_unlock(&gate);
	names_read_files(n, "/nonexistent", NULL, 1);
	names_free(n);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	unlink(passwd);
	unlink(group);
}

static void path_is(const struct mounts *m, uint32_t dev, const char *inside, const char *expected)
{
	struct buf out = {0};
	bool found = mounts_path(m, dev, inside, strlen(inside), &out);

	assert_string_equal(found ? out.data : "(none)", expected);
	buf_free(&out);
}

static void test_mounts(void **state)
{
	struct mounts *m;

	(void)state;
	assert_int_equal(mounts_new(NULL, &m), 0);
	assert_int_equal(mounts_parse(m, FIXTURE_MOUNTS, strlen(FIXTURE_MOUNTS)), 0);
	path_is(m, 8u << 20 | 1, "/usr/bin/tar", "/usr/bin/tar");
	path_is(m, 8u << 20 | 2, "/ehr/12", "/srv/ehr/12");
	path_is(m, 8u << 20 | 2, "/deep/12", "/srv/deep/12");
	path_is(m, 8u << 20 | 3, "/only/part/x", "/mnt/with space/x");
	path_is(m, 8u << 20 | 3, "/only/part", "/mnt/with space");
	path_is(m, 8u << 20 | 3, "/only/parting", "(none)");
	path_is(m, 8u << 20 | 3, "/other", "(none)");
	path_is(m, 9u << 20 | 3, "/", "(none)");
	assert_string_equal(mounts_cgroup2(m), "/sys/fs/cgroup");
	assert_int_equal(mounts_parse(m, "", 0), 0);
	assert_null(mounts_cgroup2(m));
	mounts_free(m);
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_containers(void **state)
{
	static const struct {
		const char *cgroup, *runtime, *id, *pod;
	} rows[] = {
		{"/system.slice/docker-" HEX64 ".scope", "docker", HEX64, ""},
		{"/docker/" HEX64, "docker", HEX64, ""},
		{"/machine.slice/libpod-" HEX64 ".scope/container", "podman", HEX64, ""},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64 ".scope", "podman",
		 HEX64, ""},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice/"
		 "cri-containerd-" HEX64 ".scope",
		 "containerd", HEX64, "12-34"},
		{"/kubepods/besteffort/pod12-34/" HEX64, "containerd", HEX64, "12-34"},
		{"/kubepods.slice/kubepods-pod5.slice/crio-" HEX64 ".scope", "cri-o", HEX64, "5"},
		{"/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn", "web", ""},
		{"/machine.slice/machine-web.scope", "systemd-nspawn", "web", ""},
		{"/lxc.payload.db1/system.slice", "lxc", "db1", ""},
	};
	static const char *const none[] = {
		"",
		"/",
		"/system.slice/postgresql@15-main.service",
		"/system.slice/docker.service",
		"/system.slice/docker-nothex.scope",
		"/machine.slice/libpod-conmon-" HEX64 ".scope",
		"/machine.slice/machine-qemu\\x2d1.scope",
		"/user.slice/" HEX64,
		"/lxc.payload.",
		"/lxc.payload.\x1b[2J",
	};
	struct container c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(container_parse(rows[i].cgroup, &c));
		assert_string_equal(c.runtime, rows[i].runtime);
		assert_string_equal(c.id, rows[i].id);
		assert_string_equal(c.pod, rows[i].pod);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(container_parse(none[i], &c));
}

static void test_program_without_record(void **state)
{
	struct fixture_record record;
	struct record_access *a = fixture_access(&record, 1, "x");
	struct enrich_actor known;
	struct enrich *e;
	struct stat st;
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_int_equal(enrich_new(&fixture_names, NULL, &e), 0);
	a->tgid = (uint32_t)getpid();
	a->program.ino = st.st_ino;
	enrich_actor(e, a, false, &known);
	assert_string_equal(known.program, self);
	/* Another program's number: what /proc says now is not what acted then. */
	a->program.ino = st.st_ino + 1;
	enrich_actor(e, a, false, &known);
	assert_null(known.program);
	enrich_free(e);
}

static void test_wall_time(void **state)
{
	struct timespec ts;
	struct enrich *e;
	uint64_t ms;

	(void)state;
	assert_int_equal(enrich_new(&fixture_names, NULL, &e), 0);
	clock_gettime(CLOCK_REALTIME, &ts);
	ms = enrich_wall_ms(e, host_boot_ns());
	assert_in_range(ms, (uint64_t)ts.tv_sec * 1000 - 1000, (uint64_t)ts.tv_sec * 1000 + 2000);
	enrich_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_is_bounded),
		cmocka_unit_test(test_names_are_remembered),
		cmocka_unit_test(test_hanging_directory_costs_little),
		cmocka_unit_test(test_local_names_wait_for_nobody),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_program_without_record),
		cmocka_unit_test(test_wall_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
