/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the person who runs the program: one line each on standard error, prefixed by the program's
 * name, and by the syslog level as "<N>" where standard error is the journal. Errors are logged once, where
 * they are handled.
 */
#ifndef MUNIMENT_BASE_LOG_H
#define MUNIMENT_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Sets the prefix (kept by reference) and the highest level that is printed. */
void log_init(const char *program, enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
