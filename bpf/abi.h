/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Everything that the kernel side and user space must read alike: limits, map keys and values, ring records.
 *
 * The only header that both sides include (decide.h builds on it). Padding is explicit, -Wpadded is an error
 * here, sizes are asserted. Numbers in enums were shipped in ledgers: they are never reused. Enums begin with
 * an invalid 0.
 */
#ifndef MUNIMENT_ABI_H
#define MUNIMENT_ABI_H

#ifdef __bpf__
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
#else
#include <linux/types.h>
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/* Raised when a record, a map or a meaning below changes: pinned maps of another version are not adopted. */
#define MUNIMENT_ABI_VERSION 12

/* Limits of a policy; the checker refuses more. */
#define STORES_MAX     64  /* stores of the policy: ids 0..63, a label is one bit of 64 */
#define ROLES_MAX      256 /* a role_set has a bit for each */
#define GRANTS_MAX     4096
#define USERS_MAX      100000
#define GROUPS_MAX     16384
#define PROGRAMS_MAX   16384
#define LIBRARIES_MAX  65536 /* that packages brought; and as many that roles list */
#define AGREEMENTS_MAX 256
#define ENDPOINTS_MAX  256  /* of all agreements */
#define SINKS_MAX      64   /* rules of `declassify` */
#define SINK_PROGRAMS  256  /* that they name in all */
#define STARTTLS_MAX   8    /* ports of an agreement at which TLS begins later */
#define VOLUMES_MAX    4096 /* counts of what was sent under agreements, those of former policies among them */
#define REGIONS_MAX    64   /* that agreements name: a mask has a bit for each */
#define RESOLVERS_MAX  64
#define NO_RECORDS_MAX 1024 /* files of all stores that hold none */

/* Addresses that the names in agreements may have at a time, and networks in the regions that they name. */
#define HOST_ADDRESSES_MAX  64 /* of one name */
#define REGION_NETWORKS_MAX 262144

/* Ids beyond the policy's own stores. */
#define STORE_CANARY	   64 /* the watchdog's file: every access is denied, none is a finding */
#define STORE_UNDETERMINED 65 /* on a store's file system, but the walk could not tell in or out */
#define STORE_OWN	   66 /* what the monitor is made of: program, policy, ledger, pins, processes */
#define STORE_OWN_SECRET   67 /* its signing key: nobody else reads it */
#define STORE_HOST	   68 /* the host: what the policy's `host:` section is about */
#define STORE_LIBRARY	   69 /* what a process maps to execute: see bpf/library.bpf.h */
#define STORE_IDS	   70
#define STORE_NONE	   255 /* outside every store */

#define ROLE_WORDS (ROLES_MAX / 64)

/* A rule of `declassify` that names programs is a role of who runs them, too: in the last word of a role_set. A policy that
 * has such rules has no other roles there. */
#define sink_role(rule) (ROLES_MAX - SINKS_MAX + (rule))
#define LABEL_NAME	64
#define COMM_SIZE	16

/* What a task may want of a record. Masks use OPERATION_BIT. */
enum operation {
	OPERATION_INVALID = 0,
	OPERATION_LIST = 1,
	OPERATION_READ = 2,
	OPERATION_WRITE = 3,
	OPERATION_CREATE = 4,
	OPERATION_DELETE = 5,
	OPERATION_RENAME = 6,
	OPERATION_ATTRIBUTES = 7,
	OPERATION_EXECUTE = 8,
	OPERATION_END,
	OPERATION_COPY = 13,   /* data of a store, into a file outside it: the policy's `copies` decides */
	OPERATION_SEND = 14,   /* data of a store, out of the host: agreements let it go, no grant does */
	OPERATION_CONTROL = 15 /* of the monitor or the host (guard.bpf.h): no role is granted it */
};
#define OPERATION_BIT(op) (1u << (op))
/* Beside the operations that are granted: what is read is served to others, and does not label who reads. */
#define GRANTED_SERVES	 OPERATION_BIT(OPERATION_END)
#define GRANTED_LABELLED OPERATION_BIT(OPERATION_END + 1) /* it has that label, and may meet any other */

