/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The logic of each operation: identify, decide, emit. Attach shims call these with their mechanism and
 * differ in nothing else. Every function returns 0 to allow or a negative errno; under MECHANISM_TRACING the
 * shim turns that into SIGKILL.
 */
#ifndef MUNIMENT_ACCESS_BPF_H
#define MUNIMENT_ACCESS_BPF_H

/* Most accesses end here: no store on that device. */
static __always_inline bool access__is_far_device(u32 dev)
{
	return !(control.devices >> (dev & 63) & 1);
}

static __always_inline bool access__is_far(struct inode *inode)
{
	return access__is_far_device(kept__dev(inode));
}

/* The same for what is opened or used by descriptor, which may be a device below a store. */
static __always_inline bool access__is_beyond(struct inode *inode, u32 dev)
{
	return access__is_far_device(dev) && !raw__is_near(inode);
}

static __always_inline bool access__is_elsewhere(struct inode *inode)
{
	return access__is_beyond(inode, kept__dev(inode));
}

/* The answer kept with the inode, or NULL when there is none for this epoch. */
static __always_inline struct answer *access__known(struct inode *inode, u32 mechanism, u64 epoch)
{
	struct answer *known;

	if (mechanism != MECHANISM_LSM)
		return NULL;
	known = bpf_inode_storage_get(&answers_by_inode, inode, 0, 0);
	return known && known->epoch == epoch ? known : NULL;
}

/* Keeps an answer. Not "outside" for a file of several names, which may have another name inside. */
static __always_inline void access__remember(struct inode *inode, struct dentry *dentry, u64 epoch,
					     const struct place *place)
{
	if (place->store != STORE_NONE)
		kept__note_inside(inode, epoch, place->store);
	else if (object__is_named_often(inode) || kept__note_outside(inode, dentry, epoch))
		return;
	object__remember(inode, epoch, place);
}

/*
 * Where does this inode lie? Returns false for outside every store. known: its kept answer or NULL. mechanism:
 * access's own, apart, as the verifier must see that only lsm gets to inode storage.
 */
static __always_inline bool access__locate(struct inode *inode, struct dentry *dentry,
					   const struct answer *known, u64 epoch, u32 mechanism,
					   struct access *access)
{
	if (known && known->epoch == epoch) { /* a policy may have been switched since the caller looked */
		access->place.store = known->store;
		access->place.root = known->root;
		access->place.root_ino = known->root_ino;
	} else if (raw__is_near(inode)) {
		access->place.store = STORE_NONE;
		raw__find(inode, access);
		access->place.store = unknown(access->place.store);
	} else if (mechanism == MECHANISM_LSM && kept__learn_outside(inode, dentry, epoch)) {
		access->place.store = STORE_NONE;
	} else {
		access->place.store = STORE_NONE;
		object__find(inode, dentry, access->slot, &access->place);
		if (mechanism == MECHANISM_LSM)
			access__remember(inode, dentry, epoch, &access->place);
	}
	/* The canary tells whether fmod_ret itself decides; the net must not stop the daemon that asks. */
	if (net && mechanism == MECHANISM_TRACING && access->place.store == STORE_CANARY)
		return false;
	return access->place.store != STORE_NONE;
}

#define RULES_AUDIT 8 /* where the audit begins in what access__rules_of returns */

/* Mode and audit of the place: of its store, or of the device where the walk could not tell; dev is its super block's.
 * Global, so that it is verified once. */
__attribute__((noinline)) int access__rules_of(const struct access *access, u32 dev)
{
	/* Rules that are missing are the loader's mistake: closed. */
	u32 closed = STORE_MODE_ENFORCE | STORE_AUDIT_REQUIRED << RULES_AUDIT, store, slot, index, mode;
	struct device_rules *device;
	struct store_rules *rules;

	if (!access)
		return closed;
	store = access->place.store;
	slot = access->slot & 1;
	if (store == STORE_UNDETERMINED) {
		struct device_key key = {.slot = slot, .dev = dev};

		device = bpf_map_lookup_elem(&rules_by_device, &key);
		return device ? device->mode | device->audit << RULES_AUDIT : closed;
	}
	if (store == STORE_LIBRARY)
		return access->library_mode | STORE_AUDIT_BEST_EFFORT << RULES_AUDIT;
	if (own__is_store(store))
		return own__mode() | STORE_AUDIT_BEST_EFFORT << RULES_AUDIT;
	index = slot * STORE_IDS + store;
	rules = bpf_map_lookup_elem(&rules_by_store, &index);
	if (!rules)
		return closed;
	mode = rules->mode;
	if (access->operations == OPERATION_BIT(OPERATION_COPY) &&
	    decide_copy_word(control.slots[slot].copies, control.slots[slot].media, access->place.reason) !=
		    COPIES_DENY)
		mode = STORE_MODE_MONITOR;
	return mode | rules->audit << RULES_AUDIT;
}

