/* SPDX-License-Identifier: Apache-2.0 */
/* From policy files to an image, or to the reasons why not. Used at start, by -n and by reload. */
#ifndef MUNIMENT_DAEMON_POLICY_LOAD_H
#define MUNIMENT_DAEMON_POLICY_LOAD_H

#include <stdbool.h>

#include "base/buf.h"
#include "daemon/config.h"
#include "policy/image.h"

struct policy_loaded {
	struct policy_image *image; /* NULL: refused */
	struct buf messages;	    /* findings, a line each; also when there are only warnings */
	struct buf json;	    /* the same as a JSON array */
	unsigned errors;
	unsigned warnings;
};

/*
 * Reads, checks and compiles; touches nothing but contents, where digests of programs are kept from one load to
 * the next (may be NULL). False when memory is short. Free the result in either case.
 */
bool policy_load(const struct config *config, struct content_cache *contents,
		 struct policy_loaded *ret_loaded);
void policy_loaded_free(struct policy_loaded *loaded);

/* True when some store is to be enforced. */
bool policy_image_enforces(const struct policy_image *image);

#endif