enum store_mode { STORE_MODE_INVALID = 0, STORE_MODE_MONITOR = 1, STORE_MODE_ENFORCE = 2 };
enum store_audit { STORE_AUDIT_INVALID = 0, STORE_AUDIT_REQUIRED = 1, STORE_AUDIT_BEST_EFFORT = 2 };

enum mechanism {
	MECHANISM_INVALID = 0,
	MECHANISM_LSM = 1,
	MECHANISM_FMOD_RET = 2,
	MECHANISM_TRACING = 3,
	MECHANISM_CGROUP = 4, /* programs of the root cgroup, beside each of the others */
	MECHANISM_END
};

/* Where an access was seen. */
enum hook {
	HOOK_INVALID = 0,
	HOOK_FILE_OPEN = 1, /* security_file_open, or the exit of an opening system call */
	HOOK_FILE_PERMISSION =
		2, /* security_file_permission: a read, write or listing through a descriptor */
	HOOK_INODE_LINK = 3,
	HOOK_INODE_RENAME = 4,
	HOOK_IO_URING = 5, /* an io_uring tracepoint, where only `tracing` is to be had */
	HOOK_INODE_CREATE = 6,
	HOOK_INODE_MKDIR = 7,
	HOOK_INODE_MKNOD = 8,
	HOOK_INODE_SYMLINK = 9,
	HOOK_INODE_UNLINK = 10,
	HOOK_INODE_RMDIR = 11,
	HOOK_INODE_SETATTR = 12, /* with OPERATION_WRITE: truncate */
	HOOK_INODE_SETXATTR = 13,
	HOOK_INODE_REMOVEXATTR = 14,
	HOOK_INODE_SET_ACL = 15, /* before Linux 6.2, ACLs are extended attributes to the hooks, too */
	HOOK_INODE_REMOVE_ACL = 16,
	HOOK_MMAP_FILE = 17,
	HOOK_FILE_MPROTECT = 18, /* a mapping is made executable, or writable */
	HOOK_FILE_IOCTL = 19,
	HOOK_PTRACE_ACCESS_CHECK =
		20, /* another process's memory: ptrace, /proc/PID/mem, process_vm_readv … */
	HOOK_PTRACE_TRACEME = 21,
	HOOK_CORE_DUMP = 22,
	/* Guarding the monitor and the host. detail tells more. */
	HOOK_TASK_KILL = 23,	 /* detail: the signal */
	HOOK_TASK_SETTING = 24,	 /* priority, scheduling, limits, /proc/PID files */
	HOOK_BPF = 25,		 /* detail: the command; with PROG_LOAD the type of program << 8 */
	HOOK_BPF_OBJECT = 26,	 /* a descriptor of a map or program of ours; detail: its id */
	HOOK_SB_UMOUNT = 27,	 /* of the file system that holds the pins */
	HOOK_MOUNT = 28,	 /* something is to cover a file or directory */
	HOOK_MODULE = 29,	 /* a module of the kernel is loaded */
	HOOK_KEXEC = 30,	 /* another kernel is loaded */
	HOOK_LOCKED_DOWN = 31,	 /* the kernel's memory, kprobes */
	HOOK_SYSCTL = 32,	 /* the path is the setting's name */
	HOOK_CGROUP = 33,	 /* a control file of a cgroup that the monitor lies in */
	HOOK_CGROUP_ATTACH = 34, /* the monitor was moved to another cgroup; detail: its id */
	HOOK_SYSRQ = 35,
	/* Out of the host: record_access.peer says whereto; detail: number of the agreement that decided, from 1, or 0. */
	HOOK_SOCKET_CONNECT = 36,
	HOOK_SOCKET_SENDMSG = 37,
	HOOK_SOCKET_RECVMSG = 38, /* of what another process here has sent */
	HOOK_MESSAGE = 39,	  /* a message of a queue is received */
	HOOK_KEY = 40,		  /* a key of the kernel's keyrings is read */
	HOOK_INODE_GETXATTR = 41,
	HOOK_END
};

enum verdict { VERDICT_INVALID = 0, VERDICT_ALLOW = 1, VERDICT_DENY = 2 };

