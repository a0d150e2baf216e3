/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies: files outside every store that a process which holds data of stores has written to. They hold that data from
 * then on: who reads them comes to hold it, too, and needs a grant to read in each of those stores. Writing is decided by
 * the policy's `copies`. Known by inode, so that links, renames and mounts change nothing. A file of one store to which
 * data of another is written is a copy of the latter as well.
 */
#ifndef MUNIMENT_COPY_BPF_H
#define MUNIMENT_COPY_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct object_id);
	__type(value, u64);
} labels_by_file SEC(".maps");

static __noinline u64 copy__find(struct inode *inode)
{
	struct object_id id;
	u64 *label;

	object__id(inode, &id);
	label = bpf_map_lookup_elem(&labels_by_file, &id);
	return (label ? *label : 0) | (control.memories ? group__holds(group__of_file(inode)) : 0);
}

/* Whose data the file holds beside that of the store that it lies in, if it lies in one. */
static __always_inline u64 copy__label(struct inode *inode)
{
	return copy__may_be(inode) ? copy__find(inode) : 0;
}

static __always_inline void copy__note_number(u64 ino)
{
	u32 bit;
	u64 *word = copy__word(ino, &bit);

	if (*word >> bit & 1)
		return;
	__sync_fetch_and_or(word, 1ull << bit);
	kept__forget(ino);
}

static __always_inline void copy__note(struct inode *inode)
{
	copy__note_number(inode->i_ino);
}

/* The file with that identity, of which is noted that it may be one, comes to hold more. 0 or -ENOMEM. */
static __always_inline int copy__enter(const struct object_id *id, u64 stores)
{
	__sync_fetch_and_add(&control.copies, 1); /* before the label, which nobody looks for without */
	if (group__grow(&labels_by_file, (const u64 *)id, stores) >= 0)
		return 0;
	count(COUNTER_UNLABELLED);
	return -ENOMEM;
}

/* The same by the current process. */
static __noinline int copy__mark_known(const struct object_id *id, u64 stores)
{
	u64 *label = bpf_map_lookup_elem(&labels_by_file, id), number = pass_file(id);

	if (!label || stores & ~*label)
		pass__give(&number);
	return copy__enter(id, stores);
}

/* The file that one of an overlay really is; false: it is none, or is not written to as yet. */
static __noinline bool copy__upper(struct inode *inode, struct object_id *ret_id)
{
	struct inode *upper = inode->i_sb->s_magic == OVERLAYFS_SUPER_MAGIC ? medium__upper(inode) : NULL;

	if (!upper)
		return false;
	ret_id->ino = BPF_CORE_READ(upper, i_ino);
	ret_id->generation = BPF_CORE_READ(upper, i_generation);
	ret_id->dev = BPF_CORE_READ(upper, i_sb, s_magic) == BTRFS_SUPER_MAGIC
			      ? object__btrfs_dev(upper)
			      : BPF_CORE_READ(upper, i_sb, s_dev);
	return true;
}

/* The file comes to hold more. One of an overlay's is known by its upper layer, too: what is mapped there is written
 * without asking about that. 0 or -ENOMEM. */
static __noinline int copy__mark(struct inode *inode, u64 stores)
{
	struct object_id id;
	int err;

	copy__note(inode);
	if (control.groups && group__write(group__of_file(inode), stores))
		return -ENOMEM;
	object__id(inode, &id);
	err = copy__mark_known(&id, stores);
	if (err || !copy__upper(inode, &id))
		return err;
	copy__note_number(id.ino);
	return copy__mark_known(&id, stores);
}

/* What stands for the file in struct record_pass. */
static __noinline u64 copy__number(struct inode *inode)
{
	struct object_id id;

	object__id(inode, &id);
	return pass_file(&id);
}

/* The inode is no more, or only no more in memory. */
static __always_inline void copy__gone(struct inode *inode)
{
	struct object_id id;

	if (!(control.copies | control.groups) || !copy__is_noted(inode))
		return;
	group__file_gone(group__of_file(inode), inode->i_nlink);
	if (inode->i_nlink)
		return;
	object__id(inode, &id);
	bpf_map_delete_elem(&labels_by_file, &id);
}

/* Can a file there keep what is written to it? Those of the kernel's own file systems are switches, not files. */
static __always_inline bool copy__keeps(struct inode *inode)
{
	switch (inode->i_sb->s_magic) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case SELINUX_MAGIC:
	case BPF_FS_MAGIC:
	case ANON_INODE_FS_MAGIC: /* one inode for all eventfds, rings of io_uring … */
		return false;
	default:
		return true;
	}
}

