// SPDX-License-Identifier: Apache-2.0
/* Reading entries and checkpoints: see reader.h. */
#include "ledger/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define SLOT_TRIES 5 /* of 1 ms: a slot that is just being written does not fit its CRC */

struct ledger_reader {
	int dir_fd, watch_fd;
	char *dir;
	struct slot *slot; /* the newest checkpoint */
	struct checkpoint checkpoint;

	uint64_t cursor;
	struct segment_scan scan;
	bool scan_open;
	struct batch batch; /* that holds the cursor, when count > 0 */
	const uint8_t *payload;
	uint32_t offset;   /* of the entry `position` in payload */
	uint64_t position; /* index of the entry at offset */
};

int ledger_reader_open(const char *dir, struct ledger_reader **ret_reader)
{
	struct ledger_reader *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r)
		return err;
	r->dir_fd = r->watch_fd = -1;
	r->slot = calloc(1, sizeof(*r->slot));
	r->dir = strdup(dir);
	if (!r->slot || !r->dir)
		goto fail;
	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = r->dir_fd < 0 ? -errno : ledger_reader_refresh(r);
	if (err && err != -ENODATA)
		goto fail;
	*ret_reader = r;
	return 0;
fail:
	ledger_reader_close(r);
	return err;
}

void ledger_reader_close(struct ledger_reader *r)
{
	if (!r)
		return;
	if (r->scan_open)
		segment_scan_close(&r->scan);
	if (r->watch_fd >= 0)
		close(r->watch_fd);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	free(r->dir);
	free(r->slot);
	free(r);
}

static int take_slot(struct ledger_reader *r, const struct slot *slot)
{
	struct checkpoint c;
	struct note note;

	if (note_parse(slot->note, slot->note_len, &note) || checkpoint_parse(note.text, note.text_len, &c) ||
	    c.size != slot->size)
		return -EBADMSG;
	*r->slot = *slot;
	r->checkpoint = c;
	return 0;
}

int ledger_reader_refresh(struct ledger_reader *r)
{
	struct slot_set *set = malloc(sizeof(*set));
	int err = -ENOMEM;

	if (!set)
		return err;
	/* A page that is read while it is written does not fit its CRC: look again. */
	for (int i = 0; i < SLOT_TRIES; i++) {
		err = slots_read(r->dir_fd, set);
		if (err || (set->newest >= 0 && !set->damaged) || set->untouched)
			break;
		poll(NULL, 0, 1);
	}
	if (!err && set->newest < 0)
		err = set->untouched ? -ENODATA : -EBADMSG;
	if (!err)
		err = take_slot(r, &set->slots[set->newest]);
	free(set);
	return err;
}

uint64_t ledger_reader_size(const struct ledger_reader *r)
{
	return r->checkpoint.size;
}

const char *ledger_reader_note(const struct ledger_reader *r, size_t *ret_len)
{
	*ret_len = r->slot->note_len;
	return r->slot->note;
}

const struct checkpoint *ledger_reader_checkpoint(const struct ledger_reader *r)
{
	return &r->checkpoint;
}

int ledger_reader_dir_fd(const struct ledger_reader *r)
{
	return r->dir_fd;
}

void ledger_reader_seek(struct ledger_reader *r, uint64_t index)
{
	r->cursor = index;
}

uint64_t ledger_reader_tell(const struct ledger_reader *r)
{
	return r->cursor;
}

/* Opens the cursor's segment, unless it is open and not yet past the cursor. */
static int place_segment(struct ledger_reader *r)
{
	uint64_t number = r->cursor >> SEGMENT_ENTRIES_LOG2;
	int err;

	if (r->scan_open && r->scan.number == number && r->batch.first <= r->cursor)
		return 0;
	if (r->scan_open)
		segment_scan_close(&r->scan);
	r->scan_open = false;
	r->batch.count = 0;
	r->batch.first = 0;
	err = segment_scan_open(&r->scan, r->dir_fd, number);
	r->scan_open = err == 0 || err == -EBADMSG;
	return err == -ENOENT ? -EBADMSG : err;
}

static int load_batch(struct ledger_reader *r)
{
	int err = -EBADMSG;

	/* What the window holds may be from before the writer went on: the second try reads it anew. */
	for (int i = 0; i < 2; i++) {
		err = segment_scan_seek(&r->scan, r->cursor);
		if (!err)
			err = segment_scan_next(&r->scan, &r->batch, &r->payload);
		if (!err && batch_payload_good(&r->batch, r->payload))
			return 0;
		if (!err) {
			r->scan.offset -= BATCH_HEADER_SIZE + batch_payload_size(&r->batch);
			err = -EBADMSG;
		}
		r->scan.window_len = 0;
	}
	r->batch.count = 0;
	return err;
}

/* Loads the batch that holds the cursor. */
static int place_batch(struct ledger_reader *r)
{
	int err = place_segment(r);

	if (!err && (r->batch.count == 0 || r->cursor >= r->batch.first + r->batch.count)) {
		r->batch.count = 0;
		err = load_batch(r);
		r->offset = 0;
		r->position = r->batch.first;
	}
	if (err)
		return err == -ENODATA ? -EBADMSG : err;
	if (r->cursor < r->batch.first || r->cursor >= r->batch.first + r->batch.count)
		return -EBADMSG;
	if (r->cursor < r->position) {
		r->offset = 0;
		r->position = r->batch.first;
	}
	return 0;
}

long ledger_reader_next(struct ledger_reader *r, const uint8_t **ret_entry)
{
	const uint8_t *entry = NULL;
	long n = -EBADMSG;
	int err;

	if (r->cursor >= r->checkpoint.size)
		return -ENODATA;
	err = place_batch(r);
	if (err)
		return err;
	while (r->position <= r->cursor) {
		n = batch_entry_next(&r->batch, r->payload, &r->offset, &entry);
		if (n < 0)
			return -EBADMSG;
		r->position++;
	}
	r->cursor++;
	*ret_entry = entry;
	return n;
}

int ledger_reader_watch(struct ledger_reader *r)
{
	struct buf path = {0};
	int err = 0;

	if (r->watch_fd >= 0)
		return r->watch_fd;
	buf_printf(&path, "%s/" SLOTS_FILE, r->dir);
	r->watch_fd = path.failed ? -1 : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->watch_fd < 0 || inotify_add_watch(r->watch_fd, path.data, IN_MODIFY) < 0) {
		err = path.failed ? -ENOMEM : -errno;
		if (r->watch_fd >= 0)
			close(r->watch_fd);
		r->watch_fd = -1;
	}
	buf_free(&path);
	return err ? err : r->watch_fd;
}

long ledger_segment_leaves(int dir_fd, uint64_t number, uint64_t size, struct tree_hash *leaves)
{
	uint64_t index = number << SEGMENT_ENTRIES_LOG2, end = index + SEGMENT_ENTRIES;
	struct segment_scan scan;
	const uint8_t *payload;
	struct batch b;
	int err = segment_scan_open(&scan, dir_fd, number);

	if (err && err != -EBADMSG)
		return err == -ENOENT ? -EBADMSG : err;
	if (end > size)
		end = size;
	while (!err && index < end) {
		err = segment_scan_next(&scan, &b, &payload);
		if (err)
			break;
		if (b.first != index ||
		    batch_leaves(&b, payload, leaves + (index & (SEGMENT_ENTRIES - 1))) >= 0)
			err = -EBADMSG;
		index += b.count;
	}
	segment_scan_close(&scan);
	return err ? (err == -ENODATA ? -EBADMSG : err) : (long)(end - (number << SEGMENT_ENTRIES_LOG2));
}
