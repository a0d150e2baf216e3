// SPDX-License-Identifier: Apache-2.0
/* `muniment log prove` and `muniment log verify-proof`: c2sp.org/tlog-proof files for single entries. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/log_common.h"
#include "ledger/checkpoint.h"

#define PROOF_FILE_MAX (NOTE_SIZE_MAX + 65536)

static int put_proof(const char *command, const char *path, const struct buf *text)
{
	int err;

	if (!path)
		return log_print(command, text) ? EXIT_GOOD : EXIT_CANNOT;
	err = text->failed ? -ENOMEM : file_replace(path, text->data, text->len, 0644);
	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, path, strerror(-err));
	return err ? EXIT_CANNOT : EXIT_GOOD;
}

static int prove(const char *command, const char *dir, uint64_t index, const char *path)
{
	int status = EXIT_GOOD, err;
	struct ledger_reader *r = log_open_reader(command, dir, &status);
	struct tree_proof proof;
	struct buf text = {0};
	const char *note;
	size_t note_len;

	if (!r)
		return status;
	err = ledger_prove(r, index, &proof);
	if (err == -EINVAL) {
		fprintf(stderr, "%s: entry %llu: the newest checkpoint covers %llu entries, the first is 0\n",
			command, (unsigned long long)index, (unsigned long long)ledger_reader_size(r));
		status = EXIT_USAGE;
	} else if (err) {
		fprintf(stderr, "%s: %s: %s\n", command, dir, log_error_text(err));
		status = err == -EBADMSG ? EXIT_FINDINGS : EXIT_CANNOT;
	} else {
		note = ledger_reader_note(r, &note_len);
		tlog_proof_format(index, &proof, note, note_len, &text);
		status = put_proof(command, path, &text);
	}
	buf_free(&text);
	ledger_reader_close(r);
	return status;
}

int command_log_prove(int argc, char **argv)
{
	const char *dir = LEDGER_DIR_DEFAULT, *number = NULL, *path = NULL;
	const struct args_option table[] = {
		{'o', "output", "FILE",
		 "write the proof there (by custom NAME.tlog-proof), not to standard output", ARGS_STRING,
		 &path},
		{0, NULL, "INDEX", "the entry's number, from 0", ARGS_REQUIRED, &number},
		{0, NULL, "DIR", "the ledger's directory (" LEDGER_DIR_DEFAULT ")", ARGS_OPTIONAL, &dir},
		ARGS_END,
	};
	unsigned long long index;
	char *end = NULL;
	enum args_result parsed;

	parsed = args_parse(argv[0], "Proves that one entry stands under the newest checkpoint.", table, argc,
			    argv);
	if (parsed != ARGS_OK)
		return args_exit(parsed);
	errno = 0;
	index = strtoull(number, &end, 10);
	if (errno || number[0] < '0' || number[0] > '9' || *end) {
		fprintf(stderr, "%s: '%s' is no entry's number; expected digits\n", argv[0], number);
		return EXIT_USAGE;
	}
	return prove(argv[0], dir, index, path);
}

struct proof_check {
	struct checkpoint checkpoint;
	uint64_t index;
	const char *wrong; /* NULL: the proof holds */
};

/* 0 (see wrong) or -EINVAL for a file that is no proof. */
static int check_proof(const struct buf *text, const struct buf *entry, const struct note_verifier *key,
		       struct proof_check *ret_check)
{
	struct proof_check c = {0};
	struct tlog_proof proof;
	struct tree_hash leaf;
	int err = tlog_proof_parse(text->data ? text->data : "", text->len, &proof);