static __always_inline void access__rules(struct inode *inode, const struct access *access, u32 *ret_mode,
					  u32 *ret_audit)
{
	u32 rules = access__rules_of(access, inode->i_sb->s_dev);

	*ret_mode = rules & ((1 << RULES_AUDIT) - 1);
	*ret_audit = rules >> RULES_AUDIT;
}

/* No record, no access, where the store requires it. One that is only monitored denies nothing. */
static __always_inline int access__unrecorded(struct inode *inode, const struct access *access)
{
	u32 mode, audit;

	access__rules(inode, access, &mode, &audit);
	if (access->enforced == ENFORCED_ALLOWED &&
	    (audit != STORE_AUDIT_REQUIRED || mode != STORE_MODE_ENFORCE))
		return 0;
	if (access->enforced == ENFORCED_ALLOWED)
		count(COUNTER_LOST_DENIED);
	return -EACCES;
}

/* Who reads a record comes to hold data of its store. 0, or the reason why it must not be read. Others' memory is not
 * read here: see memory__settle. */
static __always_inline u32 access__label(struct inode *inode, struct dentry *dentry,
					 const struct access *access)
{
	if (!(access->operations & (OPERATION_BIT(OPERATION_READ) | OPERATION_BIT(OPERATION_EXECUTE))) ||
	    access->granted & GRANTED_LABELLED || access->target)
		return 0;
	if (control.slots[access->slot & 1].flows & FLOW_NO_RECORDS &&
	    no_records__are_in(inode, dentry, access->slot & 1, access->place.store))
		return 0;
	return label__gain(access->place.store, access->slot, access->granted & GRANTED_SERVES);
}

/* Sets wanted, enforced and reason for an access whose place and grants are known. */
static __always_inline void access__judge(struct inode *inode, struct dentry *dentry, struct access *access)
{
	u32 mode, audit,
		denied = access->place.reason ||
			 decide_verdict(access->operations, access->granted) != VERDICT_ALLOW;

	access->reason = REASON_GRANTED;
	access->wanted = VERDICT_ALLOW;
	access->enforced = ENFORCED_ALLOWED;
	if (!denied)
		access->place.reason = unknown(access__label(inode, dentry, access));
	if (!denied && !access->place.reason)
		return;
	access->wanted = VERDICT_DENY;
	access->reason = access->place.reason		       ? access->place.reason
			 : access->place.store == STORE_CANARY ? REASON_CANARY
			 : own__is_store(access->place.store)  ? REASON_OWN
							       : REASON_NOT_GRANTED;
	access__rules(inode, access, &mode, &audit);
	access->enforced = decide_enforced(VERDICT_DENY, mode, access->mechanism);
	if (mode != STORE_MODE_ENFORCE)
		access->flags |= RECORD_FLAG_MONITOR;
	if (denied && access->enforced == ENFORCED_ALLOWED)
		access__label(inode, dentry, access);
}

/* By inode: files of a directory have neighbouring numbers, and the verifier allows no arithmetic on the
 * file's address. */
static __always_inline struct recent *access__recent(struct actor_answer *actor, struct inode *inode)
{
	return &actor->recent[inode->i_ino & (RECENT_MAX - 1)];
}

/* What is kept of the current thread, or NULL. */
static __always_inline struct actor_answer *access__actor(const struct access *access)
{
	if (access->mechanism == MECHANISM_TRACING)
		return NULL;
	return bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);
}

/* Is this use among the thread's recent ones, which are on record? */
static __always_inline bool access__is_recent(struct actor_answer *actor, struct file *file,
					      struct inode *inode, u32 operations)
{
	struct recent *recent = access__recent(actor, inode);

	return recent->file == (u64)file && recent->ino == inode->i_ino &&
	       !(operations & ~recent->operations);
}

/* This process's use of this open file that is on record already, though not among the thread's recent ones; or
 * NULL. */
static __always_inline struct use *access__recorded(struct file *file, struct inode *inode, u32 operations)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct use_key key = {.file = (u64)file, .tgid = task->tgid};
	struct use *use = bpf_map_lookup_elem(&uses, &key);

	return use && use->ino == inode->i_ino && use->epoch == maps__epoch() &&
			       !(operations & ~use->operations) && use->uid == task->real_cred->euid.val &&
			       use->login_uid == actor__login_uid(task)
		       ? use
		       : NULL;
}

