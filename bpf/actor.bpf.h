/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who acts: the roles of the current thread.
 *
 * The person is the login uid, which sudo and su keep; where nobody logged in (services), the acting uid.
 * Credentials are the objective ones (real_cred): overlayfs and io_uring personalities override only the
 * subjective ones. The program is the executable's inode; a task that set its own /proc/self/exe (prctl
 * PR_SET_MM, open to every user by a user namespace) counts as no program until it executes one.
 */
#ifndef MUNIMENT_ACTOR_BPF_H
#define MUNIMENT_ACTOR_BPF_H

#include <bpf/bpf_core_read.h>

#define GROUPS_LIMIT 65536 /* NGROUPS_MAX */

struct groups_walk {
	u64 gids; /* address of the array */
	u32 slot;
	u32 n;
	struct role_set roles;
};

static __always_inline void actor__add_roles(struct role_set *to, const struct role_set *more)
{
	for (int i = 0; i < ROLE_WORDS; i++)
		to->words[i] |= more->words[i];
}

static __always_inline void actor__add_group(u32 slot, u32 gid, struct role_set *to)
{
	struct id_key key = {.slot = slot, .id = gid};
	struct role_set *roles = bpf_map_lookup_elem(&roles_by_group, &key);

	if (roles)
		actor__add_roles(to, roles);
}

/* bpf_loop's body: one supplementary group. Returns 1 to end. */
static long actor__add_nth_group(u32 nth, struct groups_walk *walk)
{
	u32 gid;

	if (nth >= walk->n)
		return 1;
	if (bpf_probe_read_kernel(&gid, sizeof(gid), (void *)(walk->gids + nth * sizeof(u32))))
		count(COUNTER_READ_FAILED); /* this group is not counted in: fewer roles, never more */
	else
		actor__add_group(walk->slot, gid, &walk->roles);
	return 0;
}

static __always_inline u32 actor__login_uid(struct task_struct *task)
{
	return bpf_core_field_exists(task->loginuid) ? task->loginuid.val : ID_UNSET;
}

static __noinline int actor__groups(const struct cred *cred, u32 slot, struct role_set *to)
{
	struct groups_walk walk = {.slot = slot};
	struct group_info *info = cred->group_info;

	walk.n = info->ngroups;
	walk.gids = (u64)info + bpf_core_field_offset(struct group_info, gid);
	actor__add_group(slot, cred->egid.val, &walk.roles);
	bpf_loop(GROUPS_LIMIT, actor__add_nth_group, &walk, 0);
	actor__add_roles(to, &walk.roles);
	return 0;
}

static __always_inline struct inode *actor__exe(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct file *exe = mm ? mm->exe_file : NULL;

	return exe ? exe->f_inode : NULL;
}

static __always_inline void actor__identify(struct task_struct *task, struct actor_identity *ret_identity)
{
	struct inode *exe = actor__exe(task);

	ret_identity->cred = (u64)task->real_cred;
	ret_identity->exe = (u64)exe;
	ret_identity->exe_ino = exe ? exe->i_ino : 0;
	ret_identity->login_uid = actor__login_uid(task);
}

/* Is the answer of this epoch and of this very actor? lsm's own program tells of each exec and is never
 * skipped. */
static __always_inline bool actor__is_current(const struct actor_answer *kept, struct task_struct *task,
					      u64 epoch, u32 mechanism)
{
	const struct actor_identity *then = &kept->identity;
	struct inode *exe;

	if (kept->epoch != epoch || then->cred != (u64)task->real_cred ||
	    then->login_uid != actor__login_uid(task))
		return false;
	if (mechanism == MECHANISM_LSM)
		return true;
	exe = actor__exe(task);
	return then->exe == (u64)exe && (!exe || then->exe_ino == exe->i_ino);
}

/* What holds of a whole process until it executes something else. */
#define ACTOR_MARKS (ACTOR_EXE_CHANGED | ACTOR_LIBRARY | ACTOR_WATCHED)

static __always_inline u32 actor__marks(struct task_struct *task)
{
	struct actor_answer *leader = bpf_task_storage_get(&answers_by_actor, task->group_leader, 0, 0);

	return leader ? leader->flags & ACTOR_MARKS : 0;
}

