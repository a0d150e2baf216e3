/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process loads to execute it. A role may ask for the libraries of its programs (policy key `libraries`): then
 * nothing else is mapped executable into a process of such a program, or the process is without the role until it
 * executes something else.
 *
 * Decided by the file's inode and the stamp of its content, like programs. The executable itself is exempt, as it is
 * what the role names; not so the dynamic loader, for which whoever has a mount namespace may put another, nor the
 * interpreter of a script. Memory without a file may become executable: just-in-time compilers need it.
 */
#ifndef MUNIMENT_LIBRARY_BPF_H
#define MUNIMENT_LIBRARY_BPF_H

/* The roles that ask for the libraries of this program, by its id; none: NULL. */
static __always_inline const struct role_set *library__asking(const struct object_key *key)
{
	const struct program_roles *program;

	if (!filter_has(control.slots[key->slot & 1].programs, key->id.ino))
		return NULL;
	program = bpf_map_lookup_elem(&roles_by_program, key);
	return program ? &program->asking : NULL;
}

static __always_inline void library__take(struct role_set *refusing, const struct role_set *taking)
{
	for (int i = 0; i < ROLE_WORDS; i++)
		refusing->words[i] &= ~taking->words[i];
}

/* Leaves those of the roles that do not take this file. Returns whether there are any. */
static __noinline int library__refused(struct inode *inode, u32 slot, struct role_set *refusing)
{
	struct object_key key = {.slot = slot};
	struct content_stamp now, *packaged;
	struct program_roles *listed;

	object__id(inode, &key.id);
	object__stamp(inode, &now);
	packaged = bpf_map_lookup_elem(&library_stamps, &key.id);
	if (packaged && actor__is_stamp(packaged, &now))
		library__take(refusing, &control.slots[slot & 1].packaged);
	listed = bpf_map_lookup_elem(&library_roles, &key);
	if (listed && actor__is_stamp(&listed->stamp, &now))
		library__take(refusing, &listed->roles);
	return decide_meets(refusing, refusing);
}

/*
 * The process has code that roles do not take. 0, or -ENOMEM. Whoever asks for its roles from here on finds the mark;
 * what its threads have kept is void.
 */
static __noinline int library__mark(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *leader = bpf_task_storage_get(&answers_by_actor, task->group_leader, 0,
							   BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!leader) {
		count(COUNTER_NO_CACHE);
		return -ENOMEM;
	}
	if (leader->flags & ACTOR_LIBRARY)
		return 0;
	leader->flags |= ACTOR_LIBRARY;
	if (task->signal->nr_threads > 1) {
		maps__new_epoch();
		return 0;
	}
	leader->epoch = 0; /* the usual case, as libraries are loaded first; others keep their answers */
	hot__forget(task);
	return 0;
}

/* The number of one of the roles; there is at least one. */
static __always_inline u32 library__first(const struct role_set *roles)
{
	u32 base = roles->words[0] ? 0 : roles->words[1] ? 64 : roles->words[2] ? 128 : 192;
	u64 word = roles->words[base / 64 & (ROLE_WORDS - 1)];
	u32 bit = 0;

	/* Each step without a branch, which the verifier would follow both ways. */
	for (u32 step = 32; step; step /= 2) {
		u64 low = word & ((1ull << step) - 1);
		u32 skip = (1 - (u32)((low | (0 - low)) >> 63)) * step;

		bit += skip;
		word >>= skip;
	}
	return base + bit;
}

/*
 * A program was executed. Only what is watched from here on may have roles that ask: a file may come to be a program of
 * theirs (by a rename, by a new policy) when it runs already, with whatever its starter had it load.
 */
static __noinline int library__began(struct inode *exe, const struct script *script)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct object_key key = {.slot = epoch_slot(maps__epoch())};
	const struct role_set *asking;
	struct actor_answer *mine;

	if (script)
		key.id = script->id;
	else
		object__id(exe, &key.id);
	asking = library__asking(&key);
	if (!asking || !decide_meets(asking, asking))
		return 0;
	mine = bpf_task_storage_get(&answers_by_actor, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!mine) {
		count(COUNTER_NO_CACHE);
		return 0;
	}
	mine->flags |= ACTOR_WATCHED;
	return 0;
}

/* Behind actor__exec, which takes the marks of the program before away. */
static __always_inline void library__executed(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 slot = epoch_slot(maps__epoch());
	struct inode *exe = actor__exe(task);

	if (exe && control.slots[slot & 1].asks)
		library__began(exe, actor__script(task));
}

