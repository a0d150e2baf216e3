// SPDX-License-Identifier: Apache-2.0
/* The policy in force: applied at once or not at all. See keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/log.h"
#include "pipeline/host.h"

static uint64_t wall_ms(void)
{
	return (host_boot_ns() + (uint64_t)host_boot_offset_ns()) / 1000000u;
}

/* 0, or -EPERM with a message when this kernel can only detect and the policy does not put up with that. */
static int check_strength(struct keeper *k, const struct policy_image *image, struct buf *messages)
{
	if (!policy_image_enforces(image) || kernel_can_prevent(k->kernel))
		return 0;
	if (image->degraded == POLICY_DEGRADED_ALLOW)
		return 0;
	buf_str(messages, "the policy enforces, but this kernel can only detect: see `munimentd -n` for why; "
			  "\"degraded: allow\" in the policy accepts that\n");
	return -EPERM;
}

int keeper_apply(struct keeper *k, struct policy_loaded *loaded, bool asked)
{
	struct policy_image *image = loaded->image;
	const struct policy_image *former = ocsf_policy(recorder_ocsf(k->recorder));
	uint32_t generation = recorder_next_generation(k->recorder, image->sha256);
	int err = check_strength(k, image, &loaded->messages);

	if (err)
		return err;
	if (former && !asked)
		image_keep_loaded(image, former);
	if (former) {
		/* What was counted is told while the policy that it was counted under is known in full. */
		keeper_tell(k, true);
		keeper_drain(k, host_monotonic_ns());
	} else {
		keeper_names_load(k, generation);
	}
	keeper_hosts_inherit(k, image, former);
	err = kernel_apply(k->kernel, image, generation);
	if (err) {
		buf_printf(&loaded->messages, "the policy cannot be brought into force: %s\n",
			   strerror(-err));
		return err;
	}
	image_drop_regions(image);
	k->degraded = policy_image_enforces(image) && !kernel_can_prevent(k->kernel);
	k->generation = generation;
	memcpy(k->sha256, image->sha256, POLICY_DIGEST_SIZE);
	k->policy_ms = wall_ms();
	/* From here the records bear the new generation: the image must be known, whatever it takes. */
	err = recorder_set_policy(k->recorder, generation, image);
	if (!err) {
		loaded->image = NULL;
		keeper_names_save(k, image);
	}
	return err;
}

void keeper_write_policy_event(struct keeper *k, const char *who)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];
	struct buf *b = recorder_event(k->recorder, OCSF_POLICY, "a policy came into force");

	hex_encode(k->sha256, POLICY_DIGEST_SIZE, hex);
	json_str(b, "by", who);
	json_u64(b, "generation", k->generation);
	json_str(b, "policy_sha256", hex);
	json_str(b, "mode", policy_mode_text(image->mode));
	json_open(b, "files", '[');
	/* The entry has an end; the digest names them all. */
	for (size_t i = 0; i < image->n_files && b->len < 32768; i++)
		json_str(b, NULL, image->files[i]);
	json_close(b, ']');
	json_u64(b, "n_files", image->n_files);
	json_u64(b, "stores", image->n_stores);
	json_u64(b, "roles", image->n_roles);
	json_u64(b, "grants", image->n_grants);
	keeper_event_end(k);
	keeper_tell_programs(k);
	if (!k->degraded)
		return;
	b = recorder_event(k->recorder, OCSF_DEGRADED,
			   "the policy enforces; this kernel can only detect, and the policy allows that");
	json_u64(b, "generation", k->generation);
	keeper_event_end(k);
}
