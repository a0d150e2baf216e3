/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Labels: the stores whose data a process may hold, a bit for each. Who reads a record takes its store's, or, where the
 * grant says `serves`, notes that it serves it; a child has its parent's, exec changes nothing, and who gets at another's memory shares its.
 * Labels of different compartments may not meet.
 */
#ifndef MUNIMENT_LABEL_BPF_H
#define MUNIMENT_LABEL_BPF_H

#define CLONE_VM     0x100
#define CLONE_THREAD 0x10000

/* Who passed what on to whom: pass.bpf.h. */
int pass__take(u64 label, u32 how, const u64 *object, u32 refused);
static __noinline int pass__between(struct task_struct *from, struct task_struct *to, u64 label, u32 how);
int pass__settle(void);

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct process_label);
} labels_by_process SEC(".maps");

/* Written by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STORES_MAX);
	__type(key, u32);
	__type(value, struct label_name);
} label_names SEC(".maps");

/* Most threads have no storage at all, which is seen sooner than asked for. */
static __always_inline struct process_label *label__find(struct task_struct *task, u64 flags)
{
	struct task_struct *leader = task->group_leader;

	if (!flags && !leader->bpf_storage)
		return NULL;
	return bpf_task_storage_get(&labels_by_process, leader, 0, flags);
}

/* May the current process hold or serve anything? Most do not, which is seen without asking any storage. */
static __always_inline bool label__may_hold(void)
{
	return bpf_get_current_task_btf()->group_leader->bpf_storage && control.labels;
}

/* Its account with resolvers, which it comes to have when it is asked for or the process forks: a number of no other. */
static __always_inline u64 label__dns(struct process_label *label)
{
	if (!*(volatile u64 *)&label->dns)
		__sync_val_compare_and_swap(&label->dns, 0,
					    bpf_ktime_get_boot_ns() << 12 |
						    (bpf_get_smp_processor_id() & 0xfff) | 1ull << 63);
	return *(volatile u64 *)&label->dns;
}

