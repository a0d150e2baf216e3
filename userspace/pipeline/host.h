/* SPDX-License-Identifier: Apache-2.0 */
/* What names this host in every entry. Read once at start; no ownership. */
#ifndef MUNIMENT_PIPELINE_HOST_H
#define MUNIMENT_PIPELINE_HOST_H

#include <stdint.h>

struct host {
	char name[256];
	char machine_id[33]; /* "" when the host has none */
	char boot_id[37];
};

/* Never fails: what the host does not tell stays empty, but for the name. */
void host_read(struct host *ret_host);

/* What to add to CLOCK_BOOTTIME nanoseconds for nanoseconds since 1970. */
int64_t host_boot_offset_ns(void);
uint64_t host_boot_ns(void);
uint64_t host_monotonic_ns(void);

#endif
