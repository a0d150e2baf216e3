/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which store does an object lie in? By inode: the chain of directories on the object's own file system
 * either passes a store's root or ends at the file system's root. Mounts, namespaces and symbolic links play
 * no part in it.
 *
 * Order, by measured cost: cached answer, device filter, marked inode, walk by direct BTF pointers (a third
 * of the cost of probe reads). What the walk cannot tell is never "outside".
 */
#ifndef MUNIMENT_OBJECT_BPF_H
#define MUNIMENT_OBJECT_BPF_H

#include <bpf/bpf_core_read.h>

/* Small, both, as they lie on the stack of long chains of calls. */
struct names { /* between an object and the root where its walk ended */
	u32 count;
	u32 bytes; /* with a NUL each */
	u16 longest;
	u16 outside; /* that root is the file system's, not a store's */
};

struct place {
	u64 root_ino; /* where the walk met the store; 0: it was known by a mark */
	u32 store;    /* STORE_NONE, a store, STORE_CANARY or STORE_UNDETERMINED */
	u32 root;
	u16 reason; /* with STORE_UNDETERMINED */
	u16 walked; /* names is known */
	struct names names;
};

/* An access on its way through the house: found, decided, recorded. */
struct access {
	struct place place;
	u32 operations;
	u32 mechanism;
	u8 hook; /* small, as 6.1 allows 512 bytes of stack for a whole chain of calls */
	u8 wanted;
	u8 enforced;
	u8 reason;
	u32 open_flags;
	u32 flags;
	u32 slot;
	u32 target; /* the process that is wanted, or 0 */
	u32 detail;
	u32 granted; /* operations that the actor may do here */
	u32 actor;   /* ACTOR_… */
	union {
		u64 account;	  /* see account.bpf.h */
		u32 library_mode; /* enum store_mode for STORE_LIBRARY, until it is judged */
	};
	u64 amount; /* what a use comes to, likewise */
};

/* btrfs numbers inodes per subvolume, and the super block's device is the same for all of them. */
static __noinline u32 object__btrfs_dev(struct inode *inode)
{
	struct btrfs_inode___module *bi;
	struct btrfs_root___module *root = NULL;
	u32 dev = 0;

	if (!bpf_core_type_exists(struct btrfs_inode___module))
		return 0;
	bi = (void *)((u64)inode - bpf_core_field_offset(struct btrfs_inode___module, vfs_inode));
	if (bpf_probe_read_kernel(&root, sizeof(root),
				  (void *)bi + bpf_core_field_offset(struct btrfs_inode___module, root)) ||
	    bpf_probe_read_kernel(&dev, sizeof(dev),
				  (void *)root + bpf_core_field_offset(struct btrfs_root___module, anon_dev)))
		count(COUNTER_READ_FAILED);
	return dev;
}

static __always_inline u32 object__dev(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	if (sb->s_magic == BTRFS_SUPER_MAGIC)
		return object__btrfs_dev(inode);
	return sb->s_dev;
}

static __always_inline void object__id(struct inode *inode, struct object_id *ret_id)
{
	ret_id->ino = inode->i_ino;
	ret_id->dev = object__dev(inode);
	ret_id->generation = inode->i_generation;
}

static __always_inline struct store_root *object__marked(struct inode *inode, u32 slot)
{
	struct object_key key = {.slot = slot};

	object__id(inode, &key.id);
	return bpf_map_lookup_elem(&stores_by_object, &key);
}

struct walk {
	struct dentry *dentry;
	u32 slot;
	u32 ended; /* at a dentry that is its own parent */
	struct place place;
};

/* Files of several names are looked up by inode before any walk; on a walk their mark must not hide the path.
 */
static __always_inline bool object__is_named_often(struct inode *inode)
{
	return inode->i_nlink > 1 && (inode->i_mode & INODE_TYPE_MASK) != INODE_DIRECTORY;
}

/*
 * bpf_loop's body (Linux 5.17, e6f2dd0f8067): one dentry upwards. Returns 1 to end. A loop of our own would
 * be verified turn by turn, and its exits multiplied with every loop after it.
 */
