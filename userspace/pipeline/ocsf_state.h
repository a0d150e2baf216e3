/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct ocsf, shared by the files of its name only. */
#ifndef MUNIMENT_PIPELINE_OCSF_STATE_H
#define MUNIMENT_PIPELINE_OCSF_STATE_H

#include "pipeline/cache.h"
#include "pipeline/ocsf.h"

#define ACTOR_GRANTS 4

/* What an entry is about: the standard's class. */
enum about { ABOUT_FILE, ABOUT_PROCESS, ABOUT_KERNEL, ABOUT_END };

/* What became of an access, as the standard's action and disposition tell it. */
enum outcome { OUTCOME_ALLOWED, OUTCOME_DENIED, OUTCOME_OBSERVED, OUTCOME_END };

struct ocsf_policy {
	uint32_t generation;
	struct policy_image *image;
};

/* Which grant allowed it: asked once for each process, store and mask. */
struct actor_grant {
	uint32_t generation;
	uint16_t operations;
	uint8_t store;
	bool known;
	long grant; /* index into the image's grants, -1: not to be told */
};

struct actor_key {
	struct object_id program;
	uint64_t cgroup;
	uint64_t start_boot_ns;
	uint32_t tgid;
	uint32_t parent_tgid;
	uint32_t uid;
	uint32_t gid;
	uint32_t login_uid;
	uint32_t session;
	uint32_t rich;
	uint32_t reserved;
	char comm[COMM_SIZE];
};

/* The "actor" member as text, made once for each process. */
struct actor {
	uint64_t version; /* of the enrichment it was made from */
	uint64_t expires_ns;
	bool container;
	long program; /* index into the image's programs, of generation program_generation */
	uint32_t program_generation;
	uint32_t person;
	unsigned next_grant;
	struct actor_grant grants[ACTOR_GRANTS];
	struct buf text;
};

struct ocsf {
	struct enrich *enrich;
	struct host host;
	struct buf head[ABOUT_END][OUTCOME_END]; /* from the brace to the device */
	struct buf metadata[2][2];	/* [rich][container]: from its name to the log source's quote */
	struct buf device;		/* the rich form, for lifecycle entries */
	struct ocsf_policy policies[2]; /* the one in force, and the one before */
	struct ocsf_policy earlier[OCSF_EARLIER_MAX];
	unsigned n_earlier; /* ever; the next one's place */
	ocsf_root_path_fn root_path;
	const void *root_ctx;
	struct cache *actors;
	struct buf path; /* full path of the file in work, raw */
	struct buf file; /* its "file" member */
	struct buf text;
};

/* The prepared actor of an access. Never NULL; valid until the next call. */
struct actor *ocsf_actor(struct ocsf *o, const struct record_access *a, bool rich);

/* The grant that allowed an access, or NULL. */
const struct image_grant *ocsf_actor_grant(struct actor *actor, const struct ocsf_policy *policy,
					   const struct record_access *a);

const struct ocsf_policy *ocsf_find_policy(const struct ocsf *o, uint32_t generation);

/* --- ocsf_guard.c: about the monitor and the host; a is one for which ocsf_is_guard holds --- */

bool ocsf_is_guard(const struct record_access *a);
/* Members activity_id and type_uid, with a comma before. */
const char *ocsf_guard_activity(const struct record_access *a);
const char *ocsf_guard_verb(const struct record_access *a);
/* What it was done to, in words. o->path must be made; raw bytes. */
void ocsf_guard_what(const struct ocsf *o, const struct record_access *a, struct buf *out);
/* The member `process` or `kernel`. */
void ocsf_guard_object(struct ocsf *o, const struct record_access *a, struct buf *out);
/* Members of unmapped.muniment. */
void ocsf_guard_detail(const struct record_access *a, struct buf *out);

/* --- ocsf_label.c --- */

/* The compartment for whose sake an access was denied, or NULL. */
const struct image_compartment *ocsf_compartment(const struct record_access *a,
						 const struct policy_image *image);

#define ADD_LITERAL(b, text) buf_add(b, text, sizeof(text) - 1)

/* ocsf_file.c */
/* o->path: what the record's names come to on this host, as raw bytes. */
void ocsf_make_path(struct ocsf *o, const struct record_view *v, const struct ocsf_policy *policy);
/* o->file; false when the path is not UTF-8, so that its raw form is needed as well. */
bool ocsf_make_file(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
		    bool rich);
void ocsf_add_inode(struct buf *b, const struct object_id *id);

#endif