/* --- which store is it about? --- */

struct copy_case {
	u64 label;  /* still to be asked about */
	u64 served; /* of these, what the process may read and serves to others */
	u32 slot;
	u32 store;   /* STORE_NONE: none of the policy's */
	u32 reads;   /* not 0: a store counts if it may not be read */
	u32 refused; /* one that counts was found */
};

/* What the current process, whose roles are known by now, may do in the store. */
static __always_inline u32 copy__granted(u32 slot, u32 store)
{
	struct actor_answer *actor =
		bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);

	return actor ? actor__grants(&actor->roles, slot, store) : 0;
}

/* One store. Not 0: one that counts, and enforces, or the last. Global: the verifier goes through a loop's body over and
 * over. */
__attribute__((noinline)) int copy__consider(struct copy_case *c)
{
	struct store_rules *rules;
	u32 store, index, granted;
	u64 label;

	if (!c)
		return 1;
	label = c->label;
	if (!label)
		return 1;
	c->label = label & (label - 1);
	store = control.slots[c->slot & 1].stores[egress__lowest(label) & 63];
	index = (c->slot & 1) * STORE_IDS + store;
	rules = store < STORES_MAX ? bpf_map_lookup_elem(&rules_by_store, &index) : NULL;
	if (!rules)
		return 0;
	if (c->store == STORE_NONE)
		c->store = store;
	granted = c->reads ? copy__granted(c->slot & 1, store) : 0;
	if (granted & OPERATION_BIT(OPERATION_READ)) {
		c->served |= rules->label & (0 - (u64) !!(granted & GRANTED_SERVES));
		return 0;
	}
	if (!c->refused || rules->mode == STORE_MODE_ENFORCE)
		c->store = store;
	c->refused = 1;
	return rules->mode == STORE_MODE_ENFORCE;
}

static long copy__ask(u32 turn, struct copy_case *c)
{
	return copy__consider(c) != 0;
}

/* The store that an access to a copy is about: of those that count one that enforces, if there is one; else any. ret_served:
 * see struct copy_case; NULL: it is written. Global, so that it is verified once. */
__attribute__((noinline)) int copy__about(u64 label, u32 slot, u64 *ret_served)
{
	struct copy_case c = {
		.label = label, .slot = slot & 1, .store = STORE_NONE, .reads = ret_served != NULL};

	bpf_loop(STORES_MAX, copy__ask, &c, 0);
	if (ret_served)
		*ret_served = c.served;
	return c.store;
}

/* Who may read comes to hold it all, but for what it serves. 0, or the reason why it must not; then the store is one that
 * may not meet what the process holds, unless there was no memory. */
static __always_inline u32 copy__meets(struct inode *inode, u64 label, u64 served, struct access *access)
{
	u32 apart = STORE_NONE;

	if (!(access->operations & access->granted))
		return 0;
	if (served && label__serve(served))
		return REASON_UNLABELLED;
	if (label & ~served)
		apart = flow__meets_by(label & ~served, access->slot, PASS_FILE, copy__number(inode));
	if (apart == STORE_NONE)
		return 0;
	if (apart == STORE_UNDETERMINED)
		return REASON_UNLABELLED;
	access->place.store = unknown(apart);
	return REASON_COMPARTMENT;
}

/* --- where may copies lie? --- */

struct copy_walk {
	struct dentry *dentry;
	u64 sinks; /* rules that declassify what is written there */
	u32 slot;
	u32 may_lie;
};

static __always_inline union object_value *copy__at(struct inode *inode, u32 slot, u32 kind)
{
	struct object_key key = {.slot = slot, .kind = kind};

	object__id(inode, &key.id);
	return bpf_map_lookup_elem(&stores_by_object, &key);
}

/* bpf_loop's body: one name upwards. */
static long copy__step(u32 turn, struct copy_walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent = dentry->d_parent;
	struct inode *at = dentry->d_inode;
	union object_value *sink;

	if (at) {
		walk->may_lie |= copy__at(at, walk->slot, OBJECT_COPIES) != NULL;
		sink = copy__at(at, walk->slot, OBJECT_SINK);
		walk->sinks |= sink ? sink->rules : 0;
	}
	walk->dentry = parent;
	return parent == dentry;
}

