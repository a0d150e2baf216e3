// SPDX-License-Identifier: Apache-2.0
/* Digests, their cache, and dpkg's database in a directory of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/file.h"
#include "policy/packages.h"

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[4][160];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void write_file(const char *name, const char *text)
{
	assert_int_equal(file_replace(path_of(name), text, strlen(text), 0644), 0);
}

static void read_content(const char *name, struct content *content, struct content_key *key)
{
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*key = content_key(&st);
	assert_int_equal(content_read(fd, content), 0);
	close(fd);
}

static void test_digests(void **state)
{
	struct content content;
	struct content_key key;
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

	(void)state;
	write_file("abc", "abc");
	read_content("abc", &content, &key);
	hex_encode(content.sha256, POLICY_DIGEST_SIZE, hex);
	/* FIPS 180-2, appendix B.1; RFC 1321, appendix A.5 */
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(content.has_md5);
	hex_encode(content.md5, CONTENT_MD5_SIZE, hex);
	assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
	assert_int_equal(key.size, 3);
	assert_int_equal(content_read(-1, &content), -EBADF);
}

static void test_scripts(void **state)
{
	static const struct {
		const char *text;
		bool script, by_env;
	} starts[] = {
		{"#!/bin/sh\n", true, false},
		{"#!/usr/bin/env python3\n", true, true},
		{"#! \t/bin/env\tsh", true, true},
		{"#!env", true, true},
		{"#!/usr/bin/envsubst\n", true, false},
		{"#!/bin/sh /usr/bin/env\n", true, false},
		{"#!/env/sh\n", true, false},
		{"#!", true, false},
		{"#", false, false},
		{" #!/usr/bin/env sh\n", false, false},
	};
	struct content content;
	struct content_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		write_file("start", starts[i].text);
		read_content("start", &content, &key);
		assert_int_equal(content.script, starts[i].script);
		assert_int_equal(content.by_env, starts[i].by_env);
	}
}

static void test_settling(void **state)
{
	struct stat st = {0};
	struct timespec now;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &now);
	st.st_ctim = now;
	assert_in_range(content_unsettled_ns(&st), 1, CONTENT_SETTLE_MS * 1000000ull);
	st.st_ctim.tv_sec--;
	assert_int_equal(content_unsettled_ns(&st), 0);
	st.st_ctim.tv_sec += 3600; /* a clock that was set back */
	assert_int_equal(content_unsettled_ns(&st), 0);
}

static void test_cache(void **state)
{
	struct content_cache *cache = content_cache_new();
	struct content content = {.sha256 = {7}}, found;
	struct content_key key = {1, 2, 3, 4}, other = {1, 2, 3, 5};

	(void)state;
	assert_false(content_cache_find(NULL, &key, &found));
	assert_false(content_cache_find(cache, &key, &found));
	content_cache_keep(cache, &key, &content);
	assert_true(content_cache_find(cache, &key, &found));
	assert_int_equal(found.sha256[0], 7);
	assert_false(content_cache_find(cache, &other, &found));
	content_cache_sweep(cache); /* it was used */
	content_cache_sweep(cache); /* and has not been since */
	assert_false(content_cache_find(cache, &key, &found));
	content_cache_free(cache);
	content_cache_free(NULL);
}

#define ABC   "900150983cd24fb0d6963f7d28e17f72"
#define OTHER "d41d8cd98f00b204e9800998ecf8427e"

static int find(const char *path, const char *hint, struct package *package)
{
	struct content content;
	struct content_key key;

	memset(package, 0, sizeof(*package));
	read_content("abc", &content, &key);
	return packages_find(dir, path, &content, hint, package);
}

