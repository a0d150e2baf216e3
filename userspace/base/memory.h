/* SPDX-License-Identifier: Apache-2.0 */
/* The process's own resident memory. */
#ifndef MUNIMENT_BASE_MEMORY_H
#define MUNIMENT_BASE_MEMORY_H

/*
 * Gives back what is resident and will hardly be asked for again: free memory of the heap, and pages of programs and libraries,
 * which come back from the page cache when they are run once more. To be called when a phase is over that ran much once.
 * What cannot be given back stays; there is nothing to report.
 */
void memory_give_back(void);

#endif
