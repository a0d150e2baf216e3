/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records: numbered per CPU, reserved in the ring before the access goes on. A number whose record found no
 * room stays missing, so that user space sees the gap; how many were lost is counted besides.
 */
#ifndef MUNIMENT_EMIT_BPF_H
#define MUNIMENT_EMIT_BPF_H

#include <bpf/bpf_core_read.h>

struct measure {
	struct dentry *dentry;
	u64 root_ino;
	struct names names;
};

/* bpf_loop's body: one name upwards, to a root that is known by its number. Numbers are unique on one super
 * block. */
static long emit__measure_name(u32 turn, struct measure *measure)
{
	struct dentry *dentry = measure->dentry, *parent = dentry->d_parent;
	struct inode *at = dentry->d_inode;
	u32 len;

	if (at && at->i_ino == measure->root_ino) {
		measure->names.outside = 0;
		return 1;
	}
	if (parent == dentry)
		return 1;
	len = dentry->d_name.len;
	measure->names.count++;
	measure->names.bytes += len + 1;
	if (len > measure->names.longest)
		measure->names.longest = len;
	measure->dentry = parent;
	return 0;
}

/* The names between dentry and its store's root, where an earlier walk told which root that is. */
static __always_inline int emit__measure(struct inode *inode, struct dentry *dentry, struct access *access)
{
	struct measure measure = {.dentry = dentry, .root_ino = access->place.root_ino, .names.outside = 1};
	struct place walked;

	/* A mark tells no root; on btrfs the root of every subvolume bears the same number. */
	if (!measure.root_ino || inode->i_sb->s_magic == BTRFS_SUPER_MAGIC) {
		object__walk(dentry, inode, access->slot, &walked);
		access->place.names = walked.names;
		return 0;
	}
	bpf_loop(WALK_DEPTH_MAX, emit__measure_name, &measure, 0);
	access->place.names = measure.names;
	return 0;
}

struct copy {
	struct dentry *dentry;
	char *to; /* room + name_room bytes */
	u32 at;
	u32 copied;
	u32 names;
	u32 failed;
	u32 pad;
};

/*
 * One turn of copying a name, leaf first, with its NUL. room and name_room are constants: one caller per size
 * of record. Returns 1 to end: all copied, at the top, or no room for the next name.
 */
static __always_inline long emit__copy_name(struct copy *copy, u32 room, u32 name_room)
{
	struct dentry *dentry = copy->dentry, *parent = dentry->d_parent;
	u32 len = dentry->d_name.len, at = copy->at;

	barrier_var(at);
	if (parent == dentry || copy->copied >= copy->names || at >= room || len >= name_room)
		return 1;
	barrier_var(len); /* keeps the bounds where the verifier must see them */
	if (bpf_probe_read_kernel(copy->to + at, len, dentry->d_name.name)) {
		copy->failed = 1; /* counted by the caller: from here it would be one frame too deep */
		return 1;
	}
	at += len;
	barrier_var(at);
	if (at >= room + name_room)
		return 1;
	copy->to[at] = '\0';
	copy->at = at + 1;
	copy->copied++;
	copy->dentry = parent;
	return 0;
}

static long emit__copy_small(u32 turn, struct copy *copy)
{
	return emit__copy_name(copy, PATH_SMALL, PATH_SMALL_NAME);
}

static long emit__copy_kept(u32 turn, struct copy *copy)
{
	return emit__copy_name(copy, ACCOUNT_PATH, PATH_NAME);
}

static long emit__copy_medium(u32 turn, struct copy *copy)
{
	return emit__copy_name(copy, PATH_MEDIUM, PATH_NAME);
}

static long emit__copy_large(u32 turn, struct copy *copy)
{
	return emit__copy_name(copy, PATH_LARGE, PATH_NAME);
}

