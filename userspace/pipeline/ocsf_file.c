// SPDX-License-Identifier: Apache-2.0
/* What an entry says of the file: its path on this host, its type, class and inode. See ocsf.h. */
#include "pipeline/ocsf_state.h"

#include <sys/stat.h>

#include "base/json.h"

/* The path of the store's root that the record counts from; NULL when it is not to be known. */
static const char *root_of(const struct ocsf *o, const struct record_access *a,
			   const struct ocsf_policy *policy)
{
	const char *path = NULL;

	if ((a->flags & RECORD_FLAG_PATH_OUTSIDE) ||
	    (a->store >= STORES_MAX && a->store != STORE_OWN && a->store != STORE_OWN_SECRET &&
	     a->store != STORE_LIBRARY))
		return NULL;
	if (o->root_path)
		path = o->root_path(o->root_ctx, a->policy_generation, a->root);
	if (path)
		return path;
	return policy && a->root < policy->image->n_roots ? policy->image->roots[a->root].path : NULL;
}

/* o->path: what the record's names come to on this host, as raw bytes. */
void ocsf_make_path(struct ocsf *o, const struct record_view *v, const struct ocsf_policy *policy)
{
	const struct record_access *a = &v->access;
	const char *root = root_of(o, a, policy);
	struct buf *path = &o->path;

	buf_reset(path);
	if (ocsf_is_guard(a) && !a->file.ino) { /* no file: the name of a setting, or nothing */
		decode_path(v, path);
		return;
	}
	if ((S_ISFIFO(a->file_mode) || S_ISSOCK(a->file_mode)) && !v->path_count) {
		/* As the kernel calls it in /proc/PID/fd. */
		buf_printf(path, "%s:[%llu]", S_ISFIFO(a->file_mode) ? "pipe" : "socket",
			   (unsigned long long)a->file.ino);
		return;
	}
	if (root)
		buf_str(path, root);
	if (a->flags & RECORD_FLAG_PATH_CUT)
		ADD_LITERAL(path, "/…");
	if (root || (a->flags & RECORD_FLAG_PATH_CUT)) {
		decode_path(v, path);
	} else {
		buf_reset(&o->text);
		decode_path(v, &o->text);
		enrich_path(o->enrich, a->file.dev, o->text.data ? o->text.data : "", o->text.len, path);
	}
	if (!path->len)
		buf_char(path, '/');
}

static unsigned file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 1;
	case S_IFDIR:
		return 2;
	case S_IFCHR:
		return 3;
	case S_IFBLK:
		return 4;
	case S_IFSOCK:
		return 5;
	case S_IFIFO:
		return 6;
	case S_IFLNK:
		return 7;
	default:
		return 0;
	}
}

/* Of a name that nothing has yet: what the hook says that it will be. */
static unsigned new_type(unsigned hook)
{
	switch (hook) {
	case HOOK_INODE_CREATE:
		return file_type(S_IFREG);
	case HOOK_INODE_MKDIR:
		return file_type(S_IFDIR);
	case HOOK_INODE_SYMLINK:
		return file_type(S_IFLNK);
	default:
		return 0;
	}
}

static void add_classification(struct buf *b, enum policy_class class)
{
	switch (class) {
	case POLICY_CLASS_PUBLIC:
		buf_str(b, ",\"data_classifications\":[{\"confidentiality_id\":1,\"confidentiality\":\"Not "
			   "Confidential\"}]");
		return;
	case POLICY_CLASS_INTERNAL:
		buf_str(b, ",\"data_classifications\":[{\"confidentiality_id\":99,\"confidentiality\":"
			   "\"Internal\"}]");
		return;
	case POLICY_CLASS_CONFIDENTIAL:
		buf_str(b, ",\"data_classifications\":[{\"confidentiality_id\":2,\"confidentiality\":"
			   "\"Confidential\"}]");
		return;
	case POLICY_CLASS_RESTRICTED:
		buf_str(b, ",\"data_classifications\":[{\"confidentiality_id\":6,\"confidentiality\":"
			   "\"Restricted\"}]");
		return;
	case POLICY_CLASS_INVALID:
		return;
	}
}

void ocsf_add_inode(struct buf *b, const struct object_id *id)
{
	buf_char(b, '"');
	buf_u64(b, id->dev >> 20);
	buf_char(b, ':');
	buf_u64(b, id->dev & 0xfffff);
	buf_char(b, ':');
	buf_u64(b, id->ino);
	buf_char(b, ':');
	buf_u64(b, id->generation);
	buf_char(b, '"');
}

/* o->file; false when the path is not UTF-8, so that its raw form is needed as well. */
bool ocsf_make_file(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
		    bool rich)
{
	const struct buf *path = &o->path;
	struct buf *b = &o->file;
	size_t leaf = path->len;
	bool clean;

	while (leaf > 0 && path->data[leaf - 1] != '/')
		leaf--;
	buf_reset(b);
	ADD_LITERAL(b, ",\"file\":{");
	json_strn(b, "name", leaf < path->len ? path->data + leaf : "/",
		  leaf < path->len ? path->len - leaf : 1);
	clean = json_strn(b, "path", path->data, path->len);
	ADD_LITERAL(b, ",\"type_id\":");
	buf_u64(b, a->flags & RECORD_FLAG_NEW_NAME ? new_type(a->hook) : file_type(a->file_mode));
	if (S_ISREG(a->file_mode)) {
		ADD_LITERAL(b, ",\"size\":");
		buf_u64(b, a->file_size & INT64_MAX);
	}
	if (!(a->flags & RECORD_FLAG_NEW_NAME)) {
		ADD_LITERAL(b, ",\"uid\":");
		ocsf_add_inode(b, &a->file);
	}
	if (rich && policy && a->store < policy->image->n_stores)
		add_classification(b, policy->image->stores[a->store].class);
	buf_char(b, '}');
	return clean;
}