static long object__step(u32 turn, struct walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct inode *at = dentry->d_inode;
	struct store_root *root;
	u32 len;

	if (at && filter_has(control.slots[walk->slot & 1].roots, at->i_ino) && !object__is_named_often(at)) {
		root = object__marked(at, walk->slot);
		if (root) {
			walk->place.store = root->store;
			walk->place.root = root->root;
			walk->place.root_ino = at->i_ino;
			walk->place.names.outside = 0;
			return 1;
		}
	}
	parent = dentry->d_parent;
	if (parent == dentry) {
		walk->ended = 1;
		return 1;
	}
	len = dentry->d_name.len;
	walk->place.names.count++;
	walk->place.names.bytes += len + 1;
	if (len > walk->place.names.longest)
		walk->place.names.longest = len;
	walk->dentry = parent;
	return 0;
}

/* Walks from dentry, a name of inode, and fills *ret_place: store, root and names; STORE_UNDETERMINED with
 * the reason. */
static __noinline int object__walk(struct dentry *dentry, struct inode *inode, u32 slot,
				   struct place *ret_place)
{
	struct walk walk = {.dentry = dentry, .slot = slot};

	walk.place.store = unknown(STORE_NONE);
	walk.place.walked = 1;
	walk.place.names.outside = unknown(1);
	walk.place.names.count = walk.place.names.bytes = walk.place.names.longest = unknown(0);
	walk.ended = unknown(0);
	bpf_loop(WALK_DEPTH_MAX, object__step, &walk, 0);
	if (walk.place.names.outside && !walk.ended) {
		walk.place.store = STORE_UNDETERMINED;
		walk.place.reason = REASON_TOO_DEEP;
	} else if (walk.place.names.outside && walk.dentry != inode->i_sb->s_root) {
		walk.place.store = STORE_UNDETERMINED;
		walk.place.reason = REASON_UNDETERMINED;
	}
	*ret_place = walk.place;
	return 0;
}

#include "bpf/compat.bpf.h"

static __always_inline void object__stamp(struct inode *inode, struct content_stamp *ret_stamp)
{
	ret_stamp->size = inode->i_size;
	ret_stamp->ctime_ns = object__ctime(inode);
}

/* Where the walk cannot tell: an enforcing store on the same device makes it a matter of that store. */
static __always_inline void object__undetermined(struct inode *inode, u32 slot, struct place *place)
{
	struct device_key key = {.slot = slot, .dev = inode->i_sb->s_dev};

	if (bpf_map_lookup_elem(&rules_by_device, &key))
		count(place->reason == REASON_TOO_DEEP ? COUNTER_TOO_DEEP : COUNTER_UNDETERMINED);
	else
		place->store = STORE_NONE; /* the device filter let a stranger through: no store is there */
}

/* The full answer for an inode by one of its names; inode is on a device that passed the filter. */
static __always_inline void object__find(struct inode *inode, struct dentry *dentry, u32 slot,
					 struct place *ret_place)
{
	struct store_root *marked;

	if (object__is_named_often(inode)) {
		marked = object__marked(inode, slot);
		if (marked) {
			ret_place->store = marked->store;
			ret_place->root = marked->root;
			return;
		}
	}
	if (inode->i_sb != dentry->d_sb)
		object__walk_alias(inode, slot, ret_place);
	else
		object__walk(dentry, inode, slot, ret_place);
	if (ret_place->store == STORE_UNDETERMINED)
		object__undetermined(inode, slot, ret_place);
}

/*
 * Keeps an answer with its inode. Not for what could not be told.
 */
static __always_inline void object__remember(struct inode *inode, u64 epoch, const struct place *place)
{
	struct answer *kept;

	if (place->store == STORE_UNDETERMINED)
		return;
	kept = bpf_inode_storage_get(&answers_by_inode, inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!kept) {
		count(COUNTER_NO_CACHE); /* the answer itself stands */
		return;
	}
	kept->epoch = 0; /* never a new epoch beside an old store */
	kept->store = place->store;
	kept->root = place->root;
	kept->root_ino = place->root_ino;
	kept->epoch = epoch;
}

#endif