/* What is to become of a mapping: one number, so that what led to it takes no stack when it is recorded. */
#define LIBRARY_REFUSED	       0x1 /* by roles that the program may have */
#define LIBRARY_HELD	       0x2 /* by one that the thread has, whose number stands in the second byte */
#define LIBRARY_ENFORCED       0x4 /* and that may do something in a store that enforces */
#define library_role(verdict)  ((verdict) >> 8 & 0xff)
#define library_actor(verdict) ((verdict) >> 16) /* ACTOR_… */

/* The roles refuse the file. Does the thread have one of them? */
static __noinline u32 library__held(const struct role_set *refusing, u32 slot)
{
	struct role_set held = {};
	u32 verdict = LIBRARY_REFUSED;

	verdict |= (u32)actor__roles_of(WHOSE_OWN, slot, &held) << 16;
	decide_narrow(&held, refusing);
	if (decide_meets(&held, &held)) {
		verdict |= LIBRARY_HELD | library__first(&held) << 8;
		verdict |= decide_meets(&held, &control.slots[slot & 1].asking_enforced) * LIBRARY_ENFORCED;
	}
	return verdict;
}

/* 0: the roles of the program, if they ask, take the file. */
static __noinline u32 library__judge(struct inode *inode)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct object_key key = {.slot = epoch_slot(maps__epoch())};
	struct script *script = actor__script(task);
	struct inode *exe = actor__exe(task);
	const struct role_set *asking;
	struct role_set refusing;

	if (!exe || !maps__speaks() || (!script && inode == exe))
		return 0;
	if (script)
		key.id = script->id;
	else
		object__id(exe, &key.id);
	asking = library__asking(&key);
	if (!asking)
		return 0;
	refusing = *asking;
	if (!unknown(library__refused(inode, key.slot, &refusing)))
		return 0;
	return library__held(&refusing, key.slot);
}

/* Records it and says what becomes of it: 0 or -EACCES. By access__settle, as 7.2's verifier loses track of what lies on
 * the stack where emit__access is called from two places of one program. */
static __noinline int library__settle(struct file *file, u32 verdict, u32 mechanism, u32 hook)
{
	struct access access = {.hook = hook,
				.mechanism = mechanism,
				.slot = epoch_slot(maps__epoch()),
				.operations = OPERATION_BIT(OPERATION_EXECUTE),
				.open_flags = file->f_flags,
				.detail = library_role(verdict),
				.actor = library_actor(verdict)};
	struct dentry *dentry = file->f_path.dentry;
	struct inode *inode = file->f_inode;

	object__walk(dentry, inode, access.slot, &access.place);
	access.place.store = STORE_LIBRARY;
	access.place.reason = REASON_LIBRARY;
	access.library_mode = verdict & LIBRARY_ENFORCED ? STORE_MODE_ENFORCE : STORE_MODE_MONITOR;
	return access__settle(inode, dentry, &access);
}

/*
 * A file is mapped to be executed. Who has a role that refuses it is told of, and stopped where one of them may do
 * something in a store that enforces. Who has none may load what he wants, but does not come to have one of them later
 * in this process.
 */
static __always_inline int library__load(struct file *file, u32 mechanism, u32 hook)
{
	u32 slot = epoch_slot(maps__epoch()), verdict;
	int err = 0;

	if (!control.slots[slot & 1].asks || (file->f_inode->i_mode & INODE_TYPE_MASK) != INODE_REGULAR)
		return 0;
	verdict = unknown(library__judge(file->f_inode));
	/* The net is silent of what fmod_ret's program has marked. */
	if (!verdict || (mechanism == MECHANISM_TRACING && library_actor(verdict) & ACTOR_LIBRARY))
		return 0;
	if (verdict & LIBRARY_HELD)
		err = library__settle(file, verdict, mechanism, hook);
	if (!err && watches && library__mark())
		err = -EACCES; /* it would keep the role */
	return err;
}

/* A program is about to be executed: that the dynamic loader heeds no LD_PRELOAD, LD_AUDIT or LD_LIBRARY_PATH. */
static __always_inline void library__exec(struct linux_binprm *program)
{
	struct object_key key = {.slot = epoch_slot(maps__epoch())};
	const struct role_set *asking;

	if (!control.slots[key.slot & 1].asks)
		return;
	object__id(program->file->f_inode, &key.id);
	asking = library__asking(&key);
	if (asking && decide_meets(asking, asking))
		bpf_bprm_opts_set(program, BPF_F_BPRM_SECUREEXEC);
}

#endif
