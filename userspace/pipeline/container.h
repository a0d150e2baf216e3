/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container a task runs in, by its cgroup: the directory's name tells, as container managers name
 * theirs.
 *
 * Owns a bounded cache from cgroup id to answer. Used by the pipeline.
 */
#ifndef MUNIMENT_PIPELINE_CONTAINER_H
#define MUNIMENT_PIPELINE_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#define CONTAINER_ID_SIZE 129

struct container {
	const char *runtime; /* "docker", "podman", "containerd", "cri-o", "systemd-nspawn", "lxc"; static */
	const char *orchestrator;    /* "kubernetes" or NULL; static */
	char id[CONTAINER_ID_SIZE];  /* of the runtime; printable ASCII */
	char pod[CONTAINER_ID_SIZE]; /* "" when there is none */
};

/* Reads a cgroup's path below the hierarchy's root. Returns false when it is no container's. */
bool container_parse(const char *cgroup, struct container *ret_container);

struct containers;

struct containers *containers_new(void);
void containers_free(struct containers *c);

/*
 * The container of a cgroup id, or NULL for none (or not to be known). cgroup2: the mount point of the
 * hierarchy, NULL without. Valid until the next call. now_ns: CLOCK_MONOTONIC.
 */
const struct container *containers_find(struct containers *c, const char *cgroup2, uint64_t id,
					uint64_t now_ns);

#endif
