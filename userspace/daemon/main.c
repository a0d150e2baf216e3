// SPDX-License-Identifier: Apache-2.0
/* munimentd: command line and configuration, then the signer, then the keeper. See munimentd(8). */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/log.h"
#include "base/overlay.h"
#include "daemon/config.h"
#include "daemon/dry_run.h"
#include "daemon/keeper.h"
#include "ledger/key.h"

struct line {
	const char *config, *policy, *ledger, *key, *run, *pin_dir, *events, *cgroup, *mechanism, *protect;
	uint64_t fold;
	bool check, pin, same_disk, alerts, foreground, verbose, version;
};

#define FOLD_UNSET UINT64_MAX

static enum args_result read_line(struct line *l, int argc, char **argv)
{
	const struct args_option table[] = {
		{'c', "config", "FILE", "configuration (" CONFIG_PATH ")", ARGS_STRING, &l->config},
		{'n', "check", NULL, "check configuration and policy, and say what this kernel would enforce",
		 ARGS_FLAG, &l->check},
		{0, "policy", "DIR", "policy files, *.yaml", ARGS_STRING, &l->policy},
		{0, "ledger", "DIR", "where the signed entries go", ARGS_STRING, &l->ledger},
		{0, "key", "FILE", "signing key; FILE.vkey beside it names the log", ARGS_STRING, &l->key},
		{0, "run", "DIR", "control socket, lock and canary", ARGS_STRING, &l->run},
		{0, "pin-dir", "DIR", "where maps and programs are pinned, on a bpffs", ARGS_STRING,
		 &l->pin_dir},
		{0, "events", "FILE", "JSON lines for other programs; - for standard output, none for none",
		 ARGS_STRING, &l->events},
		{0, "pin", NULL, "enforcement outlives the daemon", ARGS_FLAG, &l->pin},
		{0, "protect", "MODE", "what the daemon does for itself: enforce (default), monitor or off",
		 ARGS_STRING, &l->protect},
		{0, "fold", "SECONDS",
		 "tell repeats of an access, and bytes, once in so long (60); 0: each access is an entry",
		 ARGS_U64, &l->fold},
		{0, "same-disk", NULL, "let the key lie on the ledger's own file system", ARGS_FLAG,
		 &l->same_disk},
		{0, "alerts", NULL, "print alerts on standard error", ARGS_FLAG, &l->alerts},
		{0, "cgroup", "DIR",
		 "watch the connections of this cgroup's processes only (/sys/fs/cgroup; for tests)",
		 ARGS_STRING, &l->cgroup},
		{0, "mechanism", "NAME", "lsm, fmod_ret or tracing instead of the strongest (for tests)",
		 ARGS_STRING, &l->mechanism},
		{0, "foreground", NULL, "stay in the foreground (always so)", ARGS_FLAG, &l->foreground},
		{'v', "verbose", NULL, "say more", ARGS_FLAG, &l->verbose},
		{0, "version", NULL, "print the version", ARGS_FLAG, &l->version},
		ARGS_END,
	};

	return args_parse("munimentd", "Guards record stores in the kernel and keeps the signed account.",
			  table, argc, argv);
}

static bool override(char **field, const char *value)
{
	return !value || config_set(field, value);
}

/* Paths of the command line count from where it was typed; the rest of the daemon knows absolute ones only.
 */
static bool make_absolute(char **field)
{
	char full[PATH_MAX], cwd[PATH_MAX];

	if ((*field)[0] == '/' || !strcmp(*field, "-") || !strcmp(*field, "none"))
		return true;
	return getcwd(cwd, sizeof(cwd)) &&
	       snprintf(full, sizeof(full), "%s/%s", cwd, *field) < (int)sizeof(full) &&
	       config_set(field, full);
}

