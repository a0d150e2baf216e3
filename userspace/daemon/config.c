// SPDX-License-Identifier: Apache-2.0
/* Reading munimentd.yaml, with the policy's own reader, so that both speak alike: see config.h. */
#include "daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/reader.h"
#include "policy/render.h"

bool config_set(char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return false;
	free(*field);
	*field = copy;
	return true;
}

bool config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->protect = STORE_MODE_ENFORCE;
	c->fold = FOLD_DEFAULT;
	c->refresh = REFRESH_DEFAULT;
	c->grace = GRACE_DEFAULT;
	return config_set(&c->policy, POLICY_DIR) && config_set(&c->ledger, "/var/lib/muniment/ledger") &&
	       config_set(&c->key, "/etc/muniment/origin.key") && config_set(&c->run, "/run/muniment") &&
	       config_set(&c->pin_dir, "/sys/fs/bpf/muniment") && config_set(&c->cgroup, "/sys/fs/cgroup") &&
	       config_set(&c->events, "/var/log/muniment/events.json");
}

void config_free(struct config *c)
{
	free(c->file);
	free(c->policy);
	free(c->ledger);
	free(c->key);
	free(c->run);
	free(c->pin_dir);
	free(c->events);
	free(c->cgroup);
	memset(c, 0, sizeof(*c));
}

static const char *const mechanisms[] = {"auto", "lsm", "fmod_ret", "tracing"};

bool config_mechanism(const char *word, enum mechanism *ret_mechanism)
{
	for (unsigned i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (!strcmp(word, mechanisms[i])) {
			*ret_mechanism = (enum mechanism)i;
			return true;
		}
	}
	return false;
}

static const char *const protections[] = {"off", "monitor", "enforce"};

bool config_protect(const char *word, enum store_mode *ret_mode)
{
	for (unsigned i = 0; i < sizeof(protections) / sizeof(protections[0]); i++) {
		if (!strcmp(word, protections[i])) {
			*ret_mode = (enum store_mode)i;
			return true;
		}
	}
	return false;
}

/* The file's text goes with the tree; the configuration outlives both. */
static void take_path(struct reader *rd, const struct ynode *value, const char *what, char **field)
{
	struct policy_word word;

	if (read_path(rd, value, what, &word) && !config_set(field, word.text))
		rd->findings->failed = true;
}

static void read_version(struct reader *rd, const struct ynode *value, void *out)
{
	(void)out;
	if (ynode_scalar(value) != YSCALAR_INT)
		read_wrong_type(rd, value, "version", "the number 1");
	else if (strcmp(value->text, "1"))
		finding_expect(finding_add(rd->findings, POLICY_WRONG_VERSION, value->at,
					   "version %s of the configuration is not known", value->text),
			       "1");
}

#define PATH_READER(name, what)                                                                              \
	static void read_##name(struct reader *rd, const struct ynode *value, void *out)                     \
	{                                                                                                    \
		take_path(rd, value, what, &((struct config *)out)->name);                                   \
	}

PATH_READER(policy, "the policy's path")
PATH_READER(ledger, "the ledger's path")
PATH_READER(key, "the key's path")
PATH_READER(run, "the run directory")
PATH_READER(pin_dir, "the directory for pins")
PATH_READER(cgroup, "the cgroup")

static void read_events(struct reader *rd, const struct ynode *value, void *out)
{
	struct config *c = out;
	struct policy_word word;

	if (value->kind == YNODE_SCALAR && (!strcmp(value->text, "-") || !strcmp(value->text, "none"))) {
		if (!config_set(&c->events, value->text))
			rd->findings->failed = true;
	} else if (read_path(rd, value, "the events' path (or \"-\" or none)", &word) &&
		   !config_set(&c->events, word.text)) {
		rd->findings->failed = true;
	}
}

#define BOOL_READER(name, what)                                                                              \
	static void read_##name(struct reader *rd, const struct ynode *value, void *out)                     \
	{                                                                                                    \
		read_bool(rd, value, what, &((struct config *)out)->name);                                   \
	}

BOOL_READER(pin, "pin")
BOOL_READER(same_disk, "same_disk")
BOOL_READER(alerts, "alerts")

static void read_mechanism(struct reader *rd, const struct ynode *value, void *out)
{
	int i = read_choice(rd, value, "the mechanism", POLICY_UNKNOWN_WORD, mechanisms,
			    sizeof(mechanisms) / sizeof(mechanisms[0]));

	if (i >= 0)
		((struct config *)out)->mechanism = (enum mechanism)i;
}

