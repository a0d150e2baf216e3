/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The logic of `tracing` for descriptors in use: which system calls read or write by one, and what becomes of
 * that. Used by attach_tracing.bpf.h.
 */
#ifndef MUNIMENT_USED_BPF_H
#define MUNIMENT_USED_BPF_H

/* Is this use by who has it on record, and counted there? */
static __always_inline bool used__is_counted(struct file *file, struct inode *inode,
					     const struct access *access)
{
	struct use *use = access__recorded(file, inode, access->operations);

	return use && use->account && account__add(use->account, access->amount);
}

/*
 * A file has been opened or used. Each use of a descriptor is looked at, as it may be one that was inherited, received,
 * shared, or open before the policy. What is denied is a record; so is what is granted, unless it stands in the ledger
 * already and is counted there. The net below fmod_ret leaves that to fmod_ret's program. amount: of amount.bpf.h.
 */
static __noinline int used__judge(struct file *file, u32 operations, u32 mechanism, u32 hook, u64 amount)
{
	u64 epoch = maps__epoch();
	struct access access = {.hook = hook, .mechanism = mechanism, .slot = epoch_slot(epoch)};
	struct inode *inode = file->f_inode;
	bool passes;
	int err;

	if (!operations || !maps__speaks() ||
	    !access__locate(inode, file->f_path.dentry, NULL, epoch, mechanism, &access))
		return 0;
	access.operations = operations;
	if (access__is_keeper(access.operations))
		return 0;
	access__ask(&access, epoch);
	if (operations & (OPERATION_BIT(OPERATION_READ) | OPERATION_BIT(OPERATION_WRITE)))
		access.amount = amount;
	passes = (!access.place.reason &&
		  decide_verdict(access.operations, access.granted) == VERDICT_ALLOW) ||
		 !access__enforces(inode, &access);
	if (passes && (net || !account__counts() || used__is_counted(file, inode, &access)))
		return 0;
	access.open_flags = file->f_flags;
	err = access__settle(inode, file->f_path.dentry, &access);
	if (!err)
		access__note_use(file, inode, &access);
	return err;
}

enum decided {
	DECIDED_NOT,
	DECIDED_BEFORE, /* under a policy, or with places, that may hold no more: recorded, but to be judged
			   anew */
	DECIDED_NOW,
};

/* Has a worker of io_uring opened this file for the current process (access__note_use)? Told once. */
static __noinline bool used__by_worker(struct file *file, u32 operations)
{
	struct use_key key = {.file = (u64)file, .tgid = bpf_get_current_task_btf()->tgid};
	struct use *use = bpf_map_lookup_elem(&uses, &key);

	if (!use || !use->opened || !access__recorded(file, file->f_inode, operations))
		return false;
	use->opened = 0;
	return true;
}

/*
 * The net below fmod_ret. The kernel skips a program of that type, and the access goes on undecided, while
 * another task was preempted within the same program on the same CPU: programs of type TRACING are kept from
 * recursion by a counter per CPU (programs of type LSM are not). Programs of perf's tracepoints run with
 * preemption off. So each call is looked at as it returns; what fmod_ret's program has just decided is not
 * recorded again.
 */
static __always_inline enum decided used__decided(struct file *file, u32 operations, u32 hook)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *actor;
	bool by_worker;

	if (!net)
		return DECIDED_NOT;
	if (!maps__speaks())
		return DECIDED_NOW; /* another load's word */
	/* Always, as it is told once: the worker that opened may be the one that completes. */
	by_worker = hook == HOOK_IO_URING && used__by_worker(file, operations);
	actor = bpf_task_storage_get(&answers_by_actor, task, 0, 0);
	/* Seen once only, or the next file at this address would pass; but at a takeover by both loads' nets.
	 */
	if (actor && actor->decided == (u64)file && actor->decided_seen != instance) {
		actor->decided_seen = instance;
		if (actor->decided_ino == file->f_inode->i_ino &&
		    actor->decided_cred == (u64)task->real_cred && !(operations & ~actor->decided_operations))
			return actor->decided_epoch == maps__epoch() ? DECIDED_NOW : DECIDED_BEFORE;
	}
	return by_worker ? DECIDED_BEFORE : DECIDED_NOT;
}

