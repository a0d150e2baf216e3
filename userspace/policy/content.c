// SPDX-License-Identifier: Apache-2.0
/* Digests of files, and a cache of them: see content.h. */
#include "policy/content.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTENT_MAX ((off_t)4 << 30) /* bytes of a file that is digested */
#define NS	    1000000000ull

struct content_key content_key(const struct stat *st)
{
	return (struct content_key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.ctime_ns = (uint64_t)st->st_ctim.tv_sec * NS + (uint64_t)st->st_ctim.tv_nsec,
	};
}

bool content_key_equal(const struct content_key *a, const struct content_key *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->ctime_ns == b->ctime_ns;
}

uint64_t content_unsettled_ns(const struct stat *st)
{
	struct timespec t;
	uint64_t now, then = content_key(st).ctime_ns, settle = CONTENT_SETTLE_MS * 1000000ull;

	clock_gettime(CLOCK_REALTIME, &t);
	now = (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
	return now >= then && now - then < settle ? settle - (now - then) : 0;
}

struct digests {
	EVP_MD_CTX *sha256;
	EVP_MD_CTX *md5; /* NULL: not to be had */
};

static int digests_begin(struct digests *d)
{
	d->sha256 = EVP_MD_CTX_new();
	d->md5 = EVP_MD_CTX_new();
	if (!d->sha256 || !d->md5 || EVP_DigestInit_ex(d->sha256, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	if (EVP_DigestInit_ex(d->md5, EVP_md5(), NULL) != 1) {
		EVP_MD_CTX_free(d->md5);
		d->md5 = NULL;
	}
	return 0;
}

static int digests_add(struct digests *d, const void *bytes, size_t n)
{
	return EVP_DigestUpdate(d->sha256, bytes, n) == 1 &&
			       (!d->md5 || EVP_DigestUpdate(d->md5, bytes, n) == 1)
		       ? 0
		       : -EIO;
}

static int digests_end(struct digests *d, struct content *content)
{
	if (EVP_DigestFinal_ex(d->sha256, content->sha256, NULL) != 1)
		return -EIO;
	content->has_md5 = d->md5 && EVP_DigestFinal_ex(d->md5, content->md5, NULL) == 1;
	return 0;
}

static void look_at_start(struct content *content, const char *text, size_t n)
{
	size_t end = 2, name;

	content->script = n >= 2 && text[0] == '#' && text[1] == '!';
	if (!content->script)
		return;
	while (end < n && (text[end] == ' ' || text[end] == '\t'))
		end++;
	while (end < n && !strchr(" \t\n", text[end])) /* NUL, too */
		end++;
	for (name = end; name > 2 && text[name - 1] != '/';)
		name--;
	content->by_env = end - name == strlen("env") && !memcmp(text + name, "env", strlen("env"));
}

int content_read(int fd, struct content *ret_content)
{
	struct content content = {0};
	struct digests digests = {0};
	unsigned char block[65536];
	int err = digests_begin(&digests);
	ssize_t got;
	off_t at = 0;

	while (!err && (got = pread(fd, block, sizeof(block), at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err = -errno;
			break;
		}
		if (at == 0)
			look_at_start(&content, (const char *)block, (size_t)got);
		err = digests_add(&digests, block, (size_t)got);
		at += got;
		if (at > CONTENT_MAX)
			err = -EFBIG;
	}
	if (!err)
		err = digests_end(&digests, &content);
	EVP_MD_CTX_free(digests.sha256);
	EVP_MD_CTX_free(digests.md5);
	if (!err)
		*ret_content = content;
	return err;
}

/* Few enough for a list: a policy names tens of programs, and each costs a file's reading. */
struct kept {
	struct content_key key;
	struct content content;
	bool used;
};

struct content_cache {
	struct kept *items;
	size_t n;
};

struct content_cache *content_cache_new(void)
{
	return calloc(1, sizeof(struct content_cache));
}

void content_cache_free(struct content_cache *cache)
{
	if (cache)
		free(cache->items);
	free(cache);
}

bool content_cache_find(struct content_cache *cache, const struct content_key *key,
			struct content *ret_content)
{
	for (size_t i = 0; cache && i < cache->n; i++) {
		struct kept *kept = &cache->items[i];

		if (!content_key_equal(&kept->key, key))
			continue;
		kept->used = true;
		*ret_content = kept->content;
		return true;
	}
	return false;
}

void content_cache_keep(struct content_cache *cache, const struct content_key *key,
			const struct content *content)
{
	struct kept *items;

	if (!cache)
		return;
	items = reallocarray(cache->items, cache->n + 1, sizeof(*items));
	if (!items)
		return;
	cache->items = items;
	items[cache->n++] = (struct kept){*key, *content, true};
}

void content_cache_sweep(struct content_cache *cache)
{
	size_t kept = 0;

	for (size_t i = 0; cache && i < cache->n; i++) {
		if (!cache->items[i].used)
			continue;
		cache->items[kept] = cache->items[i];
		cache->items[kept++].used = false;
	}
	if (cache)
		cache->n = kept;
}
