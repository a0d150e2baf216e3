/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of a policy: files and directories brought into memory, their digest, their lines for messages.
 *
 * Owns struct policy's files. Called by munimentd, the commands and the tests; the reader takes it from here.
 */
#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/file.h"
#include "policy/policy.h"

static const char utf8_mark[] = "\xef\xbb\xbf"; /* written by some editors */

static struct policy_place whole_file(const struct policy *policy)
{
	return (struct policy_place){.file = (uint32_t)policy->n_files - 1};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool digest_bytes(const void *bytes, size_t len, uint8_t ret_sha256[POLICY_DIGEST_SIZE])
{
	return EVP_Digest(bytes, len, ret_sha256, NULL, EVP_sha256(), NULL) == 1;
}

/* Appends an empty file of this name. NULL: memory is short or there are too many (a finding tells). */
static struct policy_file *new_file(struct policy *policy, const char *path)
{
	struct policy_place none = {.file = POLICY_NO_FILE};
	struct policy_file *files, *file;

	if (policy->n_files == POLICY_FILES_MAX) {
		finding_add(&policy->findings, POLICY_LIMIT_EXCEEDED, none, "%s: more than %d policy files",
			    path, POLICY_FILES_MAX);
		return NULL;
	}
	files = realloc(policy->files, (policy->n_files + 1) * sizeof(*files));
	if (!files) {
		policy->findings.failed = true;
		return NULL;
	}
	policy->files = files;
	file = &files[policy->n_files];
	*file = (struct policy_file){.path = strdup(path), .unread = true};
	if (!file->path) {
		policy->findings.failed = true;
		return NULL;
	}
	policy->n_files++;
	/* sha256sum writes such names escaped, and policy_digest must be repeatable with it. */
	if (strpbrk(base_name(path), "\\\n\r"))
		finding_add(&policy->findings, POLICY_FILE_NAME, whole_file(policy),
			    "the file's name holds a backslash or a line break");
	return file;
}

static int take_bytes(struct policy *policy, struct policy_file *file, char *bytes, size_t len)
{
	file->bytes = bytes;
	file->len = len;
	file->unread = false;
	if (!digest_bytes(bytes, len, file->sha256))
		policy->findings.failed = true;
	return policy->findings.failed ? -ENOMEM : 0;
}

int policy_add_text(struct policy *policy, const char *name, const char *bytes, size_t len)
{
	struct policy_file *file = new_file(policy, name);
	char *copy;

	if (!file)
		return policy->findings.failed ? -ENOMEM : 0;
	if (len > POLICY_FILE_MAX) {
		finding_add(&policy->findings, POLICY_FILE_TOO_LARGE, whole_file(policy),
			    "the file is larger than %u MiB", POLICY_FILE_MAX >> 20);
		return 0;
	}
	copy = malloc(len + 1);
	if (!copy) {
		policy->findings.failed = true;
		return -ENOMEM;
	}
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return take_bytes(policy, file, copy, len);
}

static int add_file(struct policy *policy, const char *path)
{
	struct policy_file *file = new_file(policy, path);
	struct buf content = {0};
	int rc;

	if (!file)
		return policy->findings.failed ? -ENOMEM : 0;
	rc = file_read(path, POLICY_FILE_MAX, &content);
	if (rc == 0) {
		buf_str(&content, ""); /* an empty file has no bytes, but a string */
		rc = content.failed ? -ENOMEM : 0;
	}
	if (rc == 0)
		return take_bytes(policy, file, content.data, content.len);
	buf_free(&content);
	if (rc == -ENOMEM)
		return rc;
	if (rc == -EFBIG)
		finding_add(&policy->findings, POLICY_FILE_TOO_LARGE, whole_file(policy),
			    "the file is larger than %u MiB", POLICY_FILE_MAX >> 20);
	else
		finding_add(&policy->findings, POLICY_FILE_UNREADABLE, whole_file(policy),
			    "cannot be read: %s", strerror(-rc));
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcasecmp(name + n - m, end) == 0;
}

static int policy_file_filter(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       (ends_with(entry->d_name, ".yaml") || ends_with(entry->d_name, ".yml"));
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_entry(struct policy *policy, const char *directory, const char *name, size_t *taken)
{
	struct policy_place none = {.file = POLICY_NO_FILE};
	size_t n = strlen(name);
	char *path = NULL;
	int rc = 0;

	if (asprintf(&path, "%s%s%s", directory, ends_with(directory, "/") ? "" : "/", name) < 0)
		return -ENOMEM;
	if (strcmp(name + n - 5, ".yaml") == 0) {
		(*taken)++;
		rc = add_file(policy, path);
	} else {
		finding_expect(finding_add(&policy->findings, POLICY_FILE_IGNORED, none,
					   "%s: the file is not read", path),
			       "a name that ends in .yaml");
	}
	free(path);
	return rc;
}

static int add_directory(struct policy *policy, const char *path)
{
	struct policy_place none = {.file = POLICY_NO_FILE};
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, policy_file_filter, by_bytes), rc = 0;
	size_t taken = 0;

	if (n < 0) {
		if (errno == ENOMEM)
			return -ENOMEM;
		finding_add(&policy->findings, POLICY_FILE_UNREADABLE, none, "%s: cannot be listed: %s", path,
			    strerror(errno));
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_entry(policy, path, entries[i]->d_name, &taken);
		free(entries[i]);
	}
	free(entries);
	if (rc == 0 && taken == 0)
		finding_expect(
			finding_add(&policy->findings, POLICY_NO_FILES, none, "%s holds no policy", path),
			"at least one file whose name ends in .yaml");
	return rc;
}

int policy_add_path(struct policy *policy, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return add_directory(policy, path);
	return add_file(policy, path);
}

void policy_digest(const struct policy *policy, uint8_t ret_sha256[POLICY_DIGEST_SIZE])
{
	struct buf lines = {0};
	char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

	memset(ret_sha256, 0, POLICY_DIGEST_SIZE);
	for (size_t i = 0; i < policy->n_files; i++) {
		hex_encode(policy->files[i].sha256, POLICY_DIGEST_SIZE, hex);
		buf_printf(&lines, "%s  %s\n", hex, base_name(policy->files[i].path));
	}
	if (!lines.failed)
		digest_bytes(lines.data ? lines.data : "", lines.len, ret_sha256);
	buf_free(&lines);
}

const char *policy_place_path(const struct policy *policy, struct policy_place place)
{
	return place.file < policy->n_files ? policy->files[place.file].path : NULL;
}

/* Bytes up to the next line break; *ret_break is its length, 0 at the end. */
static size_t line_length(const char *bytes, size_t len, size_t *ret_break)
{
	for (size_t i = 0; i < len; i++) {
		*ret_break = ytree_line_break(bytes + i, len - i);
		if (*ret_break)
			return i;
	}
	*ret_break = 0;
	return len;
}

int policy_source_line(const struct policy *policy, struct policy_place place, const char **ret_line,
		       size_t *ret_len)
{
	const struct policy_file *file;
	size_t at = 0, n, end_of_line;

	if (place.file >= policy->n_files || place.line == 0 || !policy->files[place.file].bytes)
		return -ENOENT;
	file = &policy->files[place.file];
	if (file->len >= 3 && memcmp(file->bytes, utf8_mark, 3) == 0)
		at = 3;
	for (uint32_t line = 1;; line++) {
		n = line_length(file->bytes + at, file->len - at, &end_of_line);
		if (line == place.line)
			break;
		if (end_of_line == 0)
			return -ENOENT;
		at += n + end_of_line;
	}
	*ret_line = file->bytes + at;
	*ret_len = n;
	return 0;
}
