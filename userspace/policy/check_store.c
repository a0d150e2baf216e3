/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the stores against the host: do their paths exist, and are they fit to be guarded.
 *
 * A store denies by default, root included: over a system directory it would stop the host, over the daemon's
 * own files the daemon, and two stores over one file could not say whose rules hold. Called by policy_check.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/check.h"

static const struct {
	const char *path;
	bool below; /* nor anything below it */
} system_directories[] = {
	{"/", false},		{"/bin", true},		{"/sbin", true},       {"/lib", true},
	{"/lib32", true},	{"/lib64", true},	{"/libx32", true},     {"/boot", true},
	{"/dev", true},		{"/etc", true},		{"/proc", true},       {"/sys", true},
	{"/run", false},	{"/usr", false},	{"/usr/bin", true},    {"/usr/sbin", true},
	{"/usr/lib", true},	{"/usr/lib32", true},	{"/usr/lib64", true},  {"/usr/libx32", true},
	{"/usr/include", true}, {"/usr/libexec", true}, {"/usr/share", false}, {"/usr/local", false},
	{"/usr/src", false},	{"/var", false},	{"/var/lib", false},   {"/var/log", false},
	{"/var/cache", false},	{"/var/spool", false},	{"/var/tmp", false},   {"/tmp", false},
	{"/home", false},	{"/root", false},	{"/opt", false},
};

/* Memory that programs share by name: files like any other, though under /dev. */
#define SHARED_MEMORY "/dev/shm"

static const struct policy_protected default_protected[] = {
	{"/etc/muniment", "the daemon's configuration"}, {"/var/lib/muniment", "the daemon's state"},
	{"/run/muniment", "the daemon's sockets"},	 {"/usr/sbin/munimentd", "the daemon's program"},
	{"/usr/bin/muniment", "the daemon's command"},
};

const struct policy_protected *policy_default_protected(size_t *ret_n)
{
	*ret_n = sizeof(default_protected) / sizeof(*default_protected);
	return default_protected;
}

/* Is a the path b, or below it. */
static bool is_within(const char *a, const char *b)
{
	size_t n = strlen(b);

	if (n > 0 && b[n - 1] == '/')
		n--;
	return strncmp(a, b, n) == 0 && (a[n] == '/' || a[n] == '\0');
}

static bool same_place(const struct policy_path_info *a, const struct policy_path_info *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* As their file system sees them, so that a bind mount of a store's directory is recognised. */
static bool lies_inside(const struct policy_path_info *a, const struct policy_path_info *b)
{
	if (same_place(a, b))
		return true;
	return a->inside && b->inside && a->device == b->device && is_within(a->inside, b->inside);
}

bool check_lies_in(const struct policy_path_info *a, const struct policy_path_info *b)
{
	return lies_inside(a, b) || ((!a->inside || !b->inside) && is_within(a->canonical, b->canonical));
}

static bool is_system(const char *canonical)
{
	for (size_t i = 0; i < sizeof(system_directories) / sizeof(*system_directories); i++) {
		if (strcmp(canonical, system_directories[i].path) == 0)
			return true;
	}
	return false;
}

/* How the path stands to a system directory, NULL for apart. A bind mount of the directory is the directory.
 */
static const char *system_relation(struct checker *ck, const struct policy_path_info *info,
				   const char *system, bool below)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct policy_path_info own = {0};
	const char *relation = NULL;

	if (strcmp(info->canonical, system) == 0)
		return "is";
	if (is_within(system, info->canonical))
		return "holds";
	if (below && is_within(info->canonical, system))
		return "lies in";
	if (resolver->path(resolver->ctx, system, &own) < 0)
		return NULL;
	if (same_place(&own, info))
		relation = "is";
	else if (lies_inside(&own, info))
		relation = "holds";
	else if (below && lies_inside(info, &own))
		relation = "lies in";
	policy_path_info_clear(&own);
	return relation;
}

