// SPDX-License-Identifier: Apache-2.0
/* Appends COUNT synthetic events to the ledger in DIR, with a checkpoint after each 1,000: make_ledger DIR
 * KEY ORIGIN COUNT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ledger/ledger.h"

static int sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	return note_sign(ctx, text, n, signatures);
}

/* An access to the record of one of 300 patients, every seventh denied. */
static void event(struct ledger *l, uint64_t i, struct buf *out)
{
	static const char *const users[] = {"postgres", "alice", "bob", "root"};
	bool denied = i % 7 == 6;
	char nonce[LEDGER_NONCE_SIZE], path[64];

	ledger_nonce(l, nonce);
	snprintf(path, sizeof(path), "/srv/records/patient-%03u/note-%u.txt", (unsigned)(i % 300),
		 (unsigned)(i % 9));
	buf_reset(out);
	buf_str(out, "{\"class_uid\":1001,\"category_uid\":1,\"activity_id\":14,\"type_uid\":100114");
	json_u64(out, "action_id", denied ? 2 : 1);
	json_u64(out, "time", 1795320000000 + 250 * i);
	json_open(out, "actor", '{');
	json_open(out, "user", '{');
	json_str(out, "name", users[i % 4]);
	json_u64_str(out, "uid", 1000 + i % 4);
	buf_str(out, "},\"process\":{\"pid\":4711,\"name\":\"cat\",\"path\":\"/usr/bin/"
		     "cat\"}},\"file\":{\"type_id\":1");
	json_str(out, "path", path);
	buf_str(out,
		"},\"unmapped\":{\"muniment\":{\"store\":\"records\"}},\"metadata\":{\"version\":\"1.8.0\"");
	json_u64(out, "sequence", i);
	json_str(out, "uid", nonce);
	buf_str(out, "}}");
}

int main(int argc, char **argv)
{
	struct note_signer *signer = NULL;
	struct ledger_options o = {.sign = sign};
	struct ledger_recovery rec;
	struct ledger *l = NULL;
	struct buf entry = {0};
	uint64_t count;
	int err;

	if (argc != 5) {
		fprintf(stderr, "usage: make_ledger DIR KEY ORIGIN COUNT\n");
		return 2;
	}
	count = strtoull(argv[4], NULL, 10);
	err = note_signer_read(argv[2], argv[3], &signer);
	o.origin = argv[3];
	o.sign_ctx = signer;
	if (!err)
		err = ledger_open(argv[1], &o, &l, &rec);
	for (uint64_t i = 0; !err && i < count; i++) {
		event(l, ledger_size(l), &entry);
		err = ledger_append(l, entry.data, entry.len, NULL);
		if (!err && i % 1000 == 999)
			err = ledger_flush(l, NULL, 0);
	}
	if (!err)
		err = ledger_flush(l, NULL, 0);
	if (err)
		fprintf(stderr, "make_ledger: %s\n", strerror(-err));
	buf_free(&entry);
	ledger_close(l);
	note_signer_free(signer);
	return err != 0;
}
