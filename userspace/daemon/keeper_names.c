// SPDX-License-Identifier: Apache-2.0
/*
 * What stores and their roots are called, by generation, for the daemon after this one: the ring and the counts of the
 * kernel side outlive a daemon with --pin, and what they hold of a policy that is not in force any more would have
 * neither the store's name nor the path's beginning. Kept in the run directory as JSON, of the last few generations, and
 * good for this boot and this ring only. Without it nothing is lost but those names. See keeper.h.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/file.h"
#include "base/log.h"
#include "pipeline/host.h"

#define NAMES_MAX (16u << 20) /* bytes of the file */

static void path_of(const struct keeper *k, char *path, size_t size)
{
	snprintf(path, size, "%s/names", k->config->run);
}

/* Paths are any bytes, strings of JSON are UTF-8. */
static json_t *encoded(const char *path)
{
	size_t n = strlen(path);
	char *text = malloc(B64_SIZE(n));
	json_t *json = NULL;

	if (text) {
		b64_encode(path, n, text);
		json = json_string(text);
	}
	free(text);
	return json;
}

static char *decoded(const json_t *json)
{
	const char *text = json_string_value(json);
	size_t n = json_string_length(json);
	char *path = text ? calloc(1, 3 * n / 4 + 4) : NULL;
	long len = path ? b64_decode(text, n, (uint8_t *)path) : -EINVAL;

	if (len < 0 || strlen(path) != (size_t)len) {
		free(path);
		return NULL;
	}
	return path;
}

static json_t *names_of(const struct keeper *k, const struct policy_image *image)
{
	json_t *files = json_array(), *stores = json_array(), *roots = json_array();
	char digest[B64_SIZE(POLICY_DIGEST_SIZE)];
	const char *root;

	for (size_t i = 0; i < image->n_files; i++)
		json_array_append_new(files, encoded(image->files[i]));
	for (size_t i = 0; i < image->n_stores; i++) {
		const struct image_store *store = &image->stores[i];

		json_array_append_new(stores, json_pack("{s:s, s:i, s:I, s:I}", "name", store->name, "class",
							(int)store->class, "file", (json_int_t)store->file,
							"line", (json_int_t)store->line));
	}
	for (uint32_t i = 0; (root = kernel_root_path(k->kernel, k->generation, i)); i++)
		json_array_append_new(roots, encoded(root));
	b64_encode(image->sha256, POLICY_DIGEST_SIZE, digest);
	return json_pack("{s:I, s:s, s:o, s:o, s:o}", "generation", (json_int_t)k->generation, "sha256",
			 digest, "files", files, "stores", stores, "roots", roots);
}

/* The file's list if it is of this boot and ring, else an empty one. */
static json_t *read_names(const struct keeper *k)
{
	struct host host;
	char path[PATH_MAX];
	struct buf b = {0};
	json_t *all, *list = NULL;
	json_int_t ring = 0;
	const char *of = "";
	int err;

	path_of(k, path, sizeof(path));
	err = file_read(path, NAMES_MAX, &b);
	if (err && err != -ENOENT)
		log_warn("%s: %s; what an earlier policy called its stores is not known", path,
			 strerror(-err));
	all = err ? NULL : json_loadb(b.data ? b.data : "", b.len, 0, NULL);
	if (!err && json_unpack(all, "{s:s, s:I, s:o}", "boot", &of, "ring", &ring, "generations", &list))
		log_warn("%s is damaged; what an earlier policy called its stores is not known", path);
	host_read(&host);
	list = json_is_array(list) && !strcmp(of, host.boot_id) && (uint64_t)ring == kernel_ring_id(k->kernel)
		       ? json_incref(list)
		       : json_array();
	json_decref(all);
	buf_free(&b);
	return list;
}

