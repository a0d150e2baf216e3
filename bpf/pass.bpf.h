/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who passed data of stores on to whom, and how. Whoever gives something its label (a pipe, a socket, a file …) is noted
 * beside it; when a process so comes to hold more, user space is told, who remembers whence. That is rare: nothing is asked
 * or told while labels stay as they are. A record that finds no room is counted, and denies nothing: the account of where
 * data came from has a gap then.
 */
#ifndef MUNIMENT_PASS_BPF_H
#define MUNIMENT_PASS_BPF_H

/* By what pass_… below makes of the object. One that is pushed out is somebody unknown. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct party);
} givers SEC(".maps");

/* The latest of these records, for the daemon that takes over: what the one before knew died with it. By CPU and number. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PASSES_KEPT);
	__type(key, u64);
	__type(value, struct record_pass);
} passes_kept SEC(".maps");

/* The program only as far as that takes no call: chains of them are as long here as Linux 6.1 allows (8 frames). */
static __always_inline void pass__party(struct party *party, struct task_struct *task)
{
	struct inode *exe = actor__exe(task);

	party->program = (struct object_id){};
	if (exe) {
		party->program.ino = exe->i_ino;
		party->program.dev = exe->i_sb->s_dev;
		party->program.generation = exe->i_generation;
	}
	party->start_boot_ns = task->group_leader->start_boottime;
	party->tgid = task->tgid;
	party->uid = task->real_cred->euid.val;
	party->login_uid = actor__login_uid(task);
	party->reserved = 0;
	bpf_probe_read_kernel(party->comm, sizeof(party->comm), task->comm);
}

/* Another one, to be filled in. NULL: no memory for that. */
static __always_inline struct party *pass__new_giver(u64 key)
{
	static const struct party nobody = {};

	bpf_map_update_elem(&givers, &key, &nobody, BPF_ANY);
	return bpf_map_lookup_elem(&givers, &key);
}

/*
 * The current process brings something a label that it had not. A global function, like those below: verified once. By
 * pointer, as such a function takes no address of the kernel's for a number.
 */
__attribute__((noinline)) int pass__give(const u64 *object)
{
	struct party *giver;

	if (!object)
		return 0;
	giver = pass__new_giver(*object);
	if (giver)
		pass__party(giver, bpf_get_current_task_btf());
	return 0;
}

/* One thing gets it from another: a packet from its socket, a socket from a packet. */
__attribute__((noinline)) int pass__relay(u64 from, u64 to)
{
	struct party *giver = bpf_map_lookup_elem(&givers, &from);

	if (giver)
		bpf_map_update_elem(&givers, &to, giver, BPF_ANY);
	else
		bpf_map_delete_elem(&givers, &to); /* not whoever it was before */
	return 0;
}

/*
 * Room for a record, and its number; NULL: there is none, which is counted. Half of the ring stays free for accesses, which
 * may be denied for want of room: who forks without end must not bring that about. Nothing may stand between this and the
 * test of its result: Linux 6.1 takes the record to be lost else.
 */
static __always_inline struct record_pass *pass__reserve(u64 *ret_number)
{
	struct record_pass *record;

	if (bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > RING_SIZE_BYTES / 2) {
		count(COUNTER_UNTOLD);
		return NULL;
	}
	*ret_number = emit__number();
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record)
		count(COUNTER_LOST);
	return record;
}

/* In place: 6.1 takes a map's value from the stack or a map only, and this is too large for the stack. */
static __always_inline void pass__submit(struct record_pass *record, u64 number)
{
	static const struct record_pass none = {};
	struct record_pass *kept;
	u64 key;

	emit__header(&record->header, RECORD_PASS, sizeof(*record), number);
	key = number << 16 | record->header.cpu;
	bpf_map_update_elem(&passes_kept, &key, &none, BPF_ANY);
	kept = bpf_map_lookup_elem(&passes_kept, &key);
	if (kept)
		*kept = *record;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* The current process comes to hold more by something that bears a label, NULL: by reading a record. refused: it may not. */
__attribute__((noinline)) int pass__take(u64 label, u32 how, const u64 *object, u32 refused)
{
	u64 key = object ? *object : 0, number;
	struct party *giver = key ? bpf_map_lookup_elem(&givers, &key) : NULL;
	struct record_pass *record;

	if (!maps__speaks())
		return 0;
	record = pass__reserve(&number);
	if (!record)
		return 0;
	record->label = label;
	record->object = key;
	record->how = how;
	record->refused = refused;
	if (giver)
		record->from = *giver;
	else
		record->from = (struct party){};
	pass__party(&record->to, bpf_get_current_task_btf());
	pass__submit(record, number);
	return 0;
}

/* One process comes to hold more by another; with PASS_REFUSED, it may not. */
static __noinline int pass__between(struct task_struct *from, struct task_struct *to, u64 label, u32 how)
{
	struct record_pass *record;
	u64 number;

	if (!maps__speaks())
		return 0;
	record = pass__reserve(&number);
	if (!record)
		return 0;
	record->label = label;
	record->object = 0;
	record->how = how & ~PASS_REFUSED;
	record->refused = how >> 31;
	pass__party(&record->from, from);
	pass__party(&record->to, to);
	pass__submit(record, number);
	return 0;
}

/*
 * What the current process holds by memory that it shares, it came to hold when somebody else did, without a hook of its own:
 * that is told when it counts, before a decision about what the process holds, or what it passes on itself. A global function:
 * verified once.
 */
__attribute__((noinline)) int pass__settle(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_label *label = control.memories ? label__find(task, 0) : NULL;
	u64 memory = label ? label->memory : 0, top, more, object;

	if (!memory)
		return 0;
	more = group__holds(memory) & ~(label->stores | label->told);
	if (!more)
		return 0;
	__sync_fetch_and_or(&label->told, more);
	top = group__top(memory);
	object = pass_memory(top);
	return pass__take(more, top & GROUP_ADDRESS ? PASS_SHARED : PASS_MAPPING, &object, 0);
}

/* The current process has made another, which has its number by now. */
static __always_inline void pass__fork(struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 label = label__of(task) | label__served(task);

	if (!label || child->tgid == task->tgid)
		return;
	pass__settle();
	pass__between(task, child, label, PASS_FORK);
}

#endif
