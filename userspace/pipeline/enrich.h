/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of a record turned into what people know: names, programs' paths, containers, wall time.
 *
 * Owns the caches and the table of mounts; all of them are bounded. Used by the keeper through ocsf.h.
 */
#ifndef MUNIMENT_PIPELINE_ENRICH_H
#define MUNIMENT_PIPELINE_ENRICH_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/container.h"
#include "pipeline/decode.h"
#include "pipeline/names.h"

struct enrich;

/* What is known about an actor. The texts are valid until the next call; NULL: not known, or does not apply.
 */
struct enrich_actor {
	uint32_t person; /* login uid where there is one, else the acting uid */
	const char *person_name;
	const char *acting_name; /* only where the acting uid is another */
	const char *group_name;	 /* of the effective group; asked for denials only */
	const char *program;	 /* path, raw bytes */
	size_t program_len;
	const struct container *container;
};

/* source: NULL for NSS; mountinfo: NULL for the process's own. 0 or -errno. */
int enrich_new(const struct names_source *source, const char *mountinfo, struct enrich **ret_enrich);
void enrich_free(struct enrich *e);

/* A RECORD_PROGRAM: remembers the path of a program. */
void enrich_program(struct enrich *e, const struct record_view *view);

/* The path of a program, by what enrich_program was told, else by the process tgid while that runs it; raw bytes, n of them.
 * NULL: not known. Valid until the next call. */
const char *enrich_program_path(struct enrich *e, const struct object_id *id, uint32_t tgid, size_t *ret_len);

/* rich: what only denials need too. */
void enrich_actor(struct enrich *e, const struct record_access *access, bool rich,
		  struct enrich_actor *ret_actor);

/* Appends the path that a file system's device and a path from its root (leading slash) come to on this host.
 */
void enrich_path(const struct enrich *e, uint32_t dev, const char *inside, size_t n, struct buf *out);

/* A few times a second: clocks and mounts. */
void enrich_tick(struct enrich *e);

/* /etc/passwd or /etc/group changed. */
void enrich_forget_names(struct enrich *e);

/* The login name, or NULL when it is not known in time. Valid until the next call. */
const char *enrich_user_name(struct enrich *e, uint32_t uid);

/* Milliseconds since 1970 of a time on CLOCK_BOOTTIME. */
uint64_t enrich_wall_ms(const struct enrich *e, uint64_t boot_ns);

/* Grows whenever earlier answers became out of date. */
uint64_t enrich_version(struct enrich *e);

#endif
