/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that may hold records: mappings of records, and the memory of processes whose roles may read some.
 * Every function returns 0 to allow or a negative errno.
 */
#ifndef MUNIMENT_MEMORY_BPF_H
#define MUNIMENT_MEMORY_BPF_H

/*
 * A file is about to be mapped. Any mapping may be made readable later, and a shared one of a file that is
 * open for writing may be made writable, without a hook that would tell of it.
 */
static __always_inline int memory__map(struct file *file, unsigned long prot, unsigned long flags,
				       u32 mechanism)
{
	u32 type = flags & MAP_TYPE_MASK, mask = MAY_READ;
	bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
	int err;

	if (shared && shared__is_nameless(file))
		shared = false;
	if (!file)
		return 0;
	if (shared)
		mask |= file->f_mode & FMODE_WRITE
				? prot & PROT_WRITE ? MAY_WRITE | MAY_SHARE : MAY_WRITE | MAY_SEE
				: MAY_SEE;
	if (prot & PROT_EXEC)
		mask |= MAY_EXEC;
	/* Before the access: what must outlive the other's call would not find room on 6.1's stack. */
	if (prot & PROT_EXEC) {
		err = library__load(file, mechanism, HOOK_MMAP_FILE);
		if (err)
			return err;
	}
	return access__use(file, unknown(mask), mechanism, HOOK_MMAP_FILE);
}

/* What a protection that was asked for becomes: the LSM hook is told, security_mmap_file finds it out itself. */
static __always_inline unsigned long memory__implied(unsigned long prot)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return prot & PROT_READ && task->personality & READ_IMPLIES_EXEC ? prot | PROT_EXEC : prot;
}

static __always_inline bool memory__is_executable(struct vm_area_struct *area)
{
	return bpf_core_field_exists(area->vm_flags) && area->vm_flags & VM_EXEC;
}

static __always_inline bool memory__is_shared(struct vm_area_struct *area)
{
	return !bpf_core_field_exists(area->vm_flags) || area->vm_flags & VM_SHARED;
}

/* A mapping gets another protection. */
static __always_inline int memory__protect(struct vm_area_struct *area, unsigned long prot, u32 mechanism)
{
	struct file *file;
	int err;

	if (!(prot & (PROT_EXEC | PROT_WRITE)))
		return 0;
	file = area->vm_file;
	if (!file)
		return 0;
	if (prot & PROT_WRITE && memory__is_shared(area) && shared__write(file, mechanism))
		return -EACCES;
	if (!(prot & PROT_EXEC))
		return 0;
	err = access__use(file, MAY_EXEC, mechanism, HOOK_FILE_MPROTECT);
	return err || memory__is_executable(area) ? err : library__load(file, mechanism, HOOK_FILE_MPROTECT);
}

/* What one process would gain by another's memory: operations in a store, by its roles, and what it has read. */
struct gain {
	struct role_set mine;
	struct role_set theirs;
	u64 label; /* whose data they hold */
	u32 slot;
	u32 store; /* STORE_NONE: nothing */
	u32 operations;
	u32 pad;
};

/* bpf_loop's body: one store. An enforcing one is what we look for. */
static long memory__gain_in(u32 store, struct gain *gain)
{
	u32 index = gain->slot * STORE_IDS + store, more;
	struct store_rules *rules = bpf_map_lookup_elem(&rules_by_store, &index);

	if (!rules || rules->mode == STORE_MODE_INVALID)
		return 0;
	more = actor__grants(&gain->theirs, gain->slot, store);
	if (rules->label & gain->label)
		more |= OPERATION_BIT(OPERATION_READ);
	more &= ~(actor__grants(&gain->mine, gain->slot, store) | GRANTED_SERVES);
	if (!more || (gain->store != STORE_NONE && rules->mode != STORE_MODE_ENFORCE))
		return 0;
	gain->store = store;
	gain->operations = more;
	return rules->mode == STORE_MODE_ENFORCE;
}

static __noinline int memory__gain(struct gain *gain, struct access *access)
{
	gain->store = unknown(STORE_NONE);
	bpf_loop(STORES_MAX, memory__gain_in, gain, 0);
	access->place.store = gain->store;
	access->operations = gain->operations;
	return 0;
}

/* The roles of any thread; not to be told apart by the ways that led to them. */
static __noinline int memory__roles(struct task_struct *task, u32 slot, struct role_set *ret_roles)
{
	actor__drop_asking(actor__roles(task, slot, ret_roles), slot, ret_roles);
	for (int i = 0; i < ROLE_WORDS; i++)
		ret_roles->words[i] = unknown64(ret_roles->words[i]);
	return 0;
}

