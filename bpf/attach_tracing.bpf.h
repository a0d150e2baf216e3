/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shims that no mechanism can do without (fentry, fexit: what is known of a task or a rename ends), and those
 * of the mechanism `tracing`: the exit of every system call that hands out a descriptor, and io_uring's
 * tracepoints. These cannot prevent; a denied caller gets SIGKILL before it runs another instruction.
 */
#ifndef MUNIMENT_ATTACH_TRACING_BPF_H
#define MUNIMENT_ATTACH_TRACING_BPF_H

#include "bpf/used.bpf.h"

SEC("fentry/commit_creds")
int BPF_PROG(fentry__commit_creds)
{
	actor__forget();
	return 0;
}

SEC("fentry/security_task_prctl")
int BPF_PROG(fentry__task_prctl, int option, unsigned long what)
{
	actor__prctl(option, what);
	return 0;
}

SEC("fentry/security_inode_free")
int BPF_PROG(fentry__inode_free, struct inode *inode)
{
	copy__gone(inode);
	return 0;
}

SEC("fentry/security_bprm_committed_creds")
int BPF_PROG(fentry__bprm_committed_creds, const struct linux_binprm *bprm)
{
	actor__exec(bprm);
	label__executed();
	carrier__executed();
	library__executed();
	return 0;
}

SEC("fexit/vfs_rename")
int BPF_PROG(fexit__vfs_rename)
{
	border__renamed();
	return 0;
}

/* The last reference to an open file is gone; file_free_security comes when its dentry is, too. */
SEC("fentry/locks_remove_file")
int BPF_PROG(fentry__close, struct file *file)
{
	access__closed(file);
	return 0;
}

static __always_inline struct file *tracing__file(u64 address)
{
	return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct file));
}

/* The file behind a descriptor of the current task, or NULL. */
static __always_inline struct file *tracing__descriptor(long fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = task->files->fdt;
	u64 address = 0;

	if (fd < 0 || fd >= table->max_fds)
		return NULL;
	if (bpf_probe_read_kernel(&address, sizeof(address), table->fd + fd) || !address)
		return NULL;
	return tracing__file(address);
}

/* System calls that return a descriptor of a file by name or by handle: x86-64 and i386 numbers. */
static __always_inline bool tracing__opens(long number, bool compat)
{
	if (compat)
		return number == 5 || number == 8 || number == 295 || number == 437 || number == 342;
	number &= ~0x40000000; /* x32 */
	return number == 2 || number == 85 || number == 257 || number == 437 || number == 304;
}

/* A file has been opened. Returns 0 or -EACCES. */
static __always_inline int tracing__opened(struct file *file, u32 hook)
{
	u32 operations = access__opening(file, file->f_inode);

	switch (used__decided(file, operations, hook)) {
	case DECIDED_NOT:
		return access__open(file, MECHANISM_TRACING, hook);
	case DECIDED_BEFORE:
		return used__judge(file, operations, MECHANISM_TRACING, hook, 0);
	default:
		return 0;
	}
}

/* An open file has been used; mask is of MAY_… bits. Returns 0 or -EACCES. */
static __always_inline int tracing__used(struct file *file, u32 mask, u32 hook, u64 amount)
{
	u32 operations = access__using(file, file->f_inode, mask);

	if (hook == HOOK_FILE_PERMISSION && used__decided(file, operations, hook) == DECIDED_NOW)
		return 0;
	return used__judge(file, operations, MECHANISM_TRACING, hook, amount);
}

/* Is there a file, and can it lie in a store? */
static __always_inline bool tracing__is_near(struct file *file)
{
	return file && !(file->f_mode & FMODE_PATH) && !access__is_elsewhere(file->f_inode);
}

/* Was it mmap, by a descriptor, for execution? */
static __always_inline bool tracing__maps_code(const struct pt_regs *regs, bool compat)
{
	bool mmap = compat ? regs->orig_ax == 192 : (regs->orig_ax & ~0x40000000) == 9;

	return mmap && regs->dx & PROT_EXEC;
}

