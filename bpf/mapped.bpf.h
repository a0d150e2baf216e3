/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that were mapped to be written before their writers came to hold anything. No hook tells of what is written there, so
 * that they are copies as soon as those do who may write to them (group.bpf.h): nobody could prevent that any more. What a
 * record needs is noted as the file is mapped, when its name and the process are at hand; a program that the daemon runs when
 * some memory has come to hold more makes the records, and enters the files among the copies.
 */
#ifndef MUNIMENT_MAPPED_BPF_H
#define MUNIMENT_MAPPED_BPF_H

/* Is nothing to be noted? Once the file holds something, it was by those who have mapped it before; and a process that maps it
 * again and again is the same. */
static __always_inline bool mapped__is_noted(const struct record_access *record, u64 key, u32 generation)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *exe = actor__exe(task);

	if (!record->header.size)
		return false;
	if (control.memories && group__holds(key))
		return true;
	return record->tgid == (u32)task->tgid &&
	       record->start_boot_ns == task->group_leader->start_boottime &&
	       record->policy_generation == generation && exe && record->program.ino == exe->i_ino;
}

/* The path of which as much as accounts keep; returns whether its beginning is missing. */
static __always_inline bool mapped__name(struct mapped *mapped, struct record_access *record,
					 struct dentry *dentry)
{
	struct copy copy = {.dentry = dentry, .to = mapped->path, .names = WALK_DEPTH_MAX};

	emit__copy_names(&copy, ACCOUNT_PATH);
	record->path_count = copy.copied;
	record->path_bytes = copy.at;
	return copy.dentry->d_parent != copy.dentry;
}

static __always_inline void mapped__fill(struct mapped *mapped, struct record_access *record,
					 struct dentry *name, u32 mechanism)
{
	struct inode *inode = name->d_inode;
	u64 epoch = maps__epoch();
	u32 slot = epoch_slot(epoch), actor = actor__granted(epoch, slot, 0, mechanism) >> 16, detail = 0;

	emit__actor(record, actor);
	emit__object(record, inode);
	if (copy__upper(inode, &mapped->upper))
		copy__note_number(mapped->upper.ino);
	record->flags =
		RECORD_FLAG_COPY | RECORD_FLAG_PATH_OUTSIDE | RECORD_FLAG_MAPPED | access__actor_flags(actor);
	if (mapped__name(mapped, record, name))
		record->flags |= RECORD_FLAG_PATH_CUT;
	mapped->named = copy__place(inode, name, slot, &detail);
	record->detail = copy_detail(0, copy_detail_media(detail)); /* what is declassified is not noted */
	record->mechanism = mechanism;
	record->policy_generation = control.slots[slot & 1].generation;
	record->header.size = sizeof(*record) + record->path_bytes;
}

/* Memory of the kernel's own mount (memfd, System V) is no file that anybody could find by name, or after its users. */
static __always_inline bool mapped__is_file(struct inode *inode)
{
	return copy__is_regular(inode) && copy__keeps(inode) && !(inode->i_sb->s_flags & SB_NOUSER);
}

/* The current process maps a file outside every store to write to it, and that is not declassified. */
static __noinline int mapped__note(struct file *file, u32 mechanism)
{
	static const struct mapped none = {};
	struct dentry *name = object__name(file);
	u64 key = group__of_file(name->d_inode);
	struct record_access *record;
	struct mapped *mapped;

	if (!mapped__is_file(name->d_inode) || label__is_service())
		return 0;
	mapped = bpf_map_lookup_elem(&mapped_files, &key);
	if (!mapped) {
		bpf_map_update_elem(&mapped_files, &key, &none, BPF_NOEXIST);
		mapped = bpf_map_lookup_elem(&mapped_files, &key);
	}
	if (!mapped) {
		count(COUNTER_UNLABELLED);
		return 0;
	}
	record = (struct record_access *)mapped->record;
	if (mapped__is_noted(record, key, control.slots[epoch_slot(maps__epoch())].generation) ||
	    __sync_val_compare_and_swap(&mapped->lock, 0, 1))
		return 0;
	emit__announce(mechanism);
	mapped__fill(mapped, record, name, mechanism);
	record->open_flags = file->f_flags;
	__sync_lock_test_and_set(&mapped->lock, 0);
	return 0;
}

/* --- telling --- */

static __always_inline void mapped__party(struct party *party, const struct record_access *record)
{
	party->program = record->program;
	party->start_boot_ns = record->start_boot_ns;
	party->tgid = record->tgid;
	party->uid = record->uid;
	party->login_uid = record->login_uid;
	party->reserved = 0;
	__builtin_memcpy(party->comm, record->comm, sizeof(party->comm));
}

