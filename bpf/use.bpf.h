/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Uses of open files: decided each time, recorded the first time, and counted from then on.
 */
#ifndef MUNIMENT_USE_BPF_H
#define MUNIMENT_USE_BPF_H

/* Ours: to change attributes; to see what others write to the same mapping, and to write there. */
#define MAY_DESCRIBE 0x10000
#define MAY_SEE	     0x20000
#define MAY_SHARE    0x40000

/* What using an open file this way asks for. mask is of MAY_… bits. */
static __always_inline u32 access__using(struct file *file, struct inode *inode, u32 mask)
{
	if ((inode->i_mode & INODE_TYPE_MASK) == INODE_DIRECTORY)
		return mask & MAY_DESCRIBE ? OPERATION_BIT(OPERATION_ATTRIBUTES)
					   : OPERATION_BIT(OPERATION_LIST);
	if (file->f_flags & FMODE_EXEC)
		return OPERATION_BIT(OPERATION_EXECUTE); /* the kernel reads what execve opened */
	return (mask & MAY_READ) * (OPERATION_BIT(OPERATION_READ) / MAY_READ) |
	       (mask & MAY_WRITE) * (OPERATION_BIT(OPERATION_WRITE) / MAY_WRITE) |
	       (mask & MAY_EXEC) * (OPERATION_BIT(OPERATION_EXECUTE) / MAY_EXEC) |
	       (mask & MAY_DESCRIBE) / (MAY_DESCRIBE / OPERATION_BIT(OPERATION_ATTRIBUTES));
}

enum settled {
	SETTLED_NOT,	 /* to be judged and recorded */
	SETTLED_REFUSED, /* likewise, but to be denied for sure: nothing moves that could be measured */
	SETTLED_COUNTED, /* on record, to be counted in access->account */
	SETTLED_PASSED,	 /* nothing to do */
};

/* Is there nothing to deny and nothing new to record? Not inlined: verified once, as one answer. */
static __noinline int access__is_settled(struct file *file, struct inode *inode, struct access *access)
{
	struct actor_answer *actor;
	struct use *use;

	if (decide_verdict(access->operations, access->granted) != VERDICT_ALLOW) {
		if (raw__is_loop(inode, access))
			return SETTLED_PASSED;
		if (access__enforces(inode, access))
			return SETTLED_REFUSED;
	}
	actor = access__actor(access);
	if (actor && access__is_recent(actor, file, inode, access->operations)) {
		access->account = access__recent(actor, inode)->account;
		return SETTLED_COUNTED;
	}
	use = access__recorded(file, inode, access->operations);
	if (!use)
		return SETTLED_NOT;
	access->account = use->account;
	return SETTLED_COUNTED;
}

/* Does a use that is on record need no other one? With accounts, only if it can be counted. */
static __always_inline bool access__is_counted(u64 account, u64 amount)
{
	if (!account__counts())
		return true;
	return account && account__add(account, amount);
}

static __noinline int access__use_near(struct file *file, u32 mask, const struct answer *known, u32 mechanism,
				       u32 hook)
{
	u64 epoch = maps__epoch();
	u32 slot = epoch_slot(epoch), settled;
	struct access access = {.hook = hook, .mechanism = mechanism, .slot = slot};
	struct inode *inode = file->f_inode;
	int err;

	if (!maps__speaks())
		return 0;
	if (!access__locate(inode, file->f_path.dentry, known, epoch, mechanism, &access))
		return ACCESS_OUTSIDE;
	access.operations = access__using(file, inode, mask);
	if (!access.operations || access__is_keeper(access.operations))
		return 0;
	access__ask(&access, epoch);
	settled = unknown(access__is_settled(file, inode, &access));
	if (settled == SETTLED_PASSED)
		return 0;
	if (settled != SETTLED_REFUSED && control.fold_ns)
		access.amount = unknown64(amount__use(file, access.operations, hook, NULL));
	if (settled == SETTLED_COUNTED && access__is_counted(access.account, access.amount))
		return 0;
	access.open_flags = file->f_flags;
	err = access__settle(inode, file->f_path.dentry, &access);
	if (!err)
		access__note_use(file, inode, &access);
	return err;
}

