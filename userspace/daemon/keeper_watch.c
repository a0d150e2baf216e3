// SPDX-License-Identifier: Apache-2.0
/* What is looked at from time to time: does the kernel side still decide, who are the users. See keeper.h. */
#include "daemon/keeper.h"

#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "pipeline/host.h"

static void tell_canary(struct keeper *k, bool silent)
{
	struct buf *b;

	if (silent) {
		log_error("canary: %s decides nothing any more: accesses may go unseen", k->canary_what);
		b = recorder_event(k->recorder, OCSF_CANARY_SILENT,
				   "a mechanism that looks attached decides nothing; accesses may go unseen");
	} else {
		log_info("canary: every mechanism decides again");
		b = recorder_event(k->recorder, OCSF_CANARY_RECOVERED, "every mechanism decides again");
	}
	json_str(b, "what", k->canary_what ? k->canary_what : "");
	keeper_event_end(k);
	k->canary_silent = silent;
}

void keeper_probe(struct keeper *k, uint64_t now_ns)
{
	const char *what = NULL;
	enum kernel_canary canary = kernel_canary_probe(k->kernel, &what);

	k->canary_ns = now_ns;
	if (canary == KERNEL_CANARY_UNTESTED)
		return;
	k->canary_failures += canary == KERNEL_CANARY_SILENT;
	if (canary == KERNEL_CANARY_SILENT)
		k->canary_what = what;
	if ((canary == KERNEL_CANARY_SILENT) != k->canary_silent)
		tell_canary(k, canary == KERNEL_CANARY_SILENT);
}

static void tell_missed(struct keeper *k, const struct kernel_counters *now)
{
	uint64_t runs = now->missed_runs - k->counters.missed_runs,
		 labels = now->missed_labels - k->counters.missed_labels;
	struct buf *b;

	if (!runs)
		return;
	b = recorder_event(k->recorder, OCSF_MISSED_RUNS,
			   runs > labels ? "the kernel skipped a program of ours: accesses may have gone "
					   "undecided"
					 : "the kernel skipped a program of ours: what somebody received may "
					   "have left no label on him");
	json_u64(b, "count", runs);
	json_u64(b, "labels", labels);
	keeper_event_end(k);
	/* A link out of a store may be among them: the scan finds files of several names. */
	if (runs > labels)
		keeper_reload(k, "a program that the kernel skipped", false);
}

/* Their sender's call had passed, by an address that is not the one that they were going to. */
static void tell_dropped(struct keeper *k, const struct kernel_counters *now)
{
	uint64_t dropped = now->counters[COUNTER_DROPPED] - k->counters.counters[COUNTER_DROPPED];
	struct buf *b;

	if (!dropped)
		return;
	b = recorder_event(
		k->recorder, OCSF_PACKETS_DROPPED,
		"packets with records were dropped, as no agreement covers where they were going: by "
		"address translation, a source route, or an agreement that has ended since");
	json_u64(b, "count", dropped);
	keeper_event_end(k);
}

static void watch_counters(struct keeper *k)
{
	struct kernel_counters now;

	if (kernel_count(k->kernel, &now))
		return;
	if (k->counters_known) {
		tell_missed(k, &now);
		tell_dropped(k, &now);
	}
	k->counters = now;
	k->counters_known = true;
}

/*
 * A store whose path was removed, replaced or covered: what now lies there is not guarded. Told once; then
 * the policy is resolved anew as soon as the path leads somewhere.
 */
static void watch_stores(struct keeper *k)
{
	const char *path = kernel_root_changed(k->kernel);
	struct stat st;
	struct buf *b;

	if (!path) {
		k->store_moved = false;
		k->moved_ns = 0;
		return;
	}
	if (!k->store_moved) {
		log_error("store: %s leads to another inode than when the policy was loaded", path);
		b = recorder_event(
			k->recorder, OCSF_STORE_MOVED,
			"a store's path was removed, replaced or covered since the policy was loaded");
		json_str(b, "path", path);
		keeper_event_end(k);
		k->store_moved = true;
	}
	/* A policy that is refused stays refused for a while: each attempt is an entry. */
	if (k->moved_ns && host_monotonic_ns() - k->moved_ns < MOVED_MS * 1000000ull)
		return;
	if (!lstat(path, &st)) {
		k->moved_ns = host_monotonic_ns();
		keeper_reload(k, "a change of a store's path", false);
	}
}

static bool stamp_file(const char *path, struct file_stamp *stamp)
{
	struct stat st;
	struct file_stamp now = {0};
	bool changed;

	if (!stat(path, &st))
		now = (struct file_stamp){st.st_mtim, st.st_ino, st.st_size};
	changed = now.ino != stamp->ino || now.size != stamp->size ||
		  now.mtime.tv_sec != stamp->mtime.tv_sec || now.mtime.tv_nsec != stamp->mtime.tv_nsec;
	*stamp = now;
	return changed;
}

void keeper_stamp(struct keeper *k)
{
	stamp_file("/etc/passwd", &k->passwd);
	stamp_file("/etc/group", &k->group);
}

/* Tables of regions that were written anew since the policy was read, and since that was tried last. */
static void watch_regions(struct keeper *k)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	const char *changed = NULL;

	for (size_t i = 0; i < REGION_FILES; i++) {
		struct region_stamp now;

		if (!image->region_files[i])
			continue;
		region_stamp(image->region_files[i], &now);
		if (memcmp(&now, &image->region_stamps[i], sizeof(now)) &&
		    memcmp(&now, &k->regions[i], sizeof(now)))
			changed = image->region_files[i];
		k->regions[i] = now;
	}
	if (!changed)
		return;
	log_info("%s changed; the policy is resolved anew", changed);
	keeper_reload(k, "a change of a table of regions", false);
}

void keeper_watch(struct keeper *k)
{
	bool changed = stamp_file("/etc/passwd", &k->passwd);

	changed |= stamp_file("/etc/group", &k->group);
	if (changed) {
		log_info("users or groups changed; the policy is resolved anew");
		enrich_forget_names(recorder_enrich(k->recorder));
		keeper_reload(k, "a change of users or groups", false);
	}
	kernel_own_cgroups(k->kernel);
	if (kernel_age_agreements(k->kernel, ocsf_policy(recorder_ocsf(k->recorder))))
		log_debug("agreements cannot be held against the clock: %m");
	if (kernel_watch_media(k->kernel, ocsf_policy(recorder_ocsf(k->recorder))))
		log_debug("what disks there are cannot be told to the kernel side: %m");
	watch_regions(k);
	watch_stores(k);
	watch_counters(k);
	keeper_copies_watch(k);
}
