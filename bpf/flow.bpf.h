/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Labels on their way through pipes, FIFOs and terminals: who writes gives them its label, who reads takes theirs. A reader
 * that was blocked is labelled as its read returns, since no hook comes after the wait (LSM hooks run before it).
 */
#ifndef MUNIMENT_FLOW_BPF_H
#define MUNIMENT_FLOW_BPF_H

/* By the address of a pipe_inode_info, of the lower tty_struct of a pair, of a message or key in the kernel's memory, or of
 * an mm_struct for its variables; until that is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u64);
} labels_by_carrier SEC(".maps");

static __always_inline bool flow__is_fifo(struct inode *inode)
{
	return (inode->i_mode & INODE_TYPE_MASK) == INODE_FIFO;
}

/* Nothing flows while no process holds anything. */
static __always_inline bool flow__is_pipe(struct inode *inode)
{
	return control.labels && flow__is_fifo(inode);
}

#define TTY_MAJOR_AUX 5 /* /dev/tty, /dev/ptmx */
#define PTS_MAJOR     136
#define PTS_MAJORS    8

/* What a terminal's two sides are known by, or 0: this one has no other side. file is one of the kernel's tty layer. */
static __noinline u64 flow__terminal(struct file *file)
{
	struct tty_file_private *side = file->private_data;
	u64 mine = (u64)BPF_CORE_READ(side, tty), other = (u64)BPF_CORE_READ(side, tty, link);

	if (!mine || !other)
		return 0;
	return mine < other ? mine : other;
}

/* What a file's data goes through that is read once, by the key that its label has; 0: it is not such a file. */
static __always_inline u64 flow__carrier(struct file *file, struct inode *inode)
{
	u32 type = control.labels ? inode->i_mode & INODE_TYPE_MASK : 0, major;

	if (type == INODE_FIFO)
		return (u64)inode->i_pipe;
	if (type != INODE_CHAR)
		return 0;
	major = inode->i_rdev >> 20;
	return major == TTY_MAJOR_AUX || major - PTS_MAJOR < PTS_MAJORS ? flow__terminal(file) : 0;
}

static __always_inline u64 flow__label(u64 carrier)
{
	u64 *label = control.carriers ? bpf_map_lookup_elem(&labels_by_carrier, &carrier) : NULL;

	return label ? *label : 0;
}

/* Data comes to lie in a pipe or the like. 0 or -ENOMEM. */
static __always_inline int flow__fill(u64 carrier, u64 stores)
{
	int err;

	__sync_fetch_and_add(&control.carriers, 1); /* before the label, which nobody looks for without */
	pass__settle();
	pass__give(&carrier);
	err = group__grow(&labels_by_carrier, &carrier, stores);
	if (err != GROUP_NEW)
		__sync_fetch_and_add(&control.carriers, -1);
	if (err >= 0)
		return 0;
	count(COUNTER_UNLABELLED);
	return -ENOMEM;
}

/* What the current process holds, and what lies there does not. */
static __always_inline u64 flow__more(u64 carrier)
{
	u64 mine = label__of(bpf_get_current_task_btf());

	return mine ? mine & ~flow__label(carrier) : 0;
}

/* The current process writes to a pipe or the like. 0 or -ENOMEM. */
static __noinline int flow__give(u64 carrier)
{
	u64 more = flow__more(carrier);

	return more ? flow__fill(carrier, more) : 0;
}

/* The current process comes to hold what lies in something: how and object are those of struct record_pass. STORE_NONE, or
 * a store whose data may not meet what it holds. */
static __noinline u32 flow__meets_by(u64 label, u32 slot, u32 how, u64 object)
{
	struct meeting meeting = {.slot = slot & 1, .store = STORE_NONE, .how = how, .object = object};

	return label && label__take(label, &meeting) ? STORE_UNDETERMINED : meeting.store;
}

/*
 * That is recorded by the inode of the pipe or socket. 0 or -EACCES. Not by access__settle: a FIFO's path is not worth what
 * that takes to verify in each of the programs that come here.
 */
static __noinline int flow__settle(struct file *file, u32 store, u32 slot, u32 hook, u32 mechanism)
{
	struct inode *inode = file->f_inode;
	struct dentry *dentry = file->f_path.dentry;
	struct access access = {.hook = hook,
				.mechanism = mechanism,
				.slot = slot & 1,
				.operations = OPERATION_BIT(OPERATION_READ),
				.place.store = store,
				.wanted = VERDICT_DENY,
				.reason = REASON_COMPARTMENT};
	const char *name = NULL;
	u32 mode, audit;

	access__rules(inode, &access, &mode, &audit);
	access.enforced = decide_enforced(VERDICT_DENY, mode, mechanism);
	access.flags = (mode != STORE_MODE_ENFORCE) * RECORD_FLAG_MONITOR;
	if (dentry->d_parent != dentry) {
		name = (const char *)dentry->d_name.name;
		access.flags |= RECORD_FLAG_PATH_OUTSIDE | RECORD_FLAG_PATH_CUT;
	}
	emit__announce(mechanism);
	if (account__is_foldable(&access))
		account__fold(inode, &access);
	emit__bare(&access, inode, name, label__of(bpf_get_current_task_btf()), NULL);
	return access.enforced == ENFORCED_ALLOWED ? 0 : -EACCES;
}

int egress__lowest(u64 label);

