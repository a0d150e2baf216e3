/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: one JSON object in, one JSON object out, for root alone.
 *
 * SOCK_SEQPACKET, so that a message is whole or not there; bounded in size and number; a client that
 * misbehaves loses its connection. Owns the socket's name and the clients. Used by the keeper's loop.
 */
#ifndef MUNIMENT_DAEMON_CONTROL_H
#define MUNIMENT_DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CONTROL_REQUEST_MAX 4096
#define CONTROL_ANSWER_MAX  (128u << 10)
#define CONTROL_CLIENTS_MAX 8

#define CONTROL_REASON_MAX  200	 /* bytes */
#define CONTROL_FILE_MAX    1023 /* bytes */
#define CONTROL_MINUTES_MAX 480	 /* of one window for maintenance */

enum control_command {
	CONTROL_INVALID,
	CONTROL_STATUS,
	CONTROL_RELOAD,
	CONTROL_STOP,		 /* reason */
	CONTROL_MAINTENANCE,	 /* reason, minutes: for so long, the monitor does not guard itself */
	CONTROL_MAINTENANCE_END, /* reason */
	CONTROL_APPROVE,	 /* request */
	CONTROL_LABELS,
	CONTROL_LABEL_CLEAR, /* reason, process: it is said to hold nothing any more */
	CONTROL_FILES,
	CONTROL_FILE_CLEAR, /* reason, file: likewise of a file, by its path */
	CONTROL_COMMANDS
};

/* Who asks, as the kernel tells it. */
struct control_peer {
	uint32_t pid;
	uint32_t uid;
	uint32_t login_uid; /* UINT32_MAX when nobody logged in */
};

/* A file, as in struct object_id. */
struct control_object {
	uint64_t ino;
	uint32_t dev;
	uint32_t generation;
};

struct control_request {
	enum control_command command;
	struct control_peer peer;
	char reason[CONTROL_REASON_MAX + 1];
	unsigned minutes;
	unsigned request; /* number of what is to be approved */
	unsigned process;
	char file[CONTROL_FILE_MAX + 1];
	struct control_object object; /* what lay there when it was asked; filled in by the keeper */
};

/* Reads a request, without its peer. False: *ret_why says what was expected (static text). */
bool control_parse(const char *text, size_t n, struct control_request *ret_request, const char **ret_why);

struct control;

/* Writes the answer, a JSON object, for a request. False: it comes later, by control_answer. */
typedef bool (*control_answer_fn)(void *ctx, const struct control_request *request, struct buf *answer);

/* Listens at run_dir/control (0600). 0 or -errno. */
int control_new(const char *run_dir, control_answer_fn fn, void *ctx, struct control **ret_control);
void control_free(struct control *c);

/* A descriptor that is readable when control_serve has something to do. */
int control_fd(const struct control *c);
void control_serve(struct control *c);

/* Sends this to every client that still waits for an answer. */
void control_answer(struct control *c, const struct buf *answer);

/* {"ok":false,"error":…} */
void control_refuse(struct buf *answer, const char *why);

#endif