/* The label of a process, by its leader, made if there is none, as actor__make does. NULL: no memory, which is counted. */
static __noinline struct process_label *label__make(struct task_struct *leader)
{
	struct process_label *label;

#pragma unroll
	for (int i = 0; i < STORAGE_ATTEMPTS; i++) {
		label = bpf_task_storage_get(&labels_by_process, leader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (label)
			return label;
	}
	count(COUNTER_UNLABELLED);
	return NULL;
}

/* What those hold together who share its memory, if any do. */
static __always_inline u64 label__shared(const struct process_label *label)
{
	u64 memory = control.memories ? label->memory : 0;

	return memory ? group__holds(memory) : 0;
}

/* What one of those serves. */
static __always_inline u64 label__serves_shared(const struct process_label *label)
{
	u64 memory = control.memories ? label->memory : 0;

	return memory ? group__serves(memory) : 0;
}

/* What a process may hold. */
static __always_inline u64 label__of(struct task_struct *task)
{
	struct process_label *label = control.labels ? label__find(task, 0) : NULL;

	return label ? label->stores | label__shared(label) : 0;
}

/* What it serves to others. */
static __always_inline u64 label__served(struct task_struct *task)
{
	struct process_label *label = control.labels ? label__find(task, 0) : NULL;

	return label ? label->serves | label__serves_shared(label) : 0;
}

/* Notes it for all who share the memory. 0 or -ENOMEM. */
static __always_inline int label__share(const struct process_label *label, u64 stores, bool served)
{
	if (!label->memory || !group__add(label->memory, stores, served))
		return 0;
	count(COUNTER_UNLABELLED);
	return -ENOMEM;
}

/* A process comes to hold more. 0 or -ENOMEM. */
static __noinline int label__add(struct task_struct *task, u64 stores)
{
	struct process_label *label;

	if (stores & ~control.labels) /* before the label, which nobody looks for without */
		__sync_fetch_and_or(&control.labels, stores);
	label = label__make(task->group_leader);
	if (!label)
		return -ENOMEM;
	if (label->stores && stores & ~label->stores)
		maps__new_epoch(); /* what it writes to is decided anew: see copy.bpf.h */
	__sync_fetch_and_or(&label->stores, stores);
	return label__share(label, stores, false);
}

#define LABEL_TRIES 8

/* Adds a bit to a process's label unless something is there that it may not meet. 0, or enum reason. */
static __always_inline u32 label__try(struct process_label *label, const struct store_rules *rules)
{
	bool enforces = rules->mode == STORE_MODE_ENFORCE;
	u64 old, others = label__shared(label);

#pragma unroll
	for (int i = 0; i < LABEL_TRIES; i++) {
		old = *(volatile u64 *)&label->stores;
		if (enforces && decide_apart(rules, old | others))
			return REASON_COMPARTMENT;
		if (__sync_val_compare_and_swap(&label->stores, old, old | rules->label) != old)
			continue;
		if (old && rules->label & ~old)
			maps__new_epoch(); /* what it writes to is decided anew: see copy.bpf.h */
		return label__share(label, rules->label, false) ? REASON_UNLABELLED : 0;
	}
	return REASON_UNLABELLED;
}

/* Keeps with the thread that it need not ask again: until what is kept is void, as it is when a label is cleared. */
static __always_inline void label__keep(struct task_struct *task, u32 store, u64 epoch)
{
	struct actor_answer *kept = bpf_task_storage_get(&answers_by_actor, task, 0, 0);

	if (kept && kept->epoch == epoch)
		kept->granted[store] |= GRANTED_LABELLED;
}

/* It has come to hold what it read, and so has who traces it. Those that hold it with it are told of when that counts. */
static __always_inline int label__tell_read(struct task_struct *task, u64 more)
{
	pass__take(more, PASS_READ, NULL, 0);
	if (task->ptrace)
		pass__between(task, task->parent, more, PASS_TRACE);
	return 0;
}

/* It begins to serve a store's data. What it held of it, by who started it (pg_ctl reads in the data directory), is no more
 * than it may answer with by itself. */
static __always_inline void label__serves_first(struct process_label *label, u64 stores)
{
	pass__take(stores, PASS_READ, NULL, 0);
	if (!(label->stores & stores))
		return;
	__sync_fetch_and_and(&label->stores, ~stores);
	maps__new_epoch(); /* what it writes to is decided anew: see copy.bpf.h */
}

/*
 * The current process is about to read a store. 0, or the reason (enum reason) why it must not. Nothing that was added is
 * taken back, as another thread may have read by it; and what was added elsewhere meanwhile is looked at once more. Of two
 * that read at once what may not meet, one at least is denied. What it serves to others is noted apart, and may meet
 * anything. A global function: verified once.
 */
__attribute__((noinline)) int label__gain(u32 store, u32 slot, u32 serves)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 index = (slot & 1) * STORE_IDS + store, reason;
	struct process_label *label;
	struct store_rules *rules;
	u64 epoch = maps__epoch(), more;

	if (store >= STORES_MAX)
		return 0;
	rules = bpf_map_lookup_elem(&rules_by_store, &index);
	if (!rules)
		return 0;
	if (rules->label & ~control.labels) /* before the label, which nobody looks for without */
		__sync_fetch_and_or(&control.labels, rules->label);
	label = label__make(task->group_leader);
	if (!label)
		return REASON_UNLABELLED;
	more = rules->label & ~(serves ? label->serves : label->stores);
	if (serves) {
		__sync_fetch_and_or(&label->serves, rules->label);
		if (more)
			label__serves_first(label, more);
		if (label__share(label, rules->label, true))
			return REASON_UNLABELLED;
		label__keep(task, store, epoch);
		return 0;
	}
	reason = label__try(label, rules);
	if (reason == REASON_COMPARTMENT)
		pass__settle();
	if (reason)
		return reason;
	if (more)
		label__tell_read(task, more);
	if (task->ptrace && label__add(task->parent, rules->label)) /* who traces it reads along */
		return REASON_UNLABELLED;
	if (!rules->apart)
		label__keep(task, store, epoch);
	return decide_apart(rules, label__of(task)) ? REASON_COMPARTMENT : 0;
}

/* The current process comes to serve more. 0 or -ENOMEM. */
static __noinline int label__serve(u64 stores)
{
	struct process_label *label;

	if (stores & ~control.labels) /* before the label, which nobody looks for without */
		__sync_fetch_and_or(&control.labels, stores);
	label = label__make(bpf_get_current_task_btf()->group_leader);
	if (!label)
		return -ENOMEM;
	__sync_fetch_and_or(&label->serves, stores);
	return label__share(label, stores, true);
}

struct holding {
	u64 label;
	u32 slot;
	u32 found;
};

