/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that several processes see, and what they hold together by it. Each key stands for some: the address of an
 * mm_struct (processes may share that without being threads of one), a file that is mapped, or a number for what has no
 * inode that a hook shows. Memories that meet in a process that writes to both are one from then on: the key of the one
 * points to the other's (a forest of sets, the keys being as good as random, so that paths are short). Who only reads a
 * memory is no part of it: data comes to him, none goes from him.
 */
#ifndef MUNIMENT_GROUP_BPF_H
#define MUNIMENT_GROUP_BPF_H

/* Who passed what on to whom: pass.bpf.h. */
int pass__give(const u64 *object);
int pass__relay(u64 from, u64 to);

/* What they hold together, by the key that others point to; and, with GROUP_SERVED in it, what they serve. Nothing is looked
 * for unless control.memories says so. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u64);
} labels_by_memory SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, u64);
	__type(value, struct memory_group);
} memory_groups SEC(".maps");

#define GROUP_DEPTH 16 /* longest path that is followed; a path of n random keys has about ln n */
#define GROUP_TRIES 4

/* A file's. */
static __always_inline u64 group__of_file(struct inode *inode)
{
	struct object_id id;

	object__id(inode, &id);
	return decide_group_of_file(&id);
}

static __always_inline struct memory_group *group__find(u64 key)
{
	return bpf_map_lookup_elem(&memory_groups, &key);
}

/* Made if it is not there. NULL: no memory, which is for the caller to count. */
static __noinline struct memory_group *group__get(u64 key)
{
	static const struct memory_group none = {};
	struct memory_group *group = group__find(key);

	if (group)
		return group;
	bpf_map_update_elem(&memory_groups, &key, &none, BPF_NOEXIST);
	group = group__find(key);
	if (group && !group->born_ns)
		group->born_ns = bpf_ktime_get_boot_ns();
	return group;
}

#define GROUP_NEW 1

/* What lies under an address in one of these maps comes to hold more. 0, GROUP_NEW if it has held nothing, or -ENOMEM, which
 * is for the caller to count. */
static __always_inline int group__grow(void *map, const u64 *address, u64 stores)
{
	u64 none = 0, *label;
	bool had = bpf_map_update_elem(map, address, &none, BPF_NOEXIST);

	label = bpf_map_lookup_elem(map, address);
	if (!label)
		return -ENOMEM;
	__sync_fetch_and_or(label, stores);
	return had ? 0 : GROUP_NEW;
}

/* Some memory comes to hold more: files among it may be copies by that, which are told soon (mapped.bpf.h). */
static __always_inline void group__grew(void)
{
	__sync_fetch_and_add(&control.grown, 1);
}

/* The key that all of them lead to. A global function: verified once, not wherever it is asked. */
__attribute__((noinline)) u64 group__top(u64 key)
{
	struct memory_group *group;

	for (int i = 0; i < GROUP_DEPTH; i++) {
		group = group__find(key);
		if (!group || !group->joined)
			break;
		key = group->joined;
	}
	return key;
}

static __always_inline u64 group__label(u64 top)
{
	u64 *label = bpf_map_lookup_elem(&labels_by_memory, &top);

	return label ? *label : 0;
}

/* All who share that memory come to hold more, or to serve it. Looked at once more when it is done, as it may have become one
 * with another meanwhile. 0 or -ENOMEM. A global function: verified once. */
__attribute__((noinline)) int group__add(u64 key, u64 stores, u64 served)
{
	struct memory_group *group;
	u64 before, at, number;

	served = served ? GROUP_SERVED : 0;
	if (!control.memories)
		control.memories = 1; /* before the label, which nobody looks for without */
	for (int i = 0; i < GROUP_TRIES; i++) {
		key = group__top(key);
		at = key ^ served;
		before = group__label(at);
		if (!(key & GROUP_ADDRESS) && !served && !control.copies)
			__sync_fetch_and_add(&control.copies,
					     1); /* the file is asked about: see copy__find */
		if (before && !served && stores & ~before)
			maps__new_epoch(); /* what they write to is decided anew: see copy.bpf.h */
		number = pass_memory(key);
		if (!served && stores & ~before)
			pass__give(&number);
		if (group__grow(&labels_by_memory, &at, stores) < 0)
			return -ENOMEM;
		if (!served && stores & ~before)
			group__grew();
		group = group__find(key);
		if (!group || !group->joined)
			break;
	}
	return 0;
}

/* What those serve who share that memory: whatever one of them has read another one may answer with. */
__attribute__((noinline)) u64 group__serves(u64 key)
{
	return group__label(group__top(key) ^ GROUP_SERVED);
}

