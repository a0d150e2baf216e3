/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as it was written: the merged files, each name and value with its place, and everything found
 * wrong with it.
 *
 * policy_new, policy_add_path (or _text) for each file, policy_check, then policy_compile (image.h). The
 * policy owns sources, trees and findings until policy_free. Used by munimentd and by `muniment policy …`.
 */
#ifndef MUNIMENT_POLICY_POLICY_H
#define MUNIMENT_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "policy/finding.h"
#include "policy/region.h"
#include "policy/resolver.h"
#include "policy/ytree.h"

#define POLICY_FILE_MAX	  (4u << 20) /* bytes of one file */
#define POLICY_FILES_MAX  256
#define POLICY_NAME_MAX	  63		/* bytes of a store's or role's name */
#define POLICY_PATH_MAX	  4095		/* bytes */
#define POLICY_PATHS_MAX  1024		/* of all stores */
#define POLICY_WALLS_MAX  256		/* compartments */
#define POLICY_COPIES_MAX 256		/* paths where copies may lie */
#define POLICY_SINKS_MAX  SINK_PROGRAMS /* paths of all rules that declassify, and as many programs */
#define POLICY_WORD_MAX	  255		/* bytes of a purpose or a partner */
#define POLICY_HOST_MAX	  253		/* bytes of a host's name (RFC 1035, 2.3.4) */
#define POLICY_DIR	  "/etc/muniment/policy.d"

enum policy_class {
	POLICY_CLASS_INVALID,
	POLICY_CLASS_PUBLIC,
	POLICY_CLASS_INTERNAL,
	POLICY_CLASS_CONFIDENTIAL,
	POLICY_CLASS_RESTRICTED
};

/* What an enforcing policy does on a host that can only detect. */
enum policy_degraded { POLICY_DEGRADED_INVALID, POLICY_DEGRADED_DENY, POLICY_DEGRADED_ALLOW };

/* A scalar of a source: the text belongs to that source's tree. NULL text: not given. */
struct policy_word {
	const char *text;
	struct policy_place at;
};

struct policy_file {
	char *path; /* as given, or directory/name */
	char *bytes;
	size_t len;
	uint8_t sha256[POLICY_DIGEST_SIZE];
	struct ytree *tree;
	bool unread; /* could not be read to its end: what it defines is not known */
};

struct policy_store_path {
	struct policy_word word;
	bool resolved;
	struct policy_path_info info;
};

/* A file of a store that holds no records. It need not exist, its directory must. */
struct policy_no_records {
	struct policy_word word;
	bool resolved;
	struct policy_path_info directory;
	char name[NO_RECORDS_NAME];
};

struct policy_store {
	struct policy_word name;
	struct policy_store_path *paths;
	size_t n_paths;
	struct policy_no_records *no_records;
	size_t n_no_records;
	enum store_mode mode; /* STORE_MODE_INVALID: the policy's */
	enum policy_class class;
	enum store_audit audit;
	struct policy_word data_subject; /* kept for later; describes, restricts nothing */
	struct policy_word retention;
	bool used;
};

/* One entry of users or groups: a name, or a number as it stands in the kernel. */
struct policy_principal {
	struct policy_word word;
	bool numeric;
	bool resolved;
	uint32_t id;
};

struct policy_principals {
	bool given; /* the key stands there, even if its list is empty */
	struct policy_principal *items;
	size_t n;
};

/* A digest that a program may have, as it was written: "sha256:…". */
struct policy_digest_word {
	struct policy_word word;
	uint8_t sha256[POLICY_DIGEST_SIZE];
};

struct policy_program {
	struct policy_word word;
	bool digests_given; /* else it is whatever lies there when the policy is loaded */
	struct policy_place digests_at;
	struct policy_word packaged; /* text NULL: the package database does not count */
	struct policy_digest_word *digests;
	size_t n_digests;
	bool resolved;
	bool directory; /* of libraries: what lies in it follows as items of their own */
	size_t role;
	struct policy_program_info info;
	struct package package; /* that gave it this content; without a name where none did */
};

