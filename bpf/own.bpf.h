/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the monitor itself consists of, and who may touch that: its own processes, and its own program, by which
 * the next daemon takes over. Everybody else may look where looking tells no secret. What happens to the rest is
 * decided by guard.bpf.h; files are stores like any other (STORE_OWN, STORE_OWN_SECRET).
 */
#ifndef MUNIMENT_OWN_BPF_H
#define MUNIMENT_OWN_BPF_H

/* enum store_mode: does the monitor guard itself? A window for maintenance ends by itself. A global function, like
 * own__is_current: verified once. */
__attribute__((noinline)) int own__mode(void)
{
	u32 mode = *(volatile u32 *)&control.own.mode;

	if (mode == STORE_MODE_ENFORCE && bpf_ktime_get_boot_ns() < control.own.window_until)
		return STORE_MODE_MONITOR;
	return mode;
}

/*
 * Is it a process of the monitor? By number and start, of which no other process has both: task storage would be
 * simpler, but on 6.1 it cannot be read while somebody on the same CPU is within a map of that type.
 */
static __always_inline bool own__is_process(u32 tgid, u64 start_ns)
{
	for (int i = 0; i < OWN_PROCESSES; i++)
		if (control.own.processes[i].tgid == tgid &&
		    control.own.processes[i].start == start_ns / 10000000)
			return true;
	return false;
}

static __always_inline bool own__is_task(struct task_struct *task)
{
	return own__is_process(task->tgid, task->group_leader->start_boottime);
}

/* Is the current thread the monitor's? A process that is traced does what its tracer wants. */
__attribute__((noinline)) int own__is_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct object_id id = {};
	struct inode *exe;

	if (task->ptrace)
		return 0;
	if (own__is_task(task))
		return 1;
	exe = actor__exe(task);
	if (!exe || !control.own.program.ino || exe->i_ino != control.own.program.ino)
		return 0;
	object__id(exe, &id);
	return id.dev == control.own.program.dev && id.generation == control.own.program.generation &&
	       !actor__exe_changed(task);
}

static __always_inline bool own__is_store(u32 store)
{
	return store == STORE_OWN || store == STORE_OWN_SECRET;
}

/* What the current thread may do with the monitor's own files. */
static __always_inline u32 own__granted(u32 store)
{
	if (own__is_current())
		return 0xffff;
	return store == STORE_OWN ? OPERATION_BIT(OPERATION_LIST) | OPERATION_BIT(OPERATION_READ) |
					    OPERATION_BIT(OPERATION_EXECUTE)
				  : 0;
}

static __always_inline bool own__has(u32 kind, u64 id)
{
	struct own_key key = {.kind = kind, .id = id};

	return bpf_map_lookup_elem(&own_objects, &key);
}

#endif
