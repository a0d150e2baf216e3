/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checked policy in plain arrays, ready for the kernel's maps, and the question that explain, the tests and
 * the daemon ask of it: may this actor do that, and by which grant.
 *
 * The image owns all it holds and needs nothing of the policy it was made from. Made by policy_compile,
 * loaded by userspace/kernel.
 */
#ifndef MUNIMENT_POLICY_IMAGE_H
#define MUNIMENT_POLICY_IMAGE_H

#include "bpf/abi.h"
#include "bpf/decide.h"
#include "policy/policy.h"

struct image_store { /* its index is its id in the kernel */
	char *name;
	enum policy_class class;
	/* As the map takes them, but for labels, whose bits the kernel's side deals out: apart has bits of stores. */
	struct store_rules rules;
	uint32_t file; /* index into files: where the store is defined, */
	uint32_t line; /* which is the rule that denies what no grant allows */
};

struct image_root { /* its index is record_access.root */
	char *path; /* canonical */
	uint32_t store;
	uint32_t device; /* of the mount: major << 20 | minor */
	uint64_t dev;	 /* stat(2) */
	uint64_t ino;
};

/* A file of a store that holds no records. */
struct image_no_records {
	char *directory; /* canonical */
	char name[NO_RECORDS_NAME];
	uint32_t store;
};

struct image_role {
	char *name;
	uint32_t file; /* index into files: where its `libraries` stands; with a bit in asking */
	uint32_t line;
};

struct image_user { /* sorted by uid */
	uint32_t uid;
	struct user_roles roles;
};

struct image_group { /* sorted by gid */
	uint32_t gid;
	struct role_set roles;
};

struct image_digest { /* a content that some roles accept */
	uint8_t sha256[POLICY_DIGEST_SIZE];
	struct role_set roles;
};

enum program_state {
	PROGRAM_INVALID,
	PROGRAM_FOUND,
	PROGRAM_MISSING,
	PROGRAM_UNREADABLE, /* or no regular file */
	PROGRAM_BUSY,	    /* open for writing, or written a moment ago: its content may still change */
};

/* What lies under a program's path, as it was seen last. */
struct program_found {
	enum program_state state;
	struct content_key key; /* stat(2); all 0 when nothing is there */
	struct content content; /* with PROGRAM_FOUND */
	struct package package; /* that has this content; without a name where none has, or nobody asked */
	struct role_set roles;	/* that accept it */
};

struct image_program {	       /* sorted by path */
	char *path;	       /* canonical */
	struct role_set named; /* all roles that name it, and rules that declassify: sink_role */
	/* Of these: what they accept. Whatever lay there when the policy was loaded; what a package brought. */
	struct role_set loaded;
	struct role_set packaged;
	struct image_digest *digests; /* and what they list */
	size_t n_digests;
	uint8_t loaded_sha256[POLICY_DIGEST_SIZE];
	struct program_found found;
};

struct image_grant { /* in the order of the sources */
	uint32_t role;
	uint32_t store;
	uint32_t access; /* mask of OPERATION_BIT */
	uint32_t file;	 /* index into files */
	uint32_t line;
	bool serves;
};

struct image_compartment {
	uint64_t stores; /* of which no two may meet: a bit for each, by its index */
	uint32_t file;	 /* index into files */
	uint32_t line;
};

/* A name that endpoints have, and its addresses: see hosts.h. */
struct image_address {
	uint8_t address[16]; /* as in struct peer */
	uint64_t seen_s;     /* CLOCK_BOOTTIME: when an answer had it last */
};

enum host_state { HOST_UNASKED = 0, HOST_RESOLVED, HOST_FAILED };

struct image_host {
	char *name;
	uint64_t id; /* not 0, and the same in every policy */
	struct image_address addresses[HOST_ADDRESSES_MAX];
	size_t n_addresses;
	enum host_state state; /* what its last answer came to */
	uint64_t answered_s; /* CLOCK_BOOTTIME: of the last answer with an address that was taken; 0: none */
	const char *why;     /* with HOST_FAILED; static text */
	bool told;	     /* that it failed, or that an answer was refused */
};

