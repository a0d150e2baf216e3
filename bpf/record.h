/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Records in the ring, as the kernel side writes and user space reads them. Part of abi.h, which includes it.
 */
#ifndef MUNIMENT_RECORD_H
#define MUNIMENT_RECORD_H

enum record_kind { RECORD_INVALID = 0, RECORD_ACCESS = 1, RECORD_PROGRAM = 2, RECORD_PASS = 3, RECORD_END };

struct record_header {
	__u32 size; /* of the whole record in bytes, path included */
	__u16 kind; /* enum record_kind */
	__u16 cpu;
	__u64 sequence; /* per CPU, from 1, without gaps unless records were lost */
	__u64 boot_ns;	/* CLOCK_BOOTTIME */
};

/*
 * What a record stands for. Bytes are those that system calls asked for and that were there to be had: as
 * many came or fewer. A use whose call does not tell (io_uring, splice of the other side …) is only counted.
 */
struct tally {
	__u64 count;	  /* accesses decided: 1, and repeats; 0 with RECORD_FLAG_FOLDED: only uses */
	__u64 uses;	  /* reads, writes and mappings of what was opened by them */
	__u64 read;	  /* bytes */
	__u64 written;	  /* bytes */
	__u64 mapped;	  /* bytes: what is read or written there is not seen */
	__u64 unmeasured; /* uses of unknown length, among `uses` */
};

/*
 * One decided access. path holds path_count names, each ended by NUL, the file's own first and the one below
 * the store's root last; path_bytes in all. A store's root itself has none.
 */
struct record_access {
	struct record_header header;
	struct object_id file;
	struct object_id program; /* the inode of the executable, or of a script that a role names; all 0
				     for kernel threads */
	__u64 file_size;
	__u64 cgroup;
	__u64 start_boot_ns; /* of the thread group's leader */
	__u32 tgid;
	__u32 pid;
	__u32 parent_tgid;
	__u32 uid;	 /* acting: effective */
	__u32 gid;	 /* effective */
	__u32 login_uid; /* ID_UNSET when nobody logged in */
	__u32 session;	 /* ID_UNSET likewise */
	__u32 file_mode; /* i_mode */
	__u32 open_flags;
	__u32 policy_generation;
	__u32 root; /* index of the store's root in the policy image, of STORE_HOST the host_item; undefined with
			     PATH_OUTSIDE */
	__u16 operations; /* mask of OPERATION_BIT */
	__u16 flags;	  /* RECORD_FLAG_… */
	__u8 store;
	__u8 hook;
	__u8 mechanism;
	__u8 wanted;
	__u8 enforced;
	__u8 reason;
	__u16 path_count;
	__u32 path_bytes;
	char comm[COMM_SIZE];
	__u32 instance;	   /* number of the load whose program made the record */
	__u32 target_tgid; /* the process that was wanted, file being its program; else 0 */
	__u32 detail;	   /* by hook, see there; else 0 */
	__u64 first_ns;	   /* CLOCK_BOOTTIME of the first access or use that it stands for */
	struct tally tally;
	__u64 label; /* whose data the process may hold, this access included: store_rules.label */
	struct peer peer;
	char path[];
};

/* The name of a program, sent before the first access record that bears its id; path as in record_access, up
 * to its root. */
struct record_program {
	struct record_header header;
	struct object_id program;
	__u32 path_bytes;
	__u16 path_count;
	__u16 flags; /* RECORD_FLAG_PATH_CUT */
	char path[];
};

/* What the kernel side keeps of a program's name for the daemon that takes over: that of the one before died
 * with it. */
#define PROGRAM_KEPT 504 /* a longer path is not kept; path_bytes tells */
struct program_kept {
	__u32 path_bytes; /* 0: not yet filled in */
	__u16 path_count;
	__u16 flags;
	char path[PROGRAM_KEPT];
};