static __always_inline void emit__copy_names(struct copy *copy, u32 room)
{
	if (room == PATH_SMALL)
		bpf_loop(WALK_DEPTH_MAX, emit__copy_small, copy, 0);
	else if (room == ACCOUNT_PATH)
		bpf_loop(WALK_DEPTH_MAX, emit__copy_kept, copy, 0);
	else if (room == PATH_MEDIUM)
		bpf_loop(WALK_DEPTH_MAX, emit__copy_medium, copy, 0);
	else
		bpf_loop(WALK_DEPTH_MAX, emit__copy_large, copy, 0);
	if (copy->failed)
		count(COUNTER_READ_FAILED);
	/* What follows is verified once, not for each number of turns. */
	copy->copied = unknown(copy->copied);
	copy->at = unknown(copy->at);
	copy->failed = unknown(copy->failed);
}

/* The next number on this CPU. Atomic: on a preemptible kernel another task may come in between. */
static __always_inline u64 emit__number(void)
{
	u32 zero = 0;
	struct cpu_state *cpu = bpf_map_lookup_elem(&cpus, &zero);

	return cpu ? __sync_fetch_and_add(&cpu->sequence, 1) + 1 : 0;
}

/* A wake-up costs more than the record: only for what cannot wait, and when the ring fills. */
static __always_inline u64 emit__wakeup(u32 urgent, u64 number)
{
	if (urgent)
		return BPF_RB_FORCE_WAKEUP;
	if (number % 64 == 0 && bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > RING_SIZE_BYTES / 8)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void emit__header(struct record_header *header, u32 kind, u32 size, u64 number)
{
	header->size = size;
	header->kind = kind;
	header->cpu = bpf_get_smp_processor_id();
	header->sequence = number;
	header->boot_ns = bpf_ktime_get_boot_ns();
}

/* In place: 6.1 takes a map's value from the stack or a map only, and this is too large for the stack. */
static __always_inline void emit__keep_program(struct object_id *id, const struct record_program *record)
{
	static const struct program_kept none = {};
	struct program_kept *kept;

	bpf_map_update_elem(&programs_sent, id, &none, BPF_ANY);
	kept = bpf_map_lookup_elem(&programs_sent, id);
	if (!kept)
		return;
	if (bpf_probe_read_kernel(kept->path, sizeof(kept->path), record->path)) {
		count(COUNTER_READ_FAILED);
		return;
	}
	kept->path_count = record->path_count;
	kept->path_bytes = record->path_bytes;
}

static __noinline int emit__program(struct object_id *id, struct dentry *dentry)
{
	struct copy copy = {.dentry = dentry, .names = WALK_DEPTH_MAX};
	struct record_program *record;
	u64 number = emit__number();

	record = bpf_ringbuf_reserve(&records, sizeof(*record) + PATH_LARGE + PATH_NAME, 0);
	if (!record) {
		count(COUNTER_LOST);
		return 0;
	}
	copy.to = record->path;
	emit__copy_names(&copy, PATH_LARGE);
	record->path_count = copy.copied;
	record->path_bytes = copy.at;
	record->program = *id;
	record->flags = 0;
	emit__header(&record->header, RECORD_PROGRAM, sizeof(*record) + copy.at, number);
	emit__keep_program(id, record);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Is a script the program that a record is to name? Its name was sent when it was executed. */
static __always_inline struct script *emit__names_script(struct task_struct *task)
{
	struct script *script = actor__script(task);

	return script && script->named ? script : NULL;
}

/*
 * Sends the name of the current thread's program unless user space has it, and notes that where answers are
 * kept. A global function, like emit__person: verified once.
 */
__attribute__((noinline)) int emit__announce(u32 mechanism)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	struct actor_answer *kept;
	struct object_id id;
	struct file *exe;

	if (!mm)
		return 0;
	exe = mm->exe_file;
	if (!exe)
		return 0;
	object__id(exe->f_inode, &id);
	if (!emit__names_script(task) && !bpf_map_lookup_elem(&programs_sent, &id))
		emit__program(&id, exe->f_path.dentry);
	if (mechanism == MECHANISM_TRACING)
		return 0;
	kept = bpf_task_storage_get(&answers_by_actor, task, 0, 0);
	if (kept)
		kept->flags |= ACTOR_ANNOUNCED;
	return 0;
}

/* Who acts: the current thread, by what every type of program may look at. A global function, too. */
__attribute__((noinline)) int emit__person(struct record_access *record)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *cred = task->real_cred;
	struct inode *exe = actor__exe(task);

	if (!record)
		return 0;
	if (exe)
		object__id(exe, &record->program);
	else
		record->program = (struct object_id){};
	record->cgroup = bpf_get_current_cgroup_id();
	record->start_boot_ns = task->group_leader->start_boottime;
	record->tgid = task->tgid;
	record->pid = task->pid;
	record->parent_tgid = task->real_parent->tgid;
	record->uid = cred->euid.val;
	record->gid = cred->egid.val;
	record->login_uid = actor__login_uid(task);
	record->session = bpf_core_field_exists(task->sessionid) ? task->sessionid : ID_UNSET;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	return 0;
}