/* bpf_loop's body: is that store's data among what is held, and is it more than monitored? */
static long label__enforces(u32 store, struct holding *held)
{
	u32 index = held->slot * STORE_IDS + store;
	struct store_rules *rules = bpf_map_lookup_elem(&rules_by_store, &index);

	held->found = rules && rules->label & held->label && rules->mode == STORE_MODE_ENFORCE;
	return held->found;
}

/* There is no memory for the label of who is to hold that. 0, or -ENOMEM where a store of it enforces: without a label, its
 * data would be followed no more. */
static __noinline int label__missing(u64 label)
{
	struct holding held = {.label = label, .slot = epoch_slot(maps__epoch())};

	bpf_loop(STORES_MAX, label__enforces, &held, 0);
	return held.found ? -ENOMEM : 0;
}

/*
 * A process is being made: it holds what its parent does. If it shares its parent's memory, that is noted before the
 * parent's label is read, and what another thread reads meanwhile is added before it looks whether memory is shared. 0, or
 * -ENOMEM where it must not be made.
 */
static __always_inline int label__fork(struct task_struct *child, bool shares)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_label *mine, *its, *parent;

	if (!shares && !label__of(task) && !label__served(task))
		return 0;
	its = label__make(child);
	mine = shares ? label__make(task->group_leader) : its;
	if (!its || !mine)
		return label__missing(label__of(task) | label__served(task));
	if (shares) {
		its->memory = (u64)task->mm;
		__sync_lock_test_and_set(&mine->memory, (u64)task->mm);
	}
	parent = label__find(task, 0);
	if (parent)
		its->dns = label__dns(parent);
	__sync_fetch_and_or(&its->stores, label__of(task));
	__sync_fetch_and_or(&its->serves, label__served(task));
	return 0;
}

/* Called before anything is copied, where there is a hook … */
static __always_inline int label__forking(struct task_struct *child, u64 flags)
{
	return flags & CLONE_THREAD ? 0 : label__fork(child, flags & CLONE_VM);
}

/* The address of a process's memory, as a number. */
static __always_inline u64 label__memory(struct task_struct *task)
{
	return (u64)BPF_CORE_READ(task, mm);
}

/* The memory of processes is gone, with the last of them. */
static __always_inline void label__memory_gone(u64 memory)
{
	if (control.groups || control.memories)
		group__memory_gone(memory);
}

/* With a memory of its own, but for what is mapped to be shared. */
static __noinline int label__forked_apart(struct task_struct *child, struct task_struct *task)
{
	struct process_label *mine = label__find(task, 0), *its;
	u64 copy = label__memory(child), ours, theirs;
	int inherits = mine && mine->memory ? group__inherit(mine->memory, copy) : 0;

	if (!inherits)
		return 0;
	ours = inherits == GROUP_KNOWN ? group__joined(mine->memory) : 0;
	theirs = ours ? group__enter(copy) : 0;
	if (ours && (!theirs || group__unite(ours, theirs)))
		count(COUNTER_UNLABELLED);
	its = label__make(child);
	if (its && inherits > 0)
		its->memory = (u64)child->mm;
	else if (its)
		count(COUNTER_UNLABELLED);
	return 0;
}

/* … and afterwards, before the child runs: another thread may have read a record in between. */
static __always_inline void label__forked(struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (child->tgid == task->tgid)
		return;
	label__fork(child, child->mm && child->mm == task->mm);
	if (!child->mm || child->mm == task->mm)
		return;
	if (control.groups || control.memories)
		group__memory_begins(label__memory(child), child->start_boottime);
	if (control.groups)
		label__forked_apart(child, task);
}

/* A program is about to be executed: the thread that asks becomes the leader, with a memory of its own. What it holds
 * goes along, in its arguments at least. 0, or -ENOMEM where it must not be. */
static __always_inline int label__exec(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 stores = label__of(task), serves = label__served(task);
	struct process_label *mine, *leader;

	if (!stores && !serves)
		return 0;
	pass__settle(); /* while it has that memory */
	mine = label__make(task);
	if (!mine)
		return label__missing(stores | serves);
	leader = label__find(task, 0);
	if (leader)
		mine->dns = label__dns(leader);
	__sync_fetch_and_or(&mine->stores, stores);
	__sync_fetch_and_or(&mine->serves, serves);
	return 0;
}

