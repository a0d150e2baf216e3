// SPDX-License-Identifier: Apache-2.0
/*
 * Which files are copies, beyond a boot: the kernel side knows them by numbers of devices, which are others then. So
 * they are written down beside the ledger by their file system's own identifier, and looked for again when the kernel
 * side knows of none, where that file system is mounted by then or later. JSON Lines: what could not be placed stays there.
 *
 * {"fs": "ext4", "id": "…", "ino": 12, "generation": 34, "stores": ["ehr"]}
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"

#define COPIES_MAX (256u << 20) /* bytes of the file: about as many as the kernel side can keep */

static void path_of(const struct keeper *k, char *path, size_t size)
{
	snprintf(path, size, "%s/copies", k->config->ledger);
}

static const struct policy_image *image_of(const struct keeper *k)
{
	return ocsf_policy(recorder_ocsf(k->recorder));
}

/* --- writing --- */

struct saving {
	const struct policy_image *image;
	struct buf lines;
	json_t *systems; /* by number of the device: type and identifier */
	int err;
};

static void number_of(uint32_t dev, char *text, size_t size)
{
	snprintf(text, size, "%" PRIu32, dev);
}

static void note_system(void *ctx, const struct kernel_file_system *fs)
{
	char dev[16], id[24];
	struct saving *s = ctx;

	number_of(fs->dev, dev, sizeof(dev));
	snprintf(id, sizeof(id), "%016" PRIx64, fs->id);
	json_object_set_new(s->systems, dev, json_pack("{s:s, s:s}", "fs", fs->type, "id", id));
}

static int add_line(struct saving *s, const json_t *copy)
{
	char *text = json_dumps(copy, JSON_COMPACT);

	if (text)
		buf_printf(&s->lines, "%s\n", text);
	free(text);
	return text && !s->lines.failed ? 0 : -ENOMEM;
}

static int save_copy(void *ctx, const struct object_id *id, uint64_t label)
{
	struct saving *s = ctx;
	json_t *system, *copy, *stores;
	char dev[16];
	int err;

	number_of(id->dev, dev, sizeof(dev));
	system = json_object_get(s->systems, dev);
	if (!system) /* it will be no more after a boot, or would not be known again */
		return 0;
	stores = json_array();
	for (unsigned bit = 0; bit < STORES_MAX; bit++)
		if (label >> bit & 1)
			json_array_append_new(stores, json_string(s->image->labels[bit].name));
	copy = json_pack("{s:O, s:O, s:I, s:I, s:o}", "fs", json_object_get(system, "fs"), "id",
			 json_object_get(system, "id"), "ino", (json_int_t)id->ino, "generation",
			 (json_int_t)id->generation, "stores", stores);
	err = copy ? add_line(s, copy) : -ENOMEM;
	json_decref(copy);
	return err;
}

static int save(struct keeper *k)
{
	struct saving s = {.image = image_of(k), .systems = json_object()};
	char path[PATH_MAX];
	size_t i;
	json_t *copy;
	int err = s.systems ? kernel_file_systems(note_system, &s) : -ENOMEM;

	if (!err)
		err = kernel_copies(k->kernel, save_copy, &s);
	json_array_foreach (k->copies_pending, i, copy) {
		if (!err)
			err = add_line(&s, copy);
	}
	path_of(k, path, sizeof(path));
	if (!err)
		err = file_replace(path, s.lines.data ? s.lines.data : "", s.lines.len, 0600);
	json_decref(s.systems);
	buf_free(&s.lines);
	return err;
}

/* --- reading --- */

/* The label that stands for stores by name; 0: the policy does not know one of them, as yet. */
static uint64_t label_of(const struct policy_image *image, const json_t *stores)
{
	uint64_t label = 0;
	json_t *name;
	size_t i;

	json_array_foreach (stores, i, name) {
		unsigned bit = 0;

		while (bit < STORES_MAX && (!image->labels[bit].name[0] ||
					    strcmp(image->labels[bit].name, json_string_value(name)) != 0))
			bit++;
		if (bit == STORES_MAX)
			return 0;
		label |= 1ull << bit;
	}
	return label;
}

struct placing {
	struct keeper *k;
	size_t placed;
	int err;
};

