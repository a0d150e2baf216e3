/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All maps. Those that a policy fills bear a slot (0 or 1) in their key: the loader fills the idle slot and
 * then switches control.slot, so that no access ever sees half a policy.
 */
#ifndef MUNIMENT_MAPS_BPF_H
#define MUNIMENT_MAPS_BPF_H

#include <bpf/bpf_helpers.h>

/* This load's number; see maps__speaks. */
const volatile __u32 instance = 0;

/* With fmod_ret: the programs of `tracing` are a net below it, see used__decided. */
const volatile __u32 net = 0;

/* With lsm and fmod_ret: what a process loads is watched from its exec on, see library.bpf.h. */
const volatile __u32 watches = 0;

/* The loader maps this into its memory. Its own section, so that it can be pinned apart. */
struct control control SEC(".data.control") = {};

/*
 * When a daemon takes over, the programs of two loads hang on the same hooks for a moment. Both speak then:
 * were there one instant at which the word passes, an access between the two programs of one hook would find
 * either of them silent.
 */
static __always_inline bool maps__speaks(void)
{
	return instance - control.oldest <= control.instance - control.oldest;
}

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE_BYTES);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_state);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * USERS_MAX);
	__type(key, struct id_key);
	__type(value, struct user_roles);
} roles_by_user SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * GROUPS_MAX);
	__type(key, struct id_key);
	__type(value, struct role_set);
} roles_by_group SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * (PROGRAMS_MAX + SINK_PROGRAMS));
	__type(key, struct object_key);
	__type(value, struct program_roles);
} roles_by_program SEC(".maps");

/* Libraries that packages brought, of every policy: as long as the file is what was digested. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LIBRARIES_MAX);
	__type(key, struct object_id);
	__type(value, struct content_stamp);
} library_stamps SEC(".maps");

/* Libraries that roles list, and those roles. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * LIBRARIES_MAX);
	__type(key, struct object_key);
	__type(value, struct program_roles);
} library_roles SEC(".maps");

/* Index: slot * STORE_IDS + store. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * STORE_IDS);
	__type(key, u32);
	__type(value, struct store_rules);
} rules_by_store SEC(".maps");

/* Store roots, and files of several names that the scan at load or a link found to be records. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct object_key);
	__type(value, struct store_root);
} stores_by_object SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct device_key);
	__type(value, struct device_rules);
} rules_by_device SEC(".maps");

/*
 * In which store an inode lies, as of an epoch; the answer dies with its inode. LSM programs only, and never
 * created where bpf is not an active LSM: Linux 6.1 would write past the inode's security blob.
 */
struct answer {
	u64 epoch;
	u32 store;
	u32 root;
	u64 root_ino; /* number of that root; 0: the inode is marked itself */
};

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct answer);
} answers_by_inode SEC(".maps");

/* A use of an open file that is on record, so that each read need not be one. */
struct recent {
	u64 file; /* address of struct file */
	u64 ino;  /* of its inode: an address is used again, and then for another file */
	u64 account;
	u32 operations;
	u32 call; /* of several pieces, that is under way and counted already, or 0 */
};
#define RECENT_MAX 16

/*
 * Whom an answer is about. Compared at each use: the kernel may skip a program of ours that should tell of a
 * change (fentry, fmod_ret; see used__decided). Creds are never changed in place, they are replaced.
 */
struct actor_identity {
	u64 cred; /* address */
	u64 exe;  /* address of the executable's inode */
	u64 exe_ino;
	u32 login_uid;
	u32 pad;
};

/* A script that is run by its #! line: it is the program, not its interpreter. */
struct script {
	struct object_id id;	    /* ino 0: none */
	struct content_stamp stamp; /* as it was when it was executed */
	u64 exe;		    /* address of the interpreter's inode */
	u32 named;		    /* a role named it then, and user space has its name */
	u32 accepted;		    /* its content was found to be what the roles were given to */
};

/* Data on its way out of the host: see egress.bpf.h. Kept with the thread, as it is too large for the stack. */
struct egress {
	struct peer peer;
	struct role_set roles;
	u64 label; /* whose data would go */
	u64 bytes;
	u64 now_ns;
	u64 until_ns; /* when the agreement ends */
	u64 account;  /* what was let go was counted there; 0: nowhere */
	u64 regions;  /* that the peer is in, if the policy asks */
	u32 reason;   /* enum reason, where nothing lets the data go */
	u32 dns;      /* DNS_…, of dns.bpf.h */
	u32 slot;
	u32 actor; /* ACTOR_… */
	u8 hook;
	u8 mechanism;
	u8 bit; /* the store at hand, by its label … */
	u8 store;
	u8 mode;
	u8 audit;
	u16 agreement;	 /* … and what lets its data go, from 1, or AGREEMENT_RESOLVER; 0: nothing */
	u64 used;	 /* with REASON_LIMIT: what was sent before, in the same window */
	u64 server_name; /* address of that which TLS asked for, or 0 */
	u64 cookie;	 /* of the socket, where answers of resolvers count */
	u64 name;	 /* by whose answer the peer is agreed on: name_rules.id; 0: by no answer */
	u32 shown;	 /* SHOWN_…: what its packets have shown of TLS */
	u16 service;	 /* its port: the peer's, or our own of a connection that we accepted */
	u16 missed;	 /* the first agreement that covers it but for its limits, from 1 … */
	u16 charged;	 /* the last that counted it, from 1 */
	u8 why;		 /* … and what is against it: enum reason */
	u8 limited;	 /* the agreement counts what goes */
	u8 limits;	 /* it has limits of some kind: each send is looked at */
	u8 tells;	 /* what the connection has shown of TLS is to be on record */
	u8 batch;	 /* more follows that nobody is asked about: see egress__is_batch */
	u8 pad;
};

