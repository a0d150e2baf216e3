/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How processes came to hold data of stores: who read a record, whom it passed that on to, and by what. Learnt from ring
 * records of kind RECORD_PASS, and from accesses, which know the names of files. Answers with the chain from a record to a
 * process.
 *
 * Bounded (LINEAGE_PROCESSES, LINEAGE_FILES): what was asked about longest ago is forgotten, and a chain that leads there is
 * incomplete, as is one whose records were lost. One thread. Used by ocsf_lineage.c.
 */
#ifndef MUNIMENT_PIPELINE_LINEAGE_H
#define MUNIMENT_PIPELINE_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

#define LINEAGE_PROCESSES 8192
#define LINEAGE_FILES	  2048
#define LINEAGE_HOPS	  16
#define LINEAGE_PATH	  256 /* bytes kept of a path; of a longer one the end */

struct lineage;

/* One process of a chain, and how the data came to it. Borrowed until the next call that learns. */
struct lineage_hop {
	struct party who; /* as it was when it passed the data on */
	unsigned how;	  /* enum pass_how */
	uint64_t object;  /* of struct record_pass */
	const char *path; /* of the record, or the copy, that was read; NULL: not known, or no file */
};

struct lineage_chain {
	struct lineage_hop hops[LINEAGE_HOPS]; /* from the record to the process that was asked about */
	size_t n;
	bool incomplete; /* its beginning is not known */
};

struct lineage *lineage_new(void); /* NULL: no memory */
void lineage_free(struct lineage *l);

void lineage_pass(struct lineage *l, const struct record_pass *pass);
/* A process has read a record of the store whose label this is; path: n raw bytes. */
void lineage_read(struct lineage *l, const struct record_access *a, uint64_t label, const char *path,
		  size_t n);
/* A file is a copy; likewise. */
void lineage_copy(struct lineage *l, const struct object_id *file, const char *path, size_t n);

/* The process that an access is of. */
struct party lineage_party(const struct record_access *a);

/*
 * How a process (its start and number count) came to hold data of the store whose label (one bit) this is; refused: how it
 * was to come to hold it, had that not been refused. False when nothing is known; then the chain is empty, and incomplete.
 */
bool lineage_find(struct lineage *l, const struct party *process, uint64_t label, bool refused,
		  struct lineage_chain *ret_chain);

/* A word for entries; NULL outside the enum. */
const char *lineage_how_text(unsigned how);

#endif
