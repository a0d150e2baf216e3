/* SPDX-License-Identifier: GPL-2.0 */
/* Shims of the mechanism `lsm`. A denial by another LSM before us stands (ret). */
#ifndef MUNIMENT_ATTACH_LSM_BPF_H
#define MUNIMENT_ATTACH_LSM_BPF_H

SEC("lsm/file_open")
int BPF_PROG(lsm__file_open, struct file *file, int ret)
{
	return ret ? ret : guard__open(file, MECHANISM_LSM);
}

SEC("lsm/file_permission")
int BPF_PROG(lsm__file_permission, struct file *file, int mask, int ret)
{
	return ret ? ret : access__use(file, mask, MECHANISM_LSM, HOOK_FILE_PERMISSION);
}

SEC("lsm/inode_link")
int BPF_PROG(lsm__inode_link, struct dentry *old, struct inode *dir, struct dentry *new, int ret)
{
	return ret ? ret : border__link(old, dir, new, MECHANISM_LSM);
}

/* For RENAME_EXCHANGE the kernel calls this hook twice, the second time with both sides swapped. */
SEC("lsm/inode_rename")
int BPF_PROG(lsm__inode_rename, struct inode *old_dir, struct dentry *old, struct inode *new_dir,
	     struct dentry *new, int ret)
{
	return ret ? ret : border__rename(old, new, 0, MECHANISM_LSM);
}

/* open with O_CREAT, or creat: of a regular file. */
SEC("lsm/inode_create")
int BPF_PROG(lsm__inode_create, struct inode *dir, struct dentry *name, unsigned short mode, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_LSM, HOOK_INODE_CREATE);
}

SEC("lsm/inode_mkdir")
int BPF_PROG(lsm__inode_mkdir, struct inode *dir, struct dentry *name, unsigned short mode, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_LSM, HOOK_INODE_MKDIR);
}

SEC("lsm/inode_mknod")
int BPF_PROG(lsm__inode_mknod, struct inode *dir, struct dentry *name, unsigned short mode, unsigned int dev,
	     int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_LSM, HOOK_INODE_MKNOD);
}

SEC("lsm/inode_symlink")
int BPF_PROG(lsm__inode_symlink, struct inode *dir, struct dentry *name, const char *target, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_LSM, HOOK_INODE_SYMLINK);
}

SEC("lsm/inode_unlink")
int BPF_PROG(lsm__inode_unlink, struct inode *dir, struct dentry *name, int ret)
{
	return ret ? ret : names__delete(name, MECHANISM_LSM, HOOK_INODE_UNLINK);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(lsm__inode_rmdir, struct inode *dir, struct dentry *name, int ret)
{
	return ret ? ret : names__delete(name, MECHANISM_LSM, HOOK_INODE_RMDIR);
}

/* Up to Linux 6.8 this hook has no idmap, while security_inode_setattr has. */
SEC("lsm/inode_setattr")
int BPF_PROG(lsm__inode_setattr_old, struct dentry *name, struct iattr *attributes, int ret)
{
	return ret ? ret : names__setattr(name, attributes, MECHANISM_LSM);
}

SEC("lsm/inode_setattr")
int BPF_PROG(lsm__inode_setattr, void *idmap, struct dentry *name, struct iattr *attributes, int ret)
{
	return ret ? ret : names__setattr(name, attributes, MECHANISM_LSM);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(lsm__inode_setxattr, void *idmap, struct dentry *name, const char *attribute, const void *value,
	     unsigned long size, int flags, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_LSM, HOOK_INODE_SETXATTR);
}

/* A program of its own, as both together need more stack than Linux 6.1 gives. */
SEC("lsm/inode_setxattr")
int BPF_PROG(lsm__inode_setxattr_copy, void *idmap, struct dentry *name, const char *attribute,
	     const void *value, unsigned long size, int flags, int ret)
{
	return ret ? ret : copy__describe(name, attribute, MECHANISM_LSM);
}

SEC("lsm/inode_getxattr")
int BPF_PROG(lsm__inode_getxattr, struct dentry *name, const char *attribute, int ret)
{
	return ret ? ret : copy__look(name, attribute, MECHANISM_LSM);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(lsm__inode_removexattr, void *idmap, struct dentry *name, const char *attribute, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_LSM, HOOK_INODE_REMOVEXATTR);
}

SEC("lsm/inode_set_acl")
int BPF_PROG(lsm__inode_set_acl, void *idmap, struct dentry *name, const char *which, void *acl, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_LSM, HOOK_INODE_SET_ACL);
}

SEC("lsm/inode_remove_acl")
int BPF_PROG(lsm__inode_remove_acl, void *idmap, struct dentry *name, const char *which, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_LSM, HOOK_INODE_REMOVE_ACL);
}

SEC("lsm/mmap_file")
int BPF_PROG(lsm__mmap_file, struct file *file, unsigned long asked, unsigned long prot, unsigned long flags,
	     int ret)
{
	return ret ? ret : memory__map(file, prot, flags, MECHANISM_LSM);
}

