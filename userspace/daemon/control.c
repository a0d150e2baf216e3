// SPDX-License-Identifier: Apache-2.0
/* The control socket: see control.h. */
#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

struct control {
	int epoll_fd;
	int listen_fd;
	struct sockaddr_un address;
	int clients[CONTROL_CLIENTS_MAX]; /* -1: free */
	bool waits[CONTROL_CLIENTS_MAX];  /* for control_answer */
	control_answer_fn fn;
	void *ctx;
	struct buf answer;
};

static const struct {
	const char *word;
	const char *members[3]; /* beside "command", all of them needed */
} commands[CONTROL_COMMANDS] = {
	[CONTROL_STATUS] = {"status", {NULL}},
	[CONTROL_RELOAD] = {"reload", {NULL}},
	[CONTROL_STOP] = {"stop", {"reason", NULL}},
	[CONTROL_MAINTENANCE] = {"maintenance", {"reason", "minutes", NULL}},
	[CONTROL_MAINTENANCE_END] = {"maintenance-end", {"reason", NULL}},
	[CONTROL_APPROVE] = {"approve", {"request", NULL}},
	[CONTROL_LABELS] = {"labels", {NULL}},
	[CONTROL_LABEL_CLEAR] = {"label-clear", {"reason", "process", NULL}},
	[CONTROL_FILES] = {"files", {NULL}},
	[CONTROL_FILE_CLEAR] = {"file-clear", {"reason", "file", NULL}},
};

static enum control_command command_of(const char *word)
{
	for (unsigned i = CONTROL_STATUS; word && i < CONTROL_COMMANDS; i++)
		if (!strcmp(word, commands[i].word))
			return (enum control_command)i;
	return CONTROL_INVALID;
}

/* Control characters would reach terminals and log readers. */
static bool take_text(const json_t *value, char *to, size_t max)
{
	const char *text = json_string_value(value);
	size_t n = json_string_length(value);

	if (!text || !n || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	memcpy(to, text, n + 1);
	return true;
}

static bool take_number(const json_t *value, json_int_t max, unsigned *ret_number)
{
	json_int_t n = json_integer_value(value);

	*ret_number = (unsigned)n;
	return json_is_integer(value) && n >= 1 && n <= max;
}

static const char *take_members(json_t *request, struct control_request *r)
{
	const char *const *members = commands[r->command].members;
	size_t n = 0;

	for (; members[n]; n++) {
		const json_t *value = json_object_get(request, members[n]);

		if (!strcmp(members[n], "reason") && !take_text(value, r->reason, CONTROL_REASON_MAX))
			return "expected a \"reason\" of 1 to 200 bytes without control characters";
		if (!strcmp(members[n], "minutes") && !take_number(value, CONTROL_MINUTES_MAX, &r->minutes))
			return "expected \"minutes\" from 1 to 480";
		if (!strcmp(members[n], "request") && !take_number(value, UINT32_MAX, &r->request))
			return "expected the number of a \"request\"";
		if (!strcmp(members[n], "process") && !take_number(value, INT32_MAX, &r->process))
			return "expected the number of a \"process\"";
		if (!strcmp(members[n], "file") &&
		    (!take_text(value, r->file, CONTROL_FILE_MAX) || r->file[0] != '/'))
			return "expected the absolute path of a \"file\", of at most 1023 bytes without "
			       "control "
			       "characters";
	}
	return json_object_size(request) == n + 1 ? NULL : "the request has members that do not belong to it";
}

bool control_parse(const char *text, size_t n, struct control_request *ret_request, const char **ret_why)
{
	json_t *request = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const char *word = json_string_value(json_object_get(request, "command"));

	memset(ret_request, 0, sizeof(*ret_request));
	*ret_why = NULL;
	ret_request->command = command_of(word);
	if (!request)
		*ret_why = "the request is not JSON";
	else if (!json_is_object(request))
		*ret_why = "the request is not an object; expected {\"command\": …}";
	else if (!word || !ret_request->command)
		*ret_why = "expected a \"command\": status, reload, stop, maintenance, maintenance-end, "
			   "approve, labels, label-clear, files or file-clear";
	else
		*ret_why = take_members(request, ret_request);
	json_decref(request);
	return !*ret_why;
}

void control_refuse(struct buf *answer, const char *why)
{
	json_open(answer, NULL, '{');
	json_bool(answer, "ok", false);
	json_str(answer, "error", why);
	json_close(answer, '}');
}

static int watch(const struct control *c, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int listen_at(struct control *c, const char *run_dir)
{
	int n = snprintf(c->address.sun_path, sizeof(c->address.sun_path), "%s/control", run_dir);

	c->address.sun_family = AF_UNIX;
	if (n < 0 || (size_t)n >= sizeof(c->address.sun_path))
		return -ENAMETOOLONG;
	c->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return -errno;
	/* The lock on the run directory is ours, so a name that is there belongs to nobody alive. */
	unlink(c->address.sun_path);
	if (bind(c->listen_fd, (struct sockaddr *)&c->address, sizeof(c->address)) ||
	    chmod(c->address.sun_path, 0600) || listen(c->listen_fd, CONTROL_CLIENTS_MAX))
		return -errno;
	return watch(c, c->listen_fd);
}

int control_new(const char *run_dir, control_answer_fn fn, void *ctx, struct control **ret_control)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->ctx = ctx;
	c->listen_fd = -1;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		c->clients[i] = -1;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = c->epoll_fd < 0 ? -errno : listen_at(c, run_dir);
	if (err) {
		c->address.sun_path[0] = '\0';
		control_free(c);
		return err;
	}
	*ret_control = c;
	return 0;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i] >= 0)
			close(c->clients[i]);
	}
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	if (c->address.sun_path[0])
		unlink(c->address.sun_path);
	buf_free(&c->answer);
	free(c);
}