/* What they hold meets; what must not comes before what a monitored store would only note. 0 or -EACCES. */
static __noinline int memory__meets(struct task_struct *task, struct access *access)
{
	u32 index = access->slot * STORE_IDS + access->place.store;
	struct store_rules *rules = bpf_map_lookup_elem(&rules_by_store, &index);
	struct meeting meeting = {.slot = access->slot & 1};

	if (access->place.store != STORE_NONE && (!rules || rules->mode == STORE_MODE_ENFORCE))
		return 0; /* it will be denied */
	if (label__meet(task, &meeting))
		return -EACCES;
	if (!meeting.enforces)
		shared__attach(task);
	if (meeting.store == STORE_NONE || (access->place.store != STORE_NONE && !meeting.enforces))
		return 0;
	access->place.store = meeting.store;
	access->operations = OPERATION_BIT(OPERATION_READ);
	access->reason = REASON_COMPARTMENT;
	return 0;
}

/* By the memory of task, the current thread. */
static __noinline int memory__gain_by(struct task_struct *task, struct access *access)
{
	struct gain gain = {.slot = access->slot, .label = label__of(task)};

	actor__own_roles(access->slot, &gain.mine);
	memory__roles(task, access->slot, &gain.theirs);
	return memory__gain(&gain, access);
}

/* By the memory of the current thread, who is to trace it; NULL: whoever reads its core. */
static __noinline int memory__gain_from_here(struct task_struct *tracer, struct access *access)
{
	struct gain gain = {.slot = access->slot, .label = label__of(bpf_get_current_task_btf())};

	actor__own_roles(access->slot, &gain.theirs);
	if (tracer)
		memory__roles(tracer, access->slot, &gain.mine);
	return memory__gain(&gain, access);
}

/* Would the memory of the process tgid pass to somebody who may do less? Then it is judged and recorded as an access to
 * its program's file in the name of the store. */
static __noinline int memory__settle(struct file *exe, u32 tgid, struct access *access, u64 epoch)
{
	struct inode *inode = exe->f_inode;
	struct dentry *dentry = exe->f_path.dentry;
	u32 store = access->place.store;

	if (store == STORE_NONE)
		return 0;
	access->target = tgid;
	object__walk(dentry, inode, access->slot, &access->place);
	access->place.store = store;
	access->place.reason = access->reason;
	access__ask(access, epoch);
	access->granted = 0;
	return access__settle(inode, dentry, access);
}

static __always_inline struct file *memory__exe(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;

	return mm ? mm->exe_file : NULL;
}

/* The current thread is about to get at the memory or the descriptors of another process. */
static __always_inline int memory__attach(struct task_struct *task, u32 mode, u32 mechanism)
{
	u64 epoch = maps__epoch();
	struct access access = {
		.hook = HOOK_PTRACE_ACCESS_CHECK, .mechanism = mechanism, .slot = epoch_slot(epoch)};
	struct file *exe;

	if (!(mode & PTRACE_MODE_ATTACH) || !maps__speaks())
		return 0;
	exe = memory__exe(task);
	if (!exe) /* a thread of the kernel */
		return 0;
	memory__gain_by(task, &access);
	if (memory__meets(task, &access))
		return -EACCES;
	return memory__settle(exe, task->tgid, &access, epoch);
}

/* The current process asks to be traced by its parent. */
static __always_inline int memory__traceme(struct task_struct *parent, u32 mechanism)
{
	u64 epoch = maps__epoch();
	struct access access = {
		.hook = HOOK_PTRACE_TRACEME, .mechanism = mechanism, .slot = epoch_slot(epoch)};
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *exe = memory__exe(task);

	if (!exe || !maps__speaks())
		return 0;
	memory__gain_from_here(parent, &access);
	if (memory__meets(parent, &access))
		return -EACCES;
	return memory__settle(exe, task->tgid, &access, epoch);
}

/*
 * Credentials are prepared. No hook tells of a core dump, but do_coredump begins by this, after the signal that
 * ends the process has been noted, and gives up when it fails.
 */
static __always_inline int memory__dump(u32 mechanism)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 epoch = maps__epoch();
	struct access access = {.hook = HOOK_CORE_DUMP, .mechanism = mechanism, .slot = epoch_slot(epoch)};
	struct file *exe;

	if (!(task->flags & TASK_SIGNALED) || !maps__speaks())
		return 0;
	exe = memory__exe(task);
	if (!exe)
		return 0;
	memory__gain_from_here(NULL, &access);
	return memory__settle(exe, task->tgid, &access, epoch);
}

#endif
