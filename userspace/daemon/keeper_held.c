// SPDX-License-Identifier: Apache-2.0
/*
 * Who had records open when they came to be guarded: nobody was asked then, so it is told now. See keeper.h.
 */
#include "daemon/keeper.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"

#define HELD_SHOWN 200 /* of one entry, which has an end */

struct telling {
	struct keeper *k;
	struct buf *b; /* NULL: nothing to tell yet */
	uint64_t n;
};

/* As the host names it now. A daemon without the privilege to look says the inode only. */
static void add_path(struct buf *b, const struct held *h)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%u/fd/%u", h->tgid, h->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0)
		json_strn(b, "path", path, (size_t)n);
}

static void on_held(void *ctx, const struct held *h)
{
	struct telling *t = ctx;
	const struct policy_image *image = ocsf_policy(recorder_ocsf(t->k->recorder));

	if (!t->b) {
		t->b = recorder_event(t->k->recorder, OCSF_OPEN_BEFORE,
				      "processes had records open before they were guarded; each use is "
				      "decided from now on");
		json_open(t->b, "open", '[');
	}
	if (t->n++ >= HELD_SHOWN || t->b->len > 49152)
		return;
	json_open(t->b, NULL, '{');
	json_str(t->b, "store", h->store < image->n_stores ? image->stores[h->store].name : "");
	json_u64(t->b, "pid", h->tgid);
	json_strn(t->b, "name", h->comm, strnlen(h->comm, sizeof(h->comm)));
	json_u64(t->b, "euid", h->uid);
	if (h->login_uid != ID_UNSET)
		json_u64(t->b, "auid", h->login_uid);
	json_u64(t->b, "fd", h->fd);
	json_bool(t->b, "writable", h->mode & 2);
	json_u64(t->b, "inode", h->file.ino);
	add_path(t->b, h);
	json_close(t->b, '}');
}

void keeper_tell_held(struct keeper *k)
{
	struct telling t = {.k = k};
	int err = kernel_held(k->kernel, on_held, &t);

	if (err)
		log_warn("what was open before cannot be told: %s", strerror(-err));
	if (!t.b)
		return;
	json_close(t.b, ']');
	json_u64(t.b, "count", t.n);
	keeper_event_end(k);
	log_warn("%llu descriptors of records were open before they were guarded: see the entry open_before",
		 (unsigned long long)t.n);
}