static void place_on(void *ctx, const struct kernel_file_system *fs)
{
	struct placing *p = ctx;
	json_t *pending = p->k->copies_pending;
	char id[24];

	snprintf(id, sizeof(id), "%016" PRIx64, fs->id);
	for (size_t i = json_array_size(pending); i-- > 0 && !p->err;) {
		json_t *copy = json_array_get(pending, i);
		struct object_id object = {
			.ino = (uint64_t)json_integer_value(json_object_get(copy, "ino")),
			.generation = (uint32_t)json_integer_value(json_object_get(copy, "generation")),
			.dev = fs->dev,
		};
		uint64_t label;
		int err;

		if (strcmp(json_string_value(json_object_get(copy, "id")), id) != 0 ||
		    strcmp(json_string_value(json_object_get(copy, "fs")), fs->type) != 0)
			continue;
		label = label_of(image_of(p->k), json_object_get(copy, "stores"));
		if (!label)
			continue;
		err = kernel_add_copy(p->k->kernel, &object, label);
		p->err = err < 0 ? err : 0;
		p->placed += err > 0;
		if (err >= 0)
			json_array_remove(pending, i);
	}
}

static void place(struct keeper *k)
{
	struct placing p = {.k = k};
	int err = kernel_file_systems(place_on, &p);

	err = err ? err : p.err;
	if (err)
		log_warn("copies that were made before the host was started are not all known: %s",
			 strerror(-err));
	if (p.placed)
		log_info("%zu copies from before the host was started are known again", p.placed);
}

static bool is_copy(json_t *copy)
{
	const char *fs, *id;
	json_int_t ino, generation;
	json_t *stores, *name;
	size_t i;

	if (json_unpack(copy, "{s:s, s:s, s:I, s:I, s:o !}", "fs", &fs, "id", &id, "ino", &ino, "generation",
			&generation, "stores", &stores) ||
	    generation < 0 || generation > UINT32_MAX || !json_array_size(stores))
		return false;
	json_array_foreach (stores, i, name) {
		if (!json_is_string(name))
			return false;
	}
	return true;
}

/* Returns how many lines make no sense, the first of them in *ret_line, from 1. */
static size_t read_lines(struct keeper *k, const struct buf *b, size_t *ret_line)
{
	size_t bad = 0, line = 0;

	for (const char *at = b->data, *end = b->data + b->len; at && at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = stop ? (size_t)(stop - at) : (size_t)(end - at);
		json_t *copy = json_loadb(at, n, JSON_REJECT_DUPLICATES, NULL);

		line++;
		if (is_copy(copy))
			json_array_append(k->copies_pending, copy);
		else if (!bad++)
			*ret_line = line;
		json_decref(copy);
		at += n + 1;
	}
	return bad;
}

void keeper_copies_load(struct keeper *k)
{
	struct buf b = {0};
	char path[PATH_MAX];
	size_t bad, line = 0;
	int err;

	k->copies_pending = json_array();
	path_of(k, path, sizeof(path));
	err = k->copies_pending ? file_read(path, COPIES_MAX, &b) : -ENOMEM;
	if (err && err != -ENOENT) { /* better without those than without all the rest */
		log_error("%s: %s; which files are copies of records is not known", path, strerror(-err));
	} else if (!err) {
		bad = read_lines(k, &b, &line);
		if (bad)
			log_error("%s:%zu: not a copy as {\"fs\", \"id\", \"ino\", \"generation\", "
				  "\"stores\"}; %zu such lines are left out: those files are not known to be "
				  "copies",
				  path, line, bad);
		/* Also where the kernel side has kept some: not those of file systems that nobody has mounted since the boot. */
		place(k);
	}
	buf_free(&b);
}

void keeper_copies_watch(struct keeper *k)
{
	uint64_t made = kernel_copies_made(k->kernel);
	int err;

	if (json_array_size(k->copies_pending))
		place(k);
	if (made == k->copies_saved)
		return;
	err = save(k);
	if (!err)
		k->copies_saved = made;
	if (err != k->copies_error && err)
		log_error("%s/copies: %s; copies of records will not be known after the host is started anew",
			  k->config->ledger, strerror(-err));
	k->copies_error = err;
}
