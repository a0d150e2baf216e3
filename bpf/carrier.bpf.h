/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Labels on their way through what has no file that is read: messages of queues (POSIX and System V), keys, and the
 * variables that a program was executed with. Who receives or reads them takes their label, or does not get them.
 */
#ifndef MUNIMENT_CARRIER_BPF_H
#define MUNIMENT_CARRIER_BPF_H

/* An access that no file stands for, by what it is called. 0 or -EACCES. */
static __noinline int carrier__refuse(u32 store, u64 epoch, u32 hook, u32 mechanism, const char *name)
{
	struct access access = {.hook = hook,
				.mechanism = mechanism,
				.slot = epoch_slot(epoch),
				.operations = OPERATION_BIT(OPERATION_READ),
				.place.store = store,
				.wanted = VERDICT_DENY,
				.reason = REASON_COMPARTMENT,
				.flags = RECORD_FLAG_PATH_OUTSIDE};
	u32 index = access.slot * STORE_IDS + store, mode;
	struct store_rules *rules = bpf_map_lookup_elem(&rules_by_store, &index);

	mode = rules ? rules->mode : STORE_MODE_ENFORCE;
	access.enforced = decide_enforced(VERDICT_DENY, mode, mechanism);
	access.flags |= (mode != STORE_MODE_ENFORCE) * RECORD_FLAG_MONITOR;
	access.actor = actor__granted(epoch, access.slot, 0, mechanism) >> 16;
	access__tell_actor(&access);
	if (!(access.actor & ACTOR_ANNOUNCED))
		emit__announce(mechanism);
	emit__bare(&access, NULL, name, label__of(bpf_get_current_task_btf()), NULL);
	return access.enforced == ENFORCED_ALLOWED ? 0 : -EACCES;
}

/* The current process comes to hold what it receives or reads, by the object of that address. 0, or -EACCES: that may not
 * meet what it holds. A global function: verified once. By pointer, as such a function takes no address of the kernel's for a
 * number. */
__attribute__((noinline)) int carrier__take(u64 label, u32 hook, u32 mechanism, const u64 *object)
{
	u64 epoch = maps__epoch();
	u32 store;

	if (!label || !object || !maps__speaks())
		return 0;
	store = flow__receives(label, epoch_slot(epoch), hook == HOOK_KEY ? PASS_KEY : PASS_QUEUE, *object);
	if (store == STORE_NONE)
		return 0;
	if (store >= STORES_MAX) /* no memory */
		return -EACCES;
	return carrier__refuse(store, epoch, hook, mechanism, hook == HOOK_KEY ? "(key)" : "(message)");
}

/* --- messages --- */

/* One is made, by who sends it. 0 or -ENOMEM. */
static __always_inline int carrier__send(const void *message)
{
	return control.labels ? flow__give((u64)message) : 0;
}

/* A queue lets a process have a message: the current one, or one that has waited, which then takes it as below. */
static __always_inline int carrier__offer(const void *message, struct task_struct *to, u32 mechanism)
{
	u64 label = control.labels && to == bpf_get_current_task_btf() ? flow__label((u64)message) : 0,
	    object = (u64)message;

	return label && carrier__take(label, HOOK_MESSAGE, mechanism, &object) ? -EACCES : 0;
}

/* Does the current system call receive messages? By x86-64's and i386's numbers. */
static __always_inline bool carrier__receives(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	u64 number = regs->orig_ax;

	if (task->thread_info.status & TASK_COMPAT)
		return number == 117 || number == 280 || number == 401 || number == 419;
	number &= ~0x40000000ull; /* x32 */
	return number == 70 || number == 243;
}

/* One is freed: by who has received it, or who removes the queue. */
static __always_inline void carrier__open(const void *message)
{
	u64 label = control.carriers ? flow__label((u64)message) : 0, object = (u64)message;

	if (!label)
		return;
	flow__gone((u64)message);
	if (carrier__receives() && carrier__take(label, HOOK_MESSAGE, MECHANISM_TRACING, &object))
		bpf_send_signal(SIGKILL);
}

/* --- keys --- */

/* One is made by the current process, with what it holds. 0 or -ENOMEM. */
static __always_inline int carrier__key(const void *key)
{
	return control.labels ? flow__give((u64)key) : 0;
}

/* One is wanted for `need`, of the kernel's enum. reference is its address, whose lowest bit tells whether it is possessed. Not
 * EACCES, which the kernel does not heed where the key may be searched. */
static __always_inline int carrier__use_key(u64 reference, u32 need, u32 mechanism)
{
	u64 key = reference & ~1ull;

	if (need == bpf_core_enum_value(enum key_need_perm, KEY_NEED_WRITE))
		return flow__give(key) ? -EPERM : 0;
	if (need != bpf_core_enum_value(enum key_need_perm, KEY_NEED_READ))
		return 0;
	return carrier__take(flow__label(key), HOOK_KEY, mechanism, &key) ? -EPERM : 0;
}

/* --- variables --- */

/* A program has been executed: what its caller held may be among them. */
static __always_inline void carrier__executed(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 label = label__of(task);

	flow__gone(label__memory(task)); /* see group__memory_begins */
	if (label)
		flow__fill(label__memory(task), label);
}

/* A child has a copy. */
static __always_inline void carrier__forked(struct task_struct *child)
{
	u64 from, to, label;

	if (!control.carriers)
		return;
	from = label__memory(bpf_get_current_task_btf());
	to = label__memory(child);
	if (!to || from == to)
		return;
	flow__gone(to); /* see group__memory_begins */
	label = flow__label(from);
	if (label)
		flow__fill(to, label);
}

/*
 * They are about to be read in /proc: only who holds what they may hold is shown them. ps and pgrep read those of every process,
 * whatever they print, and would hold all that anybody does, as would whoever sees what they print; they do without where they
 * may not. No entry: nothing of a store was asked for. 0 or -EACCES.
 */
static __noinline int carrier__hides(struct file *file)
{
	u64 label = flow__label((u64)file->private_data);

	if (!label || !maps__speaks())
		return 0;
	return label & ~label__of(bpf_get_current_task_btf()) && !label__is_service() ? -EACCES : 0;
}

/* They have been read in /proc, where nothing hid them. */
static __always_inline void carrier__variables(struct file *file)
{
	u64 label = control.carriers ? flow__label((u64)file->private_data) : 0;

	if (label && flow__take(file, label, HOOK_FILE_PERMISSION, MECHANISM_TRACING))
		bpf_send_signal(SIGKILL);
}

#endif
