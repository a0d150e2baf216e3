/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much went under each agreement that says how much may: counted as it is asked for, by whatever socket, in windows of
 * time (decide.h). The counts outlive policies and daemons, as they are kept by the agreement's name.
 */
#ifndef MUNIMENT_VOLUME_BPF_H
#define MUNIMENT_VOLUME_BPF_H

/* By agreement_limits.volume; made by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VOLUMES_MAX);
	__type(key, u64);
	__type(value, struct volume);
} volumes SEC(".maps");

/* Would so many bytes more fit? What is not counted does not. */
static __always_inline bool volume__fits(const struct agreement_limits *limits, u64 now_ns, u64 bytes,
					 u64 *ret_used)
{
	u64 key = limits->volume;
	struct volume *volume = bpf_map_lookup_elem(&volumes, &key);

	if (!volume)
		return !bytes;
	*ret_used = decide_used(volume, decide_window(limits, now_ns));
	return decide_fits(limits, *ret_used, bytes);
}

/*
 * Counts them, unless they do not fit. Whoever comes first in a new window begins it: what others add meanwhile lies above
 * the base that he read before, and so counts in the new one. Two at once that fit one by one, and not together, are told
 * apart by what each found when it added; the total only ever lies above what has gone.
 */
static __always_inline bool volume__add(const struct agreement_limits *limits, u64 now_ns, u64 bytes,
					u64 *ret_used)
{
	u64 key = limits->volume, window = decide_window(limits, now_ns), seen, total;
	struct volume *volume = bpf_map_lookup_elem(&volumes, &key);

	if (!volume)
		return false;
	seen = volume->window;
	total = volume->total;
	if (window > seen && __sync_val_compare_and_swap(&volume->window, seen, window) == seen)
		volume->base = total;
	*ret_used = decide_used(volume, window);
	if (!decide_fits(limits, *ret_used, bytes))
		return false;
	total = __sync_fetch_and_add(&volume->total, bytes);
	*ret_used = total - volume->base;
	if (decide_fits(limits, *ret_used, bytes))
		return true;
	__sync_fetch_and_add(&volume->total, -bytes);
	return false;
}

static __always_inline void volume__take_back(const struct agreement_limits *limits, u64 bytes)
{
	u64 key = limits->volume;
	struct volume *volume = bpf_map_lookup_elem(&volumes, &key);

	if (volume)
		__sync_fetch_and_add(&volume->total, -bytes);
}

#endif