struct image_resolver {
	uint8_t address[16]; /* as in struct peer */
	uint16_t port;
};

struct image_agreement { /* its index is agreement_rules' */
	char *name;
	char *purpose; /* "" where none is given */
	char *partner;
	/* As the map takes them, but for stores, which has a bit for the index of each, until_ns and limits.clock_ns. */
	struct agreement_rules rules;
	int64_t expires_s; /* Unix seconds; INT64_MAX: never */
	uint32_t file;	   /* index into files */
	uint32_t line;
};

struct image_endpoint { /* its index is that in endpoint_list */
	uint8_t address[16];
	uint32_t prefix; /* bits */
	uint32_t host;	 /* number of its name in hosts, from 1, whose addresses count then; 0: none */
	struct endpoint rules;
};

struct image_sink {   /* of `declassify`; its index is that of the bit in its mask */
	char **paths; /* canonical */
	size_t n_paths;
	bool any_program; /* else those whose roles have sink_role */
	uint32_t file;	  /* index into files */
	uint32_t line;
};

struct image_rule {    /* where a word of the policy stands */
	uint32_t file; /* index into files */
	uint32_t line; /* 0: nowhere, it is the default */
};

struct policy_image {
	uint8_t sha256[POLICY_DIGEST_SIZE]; /* policy_digest */
	enum store_mode mode;
	enum policy_degraded degraded;
	uint32_t host; /* host_mode of each enum host_item */
	struct image_rule host_rules[HOST_ITEMS];
	uint32_t *approvers; /* login uids, of whom one must agree: see daemon/keeper_asks.c */
	size_t n_approvers;
	char **files;
	size_t n_files;
	struct image_store *stores;
	size_t n_stores;
	struct image_no_records *no_records;
	size_t n_no_records;
	struct image_root *roots;
	size_t n_roots;
	struct image_role *roles;
	size_t n_roles;
	struct image_user *users;
	size_t n_users;
	struct image_group *groups;
	size_t n_groups;
	struct image_program *programs;
	size_t n_programs;
	struct image_program *libraries; /* that roles list; sorted, too */
	size_t n_libraries;
	struct image_grant *grants;
	size_t n_grants;
	struct image_compartment *compartments;
	size_t n_compartments;
	char **copy_paths; /* canonical: where copies may lie */
	size_t n_copy_paths;
	enum copies copies;			  /* what holds elsewhere, */
	struct image_rule copies_rule;		  /* where that is said; line 0: nowhere */
	uint8_t media;				  /* media_word of each enum medium, */
	struct image_rule media_rules[MEDIA_END]; /* likewise */
	struct image_sink *sinks;
	size_t n_sinks;
	struct image_agreement *agreements;
	size_t n_agreements;
	struct image_endpoint *endpoints;
	size_t n_endpoints;
	struct image_host *hosts;
	size_t n_hosts;
	struct region_network *regions; /* as in struct policy_regions */
	size_t n_regions;
	char *region_files[REGION_FILES]; /* what they were read from; NULL: none */
	struct region_stamp region_stamps[REGION_FILES];
	struct image_resolver *resolvers;
	size_t n_resolvers;
	uint64_t dns_max_bytes;
	uint64_t dns_period_s;
	bool dns_answers;	    /* what they answer a process counts for agreements with the name */
	struct image_rule dns_rule; /* line 0: the policy has no section `dns` */
	/* The stores that bits of a label stand for, those of former policies among them; filled in by kernel_apply. */
	struct label_name labels[STORES_MAX];
	struct role_set any_user; /* roles without a users condition */
	struct role_set any_group;
	struct role_set any_program;
	struct role_set now;		 /* roles in force: all, as long as no condition depends on time */
	struct role_set asking;		 /* roles that ask what is loaded into their programs, */
	struct role_set packaged;	 /* of these, those that take what packages brought, */
	struct role_set asking_enforced; /* and those that have a grant in a store that enforces */
};

/* 0 and an image; -EINVAL when the policy was not checked or has errors; -ENOMEM. */
int policy_compile(const struct policy *policy, struct policy_image **ret_image);
void policy_image_free(struct policy_image *image);

