// SPDX-License-Identifier: Apache-2.0
/* Opening and closing the ledger's writer: the lock, the files, a new ledger's first checkpoint. See
 * ledger.h. */
#include "ledger/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

static struct ledger *ledger_new(const struct ledger_options *options)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->options = *options;
	l->io = options->io ? options->io : &ledger_io_system;
	l->dir_fd = l->slots_fd = l->roots_fd = -1;
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->origin = strdup(options->origin);
	l->job.slot = calloc(1, sizeof(*l->job.slot));
	l->job.stage = JOB_FINISHED;
	l->job_state = JOB_IDLE;
	l->nonces = nonce_source_new();
	l->leaves = leaf_cache_new();
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	if (l->event_fd >= 0 && l->origin && l->job.slot && l->nonces && l->leaves)
		return l;
	ledger_close(l);
	return NULL;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void ledger_close(struct ledger *l)
{
	struct segment *last = NULL;

	if (!l)
		return;
	commit_stop(l);
	/* A sealed segment belongs to its sealing chunk, the current one to the ledger. */
	for (size_t i = 0; i < l->n_chunks; i++) {
		if (l->chunks[i].seals)
			segment_free(l->chunks[i].segment);
		chunk_free(&l->chunks[i]);
	}
	last = l->job.ahead;
	job_clear(&l->job);
	segment_free(last);
	segment_free(l->current);
	segment_free(l->ahead);
	free(l->chunks);
	free(l->job.chunks);
	free(l->job.slot);
	nonce_source_free(l->nonces);
	leaf_cache_free(l->leaves);
	close_fd(l->slots_fd);
	close_fd(l->roots_fd);
	close_fd(l->event_fd);
	close_fd(l->dir_fd);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l->origin);
	free(l);
}

/* The directory's own lock: no lock file that could be removed under a writer. */
static int open_directory(struct ledger *l, const char *dir)
{
	int err = file_make_dirs(dir, 0700);

	if (err)
		return err;
	l->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0)
		return -errno;
	if (flock(l->dir_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

static int open_file(struct ledger *l, const char *name, uint64_t zeroes, bool may_create, bool *ret_created)
{
	int fd = openat(l->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int err;

	if (fd < 0 && errno == ENOENT && may_create) {
		err = ledger_file_create(l, name, zeroes);
		if (err)
			return err;
		*ret_created = true;
		fd = openat(l->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	}
	return fd < 0 ? -errno : fd;
}

/* Whether the directory holds segments. A new ledger gets its slots first, so segments without slots were
 * robbed of them. */
static bool has_segments(struct ledger *l)
{
	int fd = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	bool found = !dir;
	uint64_t number;

	while (!found && (e = readdir(dir)))
		found = segment_name_parse(e->d_name, &number) == 0;
	if (dir)
		closedir(dir);
	else
		close_fd(fd);
	return found;
}

static int open_files(struct ledger *l, const char *dir)
{
	bool created = false, bare = !has_segments(l);

	l->slots_fd = open_file(l, SLOTS_FILE, SLOT_COUNT * SLOT_SIZE, bare, &created);
	if (l->slots_fd < 0)
		return l->slots_fd == -ENOENT ? -EBADMSG : l->slots_fd;
	if (created) {
		int err = file_sync_parent(dir);

		if (err)
			return err;
	}
	/* Derived data: recovery fills it anew when it is gone. */
	l->roots_fd = open_file(l, ROOTS_FILE, ROOTS_RESERVE, true, &created);
	return l->roots_fd < 0 ? l->roots_fd : 0;
}

int ledger_open(const char *dir, const struct ledger_options *options, struct ledger **ret_ledger,
		struct ledger_recovery *ret_recovery)
{
	struct ledger_recovery *rec = calloc(1, sizeof(*rec));
	struct ledger *l = ledger_new(options);
	int err = -ENOMEM;

	if (!l || !rec)
		goto out;
	rec->bad_segment = rec->bad_index = UINT64_MAX;
	err = open_directory(l, dir);
	if (!err) {
		err = open_files(l, dir);
		if (err == -EBADMSG)
			rec->bad = "the checkpoint slots are missing";
	}
	if (!err)
		err = ledger_recover(l, rec);
	if (!err && rec->created)
		err = commit_empty_tree(l);
	if (!err)
		err = commit_start(l);
out:
	if (rec && (!err || err == -EBADMSG))
		*ret_recovery = *rec;
	if (err)
		ledger_close(l);
	else
		*ret_ledger = l;
	free(rec);
	return err;
}
