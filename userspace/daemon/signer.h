/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer: a process of its own that holds the origin's private key and nothing else.
 *
 * It is forked before the keeper opens anything, reads the key, gives up every privilege and every system
 * call but reading, writing and ending, and then sees only the three lines of tree heads. It signs a head
 * only for its own origin, and never one that is smaller than, or contradicts, one that it signed before: a
 * keeper that was taken over can add to the log, but not rewrite what was covered in this run.
 */
#ifndef MUNIMENT_DAEMON_SIGNER_H
#define MUNIMENT_DAEMON_SIGNER_H

#include <sys/types.h>

#include "base/buf.h"
#include "ledger/note.h"

struct signer {
	int fd; /* SOCK_SEQPACKET to the signer; hangs up when it ends */
	pid_t pid;
	struct note_verifier verifier;
};

/*
 * Forks the signer with the key in `path`, named by path.vkey. 0; -errno, with the reason logged. The caller
 * must not yet hold anything that the signer should not inherit.
 */
int signer_start(const char *path, struct signer *ret_signer);

/* Ends it (it ends by itself when the keeper's end is closed) and reaps it. */
void signer_stop(struct signer *s);

/*
 * The ledger's sign callback; ctx is struct signer. Waits at most 10 s. 0; -EKEYREJECTED the signer refuses
 * this head; -EPIPE it is gone, -ETIMEDOUT it does not answer.
 */
int signer_sign(void *ctx, const char *text, size_t n, struct buf *signatures);

/* The signer's side, for tests: answers one request of n bytes. Returns the length of the answer in out (of
 * size). */
struct signer_key;
int signer_key_read(const char *path, struct signer_key **ret_key, char *ret_why, size_t why_size);
void signer_key_free(struct signer_key *key);
const struct note_verifier *signer_key_verifier(const struct signer_key *key);
size_t signer_answer(struct signer_key *key, const char *request, size_t n, char *out, size_t size);

#endif