#define MAP_ANONYMOUS 0x20

/* System calls that read or write by descriptor; returns MAY_… bits and the descriptor. i386 numbers. */
static __always_inline u32 used__by_compat(const struct pt_regs *regs, u32 number, long *ret_fd)
{
	*ret_fd = (int)regs->bx;
	switch (number) {
	case 4:
	case 146:
	case 181:
	case 334:
	case 379: /* write, writev, pwrite64, pwritev, pwritev2 */
		return MAY_WRITE;
	case 187:
	case 239: /* sendfile, sendfile64: out, in */
		*ret_fd = (int)regs->cx;
		return MAY_READ;
	case 192: /* mmap2 */
		*ret_fd = regs->si & MAP_ANONYMOUS ? -1 : (int)regs->di;
		return MAY_READ;
	case 3:
	case 141:
	case 145:
	case 180:
	case 220:
	case 313:
	case 333:
	case 377:
	case 378:
		/* read, getdents, readv, pread64, getdents64, splice, preadv, copy_file_range, preadv2 */
		return MAY_READ;
	default:
		return 0;
	}
}

/* The same with x86-64 numbers. */
static __always_inline u32 used__by(const struct pt_regs *regs, u32 number, long *ret_fd)
{
	*ret_fd = (int)regs->di;
	switch (number) {
	case 1:
	case 18:
	case 20:
	case 296:
	case 328: /* write, pwrite64, writev, pwritev, pwritev2 */
		return MAY_WRITE;
	case 40: /* sendfile: out, in */
		*ret_fd = (int)regs->si;
		return MAY_READ;
	case 9: /* mmap */
		*ret_fd = regs->r10 & MAP_ANONYMOUS ? -1 : (int)regs->r8;
		return MAY_READ;
	case 0:
	case 17:
	case 19:
	case 78:
	case 217:
	case 275:
	case 295:
	case 326:
	case 327:
		/* read, pread64, readv, getdents, getdents64, splice, preadv, copy_file_range, preadv2 */
		return MAY_READ;
	default:
		return 0;
	}
}

/* What a call that used__by or used__by_compat knows has moved, which is what it returns, but for mmap. */
static __always_inline u64 used__amount(struct file *file, const struct pt_regs *regs, u32 mask, bool compat,
					long ret)
{
	if (compat && regs->orig_ax == 192)
		return amount(AMOUNT_UNKNOWN, 0);
	if (!compat && (regs->orig_ax & ~0x40000000) == 9)
		return amount(AMOUNT_MAPPED, amount__there(file->f_inode, regs->r9, regs->si));
	return amount(mask & MAY_WRITE ? AMOUNT_WRITTEN : AMOUNT_READ, ret);
}

/* What an io_uring request did with its file, as MAY_… bits. What is not known to be harmless counts as
 * reading. */
static __always_inline u32 used__by_io_uring(u32 opcode)
{
	switch (opcode) {
	case 2:
	case 5:
	case 17:
	case 23:
	case 30:
	case 33:
	case 55:
	case 61: /* writev, write fixed, fallocate, write, splice and tee (the file is where to), ftruncate,
		    writev fixed */
		return MAY_WRITE;
	case 3:
	case 6:
	case 8:
	case 24: /* fsync, poll, sync_file_range, fadvise */
		return 0;
	default:
		return MAY_READ;
	}
}

/* What it has moved: its result, where it was a read or a write. */
static __always_inline u64 used__amount_of_io_uring(u32 opcode, u32 mask, s32 result)
{
	if (mask & MAY_WRITE)
		return amount(AMOUNT_WRITTEN, result);
	switch (opcode) {
	case 1:
	case 4:
	case 22:
	case 49:
	case 60: /* readv, read fixed, read, read multishot, readv fixed */
		return amount(AMOUNT_READ, result);
	default:
		return amount(AMOUNT_UNKNOWN, 0);
	}
}

#endif
