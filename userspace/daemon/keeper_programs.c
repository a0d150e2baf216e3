// SPDX-License-Identifier: Apache-2.0
/* Programs that changed, and what the ledger says of them: see keeper.h. */
#include "daemon/keeper.h"

#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/log.h"

static const char *reason_of(const struct image_program *program)
{
	switch (program->found.state) {
	case PROGRAM_MISSING:
		return "missing";
	case PROGRAM_UNREADABLE:
		return "unreadable";
	case PROGRAM_BUSY:
		return "being_written";
	default:
		return image_program_accepted(program) ? "accepted" : "content";
	}
}

static void add_roles(struct buf *b, const char *key, const struct policy_image *image,
		      const struct role_set *roles, const struct role_set *but)
{
	json_open(b, key, '[');
	for (size_t i = 0; i < image->n_roles && b->len < 32768; i++) {
		if ((roles->words[i / 64] & ~but->words[i / 64]) >> (i % 64) & 1)
			json_str(b, NULL, image->roles[i].name);
	}
	json_close(b, ']');
}

static void add_digest(struct buf *b, const char *key, const struct program_found *found)
{
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

	if (!found || found->state != PROGRAM_FOUND)
		return;
	hex_encode(found->content.sha256, POLICY_DIGEST_SIZE, hex);
	json_str(b, key, hex);
}

/* before: what lay there, NULL when that is not known. */
static void tell_program(struct keeper *k, const struct image_program *program,
			 const struct program_found *before)
{
	static const struct role_set nobody;
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	bool accepted = image_program_accepted(program);
	struct buf *b;

	if (accepted) {
		log_info("program %s: changed, and accepted", program->path);
		b = recorder_event(k->recorder, OCSF_PROGRAM_CHANGED,
				   "a program was changed or replaced; its roles accept what it is now");
	} else {
		log_error("program %s: %s: it is refused roles", program->path, reason_of(program));
		b = recorder_event(k->recorder, OCSF_PROGRAM_REFUSED,
				   "a program is not what the policy accepts; it is refused roles");
	}
	json_str(b, "path", program->path);
	json_str(b, "reason", reason_of(program));
	add_roles(b, "roles", image, &program->found.roles, &nobody);
	if (!accepted)
		add_roles(b, "refused", image, &program->named, &program->found.roles);
	add_digest(b, "sha256_before", before);
	add_digest(b, "sha256", &program->found);
	if (program->found.package.name[0]) {
		json_str(b, "package", program->found.package.name);
		json_str(b, "package_version", program->found.package.version);
	}
	json_u64(b, "generation", k->generation);
	keeper_event_end(k);
}

static bool differs(const struct program_found *a, const struct program_found *b)
{
	return a->state != b->state || memcmp(a->content.sha256, b->content.sha256, POLICY_DIGEST_SIZE) != 0;
}

void keeper_tell_programs(struct keeper *k)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder)),
				  *former = ocsf_former_policy(recorder_ocsf(k->recorder));

	for (size_t i = 0; i < image->n_programs; i++) {
		const struct image_program *program = &image->programs[i], *was = NULL;
		long at = former ? policy_image_program_by_path(former, program->path) : -1;
		bool accepted = image_program_accepted(program), changed;

		if (program->found.state == PROGRAM_BUSY) /* told of when it is known */
			continue;
		was = at >= 0 ? &former->programs[at] : NULL;
		changed = was &&
			  (differs(&program->found, &was->found) || accepted != image_program_accepted(was));
		if (changed || (!was && !accepted))
			tell_program(k, program, was ? &was->found : NULL);
	}
}

static void on_changed(void *ctx, const struct image_program *program, const struct program_found *before)
{
	tell_program(ctx, program, before);
}

void keeper_watch_programs(struct keeper *k)
{
	struct ocsf *ocsf = recorder_ocsf(k->recorder);

	if (kernel_watch_programs(k->kernel, ocsf_policy_programs(ocsf), on_changed, k))
		ocsf_programs_changed(ocsf);
}
