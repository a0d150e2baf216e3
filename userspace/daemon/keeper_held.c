// SPDX-License-Identifier: Apache-2.0
/*
 * Who had records open when they came to be guarded: nobody was asked then, so it is told now. See keeper.h.
 */
#include "daemon/keeper.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#define HELD_SHOWN 200 /* of one entry, which has an end */

struct telling {
	struct keeper *k;
	struct buf *b; /* NULL: nothing to tell yet */
	uint64_t n;
	const struct policy_image *former; /* in force until now, or NULL */
};

/* As the host names it now: its length, or 0. A daemon without the privilege to look says the inode only. */
static size_t path_of(const struct held *h, char *path, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%u/fd/%u", h->tgid, h->fd);
	n = readlink(link, path, size - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Does a root of the policy lie there, or above? */
static bool was_guarded(const struct policy_image *image, const char *path)
{
	for (size_t i = 0; i < image->n_roots; i++)
		if (file_is_below(path, image->roots[i].path))
			return true;
	return false;
}

/* Has a store, or any with STORE_NONE, a root that the former policy did not guard? */
static bool is_wider(const struct policy_image *image, const struct policy_image *former, uint32_t store)
{
	for (size_t i = 0; i < image->n_roots; i++)
		if ((store == STORE_NONE || image->roots[i].store == store) &&
		    !was_guarded(former, image->roots[i].path))
			return true;
	return false;
}

static void on_held(void *ctx, const void *record)
{
	const struct held *h = record;
	struct telling *t = ctx;
	const struct policy_image *image = ocsf_policy(recorder_ocsf(t->k->recorder));
	char path[PATH_MAX];
	size_t n = path_of(h, path, sizeof(path));

	if (t->former && (!is_wider(image, t->former, h->store) || was_guarded(t->former, path)))
		return;
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
	if (n)
		json_strn(t->b, "path", path, n);
	json_close(t->b, '}');
}

void keeper_tell_held(struct keeper *k, const struct policy_image *former)
{
	struct telling t = {.k = k, .former = former};
	int err = 0;

	if (!former || is_wider(ocsf_policy(recorder_ocsf(k->recorder)), former, STORE_NONE))
		err = kernel_held(k->kernel, on_held, &t);
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
