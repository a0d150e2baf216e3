// SPDX-License-Identifier: Apache-2.0
/* The host's names and clocks: see host.h. */
#include "pipeline/host.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

static void read_word(const char *path, char *out, size_t size)
{
	char text[128];

	out[0] = '\0';
	if (file_read_small(path, text, sizeof(text)) <= 0)
		return;
	text[strcspn(text, " \n")] = '\0';
	if (strlen(text) < size)
		memcpy(out, text, strlen(text) + 1);
}

void host_read(struct host *ret_host)
{
	struct host *h = ret_host;

	if (gethostname(h->name, sizeof(h->name)) || !h->name[0])
		memcpy(h->name, "localhost", sizeof("localhost"));
	h->name[sizeof(h->name) - 1] = '\0';
	read_word("/etc/machine-id", h->machine_id, sizeof(h->machine_id));
	read_word("/proc/sys/kernel/random/boot_id", h->boot_id, sizeof(h->boot_id));
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int64_t host_boot_offset_ns(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME));
}

uint64_t host_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t host_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}