/* The same, where a script is its program. Inline, as a chain of calls has 8 frames at most. */
static __always_inline void emit__actor(struct record_access *record, u32 actor)
{
	struct script *script;

	emit__person(record);
	if (!(actor & ACTOR_SCRIPTED))
		return;
	script = emit__names_script(bpf_get_current_task_btf());
	if (script)
		record->program = script->id;
}

static __always_inline void emit__verdict(struct record_access *record, const struct access *access)
{
	record->open_flags = access->open_flags;
	record->policy_generation = control.slots[access->slot & 1].generation;
	record->root = access->place.root;
	record->operations = access->operations;
	record->store = access->place.store;
	record->hook = access->hook;
	record->mechanism = access->mechanism;
	record->wanted = access->wanted;
	record->enforced = access->enforced;
	record->reason = access->reason;
	record->instance = instance;
	record->target_tgid = access->target;
	record->detail = access->detail;
}

static __always_inline void emit__add_tally(struct tally *to, const struct tally *more)
{
	to->count += more->count;
	to->uses += more->uses;
	to->read += more->read;
	to->written += more->written;
	to->mapped += more->mapped;
	to->unmeasured += more->unmeasured;
}

/* The record tells what its account has counted so far, and is kept there as what later ones are like. room: bytes
 * of the path that can be read. Unlocks the slot. */
static __always_inline void emit__account(struct record_access *record, u64 account, u32 room)
{
	u32 index = account_slot(account);
	struct account *slot = account__at(index);

	if (!slot)
		return;
	if (slot->dirty) {
		record->first_ns = slot->first_ns;
		emit__add_tally(&record->tally, &slot->tally);
		account__clean(slot, index);
	}
	slot->since_ns = slot->last_ns = record->header.boot_ns;
	*(struct record_access *)slot->record = *record;
	if (bpf_probe_read_kernel(slot->path, room < ACCOUNT_PATH ? room : ACCOUNT_PATH, record->path))
		count(COUNTER_READ_FAILED);
	account__unlock(slot);
}

/*
 * What a record tells but for actor, file, peer and path, of which room bytes can be read: those are filled in before, as
 * is what flags say of them. label: what the actor may hold. A global function: verified once, not for each size of record.
 */
__attribute__((noinline)) int emit__complete(struct record_access *record, struct access *access, u64 number,
					     u64 label, u32 room)
{
	if (!record || !access)
		return 0;
	record->flags |= access->flags | (control.oldest != control.instance ? RECORD_FLAG_SHARED : 0);
	emit__verdict(record, access);
	emit__header(&record->header, RECORD_ACCESS, sizeof(*record) + record->path_bytes, number);
	record->first_ns = record->header.boot_ns;
	record->label = label;
	record->tally = (struct tally){.count = 1};
	account__count_use(&record->tally, access->amount);
	if (access->account)
		emit__account(record, access->account, room);
	return 0;
}