/* Rules that speak of the current program, whatever it writes. Those that name programs are roles of who runs them:
 * actor__granted has found out which it has. */
static __noinline u64 copy__sinks_of_program(u32 slot)
{
	const struct policy_slot *policy = &control.slots[slot & 1];
	struct actor_answer *actor;

	actor = policy->sinks_by_role
			? bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0)
			: NULL;
	if (!actor || actor->epoch != maps__epoch())
		return policy->sinks;
	return policy->sinks | (policy->sinks_by_role & actor->roles.words[ROLE_WORDS - 1]);
}

/* The rule that declassifies what the current program writes there, from 1, or 0; *ret_named: a path of the policy's has
 * the place. */
static __always_inline u32 copy__sink(struct dentry *dentry, u32 slot, u32 *ret_named)
{
	struct copy_walk walk = {.dentry = dentry, .slot = slot & 1};

	bpf_loop(WALK_DEPTH_MAX, copy__step, &walk, 0);
	walk.sinks &= copy__sinks_of_program(slot & 1);
	*ret_named = walk.may_lie || walk.sinks;
	return walk.sinks ? egress__lowest(walk.sinks) + 1 : 0;
}

/* The same about a pipe, a terminal or a shared mapping, whoever writes there later, whatever it holds by then. */
static __noinline u32 copy__is_declassified(struct dentry *dentry, u64 epoch, u32 mechanism)
{
	u32 slot = epoch_slot(epoch), named;

	if (!(control.slots[slot & 1].flows & FLOW_SINKS))
		return 0;
	if (control.slots[slot & 1].sinks_by_role)
		actor__granted(epoch, slot, 0, mechanism);
	return copy__sink(dentry, slot, &named);
}

/* How the policy has the place: by name (1) or not; *ret_detail: copy_detail. inode: of the file, or of the disk whose node
 * it is. */
static __always_inline u32 copy__place(struct inode *inode, struct dentry *dentry, u32 slot, u32 *ret_detail)
{
	const struct policy_slot *policy = &control.slots[slot & 1];
	u32 sink = 0, named = 0, media = 0;

	if (policy->copies != COPIES_ALLOW || policy->media || policy->flows & FLOW_SINKS)
		sink = copy__sink(dentry, slot, &named);
	if (policy->media)
		media = medium__of(inode);
	*ret_detail = copy_detail(sink, media);
	return named;
}

/* What the policy says of a copy in such a place: 0 that it may lie there, or a reason. */
static __always_inline u32 copy__may_lie(u32 slot, u32 detail, u32 named)
{
	const struct policy_slot *policy = &control.slots[slot & 1];

	return decide_copy(policy->copies, policy->media, copy_detail_media(detail), named);
}

/* Both. */
static __noinline u32 copy__decide(struct inode *inode, struct dentry *dentry, u32 slot, u32 *ret_detail)
{
	u32 named = copy__place(inode, dentry, slot, ret_detail);

	return copy__may_lie(slot, *ret_detail, named);
}

static __always_inline bool copy__is_disk(struct inode *inode)
{
	return (inode->i_mode & INODE_TYPE_MASK) == INODE_BLOCK;
}

/* OPERATION_BITs, enum mechanism and enum hook as one argument, as five are all that a function has. */
static __always_inline u32 copy__how(u32 operations, u32 mechanism, u32 hook)
{
	return (operations & 0xffff) | mechanism << 16 | hook << 24; /* these the verifier still knows */
}

/*
 * The current process is about to read or execute a file that holds this, with OPERATION_COPY to write this to one, or with
 * OPERATION_WRITE to what leads away from the host's files. By a descriptor, or by name, without a file. how: copy__how. 0 or
 * -EACCES.
 */
