/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on a ledger share: its default place, keys from the command line, messages, numbers for
 * people. */
#ifndef MUNIMENT_CLI_LOG_COMMON_H
#define MUNIMENT_CLI_LOG_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ledger/note.h"
#include "ledger/reader.h"

#define LEDGER_DIR_DEFAULT "/var/lib/muniment/ledger"

/* Reads VKEY or @FILE. Says what is wrong and returns false. text may be NULL: the option is missing. */
bool log_read_key(const char *command, const char *text, struct note_verifier *ret_key);

/* Opens a ledger that has a checkpoint. On failure says why and sets *ret_status to an exit status; then
 * NULL. */
struct ledger_reader *log_open_reader(const char *command, const char *dir, int *ret_status);

/* What an error of the ledger means to a person. Static text. */
const char *log_error_text(int err);

/* "1 entry", "2,000 entries": appends n with separators, the noun and its plural's end. */
void log_count(struct buf *out, uint64_t n, const char *one, const char *many);

/* A line "doing: done of total" on standard error, kept in place; only where that is a terminal. Ended by
 * done == total. */
void log_progress(const char *doing, uint64_t done, uint64_t total);

/* Writes to standard output. False, with a message, when that fails. */
bool log_print(const char *command, const struct buf *text);

#endif
