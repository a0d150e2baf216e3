/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappings through which processes see what others write: anonymous ones, which children inherit, and files that are mapped
 * to be shared, of memory (memfd, POSIX, System V) or of a disk. Who can write there holds from then on what all of them do,
 * whenever they come to hold it; who only sees it, what those hold. Others' memory likewise, once a process may get at it.
 * Until the process executes another program.
 */
#ifndef MUNIMENT_SHARED_BPF_H
#define MUNIMENT_SHARED_BPF_H

/* What could not be noted is counted: it is not worth a mapping that fails. */
static __always_inline int shared__counted(int err)
{
	if (err < 0)
		count(COUNTER_UNLABELLED);
	return err;
}

/* The process is one that others share memory with. False: no memory for that, or it has none. */
static __always_inline bool shared__note(struct process_label *label, u64 memory)
{
	if (!label || !memory)
		return false;
	if (label->memory != memory)
		__sync_lock_test_and_set(&label->memory, memory);
	return true;
}

/* The key of what the process shares with others, with what it holds already; 0: none to be had. */
static __noinline u64 shared__enter(struct task_struct *task)
{
	struct process_label *label = label__make(task->group_leader);
	u64 memory = label__memory(task), key;

	if (!shared__note(label, memory))
		return 0;
	key = group__enter(memory);
	if (!key)
		count(COUNTER_UNLABELLED);
	if (key && label->stores)
		shared__counted(group__add(key, label->stores, 0));
	if (key && label->serves)
		shared__counted(group__add(key, label->serves, 1));
	return key;
}

enum shared_how {
	SHARED_SEEN = 0, /* only read */
	SHARED_WRITTEN = 1,
	/* Written, but by a rule what this program writes there is no copy: as if only read. */
	SHARED_DECLASSIFIED = 2,
};

/* The current process maps the file of that key. key 0: no file, its children will share it. Services that everybody talks to
 * share with nobody, as they take no label. Of what is declassified, files for which there is no room become one with the last
 * that is seen, never with who maps them. A global function: verified once. */
__attribute__((noinline)) int shared__join(u64 key, u32 how)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 memory = label__memory(task), mine;

	if (label__is_service())
		return 0;
	if (key && how != SHARED_WRITTEN &&
	    (!shared__note(label__make(task->group_leader), memory) ||
	     shared__counted(group__see(memory, key)) <= 0))
		return 0;
	if (how == SHARED_DECLASSIFIED)
		return shared__counted(group__unite(group__seen_last(memory), key));
	mine = shared__enter(task);
	if (mine && key)
		shared__counted(group__unite(mine, key));
	return 0;
}

#define ZERO_DEVICE (1u << 20 | 5) /* /dev/zero: what is mapped of it is nobody else's */

/* Is there no file that others could map, too? file may be NULL, which the verifier of Linux 6.12 does not believe. */
static __noinline bool shared__is_nameless(struct file *file)
{
	u64 inode = 0;

	if (file && !bpf_probe_read_kernel(&inode, sizeof(inode), &file->f_inode) && inode) {
		if ((file->f_inode->i_mode & INODE_TYPE_MASK) != INODE_CHAR ||
		    file->f_inode->i_rdev != ZERO_DEVICE)
			return false;
	}
	shared__join(0, SHARED_WRITTEN);
	return true;
}

/* May somebody else write there? Of files on disks only those that somebody has open for writing. */
static __always_inline bool shared__is_written(struct inode *inode)
{
	return inode->i_sb->s_magic == TMPFS_MAGIC || inode->i_sb->s_magic == HUGETLBFS_MAGIC ||
	       inode->i_writecount.counter > 0;
}

/* It is mapped to be written by the current process. */
static __always_inline u32 shared__how(struct file *file, u32 mechanism)
{
	u32 rule = unknown(copy__is_declassified(object__name(file), maps__epoch(), mechanism));

	return rule ? SHARED_DECLASSIFIED : SHARED_WRITTEN;
}

/* A file outside every store is mapped to be shared; how: enum shared_how. The caller finds that out, as the chain of calls
 * would be longer than Linux 6.1 allows else. */
static __noinline int shared__map(struct file *file, u32 how)
{
	struct inode *inode = file->f_inode;
	u64 key;

	if (!copy__is_regular(inode) || !copy__keeps(inode) ||
	    (how == SHARED_SEEN && !shared__is_written(inode)))
		return 0;
	key = group__of_file(inode);
	copy__note(inode);
	group__anchor(key);
	return shared__join(key, how);
}

/* Nobody but who sees it knows its key, if it lies in no store. */
static __noinline int shared__loosen(struct file *file, u32 mechanism)
{
	u64 key = group__of_file(object__name(file)->d_inode);
	u32 how;

	if (!group__find(key))
		return 0;
	how = shared__how(file, mechanism);
	if (how == SHARED_WRITTEN)
		mapped__note(file, mechanism);
	shared__join(key, how); /* what could not be noted is counted */
	return 0;
}

/* What was mapped to be shared, and read, is about to be written, which is decided as a copy; the mapping of an overlay's file
 * has the real one. 0 or -EACCES. Apart from what follows, as the chain of calls would be longer than Linux 6.1 allows else. */
static __always_inline int shared__write(struct file *file, u32 mechanism)
{
	struct dentry *name = object__name(file);

	if ((copy__is_regular(name->d_inode) || copy__is_disk(name->d_inode)) &&
	    copy__put(name, file, mechanism, HOOK_FILE_MPROTECT))
		return -EACCES;
	shared__loosen(file, mechanism);
	return 0;
}

/* The current process gets at another's memory, now and as long as it has a descriptor of that. */
static __noinline int shared__attach(struct task_struct *task)
{
	u64 mine, its;

	if (label__is_service())
		return 0;
	mine = shared__enter(bpf_get_current_task_btf());
	its = shared__enter(task);
	return mine && its ? shared__counted(group__unite(mine, its)) : 0;
}

#endif