/* What became of the access. Monitor mode: wanted DENY, enforced ALLOWED. */
enum enforced {
	ENFORCED_INVALID = 0,
	ENFORCED_ALLOWED = 1,
	ENFORCED_DENIED = 2,  /* the system call failed */
	ENFORCED_STOPPED = 3, /* the caller was killed before it ran on */
	ENFORCED_END
};

enum reason {
	REASON_INVALID = 0,
	REASON_GRANTED = 1,
	REASON_NOT_GRANTED = 2,
	REASON_UNDETERMINED = 3, /* the chain of directories does not end at the file system's root */
	REASON_TOO_DEEP = 4,	 /* more than WALK_DEPTH_MAX directories */
	REASON_BORDER = 5,	 /* a name of a record would come to lie outside its store */
	REASON_CANARY = 6,
	REASON_VOLUME = 7,	 /* a whole volume is to be copied, on a device with stores */
	REASON_OWN = 8,		 /* the monitor guards itself */
	REASON_HOST = 9,	 /* by the policy's `host:` section */
	REASON_LIBRARY = 10,	 /* a role of the process does not take this library */
	REASON_COMPARTMENT = 11, /* the process holds data of a store that may not meet this one's */
	REASON_UNLABELLED = 12,	 /* there was no memory to note what the process would come to hold */
	REASON_AGREED = 13,	 /* an agreement lets this store's data go there */
	REASON_NOT_AGREED = 14,	 /* none does */
	REASON_COPIES = 15,	 /* the policy's `copies`, or that it has none */
	REASON_REGION = 16,	 /* one would, but the receiver is in none of its regions */
	REASON_RESOLVER = 17,	 /* the policy's `dns` lists the resolver */
	REASON_DNS_VOLUME = 18,	 /* it does, but the process has sent it as much as it may */
	REASON_LIMIT = 19,	 /* more than the agreement's `max`; file_size: what was sent in its time */
	REASON_NOT_TLS =
		20, /* the agreement wants TLS, and the connection did not begin with it, or nobody saw */
	REASON_TLS_VERSION =
		21, /* the connection's version is lower than the agreement's; open_flags: see SHOWN_… */
	REASON_ANSWERED =
		22, /* an agreement does, by a name that a resolver answered the process; file_size: name_rules.id */
	/* What `copies` says of what the file lies on: see enum medium. */
	REASON_REMOVABLE = 23,
	REASON_NETWORK = 24,
	REASON_FUSE = 25,
	REASON_UNENCRYPTED = 26,
	REASON_END
};

#define RECORD_FLAG_PATH_CUT 0x0001 /* the path's uppermost directories are missing */
#define RECORD_FLAG_PATH_OUTSIDE                                                                             \
	0x0002 /* a name outside the store; the path begins at the file system's root */
#define RECORD_FLAG_MONITOR	0x0004 /* the store is only monitored */
#define RECORD_FLAG_EXE_CHANGED 0x0008 /* the task set its own /proc/self/exe: it counts as no program */
#define RECORD_FLAG_BY_LOGIN	0x0010 /* the person was taken from the login uid, else from the acting uid */
#define RECORD_FLAG_NO_CACHE	0x0020 /* a cache could not be allocated */
#define RECORD_FLAG_SHARED	0x0040 /* the programs of another load speak, too: see record_access.instance */
#define RECORD_FLAG_NEW_NAME	0x0080 /* nothing has the name yet: inode and mode are its directory's */
#define RECORD_FLAG_PROGRAM_CHANGED                                                                          \
	0x0100 /* the program's file has changed since its roles were given: it has none */
#define RECORD_FLAG_INTERPRETED                                                                              \
	0x0200 /* the program runs a script by its #! line, which no role names: it counts as no program */
#define RECORD_FLAG_FOLDED                                                                                   \
	0x0400 /* of accesses like one that was recorded: how many more, and what was read and written since */
#define RECORD_FLAG_LIBRARY                                                                                  \
	0x0800 /* the process has loaded code that roles of its program do not take: it has none of those */
#define RECORD_FLAG_COPY                                                                                     \
	0x1000 /* the file is a copy: it lies outside the store, whose data was written to it */
#define RECORD_FLAG_MAPPED                                                                                   \
	0x2000 /* a copy by a mapping that was made before its writers held anything: see bpf/mapped.bpf.h */