void keeper_names_save(const struct keeper *k, const struct policy_image *image)
{
	json_t *list = read_names(k), *names = names_of(k, image), *all;
	char path[PATH_MAX], *text;
	struct host host;
	int err = -ENOMEM;

	for (size_t i = json_array_size(list); i-- > 0;) {
		json_t *generation = json_object_get(json_array_get(list, i), "generation");

		if (json_integer_value(generation) == (json_int_t)k->generation)
			json_array_remove(list, i);
	}
	json_array_append_new(list, names);
	while (json_array_size(list) > OCSF_EARLIER_MAX)
		json_array_remove(list, 0);
	host_read(&host);
	all = json_pack("{s:s, s:I, s:o}", "boot", host.boot_id, "ring",
			(json_int_t)kernel_ring_id(k->kernel), "generations", list);
	text = all && names ? json_dumps(all, JSON_COMPACT) : NULL;
	path_of(k, path, sizeof(path));
	if (text)
		err = file_replace(path, text, strlen(text), 0600);
	if (err)
		log_warn("%s: %s; a daemon after this one may not know what this policy called its stores",
			 path, strerror(-err));
	free(text);
	json_decref(all);
}

/* The image's arrays of what the file has; false when it makes no sense. */
static bool fill(struct policy_image *image, json_t *files, json_t *stores, json_t *roots)
{
	image->files = calloc(json_array_size(files) + 1, sizeof(*image->files));
	image->stores = calloc(json_array_size(stores) + 1, sizeof(*image->stores));
	image->roots = calloc(json_array_size(roots) + 1, sizeof(*image->roots));
	if (!image->files || !image->stores || !image->roots || json_array_size(stores) > STORES_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(files); i++) {
		image->files[i] = decoded(json_array_get(files, i));
		if (!image->files[image->n_files++])
			return false;
	}
	for (size_t i = 0; i < json_array_size(stores); i++) {
		struct image_store *store = &image->stores[i];
		json_int_t file, line;
		const char *name;
		int class;

		if (json_unpack(json_array_get(stores, i), "{s:s, s:i, s:I, s:I}", "name", &name, "class",
				&class, "file", &file, "line", &line) ||
		    file < 0 || (size_t)file >= image->n_files || line < 0 || line > UINT32_MAX)
			return false;
		*store = (struct image_store){.name = strdup(name),
					      .class = (enum policy_class) class,
					      .file = (uint32_t)file,
					      .line = (uint32_t)line};
		image->n_stores++;
		if (!store->name || !policy_class_text(store->class))
			return false;
	}
	for (size_t i = 0; i < json_array_size(roots); i++) {
		image->roots[i].path = decoded(json_array_get(roots, i));
		if (!image->roots[image->n_roots++].path)
			return false;
	}
	return true;
}

static void add_generation(struct keeper *k, json_t *names, uint32_t current)
{
	json_t *files, *stores, *roots;
	struct policy_image *image;
	uint8_t room[B64_SIZE(POLICY_DIGEST_SIZE)];
	json_int_t generation;
	const char *digest;

	if (json_unpack(names, "{s:I, s:s, s:o, s:o, s:o}", "generation", &generation, "sha256", &digest,
			"files", &files, "stores", &stores, "roots", &roots)) {
		log_warn("%s/names: an entry is damaged; what it called its stores is not known",
			 k->config->run);
		return;
	}
	if (generation == (json_int_t)current)
		return;
	image = calloc(1, sizeof(*image));
	if (!image || strlen(digest) >= B64_SIZE(POLICY_DIGEST_SIZE) ||
	    b64_decode(digest, strlen(digest), room) != POLICY_DIGEST_SIZE ||
	    !fill(image, files, stores, roots)) {
		log_warn("%s/names: generation %lld is damaged; what it called its stores is not known",
			 k->config->run, (long long)generation);
		policy_image_free(image);
		return;
	}
	memcpy(image->sha256, room, POLICY_DIGEST_SIZE);
	ocsf_add_earlier(recorder_ocsf(k->recorder), (uint32_t)generation, image);
}

void keeper_names_load(struct keeper *k, uint32_t generation)
{
	json_t *list = read_names(k);

	for (size_t i = 0; i < json_array_size(list); i++)
		add_generation(k, json_array_get(list, i), generation);
	json_decref(list);
}