static __always_inline bool actor__exe_changed(struct task_struct *task)
{
	return actor__marks(task) & ACTOR_EXE_CHANGED;
}

/* The script that a process runs by its #! line, or NULL. */
static __always_inline struct script *actor__script(struct task_struct *task)
{
	struct actor_answer *leader = bpf_task_storage_get(&answers_by_actor, task->group_leader, 0, 0);

	/* The kernel may skip the program of fmod_ret that tells of an exec. */
	if (!leader || !leader->script.id.ino || leader->script.exe != (u64)actor__exe(task))
		return NULL;
	return &leader->script;
}

static __always_inline bool actor__is_stamp(const struct content_stamp *a, const struct content_stamp *b)
{
	return a->size == b->size && a->ctime_ns == b->ctime_ns;
}

/* Of a program whose libraries are asked for, nobody knows what it had loaded before: as if it were the worst. */
static __always_inline u32 actor__unwatched(const struct program_roles *program, u32 marks)
{
	u32 unwatched = watches & ((marks / ACTOR_WATCHED & 1) ^ 1);

	return decide_meets(&program->asking, &program->asking) * unwatched * ACTOR_LIBRARY;
}

/* Roles that name the script, if what was executed is what they were given to. */
static __noinline u32 actor__by_script(struct script *script, u32 slot, u32 marks, struct role_set *to)
{
	struct object_key key = {.slot = slot};
	u32 flags = ACTOR_SCRIPTED | (script->named ? 0 : ACTOR_INTERPRETED);
	struct program_roles *known;

	key.id = script->id;
	known = bpf_map_lookup_elem(&roles_by_program, &key);
	if (!known)
		return flags;
	flags |= actor__unwatched(known, marks);
	if (actor__is_stamp(&known->stamp, &script->stamp))
		script->accepted = 1; /* a chmod after that takes nothing from those who run it */
	if (!script->accepted)
		return flags | ACTOR_PROGRAM_CHANGED;
	actor__add_roles(to, &known->roles);
	return flags;
}

/*
 * Not inlined, like actor__groups: their stack need not add up. A file whose content was changed in place is
 * not the program that the roles were given to: it has none until the daemon has looked at it anew. Returns
 * ACTOR_….
 */
static __noinline u32 actor__by_executable(struct inode *exe, u32 slot, u32 marks, struct role_set *to)
{
	struct object_key key = {.slot = slot};
	struct program_roles *known;
	struct content_stamp now;

	object__id(exe, &key.id);
	known = bpf_map_lookup_elem(&roles_by_program, &key);
	if (!known)
		return 0;
	object__stamp(exe, &now);
	if (!actor__is_stamp(&known->stamp, &now))
		return ACTOR_PROGRAM_CHANGED;
	actor__add_roles(to, &known->roles);
	return actor__unwatched(known, marks);
}

static __always_inline u32 actor__by_program(struct task_struct *task, u32 slot, u32 marks,
					     struct role_set *to)
{
	struct script *script = actor__script(task);
	struct inode *exe = actor__exe(task);

	if (script)
		return actor__by_script(script, slot, marks, to);
	return exe ? actor__by_executable(exe, slot, marks, to) : 0;
}

/* What is known of a thread beside its roles: ACTOR_…. */
static __always_inline u32 actor__flags(struct task_struct *task)
{
	return (actor__login_uid(task) != ID_UNSET ? ACTOR_BY_LOGIN : 0) | actor__marks(task);
}

