/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an ioctl does to a record. Numbers of linux/fs.h and asm-generic/ioctls.h.
 */
#ifndef MUNIMENT_IOCTL_BPF_H
#define MUNIMENT_IOCTL_BPF_H

/* As MAY_… bits; 0: it tells and changes nothing of data or attributes, or another hook decides it. */
static __always_inline u32 ioctl__mask(u32 number)
{
	u32 type = number >> 8 & 0xff;

	/* Of terminals (isatty), block devices and sockets: no file of a store takes them. */
	if (type == 0x54 || type == 0x12 || type == 0x89)
		return 0;
	switch (number) {
	case 0x1:	 /* FIBMAP: where, not what */
	case 0x2:	 /* FIGETBSZ */
	case 0x80086601: /* FS_IOC_GETFLAGS */
	case 0x80046601: /* FS_IOC32_GETFLAGS */
	case 0x80087601: /* FS_IOC_GETVERSION */
	case 0x80047601: /* FS_IOC32_GETVERSION */
	case 0x81009431: /* FS_IOC_GETFSLABEL */
	case 0x80089419: /* BTRFS_IOC_SUBVOL_GETFLAGS */
	case 0xc0046686: /* FS_IOC_MEASURE_VERITY */
	case 0x400c6615: /* FS_IOC_GET_ENCRYPTION_POLICY */
	case 0x801c581f: /* FS_IOC_FSGETXATTR */
	case 0xc020660b: /* FS_IOC_FIEMAP */
	case 0xc0185879: /* FITRIM: of the whole file system */
	case 0xc0045877: /* FIFREEZE */
	case 0xc0045878: /* FITHAW */
		return 0;
	case 0x40049409: /* FICLONE: file_permission decides on both files */
	case 0x4020940d: /* FICLONERANGE */
	case 0xc0189436: /* FIDEDUPERANGE */
		return 0;
	case 0x40086602: /* FS_IOC_SETFLAGS */
	case 0x40046602: /* FS_IOC32_SETFLAGS */
	case 0x40047602: /* FS_IOC32_SETVERSION */
	case 0x40087602: /* FS_IOC_SETVERSION: the generation, by which files of several names are known */
	case 0x401c5820: /* FS_IOC_FSSETXATTR */
	case 0x40806685: /* FS_IOC_ENABLE_VERITY */
	case 0x800c6613: /* FS_IOC_SET_ENCRYPTION_POLICY */
		return MAY_DESCRIBE;
	default: /* what is not known to be harmless */
		return MAY_READ | MAY_WRITE;
	}
}

/*
 * Does it copy a subvolume of btrfs, which may hold a store anywhere? The source of a snapshot stands in the caller's
 * memory, where it may change after we looked.
 */
static __always_inline bool ioctl__copies_volume(struct inode *inode, u32 number)
{
	if (inode->i_sb->s_magic != BTRFS_SUPER_MAGIC)
		return false;
	return number == 0x40489426 || number == 0x40449426 || /* BTRFS_IOC_SEND, and of a 32-bit program */
	       number == 0x50009401 || number == 0x50009417;   /* BTRFS_IOC_SNAP_CREATE, _V2 */
}

/* A volume is to be copied: no grant covers that where a store of the device enforces. */
static __noinline int ioctl__copy_volume(struct file *file, u32 mechanism)
{
	u64 epoch = maps__epoch();
	struct access access = {.hook = HOOK_FILE_IOCTL,
				.mechanism = mechanism,
				.slot = epoch_slot(epoch),
				.operations = OPERATION_BIT(OPERATION_READ)};
	struct inode *inode = file->f_inode;
	struct device_key key = {.slot = access.slot, .dev = inode->i_sb->s_dev};

	if (!maps__speaks() || !bpf_map_lookup_elem(&rules_by_device, &key))
		return 0;
	access.place.store = STORE_UNDETERMINED;
	access.place.reason = REASON_VOLUME;
	access__ask(&access, epoch);
	return access__settle(inode, file->f_path.dentry, &access);
}

/* An ioctl by descriptor. Returns 0 to allow or a negative errno. */
static __always_inline int ioctl__decide(struct file *file, u32 number, u32 mechanism)
{
	struct inode *inode = file->f_inode;
	u32 mask;

	if (access__is_far(inode))
		return 0;
	if (ioctl__copies_volume(inode, number))
		return ioctl__copy_volume(file, mechanism);
	mask = ioctl__mask(number);
	if (!mask)
		return 0;
	if ((inode->i_mode & INODE_TYPE_MASK) == INODE_DIRECTORY)
		mask = MAY_DESCRIBE;
	return access__use(file, unknown(mask), mechanism, HOOK_FILE_IOCTL);
}

#endif