/* A system call returns; the caller is killed if it got what it must not have. Returns 1 if it may have come to hold
 * something. */
static __always_inline int tracing__returned(struct task_struct *task, const struct pt_regs *regs, long ret)
{
	bool compat = task->thread_info.status & TASK_COMPAT, near;
	struct file *file;
	long fd;
	u32 mask;

	if (tracing__opens(regs->orig_ax, compat)) {
		file = tracing__descriptor(ret);
		if (!tracing__is_near(file))
			return 0;
		if (tracing__opened(file, HOOK_FILE_OPEN))
			bpf_send_signal(SIGKILL);
		return 1;
	}
	mask = compat ? used__by_compat(regs, regs->orig_ax, &fd)
		      : used__by(regs, regs->orig_ax & ~0x40000000, &fd);
	if (!mask)
		return 0;
	file = tracing__descriptor(fd);
	near = tracing__is_near(file);
	if (near &&
	    tracing__used(file, mask, HOOK_FILE_PERMISSION, used__amount(file, regs, mask, compat, ret)))
		bpf_send_signal(SIGKILL);
	else if (file && tracing__maps_code(regs, compat) &&
		 library__load(file, MECHANISM_TRACING, HOOK_MMAP_FILE))
		bpf_send_signal(SIGKILL);
	return near;
}

#define IORING_OP_OPENAT  18
#define IORING_OP_OPENAT2 28

/*
 * An io_uring request is done, its result not yet visible to the process. An opened descriptor is judged as
 * by a system call; of other requests the file that they worked on is, which covers files registered with the
 * ring.
 */
static __always_inline int tracing__completed(const void *request)
{
	struct io_kiocb *req = bpf_rdonly_cast(request, bpf_core_type_id_kernel(struct io_kiocb));
	struct file *file = NULL;
	u32 mask;
	bool opens;
	s32 res;

	if (!request)
		return 0;
	/* Not from the tracepoint's own arguments, which up to Linux 6.12 were the result's parts. */
	res = req->cqe.res;
	if (res < 0)
		return 0;
	opens = req->opcode == IORING_OP_OPENAT || req->opcode == IORING_OP_OPENAT2;
	if (opens)
		file = tracing__descriptor(res);
	else if (req->file)
		file = tracing__file((u64)req->file);
	if (!tracing__is_near(file))
		return 0;
	mask = used__by_io_uring(req->opcode);
	if (opens ? tracing__opened(file, HOOK_IO_URING)
		  : tracing__used(file, mask, HOOK_IO_URING,
				  used__amount_of_io_uring(req->opcode, mask, res)))
		bpf_send_signal(SIGKILL);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tracing__sys_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (ret < 0)
		return 0;
	if (tracing__returned(task, regs, ret))
		connect__note(task);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(tracing__io_uring_complete, void *ring, void *request)
{
	tracing__completed(request);
	connect__note(bpf_get_current_task_btf());
	return 0;
}

/*
 * The same by perf's tracepoints, for the net below fmod_ret: programs of this type run with preemption off,
 * while those above are preempted and then skipped like fmod_ret's where tracepoints run with preemption on
 * (seen on 7.2, not on 6.18).
 */
SEC("tracepoint/raw_syscalls/sys_exit")
int net__sys_exit(struct trace_event_raw_sys_exit *context)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (context->ret >= 0)
		tracing__returned(task, (const struct pt_regs *)bpf_task_pt_regs(task), context->ret);
	return 0;
}

SEC("tracepoint/io_uring/io_uring_complete")
int net__io_uring_complete(struct trace_event_raw_io_uring_complete *context)
{
	return tracing__completed(context->req);
}

/* Tells the loader by which numbers the kernel knows the loader's own descriptors: stat lies on btrfs and
 * overlayfs. */
const volatile __u32 loader_tgid = 0;