static void test_packages(void **state)
{
	struct package p;
	struct content without_md5 = {0};

	(void)state;
	write_file("info/coreutils.md5sums",
		   ABC "  bin/cat\n" OTHER "  usr/bin/catalogue\n" OTHER "  usr/bin/cp\n");
	write_file("info/tools:amd64.md5sums",
		   OTHER "  usr/bin/tool\n" ABC "  usr/lib/tool\n" ABC "  opt/tool");
	write_file("info/tools:amd64.list", ABC "  usr/bin/nothing\n");
	write_file("status",
		   "Package: coreutils\nStatus: install ok installed\nVersion: 9.1-1\n\n"
		   "Package: tools\nArchitecture: i386\nVersion: 1.0\n\n"
		   "Package: tools\nArchitecture: amd64\nVersion: 2.0\nDescription: none\n Version: 3\n");
	assert_int_equal(find("/usr/bin/cat", NULL, &p), 0); /* as it was called before /bin moved to /usr */
	assert_string_equal(p.name, "coreutils");
	assert_string_equal(p.version, "9.1-1");
	assert_int_equal(find("/bin/cat", "coreutils", &p), 0);
	assert_int_equal(find("/usr/lib/tool", "coreutils", &p), 0);
	assert_string_equal(p.name, "tools:amd64");
	assert_string_equal(p.version, "2.0");
	assert_int_equal(find("/usr/bin/cp", NULL, &p), -EBADMSG);
	assert_int_equal(find("/usr/bin/tool", "tools:amd64", &p), -EBADMSG);
	assert_int_equal(find("/usr/bin/catalog", NULL, &p),
			 -ENOENT);			   /* the beginning of one that is listed */
	assert_int_equal(find("/cat", NULL, &p), -ENOENT); /* and its end */
	assert_int_equal(find("/usr/bin/nothing", NULL, &p), -ENOENT);
	assert_int_equal(find("/opt/tool", NULL, &p), -ENOENT); /* a list that was cut off */
	assert_string_equal(p.name, "");
	/* While dpkg runs, the newest is in its journal. */
	write_file("updates/0000", "Package: coreutils\nStatus: install ok unpacked\nVersion: 9.1-2\n");
	assert_int_equal(find("/usr/bin/cat", NULL, &p), 0);
	assert_string_equal(p.version, "9.1-2");
	assert_int_equal(packages_find(dir, "/usr/bin/cat", &without_md5, NULL, &p), -EOPNOTSUPP);
	assert_true(packages_changed_ns(dir) > 0);
}

static void test_no_packages(void **state)
{
	struct content content = {.has_md5 = true};
	struct package p;

	(void)state;
	assert_int_equal(packages_find("/nonexistent", "/usr/bin/cat", &content, NULL, &p), -EOPNOTSUPP);
	assert_int_equal(packages_changed_ns("/nonexistent"), 0);
}

static int set_up(void **state)
{
	char template[] = "/tmp/muniment-content-XXXXXX";

	(void)state;
	if (!mkdtemp(template))
		return -1;
	snprintf(dir, sizeof(dir), "%s", template);
	return file_make_dirs(path_of("info"), 0755) || file_make_dirs(path_of("updates"), 0755);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

struct listed {
	unsigned n;
	char last[160];
};

static int count_file(void *ctx, const char *package, const char *path, const uint8_t md5[CONTENT_MD5_SIZE])
{
	struct listed *listed = ctx;

	assert_int_equal(md5[0], 0x90);
	listed->n++;
	snprintf(listed->last, sizeof(listed->last), "%s %s", package, path);
	return listed->n == 4 ? -E2BIG : 0;
}

static bool is_shared_object(void *ctx, const char *path)
{
	(void)ctx;
	return packages_is_shared_object(path);
}

#define SUM "900150983cd24fb0d6963f7d28e17f72"

static void test_shared_objects(void **state)
{
	struct listed listed = {0};
	const struct packages_each each = {is_shared_object, count_file, &listed};

	(void)state;
	assert_true(packages_is_shared_object("/usr/lib/libz.so.1.2.13"));
	assert_true(packages_is_shared_object("/usr/lib/gconv/UTF-16.so"));
	assert_false(packages_is_shared_object("/usr/share/doc/x.so.d/README.source"));
	assert_false(packages_is_shared_object("/usr/lib/libz.a"));
	file_make_dirs(path_of("files/info"), 0755);
	write_file("files/info/libz:amd64.md5sums",
		   SUM "  usr/lib/libz.so.1.2.13\n" SUM "  usr/share/doc/libz\n" SUM
		       " usr/lib/one-blank.so\n" SUM "  no-end.so");
	write_file("files/info/libz:amd64.list", SUM "  usr/lib/not-a-sum.so\n");
	write_file("files/info/empty.md5sums", "");
	write_file("files/info/short.md5sums", "9001  usr/lib/short.so\nz" SUM "  a.so\n");
	assert_int_equal(packages_files(path_of("files"), &each), 0);
	assert_int_equal(listed.n, 1);
	assert_string_equal(listed.last, "libz:amd64 /usr/lib/libz.so.1.2.13");
	write_file("files/info/many.md5sums", SUM "  a.so\n" SUM "  b.so\n" SUM "  c.so\n" SUM "  d.so\n");
	listed.n = 0;
	assert_int_equal(packages_files(path_of("files"), &each), -E2BIG);
	assert_int_equal(packages_files(path_of("none"), &each), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),	       cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_settling),       cmocka_unit_test(test_cache),
		cmocka_unit_test(test_packages),       cmocka_unit_test(test_no_packages),
		cmocka_unit_test(test_shared_objects),
	};

	return cmocka_run_group_tests_name("policy content", tests, set_up, tear_down);
}
