// SPDX-License-Identifier: Apache-2.0
/* `muniment log export`: a ledger as a static tlog-tiles tree, or as JSON lines. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/log_common.h"
#include "ledger/tile.h"

#define WRITE_BYTES (1U << 18)

static void progress(uint64_t done, uint64_t total)
{
	log_progress("exporting", done, total);
}

static int export_tiles(const char *command, struct ledger_reader *r, const char *path)
{
	struct tile_export done;
	struct buf out = {0};
	int err = ledger_export_tiles(r, path, progress, &done);

	if (err) {
		fprintf(stderr, "%s: %s: %s\n", command, path,
			err == -EEXIST ? "holds tiles with other content: another ledger's, or altered ones"
				       : log_error_text(err));
		return err == -EEXIST ? EXIT_USAGE : err == -EBADMSG ? EXIT_FINDINGS : EXIT_CANNOT;
	}
	buf_printf(&out, "%s: ", path);
	log_count(&out, done.entries, "entry, ", "entries, ");
	log_count(&out, done.files, "tile", "tiles");
	buf_printf(&out, " written, %llu already there\n", (unsigned long long)done.already);
	err = log_print(command, &out) ? EXIT_GOOD : EXIT_CANNOT;
	buf_free(&out);
	return err;
}

static int write_lines(struct ledger_reader *r, int fd)
{
	struct buf lines = {0};
	const uint8_t *entry;
	int err = 0;
	long n = 0;

	while (!err && (n = ledger_reader_next(r, &entry)) >= 0) {
		buf_add(&lines, entry, (size_t)n);
		buf_char(&lines, '\n');
		if (lines.failed)
			err = -ENOMEM;
		if (!err && lines.len >= WRITE_BYTES) {
			err = file_write_all(fd, lines.data, lines.len);
			buf_reset(&lines);
		}
	}
	if (!err && lines.len)
		err = file_write_all(fd, lines.data, lines.len);
	buf_free(&lines);
	return err ? err : n == -ENODATA ? 0 : (int)n;
}

static int export_lines(const char *command, struct ledger_reader *r, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : write_lines(r, fd);

	if (fd >= 0 && !standard) {
		if (!err && fsync(fd))
			err = -errno;
		close(fd);
	}
	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, path, log_error_text(err));
	return err == 0 ? EXIT_GOOD : err == -EBADMSG ? EXIT_FINDINGS : EXIT_CANNOT;
}

int command_log_export(int argc, char **argv)
{
	const char *dir = LEDGER_DIR_DEFAULT, *tiles = NULL, *lines = NULL;
	const struct args_option table[] = {
		{'t', "tiles", "OUT",
		 "a static tree of tiles, bundles and the checkpoint (c2sp.org/tlog-tiles)", ARGS_STRING,
		 &tiles},
		{0, "json", "FILE", "the entries as JSON lines, - for standard output", ARGS_STRING, &lines},
		{0, NULL, "DIR", "the ledger's directory (" LEDGER_DIR_DEFAULT ")", ARGS_OPTIONAL, &dir},
		ARGS_END,
	};
	struct ledger_reader *r;
	int status = EXIT_GOOD;
	enum args_result parsed;

	parsed = args_parse(argv[0], "Copies a ledger out in the forms that other tools read.", table, argc,
			    argv);
	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (!tiles == !lines) {
		fprintf(stderr, "%s: expected either --tiles OUT or --json FILE\n", argv[0]);
		return EXIT_USAGE;
	}
	r = log_open_reader(argv[0], dir, &status);
	if (!r)
		return status;
	status = tiles ? export_tiles(argv[0], r, tiles) : export_lines(argv[0], r, lines);
	ledger_reader_close(r);
	return status;
}