/* Makes room among the recent uses; a full table only means one more record. */
static __noinline int access__push_out(struct recent *recent, struct task_struct *task, u64 epoch, u32 opened)
{
	struct use_key key = {.file = recent->file, .tgid = task->tgid};
	struct use use = {.ino = recent->ino,
			  .epoch = epoch,
			  .account = recent->account,
			  .operations = recent->operations,
			  .uid = task->real_cred->euid.val,
			  .login_uid = actor__login_uid(task),
			  .opened = opened};

	return bpf_map_update_elem(&uses, &key, &use, BPF_ANY);
}

/* `tracing` keeps nothing with threads: its uses are all here. */
static __noinline int access__note_traced(struct file *file, struct inode *inode, const struct access *access)
{
	struct recent recent = {.file = (u64)file,
				.ino = inode->i_ino,
				.operations = access->operations,
				.account = access->account & ~ACCOUNT_FOLDED};
	u64 epoch = maps__epoch();

	/* What was decided under a policy that is in force no more is not on record. */
	if (epoch_slot(epoch) != access->slot)
		return 0;
	return access__push_out(&recent, bpf_get_current_task_btf(), epoch, 0);
}

static __always_inline void access__note_use(struct file *file, struct inode *inode,
					     const struct access *access)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *actor = access__actor(access);
	struct recent *recent;

	if (access->mechanism == MECHANISM_TRACING && !net)
		access__note_traced(file, inode, access);
	if (!actor)
		return;
	hot__forget_file(task, inode);
	recent = access__recent(actor, inode);
	if (recent->file == (u64)file && recent->ino == inode->i_ino) {
		recent->operations |= access->operations;
		recent->account = access->account & ~ACCOUNT_FOLDED;
		return;
	}
	if (recent->file && recent->file != (u64)file)
		access__push_out(recent, task, actor->epoch, 0);
	recent->file = (u64)file;
	recent->ino = inode->i_ino;
	recent->operations = access->operations;
	recent->account = access->account & ~ACCOUNT_FOLDED;
	recent->call = 0;
	if (task->flags & TASK_IO_WORKER) /* another thread will complete it, and use it */
		access__push_out(recent, task, actor->epoch, 1);
}

/* Would a denial here be enforced? */
static __always_inline bool access__enforces(struct inode *inode, const struct access *access)
{
	u32 mode, audit;

	access__rules(inode, access, &mode, &audit);
	return mode == STORE_MODE_ENFORCE;
}

/* The daemon lists the stores at load to find files of several names: no access by a person. */
static __always_inline bool access__is_keeper(u32 operations)
{
	return operations == OPERATION_BIT(OPERATION_LIST) && control.keeper &&
	       bpf_get_current_pid_tgid() >> 32 == control.keeper;
}

static __always_inline void access__ask(struct access *access, u64 epoch)
{
	u32 answer = actor__granted(epoch, access->slot, access->place.store, access->mechanism);

	access->granted =
		unknown(access->granted | (answer & 0xffff)); /* raw__find may have granted already */
	access->actor = answer >> 16;
}

/* So that what follows is verified once, not for each way an access can come about. nothing: unknown(0). */
static __always_inline void access__blur(struct access *access, u32 nothing)
{
	access->place.root_ino += nothing;
	access->place.root += nothing;
	access->place.store += nothing;
	access->place.reason += nothing;
	access->place.walked += nothing;
	access->operations += nothing;
	access->hook += nothing;
	access->mechanism += nothing;
	access->slot += nothing;
	access->actor += nothing;
}

/* The same for what the verdict depends on, once it is found. */
static __always_inline void access__blur_verdict(struct access *access, u32 nothing)
{
	access->place.store += nothing;
	access->place.reason += nothing;
	access->mechanism += nothing;
	access->wanted += nothing;
	access->enforced += nothing;
	access->reason += nothing;
	access->flags += nothing;
}

/* Counts a judged access with those that are like it, or makes a record. 0, or -ENOMEM when there was no room. */
static __always_inline int access__record(struct inode *inode, struct dentry *dentry, struct access *access)
{
	access->account = 0;
	if (account__is_foldable(access))
		account__fold(inode, access);
	access->account = unknown64(access->account);
	if (access->account & ACCOUNT_FOLDED || !emit__access(inode, dentry, access))
		return 0;
	account__give_up(access->account);
	access->account = 0;
	return -ENOMEM;
}

/* What is known of the actor (ACTOR_…) is told by its record. Shifts, not branches: the verifier follows every branch into all
 * that comes after. */