/* It has been. What was served is now held: another program need not keep to the rules by which it was. */
static __always_inline void label__executed(void)
{
	struct process_label *mine =
		bpf_task_storage_get(&labels_by_process, bpf_get_current_task_btf(), 0, 0);

	/* As at a fork; but nobody gets at this process while it executes (exec_update_lock). */
	label__memory_gone(label__memory(bpf_get_current_task_btf()));
	if (!mine)
		return;
	mine->memory = 0;
	__sync_fetch_and_or(&mine->stores, mine->serves);
	mine->serves = 0;
}

/* --- between processes --- */

struct meeting {
	u64 label;
	u32 slot;
	u32 store;    /* whose data must not meet the others'; STORE_NONE: they may meet */
	u32 enforces; /* that store */
	u32 how;      /* enum pass_how */
	u64 object;   /* as in struct record_pass */
};

/* bpf_loop's body: one store. An enforcing one is what we look for. */
static long label__meets(u32 store, struct meeting *meeting)
{
	u32 index = meeting->slot * STORE_IDS + store;
	struct store_rules *rules = bpf_map_lookup_elem(&rules_by_store, &index);

	if (!rules || !(rules->label & meeting->label) || !decide_apart(rules, meeting->label))
		return 0;
	meeting->enforces = rules->mode == STORE_MODE_ENFORCE;
	if (meeting->enforces || meeting->store == STORE_NONE)
		meeting->store = store;
	return meeting->enforces;
}

static __always_inline void label__judge(struct meeting *meeting, u64 label)
{
	meeting->label = label;
	meeting->store = STORE_NONE;
	meeting->enforces = 0;
	bpf_loop(STORES_MAX, label__meets, meeting, 0);
}

/*
 * The current process gets at another's memory: from now on, both hold what each did, unless that may not meet. Looked at
 * once more when it is done, as either may have read a record meanwhile. 0, or -ENOMEM.
 */
static __noinline int label__meet(struct task_struct *task, struct meeting *meeting)
{
	struct task_struct *me = bpf_get_current_task_btf();
	u64 mine = label__of(me), its = label__of(task);

	meeting->store = STORE_NONE;
	if (mine == its)
		return 0;
	pass__settle();
	label__judge(meeting, mine | its);
	if (its & ~mine)
		pass__between(task, me, its & ~mine, PASS_MEMORY | meeting->enforces << 31);
	if (meeting->enforces)
		return 0;
	if (mine & ~its)
		pass__between(me, task, mine & ~its, PASS_MEMORY);
	if (label__add(task, mine) || label__add(me, its))
		return -ENOMEM;
	label__judge(meeting, label__of(me) | label__of(task));
	return 0;
}

#define SYSTEM_USERS 1000 /* those of services lie below, by Debian's policy 9.2.2 */

/*
 * Is the current process one to which everybody on the host talks: the first one, its bus, its log, its resolver? Were such
 * labelled by what they receive, the whole host soon would be. Known by program, as a child of the first process that runs
 * as a user of the system: others cannot start one for themselves. The monitor is none of them, but answers anybody, too.
 */
static __noinline bool label__is_service(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct object_key key = {.slot = epoch_slot(maps__epoch()), .kind = OBJECT_SERVICE};
	struct inode *exe;

	if (task->tgid == 1 || own__is_task(task))
		return true;
	if (task->real_parent->tgid != 1 || task->real_cred->euid.val >= SYSTEM_USERS)
		return false;
	exe = actor__exe(task);
	if (!exe)
		return false;
	object__id(exe, &key.id);
	return bpf_map_lookup_elem(&stores_by_object, &key);
}

/*
 * The current process comes to hold what something else does, or may not. 0, or -ENOMEM. Not what it serves: it answers with
 * that by its own rules, whoever brought it. (Else a client that holds records would make a database hold its own, and
 * with it all that shares its memory or asks it.)
 */
static __noinline int label__take(u64 label, struct meeting *meeting)
{
	struct task_struct *me = bpf_get_current_task_btf();
	u64 mine = label__of(me);

	meeting->store = STORE_NONE;
	label &= ~label__served(me);
	if (!(label & ~mine) || label__is_service())
		return 0;
	label__judge(meeting, mine | label);
	if (meeting->store != STORE_NONE)
		pass__settle();
	pass__take(label & ~mine, meeting->how, &meeting->object, meeting->enforces);
	if (meeting->enforces)
		return 0;
	if (label__add(me, label))
		return -ENOMEM;
	label__judge(meeting, label__of(me)); /* as another thread may have read a record meanwhile */
	return 0;
}

#endif
