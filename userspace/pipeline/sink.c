// SPDX-License-Identifier: Apache-2.0
/* The thread that writes JSON lines: see sink.h. */
#include "pipeline/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "ledger/reader.h"

#define BATCH_BYTES    (256u << 10)
#define CURSOR_SECONDS 1
#define RETRY_SECONDS  5

struct sink {
	char *path; /* NULL: standard output */
	char *cursor_path;
	int fd; /* the thread's */
	struct ledger_reader *reader;
	struct buf batch;
	uint64_t saved;	     /* cursor as it stands on disk */
	struct timespec due; /* not to be saved before */

	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	bool stop, reopen, ended;
	uint64_t size; /* covered entries */
	struct sink_status status;
};

static int open_file(struct sink *s)
{
	int fd = open(s->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0)
		return -errno;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	return 0;
}

static uint64_t read_cursor(const struct sink *s)
{
	char text[32], *end;
	unsigned long long v;

	if (file_read_small(s->cursor_path, text, sizeof(text)) <= 0)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *end != '\n' || v > ledger_reader_size(s->reader)) {
		log_warn("%s: not a place in this ledger; the events are written from its beginning",
			 s->cursor_path);
		return 0;
	}
	return v;
}

static void save_cursor(struct sink *s, uint64_t next, bool now)
{
	struct timespec ts;
	char text[32];
	int n;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (!s->path || next == s->saved || (!now && ts.tv_sec < s->due.tv_sec))
		return;
	n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)next);
	/* Lines first: a cursor ahead of them would lose events when the host goes down. */
	if (fdatasync(s->fd) && errno != EINVAL && errno != EROFS)
		return;
	if (!file_replace(s->cursor_path, text, (size_t)n, 0600))
		s->saved = next;
	s->due = ts;
	s->due.tv_sec += CURSOR_SECONDS;
}

/* Fills the batch with whole lines; 0 entries: nothing is there to be written. */
static int fill_batch(struct sink *s)
{
	const uint8_t *entry;
	long n;

	buf_reset(&s->batch);
	while (s->batch.len < BATCH_BYTES) {
		n = ledger_reader_next(s->reader, &entry);
		if (n == -ENODATA)
			return 0;
		if (n < 0)
			return (int)n;
		buf_add(&s->batch, entry, (size_t)n);
		buf_char(&s->batch, '\n');
	}
	return s->batch.failed ? -ENOMEM : 0;
}

/* All of the batch, or none of it where the file can be cut back: half a line would spoil the next one. */
static int write_batch(struct sink *s)
{
	struct stat st;
	bool regular = !fstat(s->fd, &st) && S_ISREG(st.st_mode);
	int err = file_write_all(s->fd, s->batch.data, s->batch.len);

	if (err && regular && ftruncate(s->fd, st.st_size))
		log_warn("%s: holds a broken line: %s", s->path ? s->path : "standard output",
			 strerror(errno));
	return err;
}

/* Writes what is covered, batch by batch. On an error the cursor stays before the batch that failed. */
static int write_out(struct sink *s)
{
	int err = ledger_reader_refresh(s->reader);

	while (!err) {
		uint64_t before = ledger_reader_tell(s->reader), lines;

		err = fill_batch(s);
		if (!err && !s->batch.len)
			break;
		if (!err)
			err = write_batch(s);
		if (err) {
			ledger_reader_seek(s->reader, before);
			break;
		}
		lines = ledger_reader_tell(s->reader) - before;
		pthread_mutex_lock(&s->lock);
		s->status.lines += lines;
		s->status.next = before + lines;
		pthread_mutex_unlock(&s->lock);
		save_cursor(s, before + lines, false);
	}
	return err;
}

static struct timespec seconds_from_now(int seconds)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += seconds;
	return ts;
}

/* Under the lock: until there is something to write. Also wakes to save the cursor, and to try again after an
 * error. */
static void wait_for_work(struct sink *s)
{
	struct timespec until = seconds_from_now(s->status.error ? RETRY_SECONDS : CURSOR_SECONDS);
	bool saved = !s->path || s->saved == s->status.next;

	while (!s->stop && !s->reopen && (s->size <= s->status.next || s->status.error)) {
		if (saved && !s->status.error)
			pthread_cond_wait(&s->changed, &s->lock);
		else if (pthread_cond_timedwait(&s->changed, &s->lock, &until))
			return;
	}
}

/* With the old descriptor still good, an error here is told but stops nothing. */
static void do_reopen(struct sink *s)
{
	int err = s->path ? open_file(s) : 0;

	if (err)
		log_error("%s: %s", s->path, strerror(-err));
}

static void *sink_main(void *arg)
{
	struct sink *s = arg;
	bool stop, reopen;
	int err = 0, before = 0;

	do {
		pthread_mutex_lock(&s->lock);
		wait_for_work(s);
		stop = s->stop;
		reopen = s->reopen;
		s->reopen = false;
		pthread_mutex_unlock(&s->lock);
		if (reopen)
			do_reopen(s);
		err = write_out(s);
		if (err && err != before)
			log_error("%s: %s; events wait in the ledger", s->path ? s->path : "standard output",
				  strerror(-err));
		before = err;
		save_cursor(s, s->status.next, stop);
		pthread_mutex_lock(&s->lock);
		s->status.error = err;
		s->ended = stop;
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
	} while (!stop);
	return NULL;
}

static int start(struct sink *s)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int err;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* A receiver that goes away is an error to be told, not a signal to die of: SIGPIPE is ignored by the
	 * process. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&s->thread, NULL, sink_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void sink_release(struct sink *s)
{
	ledger_reader_close(s->reader);
	if (s->path && s->fd >= 0)
		close(s->fd);
	buf_free(&s->batch);
	free(s->path);
	free(s->cursor_path);
	free(s);
}

int sink_new(const char *path, const char *ledger_dir, uint64_t from, struct sink **ret_sink)
{
	struct sink *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->fd = STDOUT_FILENO;
	err = ledger_reader_open(ledger_dir, &s->reader);
	if (!err && strcmp(path, "-") != 0) {
		s->fd = -1;
		s->path = strdup(path);
		err = !s->path || asprintf(&s->cursor_path, "%s.cursor", path) < 0 ? -ENOMEM : open_file(s);
		from = err ? 0 : read_cursor(s);
	}
	s->status.next = s->saved = from;
	if (!err) {
		ledger_reader_seek(s->reader, from);
		s->size = ledger_reader_size(s->reader);
		err = start(s);
	}
	if (err) {
		sink_release(s);
		return err;
	}
	*ret_sink = s;
	return 0;
}

void sink_free(struct sink *s, unsigned wait_ms)
{
	struct timespec until;
	bool ended;

	if (!s)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->changed);
	while (!s->ended && !pthread_cond_timedwait(&s->changed, &s->lock, &until))
		;
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	/* Stuck in a write: the process is about to end, and the cursor tells where the next one goes on. */
	if (!ended) {
		pthread_detach(s->thread);
		return;
	}
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	sink_release(s);
}

void sink_published(struct sink *s, uint64_t size)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->size = size;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void sink_reopen(struct sink *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->reopen = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void sink_status(struct sink *s, struct sink_status *ret_status)
{
	pthread_mutex_lock(&s->lock);
	*ret_status = s->status;
	pthread_mutex_unlock(&s->lock);
}
