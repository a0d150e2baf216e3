// SPDX-License-Identifier: Apache-2.0
/* Digesting what packages brought, in batches, a little at a time: see packaged.h. */
#include "kernel/packaged.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "muniment.skel.h"

#define READ_AGAIN_NS                                                                                        \
	1000000000ull /* while packages are installed, the database changes many times a second */
#define ROUND 128     /* files looked at each time beside the first ones */

static int map_of(const struct kernel *k)
{
	return bpf_map__fd(k->skel->maps.library_stamps);
}

static void withdraw(struct kernel *k, struct packaged_file *file)
{
	if (file->id.ino)
		bpf_map_delete_elem(map_of(k), &file->id);
	file->id = (struct object_id){0};
}

/* --- the database --- */

int packaged_want(struct packaged *p, const char *path)
{
	char *canonical = realpath(path, NULL), **others;

	if (!canonical)
		return errno == ENOMEM ? -ENOMEM : 0; /* nobody can execute it either */
	for (size_t i = 0; i < p->n_others; i++) {
		if (strcmp(p->others[i], canonical) == 0) {
			free(canonical);
			return 0;
		}
	}
	others = reallocarray(p->others, p->n_others + 1, sizeof(*others));
	if (!others) {
		free(canonical);
		return -ENOMEM;
	}
	p->others = others;
	others[p->n_others++] = canonical;
	p->read_ns = 0;
	return 0;
}

/* Also by a path as it was before /bin and others moved to /usr. */
static bool is_path_of(const char *canonical, const char *path)
{
	return strcmp(canonical, path) == 0 ||
	       (strncmp(canonical, "/usr/", 5) == 0 && strcmp(canonical + 4, path) == 0);
}

static bool is_wanted(void *ctx, const char *path)
{
	const struct packaged *p = ctx;

	for (size_t i = 0; i < p->n_others; i++) {
		if (is_path_of(p->others[i], path))
			return true;
	}
	return packages_is_shared_object(path);
}

const char *packaged_owner(const struct packaged *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++) {
		if (is_path_of(path, p->files[i].path))
			return p->files[i].package;
	}
	return NULL;
}

static int add_file(void *ctx, const char *package, const char *path, const uint8_t md5[CONTENT_MD5_SIZE])
{
	struct packaged *p = ctx;
	struct packaged_file file = {0}, *files;

	if (p->n == LIBRARIES_MAX)
		return 0;
	if ((p->n & (p->n - 1)) == 0) {
		files = reallocarray(p->files, p->n ? 2 * p->n : 1, sizeof(*files));
		if (!files)
			return -ENOMEM;
		p->files = files;
	}
	file.path = strdup(path);
	file.package = strdup(package);
	memcpy(file.md5, md5, CONTENT_MD5_SIZE);
	p->files[p->n++] = file;
	return file.path && file.package ? 0 : -ENOMEM;
}

static int compare_files(const void *a, const void *b)
{
	const struct packaged_file *x = a, *y = b;
	int by_path = strcmp(x->path, y->path);

	return by_path ? by_path : memcmp(x->md5, y->md5, CONTENT_MD5_SIZE);
}

static void free_files(struct packaged_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(files[i].path);
		free(files[i].package);
	}
	free(files);
}

/* The same file from another version of its package is as urgent. */
static void keep_first(struct packaged *p, size_t at, const struct packaged_file *former)
{
	if (at < p->n && strcmp(p->files[at].path, former->path) == 0)
		p->files[at].first |= former->first;
}

/* What is known of the former files goes on where path and sum are the same; the rest leaves the map. */
static void take_over(struct kernel *k, struct packaged *p, struct packaged_file *former, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		while (at < p->n && compare_files(&p->files[at], &former[i]) < 0)
			at++;
		if (at < p->n && compare_files(&p->files[at], &former[i]) == 0) {
			p->files[at].state = former[i].state;
			p->files[at].key = former[i].key;
			p->files[at].id = former[i].id;
			p->files[at].first = former[i].first;
		} else {
			withdraw(k, &former[i]);
			keep_first(p, at, &former[i]);
			keep_first(p, at ? at - 1 : at, &former[i]);
		}
	}
}

static void end_batch(struct packaged *p)
{
	for (size_t i = 0; i < p->batch.n; i++)
		close(p->batch.fds[i]);
	EVP_MD_CTX_free(p->batch.context);
	memset(&p->batch, 0, sizeof(p->batch));
}