static void read_protect(struct reader *rd, const struct ynode *value, void *out)
{
	int i = read_choice(rd, value, "protect", POLICY_UNKNOWN_WORD, protections,
			    sizeof(protections) / sizeof(protections[0]));

	if (i >= 0)
		((struct config *)out)->protect = (enum store_mode)i;
}

static void read_seconds(struct reader *rd, const struct ynode *value, const char *what, unsigned long min,
			 unsigned long max, unsigned *ret_seconds)
{
	unsigned long seconds = 0;
	char *end = NULL;

	errno = 0;
	if (ynode_scalar(value) == YSCALAR_INT)
		seconds = strtoul(value->text, &end, 10);
	if (!end || *end || errno || value->text[0] == '-' || seconds < min || seconds > max)
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, value->at, "%s cannot be %s",
					   what, value->kind == YNODE_SCALAR ? value->text : "that"),
			       "a number of seconds, from %lu to %lu", min, max);
	else
		*ret_seconds = (unsigned)seconds;
}

static void read_refresh(struct reader *rd, const struct ynode *value, void *out)
{
	read_seconds(rd, value, "refresh", REFRESH_MIN, REFRESH_MAX, &((struct config *)out)->refresh);
}

static void read_grace(struct reader *rd, const struct ynode *value, void *out)
{
	read_seconds(rd, value, "grace", GRACE_MIN, GRACE_MAX, &((struct config *)out)->grace);
}

static void read_fold(struct reader *rd, const struct ynode *value, void *out)
{
	unsigned long seconds;
	char *end = NULL;

	errno = 0;
	seconds = value->kind == YNODE_SCALAR ? strtoul(value->text, &end, 10) : 0;
	if (!end || end == value->text || *end || errno || value->text[0] == '-' || seconds > FOLD_MAX)
		finding_add(rd->findings, POLICY_INVALID_VALUE, value->at,
			    "fold is not a number of seconds; expected 0 (each access is an entry) to %d",
			    FOLD_MAX);
	else
		((struct config *)out)->fold = (unsigned)seconds;
}

static const struct key_spec keys[] = {
	{"version", KEY_REQUIRED, read_version}, {"policy", KEY_OPTIONAL, read_policy},
	{"ledger", KEY_OPTIONAL, read_ledger},	 {"key", KEY_OPTIONAL, read_key},
	{"run", KEY_OPTIONAL, read_run},	 {"pin_dir", KEY_OPTIONAL, read_pin_dir},
	{"events", KEY_OPTIONAL, read_events},	 {"pin", KEY_OPTIONAL, read_pin},
	{"protect", KEY_OPTIONAL, read_protect}, {"same_disk", KEY_OPTIONAL, read_same_disk},
	{"alerts", KEY_OPTIONAL, read_alerts},	 {"mechanism", KEY_OPTIONAL, read_mechanism},
	{"refresh", KEY_OPTIONAL, read_refresh}, {"grace", KEY_OPTIONAL, read_grace},
	{"fold", KEY_OPTIONAL, read_fold},	 {"cgroup", KEY_OPTIONAL, read_cgroup},
};

static void read_source(struct policy *source, struct config *c)
{
	struct policy_file *file = &source->files[0];
	struct reader rd = {source, &source->findings, 0};

	if (file->unread)
		return;
	file->tree = ytree_parse(file->bytes, file->len, 0, &source->findings);
	if (!file->tree)
		return;
	if (file->tree->root)
		read_mapping(&rd, file->tree->root, "the configuration", keys, sizeof(keys) / sizeof(keys[0]),
			     c);
	else
		finding_add(&source->findings, POLICY_MISSING_KEY, (struct policy_place){0, 0, 0},
			    "the configuration is empty");
}

enum config_result config_read(struct config *c, const char *path, bool optional, struct buf *messages)
{
	struct policy *source;
	enum config_result result = CONFIG_OK;

	if (optional && access(path, F_OK) && errno == ENOENT)
		return CONFIG_OK;
	source = policy_new();
	if (!config_set(&c->file, path) || !source || policy_add_path(source, path)) {
		policy_free(source);
		return CONFIG_NO_MEMORY;
	}
	if (source->n_files == 1)
		read_source(source, c);
	else if (!source->findings.errors)
		finding_add(&source->findings, POLICY_FILE_UNREADABLE,
			    (struct policy_place){POLICY_NO_FILE, 0, 0},
			    "%s is a directory; the configuration is one file", path);
	findings_sort(&source->findings);
	for (size_t i = 0; i < source->findings.n; i++) {
		policy_render_line(source, &source->findings.items[i], messages);
		buf_char(messages, '\n');
	}
	if (source->findings.errors)
		result = CONFIG_REFUSED;
	if (source->findings.failed || messages->failed)
		result = CONFIG_NO_MEMORY;
	policy_free(source);
	return result;
}