static __noinline int copy__judge(struct inode *inode, struct dentry *dentry, struct file *file, u64 label,
				  u32 how)
{
	u32 operations = how & 0xffff, mechanism = how >> 16 & 0xff, hook = how >> 24;
	u64 epoch = maps__epoch();
	struct access access = {.hook = hook, .mechanism = mechanism, .slot = epoch_slot(epoch)};
	bool writes = operations == OPERATION_BIT(OPERATION_COPY);
	u32 store, reason;
	u64 served = 0;

	if (!maps__speaks())
		return 0;
	pass__settle();
	actor__granted(epoch, access.slot, 0, mechanism);
	store = copy__about(label, access.slot, writes ? NULL : &served);
	if (store >= STORES_MAX)
		return 0;
	object__walk(dentry, inode, access.slot, &access.place);
	access.place.store = store;
	access.operations = operations;
	access.flags = RECORD_FLAG_COPY;
	access.open_flags = file ? file->f_flags : 0;
	access__ask(&access, epoch);
	if (writes) {
		access.granted = OPERATION_BIT(OPERATION_COPY);
		reason = copy__decide(copy__is_disk(inode) && file ? file->f_mapping->host : inode, dentry,
				      access.slot, &access.detail);
	} else {
		reason = operations == OPERATION_BIT(OPERATION_WRITE)
				 ? REASON_NOT_AGREED
				 : copy__meets(inode, label, served, &access);
	}
	access.place.reason = unknown(reason);
	if (file)
		access.amount = unknown64(amount__use(
			file, writes ? OPERATION_BIT(OPERATION_WRITE) : access.operations, hook, NULL));
	if (access__settle(inode, dentry, &access))
		return -EACCES;
	/* Whoever names disks reads their nodes: one is no copy, though it is decided like one. */
	return writes && !copy_detail_sink(access.detail) && !copy__is_disk(inode) &&
			       label & ~copy__label(inode) && copy__mark(inode, label)
		       ? -EACCES
		       : 0;
}

/* --- a file --- */

static __always_inline bool copy__is_regular(struct inode *inode)
{
	return (inode->i_mode & INODE_TYPE_MASK) == INODE_REGULAR;
}

/* Of what the current process holds, what is not of the store that the file lies in; of a file outside, `outside`. */
static __noinline u64 copy__foreign(struct inode *inode, struct dentry *dentry, u64 outside)
{
	u64 label = label__of(bpf_get_current_task_btf());
	struct place place = {.store = STORE_NONE};
	u32 slot = epoch_slot(maps__epoch()), index;
	struct store_rules *rules;

	if (!label)
		return 0;
	object__find(inode, dentry, slot, &place);
	index = slot * STORE_IDS + place.store;
	rules = place.store < STORES_MAX ? bpf_map_lookup_elem(&rules_by_store, &index) : NULL;
	return rules ? label & ~rules->label : label & outside;
}

#define KERNEL_LOG (1u << 20 | 11)   /* /dev/kmsg, by Linux's list of devices */
#define TUNNEL	   (10u << 20 | 200) /* /dev/net/tun */

/* Does what is written to the device go where no label follows it? */
static __always_inline bool copy__leads_away(struct inode *inode)
{
	return (inode->i_mode & INODE_TYPE_MASK) == INODE_CHAR &&
	       (inode->i_rdev == KERNEL_LOG || inode->i_rdev == TUNNEL);
}

/* Is there anything to ask of a use? Cheap, as every read of the host passes here. What other hooks are asked about has
 * been read or mapped by then. */
static __always_inline bool copy__concerns(struct inode *inode, u32 mask, u32 hook)
{
	return (hook == HOOK_FILE_PERMISSION || hook == HOOK_MMAP_FILE) &&
	       (mask & MAY_WRITE ? control.labels != 0 : copy__may_be(inode)) &&
	       (copy__is_regular(inode) || copy__is_disk(inode) || copy__leads_away(inode));
}

/* What the current process holds, of `written`, that is to be decided about the file of that name: not what goes to a store
 * of its own, nor what it is a copy of. */
static __always_inline u64 copy__news(struct dentry *name, u64 written)
{
	struct inode *inode = name->d_inode;
	u64 news = written & ~copy__label(inode);

	return news ? news & copy__foreign(inode, name, ~0ull) : 0;
}

/* What the overlay's own file is a copy of: of the real one below, its user has been asked about that just before. */
static __noinline u64 copy__above(struct file *file)
{
	struct dentry *name = object__name(file);

	return object__is_overlaid(file->f_inode, name) ? copy__label(name->d_inode) : 0;
}

/*
 * The real file below an overlay is written to. That has just been decided, and told, about the overlay's own file, by the
 * path that its user sees; only what that did not know is still to be decided. Who comes to the real file by another way
 * finds a copy, unless what is written to that path is none. What is to be decided after all: 0, or all of it, for which
 * there was perhaps no memory.
 */
static __noinline u64 copy__beneath(struct file *file, u64 written, u32 mechanism)
{
	struct inode *inode = file->f_inode;
	struct dentry *name = object__name(file);
	u64 more;

	if (!object__is_overlaid(inode, name))
		return written;
	if (copy__news(name, written))
		return copy__is_declassified(name, maps__epoch(), mechanism) ? 0 : written;
	more = written & ~copy__label(inode);
	return more && copy__mark(inode, more) ? written : 0;
}