static __always_inline void emit__object(struct record_access *record, struct inode *inode)
{
	object__id(inode, &record->file);
	record->file_size = inode->i_size;
	record->file_mode = inode->i_mode;
}

/* Room must be a constant: the verifier knows a reservation's size by it. */
static __always_inline int emit__sized(struct inode *inode, struct access *access, struct copy *copy,
				       u32 room, u32 name_room)
{
	struct record_access *record;
	u64 number = emit__number();

	record = bpf_ringbuf_reserve(&records, sizeof(*record) + room + name_room, 0);
	if (!record) {
		count(COUNTER_LOST);
		return -ENOMEM;
	}
	copy->to = record->path;
	emit__copy_names(copy, room);
	record->path_count = copy->copied;
	record->path_bytes = copy->at;
	record->flags = (copy->copied < copy->names ? RECORD_FLAG_PATH_CUT : 0) |
			(access->place.names.outside ? RECORD_FLAG_PATH_OUTSIDE : 0);
	record->peer = (struct peer){};
	emit__actor(record, access->actor);
	emit__object(record, inode);
	emit__complete(record, access, number, label__of(bpf_get_current_task_btf()), room + name_room);
	bpf_ringbuf_submit(record, emit__wakeup(access->wanted == VERDICT_DENY, number));
	return 0;
}

/* 0, or -ENOMEM when the ring had no room. */
static __noinline int emit__access(struct inode *inode, struct dentry *dentry, struct access *access)
{
	const struct names *names = &access->place.names;
	struct copy copy = {.dentry = dentry};

	if (!(access->actor & ACTOR_ANNOUNCED))
		emit__announce(access->mechanism);
	if (!access->place.walked)
		emit__measure(inode, dentry, access);
	copy.names = access->place.names.count = unknown(names->count);
	access->place.names.bytes = unknown(names->bytes);
	access->place.names.longest = unknown(names->longest);
	access->place.names.outside = unknown(names->outside);
	if (names->bytes <= PATH_SMALL && names->longest < PATH_SMALL_NAME)
		return emit__sized(inode, access, &copy, PATH_SMALL, PATH_SMALL_NAME);
	if (names->bytes <= PATH_MEDIUM)
		return emit__sized(inode, access, &copy, PATH_MEDIUM, PATH_NAME);
	return emit__sized(inode, access, &copy, PATH_LARGE, PATH_NAME);
}

#define EMIT_NAME 64

/*
 * A record without a path, unless it is counted already: access->account, of which we make the first record else. inode
 * or NULL: what it is about. name (EMIT_NAME bytes in the kernel) stands for a path, or NULL. No storage is asked, which
 * programs of a cgroup do not have. 0 or -ENOMEM.
 */
static __noinline int emit__bare(struct access *access, struct inode *inode, const char *name, u64 label,
				 const struct peer *peer)
{
	struct record_access *record;
	u64 number;
	long n = 0;

	if (access->account & ACCOUNT_FOLDED)
		return 0;
	number = emit__number();
	record = bpf_ringbuf_reserve(&records, sizeof(*record) + EMIT_NAME, 0);
	if (!record) {
		count(COUNTER_LOST);
		account__give_up(access->account);
		return -ENOMEM;
	}
	if (name)
		n = bpf_probe_read_kernel_str(record->path, EMIT_NAME, name);
	n = n > 1 && n <= EMIT_NAME ? n : 0;
	record->path_bytes = n;
	record->path_count = n > 0;
	record->flags = 0;
	record->file = (struct object_id){};
	record->file_size = access->reason == REASON_LIMIT || access->reason == REASON_ANSWERED
				    ? access->place.root_ino
				    : 0;
	record->file_mode = 0;
	if (inode)
		emit__object(record, inode);
	emit__person(record);
	record->peer = peer ? *peer : (struct peer){};
	emit__complete(record, access, number, label, EMIT_NAME);
	bpf_ringbuf_submit(record, emit__wakeup(access->wanted == VERDICT_DENY, number));
	return 0;
}

#endif
