/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (c2sp.org/signed-note): parsing, opening with known keys, signing, and verifier keys.
 *
 * Only Ed25519 (type 0x01) keys are known here. The signer process owns note_signer; everybody else verifies.
 */
#ifndef MUNIMENT_LEDGER_NOTE_H
#define MUNIMENT_LEDGER_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NOTE_NAME_MAX	    255 /* bytes of a key name that we make or verify with */
#define NOTE_SIGNATURES_MAX 100 /* the standard demands at least 16 */
#define NOTE_SIZE_MAX	    (1 << 20)
#define NOTE_KEY_SIZE	    32
#define NOTE_TYPE_ED25519   0x01

struct note_verifier {
	char name[NOTE_NAME_MAX + 1];
	uint8_t id[4];
	uint8_t key[NOTE_KEY_SIZE];
};

/* Borrowed pieces of the message. */
struct note_signature {
	const char *name;
	size_t name_len;
	uint8_t id[4];
	const char *base64; /* of id and signature together */
	size_t base64_len;
};

struct note {
	const char *text; /* with its final newline */
	size_t text_len;
	unsigned n;
	struct note_signature signatures[NOTE_SIGNATURES_MAX];
};

struct note_signer; /* an Ed25519 private key with its name */

/* Non-empty UTF-8 without spaces (Unicode's) and plus signs. */
bool note_name_valid(const char *name, size_t n);

/* Fills v, computing the key id. -EINVAL for a bad name, -ENAMETOOLONG. */
int note_verifier_init(struct note_verifier *v, const char *name, const uint8_t key[NOTE_KEY_SIZE]);

/* name+8hex+base64(type || key). -EINVAL malformed or id mismatch, -ENOTSUP for a key that is not Ed25519. */
int note_verifier_parse(const char *text, struct note_verifier *ret_verifier);
void note_verifier_format(const struct note_verifier *v, struct buf *out);

/* Splits a message without judging its signatures. ret_note borrows from message. -EINVAL when malformed,
 * -E2BIG. */
int note_parse(const char *message, size_t n, struct note *ret_note);

/*
 * Parses, and verifies each signature by one of the known keys; signatures by others are passed over.
 * -EINVAL malformed, -EKEYREJECTED a known key's signature is bad, -ENOKEY no known key signed, -E2BIG.
 */
int note_open(const char *message, size_t n, const struct note_verifier *known, size_t n_known,
	      struct note *ret_note);

/* Reads a PKCS#8 PEM file (unencrypted Ed25519). -EINVAL when it holds something else; -errno of the file. */
int note_signer_read(const char *path, const char *name, struct note_signer **ret_signer);
int note_signer_generate(const char *name, struct note_signer **ret_signer);
void note_signer_free(struct note_signer *s);

const struct note_verifier *note_signer_verifier(const struct note_signer *s);

/* The private key as PKCS#8 PEM, the public one as SubjectPublicKeyInfo PEM. out is the caller's to wipe. */
int note_signer_private_pem(const struct note_signer *s, struct buf *out);
int note_signer_public_pem(const struct note_signer *s, struct buf *out);

/* Appends one signature line over the note's text (which ends with a newline). 0 or -EKEYREJECTED, -ENOMEM.
 */
int note_sign(struct note_signer *s, const char *text, size_t n, struct buf *out);

#endif
