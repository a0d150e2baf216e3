/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What threads use over and over: uses of open files that were granted and recorded a moment ago, in memory of our own,
 * as asking the task's storage costs as much as all the rest of a read that is on record. For lsm only. An entry is
 * what actor_answer and its recent uses said when it was made; what voids those (creds, exec, libraries, another epoch)
 * voids it.
 *
 * Only its thread makes an entry, reads it, and takes it back, but another thread may take its place at any time. So its
 * thread is read last and written first, as with kept inodes, and entries are made one at a time; to take back writes
 * zero, which harms nobody.
 */
#ifndef MUNIMENT_HOT_BPF_H
#define MUNIMENT_HOT_BPF_H

#define HOT_THREADS 1024 /* by their numbers */
#define HOT_FILES   4	 /* of each, by inode */

struct hot_file {
	u64 file;
	u64 ino;
	u64 account;
	u64 operations; /* granted and on record */
};

struct hot_thread {
	u64 task;
	u64 start_ns; /* an address is used again */
	u64 epoch;
	u64 cred;
	u64 login_uid;
	struct hot_file files[HOT_FILES];
};

static struct {
	struct hot_thread threads[HOT_THREADS];
	u32 busy;
} hot;

static __always_inline struct hot_thread *hot__thread(struct task_struct *task)
{
	struct hot_thread *thread = &hot.threads[task->pid & (HOT_THREADS - 1)];

	barrier_var(thread);
	return thread;
}

/* The account of such a use by the current thread, or 0. */
static __always_inline u64 hot__account(struct task_struct *task, u32 login_uid, struct file *file,
					struct inode *inode, u32 operations, u64 epoch)
{
	const volatile struct hot_thread *thread = hot__thread(task);
	u64 ino = inode->i_ino, account;
	const volatile struct hot_file *known = &thread->files[ino & (HOT_FILES - 1)];

	if (known->file != (u64)file || known->ino != ino || operations & ~known->operations)
		return 0;
	account = known->account;
	if (thread->epoch != epoch || thread->cred != (u64)task->real_cred ||
	    thread->login_uid != login_uid || thread->start_ns != task->start_boottime ||
	    thread->task != (u64)task)
		return 0;
	return account;
}

static __always_inline void hot__add(struct task_struct *task, u32 login_uid, struct inode *inode, u64 epoch,
				     u32 operations, const struct recent *recent)
{
	volatile struct hot_thread *thread = hot__thread(task);
	u64 ino = inode->i_ino;
	volatile struct hot_file *known = &thread->files[ino & (HOT_FILES - 1)];
	bool is_new;

	if (__sync_lock_test_and_set(&hot.busy, 1))
		return;
	is_new = thread->task != (u64)task || thread->start_ns != task->start_boottime ||
		 thread->epoch != epoch || thread->cred != (u64)task->real_cred ||
		 thread->login_uid != login_uid;
	thread->task = 0;
	if (is_new) {
		thread->start_ns = task->start_boottime;
		thread->epoch = epoch;
		thread->cred = (u64)task->real_cred;
		thread->login_uid = login_uid;
#pragma unroll
		for (int i = 0; i < HOT_FILES; i++)
			thread->files[i].file = 0;
	}
	known->file = recent->file;
	known->ino = ino;
	known->account = recent->account;
	known->operations = operations;
	thread->task = (u64)task;
	*(volatile u32 *)&hot.busy = 0;
}

/* What was known of the current thread is void. */
static __always_inline void hot__forget(struct task_struct *task)
{
	volatile struct hot_thread *thread = hot__thread(task);

	if (thread->task == (u64)task)
		thread->task = 0;
}

/* Another use of the inode by the current thread is on record: of another open file perhaps, or in another account. */
static __always_inline void hot__forget_file(struct task_struct *task, struct inode *inode)
{
	volatile struct hot_thread *thread = hot__thread(task);

	if (thread->task == (u64)task)
		thread->files[inode->i_ino & (HOT_FILES - 1)].file = 0;
}

#endif