static __always_inline u32 access__actor_flags(u32 actor)
{
	return (actor & ACTOR_BY_LOGIN) * (RECORD_FLAG_BY_LOGIN / ACTOR_BY_LOGIN) |
	       (actor & ACTOR_EXE_CHANGED) * (RECORD_FLAG_EXE_CHANGED / ACTOR_EXE_CHANGED) |
	       (actor & ACTOR_PROGRAM_CHANGED) * (RECORD_FLAG_PROGRAM_CHANGED / ACTOR_PROGRAM_CHANGED) |
	       (actor & ACTOR_INTERPRETED) * (RECORD_FLAG_INTERPRETED / ACTOR_INTERPRETED) |
	       (actor & ACTOR_LIBRARY) * (RECORD_FLAG_LIBRARY / ACTOR_LIBRARY);
}

static __always_inline void access__tell_actor(struct access *access)
{
	access->flags |= access__actor_flags(access->actor);
}

/* Judges and records one access. Returns 0 or -EACCES. */
static __noinline int access__settle(struct inode *inode, struct dentry *dentry, struct access *access)
{
	u32 nothing = unknown(0), quiet;

	access__tell_actor(access);
	access__blur(access, nothing);
	access__judge(inode, dentry, access);
	quiet = own__is_store(access->place.store) && access->wanted == VERDICT_ALLOW;
	access__blur_verdict(access, nothing);
	if (quiet + nothing)
		return 0; /* reading the policy, or the daemon's own work, is nobody's record */
	if (access__record(inode, dentry, access))
		return access__unrecorded(inode, access);
	return access->enforced == ENFORCED_ALLOWED ? 0 : -EACCES;
}

/* What opening this way asks for. */
static __always_inline u32 access__opening(struct file *file, struct inode *inode)
{
	u32 mode = file->f_mode, flags = file->f_flags, operations;

	if ((inode->i_mode & INODE_TYPE_MASK) == INODE_DIRECTORY)
		return OPERATION_BIT(OPERATION_LIST);
	if (flags & FMODE_EXEC)
		return OPERATION_BIT(OPERATION_EXECUTE);
	operations = (mode & FMODE_READ) * (OPERATION_BIT(OPERATION_READ) / FMODE_READ) |
		     (mode & FMODE_WRITE) * (OPERATION_BIT(OPERATION_WRITE) / FMODE_WRITE) |
		     (flags & OPEN_TRUNCATE) / (OPEN_TRUNCATE / OPERATION_BIT(OPERATION_WRITE));
	/* Access mode 3 opens for ioctl only: neither data nor nothing. */
	return operations ? operations : OPERATION_BIT(OPERATION_ATTRIBUTES);
}

/* What lies outside every store is not judged, but may be a copy. */
#define ACCESS_OUTSIDE 1
#define ACCESS_ROUTINE 2 /* allowed, on record, and counted */
#define ACCESS_PLAIN   3 /* outside, and neither a copy nor a FIFO */
#define ACCESS_PIPE    4 /* outside, and a FIFO */

static __noinline int access__open_near(struct file *file, const struct answer *known, u32 mechanism,
					u32 hook)
{
	u64 epoch = maps__epoch();
	u32 slot = epoch_slot(epoch);
	struct access access = {.hook = hook, .mechanism = mechanism, .slot = slot};
	struct inode *inode = file->f_inode;
	int err;

	if (!maps__speaks())
		return 0;
	if (!access__locate(inode, file->f_path.dentry, known, epoch, mechanism, &access))
		return ACCESS_OUTSIDE;
	access.operations = access__opening(file, inode);
	access.open_flags = file->f_flags;
	if (access__is_keeper(access.operations))
		return 0;
	access__ask(&access, epoch);
	err = access__settle(inode, file->f_path.dentry, &access);
	if (!err)
		access__note_use(file, inode, &access);
	return err;
}

/*
 * Tells the net below fmod_ret what its program has decided. Not what it denied: that call fails, and its
 * file's address may be the next one's.
 */
static __noinline int access__note_decided(struct file *file, struct inode *inode, u32 operations, int err)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct actor_answer *actor;

	if (!maps__speaks())
		return 0; /* a silent load's program lets everything pass, and has decided nothing */
	actor = bpf_task_storage_get(&answers_by_actor, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!actor)
		return 0; /* the net judges once more */
	actor->decided = err ? 0 : (u64)file;
	actor->decided_ino = inode->i_ino;
	actor->decided_epoch = maps__epoch();
	actor->decided_cred = (u64)task->real_cred;
	actor->decided_operations = operations;
	actor->decided_seen = 0;
	return 0;
}

#endif
