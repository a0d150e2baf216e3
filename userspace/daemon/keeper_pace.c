// SPDX-License-Identifier: Apache-2.0
/*
 * The keeper's share of the CPU: see keeper.h. What the kernel side recorded is safe in the ring; turning it
 * into signed entries can wait until the host's own work leaves a gap, as long as the ring has room.
 */
#include "daemon/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/log.h"
#include "kernel/ring.h"

/* Every thread has a nice value of its own. */
static void renice(struct keeper *k, int nice)
{
	DIR *tasks;
	struct dirent *entry;

	if (nice == k->nice)
		return;
	k->nice = nice;
	tasks = opendir("/proc/self/task");
	if (!tasks)
		return;
	while ((entry = readdir(tasks))) {
		int tid = atoi(entry->d_name);

		/* A thread that cannot be hurried is a matter of speed only. */
		if (tid > 0 && setpriority(PRIO_PROCESS, (id_t)tid, nice))
			log_debug("nice %d: %m", nice);
	}
	closedir(tasks);
}

void keeper_pace_start(void)
{
	const struct rlimit nice = {20 - PACE_FULL, 20 - PACE_FULL};

	/* Not yet slower: until the programs are attached, nothing is guarded. */
	if (setrlimit(RLIMIT_NICE, &nice))
		log_debug("cannot raise the limit of nice: %m");
}

void keeper_pace(struct keeper *k)
{
	uint64_t used = ring_used(kernel_ring(k->kernel));

	if (k->end != KEEPER_RUNS || used > RING_SIZE_BYTES / 4 * 3)
		renice(k, PACE_FULL);
	else if (used > RING_SIZE_BYTES / 2)
		renice(k, PACE_BUSY);
	else
		renice(k, PACE_IDLE);
}