int packaged_read(struct kernel *k, struct packaged *p)
{
	uint64_t changed_ns = packages_changed_ns(PACKAGES_DIR), now = kernel_clock_ns(CLOCK_MONOTONIC);
	struct packaged fresh = {.others = p->others, .n_others = p->n_others};
	const struct packages_each each = {is_wanted, add_file, &fresh};
	int err;

	if (p->read_ns && (changed_ns == p->packages_ns || now - p->read_ns < READ_AGAIN_NS))
		return 0;
	err = packages_files(PACKAGES_DIR, &each);
	if (err) {
		free_files(fresh.files, fresh.n);
		return err;
	}
	if (fresh.n)
		qsort(fresh.files, fresh.n, sizeof(*fresh.files), compare_files);
	end_batch(p);
	take_over(k, &fresh, p->files, p->n);
	free_files(p->files, p->n);
	p->files = fresh.files;
	p->n = fresh.n;
	for (size_t i = 1; i < p->n; i++) {
		if (strcmp(p->files[i].path, p->files[i - 1].path) == 0)
			p->files[i].state = PACKAGED_AGAIN;
	}
	p->packages_ns = changed_ns;
	p->read_ns = now;
	p->unknown = 0;
	return 0;
}

void kernel_packaged_free(struct packaged *p)
{
	if (!p)
		return;
	end_batch(p);
	free_files(p->files, p->n);
	for (size_t i = 0; i < p->n_others; i++)
		free(p->others[i]);
	free(p->others);
	free(p);
}

/* --- a batch --- */

static bool is_packaged(const struct packaged *p, size_t i, const uint8_t md5[CONTENT_MD5_SIZE])
{
	const char *path = p->files[i].path;

	for (; i < p->n && strcmp(p->files[i].path, path) == 0; i++) {
		if (!memcmp(p->files[i].md5, md5, CONTENT_MD5_SIZE))
			return true;
	}
	return false;
}

static void start_file(struct packaged *p, size_t i)
{
	struct packaged_file *file = &p->files[i];
	struct packaged_batch *batch = &p->batch;
	int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	static const struct content_key nothing;
	struct stat st;
	bool there = fd >= 0 && !fstat(fd, &st);

	file->key = there ? content_key(&st) : nothing;
	if (!there || !S_ISREG(st.st_mode)) {
		file->state = PACKAGED_ABSENT;
		if (fd >= 0)
			close(fd);
		return;
	}
	batch->skip[batch->n] = content_unsettled_ns(&st) != 0;
	batch->index[batch->n] = i;
	batch->fds[batch->n++] = fd;
}

/* What a daemon before us has verified, and what has not changed, needs no digest. */
static void skip_known(struct kernel *k, struct packaged *p)
{
	struct packaged_batch *batch = &p->batch;

	for (size_t i = 0; i < batch->n; i++) {
		struct packaged_file *file = &p->files[batch->index[i]];
		const struct identified *id = &batch->before[i];
		struct content_stamp stamp;

		if (id->writers)
			batch->skip[i] = true;
		if (batch->skip[i] || bpf_map_lookup_elem(map_of(k), &id->id, &stamp) ||
		    stamp.size != id->stamp.size || stamp.ctime_ns != id->stamp.ctime_ns)
			continue;
		file->id = id->id;
		file->state = PACKAGED_VERIFIED;
		batch->skip[i] = true;
	}
}

static bool fill_batch(struct kernel *k, struct packaged *p, bool only_first)
{
	struct packaged_batch *batch = &p->batch;
	size_t left = 0;

	for (size_t i = 0; i < p->n && batch->n < PACKAGED_BATCH; i++) {
		if (p->files[i].first && p->files[i].state == PACKAGED_UNKNOWN)
			start_file(p, i);
	}
	for (size_t i = p->unknown; !only_first && i < p->n; i++) {
		if (p->files[i].first || p->files[i].state != PACKAGED_UNKNOWN)
			continue;
		if (!left++)
			p->unknown = i;
		if (batch->n == PACKAGED_BATCH)
			break;
		start_file(p, i);
	}
	if (!only_first && !left)
		p->unknown = p->n;
	if (batch->n && kernel_identify(k, batch->fds, (unsigned)batch->n, batch->before))
		memset(batch->skip, 1, sizeof(batch->skip)); /* no memory, perhaps: tried again */
	else
		skip_known(k, p);
	return batch->n > 0;
}

