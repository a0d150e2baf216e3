/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's own configuration: defaults, then /etc/muniment/munimentd.yaml, then the command line. Owns
 * its strings. Used by main.c and its tests.
 */
#ifndef MUNIMENT_DAEMON_CONFIG_H
#define MUNIMENT_DAEMON_CONFIG_H

#include <stdbool.h>

#include "base/buf.h"
#include "bpf/abi.h"

#define CONFIG_PATH  "/etc/muniment/munimentd.yaml"
#define FOLD_DEFAULT 60
#define FOLD_MAX     3600

#define REFRESH_DEFAULT 60 /* seconds */
#define REFRESH_MIN	5
#define REFRESH_MAX	3600
#define GRACE_DEFAULT	600
#define GRACE_MIN	60
#define GRACE_MAX	86400

struct config {
	char *file;    /* it was read from; NULL: from none */
	char *policy;  /* a directory of *.yaml, or a file */
	char *ledger;  /* directory */
	char *key;     /* PEM; KEY.vkey beside it names the log */
	char *run;     /* control socket, lock, canary */
	char *pin_dir; /* on bpffs */
	char *events;  /* file, "-" for standard output, "none" */
	char *cgroup;  /* whose processes' connections and settings are watched */
	bool pin;
	enum store_mode protect; /* what the daemon does for itself; STORE_MODE_INVALID: nothing */
	unsigned fold;		 /* seconds in which repeats are counted and told once; 0: each is an entry */
	unsigned refresh;	 /* seconds between two looks for the addresses of names in agreements */
	unsigned grace;		 /* for so long, one that is not answered any more counts */
	bool same_disk;
	bool alerts;		  /* alerts as lines on standard error */
	enum mechanism mechanism; /* MECHANISM_INVALID: the strongest */
};

enum config_result {
	CONFIG_OK = 0,
	CONFIG_REFUSED, /* what was wrong is in messages, a line each */
	CONFIG_NO_MEMORY
};

/* Fills in the defaults. False when memory is short. */
bool config_init(struct config *c);
void config_free(struct config *c);

/* Sets a string, freeing the old one. False when memory is short. */
bool config_set(char **field, const char *value);

/*
 * Reads a file over what is there. Its messages ("file:line:column: error: …; expected …") go to messages,
 * also when it is accepted with warnings. optional: a file that is not there changes nothing.
 */
enum config_result config_read(struct config *c, const char *path, bool optional, struct buf *messages);

/* "off", "monitor" or "enforce". False for other words. */
bool config_protect(const char *word, enum store_mode *ret_mode);

/* "lsm", "fmod_ret", "tracing" or "auto". False for other words. */
bool config_mechanism(const char *word, enum mechanism *ret_mechanism);

#endif
