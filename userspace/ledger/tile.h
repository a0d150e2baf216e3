/* SPDX-License-Identifier: Apache-2.0 */
/* The resources of c2sp.org/tlog-tiles: their paths, and a whole ledger as a static tree of them. */
#ifndef MUNIMENT_LEDGER_TILE_H
#define MUNIMENT_LEDGER_TILE_H

#include "base/buf.h"
#include "ledger/reader.h"

#define TILE_WIDTH   256U
#define TILE_ENTRIES (-1) /* the "level" of entry bundles */

/* Appends tile/<level>/<N>[.p/<width>]; width 256 is a full tile. */
void tile_path(int level, uint64_t n, unsigned width, struct buf *out);

struct tile_export {
	uint64_t entries;
	uint64_t files;	  /* written now */
	uint64_t already; /* that stood there with these very bytes */
};

/*
 * Writes checkpoint, tile/… and tile/entries/… for the reader's checkpoint under `out`, which is made when
 * missing. The checkpoint is written last, once the tiles gave its root. progress may be NULL. -EBADMSG the
 * ledger does not give its checkpoint's root; -EEXIST `out` holds tiles of another log; other -errno.
 */
int ledger_export_tiles(struct ledger_reader *r, const char *out,
			void (*progress)(uint64_t done, uint64_t total), struct tile_export *ret_export);

#endif
