// SPDX-License-Identifier: Apache-2.0
/* Checkpoint and proof texts: see checkpoint.h. */
#include "ledger/checkpoint.h"

#include <errno.h>
#include <string.h>

#include "base/b64.h"

#define HASH_TEXT_LEN (B64_SIZE(TREE_HASH_SIZE) - 1)
#define PROOF_MAGIC   "c2sp.org/tlog-proof@v1"

/* A line without its newline, and what follows it. */
struct line {
	const char *text;
	size_t n;
};

/* Takes the next line off the text; false when there is none that ends with a newline. */
static bool take_line(const char **text, size_t *left, struct line *ret_line)
{
	const char *newline = memchr(*text, '\n', *left);

	if (!newline)
		return false;
	ret_line->text = *text;
	ret_line->n = (size_t)(newline - *text);
	*left -= ret_line->n + 1;
	*text = newline + 1;
	return true;
}

/* Decimal without leading zeroes, below TREE_SIZE_LIMIT + 1. */
static int parse_number(const char *s, size_t n, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (n == 0 || n > 19 || (n > 1 && s[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		v = 10 * v + (uint64_t)(s[i] - '0');
	}
	if (v > TREE_SIZE_LIMIT)
		return -EINVAL;
	*ret_value = v;
	return 0;
}

static int parse_hash(const struct line *l, struct tree_hash *ret_hash)
{
	uint8_t bytes[3 * (HASH_TEXT_LEN + 3) / 4];

	if (l->n != HASH_TEXT_LEN || b64_decode(l->text, l->n, bytes) != TREE_HASH_SIZE)
		return -EINVAL;
	memcpy(ret_hash->bytes, bytes, TREE_HASH_SIZE);
	return 0;
}

void checkpoint_format(const char *origin, uint64_t size, const struct tree_hash *root, struct buf *out)
{
	char b64[B64_SIZE(TREE_HASH_SIZE)];

	b64_encode(root->bytes, TREE_HASH_SIZE, b64);
	buf_printf(out, "%s\n%llu\n%s\n", origin, (unsigned long long)size, b64);
}

int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret_checkpoint)
{
	struct checkpoint c = {0};
	struct line l;

	if (!take_line(&text, &n, &l) || l.n == 0 || l.n > NOTE_NAME_MAX || memchr(l.text, '\0', l.n))
		return -EINVAL;
	memcpy(c.origin, l.text, l.n);
	if (!take_line(&text, &n, &l) || parse_number(l.text, l.n, &c.size))
		return -EINVAL;
	if (!take_line(&text, &n, &l) || parse_hash(&l, &c.root))
		return -EINVAL;
	while (n > 0) {
		if (!take_line(&text, &n, &l) || l.n == 0)
			return -EINVAL;
		c.extensions++;
	}
	*ret_checkpoint = c;
	return 0;
}

int checkpoint_open(const char *note, size_t n, const struct note_verifier *key,
		    struct checkpoint *ret_checkpoint)
{
	struct checkpoint c;
	struct note parsed;
	int err = note_open(note, n, key, 1, &parsed);

	if (!err)
		err = checkpoint_parse(parsed.text, parsed.text_len, &c);
	if (!err && strcmp(c.origin, key->name) != 0)
		err = -EKEYREJECTED;
	if (!err)
		*ret_checkpoint = c;
	return err;
}

void tlog_proof_format(uint64_t index, const struct tree_proof *path, const char *note, size_t note_len,
		       struct buf *out)
{
	char b64[B64_SIZE(TREE_HASH_SIZE)];

	buf_printf(out, PROOF_MAGIC "\nindex %llu\n", (unsigned long long)index);
	for (unsigned i = 0; i < path->n; i++) {
		b64_encode(path->hashes[i].bytes, TREE_HASH_SIZE, b64);
		buf_printf(out, "%s\n", b64);
	}
	buf_char(out, '\n');
	buf_add(out, note, note_len);
}

static bool has_prefix(const struct line *l, const char *prefix)
{
	return l->n >= strlen(prefix) && memcmp(l->text, prefix, strlen(prefix)) == 0;
}

int tlog_proof_parse(const char *text, size_t n, struct tlog_proof *ret_proof)
{
	struct tlog_proof p = {0};
	struct line l;

	if (!take_line(&text, &n, &l) || l.n != strlen(PROOF_MAGIC) || !has_prefix(&l, PROOF_MAGIC))
		return -EINVAL;
	if (!take_line(&text, &n, &l))
		return -EINVAL;
	if (has_prefix(&l, "extra ") && !take_line(&text, &n, &l))
		return -EINVAL;
	if (!has_prefix(&l, "index ") || parse_number(l.text + 6, l.n - 6, &p.index))
		return -EINVAL;
	for (;;) {
		if (!take_line(&text, &n, &l))
			return -EINVAL;
		if (l.n == 0)
			break;
		if (p.path.n == TREE_PROOF_MAX || parse_hash(&l, &p.path.hashes[p.path.n]))
			return -EINVAL;
		p.path.n++;
	}
	p.note = text;
	p.note_len = n;
	*ret_proof = p;
	return 0;
}
