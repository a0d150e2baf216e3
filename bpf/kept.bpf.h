/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where inodes are known to lie, in memory of our own: a third of what the inode's storage costs to ask, and nothing to
 * allocate or to free with each file that comes and goes outside on a store's device. For lsm only, like all kept
 * answers of inodes; of those inside a store, the inode's storage tells more.
 *
 * An entry is about the inode with that address, number, generation and device. Such an inode is another object only if
 * a file system deals out a generation again: kept__is_told_apart names those that do not. Of one super block, that is;
 * the next one under the same device number comes by kept__mounted, which voids all answers.
 */
#ifndef MUNIMENT_KEPT_BPF_H
#define MUNIMENT_KEPT_BPF_H

struct kept {
	u64 inode; /* address; read last and written first */
	u64 ino;
	u64 answer; /* epoch and store: kept__answer */
	u32 generation;
	u32 dev; /* of the super block */
};

/* Numbers of copies (copy.bpf.h), and of files that may become some by a mapping: most files are known to be none by that. Bits are set before the copy's label, and stay.
 * Its own section, so that it can be pinned with the labels. */
struct copy_filter copy_filter SEC(".data.copies") = {};

static __always_inline u64 *copy__word(u64 ino, u32 *ret_bit)
{
	u32 bit = copy_bit(ino);

	*ret_bit = bit & 63;
	return &copy_filter.words[bit >> 6 & (COPY_FILTER_WORDS - 1)];
}

static __always_inline bool copy__is_noted(struct inode *inode)
{
	u32 bit;
	u64 *word = copy__word(inode->i_ino, &bit);

	return *word >> bit & 1;
}

static __always_inline bool copy__may_be(struct inode *inode)
{
	return control.copies && copy__is_noted(inode);
}

#define KEPT_FILES	 4096
#define KEPT_DIRECTORIES 1024

/* By number: neighbours in a directory have neighbouring ones. */
static struct {
	struct kept files[KEPT_FILES]; /* whatever was opened: directories, too; outside, no copies,
						      FIFOs or terminals, so that reading them takes no further question */
	struct kept directories[KEPT_DIRECTORIES]; /* outside */
	u32 busy;				   /* an entry is being written */
} inodes;

#define KEPT_STORE_BITS 8
#define KEPT_NOTHING	(1u << KEPT_STORE_BITS) /* no store's number */

static __always_inline u64 kept__answer(u64 epoch, u32 store)
{
	return epoch << KEPT_STORE_BITS | store;
}

static __always_inline u32 kept__dev(struct inode *inode)
{
	return inode->i_sb->s_dev;
}

/*
 * The entry's store if it is about this inode, as of this epoch. While somebody else writes it, too: the inode is alive,
 * so that no other object can come to be noted by its address now. An address that still stands there after all else was read
 * was there before, and so was what belongs to it (x86 keeps the order of loads, and that of stores).
 */
static __always_inline u32 kept__of(const volatile struct kept *entry, struct inode *inode, u64 ino, u32 dev,
				    u64 epoch)
{
	u64 store = entry->answer ^ kept__answer(epoch, 0);

	if (entry->ino != ino || store >= KEPT_NOTHING || entry->dev != dev ||
	    entry->generation != inode->i_generation || entry->inode != (u64)inode)
		return KEPT_NOTHING;
	return store;
}

/*
 * The store that this inode, on a device that passed the filter, is known to lie in, or STORE_NONE; KEPT_NOTHING when
 * that is not known here. The two tables' addresses are computed once: hence barrier_var.
 */
static __always_inline u32 kept__store(struct inode *inode, u32 dev, u32 mechanism, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct kept *entry = &inodes.files[ino & (KEPT_FILES - 1)];

	barrier_var(entry);
	return mechanism == MECHANISM_LSM ? kept__of(entry, inode, ino, dev, epoch) : KEPT_NOTHING;
}

static __always_inline bool kept__directory_is_outside(struct inode *inode, u32 dev, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct kept *entry = &inodes.directories[ino & (KEPT_DIRECTORIES - 1)];

	barrier_var(entry);
	return kept__of(entry, inode, ino, dev, epoch) == STORE_NONE;
}

static __always_inline bool kept__is_outside(struct inode *inode, u32 dev, u32 mechanism, u64 epoch)
{
	return kept__store(inode, dev, mechanism, epoch) == STORE_NONE;
}

/*
 * Does its only name stand in a directory that is known to lie outside, and is it no store itself? Not for directories:
 * how deep they may lie is for the walk to say.
 */
