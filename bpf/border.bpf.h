/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that come to lie on the other side of a store's border, by link or rename. Identity goes by
 * directories, so such a name would take a record out of its store, or change what kept answers say.
 */
#ifndef MUNIMENT_BORDER_BPF_H
#define MUNIMENT_BORDER_BPF_H

/*
 * An object is about to get a name in the directory to. Does that name lie in another store than the name
 * dentry of inode does? Then 1, and what is asked for: out of a store no grant covers it, as the record would
 * be read under a name that nobody guards; into a store it takes `create`.
 */
static __noinline int border__crosses(struct dentry *dentry, struct inode *inode, struct dentry *to,
				      struct access *access)
{
	struct place from = {.store = STORE_NONE}, there = {.store = STORE_NONE};

	object__find(inode, dentry, access->slot, &from);
	object__walk(to, to->d_inode, access->slot, &there);
	if (from.store == there.store && from.store != STORE_UNDETERMINED)
		return 0;
	if (from.store != STORE_NONE) {
		access->place = from;
		access->operations = OPERATION_BIT(OPERATION_RENAME);
		if (!from.reason)
			access->place.reason = REASON_BORDER;
	} else {
		access->place = there;
		access->operations = OPERATION_BIT(OPERATION_CREATE);
	}
	access->place.walked = 0; /* the walk may have begun at a parent */
	return 1;
}

static __noinline int border__mark(struct inode *inode, u32 slot, const struct place *place)
{
	struct object_key key = {.slot = slot};
	struct store_root mark = {.store = place->store, .root = place->root};

	object__id(inode, &key.id);
	if (bpf_map_update_elem(&stores_by_object, &key, &mark, BPF_ANY))
		count(COUNTER_NO_CACHE);
	maps__new_epoch();
	return 0;
}

/* A new name for an inode. Both names are on one file system. */
static __always_inline int border__link(struct dentry *old, struct inode *dir, struct dentry *new,
					u32 mechanism)
{
	u64 epoch = maps__epoch();
	u32 slot = epoch_slot(epoch);
	struct access access = {.hook = HOOK_INODE_LINK, .mechanism = mechanism, .slot = slot};
	struct inode *inode = old->d_inode;
	int err;

	if (access__is_far(dir) || !maps__speaks() || !inode ||
	    !border__crosses(old, inode, new->d_parent, &access))
		return 0;
	access__ask(&access, epoch);
	err = access__settle(inode, old, &access);
	if (!err) /* only monitored, or a permitted way in: from now on known by its inode, whatever the name
		   */
		border__mark(inode, slot, &access.place);
	return err;
}

/* One direction of a rename: old moves to the directory of new. */
static __always_inline int border__move(struct dentry *old, struct dentry *new, u64 epoch, u32 mechanism)
{
	u32 slot = epoch_slot(epoch);
	struct access access = {.hook = HOOK_INODE_RENAME, .mechanism = mechanism, .slot = slot};
	struct dentry *parent = old->d_parent;
	struct inode *inode = old->d_inode;
	struct actor_answer *actor;

	if (parent == new->d_parent || !inode ||
	    !border__crosses(parent, parent->d_inode, new->d_parent, &access))
		return 0;
	access__ask(&access, epoch);
	if (access__settle(inode, old, &access))
		return -EACCES;
	/*
	 * Answers given until the rename is done must not outlive it: border__renamed raises the epoch again.
	 * Where that cannot be noted, the crossing is refused.
	 */
	maps__new_epoch();
	actor = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!actor) {
		count(COUNTER_NO_CACHE);
		return -EACCES;
	}
	actor->flags |= ACTOR_CROSSING;
	return 0;
}

#define RENAME_EXCHANGE 2

static __always_inline int border__rename(struct dentry *old, struct dentry *new, u32 flags, u32 mechanism)
{
	u64 epoch = maps__epoch();
	int err;

	if (!(control.devices >> (old->d_sb->s_dev & 63) & 1) || !maps__speaks())
		return 0;
	err = border__move(old, new, epoch, mechanism);
	if (!err && flags & RENAME_EXCHANGE)
		err = border__move(new, old, epoch, mechanism);
	return err;
}

/* A rename is over, done or failed. */
static __always_inline void border__renamed(void)
{
	struct actor_answer *actor =
		bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);

	if (!actor || !(actor->flags & ACTOR_CROSSING))
		return;
	actor->flags &= ~ACTOR_CROSSING;
	maps__new_epoch();
}

#endif
