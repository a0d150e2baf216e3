/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done to the monitor or the host otherwise than through files of a store: signals, scheduling, BPF
 * objects, levers in procfs and cgroupfs, mounts, modules. Every function returns 0 to allow or -EPERM. These are
 * rare, so no answer is kept; repeats are counted like those of other accesses.
 */
#ifndef MUNIMENT_GUARD_BPF_H
#define MUNIMENT_GUARD_BPF_H

/* Name (EMIT_NAME bytes in the kernel, or NULL) is the record's path, and place.root_ino tells names apart. */
static __always_inline int guard__emit(struct access *access, const char *name)
{
	if (account__is_foldable(access))
		account__fold(NULL, access);
	return emit__bare(access, NULL, name, 0, NULL);
}

/* mode: enum store_mode of the guard or the host's rule, not 0. */
static __always_inline void guard__judge(struct access *access, u32 mode)
{
	access->operations = OPERATION_BIT(OPERATION_CONTROL);
	access->wanted = VERDICT_DENY;
	access->enforced = decide_enforced(VERDICT_DENY, mode, access->mechanism);
	access->reason = access->place.store == STORE_HOST ? REASON_HOST : REASON_OWN;
	access->flags |= (mode != STORE_MODE_ENFORCE) * RECORD_FLAG_MONITOR;
	if (actor__login_uid(bpf_get_current_task_btf()) != ID_UNSET)
		access->flags |= RECORD_FLAG_BY_LOGIN;
}

static __always_inline int guard__answer(const struct access *access)
{
	return access->enforced == ENFORCED_ALLOWED ? 0 : -EPERM;
}

static __noinline int guard__settle(struct access *access, u32 mode, const char *name)
{
	guard__judge(access, mode);
	emit__announce(access->mechanism);
	guard__emit(access, name);
	return guard__answer(access);
}

/* The same about a file, whose path the record tells. */
static __noinline int guard__settle_file(struct inode *inode, struct dentry *dentry, struct access *access,
					 u32 mode)
{
	u32 store = access->place.store;

	object__walk(dentry, inode, access->slot, &access->place);
	access->place.store = store;
	access->place.reason = 0;
	guard__judge(access, mode);
	access__blur(access, unknown(0));
	access__record(inode, dentry, access);
	return guard__answer(access);
}

/* What the policy says of a host_item to others than the monitor; 0: nothing. The access tells which item decided. */
static __always_inline u32 guard__host(struct access *access, u32 item)
{
	u32 mode = host_mode(control.slots[access->slot & 1].host, item);

	access->place.root = item;
	return mode && !own__is_current() ? mode : 0;
}

static __always_inline struct access guard__access(u32 store, u32 hook, u32 detail, u32 mechanism)
{
	struct access access = {.hook = hook,
				.mechanism = mechanism,
				.detail = detail,
				.slot = epoch_slot(maps__epoch()),
				.place.store = store};

	return access;
}

/* Somebody wants a process of the monitor to do something. */
static __noinline int guard__process(u32 tgid, u32 hook, u32 detail, u32 mechanism)
{
	struct access access = guard__access(STORE_OWN, hook, detail, mechanism);
	u32 mode = own__mode();

	if (own__is_current())
		return 0;
	/* What does not run cannot stop in order either. With pins, enforcement outlives it. */
	if (hook == HOOK_TASK_KILL && bpf_ktime_get_boot_ns() - control.own.heartbeat > OWN_SILENT_NS)
		mode = STORE_MODE_MONITOR;
	access.target = tgid;
	return guard__settle(&access, mode, NULL);
}

static __always_inline bool guard__is_for(struct task_struct *task)
{
	return maps__speaks() && control.own.mode && own__is_task(task);
}

/* A signal, by whatever call. HUP reloads the policy; the others change nothing. */
static __always_inline int guard__kill(struct task_struct *task, int signal, u32 mechanism)
{
	if (!signal || signal == SIGHUP || signal == SIGCHLD || signal == SIGCONT || !guard__is_for(task))
		return 0;
	return guard__process(task->tgid, HOOK_TASK_KILL, signal, mechanism);
}