/* The roles of a thread: decide_roles, one dimension after the other to spare the stack. Returns ACTOR_…. */
static __always_inline u32 actor__roles(struct task_struct *task, u32 slot, struct role_set *ret_roles)
{
	const struct policy_slot *policy = &control.slots[slot & 1];
	u32 login = actor__login_uid(task), flags = unknown(actor__flags(task));
	struct id_key key = {.slot = slot};
	struct user_roles *user;
	struct role_set accepted;

	key.id = login != ID_UNSET ? login : task->real_cred->euid.val;
	user = bpf_map_lookup_elem(&roles_by_user, &key);
	*ret_roles = policy->now;

	accepted = policy->any_user;
	if (user)
		actor__add_roles(&accepted, &user->by_user);
	decide_narrow(ret_roles, &accepted);

	accepted = policy->any_group;
	if (unknown(login == ID_UNSET))
		actor__groups(task->real_cred, slot, &accepted);
	else if (user)
		actor__add_roles(&accepted, &user->by_membership);
	decide_narrow(ret_roles, &accepted);

	accepted = policy->any_program;
	if (!(flags & ACTOR_EXE_CHANGED))
		flags |= unknown(actor__by_program(task, slot, flags, &accepted));
	decide_narrow(ret_roles, &accepted);
	return flags;
}

/* A process that has loaded what some roles do not take has none of those that ask. A global function, to spare the stack
 * of its callers; without a branch, which the verifier would follow both ways. */
__attribute__((noinline)) int actor__drop_asking(u32 flags, u32 slot, struct role_set *roles)
{
	const struct policy_slot *policy = &control.slots[slot & 1];
	u64 lost = 0ull - (u64)(flags / ACTOR_LIBRARY & 1);

	if (!roles)
		return 0;
	for (int i = 0; i < ROLE_WORDS; i++)
		roles->words[i] &= ~(policy->asking.words[i] & lost);
	return 0;
}

enum whose { WHOSE_OWN, WHOSE_TRACERS };

/* The roles of the current thread, or of who traces it, before actor__drop_asking. Returns ACTOR_…. Global, so that it is
 * verified once. */
__attribute__((noinline)) int actor__roles_of(u32 whose, u32 slot, struct role_set *ret_roles)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!ret_roles)
		return 0;
	if (whose == WHOSE_TRACERS)
		task = task->parent;
	return actor__roles(task, slot, ret_roles);
}

/*
 * The roles of the current thread. Who traces it has its memory and its steps, so that no role holds that is
 * not the tracer's, too: who attaches later is checked then (memory__attach), but a tracer stays through
 * exec.
 */
static __always_inline u32 actor__own_roles(u32 slot, struct role_set *ret_roles)
{
	u32 flags = actor__roles_of(WHOSE_OWN, slot, ret_roles);
	struct role_set tracers = {};

	actor__drop_asking(flags, slot, ret_roles);
	if (bpf_get_current_task_btf()->ptrace) {
		actor__drop_asking(actor__roles_of(WHOSE_TRACERS, slot, &tracers), slot, &tracers);
		decide_narrow(ret_roles, &tracers);
	}
	return flags;
}

/* What roles may do in a store, and GRANTED_SERVES. Global, too. */
__attribute__((noinline)) int actor__grants(const struct role_set *roles, u32 slot, u32 store)
{
	u32 index = slot * STORE_IDS + store;
	struct store_rules *rules = bpf_map_lookup_elem(&rules_by_store, &index);

	if (!roles || store == STORE_UNDETERMINED) /* there, nothing is granted to anybody */
		return 0;
	if (!rules || rules->mode == STORE_MODE_INVALID) {
		count(COUNTER_RULES_MISSING);
		return 0;
	}
	return decide_granted(rules, roles) | decide_meets(&rules->serves, roles) * GRANTED_SERVES;
}

static __always_inline void actor__keep(struct actor_answer *kept, struct task_struct *task, u64 epoch,
					const struct role_set *roles, u32 flags)
{
	kept->epoch = 0; /* never a new epoch beside old roles */
	kept->roles = *roles;
	actor__identify(task, &kept->identity);
	kept->flags = (kept->flags & (ACTOR_MARKS | ACTOR_CROSSING)) | flags;
	__builtin_memset(kept->recent, 0, sizeof(kept->recent)); /* another person's uses */
	__builtin_memset(kept->granted, 0, sizeof(kept->granted));
	kept->epoch = epoch;
}

#include "bpf/own.bpf.h"

/*
 * The operations that the current thread may do in a store: a mask of OPERATION_BIT, with ACTOR_… flags
 * shifted by 16. Kept in task storage; where that cannot be had (no memory, or a mechanism that does not
 * learn of changed credentials) it is computed each time. A global function, so that it is verified once and
 * not for every path that leads here.
 */
