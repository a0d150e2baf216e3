// SPDX-License-Identifier: Apache-2.0
/* What the daemon guards of itself: which paths, and when not. See keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/log.h"

#define CONFIG_DIR "/etc/muniment"

/* Takes over a path that is there, without symbolic links on the way: others are no matter of ours. */
static int add_own(struct keeper *k, const char *path)
{
	char *full = realpath(path, NULL);

	if (!full)
		return errno == ENOENT ? 0 : -errno;
	if (k->n_own == KEEPER_OWN_MAX) {
		free(full);
		return -E2BIG;
	}
	k->own[k->n_own++] = full;
	return 0;
}

/* The command lies beside the daemon in a build, and in bin where the daemon lies in sbin. */
static int add_programs(struct keeper *k)
{
	char self[PATH_MAX], command[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int err;

	if (n < 0)
		return -errno;
	self[n] = '\0';
	err = add_own(k, self);
	slash = strrchr(self, '/');
	if (err || !slash)
		return err;
	snprintf(command, sizeof(command), "%.*s/muniment", (int)(slash - self), self);
	err = add_own(k, command);
	if (err || slash - self < 5 || strncmp(slash - 5, "/sbin", 5))
		return err;
	snprintf(command, sizeof(command), "%.*s/bin/muniment", (int)(slash - 5 - self), self);
	return add_own(k, command);
}

int keeper_own_paths(struct keeper *k)
{
	const struct config *c = k->config;
	char verifier[PATH_MAX];
	int err = add_programs(k);

	snprintf(verifier, sizeof(verifier), "%s.vkey", c->key);
	/* Where the configuration has its own place, what is not there yet is guarded, too. */
	if (!err && c->file)
		err = add_own(k, !strcmp(c->file, CONFIG_PATH) ? CONFIG_DIR : c->file);
	if (!err)
		err = add_own(k, c->policy);
	if (!err)
		err = add_own(k, c->ledger);
	if (!err)
		err = add_own(k, verifier);
	if (!err)
		err = add_own(k, c->run);
	if (err)
		log_error("cannot tell what to guard of the daemon's own: %s", strerror(-err));
	return err;
}

void keeper_own_free(struct keeper *k)
{
	for (size_t i = 0; i < k->n_own; i++)
		free(k->own[i]);
	k->n_own = 0;
}

/* Each path with its NUL, so that no two lists run into one another. */
uint64_t keeper_settings(const struct config *c)
{
	const char *const paths[] = {c->policy, c->ledger, c->key, c->run, c->pin_dir};
	const char protect[] = {(char)('0' + c->protect), (char)('0' + c->pin)};
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint64_t settings = 0;
	bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; good && i < sizeof(paths) / sizeof(paths[0]); i++)
		good = EVP_DigestUpdate(md, paths[i], strlen(paths[i]) + 1) == 1;
	if (good && EVP_DigestUpdate(md, protect, sizeof(protect)) == 1 &&
	    EVP_DigestFinal_ex(md, digest, NULL) == 1)
		memcpy(&settings, digest, sizeof(settings));
	EVP_MD_CTX_free(md);
	return settings; /* 0 where memory is short: then it is no successor */
}