/* Its priority, CPUs, scheduling or limits. */
static __always_inline int guard__set(struct task_struct *task, u32 mechanism)
{
	return guard__is_for(task) ? guard__process(task->tgid, HOOK_TASK_SETTING, 0, mechanism) : 0;
}

/* Its memory or descriptors: by ptrace, /proc/PID/mem, process_vm_writev, pidfd_getfd. */
static __always_inline int guard__attach(struct task_struct *task, u32 mode, u32 mechanism)
{
	if (mode & PTRACE_MODE_ATTACH && guard__is_for(task))
		return guard__process(task->tgid, HOOK_PTRACE_ACCESS_CHECK, 0, mechanism);
	return memory__attach(task, mode, mechanism);
}

/* A program is about to be executed. */
static __always_inline void guard__exec(struct linux_binprm *program)
{
	struct inode *inode = program->file->f_inode;
	struct object_id id = {};

	if (!control.own.mode || inode->i_ino != control.own.program.ino)
		return;
	object__id(inode, &id);
	if (id.dev == control.own.program.dev && id.generation == control.own.program.generation)
		bpf_bprm_opts_set(program, BPF_F_BPRM_SECUREEXEC);
}

/* --- BPF objects --- */

/* uapi/linux/bpf.h: commands, types of programs, of attachment */
#define BPF_CMD_PROG_LOAD	  5
#define BPF_CMD_LINK_UPDATE	  29
#define BPF_CMD_LINK_GET_FD_BY_ID 30
#define BPF_CMD_LINK_DETACH	  34
#define BPF_TYPE_TRACING	  26
#define BPF_TYPE_LSM		  29
#define BPF_ATTACH_MODIFY_RETURN  26
#define BPF_TYPES_TRACING                                                                                    \
	(1ull << 2 | 1ull << 5 | 1ull << 7 | 1ull << 17 | 1ull << 24 |                                       \
	 1ull << BPF_TYPE_TRACING) /* kprobe, tracepoint, perf_event, raw tracepoints */

struct bpf_attr_head { /* the beginning of union bpf_attr */
	u32 word[17];
	u32 expected_attach_type; /* of PROG_LOAD, whose first word is the type */
};

/* The link behind a descriptor of the current process. 0: none. */
static __noinline u32 guard__link_of(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = task->files->fdt;
	struct file *file = NULL;
	struct bpf_link *link;

	if (fd >= table->max_fds || bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd) || !file)
		return 0;
	link = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(link, id);
}

/* Programs that could overrule ours (the newest of a hook has the last word on 6.1, HOOKS.md), or that look into
 * the kernel. */
static __noinline int guard__bpf_load(u32 type, u32 attach_type, u32 mechanism)
{
	u32 mode;
	bool shadows =
		type == BPF_TYPE_LSM || (type == BPF_TYPE_TRACING && attach_type == BPF_ATTACH_MODIFY_RETURN);
	struct access access = guard__access(STORE_HOST, HOOK_BPF, BPF_CMD_PROG_LOAD | type << 8, mechanism);

	if (shadows && control.own.mode) {
		mode = own__is_current() ? 0 : own__mode();
		access.place.store = STORE_OWN;
	} else {
		mode = type < 64 && BPF_TYPES_TRACING >> type & 1 ? guard__host(&access, HOST_BPF) : 0;
	}
	return mode ? guard__settle(&access, mode, NULL) : 0;
}

static __noinline int guard__own_object(u32 kind, u32 id, u32 hook, u32 detail, u32 mechanism)
{
	struct access access = guard__access(STORE_OWN, hook, detail, mechanism);

	if (!own__has(kind, id) || own__is_current())
		return 0;
	return guard__settle(&access, own__mode(), NULL);
}

