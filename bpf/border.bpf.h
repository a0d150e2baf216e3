/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links and renames. Identity goes by directories, so a name that comes to lie on the other side of a store's
 * border would take a record out of its store, or change what kept answers say.
 */
#ifndef MUNIMENT_BORDER_BPF_H
#define MUNIMENT_BORDER_BPF_H

/* Where a name goes. */
enum border {
	BORDER_NOWHERE, /* from outside every store to outside */
	BORDER_WITHIN,	/* one store */
	BORDER_ACROSS,
};

/*
 * An object is about to get a name in the directory to; its old one is dentry of inode. Fills in what is asked
 * for: within a store the operation `within`; out of a store no grant covers it, as the record would be read
 * under a name that nobody guards; into a store it takes `create`.
 */
static __noinline int border__crosses(struct dentry *dentry, struct inode *inode, struct dentry *to,
				      u32 within, struct access *access)
{
	struct place from = {.store = STORE_NONE}, there = {.store = STORE_NONE};

	object__find(inode, dentry, access->slot, &from);
	object__walk(to, to->d_inode, access->slot, &there);
	access->place = from;
	access->place.walked = 0; /* the walk may have begun at a parent */
	if (from.store == there.store && from.store != STORE_UNDETERMINED) {
		access->operations = within;
		return from.store == STORE_NONE ? BORDER_NOWHERE : BORDER_WITHIN;
	}
	if (from.store != STORE_NONE) {
		access->operations = OPERATION_BIT(OPERATION_RENAME);
		if (!from.reason)
			access->place.reason = REASON_BORDER;
	} else {
		access->place = there;
		access->place.walked = 0;
		access->operations = OPERATION_BIT(OPERATION_CREATE);
	}
	return BORDER_ACROSS;
}

static __noinline int border__mark(struct inode *inode, u32 slot, const struct place *place)
{
	struct object_key key = {.slot = slot};
	struct store_root mark = {.store = place->store, .root = place->root};

	object__id(inode, &key.id);
	if (bpf_map_update_elem(&stores_by_object, &key, &mark, BPF_ANY))
		count(COUNTER_NO_CACHE);
	/* Also when this will be its only name: a walk may begin at the one that is gone by then. */
	filter_add(control.slots[slot & 1].roots, inode->i_ino);
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
	int where, err;

	if (access__is_far(dir) || !maps__speaks() || !inode)
		return 0;
	where = unknown(border__crosses(old, inode, new->d_parent, OPERATION_BIT(OPERATION_CREATE), &access));
	if (where == BORDER_NOWHERE)
		return 0;
	access__ask(&access, epoch);
	err = access__settle(inode, old, &access);
	/* Only monitored, or a permitted way in: from now on known by its inode, whatever the name. */
	if (!err && where == BORDER_ACROSS)
		border__mark(inode, slot, &access.place);
	return err;
}

#define RENAME_EXCHANGE 2

/*
 * Answers given until the rename is done must not outlive it: border__renamed raises the epoch again. Where
 * that cannot be noted, the crossing is refused.
 */
static __always_inline int border__note_crossing(void)
{
	struct actor_answer *actor;

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

/* Neither leaves nor enters a store, as nothing is there. */
static __always_inline bool border__is_outside(struct dentry *from, struct dentry *to, u32 mechanism)
{
	return names__is_outside(from->d_inode, mechanism) &&
	       (from == to || names__is_outside(to->d_inode, mechanism));
}

/*
 * A rename: old takes the name new. What had that name is gone, which takes `delete`; or exchanged, which the
 * LSM hook cannot tell from it.
 */
static __always_inline int border__rename(struct dentry *old, struct dentry *new, u32 flags, u32 mechanism)
{
	struct dentry *from = old->d_parent, *to = new->d_parent;
	struct inode *inode = old->d_inode, *other = new->d_inode;
	u32 within, where;

	if (!inode || access__is_far(inode) || border__is_outside(from, to, mechanism) || !maps__speaks())
		return 0;

	u64 epoch = maps__epoch();
	struct access access = {.hook = HOOK_INODE_RENAME, .mechanism = mechanism, .slot = epoch_slot(epoch)};

	within = unknown(OPERATION_BIT(OPERATION_RENAME) | (other ? OPERATION_BIT(OPERATION_DELETE) : 0));
	where = unknown(border__crosses(from, from->d_inode, to, within, &access));
	if (flags & RENAME_EXCHANGE && other && access.operations == OPERATION_BIT(OPERATION_CREATE)) {
		/* While this one comes into a store, the other leaves it. */
		where = unknown(border__crosses(to, to->d_inode, from, within, &access));
		inode = other;
		old = new;
	}
	if (where == BORDER_NOWHERE)
		return 0;
	access__ask(&access, epoch);
	if (access__settle(inode, old, &access))
		return -EACCES;
	return where == BORDER_ACROSS ? border__note_crossing() : 0;
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