/* Returns false after a finding. */
static bool check_system(struct checker *ck, const struct policy_store_path *path)
{
	const char *canonical = path->info.canonical;

	if (strcmp(canonical, SHARED_MEMORY) != 0 && is_within(canonical, SHARED_MEMORY))
		return true;
	for (size_t i = 0; i < sizeof(system_directories) / sizeof(*system_directories); i++) {
		const char *system = system_directories[i].path;
		const char *relation = system_relation(ck, &path->info, system, system_directories[i].below);

		/* The directory itself, if it is one, says more than the first of those it holds. */
		if (!relation || (strcmp(relation, "holds") == 0 && is_system(canonical)))
			continue;
		finding_expect(finding_add(ck->findings, POLICY_STORE_SYSTEM, path->word.at,
					   "the store's path \"%s\" %s the system directory %s",
					   path->word.text, relation, system),
			       "a directory that holds records alone, such as /srv/records");
		return false;
	}
	return true;
}

static bool check_protected(struct checker *ck, const struct policy_store_path *path)
{
	const struct policy_resolver *resolver = ck->env->resolver;

	for (size_t i = 0; i < ck->env->n_protected; i++) {
		const struct policy_protected *own = &ck->env->protected_paths[i];
		struct policy_path_info info = {0};
		bool found = resolver->path(resolver->ctx, own->path, &info) == 0;
		const char *canonical = found ? info.canonical : own->path;
		bool holds = is_within(canonical, path->info.canonical) ||
			     (found && lies_inside(&info, &path->info));
		bool within = is_within(path->info.canonical, canonical) ||
			      (found && lies_inside(&path->info, &info));

		if (holds || within)
			finding_expect(finding_add(ck->findings, POLICY_STORE_PROTECTED, path->word.at,
						   "the store's path \"%s\" %s %s (%s)", path->word.text,
						   holds ? "holds" : "lies in", own->what, own->path),
				       "a path apart from what the daemon itself needs");
		policy_path_info_clear(&info);
		if (holds || within)
			return false;
	}
	return true;
}

static void report_unresolved(struct checker *ck, const struct policy_store_path *path, const char *what,
			      int rc)
{
	struct policy_finding *finding;

	if (rc == -ENOENT || rc == -ENOTDIR) {
		finding = finding_add(ck->findings, POLICY_PATH_MISSING, path->word.at,
				      "%s \"%s\" does not exist", what, path->word.text);
		finding_expect(finding, "an existing directory or file");
		check_suggest_path(ck, finding, path->word.text);
		return;
	}
	finding_expect(finding_add(ck->findings, POLICY_PATH_UNREADABLE, path->word.at,
				   "%s \"%s\" cannot be examined: %s", what, path->word.text, strerror(-rc)),
		       "a path that this user may look up; the check runs best as root");
}

struct mount_check {
	struct checker *ck;
	const struct policy_store *store;
	const struct policy_store_path *path;
};

static bool check_mount(void *arg, const char *mount)
{
	const struct mount_check *mc = arg;

	for (size_t i = 0; i < mc->store->n_paths; i++) {
		const struct policy_store_path *deeper = &mc->store->paths[i];

		if (deeper != mc->path && deeper->resolved && is_within(mount, deeper->info.canonical) &&
		    is_within(deeper->info.canonical, mc->path->info.canonical))
			return true;
	}
	finding_expect(finding_add(mc->ck->findings, POLICY_STORE_MOUNT, mc->path->word.at,
				   "another file system is mounted at \"%s\" below the store's path \"%s\" "
				   "and is not guarded",
				   mount, mc->path->word.text),
		       "\"%s\" among the store's paths", mount);
	return true;
}