/* The system call bpf. attr lies in the kernel's memory. */
static __always_inline int guard__bpf(int cmd, const void *attr, u32 mechanism)
{
	struct bpf_attr_head head = {};

	if (!maps__speaks())
		return 0;
	if (cmd != BPF_CMD_PROG_LOAD && cmd != BPF_CMD_LINK_UPDATE && cmd != BPF_CMD_LINK_GET_FD_BY_ID &&
	    cmd != BPF_CMD_LINK_DETACH)
		return 0;
	if (bpf_probe_read_kernel(&head, sizeof(head), attr)) {
		count(COUNTER_READ_FAILED);
		return 0;
	}
	if (cmd == BPF_CMD_PROG_LOAD)
		return guard__bpf_load(unknown(head.word[0]), unknown(head.expected_attach_type), mechanism);
	if (!control.own.mode)
		return 0;
	if (cmd != BPF_CMD_LINK_GET_FD_BY_ID)
		head.word[0] = guard__link_of(head.word[0]);
	return guard__own_object(OWN_LINK, head.word[0], HOOK_BPF, cmd, mechanism);
}

/* A descriptor of a map or program is handed out. */
static __always_inline int guard__bpf_object(u32 kind, u32 id, u32 mechanism)
{
	if (!maps__speaks() || !control.own.mode)
		return 0;
	return guard__own_object(kind, id, HOOK_BPF_OBJECT, id, mechanism);
}

/* --- levers: files of the kernel's own file systems --- */

/* A file that is opened to be written, where levers may be. */
static __always_inline bool guard__is_lever(struct file *file, struct inode *inode)
{
	u64 magic;

	if (!(file->f_mode & FMODE_WRITE))
		return false;
	magic = inode->i_sb->s_magic;
	return magic == PROC_SUPER_MAGIC || magic == CGROUP2_SUPER_MAGIC || magic == DEBUGFS_MAGIC;
}

/* The process that a file below /proc/PID is about, if it is the monitor's; else 0. */
static __noinline u32 guard__proc_process(struct inode *inode)
{
	struct proc_inode *proc = (void *)((u64)inode - bpf_core_field_offset(struct proc_inode, vfs_inode));
	struct pid *pid = BPF_CORE_READ(proc, pid);
	struct hlist_node *first = pid ? BPF_CORE_READ(pid, tasks[0].first) : NULL;
	struct task_struct *task;
	u32 tgid;

	if (!first)
		return 0;
	task = (void *)((u64)first - bpf_core_field_offset(struct task_struct, pid_links));
	tgid = BPF_CORE_READ(task, tgid);
	return own__is_process(tgid, BPF_CORE_READ(task, group_leader, start_boottime)) ? tgid : 0;
}

static __always_inline bool guard__is_named(const char *name, const char *wanted, u32 size)
{
	return !bpf_strncmp(name, size, wanted);
}

static __noinline int guard__proc(struct inode *inode, const char *name, u32 mechanism)
{
	struct access access = guard__access(STORE_OWN, HOOK_TASK_SETTING, 0, mechanism);
	u32 mode = 0;

	access.target = guard__proc_process(inode);
	access.place.root_ino = inode->i_ino;
	if (access.target && control.own.mode) {
		mode = own__is_current() ? 0 : own__mode();
	} else if (guard__is_named(name, "sysrq-trigger", 14)) {
		mode = guard__host(&access, HOST_SYSRQ);
		access.hook = HOOK_SYSRQ;
		access.place.store = STORE_HOST;
	}
	return mode ? guard__settle(&access, mode, name) : 0;
}

/*
 * Control files of the cgroups that the monitor lies in. To end or freeze it is nobody's business; what bounds its
 * memory or its share of the CPUs is the service manager's.
 */
static __noinline int guard__cgroup(struct dentry *dentry, const char *name, u32 mechanism)
{
	struct access access = guard__access(STORE_OWN, HOOK_CGROUP, 0, mechanism);
	struct inode *dir = dentry->d_parent->d_inode;

	if (!control.own.mode || !dir || !own__has(OWN_CGROUP, dir->i_ino))
		return 0;
	if (guard__is_named(name, "cgroup.", 7)) {
		if (name[7] != 'k' && name[7] != 'f')
			return 0; /* its members, its controllers */
	} else if (bpf_get_current_pid_tgid() >> 32 == 1) {
		return 0;
	}
	access.place.root_ino = dentry->d_inode->i_ino;
	return own__is_current() ? 0 : guard__settle(&access, own__mode(), name);
}