/* The same as below for reads and writes of the plain kind, without asking any storage. */
static __always_inline bool access__is_hot(struct task_struct *task, struct file *file, u32 mask, u64 epoch)
{
	bool written = mask == MAY_WRITE;
	u32 operation = written ? OPERATION_BIT(OPERATION_WRITE) : OPERATION_BIT(OPERATION_READ);
	struct inode *inode = file->f_inode;
	u64 account, bytes;

	if ((!written && mask != MAY_READ) || file->f_flags & FMODE_EXEC ||
	    (inode->i_mode & INODE_TYPE_MASK) == INODE_DIRECTORY || !account__counts())
		return false;
	account = hot__account(task, actor__login_uid(task), file, inode, operation, epoch);
	if (!account)
		return false;
	bytes = amount__plain(task, file, inode, written);
	return bytes != ~0ull && account__add_more(account, written, bytes);
}

/* Was this very use, by this thread, granted and recorded a moment ago, and has nothing changed since? Not inlined: its
 * stack need not add up with that of what follows when it says no. */
static __noinline int access__is_routine(struct file *file, u32 mask, u32 hook, u32 store, u64 epoch)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *inode = file->f_inode;
	struct actor_answer *actor;
	struct recent *recent;
	u32 operations;
	u64 amount;

	if (hook == HOOK_FILE_PERMISSION && access__is_hot(task, file, mask, epoch))
		return true;
	operations = access__using(file, inode, mask);
	actor = bpf_task_storage_get(&answers_by_actor, task, 0, 0);
	if (!actor || !actor__is_current(actor, task, epoch, MECHANISM_LSM)) /* only lsm has kept places */
		return false;
	if (!operations || !access__is_recent(actor, file, inode, operations))
		return false;
	barrier_var(store); /* 6.1 forgets the bounds of a spilled half word: checked where it is used */
	if (store >= STORE_IDS || operations & ~actor->granted[store])
		return false;
	if (!account__counts())
		return true;
	recent = access__recent(actor, inode);
	amount = unknown64(amount__use(file, operations, hook, &recent->call));
	if (amount == AMOUNT_COUNTED)
		return true;
	if (!account__add(recent->account, amount))
		return false;
	hot__add(task, actor__login_uid(task), inode, epoch, operations, recent);
	return true;
}

/* A use of what may lie in a store. 0, -EACCES, or ACCESS_…. */
static __always_inline int access__use_of_store(struct file *file, struct inode *inode, u32 mask,
						u32 mechanism, u32 hook)
{
	u32 dev = kept__dev(inode), store;
	struct answer *known = NULL;
	u64 epoch;
	int err;

	if (access__is_far_device(dev)) {
		u32 type = inode->i_mode & INODE_TYPE_MASK;

		if (type == INODE_FIFO)
			return ACCESS_PIPE;
		if (!raw__is_near_of(inode, type))
			return ACCESS_OUTSIDE;
	}
	epoch = maps__epoch();
	store = kept__store(inode, dev, mechanism, epoch);
	if (store == STORE_NONE)
		return ACCESS_PLAIN;
	if (store == KEPT_NOTHING) {
		known = access__known(inode, mechanism, epoch);
		store = known ? known->store : KEPT_NOTHING;
	}
	if (store == STORE_NONE)
		return ACCESS_OUTSIDE;
	if (store != KEPT_NOTHING && !(known && kept__may_carry(inode)) &&
	    access__is_routine(file, mask, hook, store, epoch))
		return ACCESS_ROUTINE;
	known = known ? known : access__known(inode, mechanism, epoch);
	err = access__use_near(file, mask, known, mechanism, hook);
	if (net && mechanism == MECHANISM_FMOD_RET && err <= 0)
		access__note_decided(file, inode, access__using(file, inode, mask), err);
	return err;
}

/* What the current process holds goes into a pipe or terminal, unless the policy declassifies what is written there. 0 or
 * -ENOMEM. */
static __noinline int access__give(struct file *file, u64 carrier, u32 mechanism)
{
	u64 more = flow__more(carrier);

	if (!more || copy__is_declassified(file->f_path.dentry, maps__epoch(), mechanism))
		return 0;
	return flow__fill(carrier, more);
}