__attribute__((noinline)) int actor__granted(u64 epoch, u32 slot, u32 store, u32 mechanism)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *kept = NULL;
	struct role_set roles = {};
	u32 granted, flags;

	slot &= 1;
	if (own__is_store(store))
		return own__granted(store) | actor__flags(task) << 16;
	if (mechanism != MECHANISM_TRACING) {
		kept = bpf_task_storage_get(&answers_by_actor, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!kept)
			count(COUNTER_NO_CACHE);
	}
	if (!kept || !actor__is_current(kept, task, epoch, mechanism)) {
		flags = actor__own_roles(slot, &roles);
		if (!kept)
			return actor__grants(&roles, slot, store) | flags << 16;
		actor__keep(kept, task, epoch, &roles, flags);
	}
	barrier_var(store); /* the verifier forgets the bounds of a spilled half word */
	if (store >= STORE_IDS)
		return 0;
	granted = kept->granted[store];
	if (!(granted & GRANTED_COMPUTED)) {
		granted = actor__grants(&kept->roles, slot, store) | GRANTED_COMPUTED;
		kept->granted[store] = granted;
	}
	return granted | kept->flags << 16;
}

/* Credentials of the current thread change: what was known of it is void. */
static __always_inline void actor__forget(void)
{
	struct actor_answer *answer =
		bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);

	if (answer)
		answer->epoch = 0;
	hot__forget(bpf_get_current_task_btf());
}

#define STORAGE_ATTEMPTS 3

/* What is kept with a thread, made if there is nothing. The kernel takes memory for that without waiting, so that there may be
 * none at once but a moment later. NULL: none, which is counted. */
static __noinline struct actor_answer *actor__make(struct task_struct *task)
{
	struct actor_answer *answer;

#pragma unroll
	for (int i = 0; i < STORAGE_ATTEMPTS; i++) {
		answer = bpf_task_storage_get(&answers_by_actor, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (answer)
			return answer;
	}
	count(COUNTER_NO_CACHE);
	return NULL;
}

#define PR_SET_MM	   35
#define PR_SET_MM_EXE_FILE 13
#define PR_SET_MM_MAP	   14

/* prctl(PR_SET_MM, …) may set /proc/self/exe: the whole process is no program from here on. 0, or -ENOMEM: it must not. */
static __always_inline int actor__prctl(int option, unsigned long what)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *leader;

	if (option != PR_SET_MM || (what != PR_SET_MM_EXE_FILE && what != PR_SET_MM_MAP))
		return 0;
	leader = actor__make(task->group_leader);
	if (!leader)
		return -ENOMEM;
	leader->flags |= ACTOR_EXE_CHANGED;
	/* Every thread's answer is void: they share the executable. Rare enough to make all of them compute
	 * anew. */
	maps__new_epoch();
	return 0;
}

/* A child process inherits the marks with the executable. 0, or -ENOMEM: without them it might have roles that its parent has
 * not, and must not be made. */
static __always_inline int actor__fork(struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *leader = bpf_task_storage_get(&answers_by_actor, task->group_leader, 0, 0),
			    *mine;

	if (!leader || !(leader->flags & ACTOR_MARKS || leader->script.id.ino))
		return 0;
	mine = actor__make(child);
	if (!mine)
		return leader->flags & (ACTOR_EXE_CHANGED | ACTOR_LIBRARY) ? -ENOMEM : 0;
	mine->flags |= leader->flags & ACTOR_MARKS;
	mine->script = leader->script;
	return 0;
}

/* A program was executed for real: the marks end, or become those of the script that it began with. */
static __always_inline void actor__exec(const struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *mine = bpf_task_storage_get(&answers_by_actor, task, 0, 0);

	hot__forget(task);
	if (!mine)
		return;
	mine->flags = 0;
	mine->epoch = 0;
	mine->decided = 0;
	mine->script = mine->executing;
	mine->script.exe = (u64)actor__exe(task);
	if (bprm->interp == bprm->filename) /* what is noted is of an exec that failed */
		mine->script.id.ino = 0;
	mine->executing.id.ino = 0;
}

#endif