/* debugfs' sched/preempt: full preemption makes the kernel skip programs of fmod_ret. */
static __noinline int guard__debugfs(const char *name, u32 mechanism)
{
	struct access access = guard__access(STORE_OWN, HOOK_SYSCTL, 0, mechanism);

	if (!control.own.mode || !guard__is_named(name, "preempt", 8) || own__is_current())
		return 0;
	return guard__settle(&access, own__mode(), name);
}

/* A file passed guard__is_lever. */
static __noinline int guard__pull(struct file *file, struct inode *inode, u32 mechanism)
{
	struct dentry *dentry = file->f_path.dentry;
	u64 magic = inode->i_sb->s_magic;
	char name[EMIT_NAME] = {};

	if (!maps__speaks())
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name);
	if (magic == PROC_SUPER_MAGIC)
		return guard__proc(inode, name, mechanism);
	if (magic == CGROUP2_SUPER_MAGIC)
		return guard__cgroup(dentry, name, mechanism);
	return guard__debugfs(name, mechanism);
}

/* A file is opened. */
static __always_inline int guard__open(struct file *file, u32 mechanism)
{
	struct inode *inode = file->f_inode;
	int err = guard__is_lever(file, inode) ? guard__pull(file, inode, mechanism) : 0;

	return err ? err : access__open(file, mechanism, HOOK_FILE_OPEN);
}

/* --- mounts --- */

/* The bpffs with the pins: with its last mount goes what is pinned. */
static __always_inline int guard__unmount(struct vfsmount *mount, u32 mechanism)
{
	struct access access = guard__access(STORE_OWN, HOOK_SB_UMOUNT, 0, mechanism);
	u32 mode = own__mode();

	if (!maps__speaks() || !mode || mount->mnt_sb->s_dev != control.own.pins_dev || own__is_current())
		return 0;
	return guard__settle(&access, mode, NULL);
}

/*
 * Something is about to be mounted over a directory or file: what its name leads to will be something else, which
 * takes `rename` in a store. The record stays guarded wherever it is seen; the decoy is what nobody asked for.
 */
static __always_inline int guard__cover(struct dentry *dentry, u32 mechanism)
{
	return names__object(dentry, OPERATION_BIT(OPERATION_RENAME), mechanism, HOOK_MOUNT);
}

#define MS_REMOUNT     32
#define MS_PROPAGATION (1 << 17 | 1 << 18 | 1 << 19 | 1 << 20) /* unbindable, private, slave, shared */

static __always_inline int guard__mount(struct dentry *dentry, unsigned long flags, u32 mechanism)
{
	return flags & (MS_REMOUNT | MS_PROPAGATION) ? 0 : guard__cover(dentry, mechanism);
}

/* --- the host --- */

static __always_inline u32 guard__read_item(u32 id)
{
	if (id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE) ||
	    (bpf_core_enum_value_exists(enum kernel_read_file_id___compressed, READING_MODULE_COMPRESSED) &&
	     id == bpf_core_enum_value(enum kernel_read_file_id___compressed, READING_MODULE_COMPRESSED)))
		return HOST_MODULES;
	return id == bpf_core_enum_value(enum kernel_read_file_id, READING_KEXEC_IMAGE) ? HOST_KEXEC
											: HOST_ITEMS;
}

/* The kernel reads a file into itself: finit_module, kexec_file_load. */
static __always_inline int guard__read_file(struct file *file, u32 id, u32 mechanism)
{
	u32 item = guard__read_item(id), mode;
	struct access access =
		guard__access(STORE_HOST, item == HOST_MODULES ? HOOK_MODULE : HOOK_KEXEC, 0, mechanism);

	if (item == HOST_ITEMS || !file || !maps__speaks())
		return 0;
	mode = guard__host(&access, item);
	return mode ? guard__settle_file(file->f_inode, file->f_path.dentry, &access, mode) : 0;
}

