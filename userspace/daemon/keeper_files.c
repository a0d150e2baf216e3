// SPDX-License-Identifier: Apache-2.0
/* What `muniment labels` asks about files: which are copies, and that one is taken to hold no records. See keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "pipeline/ocsf.h"

/* As stat(1) and find(1) know it: a copy has no path that would be its own. */
static void add_object(struct buf *b, uint32_t dev, uint64_t ino)
{
	char device[24];

	snprintf(device, sizeof(device), "%u:%u", dev >> 20, dev & 0xfffff);
	json_str(b, "device", device);
	json_u64(b, "inode", ino);
}

static int on_copy(void *ctx, const struct object_id *id, uint64_t label)
{
	struct keeper_listing *listing = ctx;

	if (listing->n++ >= KEEPER_LISTED)
		return 0;
	json_open(listing->b, NULL, '{');
	add_object(listing->b, id->dev, id->ino);
	ocsf_add_label(listing->b, "stores", label, ocsf_policy(recorder_ocsf(listing->k->recorder)));
	json_close(listing->b, '}');
	return 0;
}

static int each_copy(struct keeper_listing *listing)
{
	return kernel_copies(listing->k->kernel, on_copy, listing);
}

void keeper_files(struct keeper *k, struct buf *answer)
{
	keeper_list(k, answer, "files", each_copy);
}

static void refuse(struct buf *answer, int err)
{
	control_refuse(answer, err == -ENOENT ? "no such file is a copy of records" : strerror(-err));
}

bool keeper_file_find(struct keeper *k, struct control_request *r, struct buf *answer)
{
	struct object_id id = {0};
	uint64_t label;
	int err = kernel_find_copy(k->kernel, r->file, &id, &label);

	r->object = (struct control_object){.ino = id.ino, .dev = id.dev, .generation = id.generation};
	if (err)
		refuse(answer, err);
	return !err;
}

void keeper_add_file(struct buf *b, const struct control_request *r)
{
	json_open(b, "file", '{');
	json_str(b, "path", r->file);
	add_object(b, r->object.dev, r->object.ino);
	json_close(b, '}');
}

void keeper_file_clear(struct keeper *k, const struct control_request *r, const struct control_peer *approver,
		       struct buf *answer)
{
	const struct object_id id = {
		.ino = r->object.ino, .dev = r->object.dev, .generation = r->object.generation};
	uint64_t label = 0;
	int err = kernel_clear_copy(k->kernel, &id, &label);
	struct buf *b;

	if (err) {
		refuse(answer, err);
		return;
	}
	b = keeper_asked_entry(k, OCSF_LABEL_CLEARED,
			       "a file is taken to hold no records any more: who reads it is not followed", r,
			       approver);
	keeper_add_file(b, r);
	ocsf_add_label(b, "label", label, ocsf_policy(recorder_ocsf(k->recorder)));
	keeper_event_end(k);
	json_open(answer, NULL, '{');
	json_bool(answer, "ok", true);
	json_str(answer, "done", "the file's label is cleared");
	json_close(answer, '}');
}