#define RECORD_FLAGS_ALL 0x3fff

#define ID_UNSET 0xffffffffu /* login uid or session never set */

#define WALK_DEPTH_MAX 512 /* directories between a file and its file system's root; deeper fails closed */

struct role_set {
	__u64 words[ROLE_WORDS];
};

/*
 * An inode for good: numbers are reused, (number, generation) is not. dev is the kernel's (major << 20 |
 * minor): of the super block, but of the subvolume on btrfs, whose subvolumes number their inodes apart.
 */
struct object_id {
	__u64 ino;
	__u32 dev;
	__u32 generation;
};

/* What changes with the content of a file, as its inode in the kernel has it. */
struct content_stamp {
	__u64 size;
	__u64 ctime_ns; /* since 1970 */
};

/* The other side of a connection, or where a packet goes. */
struct peer {
	__u8 address[16]; /* IPv6; of IPv4, ::ffff:a.b.c.d; else 0 */
	__u16 port;	  /* in the host's order; 0 where the protocol has none */
	__u16 protocol;	  /* IPPROTO_… of the socket */
	__u16 family;	  /* AF_… of the socket; 0: there is no peer */
	__u16 type;	  /* SOCK_… of the socket */
};

#include "bpf/record.h"

/* Map keys and values. `slot` is 0 or 1: the loader fills the idle slot, then switches the epoch. */
struct id_key { /* users, groups */
	__u32 slot;
	__u32 id;
};

struct user_roles {
	struct role_set by_user;       /* roles whose users condition accepts this uid */
	struct role_set by_membership; /* roles whose groups condition accepts this uid's groups */
};

/* Holds as long as the file is what the loader took the digest of. Of libraries, too. */
struct program_roles {
	struct role_set roles;
	struct content_stamp stamp;
	struct role_set asking; /* roles that name it, accepted or not, and ask for its libraries */
};

enum object_kind {
	OBJECT_INODE = 0,  /* programs, store roots, marked files */
	OBJECT_BLOCK = 1,  /* block devices that hold a store: id.ino is the device's number */
	OBJECT_CHAR = 2,   /* character devices that lead to the same disks */
	OBJECT_PROBE = 3,  /* programs that may look at such devices, read-only */
	OBJECT_COPIES = 4, /* directories and files that copies may lie in */
	OBJECT_SINK = 5,   /* what is written below becomes no copy; the value is a mask of rules */
	OBJECT_SERVICE =
		7, /* programs of the host's services that everybody talks to: see label__is_service */
};

struct object_key {
	struct object_id id;
	__u32 slot;
	__u32 kind; /* enum object_kind */
};

struct store_root {
	__u32 store;
	__u32 root; /* index for record_access.root */
};

union object_value { /* of a struct object_key */
	struct store_root root;
	__u64 rules; /* of OBJECT_SINK */
};

/* A file of a store that holds no records, by its name in a directory: the store's number is the value. */
#define NO_RECORDS_NAME 44
struct no_records_key {
	struct object_id directory;
	__u32 slot;
	char name[NO_RECORDS_NAME]; /* ended by NUL; 0 behind its end */
};

struct store_rules {
	struct role_set granted[OPERATION_END]; /* roles that may do the operation; entry 0 is unused */
	struct role_set serves;			/* roles that a grant says this of */
	__u64 label;				/* the store's bit in labels */
	__u64 apart;				/* labels that may not meet this one's in a process */
	__u32 mode;				/* enum store_mode */
	__u32 audit;				/* enum store_audit */
};

/* Whose label a bit is, by its number: the same store's as long as the maps live, whatever policies come. */
struct label_name {
	char name[LABEL_NAME]; /* of the store, ended by NUL; empty: free */
};

#include "bpf/agreement.h"
#include "bpf/medium.h"

struct device_key {
	__u32 slot;
	__u32 dev; /* of the super block */
};

struct device_rules { /* what to do where the walk cannot tell */
	__u32 mode;
	__u32 audit;
	__u32 granted; /* operations that anybody may do there: where nothing but the monitor's own files lies */
	__u32 reserved;
};

