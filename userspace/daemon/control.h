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

#include "base/buf.h"

#define CONTROL_REQUEST_MAX 4096
#define CONTROL_ANSWER_MAX  (128u << 10)
#define CONTROL_CLIENTS_MAX 8

enum control_command { CONTROL_INVALID, CONTROL_STATUS, CONTROL_RELOAD };

/* Reads a request. On CONTROL_INVALID, *ret_why says what was expected (static text). */
enum control_command control_parse(const char *text, size_t n, const char **ret_why);

struct control;

/* Writes the answer, a JSON object, for a request. False: it comes later, by control_answer. */
typedef bool (*control_answer_fn)(void *ctx, enum control_command command, struct buf *answer);

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
