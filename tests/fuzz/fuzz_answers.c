// SPDX-License-Identifier: Apache-2.0
/* An answer of a resolver (bpf/answers.h). */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "bpf/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answers_reader r = {0};

	if (size > 65535)
		return 0;
	answers_begin(&r, (__u32)size);
	while (!answers_is_over(&r)) {
		assert(r.want && r.want <= ANSWERS_WINDOW && r.at + r.want <= size);
		memcpy(r.bytes, data + r.at, r.want);
		answers_step(&r);
	}
	assert(r.n <= ANSWERS_RECORDS && r.name_bytes <= ANSWERS_NAME_MAX && r.step <= ANSWERS_BAD);
	for (unsigned i = 0; i < r.n && r.step == ANSWERS_DONE; i++)
		assert(r.addresses[i].ttl_s <= ANSWERS_TTL_MAX);
	for (unsigned i = 0; i < r.name_bytes; i++)
		assert(r.name.name[i] < 'A' || r.name.name[i] > 'Z');
	return 0;
}
