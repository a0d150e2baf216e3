// SPDX-License-Identifier: Apache-2.0
/* The command's end of the control socket: see control_client.h. */
#include "cli/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/args.h"

#define ANSWER_MAX (256u << 10)

static int connect_to(const char *run_dir, unsigned timeout_s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = timeout_s};
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", run_dir), fd, err;

	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static ssize_t exchange(int fd, json_t *object, char *answer)
{
	char request[4096];
	size_t n = json_dumpb(object, request, sizeof(request), JSON_COMPACT);
	ssize_t got;

	if (!n || n > sizeof(request))
		return -EMSGSIZE;
	if (send(fd, request, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -errno;
	got = recv(fd, answer, ANSWER_MAX, 0);
	return got < 0 ? -errno : got == 0 ? -ECONNRESET : got;
}

static const char *reason(ssize_t err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "munimentd does not run";
	case -EACCES:
	case -EPERM:
		return "only root may ask";
	case -EAGAIN:
		return "munimentd does not answer";
	default:
		return strerror((int)-err);
	}
}

int control_ask(const char *command, const char *run_dir, json_t *request, unsigned timeout_s,
		json_t **ret_answer)
{
	char *answer = malloc(ANSWER_MAX);
	int fd = answer ? connect_to(run_dir, timeout_s) : -ENOMEM;
	ssize_t n = fd < 0 ? fd : exchange(fd, request, answer);
	json_t *json = NULL;

	if (n < 0)
		fprintf(stderr, "%s: %s/control: %s\n", command, run_dir, reason(n));
	else
		json = json_loadb(answer, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (n >= 0 && !json_is_object(json)) {
		fprintf(stderr, "%s: %s/control: the answer is not understood\n", command, run_dir);
		json_decref(json);
		json = NULL;
	}
	if (fd >= 0)
		close(fd);
	free(answer);
	if (!json)
		return EXIT_CANNOT;
	*ret_answer = json;
	return 0;
}

json_t *control_command(int argc, char **argv, const char *summary, const char *word, unsigned timeout_s,
			bool *ret_json, int *ret_status)
{
	const char *run = RUN_DIR_DEFAULT;
	const struct args_option table[] = {
		{0, "run", "DIR", "the daemon's run directory (" RUN_DIR_DEFAULT ")", ARGS_STRING, &run},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, ret_json},
		ARGS_END,
	};
	enum args_result parsed = args_parse(argv[0], summary, table, argc, argv);
	json_t *request = json_pack("{s:s}", "command", word), *answer = NULL;

	*ret_status = args_exit(parsed);
	if (parsed == ARGS_OK)
		*ret_status = request ? control_ask(argv[0], run, request, timeout_s, &answer) : EXIT_CANNOT;
	json_decref(request);
	return answer;
}