#define FLOW_SERVES	1u  /* some grant says that it serves */
#define FLOW_SINKS	2u  /* the policy has rules that declassify */
#define FLOW_REGIONS	4u  /* some agreement says where the receiver must be */
#define FLOW_DNS	8u  /* the policy has a section `dns` */
#define FLOW_TLS	16u /* some agreement wants TLS: connections are looked at from their beginning */
#define FLOW_ANSWERS	32u /* what a resolver answers a process leads to agreements with that name */
#define FLOW_NO_RECORDS 64u /* some store has files that hold none */

#define FILTER_WORDS 8 /* 512 bits: exact enough for 64 stores, and a cache line */

struct policy_slot {
	struct role_set any_user; /* roles without a users condition */
	struct role_set any_group;
	struct role_set any_program;
	struct role_set now;		 /* roles in force at this hour */
	struct role_set asking;		 /* roles that ask which libraries are loaded into their programs */
	struct role_set packaged;	 /* of these: take what packages brought */
	struct role_set asking_enforced; /* of these: may do something in a store that enforces */
	__u64 roots[FILTER_WORDS];
	__u64 sinks;		      /* rules of `declassify` that hold for any program: a bit for each */
	__u64 sinks_by_role;	      /* those that name programs: see sink_role */
	__u8 stores[STORES_MAX];      /* by their bit in labels; STORE_NONE: the policy does not have it */
	__u64 programs[FILTER_WORDS]; /* numbers of the programs whose libraries are asked for */
	__u32 generation;
	__u32 host;	     /* what to do about each enum host_item: host_mode */
	__u32 asks;	     /* 0: no role asks for libraries */
	__u16 flows;	     /* FLOW_… */
	__u8 copies;	     /* enum copies */
	__u8 media;	     /* media_word of each enum medium */
	__u64 dns_max_bytes; /* what an account may have, in so long */
	__u64 dns_period_ns;
};

/* What the `host:` section of a policy speaks of. */
enum host_item {
	HOST_MODULES = 0,
	HOST_KEXEC = 1,
	HOST_BPF = 2,	 /* programs of others that trace the kernel */
	HOST_MEMORY = 3, /* /dev/mem, /proc/kcore */
	HOST_KPROBES = 4,
	HOST_SYSRQ = 5,
	HOST_ITEMS
};

/* enum store_mode; 0: nothing is recorded. */
#define host_mode(host, item)	    ((host) >> 2 * (item)&3)
#define host_with(host, item, mode) (((host) & ~(3u << 2 * (item))) | (mode) << 2 * (item))

#define OWN_PROCESSES 2 /* keeper and signer */

/* A process: start is when its leader started, in hundredths of a second since boot, as in /proc/PID/stat. */
struct own_process {
	__u64 start;
	__u32 tgid; /* 0: none */
	__u32 reserved;
};

/* The monitor itself: see bpf/own.bpf.h. */
struct own {
	struct object_id program; /* munimentd */
	__u64 window_until;	  /* boot nanoseconds: until then, nothing is denied, only recorded */
	__u64 settings;	 /* tells the daemon's paths from others: who takes over must have the same */
	__u64 heartbeat; /* boot nanoseconds when the keeper last went round its loop */
	struct own_process processes[OWN_PROCESSES];
	__u32 mode;	/* enum store_mode; 0: it does not guard itself */
	__u32 pins_dev; /* super block of the bpffs with the pins */
};

/* A keeper that has shown no sign for so long may be killed: it could not even be stopped otherwise. */
#define OWN_SILENT_NS 120000000000ull

enum own_kind { OWN_MAP = 1, OWN_PROGRAM = 2, OWN_LINK = 3, OWN_CGROUP = 4 };

struct own_key { /* BPF objects by id; cgroups from the keeper's up to below the root */
	__u64 id;
	__u32 kind; /* enum own_kind */
	__u32 reserved;
};

/*
 * Stamps kept answers. Its lowest bit is the policy slot in force, so that one read tells both; raised at a
 * policy switch, and by EPOCH_STEP when an object crosses a store's border.
 */
#define EPOCH_STEP	  2ull
#define epoch_slot(epoch) ((__u32)((epoch)&1))