/*
 * The file is used, outside every store, or in one that had nothing against it and did not find it on record. mask is of
 * MAY_… bits. A mapping may be for both: then it is decided as reading where that is not granted, else as writing.
 */
static __always_inline int copy__use(struct file *file, bool outside, u32 mask, u32 mechanism, u32 hook)
{
	struct inode *inode = file->f_inode;
	u64 written = 0, known = 0;
	u32 operations;

	if (mask & (MAY_READ | MAY_EXEC))
		known = copy__label(inode);
	if (mask & MAY_WRITE && copy__keeps(inode))
		written = outside ? label__of(bpf_get_current_task_btf())
				  : copy__foreign(inode, file->f_path.dentry, 0);
	if (!(written | known))
		return 0;
	if (!outside && written)
		maps__new_epoch(); /* readers whose use is on record are asked anew */
	if (known)
		known &= ~copy__above(file);
	if (written)
		written = copy__beneath(file, written, mechanism);
	if (!(written | known))
		return 0;
	operations = mask & MAY_READ ? OPERATION_BIT(OPERATION_READ) : OPERATION_BIT(OPERATION_EXECUTE);
	if (written && !(known && known & ~label__of(bpf_get_current_task_btf()))) {
		operations = copy__leads_away(inode) ? OPERATION_BIT(OPERATION_WRITE)
						     : OPERATION_BIT(OPERATION_COPY);
		known = written;
	}
	return copy__judge(inode, object__name(file), file, unknown64(known),
			   copy__how(unknown(operations), mechanism, hook));
}

/* It is opened: what it would be read for is asked now, what is written as that happens. */
static __always_inline int copy__open(struct file *file, u32 mechanism, u32 hook)
{
	struct inode *inode = file->f_inode;
	u64 label;

	if (!copy__may_be(inode) || !(file->f_mode & FMODE_READ || file->f_flags & FMODE_EXEC) ||
	    !copy__is_regular(inode))
		return 0;
	label = copy__find(inode);
	if (label)
		label &= ~copy__above(file);
	return label ? copy__judge(inode, object__name(file), file, label,
				   copy__how(file->f_flags & FMODE_EXEC ? OPERATION_BIT(OPERATION_EXECUTE)
									: OPERATION_BIT(OPERATION_READ),
					     mechanism, hook))
		     : 0;
}

/* The file of that name is written to by the current process, but not by a call that tells how much. */
static __always_inline int copy__put(struct dentry *name, struct file *file, u32 mechanism, u32 hook)
{
	struct inode *inode = control.labels ? name->d_inode : NULL;
	u64 label = inode && copy__keeps(inode) ? copy__foreign(inode, name, ~0ull) : 0;

	return label ? copy__judge(inode, name, file, label,
				   copy__how(OPERATION_BIT(OPERATION_COPY), mechanism, hook))
		     : 0;
}

/* --- its extended attributes --- */

/* Of these name spaces are what the kernel looks at itself: no place for data, and asked for by whoever lists a directory. */
static __noinline bool copy__is_kernels(const char *attribute)
{
	char name[16] __attribute__((aligned(8))) = {};
	u64 begins;

	if (bpf_probe_read_kernel_str(name, 9, attribute) < 8)
		return false;
	begins = *(u64 *)name;
	return (begins & 0xffffffffffffff) == 0x2e6d6574737973 /* system. */ ||
	       begins == 0x7974697275636573 /* security */;
}

/* One is set by the current process: as if it wrote to the file. */
static __always_inline int copy__describe(struct dentry *name, const char *attribute, u32 mechanism)
{
	return copy__is_kernels(attribute) ? 0 : copy__put(name, NULL, mechanism, HOOK_INODE_SETXATTR);
}

/* One of a copy is read. */
static __always_inline int copy__look(struct dentry *name, const char *attribute, u32 mechanism)
{
	struct inode *inode = control.copies ? name->d_inode : NULL;
	u64 label;

	if (!inode || !copy__may_be(inode) || copy__is_kernels(attribute))
		return 0;
	label = copy__find(inode);
	return label ? copy__judge(inode, name, NULL, label,
				   copy__how(OPERATION_BIT(OPERATION_READ), mechanism, HOOK_INODE_GETXATTR))
		     : 0;
}

#endif
