/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much a use of an open file comes to. The hooks come before the transfer and are told no length, and a
 * program at the end of each read would cost every process on the host; so the system call's own arguments tell
 * what was asked for, and the file's size what is there to be had.
 */
#ifndef MUNIMENT_AMOUNT_BPF_H
#define MUNIMENT_AMOUNT_BPF_H

#define AMOUNT_VECTORS	  8	     /* of a readv; those of longer ones are not added up */
#define AMOUNT_SPLICE_MAX (1u << 20) /* what a pipe takes at once, unless root made it larger */
#define AMOUNT_SENDFILE	  40

#define AMOUNT_COPY_RANGE 326
#define AMOUNT_COUNTED	  ~0ull

struct amount_vector {
	u64 base;
	u64 bytes;
};

static __always_inline u64 amount__there(struct inode *inode, u64 position, u64 bytes)
{
	u64 size = inode->i_size;

	if ((inode->i_mode & INODE_TYPE_MASK) != INODE_REGULAR)
		return bytes;
	if (position >= size)
		return 0;
	return bytes < size - position ? bytes : size - position;
}

/* The lengths of an iovec array of the caller's added up; ~0: they are not to be had. */
static __noinline u64 amount__vectors(u64 array, u64 n)
{
	struct amount_vector vectors[AMOUNT_VECTORS] = {};
	u64 sum = 0;

	if (n > AMOUNT_VECTORS)
		return ~0ull;
	n &= 15;
	if (n > AMOUNT_VECTORS || bpf_probe_read_user(vectors, n * sizeof(vectors[0]), (void *)array))
		return ~0ull;
#pragma unroll
	for (int i = 0; i < AMOUNT_VECTORS; i++)
		sum += vectors[i].bytes;
	return sum;
}

/* A position that the caller gave by address; where it gave none, the file's own. */
static __always_inline u64 amount__position(u64 own, u64 address)
{
	u64 position = own;

	if (address)
		bpf_probe_read_user(&position, sizeof(position), (void *)address);
	return position;
}

/* What a system call reads: bytes asked for and, in *ret_position, from where (own: the file's position); ~0: it does not tell. */
static __always_inline u64 amount__reading(u64 own, const struct pt_regs *regs, u64 *ret_position)
{
	u64 bytes;

	*ret_position = own;
	switch (regs->orig_ax & ~0x40000000ull) {
	case 0: /* read */
		return regs->dx;
	case 17: /* pread64 */
		*ret_position = regs->r10;
		return regs->dx;
	case 19: /* readv */
		return amount__vectors(regs->si, regs->dx);
	case 295:
	case 327: /* preadv, preadv2 */
		if ((s64)regs->r10 != -1)
			*ret_position = regs->r10;
		return amount__vectors(regs->si, regs->dx);
	case AMOUNT_SENDFILE:
		*ret_position = amount__position(own, regs->dx);
		return regs->r10;
	case AMOUNT_COPY_RANGE:
		*ret_position = amount__position(own, regs->si);
		return regs->r8;
	case 275: /* splice */
		*ret_position = amount__position(own, regs->si);
		bytes = regs->r8;
		return bytes < AMOUNT_SPLICE_MAX ? bytes : AMOUNT_SPLICE_MAX;
	default:
		return ~0ull;
	}
}

static __always_inline u64 amount__writing(const struct pt_regs *regs)
{
	switch (regs->orig_ax & ~0x40000000ull) {
	case 1:
	case 18: /* write, pwrite64 */
		return regs->dx;
	case 20:
	case 296:
	case 328: /* writev, pwritev, pwritev2 */
		return amount__vectors(regs->si, regs->dx);
	default:
		return ~0ull;
	}
}

/* i386: only read and write, whose arguments lie in the same registers but for the number. */
static __always_inline u64 amount__compat(const struct pt_regs *regs, bool write)
{
	return regs->orig_ax == (write ? 4 : 3) ? (u32)regs->dx : ~0ull;
}

/*
 * Older kernels, 6.1 among them, ask once for a sendfile or copy_file_range and then for each piece of it: those are
 * not counted. call: of the use before (struct recent.call), or NULL; becomes this one's, 0 for other calls.
 */
static __always_inline bool amount__is_counted(struct task_struct *task, const struct pt_regs *regs,
					       u32 *call)
{
	bool pieces = regs->orig_ax == AMOUNT_SENDFILE || regs->orig_ax == AMOUNT_COPY_RANGE;
	u32 now = pieces ? (u32)task->ioac.syscr + 1 : 0, before = *call;

	if (!now && !before)
		return false;
	*call = now;
	return now == before;
}

/*
 * operations: those that the use asks for; call: see above. Returns an amount() value, or AMOUNT_COUNTED when it is a
 * later piece of a call that was counted.
 */
static __noinline u64 amount__use(struct file *file, u32 operations, u32 hook, u32 *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	bool write = operations & OPERATION_BIT(OPERATION_WRITE);
	u64 bytes, position = 0, own = file->f_pos;

	if (!(operations & (OPERATION_BIT(OPERATION_READ) | OPERATION_BIT(OPERATION_WRITE))))
		return 0;
	if (task->flags & (TASK_IO_WORKER | TASK_KTHREAD))
		return amount(AMOUNT_UNKNOWN, 0);
	if (call && amount__is_counted(task, regs, call))
		return AMOUNT_COUNTED;
	if (hook == HOOK_MMAP_FILE) {
		if (regs->orig_ax != 9 || task->thread_info.status & TASK_COMPAT)
			return amount(AMOUNT_UNKNOWN, 0);
		return amount(AMOUNT_MAPPED, amount__there(file->f_inode, regs->r9, regs->si));
	}
	if (hook == HOOK_FILE_MPROTECT) /* of what was mapped, perhaps a part */
		return amount(AMOUNT_MAPPED, file->f_inode->i_size);
	if (hook != HOOK_FILE_PERMISSION)
		return 0;
	if (task->thread_info.status & TASK_COMPAT)
		bytes = amount__compat(regs, write);
	else
		bytes = write ? amount__writing(regs) : amount__reading(own, regs, &position);
	if (bytes == ~0ull)
		return amount(AMOUNT_UNKNOWN, 0);
	if (write)
		return amount(AMOUNT_WRITTEN, bytes);
	return amount(AMOUNT_READ, amount__there(file->f_inode, position, bytes));
}

/*
 * What a read, pread64, write or pwrite64 of a thread for itself comes to, in bytes; ~0: it is something else.
 * Inlined, and beside amount__use: most uses of records are these.
 */
static __always_inline u64 amount__plain(struct task_struct *task, struct file *file, struct inode *inode,
					 bool write)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	u64 call = regs->orig_ax;

	if (task->flags & (TASK_IO_WORKER | TASK_KTHREAD) || task->thread_info.status & TASK_COMPAT)
		return ~0ull;
	if (write)
		return call == 1 || call == 18 ? regs->dx : ~0ull;
	if (call != 0 && call != 17)
		return ~0ull;
	return amount__there(inode, call ? regs->r10 : file->f_pos, regs->dx);
}

#endif