SEC("lsm/file_mprotect")
int BPF_PROG(lsm__file_mprotect, struct vm_area_struct *area, unsigned long asked, unsigned long prot,
	     int ret)
{
	return ret ? ret : memory__protect(area, prot, MECHANISM_LSM);
}

SEC("lsm/file_ioctl")
int BPF_PROG(lsm__file_ioctl, struct file *file, unsigned int number, unsigned long argument, int ret)
{
	return ret ? ret : ioctl__decide(file, number, MECHANISM_LSM);
}

/* Later kernels, 6.1.176 among them, have a hook of its own for ioctl of 32-bit callers. */
SEC("lsm/file_ioctl_compat")
int BPF_PROG(lsm__file_ioctl_compat, struct file *file, unsigned int number, unsigned long argument, int ret)
{
	return ret ? ret : ioctl__decide(file, number, MECHANISM_LSM);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(lsm__ptrace_access_check, struct task_struct *task, unsigned int mode, int ret)
{
	return ret ? ret : guard__attach(task, mode, MECHANISM_LSM);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(lsm__ptrace_traceme, struct task_struct *parent, int ret)
{
	return ret ? ret : memory__traceme(parent, MECHANISM_LSM);
}

SEC("lsm/cred_prepare")
int BPF_PROG(lsm__cred_prepare, struct cred *new, const struct cred *old, unsigned int gfp, int ret)
{
	return ret ? ret : memory__dump(MECHANISM_LSM);
}

/*
 * What makes kept answers void. Programs of the LSM type here too: of fentry's type, the kernel may skip one
 * (used__decided). Where the hook has a result, it stays what it is.
 */
SEC("lsm/task_prctl")
int BPF_PROG(lsm__task_prctl, int option, unsigned long what, unsigned long arg3, unsigned long arg4,
	     unsigned long arg5, int ret)
{
	int err = actor__prctl(option, what);

	return err ? err : ret;
}

SEC("lsm/sb_kern_mount")
int BPF_PROG(lsm__sb_kern_mount, const struct super_block *sb, int ret)
{
	kept__mounted(sb);
	return ret;
}

SEC("lsm/inode_free_security")
int BPF_PROG(lsm__inode_free_security, struct inode *inode)
{
	copy__gone(inode);
	return 0;
}

SEC("lsm/task_alloc")
int BPF_PROG(lsm__task_alloc, struct task_struct *child, unsigned long flags, int ret)
{
	int err = actor__fork(child);

	if (!err)
		err = label__forking(child, flags);
	return err ? err : ret;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(lsm__bprm_check_security, struct linux_binprm *bprm, int ret)
{
	int err = label__exec();

	script__check(bprm);
	return err ? err : ret;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(lsm__bprm_committed_creds, const struct linux_binprm *bprm)
{
	actor__exec(bprm);
	label__executed();
	carrier__executed();
	library__executed();
	return 0;
}

/* --- sockets --- */

/* Arguments are fetched by who needs them, as most of those who send hold nothing: socket, message, size. */
SEC("lsm/socket_sendmsg")
int lsm__socket_sendmsg(unsigned long long *ctx)
{
	int ret = ctx[3];

	if (ret || !label__may_hold())
		return ret;
	return egress__send_held((struct socket *)ctx[0], (struct msghdr *)ctx[1], ctx[2], MECHANISM_LSM);
}

SEC("lsm/socket_connect")
int BPF_PROG(lsm__socket_connect, struct socket *socket, void *address, int size, int ret)
{
	return ret ? ret : egress__connect(socket, address, size, MECHANISM_LSM);
}

SEC("lsm/socket_getsockopt")
int BPF_PROG(lsm__socket_getsockopt, struct socket *socket, int level, int option, int ret)
{
	return ret ? ret : socket__option(socket->sk, level, option, MECHANISM_LSM);
}

SEC("lsm/unix_may_send")
int BPF_PROG(lsm__unix_may_send, struct socket *socket, struct socket *to, int ret)
{
	return ret ? ret : socket__named(to);
}

SEC("lsm/inet_csk_clone")
int BPF_PROG(lsm__inet_csk_clone, struct sock *sk, const struct request_sock *request)
{
	wire__accepted(sk, request);
	return 0;
}

SEC("lsm/inet_conn_established")
int BPF_PROG(lsm__inet_conn_established, struct sock *sk)
{
	wire__established(sk);
	return 0;
}

/* --- queues and keys --- */

SEC("lsm/msg_msg_alloc_security")
int BPF_PROG(lsm__msg_msg_alloc, struct msg_msg *message, int ret)
{
	return ret ? ret : carrier__send(message);
}

SEC("lsm/msg_msg_free_security")
int BPF_PROG(lsm__msg_msg_free, struct msg_msg *message)
{
	carrier__open(message);
	return 0;
}

SEC("lsm/msg_queue_msgrcv")
int BPF_PROG(lsm__msg_queue_msgrcv, void *queue, struct msg_msg *message, struct task_struct *to, long type,
	     int mode, int ret)
{
	return ret ? ret : carrier__offer(message, to, MECHANISM_LSM);
}

SEC("lsm/key_alloc")
int BPF_PROG(lsm__key_alloc, struct key *key, const struct cred *cred, unsigned long flags, int ret)
{
	return ret ? ret : carrier__key(key);
}

/* The first argument's type has no members in the kernel's BTF, so that the verifier lets nobody load it. */
SEC("lsm/key_permission")
int BPF_PROG(lsm__key_permission, void *reference, const struct cred *cred, int need, int ret)
{
	u64 key = 0;

	if (ret || !control.labels || bpf_get_func_arg(ctx, 0, &key))
		return ret;
	return carrier__use_key(key, need, MECHANISM_LSM);
}

/* --- guarding the monitor and the host --- */

SEC("lsm/task_kill")
int BPF_PROG(lsm__task_kill, struct task_struct *task, void *info, int signal, const struct cred *cred,
	     int ret)
{
	return ret ? ret : guard__kill(task, signal, MECHANISM_LSM);
}

SEC("lsm/file_send_sigiotask")
int BPF_PROG(lsm__file_send_sigiotask, struct task_struct *task, void *owner, int signal, int ret)
{
	return ret ? ret : guard__kill(task, signal ? signal : SIGIO, MECHANISM_LSM);
}

SEC("lsm/task_setnice")
int BPF_PROG(lsm__task_setnice, struct task_struct *task, int nice, int ret)
{
	return ret ? ret : guard__set(task, MECHANISM_LSM);
}

SEC("lsm/task_setscheduler")
int BPF_PROG(lsm__task_setscheduler, struct task_struct *task, int ret)
{
	return ret ? ret : guard__set(task, MECHANISM_LSM);
}

SEC("lsm/task_setrlimit")
int BPF_PROG(lsm__task_setrlimit, struct task_struct *task, unsigned int resource, void *limit, int ret)
{
	return ret ? ret : guard__set(task, MECHANISM_LSM);
}

/* Since Linux 6.15 (082f1db02c80) the hook is told whether the kernel itself asks. */
SEC("lsm/bpf")
int BPF_PROG(lsm__bpf_old, int command, void *attr, unsigned int size, int ret)
{
	return ret ? ret : guard__bpf(command, attr, MECHANISM_LSM);
}

SEC("lsm/bpf")
int BPF_PROG(lsm__bpf, int command, void *attr, unsigned int size, bool kernel, int ret)
{
	return ret ? ret : guard__bpf(command, attr, MECHANISM_LSM);
}

SEC("lsm/bpf_map")
int BPF_PROG(lsm__bpf_map, struct bpf_map *map, unsigned int mode, int ret)
{
	return ret ? ret : guard__bpf_object(OWN_MAP, map->id, MECHANISM_LSM);
}

SEC("lsm/bpf_prog")
int BPF_PROG(lsm__bpf_prog, struct bpf_prog *program, int ret)
{
	return ret ? ret : guard__bpf_object(OWN_PROGRAM, program->aux->id, MECHANISM_LSM);
}

SEC("lsm/sb_umount")
int BPF_PROG(lsm__sb_umount, struct vfsmount *mount, int flags, int ret)
{
	return ret ? ret : guard__unmount(mount, MECHANISM_LSM);
}

SEC("lsm/sb_mount")
int BPF_PROG(lsm__sb_mount, const char *source, const struct path *path, const char *type,
	     unsigned long flags, void *data, int ret)
{
	return ret ? ret : guard__mount(path->dentry, flags, MECHANISM_LSM);
}

SEC("lsm/move_mount")
int BPF_PROG(lsm__move_mount, const struct path *from, const struct path *to, int ret)
{
	return ret ? ret : guard__cover(to->dentry, MECHANISM_LSM);
}

SEC("lsm/kernel_read_file")
int BPF_PROG(lsm__kernel_read_file, struct file *file, int id, bool contents, int ret)
{
	return ret ? ret : guard__read_file(file, id, MECHANISM_LSM);
}

SEC("lsm/kernel_load_data")
int BPF_PROG(lsm__kernel_load_data, int id, bool contents, int ret)
{
	return ret ? ret : guard__load_data(id, MECHANISM_LSM);
}

SEC("lsm/locked_down")
int BPF_PROG(lsm__locked_down, int what, int ret)
{
	return ret ? ret : guard__locked_down(what, MECHANISM_LSM);
}

/* munimentd, and programs whose libraries a role asks for, are executed as a set-user-ID program would be: no library of
 * the caller's choice comes into them. */
SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(lsm__bprm_creds_for_exec, struct linux_binprm *program, int ret)
{
	guard__exec(program);
	library__exec(program);
	return ret;
}

#endif
