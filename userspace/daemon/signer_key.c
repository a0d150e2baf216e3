// SPDX-License-Identifier: Apache-2.0
/* What the signer does with its key, without the process around it: see signer.h. */
#include "daemon/signer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ledger/checkpoint.h"

/* Answers are 'S' and signature lines, or 'E' and the reason. */
struct signer_key {
	struct note_signer *signer;
	bool signed_one;
	struct checkpoint last;
};

static int read_verifier(const char *path, struct note_verifier *ret_verifier, char *why, size_t size)
{
	char name[4096], text[1024];
	ssize_t n;
	int err;

	if (snprintf(name, sizeof(name), "%s.vkey", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	n = file_read_small(name, text, sizeof(text));
	if (n < 0) {
		snprintf(why, size, "%s: %s; `muniment key new` makes it beside the key", name,
			 strerror((int)-n));
		return (int)n;
	}
	text[strcspn(text, "\r\n")] = '\0';
	err = note_verifier_parse(text, ret_verifier);
	if (err)
		snprintf(why, size, "%s: is no verifier key", name);
	return err;
}

/* A key that others can read signs for others. */
static int check_mode(const char *path, char *why, size_t size)
{
	struct stat st;

	if (stat(path, &st)) {
		int err = -errno;

		snprintf(why, size, "%s: %s", path, strerror(-err));
		return err;
	}
	if (st.st_mode & 077) {
		snprintf(why, size, "%s: mode %04o lets others read the key; expected 0600", path,
			 st.st_mode & 07777);
		return -EACCES;
	}
	return 0;
}

int signer_key_read(const char *path, struct signer_key **ret_key, char *ret_why, size_t why_size)
{
	struct signer_key *key = calloc(1, sizeof(*key));
	struct note_verifier named;
	int err = key ? check_mode(path, ret_why, why_size) : -ENOMEM;

	if (!err)
		err = read_verifier(path, &named, ret_why, why_size);
	if (!err) {
		err = note_signer_read(path, named.name, &key->signer);
		if (err)
			snprintf(ret_why, why_size, "%s: %s", path,
				 err == -EINVAL ? "is no unencrypted Ed25519 key in PEM" : strerror(-err));
	}
	if (!err && memcmp(note_signer_verifier(key->signer)->key, named.key, NOTE_KEY_SIZE) != 0) {
		snprintf(ret_why, why_size, "%s.vkey is not the verifier key of %s", path, path);
		err = -EKEYREJECTED;
	}
	if (err) {
		signer_key_free(key);
		return err;
	}
	*ret_key = key;
	return 0;
}

void signer_key_free(struct signer_key *key)
{
	if (!key)
		return;
	note_signer_free(key->signer);
	free(key);
}

const struct note_verifier *signer_key_verifier(const struct signer_key *key)
{
	return note_signer_verifier(key->signer);
}

/* NULL when the head may be signed, else why not. */
static const char *refuse(const struct signer_key *key, const char *text, size_t n, struct checkpoint *head)
{
	struct buf again = {0};
	const char *why = NULL;

	if (checkpoint_parse(text, n, head))
		return "not a tree head";
	/* Only what we would write ourselves: no extension lines, no second way to put the same numbers. */
	checkpoint_format(head->origin, head->size, &head->root, &again);
	if (again.failed || again.len != n || memcmp(again.data, text, n) != 0)
		why = "not a tree head in its plain form";
	else if (strcmp(head->origin, signer_key_verifier(key)->name) != 0)
		why = "another log's tree head";
	else if (key->signed_one && head->size < key->last.size)
		why = "smaller than a tree that was signed before";
	else if (key->signed_one && head->size == key->last.size &&
		 !tree_hash_equal(&head->root, &key->last.root))
		why = "another root for a size that was signed before";
	buf_free(&again);
	return why;
}

size_t signer_answer(struct signer_key *key, const char *request, size_t n, char *out, size_t size)
{
	struct checkpoint head;
	const char *why = refuse(key, request, n, &head);
	struct buf lines = {0};

	if (!why && note_sign(key->signer, request, n, &lines))
		why = "signing failed";
	if (!why && (lines.failed || lines.len + 1 > size))
		why = "out of memory";
	if (why) {
		int len = snprintf(out, size, "E%s", why);

		buf_free(&lines);
		return (size_t)len < size ? (size_t)len : size;
	}
	key->signed_one = true;
	key->last = head;
	out[0] = 'S';
	memcpy(out + 1, lines.data, lines.len);
	n = lines.len + 1;
	buf_free(&lines);
	return n;
}