/* Some of a file. 1: done; 0: more to do; -errno. */
static int digest_some(struct packaged_batch *batch)
{
	unsigned char block[65536];
	ssize_t got = pread(batch->fds[batch->done], block, sizeof(block), batch->at);
	int err = 0;

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	if (!batch->context) {
		batch->context = EVP_MD_CTX_new();
		if (!batch->context || EVP_DigestInit_ex(batch->context, EVP_md5(), NULL) != 1)
			err = -EOPNOTSUPP;
	}
	if (!err && got > 0 && EVP_DigestUpdate(batch->context, block, (size_t)got) != 1)
		err = -EIO;
	batch->at += got;
	if (!err && got > 0)
		return 0;
	if (!err && EVP_DigestFinal_ex(batch->context, batch->md5[batch->done], NULL) != 1)
		err = -EIO;
	EVP_MD_CTX_free(batch->context);
	batch->context = NULL;
	batch->at = 0;
	return err ? err : 1;
}

static void accept_file(struct kernel *k, struct packaged *p, struct packaged_file *file,
			const struct identified *id)
{
	if (memcmp(&file->id, &id->id, sizeof(file->id)) != 0)
		withdraw(k, file);
	if (bpf_map_update_elem(map_of(k), &id->id, &id->stamp, BPF_ANY)) {
		if (!p->told_full)
			log_error("%s: cannot be noted as a packaged library: %s", file->path,
				  strerror(errno));
		p->told_full = true;
		return;
	}
	file->id = id->id;
	file->state = PACKAGED_VERIFIED;
}

static void judge_batch(struct kernel *k, struct packaged *p, kernel_library_fn fn, void *ctx)
{
	struct packaged_batch *batch = &p->batch;
	struct identified after[PACKAGED_BATCH];

	if (kernel_identify(k, batch->fds, (unsigned)batch->n, after))
		return;
	for (size_t i = 0; i < batch->n; i++) {
		struct packaged_file *file = &p->files[batch->index[i]];

		if (batch->skip[i] || after[i].writers ||
		    memcmp(&batch->before[i].stamp, &after[i].stamp, sizeof(after[i].stamp)) != 0)
			continue;
		if (is_packaged(p, batch->index[i], batch->md5[i])) {
			accept_file(k, p, file, &after[i]);
			continue;
		}
		withdraw(k, file);
		file->state = PACKAGED_OTHER;
		if (fn)
			fn(ctx, file->path, file->package);
	}
}

bool packaged_work(struct kernel *k, struct packaged *p, bool only_first, uint64_t until_ns,
		   kernel_library_fn fn, void *ctx)
{
	struct packaged_batch *batch = &p->batch;

	while (batch->n || fill_batch(k, p, only_first)) {
		bool again = false;

		while (batch->done < batch->n) {
			int got = batch->skip[batch->done] ? 1 : digest_some(batch);

			if (got < 0)
				batch->skip[batch->done] = true;
			if (got)
				batch->done++;
			if (kernel_clock_ns(CLOCK_MONOTONIC) >= until_ns && batch->done < batch->n)
				return false;
		}
		judge_batch(k, p, fn, ctx);
		for (size_t i = 0; i < batch->n; i++)
			again |= p->files[batch->index[i]].state == PACKAGED_UNKNOWN;
		end_batch(p);
		if (again || kernel_clock_ns(CLOCK_MONOTONIC) >= until_ns)
			return false; /* what could not be settled is tried again later */
	}
	return true;
}

/* --- changes --- */

static void look(struct packaged *p, size_t i)
{
	struct packaged_file *file = &p->files[i];
	struct content_key key = {0};
	struct stat st;

	if (file->state == PACKAGED_UNKNOWN || file->state == PACKAGED_AGAIN)
		return;
	if (!lstat(file->path, &st))
		key = content_key(&st);
	if (content_key_equal(&key, &file->key))
		return;
	file->state = PACKAGED_UNKNOWN;
	if (i < p->unknown)
		p->unknown = i;
}

void packaged_watch(struct packaged *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->files[i].first)
			look(p, i);
	}
	for (size_t i = 0; i < ROUND && i < p->n; i++) {
		p->next = p->next + 1 < p->n ? p->next + 1 : 0;
		look(p, p->next);
	}
}
