/* SPDX-License-Identifier: GPL-2.0 */
/* Shims of the mechanism `lsm`. A denial by another LSM before us stands (ret). */
#ifndef MUNIMENT_ATTACH_LSM_BPF_H
#define MUNIMENT_ATTACH_LSM_BPF_H

SEC("lsm/file_open")
int BPF_PROG(lsm__file_open, struct file *file, int ret)
{
	return ret ? ret : access__open(file, MECHANISM_LSM, HOOK_FILE_OPEN);
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

/*
 * What makes kept answers void. Programs of the LSM type here too: of fentry's type, the kernel may skip one
 * (used__decided). Where the hook has a result, it stays what it is.
 */
SEC("lsm/task_prctl")
int BPF_PROG(lsm__task_prctl, int option, unsigned long what, unsigned long arg3, unsigned long arg4,
	     unsigned long arg5, int ret)
{
	actor__prctl(option, what);
	return ret;
}

SEC("lsm/task_alloc")
int BPF_PROG(lsm__task_alloc, struct task_struct *child, unsigned long flags, int ret)
{
	actor__fork(child);
	return ret;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(lsm__bprm_committed_creds)
{
	actor__exec();
	return 0;
}

#endif
