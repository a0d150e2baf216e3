// SPDX-License-Identifier: Apache-2.0
/* Programs and libraries that changed, and what the ledger says of them: see keeper.h. */
#include "daemon/keeper.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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

static bool has_role(const struct role_set *roles, const struct role_set *but, size_t role)
{
	return (roles->words[role / 64] & ~but->words[role / 64]) >> (role % 64) & 1;
}

/* Rules that declassify what the program writes are none of the policy's own roles, and have no names. */
static void add_rule(struct buf *b, const struct policy_image *image, const struct image_sink *rule)
{
	const char *path = image->files[rule->file], *slash = strrchr(path, '/');
	char text[NAME_MAX + 32];

	snprintf(text, sizeof(text), "declassify (%s:%u)", slash ? slash + 1 : path, rule->line);
	json_str(b, NULL, text);
}

static void add_roles(struct buf *b, const char *key, const struct policy_image *image,
		      const struct role_set *roles, const struct role_set *but)
{
	json_open(b, key, '[');
	for (size_t i = 0; i < image->n_roles && b->len < 32768; i++) {
		if (has_role(roles, but, i))
			json_str(b, NULL, image->roles[i].name);
	}
	for (size_t i = 0; i < image->n_sinks && b->len < 32768; i++) {
		if (!image->sinks[i].any_program && has_role(roles, but, sink_role(i)))
			add_rule(b, image, &image->sinks[i]);
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
static void tell_program(struct keeper *k, bool library, const struct image_program *program,
			 const struct program_found *before)
{
	static const struct role_set nobody;
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	bool accepted = image_program_accepted(program);
	struct buf *b;

	if (library && accepted) {
		log_info("library %s: changed, and accepted", program->path);
		b = recorder_event(k->recorder, OCSF_LIBRARY_CHANGED,
				   "a library was changed or replaced; its roles accept what it is now");
	} else if (library) {
		log_error("library %s: %s: it may not be loaded", program->path, reason_of(program));
		b = recorder_event(k->recorder, OCSF_LIBRARY_REFUSED,
				   "a library is not what the policy accepts; it may not be loaded");
	} else if (accepted) {
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

static int compare_path(const void *path, const void *program)
{
	return strcmp(path, ((const struct image_program *)program)->path);
}

static const struct image_program *find_program(const struct policy_image *image, bool library,
						const char *path)
{
	size_t n = library ? image->n_libraries : image->n_programs;
	const struct image_program *list = library ? image->libraries : image->programs;

	return n ? bsearch(path, list, n, sizeof(*list), compare_path) : NULL;
}

static void tell_list(struct keeper *k, bool library, const struct image_program *list, size_t n)
{
	const struct policy_image *former = ocsf_former_policy(recorder_ocsf(k->recorder));

	for (size_t i = 0; i < n; i++) {
		const struct image_program *program = &list[i],
					   *was = former ? find_program(former, library, program->path)
							 : NULL;
		bool accepted = image_program_accepted(program), changed;

		if (program->found.state == PROGRAM_BUSY) /* told of when it is known */
			continue;
		changed = was &&
			  (differs(&program->found, &was->found) || accepted != image_program_accepted(was));
		if (changed || (!was && !accepted))
			tell_program(k, library, program, was ? &was->found : NULL);
	}
}

void keeper_tell_programs(struct keeper *k)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));

	tell_list(k, false, image->programs, image->n_programs);
	tell_list(k, true, image->libraries, image->n_libraries);
}

static void on_changed(void *ctx, const struct image_program *program, const struct program_found *before)
{
	struct keeper *k = ctx;
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	bool library = program >= image->libraries && program < image->libraries + image->n_libraries;

	tell_program(k, library, program, before);
}

static void on_library(void *ctx, const char *path, const char *package)
{
	struct keeper *k = ctx;
	struct buf *b;

	log_error("library %s: not what its package %s brought: it may not be loaded where packaged ones are "
		  "asked for",
		  path, package);
	b = recorder_event(
		k->recorder, OCSF_LIBRARY_REFUSED,
		"a library is not what its package brought; it may not be loaded where that is asked for");
	json_str(b, "path", path);
	json_str(b, "reason", "content");
	json_str(b, "package", package);
	json_u64(b, "generation", k->generation);
	keeper_event_end(k);
}

void keeper_watch_programs(struct keeper *k)
{
	struct ocsf *ocsf = recorder_ocsf(k->recorder);

	if (kernel_watch_programs(k->kernel, ocsf_policy_programs(ocsf), on_changed, k))
		ocsf_programs_changed(ocsf);
	kernel_watch_packaged(k->kernel, on_library, k);
}