static __always_inline bool kept__is_outside_by_directory(struct inode *inode, struct dentry *name,
							  u32 mechanism, u64 epoch)
{
	const struct policy_slot *policy = &control.slots[epoch_slot(epoch)];
	u32 type = inode->i_mode & INODE_TYPE_MASK;
	struct inode *directory;

	if (mechanism != MECHANISM_LSM || type == INODE_DIRECTORY || type == INODE_BLOCK ||
	    type == INODE_CHAR || inode->i_nlink > 1 || name->d_inode != inode ||
	    filter_has(policy->roots, inode->i_ino))
		return false;
	directory = name->d_parent->d_inode;
	return directory && kept__directory_is_outside(directory, kept__dev(directory), epoch);
}

/* Do generations tell objects of one number apart? ext4, xfs and tmpfs draw them at random. */
static __always_inline bool kept__is_told_apart(struct super_block *sb)
{
	return sb->s_magic == EXT4_SUPER_MAGIC || sb->s_magic == TMPFS_MAGIC ||
	       sb->s_magic == XFS_SUPER_MAGIC;
}

/* One writer at a time: of two at once, each could leave half of an entry. What comes to be a copy meanwhile finds the
 * entry, or is found here: the exchange lets no load before a store. */
static __always_inline void kept__write(volatile struct kept *entry, struct inode *inode, u64 ino, u32 dev,
					u64 answer)
{
	if (__sync_lock_test_and_set(&inodes.busy, 1))
		return;
	entry->inode = 0;
	entry->ino = ino;
	entry->answer = answer;
	entry->generation = inode->i_generation;
	entry->dev = dev;
	entry->inode = (u64)inode;
	__sync_lock_test_and_set(&inodes.busy, 0);
	if ((answer & (KEPT_NOTHING - 1)) == STORE_NONE && copy__is_noted(inode))
		entry->inode = 0;
}

/* A file becomes a copy. */
static __always_inline void kept__forget(u64 ino)
{
	struct kept *entry = &inodes.files[ino & (KEPT_FILES - 1)];

	barrier_var(entry);
	if (entry->ino == ino)
		entry->inode = 0;
}

/* FIFOs and terminals: whose data goes through them is asked at each use. */
static __always_inline bool kept__may_carry(struct inode *inode)
{
	u32 type = inode->i_mode & INODE_TYPE_MASK;

	return type == INODE_FIFO || type == INODE_CHAR;
}

static __always_inline void kept__add_file(struct inode *inode, u32 dev, u64 epoch, u32 store)
{
	u64 ino = inode->i_ino;
	struct kept *entry = &inodes.files[ino & (KEPT_FILES - 1)];

	if (kept__may_carry(inode))
		return;
	barrier_var(entry);
	kept__write(entry, inode, ino, dev, kept__answer(epoch, store));
}

static __always_inline void kept__add_directory(struct inode *inode, u32 dev, u64 epoch)
{
	u64 ino = inode->i_ino;
	struct kept *entry = &inodes.directories[ino & (KEPT_DIRECTORIES - 1)];

	barrier_var(entry);
	kept__write(entry, inode, ino, dev, kept__answer(epoch, STORE_NONE));
}

/* Is it outside by its directory? Then from now on by itself. Not inlined: where this is asked, time is no matter. */
static __noinline bool kept__learn_outside(struct inode *inode, struct dentry *name, u64 epoch)
{
	if (!kept__is_outside_by_directory(inode, name, MECHANISM_LSM, epoch))
		return false;
	kept__add_file(inode, kept__dev(inode), epoch, STORE_NONE);
	return true;
}

/* A walk found an inode to lie outside by its name. False: its file system's generations do not tell enough. */
static __noinline bool kept__note_outside(struct inode *inode, struct dentry *name, u64 epoch)
{
	struct inode *directory = inode;
	u32 dev = kept__dev(inode);

	if (!kept__is_told_apart(inode->i_sb))
		return false;
	kept__add_file(inode, dev, epoch, STORE_NONE);
	if ((inode->i_mode & INODE_TYPE_MASK) != INODE_DIRECTORY)
		directory = name->d_inode == inode ? name->d_parent->d_inode : NULL;
	if (directory)
		kept__add_directory(directory, dev, epoch);
	return true;
}

/* An inode lies in a store. */
static __noinline int kept__note_inside(struct inode *inode, u64 epoch, u32 store)
{
	if (store < STORE_NONE && store != STORE_UNDETERMINED && kept__is_told_apart(inode->i_sb))
		kept__add_file(inode, kept__dev(inode), epoch, store);
	return 0;
}

/* A file system comes into reach. */
static __always_inline void kept__mounted(const struct super_block *sb)
{
	if (control.devices >> (sb->s_dev & 63) & 1)
		maps__new_epoch();
}

#endif