/* Who mapped the file holds what came to be in that memory by somebody else, though it has made no call since. */
static __noinline int mapped__pass(const struct record_access *record, u64 key, u64 more)
{
	u64 object = pass_memory(group__top(key)), number;
	struct party *giver = bpf_map_lookup_elem(&givers, &object);
	struct record_pass *pass;

	if (!giver || (giver->tgid == record->tgid && giver->start_boot_ns == record->start_boot_ns))
		return 0;
	pass = pass__reserve(&number);
	if (!pass)
		return 0;
	pass->label = more;
	pass->object = object;
	pass->how = PASS_MAPPING;
	pass->refused = 0;
	pass->from = *giver;
	mapped__party(&pass->to, record);
	pass__submit(pass, number);
	return 0;
}

/* A record of a copy to the file, which holds that. Returns 0 when the ring has no room. */
static __noinline int mapped__record(struct mapped *mapped, u64 held, u32 slot, u32 store)
{
	const struct record_access *noted = (const struct record_access *)mapped->record;
	struct access access = {.place.store = store,
				.operations = OPERATION_BIT(OPERATION_COPY),
				.hook = HOOK_MMAP_FILE,
				.mechanism = noted->mechanism,
				.slot = slot,
				.open_flags = noted->open_flags,
				.detail = noted->detail,
				.amount = amount(AMOUNT_MAPPED, noted->file_size)};
	struct record_access *record;
	u32 wanted = VERDICT_ALLOW;
	u64 number;

	record = bpf_ringbuf_reserve(&records, sizeof(*record) + ACCOUNT_PATH + PATH_NAME, 0);
	if (!record)
		return 0;
	*record = *noted;
	if (bpf_probe_read_kernel(record->path, ACCOUNT_PATH + PATH_NAME, mapped->path))
		count(COUNTER_READ_FAILED);
	access.reason = REASON_GRANTED;
	access.place.reason = unknown(copy__may_lie(slot, noted->detail, mapped->named));
	if (access.place.reason) {
		access.reason = access.place.reason;
		wanted = VERDICT_DENY;
		if ((access__rules_of(&access, 0) & ((1 << RULES_AUDIT) - 1)) != STORE_MODE_ENFORCE)
			access.flags = RECORD_FLAG_MONITOR;
	}
	access.wanted = wanted;
	access.enforced = ENFORCED_ALLOWED;
	number = emit__number();
	emit__complete(record, &access, number, held, ACCOUNT_PATH);
	bpf_ringbuf_submit(record, emit__wakeup(wanted == VERDICT_DENY, number));
	return 1;
}

static __noinline int mapped__enter(const struct object_id *id, const struct record_access *record, u64 more)
{
	struct party *giver = pass__new_giver(pass_file(id));

	if (giver)
		mapped__party(giver, record);
	return copy__enter(id, more);
}

/* The file is a copy from now on, by who mapped it. */
static __noinline int mapped__mark(struct mapped *mapped, const struct record_access *record, u64 key,
				   u64 more)
{
	struct object_id id = record->file, upper = mapped->upper;

	mapped__enter(&id, record, more);
	if (upper.ino)
		mapped__enter(&upper, record, more);
	if (!bpf_map_lookup_elem(&mapped_files, &key)) { /* the file is no more: see copy__gone */
		bpf_map_delete_elem(&labels_by_file, &id);
		bpf_map_delete_elem(&labels_by_file, &upper);
	}
	return 0;
}

/* Tells of one file, if it holds more than it is known for. 1: not yet, as the ring has no room or the file is being mapped. A
 * global function: verified once, not for each turn of the loop. */
__attribute__((noinline)) int mapped__tell(u64 key)
{
	struct mapped *mapped = bpf_map_lookup_elem(&mapped_files, &key);
	u32 slot = epoch_slot(maps__epoch()), store, told;
	struct record_access *record;
	struct object_id id;
	u64 held, more, *known;

	if (!mapped)
		return 0;
	record = (struct record_access *)mapped->record;
	held = record->header.size ? group__holds(key) : 0;
	id = record->file;
	known = bpf_map_lookup_elem(&labels_by_file, &id);
	more = known ? held & ~*known : held;
	store = more ? copy__about(more, slot, NULL) : STORE_NONE;
	if (store >= STORES_MAX)
		return 0;
	if (__sync_val_compare_and_swap(&mapped->lock, 0, 1))
		return 1;
	mapped__pass(record, key, more);
	told = mapped__record(mapped, held, slot, store);
	if (told)
		mapped__mark(mapped, record, key, more);
	__sync_lock_test_and_set(&mapped->lock, 0);
	return !told;
}

/* The body of the loop over all such files. */
static long mapped__each(struct bpf_map *map, u64 *key, struct mapped *mapped, u32 *left)
{
	if (!mapped__tell(*key))
		return 0;
	*left = 1;
	return bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > RING_SIZE_BYTES / 2;
}

/* Run when control.grown has changed. Returns 1 when some are left to tell. */
SEC("syscall")
int mapped__sweep(void *ctx)
{
	u32 left = 0;

	bpf_for_each_map_elem(&mapped_files, mapped__each, &left, 0);
	return left;
}

#endif
