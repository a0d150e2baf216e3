/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every kernel type and field that the programs rely on, and nothing else. Declared by hand: libbpf relocates
 * each access against the running kernel's BTF (CO-RE), so order and gaps do not matter, names do.
 */
#ifndef MUNIMENT_KERNEL_TYPES_H
#define MUNIMENT_KERNEL_TYPES_H

#include "bpf/abi.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef int s32;
typedef long long s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* uapi/linux/bpf.h's values, which its types would drag in here a second time */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_INODE_STORAGE = 28,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };
enum { BPF_F_BPRM_SECUREEXEC = 1 };

/* Only their addresses are looked at. */
struct msg_msg;
struct key;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct file_system_type {
	const char *name;
};

struct gendisk {
	u64 diskseq; /* from boot on, no other disk's */
};

struct block_device {
	u32 bd_dev;
	struct gendisk *bd_disk;
};

struct super_block {
	u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
	struct dentry *s_root;
	struct block_device *s_bdev; /* NULL: it has none, or several */
	struct file_system_type *s_type;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

typedef struct {
	int counter;
} atomic_t;

struct inode {
	u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	s64 i_size;
	u32 i_generation;
	u32 i_rdev;
	unsigned int i_flags;
	struct hlist_head i_dentry;
	s64 i_ctime_sec; /* other kernels: object__ctime */
	u32 i_ctime_nsec;
	atomic_t i_writecount;		/* below 0: is executed, which excludes writing */
	struct pipe_inode_info *i_pipe; /* of a FIFO */
};

struct bdev_inode {
	struct block_device bdev;
	struct inode vfs_inode;
};

struct inode___ctime {
	struct timespec64 i_ctime;
};

struct inode___hidden_ctime {
	struct timespec64 __i_ctime;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
};

struct dentry___flat { /* where the union d_u has lost its name (seen in 7.2, not in 6.18) */
	struct hlist_node d_alias;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct address_space {
	struct inode *host; /* of a disk's node, the disk's own */
};

struct file {
	unsigned int f_mode;
	struct inode *f_inode;
	struct address_space *f_mapping;
	unsigned int f_flags;
	struct path f_path;
	s64 f_pos;
	void *private_data;
};

struct iattr {
	unsigned int ia_valid;
};

struct tty_struct {
	struct tty_struct *link; /* the other side of a pair */
};

struct tty_file_private {
	struct tty_struct *tty;
};

struct group_info {
	int ngroups;
	kgid_t gid[0];
};

struct cred {
	kuid_t euid;
	kgid_t egid;
	struct group_info *group_info;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct pid {
	struct hlist_head tasks[4];
};

struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct bpf_map {
	u32 id;
};

struct bpf_prog_aux {
	u32 id;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_link {
	u32 id;
};

struct vm_area_struct {
	struct file *vm_file;
	unsigned long vm_flags;
};

struct mm_struct {
	struct file *exe_file;
};

struct in6_addr {
	u8 bytes[16]; /* the kernel's in6_u.u6_addr8: only its address is taken */
};

typedef struct {
	s64 counter;
} atomic64_t;

struct sock_common {
	u16 skc_family;
	volatile unsigned char skc_state;
	__be16 skc_dport;
	u16 skc_num; /* the local port, in the host's order */
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie; /* 0 until somebody asks for it */
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
	struct socket *sk_socket;
};

struct tcp_sock {
	u32 snd_una; /* sequence number of the first byte that was not acknowledged */
	u32 rcv_nxt; /* and of the next to come */
	u64 bytes_acked;
};

struct tcp_request_sock {
	u32 rcv_isn; /* of the SYN that came, and of the answer */
	u32 snt_isn;
};

struct netlink_sock {
	u32 dst_portid;
	u32 dst_group;
};

struct unix_sock {
	struct sock *peer;
};

struct request_sock {
	struct sock_common __req_common;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct iov_iter {     /* what a message is sent from */
	u8 iter_type; /* enum iter_type */
	unsigned long iov_offset;
	unsigned long count;
	const struct iovec
		*__iov; /* before 747b1f65d39a ("iov_iter: overlay struct iovec and ubuf/len", 6.4): iov */
	void *ubuf;
};

struct iov_iter___old {
	const struct iovec *iov;
};

struct msghdr {
	void *msg_name; /* in the kernel's memory by now */
	int msg_namelen;
	struct iov_iter msg_iter;
	unsigned int msg_flags;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct thread_info {
	u32 status;
};

struct task_io_accounting {
	u64 syscr; /* system calls that read, done */
};

struct signal_struct {
	int nr_threads;
};

struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	const struct cred *real_cred;
	struct files_struct *files;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct task_struct *parent; /* the tracer, where ptrace is not 0 */
	unsigned int ptrace;
	kuid_t loginuid;
	unsigned int sessionid;
	unsigned int flags; /* PF_… */
	unsigned int personality;
	struct signal_struct *signal;
	struct bpf_local_storage *bpf_storage; /* NULL: nothing is kept with the thread */
	u64 start_boottime;
	u64 self_exec_id; /* raised by each exec */
	struct task_io_accounting ioac;
	struct hlist_node pid_links[4];
	char comm[COMM_SIZE];
};

struct pt_regs {
	unsigned long orig_ax;
	unsigned long bx;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long r8;
	unsigned long r9;
	unsigned long r10;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
	const char *interp; /* the same address until a #! line has been followed */
	char buf[2];	    /* the file's first bytes; more than these two */
};

struct kiocb {
	struct file *ki_filp;
};

struct io_cqe {
	s32 res;
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
	struct io_cqe cqe;
};

struct trace_event_raw_sys_exit {
	long ret;
};

struct trace_event_raw_io_uring_complete {
	void *req;
};

struct seq_file {
	unsigned long count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

/* The btrfs module's own; the suffix lets libbpf search modules for "btrfs_inode" and "btrfs_root". */
struct btrfs_device___module {
	struct block_device *bdev;
};

struct btrfs_fs_devices___module {
	struct btrfs_device___module *latest_dev; /* one of them */
};

struct btrfs_fs_info___module {
	struct btrfs_fs_devices___module *fs_devices;
};

struct btrfs_root___module {
	u32 anon_dev;
	struct btrfs_fs_info___module *fs_info;
};

struct btrfs_inode___module {
	struct btrfs_root___module *root;
	struct inode vfs_inode;
};

/* And overlayfs's. */
struct ovl_inode___module {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
};

#pragma clang attribute pop

/* uapi/linux/bpf.h, up to what is used: contexts of programs, not the kernel's own types. */
struct bpf_sock {
	u32 bound_dev_if;
	u32 family;
	u32 type;
	u32 protocol;
	u32 mark;
	u32 priority;
	u32 src_ip4;
	u32 src_ip6[4];
	u32 src_port; /* in the host's order */
	__be16 dst_port;
	u16 padding;
};

struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol; /* in the network's order */
	u32 rest[5];
	u32 ifindex;
	u32 some[8];
	u32 data; /* where the packet begins and ends, from its network header */
	u32 data_end;
	u32 more[12];
	u32 remote_port; /* in the network's order, as a number of 32 bits */
	u32 local_port;	 /* in the host's order */
	u32 others[7];
	struct bpf_sock *sk;
};

struct bpf_tcp_sock {
	u32 snd_cwnd;
	u32 srtt_us;
	u32 rtt_min;
	u32 snd_ssthresh;
	u32 rcv_nxt;
};

struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4; /* addresses and port in the network's order */
	u32 user_ip6[4];
	u32 user_port;
	u32 family;
	u32 type;
	u32 protocol;
};

struct bpf_sysctl { /* uapi/linux/bpf.h: a program's context, not the kernel's own type */
	u32 write;
	u32 file_pos;
};

/* Values differ between kernels: asked for by name (CO-RE). */
enum key_need_perm { KEY_NEED_READ = 2, KEY_NEED_WRITE = 3 };
enum lockdown_reason { LOCKDOWN_DEV_MEM = 2, LOCKDOWN_KPROBES = 20, LOCKDOWN_KCORE = 19 };
enum kernel_read_file_id { READING_MODULE = 2, READING_KEXEC_IMAGE = 3 };
enum kernel_read_file_id___compressed { READING_MODULE_COMPRESSED = 3 };
enum iter_type { ITER_UBUF = 0, ITER_IOVEC = 1 };
enum kernel_load_data_id { LOADING_MODULE = 2, LOADING_KEXEC_IMAGE = 3 };

/* linux/fs.h: f_mode and may-masks, stable since 2.6 */
#define FMODE_READ    0x1
#define FMODE_WRITE   0x2
#define FMODE_PATH    0x4000
#define FMODE_EXEC    0x20 /* __FMODE_EXEC in f_flags */
#define OPEN_TRUNCATE 01000
#define MAY_EXEC      0x1
#define MAY_WRITE     0x2
#define MAY_READ      0x4
#define MAY_APPEND    0x8

#define INODE_TYPE_MASK 0170000
#define INODE_DIRECTORY 0040000
#define INODE_REGULAR	0100000
#define INODE_BLOCK	0060000
#define INODE_CHAR	0020000
#define INODE_FIFO	0010000

/* linux/socket.h, linux/tcp.h */
#define AF_UNIX	       1
#define AF_INET	       2
#define AF_INET6       10
#define AF_NETLINK     16
#define AF_ALG	       38
#define TCP_CLOSED     7
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define BTRFS_SUPER_MAGIC   0x9123683e
#define EXT4_SUPER_MAGIC    0xef53
#define SB_NOUSER	    (1ul << 31) /* nobody can mount it */
#define TMPFS_MAGIC	    0x01021994
#define XFS_SUPER_MAGIC	    0x58465342
#define PROC_SUPER_MAGIC    0x9fa0
#define CGROUP2_SUPER_MAGIC 0x63677270
#define DEBUGFS_MAGIC	    0x64626720
#define SYSFS_MAGIC	    0x62656572
#define TRACEFS_MAGIC	    0x74726163
#define SECURITYFS_MAGIC    0x73636673
#define SELINUX_MAGIC	    0xf97cff8c
#define BPF_FS_MAGIC	    0xcafe4a11
#define ANON_INODE_FS_MAGIC 0x09041934
#define HUGETLBFS_MAGIC	    0x958458f6

#define EPERM  1
#define ENOMEM 12
#define EACCES 13

/* What a setattr is about. */
#define ATTR_MODE  (1 << 0)
#define ATTR_UID   (1 << 1)
#define ATTR_GID   (1 << 2)
#define ATTR_SIZE  (1 << 3)
#define ATTR_ATIME (1 << 4)
#define ATTR_MTIME (1 << 5)
#define ATTR_FORCE (1 << 9)  /* the kernel's own, such as taking set-user-ID off a file that is written */
#define ATTR_OPEN  (1 << 15) /* by open with O_TRUNC */

/* linux/ptrace.h, linux/mman.h */
#define PTRACE_MODE_ATTACH  0x2
#define PROT_READ	    0x1
#define PROT_WRITE	    0x2
#define PROT_EXEC	    0x4
#define MAP_TYPE_MASK	    0xf
#define MAP_SHARED	    0x1
#define MAP_SHARED_VALIDATE 0x3
#define VM_EXEC		    0x4
#define VM_SHARED	    0x8
#define READ_IMPLIES_EXEC   0x0400000

#define TASK_COMPAT	   0x0002 /* arch/x86 TS_COMPAT: the system call came through the 32-bit entry */
#define TASK_IO_WORKER	   0x0010 /* PF_IO_WORKER: a thread that io_uring made */
#define TASK_SIGNALED	   0x0400 /* PF_SIGNALED: a signal ends it; what follows is the core dump, then its exit */
#define TASK_MEMALLOC_NOIO 0x00080000 /* PF_MEMALLOC_NOIO, with the next: a loop device's worker */
#define TASK_KTHREAD	   0x00200000
#define SIGHUP		   1
#define SIGKILL		   9
#define SIGCHLD		   17
#define SIGCONT		   18
#define SIGIO		   29

#endif