SEC("cgroup/sysctl")
int cgroup__sysctl(struct bpf_sysctl *ctx)
{
	return guard__sysctl(ctx);
}

SEC("cgroup_skb/egress")
int cgroup__egress(struct __sk_buff *skb)
{
	return wire__leaves(skb);
}

SEC("cgroup_skb/ingress")
int cgroup__ingress(struct __sk_buff *skb)
{
	return wire__arrives(skb);
}

SEC("cgroup/connect4")
int cgroup__connect4(struct bpf_sock_addr *ctx)
{
	return connect__ask_ipv4(ctx, HOOK_SOCKET_CONNECT);
}

SEC("cgroup/connect6")
int cgroup__connect6(struct bpf_sock_addr *ctx)
{
	return connect__ask_ipv6(ctx, HOOK_SOCKET_CONNECT);
}

SEC("cgroup/sendmsg4")
int cgroup__sendmsg4(struct bpf_sock_addr *ctx)
{
	return connect__ask_ipv4(ctx, HOOK_SOCKET_SENDMSG);
}

SEC("cgroup/sendmsg6")
int cgroup__sendmsg6(struct bpf_sock_addr *ctx)
{
	return connect__ask_ipv6(ctx, HOOK_SOCKET_SENDMSG);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tracing__process_fork, struct task_struct *parent, struct task_struct *child)
{
	label__forked(child);
	pass__fork(child);
	carrier__forked(child);
	connect__forked(parent, child);
	return 0;
}

/* See TWINS in attach_flow.bpf.h. Who passed what on is told once. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(tracing__process_fork_twin, struct task_struct *parent, struct task_struct *child)
{
	label__forked(child);
	carrier__forked(child);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(tracing__cgroup_attach_task, struct cgroup *to, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	return guard__moved(to, task);
}

/* Which processes may hold data of stores? */
SEC("iter/task")
int iter__labelled(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct labelled out = {};

	if (!task || task->pid != task->tgid)
		return 0;
	out.label = label__of(task);
	if (!out.label)
		return 0;
	out.start_boot_ns = task->start_boottime;
	out.tgid = task->tgid;
	out.uid = task->real_cred->euid.val;
	out.login_uid = actor__login_uid(task);
	bpf_probe_read_kernel_str(out.comm, sizeof(out.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

SEC("iter/task_file")
int iter__identify(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct identified out = {};
	struct inode *inode;

	if (!task || !file || task->tgid != (int)loader_tgid || task->pid != (int)loader_tgid)
		return 0;
	inode = file->f_inode;
	object__id(inode, &out.id);
	object__stamp(inode, &out.stamp);
	out.fd = ctx->fd;
	out.super_dev = inode->i_sb->s_dev;
	out.mode = inode->i_mode;
	out.writers = inode->i_writecount.counter > 0 ? inode->i_writecount.counter : 0;
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

/* Which records of stores do processes have open? Their use is decided like any other's. */
SEC("iter/task_file")
int iter__held(struct bpf_iter__task_file *ctx)
{
	struct access access = {.mechanism = MECHANISM_TRACING};
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	u64 epoch = maps__epoch();
	struct held out = {};

	if (!task || !file || task->pid != task->tgid || own__is_task(task) ||
	    access__is_elsewhere(file->f_inode))
		return 0;
	access.slot = epoch_slot(epoch);
	if (!access__locate(file->f_inode, file->f_path.dentry, NULL, epoch, MECHANISM_TRACING, &access) ||
	    access.place.store >= STORES_MAX)
		return 0;
	object__id(file->f_inode, &out.file);
	out.tgid = task->tgid;
	out.fd = ctx->fd;
	out.store = access.place.store;
	out.uid = task->real_cred->euid.val;
	out.login_uid = actor__login_uid(task);
	out.mode = file->f_mode & (FMODE_READ | FMODE_WRITE);
	bpf_probe_read_kernel_str(out.comm, sizeof(out.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

#endif