/* Of inodes, by number: copies among them. */
#define COPY_FILTER_SHIFT 18
#define COPY_FILTER_WORDS (1 << (COPY_FILTER_SHIFT - 6))
#define copy_bit(ino)	  ((__u32)(((ino)*0x9e3779b97f4a7c15ull) >> (64 - COPY_FILTER_SHIFT)))
struct copy_filter {
	__u64 words[COPY_FILTER_WORDS];
};

#define PORTS		 4096
#define port_index(port) ((port) & (PORTS - 1))

/* What packets are looked at for: control.wire. */
#define WIRE_SENT	     0x1 /* data of stores was sent by a socket of the internet */
#define WIRE_TLS	     0x2 /* the beginning of some connection is looked at */
#define WIRE_PORTLESS	     0x4 /* such data was sent by a socket that had no port yet */
#define WIRE_PORTLESS_STREAM 0x8
#define WIRE_ANSWERS	     0x10 /* answers of resolvers lead to where agreements with names do */

/* Written by the loader, read at every hook; the BPF side only adds to epoch. */
struct control {
	__u64 devices; /* filter: bit (device & 63) is set where a store of either slot lies */
	__u64 raw;     /* filter of OBJECT_BLOCK and OBJECT_CHAR, by raw_bit */
	__u64 epoch;
	__u64 ring;   /* tells this ring and its numbering from any other; set once by the loader that made it
		       */
	__u32 oldest; /* loaded objects from oldest to instance speak; others stay silent */
	__u32 instance;
	__u64 fold_ns;	/* repeats are counted and told once in so long; 0: each is a record of its own */
	__u64 labels;	/* stores of which some process may hold or serve data; never taken back */
	__u64 copies;	/* how often a file came to hold data of stores outside of them; likewise */
	__u64 carriers; /* how many pipes, terminals, messages and keys hold data of stores, or are about to */
	__u64 memories; /* not 0: some memory that processes share has */
	__u64 groups;	/* numbers dealt out to memory that has no other key: see bpf/group.bpf.h */
	__u64 grown;	/* how often such memory came to hold more, or some of it became one; likewise */
	__u64 wire;	/* WIRE_…; likewise */
	__u64 placed;	/* how often what packets bear came to be known, or to be more: labels_by_packet */
	__u32 keeper;	/* tgid of the daemon while it lists the stores at load: no access by a person */
	__u32 claimed;	/* highest number that a load took for itself, whether or not it came to speak */
	struct own own;
	struct policy_slot slots[2];
	__u8 ports[PORTS]; /* filter: not 0 at port_index of a local port by which such data was sent */
};

#define raw_bit(dev) (((dev) ^ (dev) >> 20) & 63)

/*
 * Accounts: what one process does with one record, so that repeats need not be records. A slot that cannot be had
 * means a record more, never one less.
 */
#define ACCOUNTS       16384
#define ACCOUNT_PATH   256	      /* of a longer path, the uppermost directories are cut */
#define FOLD_DENIED_NS 10000000000ull /* alerts are not kept back for longer */
#define FOLD_CLOSED_NS 2000000000ull  /* a file that was closed, and not used again for so long */
#define FOLD_BYTES     (64ull << 20)  /* or when so many were read or written */

/* Argument of the program that turns what is due into records. */
struct sweep {
	__u64 all; /* not only what is due */
};

/* Counted per CPU; `sequence` numbers the records, lost ones included. */
enum counter {
	COUNTER_LOST = 0,	  /* no room in the ring */
	COUNTER_LOST_DENIED = 1,  /* of those, accesses denied because their store requires the record */
	COUNTER_UNDETERMINED = 2, /* walks that ended nowhere */
	COUNTER_TOO_DEEP = 3,	  /* walks that were given up */
	COUNTER_NO_CACHE = 4, /* no memory for an answer, which is computed anew, or the access is denied */
	COUNTER_READ_FAILED = 5,   /* a helper that reads kernel memory failed */
	COUNTER_RULES_MISSING = 6, /* a store without rules: the loader's mistake */
	COUNTER_DROPPED =
		7, /* packets whose real receiver no agreement covers, though their sender's call passed */
	COUNTER_UNTOLD = 8,	/* records of kind RECORD_PASS for which the ring was too full */
	COUNTER_UNLABELLED = 9, /* no memory for a label, or for what is known of what is shared */
	COUNTER_END
};

