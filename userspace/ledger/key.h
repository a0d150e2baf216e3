/* SPDX-License-Identifier: Apache-2.0 */
/* Where a signing key may lie: not beside what it signs. Used by `muniment key new` and by the daemon. */
#ifndef MUNIMENT_LEDGER_KEY_H
#define MUNIMENT_LEDGER_KEY_H

#include <stdbool.h>

/*
 * Whether path and dir lie on one file system. Neither need exist: the nearest existing directory above
 * counts. Subvolumes and bind mounts of one file system are one file system. 0 or -errno.
 */
int key_same_filesystem(const char *path, const char *dir, bool *ret_same);

#endif