/* What a thread may do, as of an epoch. Void after commit_creds (epoch 0). */
struct actor_answer {
	u64 epoch;
	struct role_set roles;
	struct actor_identity identity;
	u64 decided; /* address of the file that was decided last and allowed; 0: none. With net only, like
			these: */
	u64 decided_ino;
	u64 decided_epoch;
	u64 decided_cred;
	u32 decided_operations;
	u32 flags;
	struct recent recent[RECENT_MAX]; /* by inode; those pushed out go to uses */
	u16 granted[STORE_IDS];		  /* masks; bit 0 (no operation) says that the mask was computed */
	u32 decided_seen;		  /* load whose net has seen decided last; 0: none */
	struct script script;		  /* on the group leader */
	struct script executing;	  /* what the exec under way began with */
	struct egress egress;		  /* what is being decided */
};
#define ACTOR_EXE_CHANGED     0x1 /* on the group leader: /proc/self/exe was set by prctl */
#define ACTOR_ANNOUNCED	      0x2 /* the program's name was sent in this epoch */
#define ACTOR_CROSSING	      0x4 /* a rename across a border is under way */
#define ACTOR_BY_LOGIN	      0x8
#define ACTOR_PROGRAM_CHANGED 0x10 /* the program's file is not what its roles were given to */
#define ACTOR_INTERPRETED     0x20 /* runs a script that no role named when it was executed */
#define ACTOR_SCRIPTED	      0x40 /* runs a script, by whatever role */
#define ACTOR_LIBRARY	      0x80 /* on the group leader, like the next: library.bpf.h */
#define ACTOR_WATCHED	      0x100
#define GRANTED_COMPUTED      0x1

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct actor_answer);
} answers_by_actor SEC(".maps");

/*
 * Uses that found no place among a thread's recent ones, and what a worker of io_uring opened for others. A
 * stale entry is harmless: inode and people must match, and then that process's access to that record was
 * recorded.
 */
struct use_key {
	u64 file;
	u32 tgid;
	u32 pad;
};

struct use {
	u64 ino;
	u64 account;
	u64 epoch; /* of its decision */
	u32 operations;
	u32 uid;
	u32 login_uid;
	u32 opened; /* by a worker of io_uring, and the net has not seen that yet */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct use_key);
	__type(value, struct use);
} uses SEC(".maps");

/* Programs whose name user space has been sent, and that name. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct object_id);
	__type(value, struct program_kept);
} programs_sent SEC(".maps");

/* What is the monitor's own: see own.bpf.h. The value means nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct own_key);
	__type(value, u32);
} own_objects SEC(".maps");

/* Read once per access: it says which slot of the maps is in force, and which kept answers still hold. */
static __always_inline u64 maps__epoch(void)
{
	return *(volatile u64 *)&control.epoch;
}

/* Kept answers are void from here on; the policy stays. */
static __always_inline void maps__new_epoch(void)
{
	__sync_fetch_and_add(&control.epoch, EPOCH_STEP);
}

/* which: enum counter. A global function: verified once, not wherever something is counted. */
__attribute__((noinline)) int count(u32 which)
{
	u32 zero = 0;
	struct cpu_state *cpu = bpf_map_lookup_elem(&cpus, &zero);

	if (cpu && which < COUNTER_END)
		__sync_fetch_and_add(&cpu->counters[which], 1);
	return 0;
}

/*
 * The same value, of which the verifier then knows nothing. It follows a branch on a known value one way
 * only, and must keep apart all states in which the value differs; of an unknown one it goes both ways, once.
 */
static __always_inline u32 unknown(u32 value)
{
	u32 any = *(volatile u32 *)&control.oldest, same = any;

	barrier_var(any);
	barrier_var(same);
	return value + any - same;
}

static __always_inline u64 unknown64(u64 value)
{
	u64 any = *(volatile u64 *)&control.ring, same = any;

	barrier_var(any);
	barrier_var(same);
	return value + any - same;
}

static __always_inline void filter_add(u64 *filter, u64 number)
{
	u32 bit = decide_filter_bit(number);

	__sync_fetch_and_or(&filter[bit >> 6 & (FILTER_WORDS - 1)], 1ull << (bit & 63));
}

static __always_inline bool filter_has(const u64 *filter, u64 number)
{
	u32 bit = decide_filter_bit(number);

	return filter[bit >> 6 & (FILTER_WORDS - 1)] >> (bit & 63) & 1;
}

#endif
