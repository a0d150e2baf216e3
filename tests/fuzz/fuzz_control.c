// SPDX-License-Identifier: Apache-2.0
/* Requests to the control socket and the numbering in a ledger's state: any bytes, no crash, and never half a
 * result. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control.h"
#include "pipeline/track.h"

static void require(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL, *text = (const char *)data;
	struct control_request request;
	bool good = control_parse(text, size, &request, &why);
	struct track *t = track_new(4), *u = track_new(4);
	struct buf first = {0}, again = {0};

	require(good == (why == NULL));
	require(!good || (request.command != CONTROL_INVALID && request.command < CONTROL_COMMANDS));
	require(strnlen(request.reason, sizeof(request.reason)) <= CONTROL_REASON_MAX);
	/* What is read back is what was written. */
	if (!track_restore(t, text, size)) {
		track_save(t, &first);
		require(!track_restore(u, first.data ? first.data : "", first.len));
		track_save(u, &again);
		require(first.len == again.len && (!first.len || !memcmp(first.data, again.data, first.len)));
	}
	buf_free(&first);
	buf_free(&again);
	track_free(t);
	track_free(u);
	return 0;
}
