/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Where data of stores may go, as the loader writes it and the kernel side reads it. Part of abi.h, which includes it.
 */
#ifndef MUNIMENT_AGREEMENT_H
#define MUNIMENT_AGREEMENT_H

/* Endpoints of agreements, by their networks. The longest prefix counts, which knows those of shorter ones, too. */
struct network_key {
	__u32 bits; /* that count of what follows: 32 of the slot, and the prefix of the address */
	__u32 slot;
	__u8 address[16]; /* as in struct peer */
};

struct endpoint_list { /* in the order of the policy */
	__u32 n;
	__u16 index[ENDPOINTS_MAX];
};

#define ENDPOINT_TCP 1u
#define ENDPOINT_UDP 2u

struct endpoint { /* of a network, what an agreement is about */
	__u32 agreement;
	__u16 port_first; /* in the host's order; 0 to 65535: any */
	__u16 port_last;
	__u32 protocols; /* ENDPOINT_… */
	__u32 reserved;
	__u64 name; /* id of the host's name whose addresses it is about; 0: it is about a network */
};

/* How what an agreement lets go must go, and how much of it: decide_tls, decide_fits. */
struct agreement_limits {
	__u64 max_bytes; /* in a window; 0: any number */
	__u64 window_ns;
	__u64 clock_ns; /* added to the boot time: a multiple of window_ns is the end of one */
	__u64 volume;	/* in `volumes`: the same for the same name and window in every policy */
	__u32 tls;	/* lowest version, as on the wire: 0x0303; 0: anything goes */
	__u32 quic;	/* not 0: QUIC counts as TLS */
	__u16 starttls[STARTTLS_MAX]; /* ports of the service, in the host's order; 0: none */
};

/* What was sent under an agreement. */
struct volume {
	__u64 window; /* number of the one that `base` is about */
	__u64 base;   /* total when it began */
	__u64 total;  /* bytes ever */
};

struct agreement_rules {
	struct role_set roles; /* who may send; see any_role */
	__u64 stores;	       /* labels whose data may go */
	__u64 until_ns;	       /* boot nanoseconds: from then on, nothing may; ~0: never */
	__u64 regions;	       /* where the receiver must be, in one of these; 0: anywhere */
	__u32 any_role;
	__u32 reserved;
	struct agreement_limits limits;
};

/*
 * What the packets of a socket have shown so far: a version of TLS as on the wire (0x0301 to 0x0304), or one of these; and
 * above SHOWN_PLAIN_SHIFT how many bytes this host sent in the plain before (at most SHOWN_PLAIN_MAX).
 */
#define SHOWN_NOTHING	   0u /* nobody saw the beginning, or it was none of TLS */
#define SHOWN_OPENING	   1u /* nothing but what asks for TLS leaves; or nothing at all yet */
#define SHOWN_EARLY	   2u /* behind that, before the answer that tells the version */
#define SHOWN_PLAIN	   3u /* what goes before TLS is asked for */
#define SHOWN_QUIC	   4u
#define SHOWN_PLAIN_SHIFT  16
#define SHOWN_PLAIN_MAX	   0xffffu
#define shown_kind(shown)  ((shown)&0xffff)
#define shown_plain(shown) ((shown) >> SHOWN_PLAIN_SHIFT)
#define TLS_1_0		   0x0301u
#define TLS_1_2		   0x0303u
#define TLS_1_3		   0x0304u

/* Stands for an agreement where the policy's `dns` lets data go to a resolver: in record_access.detail. */
#define AGREEMENT_RESOLVER 0xffffu

struct resolver_key {
	__u8 address[16]; /* as in struct peer */
	__u32 slot;
	__u16 port; /* in the host's order */
	__u16 reserved;
};

/* Names in agreements, where answers of resolvers to processes count (`dns: {answers: true}`). */
#define NAME_BYTES 256
struct name_key {
	__u32 slot;
	__u8 name[NAME_BYTES]; /* on the wire, in lower case (RFC 1035, 3.1); 0 behind its end */
};

/* What the addresses of a name are that the daemon was answered: private ones are taken of others that have these, and none
 * else (policy/hosts.h). */
struct name_rules {
	__u64 id; /* of the name, the same in every policy; not 0 */
	__u32 is_private;
	__u32 reserved;
};

/* Networks whose addresses lead elsewhere than to others: by struct network_key of slot 0. */
enum special { SPECIAL_NONE = 0, SPECIAL_PRIVATE = 1, SPECIAL_REFUSED = 2 };

/*
 * Where a name leads by an answer: until when (boot nanoseconds), by whom it may be used. `who` is a process (answered__who),
 * the cookie of a socket that was connected there or sent there, or with name 0 nobody in particular (0).
 */
struct answer_key {
	__u64 who;
	__u64 name;	  /* name_rules.id */
	__u8 address[16]; /* as in struct peer */
};

/* A question that a process has sent to a resolver, and that has no answer yet. */
struct question_key {
	__u8 resolver[16]; /* as in struct peer */
	__u64 socket;	   /* its cookie */
	__u32 id;
	__u32 reserved;
};

struct question {
	__u64 who; /* as in struct answer_key */
	__u32 on_loopback;
	__u32 reserved;
};

/* What processes that come from one have sent to resolvers. */
struct dns_account {
	__u64 since_ns; /* boot nanoseconds: when the time began that the bytes are counted in */
	__u64 bytes;
};

_Static_assert(sizeof(struct network_key) == 24, "network_key");
_Static_assert(sizeof(struct endpoint) == 24, "endpoint");
_Static_assert(sizeof(struct name_key) == 260, "name_key");
_Static_assert(sizeof(struct answer_key) == 32, "answer_key");
_Static_assert(sizeof(struct question_key) == 32, "question_key");
_Static_assert(sizeof(struct agreement_limits) == 56, "agreement_limits");
_Static_assert(sizeof(struct agreement_rules) == 120, "agreement_rules");

#endif
