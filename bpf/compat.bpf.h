/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Older and newer kernel shapes, each with the commit that changed them.
 */
#ifndef MUNIMENT_COMPAT_BPF_H
#define MUNIMENT_COMPAT_BPF_H

/*
 * Before def3ae83da02 ("fs: store real path instead of fake path in backing file f_path", 6.8) overlayfs
 * opens the real file under the overlay's path: f_inode is on the store's file system, the dentry is not. Any
 * of the inode's own names will do, since a file of several names was looked up by inode before. Probe reads,
 * as there is no typed way from list to dentry.
 */
struct alias_walk {
	u64 dentry;
	u32 slot;
	u32 dev;
	u32 ended;
	u32 found;
	struct store_root root;
};

static long object__alias_step(u32 turn, struct alias_walk *walk)
{
	struct dentry *dentry = (void *)walk->dentry, *parent;
	struct object_key key = {.slot = walk->slot, .id.dev = walk->dev};
	struct inode *at = BPF_CORE_READ(dentry, d_inode);
	struct store_root *root;

	key.id.ino = BPF_CORE_READ(at, i_ino);
	if (filter_has(control.slots[walk->slot & 1].roots, key.id.ino)) {
		key.id.generation = BPF_CORE_READ(at, i_generation);
		root = bpf_map_lookup_elem(&stores_by_object, &key);
		if (root) {
			walk->root = *root;
			walk->found = 1;
			return 1;
		}
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry) {
		walk->ended = 1;
		return 1;
	}
	walk->dentry = (u64)parent;
	return 0;
}

static __noinline int object__walk_alias(struct inode *inode, u32 slot, struct place *ret_place)
{
	struct alias_walk walk = {.slot = slot, .dev = inode->i_sb->s_dev};
	u64 first = (u64)inode->i_dentry.first;

	if (bpf_core_field_exists(struct dentry, d_u.d_alias))
		walk.dentry = first - bpf_core_field_offset(struct dentry, d_u.d_alias);
	else
		walk.dentry = first - bpf_core_field_offset(struct dentry___flat, d_alias);
	if (first)
		bpf_loop(WALK_DEPTH_MAX, object__alias_step, &walk, 0);
	if (walk.found) {
		ret_place->store = walk.root.store;
		ret_place->root = walk.root.root;
	} else if (!walk.ended || walk.dentry != (u64)inode->i_sb->s_root) {
		ret_place->store = STORE_UNDETERMINED;
		ret_place->reason = REASON_UNDETERMINED;
	}
	return 0;
}

/* Linux 6.2, a35b9af4ec2c: a typed view of an address. Weak: `tracing` is not to be had without it. */
extern void *bpf_rdonly_cast(const void *address, u32 btf_id) __ksym __weak;

struct backing_file { /* since Linux 6.5; user_path: since 6.8 */
	struct file file;
	struct path user_path;
} __attribute__((preserve_access_index));

/* In f_mode: 0x2000000 since Linux 6.5, 0x1000000 as of 6.14 and its copies in 6.12.y, where the other one means something
 * else; always with the last one, which few files have besides. */
#define BACKING_BITS	  0x3000000
#define BACKING_NOACCOUNT 0x20000000

#define OVERLAYFS_SUPER_MAGIC 0x794c7630

/*
 * The name by which an open file is known to who uses it. Since def3ae83da02 (above) overlayfs opens the real file below
 * one of its own under the real one's name, and the path that the user sees is beside it. What FUSE passes through (6.9)
 * looks the same, but where its files lie is for whoever serves them to say: that counts as the real file. On kernels
 * that have it, always a cast, so that the verifier goes through what follows once. Not inlined: its stack need not add up
 * with that of what follows.
 */
static __noinline struct dentry *object__name(struct file *file)
{
	struct backing_file *backing = (void *)file;
	u64 name = (u64)file->f_path.dentry;
	struct dentry *seen;

	if (!bpf_core_field_exists(backing->user_path))
		return file->f_path.dentry;
	if (file->f_mode & BACKING_BITS && file->f_mode & BACKING_NOACCOUNT) {
		seen = BPF_CORE_READ(backing, user_path.dentry);
		if (BPF_CORE_READ(seen, d_sb, s_magic) == OVERLAYFS_SUPER_MAGIC)
			name = (u64)seen;
	}
	return bpf_rdonly_cast((void *)name, bpf_core_type_id_kernel(struct dentry));
}

/* Is it an overlay's name of a file that is not the overlay's own, but the real one below? */
static __always_inline bool object__is_overlaid(struct inode *inode, struct dentry *name)
{
	return name->d_sb != inode->i_sb && name->d_sb->s_magic == OVERLAYFS_SUPER_MAGIC;
}

#define CTIME_QUERIED (1u << 31)

/*
 * When the inode last changed, content included, in ns since 1970. Before 3aa63a569c64 ("fs: switch timespec64
 * fields in inode to discrete integers", 6.11) the inode has one timespec64, whose name 13bc24457850 ("fs:
 * rename i_ctime field to __i_ctime", 6.6) changed. Since 4e40eff0b573 ("fs: add infrastructure for multigrain
 * timestamps", 6.13) the highest bit of the nanoseconds only tells whether somebody has looked.
 */
static __always_inline u64 object__ctime(struct inode *inode)
{
	const struct inode___ctime *before = (void *)inode;
	const struct inode___hidden_ctime *hidden = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec))
		return inode->i_ctime_sec * 1000000000ull + (inode->i_ctime_nsec & ~CTIME_QUERIED);
	if (bpf_core_field_exists(hidden->__i_ctime))
		return hidden->__i_ctime.tv_sec * 1000000000ull + hidden->__i_ctime.tv_nsec;
	return before->i_ctime.tv_sec * 1000000000ull + before->i_ctime.tv_nsec;
}

#endif
