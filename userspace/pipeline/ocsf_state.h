/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct ocsf, shared by the files of its name only. */
#ifndef MUNIMENT_PIPELINE_OCSF_STATE_H
#define MUNIMENT_PIPELINE_OCSF_STATE_H

#include "pipeline/cache.h"
#include "pipeline/lineage.h"
#include "pipeline/ocsf.h"

#define ACTOR_GRANTS 4

/* What an entry is about: the standard's class. */
enum about { ABOUT_FILE, ABOUT_PROCESS, ABOUT_KERNEL, ABOUT_NETWORK, ABOUT_END };

/* What became of an access, as the standard's action and disposition tell it. */
enum outcome { OUTCOME_ALLOWED, OUTCOME_DENIED, OUTCOME_OBSERVED, OUTCOME_END };

/* How much metadata tells: host is the profile that gives device and actor to classes that lack them. */
enum detail { DETAIL_PLAIN, DETAIL_HOST, DETAIL_RICH, DETAIL_END };

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
	struct buf metadata[DETAIL_END][2]; /* [detail][container]: from its name to the log source's quote */
	struct buf device;		    /* the rich form, for lifecycle entries */
	struct ocsf_policy policies[2];	    /* the one in force, and the one before */
	struct ocsf_policy earlier[OCSF_EARLIER_MAX];
	unsigned n_earlier; /* ever; the next one's place */
	ocsf_root_path_fn root_path;
	const void *root_ctx;
	struct cache *actors;
	struct lineage *lineage;
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

/* --- ocsf_egress.c: about data on its way out of the host; a is one for which ocsf_is_egress holds --- */

bool ocsf_is_egress(const struct record_access *a);
/* Members activity_id and type_uid, with a comma before. */
const char *ocsf_egress_activity(const struct record_access *a);
/* What was done, in words: "send data of store … to …". */
void ocsf_egress_text(const struct record_access *a, const struct ocsf_policy *policy, struct buf *out);
/* The members dst_endpoint, connection_info, traffic. */
void ocsf_egress_object(const struct record_access *a, const struct ocsf_policy *policy, struct buf *out);
/* Members of unmapped.muniment: tls, bytes_plain and server_name, as far as the connection has shown them. */
void ocsf_egress_shown(const struct record_view *view, struct buf *out);
/* Members of unmapped.muniment about the agreement that decided; true when its line is among them. */
bool ocsf_egress_agreement(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
			   struct buf *b);
/* A member `peer` for a record of any other kind: the other side of a socket. */
void ocsf_add_peer(struct ocsf *o, const struct peer *peer, struct buf *b);

/* --- ocsf_unmapped.c --- */

/* Is data of a store being written to a file outside of it? Such an entry is one of a file all the same. */
bool ocsf_is_copying(const struct record_access *a);
const char *ocsf_store_name(const struct ocsf_policy *policy, uint32_t store);
/* The role that does not take a library; NULL for other records. */
const struct image_role *ocsf_role(const struct record_access *a, const struct ocsf_policy *policy);
/* A member "file:line", the place of a rule in the policy. */
void ocsf_add_rule(struct ocsf *o, const char *key, const struct policy_image *image, uint32_t file,
		   uint32_t line, struct buf *b);
/* The member itself, with a comma before. policy: NULL when it is not known any more. */
void ocsf_add_unmapped(struct ocsf *o, const struct record_view *view, struct actor *actor,
		       const struct ocsf_policy *policy, bool rich, bool clean_path, struct buf *b);

/* --- ocsf_label.c --- */

/* The compartment for whose sake an access was denied, or NULL. */
const struct image_compartment *ocsf_compartment(const struct record_access *a,
						 const struct policy_image *image);

/* --- ocsf_lineage.c --- */

/* Does the entry tell where the data came from? */
bool ocsf_has_chains(const struct record_access *a);
/* The member of unmapped.muniment. */
void ocsf_add_chains(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
		     struct buf *b);
/* Takes note of what later chains will tell. o->path must be made. */
void ocsf_learn(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy);

#define ADD_LITERAL(b, text) buf_add(b, text, sizeof(text) - 1)

/* ocsf_file.c */
/* o->path: what the record's names come to on this host, as raw bytes. */
void ocsf_make_path(struct ocsf *o, const struct record_view *v, const struct ocsf_policy *policy);
/* o->file; false when the path is not UTF-8, so that its raw form is needed as well. */
bool ocsf_make_file(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
		    bool rich);
void ocsf_add_inode(struct buf *b, const struct object_id *id);

#endif