/*
 * What may be loaded into the programs of a role: `any` (or not given), what packages brought, and files, of which a
 * directory, written with a "/" at its end, stands for those in it.
 */
struct policy_libraries {
	struct policy_place at;
	bool asked; /* given, and not `any` */
	struct policy_word packaged;
	struct policy_program *items;
	size_t n;
};

struct policy_role {
	struct policy_word name;
	struct policy_principals users;
	struct policy_principals groups;
	bool programs_given;
	struct policy_program *programs;
	size_t n_programs;
	struct policy_libraries libraries;
	bool used;
};

/* The members of a group that some role names. */
struct policy_membership {
	uint32_t gid;
	uint32_t *uids; /* sorted, each once */
	size_t n;
};

/* `host:` and what it says of each enum host_item. */
struct policy_host {
	struct policy_principals approvers;   /* of whom one must agree to what the monitor is asked */
	struct policy_word words[HOST_ITEMS]; /* where it is said */
	enum store_mode modes[HOST_ITEMS];    /* STORE_MODE_INVALID: allow; without a word, alert */
};

struct policy_grant {
	struct policy_place at;
	struct policy_word role_name;
	struct policy_word store_name;
	uint32_t access; /* mask of OPERATION_BIT */
	bool serves;
	size_t role; /* indices, SIZE_MAX while unknown */
	size_t store;
};

/* Stores of which no two may meet in a process. */
struct policy_compartment {
	struct policy_place at;
	struct policy_word *names;
	size_t n;
	uint64_t stores; /* a bit for each, by its index */
};

/* Where copies of records may lie. */
struct policy_copies {
	struct policy_place at; /* of the key `copies`; only with given */
	bool given;
	struct policy_store_path *to; /* as with stores */
	size_t n_to;
	enum copies otherwise; /* `else`; COPIES_ALLOW without */
	uint8_t media;	       /* media_word of each enum medium */
	struct policy_place media_at[MEDIA_END];
};

/* A rule of `declassify`: what these programs write there is no copy. */
struct policy_sink {
	struct policy_place at;
	struct policy_store_path *to; /* as with stores */
	size_t n_to;
	bool programs_given; /* else any program */
	struct policy_program *programs;
	size_t n_programs;
};

/* Where an agreement lets data go: "203.0.113.0/24:443", "lab.example.org:443". */
struct policy_endpoint {
	struct policy_word word;
	char host[POLICY_HOST_MAX +
		  1];	     /* a name in lower case, whose addresses the daemon finds; else empty */
	uint8_t address[16]; /* as in struct peer; what lies below the prefix is 0 */
	uint32_t prefix;     /* bits of address, 0 to 128: of IPv4, 96 more than was written */
	uint32_t protocols;  /* ENDPOINT_… */
	uint16_t port_first;
	uint16_t port_last;
};

/* What data may leave the host: which, whereto, by whom, for what, until when. */
struct policy_agreement {
	struct policy_word name;
	struct policy_word *store_names;
	size_t n_stores;
	struct policy_word *role_names;
	size_t n_roles;
	bool roles_given;
	struct policy_endpoint *endpoints;
	size_t n_endpoints;
	struct policy_word purpose; /* recorded; texts NULL: not given */
	struct policy_word partner;
	struct policy_word expires; /* "2027-01-01" */
	int64_t expires_s; /* Unix seconds at which that day begins in UTC: the first at which it is over; INT64_MAX */
	uint64_t stores; /* a bit for each, by its index */
	struct role_set roles;
	struct policy_word *region_words; /* "EU", "CH": where the receiver must be; none: anywhere */
	size_t n_regions;
	uint64_t regions;		/* a bit for each, by its index in struct policy_regions */
	struct agreement_limits limits; /* as in the policy: clock_ns and volume are 0 */
	size_t n_starttls;
	bool tls_given;
	struct policy_place quic_at; /* line 0: not given */
	struct policy_place starttls_at;
};

