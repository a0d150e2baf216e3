// SPDX-License-Identifier: Apache-2.0
/* Private Ed25519 keys: making, reading and signing notes with them. See note.h; used by the signer process
 * and `key new`. */
#include "ledger/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/b64.h"
#include "base/file.h"

#define SIGNATURE_SIZE 64
#define PEM_FILE_MAX   16384

struct note_signer {
	EVP_PKEY *key;
	EVP_MD_CTX *ctx;
	struct note_verifier verifier;
};

/* Takes the key over, also on failure. */
static int signer_new(EVP_PKEY *key, const char *name, struct note_signer **ret_signer)
{
	struct note_signer *s = calloc(1, sizeof(*s));
	uint8_t public[NOTE_KEY_SIZE];
	size_t n = sizeof(public);
	int err = -ENOMEM;

	if (!s) {
		EVP_PKEY_free(key);
		return err;
	}
	s->key = key;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx)
		goto fail;
	err = -EINVAL;
	if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, public, &n) != 1)
		goto fail;
	err = note_verifier_init(&s->verifier, name, public);
	if (err)
		goto fail;
	*ret_signer = s;
	return 0;
fail:
	note_signer_free(s);
	return err;
}

/* A key under a passphrase is refused rather than asked for: the signer runs unattended. */
static int no_passphrase(char *text, int size, int writing, void *ctx)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

int note_signer_read(const char *path, const char *name, struct note_signer **ret_signer)
{
	struct buf pem = {0};
	EVP_PKEY *key = NULL;
	BIO *bio = NULL;
	int err = file_read(path, PEM_FILE_MAX, &pem);

	if (err)
		goto out;
	err = -ENOMEM;
	bio = BIO_new_mem_buf(pem.data ? pem.data : "", (int)pem.len);
	if (!bio)
		goto out;
	err = -EINVAL;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (key)
		err = signer_new(key, name, ret_signer);
out:
	BIO_free(bio);
	if (pem.data)
		OPENSSL_cleanse(pem.data, pem.len);
	buf_free(&pem);
	return err;
}

int note_signer_generate(const char *name, struct note_signer **ret_signer)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	return key ? signer_new(key, name, ret_signer) : -EIO;
}

void note_signer_free(struct note_signer *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	EVP_PKEY_free(s->key);
	free(s);
}

const struct note_verifier *note_signer_verifier(const struct note_signer *s)
{
	return &s->verifier;
}

static int pem_to_buf(const struct note_signer *s, bool private, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long n;
	int ok;

	if (!bio)
		return -ENOMEM;
	ok = private ? PEM_write_bio_PKCS8PrivateKey(bio, s->key, NULL, NULL, 0, NULL, NULL)
		     : PEM_write_bio_PUBKEY(bio, s->key);
	n = BIO_get_mem_data(bio, &data);
	if (ok == 1 && n > 0)
		buf_add(out, data, (size_t)n);
	BIO_free(bio);
	return ok != 1 ? -EIO : out->failed ? -ENOMEM : 0;
}

int note_signer_private_pem(const struct note_signer *s, struct buf *out)
{
	return pem_to_buf(s, true, out);
}

int note_signer_public_pem(const struct note_signer *s, struct buf *out)
{
	return pem_to_buf(s, false, out);
}

int note_sign(struct note_signer *s, const char *text, size_t n, struct buf *out)
{
	uint8_t blob[4 + SIGNATURE_SIZE];
	char b64[B64_SIZE(sizeof(blob))];
	size_t len = SIGNATURE_SIZE;

	memcpy(blob, s->verifier.id, 4);
	EVP_MD_CTX_reset(s->ctx);
	if (EVP_DigestSignInit(s->ctx, NULL, NULL, NULL, s->key) != 1 ||
	    EVP_DigestSign(s->ctx, blob + 4, &len, (const unsigned char *)text, n) != 1 ||
	    len != SIGNATURE_SIZE)
		return -EKEYREJECTED;
	b64_encode(blob, sizeof(blob), b64);
	buf_printf(out, "\xe2\x80\x94 %s %s\n", s->verifier.name, b64);
	return out->failed ? -ENOMEM : 0;
}
