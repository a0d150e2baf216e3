/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inodes that are known to lie outside every store, in memory of our own: a third of what the inode's storage costs to
 * ask, and nothing to allocate or to free with each file that comes and goes on a store's device. For lsm only, like
 * all kept answers of inodes.
 *
 * An entry is about the inode with that address, number, generation and device. Such an inode is another object only if
 * a file system deals out a generation again: outside__is_told_apart names those that do not. Of one super block, that is;
 * the next one under the same device number comes by outside__mounted, which voids all answers.
 */
#ifndef MUNIMENT_OUTSIDE_BPF_H
#define MUNIMENT_OUTSIDE_BPF_H

struct outside {
	u64 inode; /* address; read last and written first */
	u64 ino;
	u64 epoch;
	u32 generation;
	u32 dev; /* of the super block */
};

#define OUTSIDE_FILES	    4096
#define OUTSIDE_DIRECTORIES 1024

/* By number: neighbours in a directory have neighbouring ones. */
static struct {
	struct outside files[OUTSIDE_FILES]; /* whatever was opened: directories, too */
	struct outside directories[OUTSIDE_DIRECTORIES];
	u32 busy; /* an entry is being written */
} outside;

static __always_inline u32 outside__dev(struct inode *inode)
{
	return inode->i_sb->s_dev;
}

/*
 * Is the entry about this inode, as of this epoch? While somebody else writes it, too: the inode is alive, so that no
 * other object can come to be noted by its address now. An address that still stands there after all else was read
 * was there before, and so was what belongs to it (x86 keeps the order of loads, and that of stores).
 */
static __always_inline bool outside__is_about(const struct outside *entry, struct inode *inode, u64 ino,
					      u32 dev, u64 epoch)
{
	if (entry->ino != ino || entry->epoch != epoch || entry->dev != dev ||
	    entry->generation != inode->i_generation)
		return false;
	return *(const volatile u64 *)&entry->inode == (u64)inode;
}

/* The two tables' addresses are computed once: hence barrier_var. */
static __always_inline bool outside__has_file(struct inode *inode, u32 dev, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct outside *entry = &outside.files[ino & (OUTSIDE_FILES - 1)];

	barrier_var(entry);
	return outside__is_about(entry, inode, ino, dev, epoch);
}

static __always_inline bool outside__has_directory(struct inode *inode, u32 dev, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct outside *entry = &outside.directories[ino & (OUTSIDE_DIRECTORIES - 1)];

	barrier_var(entry);
	return outside__is_about(entry, inode, ino, dev, epoch);
}

/* Is the inode, on a device that passed the filter, known to lie outside? */
static __always_inline bool outside__knows(struct inode *inode, u32 dev, u32 mechanism, u64 epoch)
{
	return mechanism == MECHANISM_LSM && outside__has_file(inode, dev, epoch);
}

/*
 * Does its only name stand in a directory that is known to lie outside, and is it no store itself? Not for directories:
 * how deep they may lie is for the walk to say.
 */
static __always_inline bool outside__by_directory(struct inode *inode, struct dentry *name, u32 mechanism,
						  u64 epoch)
{
	const struct policy_slot *policy = &control.slots[epoch_slot(epoch)];
	u32 type = inode->i_mode & INODE_TYPE_MASK;
	struct inode *directory;

	if (mechanism != MECHANISM_LSM || type == INODE_DIRECTORY || type == INODE_BLOCK ||
	    type == INODE_CHAR || inode->i_nlink > 1 || name->d_inode != inode ||
	    filter_has(policy->roots, inode->i_ino))
		return false;
	directory = name->d_parent->d_inode;
	return directory && outside__has_directory(directory, outside__dev(directory), epoch);
}

/* Do generations tell objects of one number apart? ext4, xfs and tmpfs draw them at random. */
static __always_inline bool outside__is_told_apart(struct super_block *sb)
{
	return sb->s_magic == EXT4_SUPER_MAGIC || sb->s_magic == TMPFS_MAGIC ||
	       sb->s_magic == XFS_SUPER_MAGIC;
}

/* One writer at a time: of two at once, each could leave half of an entry. */
static __always_inline void outside__write(volatile struct outside *entry, struct inode *inode, u64 ino,
					   u32 dev, u64 epoch)
{
	if (__sync_lock_test_and_set(&outside.busy, 1))
		return;
	entry->inode = 0;
	entry->ino = ino;
	entry->epoch = epoch;
	entry->generation = inode->i_generation;
	entry->dev = dev;
	entry->inode = (u64)inode;
	*(volatile u32 *)&outside.busy = 0;
}

static __always_inline void outside__add_file(struct inode *inode, u32 dev, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct outside *entry = &outside.files[ino & (OUTSIDE_FILES - 1)];

	barrier_var(entry);
	outside__write(entry, inode, ino, dev, epoch);
}

static __always_inline void outside__add_directory(struct inode *inode, u32 dev, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct outside *entry = &outside.directories[ino & (OUTSIDE_DIRECTORIES - 1)];

	barrier_var(entry);
	outside__write(entry, inode, ino, dev, epoch);
}

/* Is it outside by its directory? Then from now on by itself. Not inlined: where this is asked, time is no matter. */
static __noinline bool outside__learn(struct inode *inode, struct dentry *name, u64 epoch)
{
	if (!outside__by_directory(inode, name, MECHANISM_LSM, epoch))
		return false;
	outside__add_file(inode, outside__dev(inode), epoch);
	return true;
}

/* A walk found an inode to lie outside by its name. False: its file system's generations do not tell enough. */
static __noinline bool outside__note(struct inode *inode, struct dentry *name, u64 epoch)
{
	struct inode *directory = inode;
	u32 dev = outside__dev(inode);

	if (!outside__is_told_apart(inode->i_sb))
		return false;
	outside__add_file(inode, dev, epoch);
	if ((inode->i_mode & INODE_TYPE_MASK) != INODE_DIRECTORY)
		directory = name->d_inode == inode ? name->d_parent->d_inode : NULL;
	if (directory)
		outside__add_directory(directory, dev, epoch);
	return true;
}

/* A file system comes into reach. */
static __always_inline void outside__mounted(const struct super_block *sb)
{
	if (control.devices >> (sb->s_dev & 63) & 1)
		maps__new_epoch();
}

#endif
