/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names inside a store, made and removed, and attributes of what they name. Links and renames, which may cross
 * a store's border, are in border.bpf.h. Every function returns 0 to allow or a negative errno.
 */
#ifndef MUNIMENT_NAMES_BPF_H
#define MUNIMENT_NAMES_BPF_H

/* An object in a store, or a name in a directory of one, is wanted for what is not done through a file. */
static __noinline int names__near(struct inode *inode, struct dentry *place, struct dentry *name,
				  u32 mechanism, struct access *access)
{
	u64 epoch = maps__epoch();

	access->slot = epoch_slot(epoch);
	if (!maps__speaks() ||
	    !access__locate(inode, place, access__known(inode, mechanism, epoch), epoch, mechanism, access) ||
	    access->place.store == STORE_CANARY) /* a daemon makes it anew */
		return 0;
	if (place != name)
		access->place.walked = 0; /* the record's names begin one below */
	access__ask(access, epoch);
	return access__settle(inode, name, access);
}

/* Does the directory lie where no store is, or is it known to lie outside? */
static __always_inline bool names__is_outside(struct inode *dir, u32 mechanism)
{
	u32 dev = kept__dev(dir);
	struct answer *known;
	u64 epoch;

	if (access__is_far_device(dev))
		return true;
	epoch = maps__epoch();
	if (mechanism == MECHANISM_LSM && kept__directory_is_outside(dir, dev, epoch))
		return true;
	known = access__known(dir, mechanism, epoch);
	return known && known->store == STORE_NONE;
}

/* The same of what has a name. */
static __always_inline bool names__leads_outside(struct inode *inode, struct dentry *name, u32 mechanism)
{
	u32 dev = kept__dev(inode);
	struct answer *known;
	u64 epoch;

	if (access__is_far_device(dev))
		return true;
	epoch = maps__epoch();
	if (kept__is_outside(inode, dev, mechanism, epoch) ||
	    kept__is_outside_by_directory(inode, name, mechanism, epoch))
		return true;
	known = access__known(inode, mechanism, epoch);
	return known && known->store == STORE_NONE;
}

/* A name is about to be made in dir: of a file, directory, device, FIFO, socket or symbolic link. */
static __always_inline int names__create(struct inode *dir, struct dentry *name, u32 mechanism, u32 hook)
{
	if (names__is_outside(dir, mechanism))
		return 0;

	struct access access = {.hook = hook,
				.mechanism = mechanism,
				.operations = OPERATION_BIT(OPERATION_CREATE),
				.flags = RECORD_FLAG_NEW_NAME};

	return names__near(dir, name->d_parent, name, mechanism, &access);
}

/* What has a name is wanted for operations. */
static __always_inline int names__object(struct dentry *name, u32 operations, u32 mechanism, u32 hook)
{
	struct inode *inode = name->d_inode;

	if (!inode || names__leads_outside(inode, name, mechanism))
		return 0;

	struct access access = {.hook = hook, .mechanism = mechanism, .operations = operations};

	return names__near(inode, name, name, mechanism, &access);
}

/* A name is about to be removed, and with its last one the object. */
static __always_inline int names__delete(struct dentry *name, u32 mechanism, u32 hook)
{
	return names__object(name, OPERATION_BIT(OPERATION_DELETE), mechanism, hook);
}

/* Extended attributes or an ACL are about to be changed. */
static __always_inline int names__describe(struct dentry *name, u32 mechanism, u32 hook)
{
	return names__object(name, OPERATION_BIT(OPERATION_ATTRIBUTES), mechanism, hook);
}

/* Owner, mode or times are about to be changed, or the size: by truncate, ftruncate, or an open, which was decided
 * as such. */
static __always_inline int names__setattr(struct dentry *name, struct iattr *attributes, u32 mechanism)
{
	u32 what = attributes->ia_valid;
	u32 operations;

	if (what & ATTR_SIZE)
		operations = what & ATTR_OPEN ? 0 : OPERATION_BIT(OPERATION_WRITE);
	else if (what & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME))
		operations = what & ATTR_FORCE ? 0 : OPERATION_BIT(OPERATION_ATTRIBUTES);
	else
		operations = 0;
	if (!operations)
		return 0;
	return names__object(name, unknown(operations), mechanism, HOOK_INODE_SETATTR);
}

#endif