/* The same from memory: init_module, kexec_load. */
static __always_inline int guard__load_data(u32 id, u32 mechanism)
{
	bool module = id == bpf_core_enum_value(enum kernel_load_data_id, LOADING_MODULE);
	struct access access = guard__access(STORE_HOST, module ? HOOK_MODULE : HOOK_KEXEC, 0, mechanism);
	u32 mode;

	if ((!module && id != bpf_core_enum_value(enum kernel_load_data_id, LOADING_KEXEC_IMAGE)) ||
	    !maps__speaks())
		return 0;
	mode = guard__host(&access, module ? HOST_MODULES : HOST_KEXEC);
	return mode ? guard__settle(&access, mode, NULL) : 0;
}

/* What the kernel's lockdown would keep from root. */
static __always_inline int guard__locked_down(u32 what, u32 mechanism)
{
	struct access access = guard__access(STORE_HOST, HOOK_LOCKED_DOWN, what, mechanism);
	u32 item, mode;

	if (what == bpf_core_enum_value(enum lockdown_reason, LOCKDOWN_DEV_MEM) ||
	    what == bpf_core_enum_value(enum lockdown_reason, LOCKDOWN_KCORE))
		item = HOST_MEMORY;
	else if (what == bpf_core_enum_value(enum lockdown_reason, LOCKDOWN_KPROBES))
		item = HOST_KPROBES;
	else
		return 0;
	mode = maps__speaks() ? guard__host(&access, item) : 0;
	return mode ? guard__settle(&access, mode, NULL) : 0;
}

/* --- what ftrace cannot silence --- */

/*
 * A setting below /proc/sys is read or written. `ftrace_enabled` off silences every program of LSM, fentry and
 * fmod_ret (HOOKS.md, 1); without a bound, real-time tasks starve all others. Returns 1 to allow, 0 to deny.
 */
static __always_inline int guard__sysctl(struct bpf_sysctl *ctx)
{
	struct access access = guard__access(STORE_OWN, HOOK_SYSCTL, 0, MECHANISM_CGROUP);
	u32 mode = own__mode();
	char name[EMIT_NAME] = {}, value[8] = {};
	bool tracing;

	if (!ctx->write || !maps__speaks() || !mode)
		return 1;
	if (bpf_sysctl_get_name(ctx, name, sizeof(name), 0) < 0)
		return 1;
	tracing = guard__is_named(name, "kernel/ftrace_enabled", 22);
	if (!tracing && !guard__is_named(name, "kernel/sched_rt_runtime_us", 27))
		return 1;
	if (tracing && bpf_sysctl_get_new_value(ctx, value, sizeof(value)) > 0 && value[0] == '1')
		return 1;
	access.place.root_ino = tracing;
	guard__judge(&access, mode);
	guard__emit(&access, name + sizeof("kernel/") - 1);
	return access.enforced == ENFORCED_ALLOWED;
}

/* The monitor was moved to another cgroup. No hook comes before; its new cgroup is guarded at once. */
static __always_inline int guard__moved(struct cgroup *to, struct task_struct *task)
{
	struct access access = guard__access(STORE_OWN, HOOK_CGROUP_ATTACH, 0, MECHANISM_TRACING);
	struct own_key key = {.kind = OWN_CGROUP, .id = to->kn->id};
	u32 value = 1;

	if (!guard__is_for(task) || own__has(OWN_CGROUP, key.id))
		return 0;
	bpf_map_update_elem(&own_objects, &key, &value, BPF_ANY);
	if (bpf_get_current_pid_tgid() >> 32 == 1)
		return 0;
	access.target = task->tgid;
	access.detail = key.id;
	return guard__settle(&access, STORE_MODE_MONITOR, NULL);
}

#endif
