// SPDX-License-Identifier: Apache-2.0
/* Messages on standard error: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *log_program = "muniment";
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_journal;

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
	log_journal = getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO);
}

/* One write(2) a line: four processes share the descriptor. */
static void log_line(enum log_level level, const char *word, const char *fmt, va_list ap)
{
	char line[2048];
	int n, head;

	if (level > log_max)
		return;
	head = log_journal ? snprintf(line, sizeof(line), "<%d>%s: ", (int)level, log_program)
			   : snprintf(line, sizeof(line), "%s: %s", log_program, word);
	n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	if (n < 0)
		return;
	n += head;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
		return; /* nowhere left to complain to */
}

#define LOG_FUNCTION(name, level, word)                                                                      \
	void name(const char *fmt, ...)                                                                      \
	{                                                                                                    \
		va_list ap;                                                                                  \
		va_start(ap, fmt);                                                                           \
		log_line(level, word, fmt, ap);                                                              \
		va_end(ap);                                                                                  \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR, "error: ")
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN, "warning: ")
LOG_FUNCTION(log_info, LOG_LEVEL_INFO, "")
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG, "debug: ")
