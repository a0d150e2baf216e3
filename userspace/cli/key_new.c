// SPDX-License-Identifier: Apache-2.0
/* `muniment key new`: makes the log's Ed25519 key, and sees to it that it does not lie beside what it signs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/args.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/log_common.h"
#include "ledger/key.h"

/* Never over an existing file: that may be the key that every checkpoint so far depends on. */
static int write_new(const char *path, const struct buf *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode), err;

	if (fd < 0)
		return -errno;
	err = text->failed ? -ENOMEM : file_write_all(fd, text->data, text->len);
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	if (!err)
		err = file_sync_parent(path);
	if (err)
		unlink(path);
	return err;
}

static int write_beside(const char *path, const char *suffix, const struct buf *text, const char *command)
{
	struct buf name = {0};
	int err;

	buf_printf(&name, "%s%s", path, suffix);
	err = name.failed ? -ENOMEM : file_replace(name.data, text->data, text->len, 0644);
	if (err)
		fprintf(stderr, "%s: %s%s: %s\n", command, path, suffix, strerror(-err));
	buf_free(&name);
	return err;
}

static int write_key(const char *command, const struct note_signer *s, const char *path)
{
	struct buf text = {0};
	int err = note_signer_private_pem(s, &text);

	if (!err)
		err = write_new(path, &text, 0600);
	if (text.data)
		OPENSSL_cleanse(text.data, text.len);
	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, path,
			err == -EEXIST ? "exists; a key is never written over" : strerror(-err));
	buf_reset(&text);
	if (!err)
		err = note_signer_public_pem(s, &text);
	if (!err)
		err = write_beside(path, ".pub", &text, command);
	buf_reset(&text);
	note_verifier_format(note_signer_verifier(s), &text);
	buf_char(&text, '\n');
	if (!err)
		err = write_beside(path, ".vkey", &text, command);
	buf_free(&text);
	return err;
}

/* False, with a message, when the place will not do. */
static bool place_good(const char *command, const char *path, const char *dir, bool same_disk)
{
	bool same = false;
	int err = key_same_filesystem(path, dir, &same);

	if (err) {
		fprintf(stderr, "%s: %s, %s: %s\n", command, path, dir, strerror(-err));
		return false;
	}
	if (same && !same_disk)
		fprintf(stderr,
			"%s: %s lies on the ledger's own file system (%s): whoever copies or restores that "
			"disk has both.\n"
			"Put the key on another one, or give --same-disk to accept that.\n",
			command, path, dir);
	return !same || same_disk;
}

static int make_key(const char *command, const char *name, const char *path, bool json)
{
	struct note_signer *s = NULL;
	struct buf out = {0}, vkey = {0};
	int status = EXIT_CANNOT, err = note_signer_generate(name, &s);

	if (err) {
		fprintf(stderr, "%s: %s\n", command, strerror(-err));
		goto out;
	}
	err = write_key(command, s, path);
	if (err) {
		status = err == -EEXIST || err == -ENOENT ? EXIT_USAGE : EXIT_CANNOT;
		goto out;
	}
	note_verifier_format(note_signer_verifier(s), &vkey);
	if (json) {
		json_open(&out, NULL, '{');
		json_str(&out, "name", name);
		json_str(&out, "key", path);
		json_strn(&out, "vkey", vkey.data, vkey.len);
		json_close(&out, '}');
	} else {
		buf_add(&out, vkey.data, vkey.len);
	}
	buf_char(&out, '\n');
	if (log_print(command, &out))
		status = EXIT_GOOD;
out:
	buf_free(&out);
	buf_free(&vkey);
	note_signer_free(s);
	return status;
}

int command_key_new(int argc, char **argv)
{
	const char *name = NULL, *path = NULL, *dir = LEDGER_DIR_DEFAULT;
	bool same_disk = false, json = false;
	const struct args_option table[] = {
		{'n', "name", "ORIGIN",
		 "the log's name: a URL without scheme, such as example.org/records (required)", ARGS_STRING,
		 &name},
		{'o', "out", "FILE",
		 "where the private key goes; FILE.pub and FILE.vkey appear beside it (required)",
		 ARGS_STRING, &path},
		{0, "ledger", "DIR", "the ledger that it is to sign (" LEDGER_DIR_DEFAULT ")", ARGS_STRING,
		 &dir},
		{0, "same-disk", NULL, "let the key lie on the ledger's own file system", ARGS_FLAG,
		 &same_disk},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		ARGS_END,
	};
	enum args_result parsed;

	parsed = args_parse(argv[0], "Makes a signing key for a ledger and prints its verifier key.", table,
			    argc, argv);
	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (!name || !path) {
		fprintf(stderr, "%s: %s is missing\n", argv[0], name ? "--out FILE" : "--name ORIGIN");
		return EXIT_USAGE;
	}
	if (!note_name_valid(name, strlen(name)) || strlen(name) > NOTE_NAME_MAX) {
		fprintf(stderr,
			"%s: '%s' is no name for a log: expected 1 to %d bytes of UTF-8 without spaces and "
			"plus signs\n",
			argv[0], name, NOTE_NAME_MAX);
		return EXIT_USAGE;
	}
	if (!place_good(argv[0], path, dir, same_disk))
		return EXIT_USAGE;
	return make_key(argv[0], name, path, json);
}
