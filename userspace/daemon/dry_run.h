/* SPDX-License-Identifier: Apache-2.0 */
/* `munimentd -n`: is the configuration good, and what would this kernel make of it. Used by main.c. */
#ifndef MUNIMENT_DAEMON_DRY_RUN_H
#define MUNIMENT_DAEMON_DRY_RUN_H

#include "daemon/config.h"

/* Prints its findings; returns an exit status: good, usage (policy refused), cannot (kernel cannot, or not as
 * asked). */
int dry_run(const struct config *config);

#endif
