/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a file lies on: by the type of its file system where that says it, else by the disk, of which the daemon tells what
 * it finds in sysfs. What nobody knows is all that it may be. Asked only for copies, and only where the policy has a word on
 * some medium: probe reads will do.
 */
#ifndef MUNIMENT_MEDIUM_BPF_H
#define MUNIMENT_MEDIUM_BPF_H

/* linux/magic.h, and the file systems' own headers */
#define RAMFS_MAGIC	     0x858458f6
#define SECRETMEM_MAGIC	     0x5345434d
#define FUSE_SUPER_MAGIC     0x65735546
#define NFS_SUPER_MAGIC	     0x6969
#define SMB_SUPER_MAGIC	     0x517b
#define CIFS_SUPER_MAGIC     0xff534d42
#define SMB2_SUPER_MAGIC     0xfe534d42
#define V9FS_MAGIC	     0x01021997
#define CEPH_SUPER_MAGIC     0x00c36400
#define AFS_SUPER_MAGIC	     0x5346414f
#define KAFS_SUPER_MAGIC     0x6b414653
#define CODA_SUPER_MAGIC     0x73757245
#define ORANGEFS_SUPER_MAGIC 0x20030528
#define VBOXSF_SUPER_MAGIC   0x786f4256
#define LUSTRE_SUPER_MAGIC   0x0bd00bd0
#define BDEVFS_MAGIC	     0x62646576

#define INODE_ENCRYPTED (1 << 14) /* S_ENCRYPTED in i_flags: fscrypt */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MEDIA_DISKS_MAX);
	__type(key, struct media_key);
	__type(value, struct media_value);
} media_by_disk SEC(".maps");

static __always_inline bool medium__is_memory(u64 magic)
{
	return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC || magic == HUGETLBFS_MAGIC ||
	       magic == SECRETMEM_MAGIC;
}

static __always_inline bool medium__is_network(u64 magic)
{
	switch (magic) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case V9FS_MAGIC:
	case CEPH_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case KAFS_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case ORANGEFS_SUPER_MAGIC:
	case VBOXSF_SUPER_MAGIC:
	case LUSTRE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* virtiofs has FUSE's number, but its files are the host's that this one is a guest of. */
static __always_inline bool medium__is_virtiofs(struct super_block *sb)
{
	char name[16] __attribute__((aligned(8))) = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(sb, s_type, name));
	return *(u64 *)name == 0x73666f6974726976 /* virtiofs */ && !name[8];
}

/* The file that one of an overlay really is, once it is written to; NULL where the types of that module are not known, or
 * there is none. */
static __always_inline struct inode *medium__upper(struct inode *inode)
{
	struct dentry *upper = NULL;
	void *overlaid;

	if (!bpf_core_type_exists(struct ovl_inode___module))
		return NULL;
	overlaid = (void *)((u64)inode - bpf_core_field_offset(struct ovl_inode___module, vfs_inode));
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      overlaid + bpf_core_field_offset(struct ovl_inode___module, __upperdentry));
	return upper ? BPF_CORE_READ(upper, d_inode) : NULL;
}

/* One of the disks of a btrfs: the daemon counts them as one. Their super block names none. */
static __always_inline struct block_device *medium__disk_of_btrfs(struct inode *inode)
{
	struct btrfs_inode___module *bi;

	if (!bpf_core_type_exists(struct btrfs_inode___module) ||
	    !bpf_core_field_exists(struct btrfs_fs_devices___module, latest_dev))
		return NULL;
	bi = (void *)((u64)inode - bpf_core_field_offset(struct btrfs_inode___module, vfs_inode));
	return BPF_CORE_READ(bi, root, fs_info, fs_devices, latest_dev, bdev);
}

/* Of a disk's own inode. */
static __always_inline struct block_device *medium__disk_itself(struct inode *inode)
{
	if (!bpf_core_type_exists(struct bdev_inode))
		return NULL;
	return (void *)((u64)inode - bpf_core_field_offset(struct bdev_inode, vfs_inode) +
			bpf_core_field_offset(struct bdev_inode, bdev));
}

static __always_inline u32 medium__of_disk(struct block_device *disk)
{
	struct media_key key = {.disk = BPF_CORE_READ(disk, bd_disk, diskseq),
				.dev = BPF_CORE_READ(disk, bd_dev)};
	struct media_value *value = bpf_map_lookup_elem(&media_by_disk, &key);

	return value ? value->media : MEDIA_ALL & ~MEDIUM_BIT(MEDIUM_FUSE);
}

/* MEDIUM_BITs of a file, or of a disk by its own inode. */
static __noinline u32 medium__of(struct inode *inode)
{
	struct inode *file = inode;
	struct super_block *sb = BPF_CORE_READ(file, i_sb);
	u64 magic = BPF_CORE_READ(sb, s_magic);
	struct block_device *disk;
	u32 media = 0;

	if (magic == OVERLAYFS_SUPER_MAGIC) {
		file = medium__upper(file);
		if (!file)
			return MEDIA_ALL;
		sb = BPF_CORE_READ(file, i_sb);
		magic = BPF_CORE_READ(sb, s_magic);
	}
	if (medium__is_memory(magic))
		return 0;
	disk = magic == BTRFS_SUPER_MAGIC ? medium__disk_of_btrfs(file)
	       : magic == BDEVFS_MAGIC	  ? medium__disk_itself(file)
					  : BPF_CORE_READ(sb, s_bdev);
	if (magic == FUSE_SUPER_MAGIC)
		media = MEDIUM_BIT(MEDIUM_FUSE) | (u32)medium__is_virtiofs(sb) << MEDIUM_NETWORK |
			(u32)!disk << MEDIUM_UNENCRYPTED;
	else if (medium__is_network(magic))
		media = MEDIUM_BIT(MEDIUM_NETWORK) | MEDIUM_BIT(MEDIUM_UNENCRYPTED);
	if (disk)
		media |= medium__of_disk(disk);
	else if (!media)
		return MEDIA_ALL;
	if (BPF_CORE_READ(file, i_flags) & INODE_ENCRYPTED)
		media &= ~MEDIUM_BIT(MEDIUM_UNENCRYPTED);
	return media;
}

#endif
