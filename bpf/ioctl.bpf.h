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

/* An ioctl by descriptor. Returns 0 to allow or a negative errno. */
static __always_inline int ioctl__decide(struct file *file, u32 number, u32 mechanism)
{
	struct inode *inode = file->f_inode;
	u32 mask;

	if (access__is_far(inode))
		return 0;
	mask = ioctl__mask(number);
	if (!mask)
		return 0;
	if ((inode->i_mode & INODE_TYPE_MASK) == INODE_DIRECTORY)
		mask = MAY_DESCRIBE;
	return access__use(file, unknown(mask), mechanism, HOOK_FILE_IOCTL);
}

#endif
