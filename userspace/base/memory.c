// SPDX-License-Identifier: Apache-2.0
/* The process's own resident memory: see memory.h. */
#include "base/memory.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
	uintptr_t start, end;
	bool is_clean; /* so far: private, of a file, and not written */
	bool is_told;  /* smaps said what of it is the process's own */
};

static void begin(struct mapping *m, uintptr_t start, uintptr_t end, const char *rest)
{
	char protection[5] = "";
	uint64_t inode = 0;

	sscanf(rest, "%4s %*x %*s %" SCNu64, protection, &inode);
	*m = (struct mapping){.start = start, .end = end};
	m->is_clean = inode && protection[0] == 'r' && protection[1] == '-' && protection[3] == 'p';
}

/* Whatever was written (relocations are) would be lost with the page; what was swapped out is no longer counted. */
static void give_back(const struct mapping *m)
{
	if (m->is_clean && m->is_told)
		madvise((void *)m->start, m->end - m->start, MADV_DONTNEED);
}

/* A line of a mapping in smaps (proc_pid_smaps(5)), "Name: N kB". */
static void judge(struct mapping *m, const char *line)
{
	unsigned long kib = 0;

	if (sscanf(line, "Anonymous: %lu", &kib) == 1)
		m->is_told = true;
	else if (sscanf(line, "Swap: %lu", &kib) != 1)
		return;
	if (kib)
		m->is_clean = false;
}

void memory_give_back(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	struct mapping m = {0};
	char *line = NULL;
	size_t size = 0;

	malloc_trim(0);
	while (maps && getline(&line, &size, maps) > 0) {
		uintptr_t start, end;
		int used = 0;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR "%n", &start, &end, &used) == 2) {
			give_back(&m);
			begin(&m, start, end, line + used);
		} else {
			judge(&m, line);
		}
	}
	give_back(&m);
	free(line);
	if (maps)
		fclose(maps);
}