struct cpu_state {
	__u64 sequence; /* of the last record, sent or lost */
	__u64 counters[COUNTER_END];
};

/* What iter/task_file tells of a descriptor of the loader. */
struct identified {
	struct object_id id;
	struct content_stamp stamp;
	__u32 fd;
	__u32 super_dev;
	__u32 mode;
	__u32 writers; /* how many have it open for writing, or mapped so */
};

/* What iter/task_file tells of a record that was open before the policy came into force. */
struct held {
	struct object_id file;
	__u32 tgid;
	__u32 fd;
	__u32 store;
	__u32 uid;
	__u32 login_uid;
	__u32 mode; /* f_mode: 1 for reading, 2 for writing */
	char comm[COMM_SIZE];
};

/* Kept with the leader of a process's threads. */
struct process_label {
	__u64 stores; /* whose data it may hold: store_rules.label */
	__u64 serves; /* whose data it serves to others under its own rules: what it connects to is decided like the rest */
	__u64 memory; /* address of its mm_struct, if another process sees that, or what it maps; else 0 */
	__u64 dns; /* its account with resolvers, which it shares with its children: see dns.bpf.h; 0: none yet */
	__u64 told; /* of what it holds only by that memory, what user space was told */
};

/* Memory that more than one process sees, by its key: see bpf/group.bpf.h. */
#define GROUP_READS 6
#define GROUP_SERVED                                                                                         \
	(1ull << 62) /* in a key: what is served; set in none but an address, where it is reset */
struct memory_group {
	__u64 joined;		  /* key of what it is one with; 0: nothing */
	__u64 members;		  /* keys that point here, and 1 for a file as long as it is there */
	__u64 anchored;		  /* not 0: that is counted */
	__u64 born_ns;		  /* boot nanoseconds; 0: a moment ago */
	__u64 reads[GROUP_READS]; /* keys of what is only read by it; 0: none */
};

#define LABEL_TLS_ACCEPTS 1u /* the other side asked for the connection */
#define LABEL_TLS_TOLD	  2u /* the version and the name that was asked for are on record */

/* Kept by the cookie of a socket. */
struct socket_label {
	__u64 holds; /* whose data lies in it, on the way to its owner */
	__u64 sent;  /* whose data was sent by it: what comes to hold that is labelled, too */
	__u64 leaves; /* the same, and what is served by it: its packets may go where agreements say, no further */
	struct role_set roles; /* of who was allowed to send by it */
	__u64 passed;	       /* the last packets that were found to pass, when, and control.placed before */
	__u64 passed_at;       /* in jiffies */
	__u64 passed_placed;
	__u64 took; /* the last packets whose label is among `holds`, as of control.placed */
	__u64 took_placed;
	__u64 seed; /* of `passed`, `took` and `sent_known`, so that nobody finds two that look alike; 0: none yet */
	__u64 sent_known; /* the last send that was agreed, by whom and to whom: see egress__is_routine; 0: none */
	__u64 sent_account; /* where it is counted */
	__u64 sent_until_ns;
	__u32 active;  /* not 0: its owner asked for the connection */
	__u32 refused; /* not 0: something was sent that must not leave; nothing does any more */
	__u32 shown;   /* SHOWN_…; while it is SHOWN_OPENING, there is a struct tls_state */
	__u32 tls;     /* LABEL_TLS_… */
};

/* What iter/task tells of a process that may hold data of stores. */
struct labelled {
	__u64 label;
	__u64 start_boot_ns; /* of the thread group's leader */
	__u32 tgid;
	__u32 uid;
	__u32 login_uid;
	__u32 reserved;
	char comm[COMM_SIZE];
};

#pragma GCC diagnostic pop

_Static_assert(sizeof(struct object_key) == 24, "object_key");
_Static_assert(sizeof(struct store_rules) == 344, "store_rules");
_Static_assert(sizeof(struct program_roles) == 80, "program_roles");
_Static_assert(sizeof(struct identified) == 48, "identified");
_Static_assert(sizeof(struct held) == 56, "held");
_Static_assert(sizeof(struct labelled) == 48, "labelled");
_Static_assert(sizeof(struct peer) == 24, "peer");

#endif