static __always_inline void group__forget(u64 key)
{
	u64 served = key ^ GROUP_SERVED;

	bpf_map_delete_elem(&memory_groups, &key);
	bpf_map_delete_elem(&labels_by_memory, &key);
	bpf_map_delete_elem(&labels_by_memory, &served);
}

/* Who shares the memory `key` sees `other`, whose data it holds from then on. */
static __always_inline u64 group__hear(u64 key, u64 held, u64 other)
{
	u64 more = group__label(other) & ~held;

	if (!more)
		return 0;
	group__grow(&labels_by_memory, &key, more);
	group__grew();
	pass__relay(pass_memory(other), pass_memory(key));
	return more;
}

/* What those hold who share that memory, and what they see of others'. */
__attribute__((noinline)) u64 group__holds(u64 key)
{
	struct memory_group *group;
	u64 held;

	key = group__top(key);
	group = group__find(key);
	held = group__label(key);
	for (int i = 0; group && i < GROUP_READS; i++)
		if (group->reads[i])
			held |= group__hear(key, held, group__top(group->reads[i]));
	return held;
}

/* One that points to it, or a file that can be mapped, is gone: so is it with the last. */
__attribute__((noinline)) int group__drop(u64 key)
{
	struct memory_group *group;
	u64 next;

	for (int i = 0; i < GROUP_DEPTH && key; i++) {
		group = group__find(key);
		if (!group || __sync_fetch_and_sub(&group->members, 1) > 1)
			break;
		next = group->joined;
		group__forget(key);
		key = next;
	}
	return 0;
}

/* Who shares the memory `key` sees another one. 0; 1: there is no more room to note that, so that they are to become one; or
 * -ENOMEM. */
__attribute__((noinline)) int group__see(u64 key, u64 other)
{
	struct memory_group *group;

	key = group__top(key);
	other = group__top(other);
	if (key == other)
		return 0;
	group = group__get(key);
	if (!group)
		return -ENOMEM;
	for (int i = 0; i < GROUP_READS; i++) {
		u64 old = __sync_val_compare_and_swap(&group->reads[i], 0, other);

		if (!old || old == other || group__top(old) == other)
			return 0;
	}
	return 1;
}

/* What was seen last by who shares the memory `key`, of as much as there is room for. A global function: verified once. */
__attribute__((noinline)) u64 group__seen_last(u64 key)
{
	struct memory_group *group = group__find(group__top(key));

	return group ? group->reads[GROUP_READS - 1] : 0;
}

/* What one held and saw is the other's, to which it points by now. */
static __always_inline void group__move(u64 key, const struct memory_group *group, u64 to)
{
	u64 label = group__label(key), more = label & ~group__label(to);

	if (label)
		group__add(to, label, 0);
	if (more) /* not by who lets them meet */
		pass__relay(pass_memory(key), pass_memory(to));
	label = group__label(key ^ GROUP_SERVED);
	if (label)
		group__add(to, label, 1);
	for (int i = 0; i < GROUP_READS; i++)
		if (group->reads[i] && group__see(to, group->reads[i]))
			count(COUNTER_UNLABELLED); /* no room to note it */
}

/* Lets a key point to another. False: it did already to something else. */
static __always_inline bool group__point(u64 key, struct memory_group *group, u64 to,
					 struct memory_group *target)
{
	__sync_fetch_and_add(&target->members, 1);
	if (!__sync_val_compare_and_swap(&group->joined, 0, to)) {
		group__move(key, group, to);
		if (control.memories)
			group__grew(); /* what the other held is this one's, too */
		return true;
	}
	__sync_fetch_and_sub(&target->members, 1);
	return false;
}

/* Two memories, neither by the address of an mm_struct, become one. Always the lower key points to the higher one, so that
 * two who unite them at once make no circle. 0 or -ENOMEM. */
__attribute__((noinline)) int group__unite(u64 a, u64 b)
{
	struct memory_group *low, *high;

	for (int i = 0; i < GROUP_TRIES; i++) {
		u64 one = group__top(a), other = group__top(b), below, above;

		if (one == other || (one | other) & GROUP_ADDRESS)
			return 0;
		below = one < other ? one : other;
		above = one < other ? other : one;
		low = group__get(below);
		high = group__get(above);
		if (!low || !high)
			return -ENOMEM;
		if (group__point(below, low, above, high))
			return 0;
	}
	return -ENOMEM;
}