	if (err)
		return err;
	c.index = proof.index;
	err = checkpoint_open(proof.note, proof.note_len, key, &c.checkpoint);
	if (err == -EINVAL || err == -E2BIG)
		return -EINVAL;
	if (err) {
		c.wrong = err == -ENOKEY
				  ? "its checkpoint is not signed by this key"
				  : "its checkpoint bears a bad signature of this key, or another origin";
	} else {
		tree_leaf(entry->data ? entry->data : "", entry->len, &leaf);
		err = tree_verify_inclusion(&proof.path, proof.index, c.checkpoint.size, &leaf,
					    &c.checkpoint.root);
		if (err)
			c.wrong = "this entry does not stand at this index under its checkpoint";
	}
	*ret_check = c;
	return 0;
}

static int tell(const char *command, const struct proof_check *c, bool json)
{
	struct buf out = {0};
	bool printed;

	if (json) {
		json_open(&out, NULL, '{');
		json_str(&out, "status", c->wrong ? "bad" : "good");
		json_u64(&out, "index", c->index);
		if (c->wrong)
			json_str(&out, "text", c->wrong);
		else
			json_str(&out, "origin", c->checkpoint.origin);
		json_u64(&out, "size", c->checkpoint.size);
		buf_str(&out, "}\n");
	} else if (c->wrong) {
		buf_printf(&out, "BAD: %s\n", c->wrong);
	} else {
		buf_printf(&out, "GOOD: this is entry %llu of %s, under its signed checkpoint over ",
			   (unsigned long long)c->index, c->checkpoint.origin);
		log_count(&out, c->checkpoint.size, "entry\n", "entries\n");
	}
	printed = log_print(command, &out);
	buf_free(&out);
	return !printed ? EXIT_CANNOT : c->wrong ? EXIT_FINDINGS : EXIT_GOOD;
}

static int read_input(const char *command, const char *path, size_t max, struct buf *out)
{
	int err = strcmp(path, "-") == 0 ? file_read_fd(0, max, out) : file_read(path, max, out);

	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, path,
			err == -EFBIG ? "larger than any entry or proof" : strerror(-err));
	return err;
}

static int verify_proof(const char *command, const char *path, const char *entry_path,
			const struct note_verifier *key, bool json)
{
	struct buf text = {0}, entry = {0};
	struct proof_check check;
	int status = EXIT_USAGE;

	if (read_input(command, path, PROOF_FILE_MAX, &text) ||
	    read_input(command, entry_path, ENTRY_MAX + 1, &entry))
		goto out;
	/* An entry has no newline; a line of `log show --json` or of a SIEM's file ends with one. */
	if (entry.len && entry.data[entry.len - 1] == '\n')
		entry.len--;
	if (check_proof(&text, &entry, key, &check))
		fprintf(stderr, "%s: %s: not a proof file (c2sp.org/tlog-proof@v1)\n", command, path);
	else
		status = tell(command, &check, json);
out:
	buf_free(&text);
	buf_free(&entry);
	return status;
}

int command_log_verify_proof(int argc, char **argv)
{
	const char *path = NULL, *key = NULL, *entry = NULL;
	bool json = false;
	const struct args_option table[] = {
		{'k', "key", "VKEY", "the log's verifier key, or @FILE that holds it (required)", ARGS_STRING,
		 &key},
		{'e', "entry", "FILE", "the entry, as it was shipped; - for standard input (required)",
		 ARGS_STRING, &entry},
		{0, "json", NULL, "print JSON for programs", ARGS_FLAG, &json},
		{0, NULL, "PROOF", "the proof file", ARGS_REQUIRED, &path},
		ARGS_END,
	};
	struct note_verifier verifier;
	enum args_result parsed;

	parsed = args_parse(argv[0], "Checks a proof that an entry stands in a ledger, without the ledger.",
			    table, argc, argv);
	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (!log_read_key(argv[0], key, &verifier))
		return EXIT_USAGE;
	if (!entry) {
		fprintf(stderr,
			"%s: --entry is missing: the file with the entry's line, or - for standard input\n",
			argv[0]);
		return EXIT_USAGE;
	}
	return verify_proof(argv[0], path, entry, &verifier, json);
}