struct flow_serving {
	struct role_set roles;
	u64 label;  /* still to be asked about */
	u64 served; /* of these, what the roles may read and serve to others */
	u32 slot;
	u32 pad;
};

/* bpf_loop's body: one store. */
static long flow__serving(u32 turn, struct flow_serving *serving)
{
	u64 label = serving->label, rest = label & (label - 1);
	u32 slot = serving->slot & 1, store, granted;

	if (!label)
		return 1;
	serving->label = rest;
	store = control.slots[slot].stores[egress__lowest(label) & 63];
	granted = store < STORES_MAX ? actor__grants(&serving->roles, slot, store) : 0;
	if (granted & GRANTED_SERVES && granted & OPERATION_BIT(OPERATION_READ))
		serving->served |= label ^ rest;
	return 0;
}

/* What the current process receives of stores that it is granted to serve, it serves, as if it had read that. Returns what
 * else it comes to hold. */
static __noinline u64 flow__serve(u64 label, u32 slot, u32 how, u64 object)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct flow_serving serving = {
		.label = label & ~(label__of(task) | label__served(task)), .served = 0, .slot = slot & 1};

	if (!serving.label)
		return label;
	actor__own_roles(serving.slot, &serving.roles);
	bpf_loop(STORES_MAX, flow__serving, &serving, 0);
	if (!serving.served || label__serve(serving.served))
		return label;
	pass__take(serving.served, how, &object, 0);
	return label & ~serving.served;
}

/* flow__meets_by for what somebody else gives it. */
static __always_inline u32 flow__receives(u64 label, u32 slot, u32 how, u64 object)
{
	if (control.slots[slot & 1].flows & FLOW_SERVES)
		label = flow__serve(label, slot, how, object);
	return flow__meets_by(label, slot, how, object);
}

/* The current process takes what is labelled so from a pipe or socket, or has taken it. 0 or -EACCES. */
static __always_inline int flow__take_by(struct file *file, u64 label, u32 hook, u32 mechanism, u32 how,
					 u64 object)
{
	u32 slot, store;

	if (!label || !maps__speaks())
		return 0;
	slot = epoch_slot(maps__epoch());
	store = flow__receives(label, slot, how, object);
	if (store == STORE_UNDETERMINED ||
	    (store != STORE_NONE && !file)) /* no memory, or nothing to tell of */
		return -EACCES;
	return store == STORE_NONE ? 0 : flow__settle(file, store, slot, hook, mechanism);
}

/* The same by what has no word of its own. */
static __always_inline int flow__take(struct file *file, u64 label, u32 hook, u32 mechanism)
{
	return flow__take_by(file, label, hook, mechanism, PASS_OTHER, 0);
}

/* It has been read: whatever came meanwhile is held, or its reader ends before it sees it. */
static __always_inline void flow__arrived(struct file *file, u64 carrier, u32 how)
{
	if (flow__take_by(file, flow__label(carrier), HOOK_FILE_PERMISSION, MECHANISM_TRACING, how, carrier))
		bpf_send_signal(SIGKILL);
}

static __always_inline void flow__received_by_terminal(struct file *file)
{
	u64 carrier = control.labels && control.carriers ? flow__terminal(file) : 0;

	if (carrier)
		flow__arrived(file, carrier, PASS_TERMINAL);
}

static __always_inline void flow__received(struct file *file)
{
	if (control.carriers && flow__is_pipe(file->f_inode))
		flow__arrived(file, (u64)file->f_inode->i_pipe, PASS_PIPE);
}

/* A file is spliced into a pipe, which no hook tells of. */
static __always_inline void flow__spliced(struct pipe_inode_info *pipe)
{
	if (control.labels && flow__give((u64)pipe))
		bpf_send_signal(SIGKILL);
}

/* Pipes are spliced or teed: without a hook, too. */
static __always_inline void flow__moved(struct file *in, struct file *out)
{
	flow__received(in);
	if (flow__is_pipe(out->f_inode) && flow__give((u64)out->f_inode->i_pipe))
		bpf_send_signal(SIGKILL);
}

/* The same between two pipes, as both are locked: after the wait for data, whose writer's label is there, and before it
 * can be read from the other one. */
static __always_inline void flow__locked(struct pipe_inode_info *in, struct pipe_inode_info *out)
{
	u64 label = control.labels ? flow__label((u64)in) : 0;

	if (label && flow__fill((u64)out, label))
		bpf_send_signal(SIGKILL);
}

/* Memory is spliced into a pipe of the current process. */
static __noinline int flow__poured(long fd)
{
	struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
	struct file *file = NULL;

	if (!control.labels || fd < 0 || fd >= table->max_fds ||
	    bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd) || !file ||
	    (BPF_CORE_READ(file, f_inode, i_mode) & INODE_TYPE_MASK) != INODE_FIFO)
		return 0;
	if (flow__give((u64)BPF_CORE_READ(file, f_inode, i_pipe)))
		bpf_send_signal(SIGKILL);
	return 0;
}

/* What lies in a socket is spliced into a pipe. */
static __always_inline void flow__poured_from(u64 holds, struct pipe_inode_info *pipe)
{
	if (holds & ~flow__label((u64)pipe) && flow__fill((u64)pipe, holds))
		bpf_send_signal(SIGKILL);
}

/* What was known by that address is freed. */
static __always_inline void flow__gone(u64 address)
{
	if (control.carriers && !bpf_map_delete_elem(&labels_by_carrier, &address))
		__sync_fetch_and_add(&control.carriers, -1);
}

#endif
