/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays that number inodes twice. Without `xino=on`, one whose layers lie on several file systems gives directories numbers
 * of its own, and other files those of the layers (overlayfs.rst of the kernel, "Inode properties"): the kernel side, which
 * knows files by device and number, may take one for another there.
 */
#ifndef MUNIMENT_BASE_OVERLAY_H
#define MUNIMENT_BASE_OVERLAY_H

#include <stdbool.h>

/* Does path, absolute and without symlinks, lie on such an overlay? Looks at the device numbers of files in its directory and
 * those above. False on other file systems, and where no file is found that tells. */
bool overlay_numbers_twice(const char *path);

#endif