struct policy_actor {
	uint32_t login_uid;   /* ID_UNSET: nobody logged in */
	uint32_t uid;	      /* acting */
	const uint32_t *gids; /* acting: effective and further groups; asked only when login_uid is unset */
	size_t n_gids;
	long program; /* index into programs; -1: none that the policy names */
};

#define POLICY_NO_GRANT (-1l)

struct policy_decision {
	enum verdict verdict;
	struct role_set roles; /* that the actor has */
	uint32_t granted;      /* mask of the operations that those roles may do in the store */
	/* First grant, in the order of the sources, that allows the (lowest-numbered) operation asked for; -1
	 * when denied. */
	long grant;
};

/*
 * The roles that accept this content of a program, packaged telling whether a package brought it.
 */
void image_program_roles(const struct image_program *program, const uint8_t sha256[POLICY_DIGEST_SIZE],
			 bool packaged, struct role_set *ret_roles);

/* True when every role that names the program accepts what was found there. */
bool image_program_accepted(const struct image_program *program);

/*
 * What the roles of the former policy took for their programs stays that: for a policy that is read anew because
 * something else changed. Programs that the former one does not name are left as they are.
 */
void image_keep_loaded(struct policy_image *image, const struct policy_image *former);

/* For compile.c: fills image->programs. 0 or -ENOMEM. */
int image_build_programs(const struct policy *policy, struct policy_image *image);
void image_free_programs(struct policy_image *image);

/* For compile.c: fills image->agreements and image->endpoints. 0 or -ENOMEM. */
int image_build_agreements(const struct policy *policy, struct policy_image *image);
void image_free_agreements(struct policy_image *image);
/* The kernel has them: an image is kept for as long as records may refer to it, and a union has tens of thousands. */
void image_drop_regions(struct policy_image *image);

/* For compile.c: fills image->sinks. 0 or -ENOMEM. */
int image_build_sinks(const struct policy *policy, struct policy_image *image);
void image_free_sinks(struct policy_image *image);

/* For compile.c: canonical paths; after -ENOMEM, those that were copied before are to be freed. */
int image_copy_paths(const struct policy_store_path *from, size_t n, char ***to, size_t *n_to);
void image_free_paths(char **paths, size_t n);

/* The index of a program by its canonical path or by stat(2) numbers; -1 when the policy does not name it. */
long policy_image_program_by_path(const struct policy_image *image, const char *path);
long policy_image_program_by_inode(const struct policy_image *image, uint64_t dev, uint64_t ino);

/* The roles that accept the actor, by dimension, as the kernel finds them in its maps. */
void policy_actor_roles(const struct policy_image *image, const struct policy_actor *actor,
			struct decide_actor *ret_dimensions);

/*
 * Decides by decide.h. operations is a mask of OPERATION_BIT, not 0. 0, or -EINVAL for a store or an
 * operation that does not exist.
 */
int policy_explain(const struct policy_image *image, const struct policy_actor *actor, uint32_t store,
		   uint32_t operations, struct policy_decision *ret_decision);

/* The first grant that lets one of these roles do the operation; POLICY_NO_GRANT for none. */
long policy_image_grant(const struct policy_image *image, const struct role_set *roles, uint32_t store,
			enum operation operation);

/*
 * The first agreement, in the order of the sources, that lets these roles send the store's data to the peer at that
 * time (Unix seconds); POLICY_NO_GRANT for none. Decided by decide.h.
 */
long policy_explain_egress(const struct policy_image *image, const struct role_set *roles, uint32_t store,
			   const struct peer *peer, int64_t now_s);

/* What is asked of an agreement that covers data on its way out, beside that. */
struct policy_sent {
	uint32_t shown; /* SHOWN_…: what the connection's packets have shown of TLS */
	uint16_t port;	/* of the service */
	uint64_t used;	/* what was sent in the same window before; see decide_used */
	uint64_t bytes; /* and is to be now */
};

/* REASON_AGREED, or which of the agreement's limits is against it. Decided by decide.h. */
enum reason policy_explain_limits(const struct policy_image *image, long agreement,
				  const struct policy_sent *sent);

#endif