/* How a process came to hold data of stores. */
enum pass_how {
	PASS_INVALID = 0,
	PASS_READ = 1,	   /* it read a record, from nobody */
	PASS_FORK = 2,	   /* of whoever made it */
	PASS_PIPE = 3,	   /* or FIFO */
	PASS_UNIX = 4,	   /* a UNIX socket */
	PASS_INTERNET = 5, /* TCP or UDP on this host */
	PASS_FILE = 6,	   /* a copy */
	PASS_MEMORY = 7,   /* one got at the other's: ptrace, process_vm_readv, /proc/PID/mem … */
	PASS_TRACE = 8,	   /* it traces who read a record */
	PASS_SHARED = 9,   /* they share all their memory, though they are no threads of one process */
	PASS_TERMINAL = 10,
	PASS_MAPPING = 11, /* memory that both have mapped; as PASS_SHARED told when it first counts */
	PASS_QUEUE = 12,   /* of messages */
	PASS_KEY = 13,	   /* the kernel's keyrings */
	PASS_OTHER = 14,
	PASS_EXEC = 15, /* none of the kernel's records: it has executed another program since */
	PASS_END
};
#define PASS_REFUSED 0x80000000u

/* A process, as it was then. */
struct party {
	__u64 start_boot_ns;	  /* of the thread group's leader; 0: nobody knows who it was */
	struct object_id program; /* as in record_access, but a script is its interpreter,
				     and on btrfs dev is the super block's */
	__u32 tgid;
	__u32 uid; /* effective */
	__u32 login_uid;
	__u32 reserved;
	char comm[COMM_SIZE];
};

/* A process comes to hold more than it did. */
struct record_pass {
	struct record_header header;
	struct party to;
	struct party from;
	__u64 label;   /* what more: store_rules.label; of PASS_FORK all that it holds or serves */
	__u64 object;  /* what it came through, as a number that tells it from others then; 0: nothing */
	__u32 how;     /* enum pass_how */
	__u32 refused; /* not 0: it did not, as that may not meet what it holds */
};
#define PASSES_KEPT 8192

/* Numbers of objects. Those of pipes and the like are addresses, whose first byte is 0xff; those of sockets cookies. */
#define pass_sent(cookie)                                                                                    \
	((cookie) | 0x10ull << 56) /* what was sent by a socket; the cookie itself is what lies in it */
#define PASS_MIX	     0x9e3779b97f4a7c15ull
#define pass_mix(hash, word) (((hash) ^ (hash) >> 29 ^ (word)) * PASS_MIX)
#define pass_packet(hash)    ((hash) >> 8 | 0x20ull << 56)

/* Of memory that processes share, by its key: see bpf/group.bpf.h. */
#define pass_memory(key) ((key) >> 8 | 0x40ull << 56)

static inline __u64 pass_file(const struct object_id *id)
{
	__u64 hash = pass_mix(id->ino * PASS_MIX, (__u64)id->dev << 32 | id->generation);

	return hash >> 8 | 0x30ull << 56;
}

/*
 * Records come in these sizes only (a reservation's size must be a constant). A name is copied whole or not
 * at all, hence the slack of one longest name that each size has; the small one takes only short names.
 */
#define PATH_SMALL	128
#define PATH_SMALL_NAME 64
#define PATH_MEDIUM	768
#define PATH_LARGE	4096
#define PATH_NAME	256
#define RECORD_SIZE_MAX (sizeof(struct record_access) + PATH_LARGE + PATH_NAME)
#define RING_SIZE_BYTES (8u << 20)

_Static_assert(sizeof(struct record_header) == 24, "record_header");
_Static_assert(sizeof(struct record_access) == 256, "record_access");
_Static_assert(sizeof(struct record_program) == 48, "record_program");
_Static_assert(sizeof(struct party) == 56, "party");
_Static_assert(sizeof(struct record_pass) == 160, "record_pass");
_Static_assert(sizeof(struct program_kept) == 512, "program_kept");

#endif
