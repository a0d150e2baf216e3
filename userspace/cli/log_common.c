// SPDX-License-Identifier: Apache-2.0
/* See log_common.h. */
#include "cli/log_common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/file.h"

#define KEY_FILE_MAX 4096

bool log_read_key(const char *command, const char *text, struct note_verifier *ret_key)
{
	struct buf file = {0};
	const char *vkey = text;
	int err = 0;

	if (!text) {
		fprintf(stderr,
			"%s: --key is missing: the verifier key (name+8hex+base64), or @FILE that holds it\n",
			command);
		return false;
	}
	if (text[0] == '@') {
		err = file_read(text + 1, KEY_FILE_MAX, &file);
		if (err) {
			fprintf(stderr, "%s: %s: %s\n", command, text + 1, strerror(-err));
			buf_free(&file);
			return false;
		}
		vkey = file.len ? file.data : "";
		for (size_t n = file.len; n > 0 && strchr("\r\n \t", file.data[n - 1]); n--)
			file.data[n - 1] = '\0';
	}
	err = note_verifier_parse(vkey, ret_key);
	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, text,
			err == -ENOTSUP ? "a key of another type; expected Ed25519 (type 1)"
					: "not a verifier key; expected name+8hex+base64, as 'muniment key "
					  "new' prints it");
	buf_free(&file);
	return err == 0;
}

const char *log_error_text(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return "no ledger there";
	case -ENODATA:
		return "the ledger has no checkpoint yet";
	case -EBADMSG:
		return "the ledger is damaged; 'muniment log verify' says where";
	default:
		return strerror(-err);
	}
}

struct ledger_reader *log_open_reader(const char *command, const char *dir, int *ret_status)
{
	struct ledger_reader *r = NULL;
	size_t n;
	int err = ledger_reader_open(dir, &r);

	if (!err) {
		ledger_reader_note(r, &n);
		if (n)
			return r;
		err = -ENODATA;
	}
	fprintf(stderr, "%s: %s: %s\n", command, dir, log_error_text(err));
	ledger_reader_close(r);
	*ret_status = err == -EACCES || err == -EPERM ? EXIT_CANNOT : EXIT_USAGE;
	return NULL;
}

void log_count(struct buf *out, uint64_t n, const char *one, const char *many)
{
	char digits[21];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_char(out, ',');
		buf_char(out, digits[i]);
	}
	buf_printf(out, " %s", n == 1 ? one : many);
}

void log_progress(const char *doing, uint64_t done, uint64_t total)
{
	if (!isatty(STDERR_FILENO) || !total)
		return;
	fprintf(stderr, "\r%s: %3u %% of %llu entries", doing, (unsigned)(done * 100 / total),
		(unsigned long long)total);
	if (done >= total)
		fprintf(stderr, "\r\033[K");
}

bool log_print(const char *command, const struct buf *text)
{
	if (text->failed) {
		fprintf(stderr, "%s: %s\n", command, strerror(ENOMEM));
		return false;
	}
	if (text->len && (fwrite(text->data, 1, text->len, stdout) != text->len || fflush(stdout))) {
		fprintf(stderr, "%s: standard output: %s\n", command, strerror(errno));
		return false;
	}
	return true;
}