/* A pipe or terminal is used by a descriptor. */
static __always_inline int access__use_carrier(struct file *file, u64 carrier, u32 mask, u32 mechanism)
{
	if (mask & MAY_WRITE && label__may_hold() && access__give(file, carrier, mechanism))
		return -EACCES;
	if (!(mask & MAY_READ) || !control.carriers)
		return 0;
	return flow__take_by(file, flow__label(carrier), HOOK_FILE_PERMISSION, mechanism,
			     flow__is_fifo(file->f_inode) ? PASS_PIPE : PASS_TERMINAL, carrier);
}

/* An open file is used: by read, write, getdents, splice, io_uring … mask is of MAY_… bits. */
static __always_inline int access__use(struct file *file, u32 mask, u32 mechanism, u32 hook)
{
	struct inode *inode = file->f_inode;
	int err = access__use_of_store(file, inode, mask, mechanism, hook);
	bool outside;

	if (err < 0)
		return err;
	if (err == ACCESS_ROUTINE ||
	    (err == ACCESS_PLAIN && hook == HOOK_FILE_PERMISSION && !(mask & MAY_WRITE)))
		return 0;
	barrier_var(err); /* what follows is not computed before that is known */
	outside = err == ACCESS_OUTSIDE || err == ACCESS_PLAIN || err == ACCESS_PIPE;
	if (hook == HOOK_FILE_PERMISSION && control.labels && err != ACCESS_PLAIN) {
		u64 carrier = err == ACCESS_PIPE ? (u64)inode->i_pipe : flow__carrier(file, inode);

		if (carrier)
			return access__use_carrier(file, carrier, mask, mechanism);
		if (control.carriers && mask & MAY_READ && inode->i_sb->s_magic == PROC_SUPER_MAGIC)
			return carrier__hides(file);
	}
	err = copy__concerns(inode, mask, hook) ? copy__use(file, outside, mask, mechanism, hook) : 0;
	if (hook == HOOK_MMAP_FILE && !err && outside && mask & (MAY_SEE | MAY_SHARE)) {
		u32 how = mask & MAY_SHARE ? shared__how(file, mechanism) : SHARED_SEEN;

		if (how == SHARED_WRITTEN)
			mapped__note(file, mechanism); /* before it is looked at who holds what by it */
		shared__map(file, how);
	}
	return err;
}

/* A file that may lie in a store is opened. 0, -EACCES, ACCESS_OUTSIDE or ACCESS_PLAIN. */
static __always_inline int access__open_of_store(struct file *file, u32 mechanism, u32 hook)
{
	struct inode *inode = file->f_inode;
	u32 dev = kept__dev(inode);
	struct answer *known;
	u64 epoch;
	int err;

	if (access__is_beyond(inode, dev))
		return ACCESS_OUTSIDE;
	epoch = maps__epoch();
	if (kept__is_outside(inode, dev, mechanism, epoch))
		return ACCESS_PLAIN;
	known = access__known(inode, mechanism, epoch);
	if (known && known->store == STORE_NONE)
		return ACCESS_OUTSIDE;
	if (mechanism == MECHANISM_LSM && !known && kept__learn_outside(inode, file->f_path.dentry, epoch))
		return ACCESS_OUTSIDE;
	if (known) /* it may have been pushed out; uses will follow */
		kept__note_inside(inode, epoch, known->store);
	err = access__open_near(file, known, mechanism, hook);
	if (net && mechanism == MECHANISM_FMOD_RET && err <= 0)
		access__note_decided(file, inode, access__opening(file, inode), err);
	return err;
}

/* A file is opened. */
static __always_inline int access__open(struct file *file, u32 mechanism, u32 hook)
{
	int err = access__open_of_store(file, mechanism, hook);

	if (err < 0)
		return err;
	return err == ACCESS_PLAIN ? 0 : copy__open(file, mechanism, hook);
}

/* An open file is no more. What the thread used of late is told soon, the rest with its interval. */
static __always_inline void access__closed(struct file *file)
{
	struct inode *inode = file->f_inode;
	struct actor_answer *actor;
	struct recent *recent;

	if (access__is_far(inode) || !control.fold_ns ||
	    kept__is_outside(inode, kept__dev(inode), MECHANISM_LSM, maps__epoch()))
		return;
	actor = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);
	if (!actor)
		return;
	recent = access__recent(actor, inode);
	if (recent->file != (u64)file || recent->ino != inode->i_ino)
		return;
	recent->file = 0;
	if (recent->account)
		account__close(recent->account);
}

#endif