static int apply_line(struct config *c, const struct line *l)
{
	if (!override(&c->policy, l->policy) || !override(&c->ledger, l->ledger) ||
	    !override(&c->key, l->key) || !override(&c->run, l->run) || !override(&c->pin_dir, l->pin_dir) ||
	    !override(&c->events, l->events) || !override(&c->cgroup, l->cgroup) ||
	    !make_absolute(&c->cgroup) || !make_absolute(&c->policy) || !make_absolute(&c->ledger) ||
	    !make_absolute(&c->key) || !make_absolute(&c->run) || !make_absolute(&c->pin_dir) ||
	    !make_absolute(&c->events) || (c->file && !make_absolute(&c->file))) {
		log_error("out of memory");
		return EXIT_CANNOT;
	}
	c->pin |= l->pin;
	c->same_disk |= l->same_disk;
	c->alerts |= l->alerts;
	if (l->mechanism && !config_mechanism(l->mechanism, &c->mechanism)) {
		log_error("unknown mechanism \"%s\"; expected auto, lsm, fmod_ret or tracing", l->mechanism);
		return EXIT_USAGE;
	}
	if (l->fold != FOLD_UNSET && l->fold > FOLD_MAX) {
		log_error("--fold takes 0 to %d seconds", FOLD_MAX);
		return EXIT_USAGE;
	}
	if (l->fold != FOLD_UNSET)
		c->fold = (unsigned)l->fold;
	if (l->protect && !config_protect(l->protect, &c->protect)) {
		log_error("unknown protection \"%s\"; expected enforce, monitor or off", l->protect);
		return EXIT_USAGE;
	}
	return 0;
}

static int read_config(struct config *c, const struct line *l)
{
	struct buf messages = {0};
	enum config_result result = CONFIG_NO_MEMORY;

	if (config_init(c))
		result = config_read(c, l->config ? l->config : CONFIG_PATH, !l->config, &messages);
	if (messages.len)
		fputs(messages.data, stderr);
	buf_free(&messages);
	if (result == CONFIG_OK)
		return apply_line(c, l);
	log_error("%s", result == CONFIG_REFUSED ? "the configuration is refused" : "out of memory");
	return result == CONFIG_REFUSED ? EXIT_USAGE : EXIT_CANNOT;
}

static int check_key_place(const struct config *c)
{
	bool same = false;
	int err = key_same_filesystem(c->key, c->ledger, &same);

	if (err) {
		log_error("%s: %s", c->key, strerror(-err));
		return EXIT_CANNOT;
	}
	if (!same || c->same_disk)
		return 0;
	log_error("%s lies on the ledger's own file system (%s): whoever copies or restores that disk has "
		  "both; "
		  "put it elsewhere, or accept that by --same-disk",
		  c->key, c->ledger);
	return EXIT_USAGE;
}

/* What the kernel side guards for itself it knows by numbers of inodes, too. */
static void warn_of_overlays(const struct config *c)
{
	const char *const own[] = {c->policy, c->ledger, c->key, c->run};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		char *path = realpath(own[i], NULL);

		if (path && overlay_numbers_twice(path))
			log_warn("%s lies on an overlay that numbers inodes twice: other files there may "
				 "count as the "
				 "monitor's own; give it a file system of its own, or mount the overlay "
				 "with xino=on",
				 own[i]);
		free(path);
	}
}

static int run(const struct config *c)
{
	struct signer signer = {.fd = -1};
	struct keeper *keeper = NULL;
	int status = check_key_place(c);
	bool ended;

	if (status)
		return status;
	warn_of_overlays(c);
	/* Before anything else is opened: the signer shall inherit nothing. */
	if (signer_start(c->key, &signer))
		return EXIT_CANNOT;
	status = keeper_new(c, &signer, &keeper);
	if (!status)
		status = keeper_run(keeper);
	ended = keeper_free(keeper);
	signer_stop(&signer);
	if (!ended)
		_exit(status);
	return status;
}

int main(int argc, char **argv)
{
	struct line line = {.fold = FOLD_UNSET};
	struct config config = {0};
	int status;
	enum args_result parsed;

	/* Buffers of a burst go back to the system when it is over, instead of staying in the heap. */
	mallopt(M_MMAP_THRESHOLD, 512 << 10);
	mallopt(M_TRIM_THRESHOLD, 512 << 10);
	log_init("munimentd", LOG_LEVEL_INFO);
	parsed = read_line(&line, argc, argv);
	if (parsed != ARGS_OK)
		return args_exit(parsed);
	if (line.version) {
		printf("munimentd %s\n", MUNIMENT_VERSION);
		return EXIT_GOOD;
	}
	if (line.verbose)
		log_init("munimentd", LOG_LEVEL_DEBUG);
	status = read_config(&config, &line);
	if (!status)
		status = line.check ? dry_run(&config) : run(&config);
	config_free(&config);
	return status;
}