int control_fd(const struct control *c)
{
	return c->epoll_fd;
}

/* The name's mode keeps others out; this does so even where somebody was handed a descriptor. */
static bool peer_may(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void accept_client(struct control *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), room = CONTROL_ANSWER_MAX;
	int place = 0;

	if (fd < 0)
		return;
	while (place < CONTROL_CLIENTS_MAX && c->clients[place] >= 0)
		place++;
	if (place == CONTROL_CLIENTS_MAX || !peer_may(fd) || watch(c, fd)) {
		log_warn("control: connection refused");
		close(fd);
		return;
	}
	/* An answer goes out at once or not at all. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	c->clients[place] = fd;
	c->waits[place] = false;
}

static void drop_client(struct control *c, int fd)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i] == fd)
			c->clients[i] = -1;
	}
	close(fd);
}

/* An answer that does not fit is replaced by one that says so; a client that takes none is dropped. */
static void send_answer(struct control *c, int fd, const struct buf *answer)
{
	struct buf refusal = {0};

	if (answer->failed || answer->len > CONTROL_ANSWER_MAX) {
		control_refuse(&refusal, "the answer does not fit");
		answer = &refusal;
	}
	if (send(fd, answer->data, answer->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		drop_client(c, fd);
	buf_free(&refusal);
}

void control_answer(struct control *c, const struct buf *answer)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i] < 0 || !c->waits[i])
			continue;
		c->waits[i] = false;
		send_answer(c, c->clients[i], answer);
	}
}

static void let_wait(struct control *c, int fd)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i] == fd)
			c->waits[i] = true;
	}
}

/* The login uid is the process's that connected; it stays with who logged in, through sudo and su. */
static bool find_peer(int fd, struct control_peer *ret_peer)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);
	char path[64], text[32];
	unsigned long login = UINT32_MAX;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) || peer.pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/loginuid", (int)peer.pid);
	if (file_read_small(path, text, sizeof(text)) > 0)
		login = strtoul(text, NULL, 10);
	*ret_peer = (struct control_peer){(uint32_t)peer.pid, peer.uid, (uint32_t)login};
	return true;
}

static void serve_client(struct control *c, int fd)
{
	bool ready = true;
	char request[CONTROL_REQUEST_MAX];
	const char *why = NULL;
	struct control_request parsed;
	bool good;
	ssize_t n = recv(fd, request, sizeof(request), MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_client(c, fd);
		return;
	}
	buf_reset(&c->answer);
	good = (size_t)n <= sizeof(request) && control_parse(request, (size_t)n, &parsed, &why);
	if (good && !find_peer(fd, &parsed.peer))
		why = "it cannot be told who asks";
	if (!good || why)
		control_refuse(&c->answer, why ? why : "the request is too long");
	else
		ready = c->fn(c->ctx, &parsed, &c->answer);
	if (ready)
		send_answer(c, fd, &c->answer);
	else
		let_wait(c, fd);
}

void control_serve(struct control *c)
{
	struct epoll_event events[CONTROL_CLIENTS_MAX + 1];
	int n = epoll_wait(c->epoll_fd, events, CONTROL_CLIENTS_MAX + 1, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == c->listen_fd)
			accept_client(c);
		else
			serve_client(c, events[i].data.fd);
	}
}
