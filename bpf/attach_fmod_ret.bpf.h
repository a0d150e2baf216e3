/* SPDX-License-Identifier: GPL-2.0 */
/* Shims of the mechanism `fmod_ret`: a non-zero return value becomes that of the security_ function, which is
 * not run. */
#ifndef MUNIMENT_ATTACH_FMOD_RET_BPF_H
#define MUNIMENT_ATTACH_FMOD_RET_BPF_H

SEC("fmod_ret/security_file_open")
int BPF_PROG(fmod_ret__file_open, struct file *file, int ret)
{
	return ret ? ret : access__open(file, MECHANISM_FMOD_RET, HOOK_FILE_OPEN);
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

#endif
