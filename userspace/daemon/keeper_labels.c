// SPDX-License-Identifier: Apache-2.0
/* What `muniment labels` asks: which processes may hold records, and that one is taken to hold none. See keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "pipeline/ocsf.h"

static void on_labelled(void *ctx, const void *record)
{
	const struct labelled *l = record;
	struct keeper_listing *listing = ctx;
	struct keeper *k = listing->k;
	struct buf *b = listing->b;
	uint32_t person = l->login_uid != ID_UNSET ? l->login_uid : l->uid;
	const char *name = enrich_user_name(recorder_enrich(k->recorder), person);

	if (listing->n++ >= KEEPER_LISTED)
		return;
	json_open(b, NULL, '{');
	json_u64(b, "pid", l->tgid);
	json_strn(b, "name", l->comm, strnlen(l->comm, sizeof(l->comm)));
	json_u64(b, "uid", person);
	if (name)
		json_str(b, "user", name);
	ocsf_add_label(b, "stores", l->label, ocsf_policy(recorder_ocsf(k->recorder)));
	json_close(b, '}');
}

void keeper_list(struct keeper *k, struct buf *answer, const char *key, int (*each)(struct keeper_listing *))
{
	struct keeper_listing listing = {.k = k, .b = answer};
	int err;

	json_open(answer, NULL, '{');
	json_bool(answer, "ok", true);
	json_open(answer, key, '[');
	err = each(&listing);
	json_close(answer, ']');
	json_u64(answer, "count", listing.n);
	json_close(answer, '}');
	if (err) {
		buf_reset(answer);
		control_refuse(answer, strerror(-err));
	}
}

static int each_labelled(struct keeper_listing *listing)
{
	return kernel_labelled(listing->k->kernel, on_labelled, listing);
}

void keeper_labels(struct keeper *k, struct buf *answer)
{
	keeper_list(k, answer, "processes", each_labelled);
}

void keeper_label_clear(struct keeper *k, const struct control_request *r,
			const struct control_peer *approver, struct buf *answer)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	uint64_t label = 0;
	int err = kernel_clear_label(k->kernel, r->process, &label);
	struct buf *b;

	if (err || !label) {
		control_refuse(answer, err && err != -ENOENT && err != -ESRCH
					       ? strerror(-err)
					       : "no such process holds anything");
		return;
	}
	b = keeper_asked_entry(
		k, OCSF_LABEL_CLEARED,
		"a process is taken to hold no records any more: what it sends is not followed", r, approver);
	json_u64(b, "process", r->process);
	ocsf_add_label(b, "label", label, image);
	keeper_event_end(k);
	json_open(answer, NULL, '{');
	json_bool(answer, "ok", true);
	json_str(answer, "done", "the label is cleared");
	json_close(answer, '}');
}