bool check_locate(struct checker *ck, struct policy_store_path *path, const char *what)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	int rc = resolver->path(resolver->ctx, path->word.text, &path->info);

	if (rc == -ENOMEM) {
		ck->findings->failed = true;
		return false;
	}
	if (rc < 0) {
		report_unresolved(ck, path, what, rc);
		return false;
	}
	if (S_ISDIR(path->info.mode) || S_ISREG(path->info.mode))
		return true;
	finding_expect(finding_add(ck->findings, POLICY_PATH_TYPE, path->word.at,
				   "%s \"%s\" is neither a directory nor a regular file", what,
				   path->word.text),
		       "a directory or a regular file");
	return false;
}

static void check_numbers(struct checker *ck, const struct policy_store_path *path)
{
	if (path->info.numbered_twice)
		finding_expect(
			finding_add(ck->findings, POLICY_STORE_OVERLAY, path->word.at,
				    "the store's path \"%s\" lies on an overlay that numbers inodes twice: "
				    "another directory there may count as it",
				    path->word.text),
			"a file system of its own, or an overlay that is mounted with xino=on");
}

static void check_path(struct checker *ck, struct policy_store_path *path)
{
	/* A path that is unfit by itself takes no part in the comparisons: it would overlap with half the
	 * others. */
	path->resolved = check_locate(ck, path, "the store's path") && check_system(ck, path) &&
			 check_protected(ck, path);
	if (path->resolved)
		check_numbers(ck, path);
}

static void check_pair(struct checker *ck, const struct policy_store *store,
		       const struct policy_store_path *path, const struct policy_store *before,
		       const struct policy_store_path *earlier)
{
	const struct policy_path_info *a = &path->info, *b = &earlier->info;
	bool by_system = lies_inside(a, b) || lies_inside(b, a);
	bool by_name = is_within(a->canonical, b->canonical) || is_within(b->canonical, a->canonical);
	const char *how;

	/* One store may list a file system that is mounted below another of its paths: the kernel needs both.
	 */
	if (!by_system && (!by_name || (store == before && a->inside && b->inside)))
		return;
	if (same_place(a, b) || strcmp(a->canonical, b->canonical) == 0)
		how = "is the same place as";
	else if (is_within(a->canonical, b->canonical) || lies_inside(a, b))
		how = "lies within";
	else
		how = "holds";
	finding_other(finding_add(ck->findings, POLICY_STORE_OVERLAP, path->word.at,
				  "the path \"%s\" of the store \"%s\" %s \"%s\" of %s \"%s\"",
				  path->word.text, store->name.text, how, earlier->word.text,
				  store == before ? "the same store" : "the store", before->name.text),
		      earlier->word.at);
}

static void check_overlaps(struct checker *ck, size_t s, size_t p)
{
	const struct policy_store *store = &ck->policy->stores[s];
	const struct policy_store_path *path = &store->paths[p];

	if (!path->resolved)
		return;
	for (size_t i = 0; i <= s; i++) {
		const struct policy_store *before = &ck->policy->stores[i];
		size_t end = i == s ? p : before->n_paths;

		for (size_t k = 0; k < end; k++) {
			if (before->paths[k].resolved)
				check_pair(ck, store, path, before, &before->paths[k]);
		}
	}
}

void check_stores(struct checker *ck)
{
	const struct policy_resolver *resolver = ck->env->resolver;
	struct policy *policy = ck->policy;

	for (size_t s = 0; s < policy->n_stores; s++) {
		for (size_t p = 0; p < policy->stores[s].n_paths; p++)
			check_path(ck, &policy->stores[s].paths[p]);
	}
	for (size_t s = 0; s < policy->n_stores; s++) {
		for (size_t p = 0; p < policy->stores[s].n_paths; p++) {
			struct mount_check mc = {ck, &policy->stores[s], &policy->stores[s].paths[p]};

			check_overlaps(ck, s, p);
			if (mc.path->resolved && resolver->names && S_ISDIR(mc.path->info.mode))
				resolver->names(resolver->ctx, POLICY_NAMES_MOUNTS, mc.path->info.canonical,
						check_mount, &mc);
		}
	}
}
