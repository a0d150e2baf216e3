// SPDX-License-Identifier: Apache-2.0
/* Recovery above the newest checkpoint: what is kept, what is cut, where appending goes on. See recover.h. */
#include "ledger/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Whether a batch may follow: whole, in its place, each entry with its mark. Fills the leaves. */
static bool batch_whole(struct recovery *r, const struct batch *b, const uint8_t *payload)
{
	return b->first == ledger_tree_size(r->l) && b->first >> SEGMENT_ENTRIES_LOG2 == r->scan.number &&
	       batch_payload_good(b, payload) && batch_leaves(b, payload, r->leaves) < 0;
}

static void tell_kept(struct recovery *r, const struct batch *b, const uint8_t *payload)
{
	const struct ledger_options *o = &r->l->options;
	const uint8_t *entry;
	uint32_t offset = 0;
	long n;

	for (uint64_t index = b->first; (n = batch_entry_next(b, payload, &offset, &entry)) >= 0; index++) {
		r->rec->kept_entries++;
		r->rec->kept_bytes += (uint64_t)n;
		if (o->kept)
			o->kept(o->ctx, index, entry, (size_t)n);
	}
}

static int sync_kept(struct recovery *r)
{
	/* A killed writer may have left these in the page cache only. The descriptor is read-only; fdatasync
	 * does not mind. */
	return r->l->io->sync(r->l->io->ctx, r->scan.fd);
}

/* Places the scan at the segment that takes the next entry. -ENOENT when there is none yet. */
static int scan_edge(struct recovery *r)
{
	uint64_t number = ledger_tree_size(r->l) >> SEGMENT_ENTRIES_LOG2;
	int err;

	if (r->scan_open && r->scan.number == number)
		return 0;
	recovery_close_scan(r);
	err = segment_scan_open(&r->scan, r->l->dir_fd, number);
	r->scan_open = err == 0 || err == -EBADMSG;
	if (err)
		recovery_close_scan(r);
	return err;
}

int recovery_keep_batches(struct recovery *r)
{
	const uint8_t *payload;
	struct batch b;
	int err;

	while ((err = scan_edge(r)) == 0) {
		uint64_t before = r->rec->kept_entries;

		while (ledger_tree_size(r->l) >> SEGMENT_ENTRIES_LOG2 == r->scan.number) {
			uint64_t at = r->scan.offset;

			err = segment_scan_next(&r->scan, &b, &payload);
			if (err || !batch_whole(r, &b, payload)) {
				r->scan.offset = at;
				break;
			}
			err = recovery_count_batch(r, &b, false);
			if (err)
				return err;
			tell_kept(r, &b, payload);
		}
		if (err && err != -ENODATA && err != -EBADMSG)
			return err;
		err = r->rec->kept_entries > before ? sync_kept(r) : 0;
		if (err || ledger_tree_size(r->l) >> SEGMENT_ENTRIES_LOG2 == r->scan.number)
			return err;
	}
	return err == -ENOENT || err == -EBADMSG ? 0 : err;
}

/* Cuts what stands behind the scan's offset in the segment that goes on. */
static int cut_tail(struct recovery *r)
{
	const struct ledger_io *io = r->l->io;
	struct segment *s = r->l->current;
	uint64_t end = 0, entries = 0, length = s->reserved;
	int err = segment_scan_rest(&r->scan, &end, &entries);

	if (err || end == r->scan.offset)
		return err;
	r->rec->cut_bytes += end - r->scan.offset;
	r->rec->cut_entries += entries;
	err = io->cut(io->ctx, s->fd, s->planned);
	if (!err && length > s->planned)
		err = io->reserve(io->ctx, s->fd, s->planned, length - s->planned);
	if (err == -ENOSPC) {
		s->reserved = s->planned;
		err = 0;
	}
	/* Before anything is appended: a stale batch must never stand behind a new one. */
	return err ? err : io->sync(io->ctx, s->fd);
}

/* A segment behind the one that goes on: nothing that it holds can be kept, since what comes before it is
 * missing. */
static int drop_segment(struct recovery *r, uint64_t number, const char *name)
{
	struct segment_scan scan;
	uint64_t end = 0, entries = 0;
	int err = segment_scan_open(&scan, r->l->dir_fd, number);

	if (err && err != -EBADMSG)
		return err;
	err = segment_scan_rest(&scan, &end, &entries);
	if (!err) {
		r->rec->cut_bytes += end - SEGMENT_HEADER_SIZE;
		r->rec->cut_entries += entries;
	}
	segment_scan_close(&scan);
	return err ? err : unlinkat(r->l->dir_fd, name, 0) ? -errno : 0;
}

static int drop_later_segments(struct recovery *r, uint64_t last)
{
	int fd = openat(r->l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	uint64_t number;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (e = readdir(dir)))
		if (segment_name_parse(e->d_name, &number) == 0 && number > last)
			err = drop_segment(r, number, e->d_name);
	if (!err && fsync(dirfd(dir)))
		err = -errno;
	closedir(dir);
	return err;
}

/* The segment in which appending goes on: reopened behind what was kept, or made. */
static int open_current(struct recovery *r)
{
	struct ledger *l = r->l;
	char name[SEGMENT_NAME_SIZE];
	uint64_t number = ledger_tree_size(l) >> SEGMENT_ENTRIES_LOG2;
	int err = scan_edge(r);

	/* A header that did not reach the disk: no entry can have been covered here, so the file is made
	 * anew. */
	if (err == -EBADMSG && l->edge.size == 0) {
		segment_name(number, name);
		err = drop_segment(r, number, name);
		if (!err)
			err = -ENOENT;
	}
	if (err == -ENOENT)
		return segment_create(l, number, &l->current);
	if (!err)
		err = segment_reopen(l, number, r->scan.offset, &l->current);
	return err ? err : cut_tail(r);
}

int recovery_open_segments(struct recovery *r)
{
	struct ledger *l = r->l;
	int err = drop_later_segments(r, ledger_tree_size(l) >> SEGMENT_ENTRIES_LOG2);

	if (!err)
		err = open_current(r);
	if (err)
		return err;
	err = segment_create(l, l->current->number + 1, &l->ahead);
	/* A disk that is full now: appending will say so. */
	return err == -ENOSPC ? 0 : err;
}
