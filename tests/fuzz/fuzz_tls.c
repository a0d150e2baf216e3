// SPDX-License-Identifier: Apache-2.0
/* The beginning of TLS from the wire (bpf/tls.h), in pieces: the first byte says of whom and how long they are. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"

/* A piece in memory of its own, so that reading beyond it is found. */
static void feed(struct tls_reader *r, const uint8_t *bytes, size_t from, size_t len)
{
	uint8_t *piece = malloc(len);
	__u32 at, want;

	if (!piece)
		return;
	memcpy(piece, bytes, len);
	while ((want = tls_wants(r, (__u32)from, (__u32)len, &at))) {
		assert(at + want <= len && r->have + want <= TLS_WINDOW_BYTES);
		memcpy(r->bytes + r->have, piece + at, want);
		tls_took(r, want);
	}
	free(piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_reader r;
	size_t step;

	if (!size)
		return 0;
	step = (data[0] >> 1) + 1u;
	tls_begin(&r, data[0] & 1 ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO);
	data++;
	size--;
	for (size_t from = 0; from < size; from += step)
		feed(&r, data + from, from, size - from < step ? size - from : step);
	assert(r.step <= TLS_STEP_BAD && r.name <= TLS_NAME_MAX);
	assert(tls_reach(&r) <= TLS_RECORD_HEAD + TLS_RECORD_MAX);
	if (r.step == TLS_STEP_DONE && r.message == TLS_SERVER_HELLO)
		assert(r.version >= TLS_1_0 - 1 && r.version <= TLS_1_3);
	return 0;
}