/* `regions:`, the tables that tell where a network is, and what agreements ask of them. */
struct policy_regions {
	struct policy_place at; /* of the value; only with given */
	bool given;
	struct policy_word networks;	/* path of a CSV file; texts NULL: not given */
	struct policy_word database;	/* path of a MaxMind DB */
	const char *words[REGIONS_MAX]; /* that agreements name, each once: texts of theirs */
	size_t n_words;
	struct region_network *table; /* sorted, apart from each other: by region_table_read */
	size_t n_table;
	struct region_stamp stamps[REGION_FILES]; /* of networks and database, before they were read */
};

/* `dns:`, whom a process that holds records may ask for addresses, and how much it may send them. */
struct policy_dns {
	struct policy_place at; /* of the value; only with given */
	bool given;
	struct policy_endpoint *resolvers; /* addresses, each with one port */
	size_t n_resolvers;
	uint64_t max_bytes; /* of one process, */
	uint64_t period_s;  /* in so long */
	bool answers;	    /* what they answer a process counts for agreements with the name */
};

struct policy {
	struct policy_file *files;
	size_t n_files;
	struct policy_word mode_word;
	struct policy_word degraded_word;
	enum store_mode mode;
	enum policy_degraded degraded;
	struct policy_host host;
	bool stores_given; /* the key stands in some file */
	struct policy_store *stores;
	size_t n_stores;
	struct policy_role *roles;
	size_t n_roles;
	struct policy_grant *grants;
	size_t n_grants;
	struct policy_compartment *compartments;
	size_t n_compartments;
	struct policy_agreement *agreements;
	size_t n_agreements;
	struct policy_regions regions;
	struct policy_dns dns;
	struct policy_copies copies;
	struct policy_sink *sinks;
	size_t n_sinks;
	struct policy_membership *memberships; /* sorted by gid */
	size_t n_memberships;
	struct policy_findings findings;
	bool checked; /* policy_check found no error */
};

/* A path that a store may neither hold nor lie in, and what it is ("the ledger"). Both are borrowed. */
struct policy_protected {
	const char *path;
	const char *what;
};

struct policy_env {
	const struct policy_resolver *resolver;
	const struct policy_protected
		*protected_paths; /* of the daemon: its program, configuration, state, sockets */
	size_t n_protected;
};

/* Where munimentd keeps its things by default. */
const struct policy_protected *policy_default_protected(size_t *ret_n);

/* The members of a group that a role names, NULL for other groups. After policy_check. */
const struct policy_membership *policy_members(const struct policy *policy, uint32_t gid);

/* An empty policy, or NULL when memory is short. */
struct policy *policy_new(void);
void policy_free(struct policy *policy);

/*
 * Adds a file, or every *.yaml of a directory in the order of their names' bytes. What cannot be read becomes
 * a finding. -ENOMEM, else 0.
 */
int policy_add_path(struct policy *policy, const char *path);

/* Adds a source from memory, which is copied. -ENOMEM, else 0. */
int policy_add_text(struct policy *policy, const char *name, const char *bytes, size_t len);

/*
 * Reads what was added and holds it against the host. Touches nothing. All findings are in policy->findings,
 * sorted by place. 0: no error (perhaps warnings); -EINVAL: errors; -ENOMEM: the findings are not complete.
 * Call once.
 */
int policy_check(struct policy *policy, const struct policy_env *env);

/*
 * SHA-256 that names this policy: over lines "<SHA-256 of file, hex>  <file's name without directory>\n" in
 * the order in which the files were merged, so that `sha256sum *.yaml | sha256sum` in the directory repeats
 * it.
 */
void policy_digest(const struct policy *policy, uint8_t ret_sha256[POLICY_DIGEST_SIZE]);

/* The path of a place's file, or NULL for none. */
const char *policy_place_path(const struct policy *policy, struct policy_place place);

/* A line of a source without its end; 0 and its bounds, or -ENOENT. */
int policy_source_line(const struct policy *policy, struct policy_place place, const char **ret_line,
		       size_t *ret_len);

/* Words of the language, NULL for numbers outside the enum. */
const char *policy_class_text(enum policy_class class);
const char *policy_operation_text(enum operation operation);
const char *policy_mode_text(enum store_mode mode);

#endif