/* The memory at this address is more than one process's by what it maps: the key is for those. 0: no memory for that. */
static __noinline u64 group__enter(u64 memory)
{
	struct memory_group *mine = group__get(memory), *fresh;
	u64 key;

	if (!mine)
		return 0;
	if (mine->joined)
		return mine->joined;
	key = decide_group_mix(__sync_fetch_and_add(&control.groups, 1) + control.ring);
	fresh = group__get(key);
	if (!fresh)
		return 0;
	if (!group__point(memory, mine, key, fresh))
		bpf_map_delete_elem(&memory_groups, &key);
	return mine->joined;
}

#define GROUP_KNOWN 2

/*
 * A copy of that memory is made: what was mapped to be shared is, still. 1; 0: nothing was; GROUP_KNOWN: the copy is somebody's
 * already, with whom the caller is to unite it: who got at the new process as soon as it was to be seen; or -ENOMEM.
 */
__attribute__((noinline)) int group__inherit(u64 memory, u64 copy)
{
	struct memory_group *mine = group__find(memory), its = {}, *group;

	if (!mine)
		return 0;
	if (group__find(copy)) {
		for (int i = 0; i < GROUP_READS; i++)
			if (!mine->joined && mine->reads[i] && group__see(copy, mine->reads[i]) < 0)
				return -ENOMEM;
		return GROUP_KNOWN;
	}
	its.born_ns = bpf_ktime_get_boot_ns();
	its.joined = mine->joined;
	for (int i = 0; i < GROUP_READS; i++)
		its.reads[i] = mine->joined ? 0 : mine->reads[i];
	if (!its.joined && !its.reads[0])
		return 0;
	if (its.joined) {
		its.joined = group__top(its.joined);
		group = group__get(its.joined);
		if (!group)
			return -ENOMEM;
		__sync_fetch_and_add(&group->members, 1);
	}
	return bpf_map_update_elem(&memory_groups, &copy, &its, BPF_ANY) ? -ENOMEM : 1;
}

/* What that memory is one with; 0: nothing. */
static __always_inline u64 group__joined(u64 memory)
{
	struct memory_group *group = group__find(memory);

	return group ? group->joined : 0;
}

/* The memory at that address is gone, with the last of its processes. */
static __noinline int group__memory_gone(u64 memory)
{
	struct memory_group *mine = group__find(memory);
	u64 next = mine ? mine->joined : 0;

	if (mine || control.memories)
		group__forget(memory);
	return next ? group__drop(next) : 0;
}

/* Memory begins at that address, of a process that is known since then (boot nanoseconds): what is known of it from before is
 * of one that went while the kernel skipped who notes that. */
static __noinline int group__memory_begins(u64 memory, u64 since_ns)
{
	struct memory_group *before = group__find(memory);

	if (before && (!before->born_ns || before->born_ns >= since_ns))
		return 0;
	return group__memory_gone(memory);
}

/* --- files --- */

/* One outside every store that somebody has mapped to write to it: what its record is made of once it holds data. */
struct mapped {
	u32 lock;						/* of who changes or tells it; nobody waits */
	u32 named;						/* a path of the policy's had the place */
	u64 record[sizeof(struct record_access) / sizeof(u64)]; /* header.size 0: not filled in as yet */
	struct object_id upper; /* of an overlay's file, what it really is; ino 0: nothing */
	char path[ACCOUNT_PATH + PATH_NAME];
};

/* By the file's key: see mapped.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct mapped);
} mapped_files SEC(".maps");

/* A file is mapped by somebody, from now until it is gone. */
static __always_inline void group__anchor(u64 key)
{
	struct memory_group *group = group__get(key);

	if (!control.groups) /* nobody looks for any without */
		__sync_fetch_and_add(&control.groups, 1);
	if (group && !__sync_val_compare_and_swap(&group->anchored, 0, 1))
		__sync_fetch_and_add(&group->members, 1);
}

/* The file is no more, or, if it is `kept` on its disk, no more in memory: then it is nothing to remember unless it holds
 * something. */
__attribute__((noinline)) int group__file_gone(u64 key, u32 kept)
{
	struct memory_group *group = group__find(key);

	if (kept && group && group__holds(key))
		return 0;
	bpf_map_delete_elem(&mapped_files, &key);
	if (group && __sync_val_compare_and_swap(&group->anchored, 1, 0))
		group__drop(key);
	return 0;
}

/* Somebody writes to the file what those who have mapped it hold from then on. 0 or -ENOMEM. */
static __always_inline int group__write(u64 key, u64 stores)
{
	return group__find(key) ? group__add(key, stores, 0) : 0;
}

#endif
