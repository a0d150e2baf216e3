// SPDX-License-Identifier: Apache-2.0
/* The control socket: whole messages, bounded, answered with what was wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"

static char dir[] = "/tmp/muniment-control-XXXXXX";
static struct control *control;
static size_t answer_size;
static bool later;

static bool answer(void *ctx, const struct control_request *request, struct buf *out)
{
	(void)ctx;
	if (!answer_size) {
		buf_printf(out, "{\"ok\":true,\"command\":%d}", (int)request->command);
		if (request->reason[0])
			buf_printf(out, "%s,%u,%u", request->reason, request->minutes, request->peer.uid);
		if (request->request)
			buf_printf(out, "%u", request->request);
		if (request->process)
			buf_printf(out, "%u", request->process);
		buf_str(out, request->file);
		return !later;
	}
	for (size_t i = 0; i < answer_size; i++)
		buf_char(out, 'x');
	return true;
}

static int connected(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	control_serve(control);
	return fd;
}

static const char *ask(int fd, const char *request, size_t n)
{
	static char text[2 * CONTROL_ANSWER_MAX];
	ssize_t got;

	assert_int_equal(send(fd, request, n, MSG_NOSIGNAL), (ssize_t)n);
	control_serve(control);
	got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static const char *ask_text(int fd, const char *request)
{
	return ask(fd, request, strlen(request));
}

static void test_commands(void **state)
{
	int fd = connected();

	(void)state;
	assert_string_equal(ask(fd, "{\"command\":\"status\"}", 20), "{\"ok\":true,\"command\":1}");
	assert_string_equal(ask(fd, "{\"command\":\"reload\"}", 20), "{\"ok\":true,\"command\":2}");
	assert_string_equal(ask_text(fd, "{\"command\":\"stop\",\"reason\":\"disk\"}"),
			    "{\"ok\":true,\"command\":3}disk,0,0");
	assert_string_equal(
		ask_text(fd, "{\"command\":\"maintenance\",\"reason\":\"upgrade\",\"minutes\":480}"),
		"{\"ok\":true,\"command\":4}upgrade,480,0");
	assert_string_equal(ask_text(fd, "{\"command\":\"maintenance-end\",\"reason\":\"done\"}"),
			    "{\"ok\":true,\"command\":5}done,0,0");
	assert_string_equal(ask_text(fd, "{\"command\":\"approve\",\"request\":7}"),
			    "{\"ok\":true,\"command\":6}7");
	assert_string_equal(ask_text(fd, "{\"command\":\"labels\"}"), "{\"ok\":true,\"command\":7}");
	assert_string_equal(
		ask_text(fd, "{\"command\":\"label-clear\",\"reason\":\"audit\",\"process\":2147483647}"),
		"{\"ok\":true,\"command\":8}audit,0,02147483647");
	assert_string_equal(ask_text(fd, "{\"command\":\"files\"}"), "{\"ok\":true,\"command\":9}");
	assert_string_equal(
		ask_text(fd, "{\"command\":\"file-clear\",\"reason\":\"audit\",\"file\":\"/srv/a b\"}"),
		"{\"ok\":true,\"command\":10}audit,0,0/srv/a b");
	close(fd);
	control_serve(control);
}

static void test_nonsense(void **state)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"1",
		"{\"command\":1}",
		"{\"command\":\"stop\"}",
		"{\"command\":\"stop\",\"reason\":\"\"}",
		"{\"command\":\"stop\",\"reason\":1}",
		"{\"command\":\"stop\",\"reason\":\"a\\nb\"}",
		"{\"command\":\"stop\",\"reason\":\"x\",\"minutes\":3}",
		"{\"command\":\"maintenance\",\"reason\":\"x\"}",
		"{\"command\":\"maintenance\",\"reason\":\"x\",\"minutes\":0}",
		"{\"command\":\"maintenance\",\"reason\":\"x\",\"minutes\":481}",
		"{\"command\":\"maintenance\",\"reason\":\"x\",\"minutes\":\"5\"}",
		"{\"command\":\"approve\",\"request\":-1}",
		"{\"command\":\"approve\",\"request\":4294967296}",
		"{\"command\":\"labels\",\"process\":1}",
		"{\"command\":\"label-clear\",\"process\":1}",
		"{\"command\":\"label-clear\",\"reason\":\"x\",\"process\":0}",
		"{\"command\":\"label-clear\",\"reason\":\"x\",\"process\":2147483648}",
		"{\"command\":\"files\",\"file\":\"/a\"}",
		"{\"command\":\"file-clear\",\"file\":\"/a\"}",
		"{\"command\":\"file-clear\",\"reason\":\"x\",\"file\":\"a\"}",
		"{\"command\":\"file-clear\",\"reason\":\"x\",\"file\":\"/a\\nb\"}",
		"{\"command\":\"file-clear\",\"reason\":\"x\",\"file\":7}",
		"{\"command\":\"halt\"}",
		"{\"command\":\"status\",\"x\":1}",
		"{\"command\":\"status\",\"command\":\"reload\"}",
		"{\"command\":\"status\"}{}",
		"\xff\xfe",
	};
	int fd = connected();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(ask(fd, bad[i], strlen(bad[i])), "{\"ok\":false,\"error\":\""));
	close(fd);
	control_serve(control);
}

static void test_too_long(void **state)
{
	char *request = calloc(1, 3 * CONTROL_REQUEST_MAX);
	int fd = connected();

	(void)state;
	memset(request, ' ', 3 * CONTROL_REQUEST_MAX);
	memcpy(request, "{\"command\":\"status\"}", 20);
	assert_non_null(strstr(ask(fd, request, 3 * CONTROL_REQUEST_MAX), "too long"));
	answer_size = CONTROL_ANSWER_MAX + 1;
	assert_non_null(strstr(ask(fd, "{\"command\":\"status\"}", 20), "does not fit"));
	answer_size = CONTROL_ANSWER_MAX;
	assert_int_equal(strlen(ask(fd, "{\"command\":\"status\"}", 20)), CONTROL_ANSWER_MAX);
	answer_size = 0;
	free(request);
	close(fd);
	control_serve(control);
}

static void test_many_clients(void **state)
{
	int fds[3 * CONTROL_CLIENTS_MAX];

	(void)state;
	for (int i = 0; i < 3 * CONTROL_CLIENTS_MAX; i++)
		fds[i] = connected();
	assert_string_equal(ask(fds[0], "{\"command\":\"status\"}", 20), "{\"ok\":true,\"command\":1}");
	for (int i = 0; i < 3 * CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	control_serve(control);
	/* Those who left made room. */
	test_commands(state);
}

static void test_later(void **state)
{
	struct buf done = {0};
	int fd = connected(), gone = connected(), idle = connected();
	char text[64];
	ssize_t n;

	(void)state;
	later = true;
	assert_string_equal(ask(fd, "{\"command\":\"reload\"}", 20), "");
	assert_string_equal(ask(gone, "{\"command\":\"reload\"}", 20), "");
	later = false;
	close(gone);
	control_serve(control);
	buf_str(&done, "{\"ok\":true}");
	control_answer(control, &done);
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	assert_int_equal(n, done.len);
	assert_memory_equal(text, done.data, done.len);
	assert_int_equal(recv(idle, text, sizeof(text), MSG_DONTWAIT), -1);
	buf_free(&done);
	close(fd);
	close(idle);
	control_serve(control);
}

static void test_mode(void **state)
{
	char path[128];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/control", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? control_new(dir, answer, NULL, &control) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	control_free(control);
	return rmdir(dir); /* the socket's name is gone with it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands), cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_mode),	 cmocka_unit_test(test_later),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
