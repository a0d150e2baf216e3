/* SPDX-License-Identifier: GPL-2.0 */
/* Shims of the mechanism `fmod_ret`: a non-zero return value becomes that of the security_ function, which is
 * not run. */
#ifndef MUNIMENT_ATTACH_FMOD_RET_BPF_H
#define MUNIMENT_ATTACH_FMOD_RET_BPF_H

SEC("fmod_ret/security_file_open")
int BPF_PROG(fmod_ret__file_open, struct file *file, int ret)
{
	return ret ? ret : guard__open(file, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_file_permission")
int BPF_PROG(fmod_ret__file_permission, struct file *file, int mask, int ret)
{
	return ret ? ret : access__use(file, mask, MECHANISM_FMOD_RET, HOOK_FILE_PERMISSION);
}

SEC("fmod_ret/security_inode_link")
int BPF_PROG(fmod_ret__inode_link, struct dentry *old, struct inode *dir, struct dentry *new, int ret)
{
	return ret ? ret : border__link(old, dir, new, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_inode_rename")
int BPF_PROG(fmod_ret__inode_rename, struct inode *old_dir, struct dentry *old, struct inode *new_dir,
	     struct dentry *new, unsigned int flags, int ret)
{
	return ret ? ret : border__rename(old, new, flags, MECHANISM_FMOD_RET);
}

/* open with O_CREAT, or creat: of a regular file. */
SEC("fmod_ret/security_inode_create")
int BPF_PROG(fmod_ret__inode_create, struct inode *dir, struct dentry *name, unsigned short mode, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_FMOD_RET, HOOK_INODE_CREATE);
}

SEC("fmod_ret/security_inode_mkdir")
int BPF_PROG(fmod_ret__inode_mkdir, struct inode *dir, struct dentry *name, unsigned short mode, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_FMOD_RET, HOOK_INODE_MKDIR);
}

SEC("fmod_ret/security_inode_mknod")
int BPF_PROG(fmod_ret__inode_mknod, struct inode *dir, struct dentry *name, unsigned short mode,
	     unsigned int dev, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_FMOD_RET, HOOK_INODE_MKNOD);
}

SEC("fmod_ret/security_inode_symlink")
int BPF_PROG(fmod_ret__inode_symlink, struct inode *dir, struct dentry *name, const char *target, int ret)
{
	return ret ? ret : names__create(dir, name, MECHANISM_FMOD_RET, HOOK_INODE_SYMLINK);
}

SEC("fmod_ret/security_inode_unlink")
int BPF_PROG(fmod_ret__inode_unlink, struct inode *dir, struct dentry *name, int ret)
{
	return ret ? ret : names__delete(name, MECHANISM_FMOD_RET, HOOK_INODE_UNLINK);
}

SEC("fmod_ret/security_inode_rmdir")
int BPF_PROG(fmod_ret__inode_rmdir, struct inode *dir, struct dentry *name, int ret)
{
	return ret ? ret : names__delete(name, MECHANISM_FMOD_RET, HOOK_INODE_RMDIR);
}

SEC("fmod_ret/security_inode_setattr")
int BPF_PROG(fmod_ret__inode_setattr, void *idmap, struct dentry *name, struct iattr *attributes, int ret)
{
	return ret ? ret : names__setattr(name, attributes, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_inode_setxattr")
int BPF_PROG(fmod_ret__inode_setxattr, void *idmap, struct dentry *name, const char *attribute,
	     const void *value, unsigned long size, int flags, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_FMOD_RET, HOOK_INODE_SETXATTR);
}

/* A program of its own, as both together need more stack than Linux 6.1 gives. */
SEC("fmod_ret/security_inode_setxattr")
int BPF_PROG(fmod_ret__inode_setxattr_copy, void *idmap, struct dentry *name, const char *attribute,
	     const void *value, unsigned long size, int flags, int ret)
{
	return ret ? ret : copy__describe(name, attribute, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_inode_getxattr")
int BPF_PROG(fmod_ret__inode_getxattr, struct dentry *name, const char *attribute, int ret)
{
	return ret ? ret : copy__look(name, attribute, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_inode_removexattr")
int BPF_PROG(fmod_ret__inode_removexattr, void *idmap, struct dentry *name, const char *attribute, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_FMOD_RET, HOOK_INODE_REMOVEXATTR);
}

SEC("fmod_ret/security_inode_set_acl")
int BPF_PROG(fmod_ret__inode_set_acl, void *idmap, struct dentry *name, const char *which, void *acl, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_FMOD_RET, HOOK_INODE_SET_ACL);
}

SEC("fmod_ret/security_inode_remove_acl")
int BPF_PROG(fmod_ret__inode_remove_acl, void *idmap, struct dentry *name, const char *which, int ret)
{
	return ret ? ret : names__describe(name, MECHANISM_FMOD_RET, HOOK_INODE_REMOVE_ACL);
}

SEC("fmod_ret/security_mmap_file")
int BPF_PROG(fmod_ret__mmap_file, struct file *file, unsigned long prot, unsigned long flags, int ret)
{
	return ret ? ret : memory__map(file, memory__implied(prot), flags, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_file_mprotect")
int BPF_PROG(fmod_ret__file_mprotect, struct vm_area_struct *area, unsigned long asked, unsigned long prot,
	     int ret)
{
	return ret ? ret : memory__protect(area, prot, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_file_ioctl")
int BPF_PROG(fmod_ret__file_ioctl, struct file *file, unsigned int number, unsigned long argument, int ret)
{
	return ret ? ret : ioctl__decide(file, number, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_file_ioctl_compat")
int BPF_PROG(fmod_ret__file_ioctl_compat, struct file *file, unsigned int number, unsigned long argument,
	     int ret)
{
	return ret ? ret : ioctl__decide(file, number, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_ptrace_access_check")
int BPF_PROG(fmod_ret__ptrace_access_check, struct task_struct *task, unsigned int mode, int ret)
{
	return ret ? ret : guard__attach(task, mode, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_ptrace_traceme")
int BPF_PROG(fmod_ret__ptrace_traceme, struct task_struct *parent, int ret)
{
	return ret ? ret : memory__traceme(parent, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_prepare_creds")
int BPF_PROG(fmod_ret__prepare_creds, struct cred *new, const struct cred *old, unsigned int gfp, int ret)
{
	return ret ? ret : memory__dump(MECHANISM_FMOD_RET);
}

/* --- sockets --- */

SEC("fmod_ret/security_socket_sendmsg")
int BPF_PROG(fmod_ret__socket_sendmsg, struct socket *socket, struct msghdr *message, int size, int ret)
{
	return ret ? ret : egress__send(socket, message, size, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_socket_connect")
int BPF_PROG(fmod_ret__socket_connect, struct socket *socket, void *address, int size, int ret)
{
	return ret ? ret : egress__connect(socket, address, size, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_socket_getsockopt")
int BPF_PROG(fmod_ret__socket_getsockopt, struct socket *socket, int level, int option, int ret)
{
	return ret ? ret : socket__option(socket->sk, level, option, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_unix_may_send")
int BPF_PROG(fmod_ret__unix_may_send, struct socket *socket, struct socket *to, int ret)
{
	return ret ? ret : socket__named(to);
}

/* --- queues and keys --- */

SEC("fmod_ret/security_msg_msg_alloc")
int BPF_PROG(fmod_ret__msg_msg_alloc, struct msg_msg *message, int ret)
{
	return ret ? ret : carrier__send(message);
}

SEC("fmod_ret/security_msg_queue_msgrcv")
int BPF_PROG(fmod_ret__msg_queue_msgrcv, void *queue, struct msg_msg *message, struct task_struct *to,
	     long type, int mode, int ret)
{
	return ret ? ret : carrier__offer(message, to, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_key_alloc")
int BPF_PROG(fmod_ret__key_alloc, struct key *key, const struct cred *cred, unsigned long flags, int ret)
{
	return ret ? ret : carrier__key(key);
}

/* See lsm__key_permission. */
SEC("fmod_ret/security_key_permission")
int BPF_PROG(fmod_ret__key_permission, void *reference, const struct cred *cred, int need, int ret)
{
	u64 key = 0;

	if (ret || !control.labels || bpf_get_func_arg(ctx, 0, &key))
		return ret;
	return carrier__use_key(key, need, MECHANISM_FMOD_RET);
}

/* --- guarding the monitor and the host --- */

SEC("fmod_ret/security_task_kill")
int BPF_PROG(fmod_ret__task_kill, struct task_struct *task, void *info, int signal, const struct cred *cred,
	     int ret)
{
	return ret ? ret : guard__kill(task, signal, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_file_send_sigiotask")
int BPF_PROG(fmod_ret__file_send_sigiotask, struct task_struct *task, void *owner, int signal, int ret)
{
	return ret ? ret : guard__kill(task, signal ? signal : SIGIO, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_task_setnice")
int BPF_PROG(fmod_ret__task_setnice, struct task_struct *task, int nice, int ret)
{
	return ret ? ret : guard__set(task, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_task_setscheduler")
int BPF_PROG(fmod_ret__task_setscheduler, struct task_struct *task, int ret)
{
	return ret ? ret : guard__set(task, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_task_setrlimit")
int BPF_PROG(fmod_ret__task_setrlimit, struct task_struct *task, unsigned int resource, void *limit, int ret)
{
	return ret ? ret : guard__set(task, MECHANISM_FMOD_RET);
}

/* Since Linux 6.15 (082f1db02c80) the hook is told whether the kernel itself asks. */
SEC("fmod_ret/security_bpf")
int BPF_PROG(fmod_ret__bpf_old, int command, void *attr, unsigned int size, int ret)
{
	return ret ? ret : guard__bpf(command, attr, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_bpf")
int BPF_PROG(fmod_ret__bpf, int command, void *attr, unsigned int size, bool kernel, int ret)
{
	return ret ? ret : guard__bpf(command, attr, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_bpf_map")
int BPF_PROG(fmod_ret__bpf_map, struct bpf_map *map, unsigned int mode, int ret)
{
	return ret ? ret : guard__bpf_object(OWN_MAP, map->id, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_bpf_prog")
int BPF_PROG(fmod_ret__bpf_prog, struct bpf_prog *program, int ret)
{
	return ret ? ret : guard__bpf_object(OWN_PROGRAM, program->aux->id, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_sb_umount")
int BPF_PROG(fmod_ret__sb_umount, struct vfsmount *mount, int flags, int ret)
{
	return ret ? ret : guard__unmount(mount, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_sb_mount")
int BPF_PROG(fmod_ret__sb_mount, const char *source, const struct path *path, const char *type,
	     unsigned long flags, void *data, int ret)
{
	return ret ? ret : guard__mount(path->dentry, flags, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_move_mount")
int BPF_PROG(fmod_ret__move_mount, const struct path *from, const struct path *to, int ret)
{
	return ret ? ret : guard__cover(to->dentry, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_kernel_read_file")
int BPF_PROG(fmod_ret__kernel_read_file, struct file *file, int id, bool contents, int ret)
{
	return ret ? ret : guard__read_file(file, id, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_kernel_load_data")
int BPF_PROG(fmod_ret__kernel_load_data, int id, bool contents, int ret)
{
	return ret ? ret : guard__load_data(id, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_locked_down")
int BPF_PROG(fmod_ret__locked_down, int what, int ret)
{
	return ret ? ret : guard__locked_down(what, MECHANISM_FMOD_RET);
}

SEC("fmod_ret/security_task_alloc")
int BPF_PROG(fmod_ret__task_alloc, struct task_struct *child, unsigned long flags, int ret)
{
	int err = actor__fork(child);

	if (!err)
		err = label__forking(child, flags);
	return ret ? ret : err;
}

SEC("fmod_ret/security_bprm_check")
int BPF_PROG(fmod_ret__bprm_check, struct linux_binprm *bprm, int ret)
{
	int err = label__exec();

	script__check(bprm);
	return ret ? ret : err;
}

#endif
