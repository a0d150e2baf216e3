/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices that a store's file system lies on: who reads them reads records. The daemon finds them in sysfs, down to
 * whole disks and the files behind loop devices (those are roots of the store like any other).
 */
#ifndef MUNIMENT_RAW_BPF_H
#define MUNIMENT_RAW_BPF_H

/* Can it be such a device? Device nodes lie on devtmpfs, far from every store. */
static __always_inline bool raw__is_near_of(struct inode *inode, u32 type)
{
	return (type == INODE_BLOCK || type == INODE_CHAR) && control.raw >> raw_bit(inode->i_rdev) & 1;
}

static __always_inline bool raw__is_near(struct inode *inode)
{
	return raw__is_near_of(inode, inode->i_mode & INODE_TYPE_MASK);
}

/* Is the current program one that looks at devices, as udev does to name them? */
static __always_inline bool raw__is_probe(u32 slot)
{
	struct object_key key = {.slot = slot, .kind = OBJECT_PROBE};
	struct inode *exe = actor__exe(bpf_get_current_task_btf());

	if (!exe)
		return false;
	object__id(exe, &key.id);
	return bpf_map_lookup_elem(&stores_by_object, &key);
}

/* Which store lies on the device, and what the current program may do with it without a role. */
static __noinline int raw__find(struct inode *inode, struct access *access)
{
	u32 type = inode->i_mode & INODE_TYPE_MASK;
	struct object_key key = {.id.ino = inode->i_rdev, .slot = access->slot};
	struct store_root *root;

	key.kind = type == INODE_BLOCK ? OBJECT_BLOCK : OBJECT_CHAR;
	root = bpf_map_lookup_elem(&stores_by_object, &key);
	if (!root)
		return 0;
	access->place.store = root->store;
	access->place.root = root->root;
	if (raw__is_probe(access->slot))
		access->granted = OPERATION_BIT(OPERATION_READ);
	return 0;
}

/*
 * Does a loop device's own thread read the file behind it? On Linux 6.1 that passes file_permission, on 6.12 not. The
 * process that set the device up was asked, or was there first.
 */
static __always_inline bool raw__is_loop(struct inode *inode, const struct access *access)
{
	const u32 worker = TASK_KTHREAD | TASK_MEMALLOC_NOIO;

	return (bpf_get_current_task_btf()->flags & worker) == worker &&
	       (inode->i_mode & INODE_TYPE_MASK) == INODE_REGULAR &&
	       (!access->place.root_ino || access->place.root_ino == inode->i_ino);
}

#endif
