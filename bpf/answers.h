/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * An answer of a resolver, by its bytes: the name that was asked for, and the addresses that it has (RFC 1035, 4.1; RFC 3596).
 * Pure functions over bytes, compiled for BPF (answers.bpf.h) and for user space (tests).
 *
 * It is read through a window of a few bytes that moves along the message: whoever has that copies reader.want bytes from
 * reader.at on to reader.bytes, and says so (answers_step), until answers_is_over. What is not well-formed gives nothing:
 * the addresses count when the step is ANSWERS_DONE.
 */
#ifndef MUNIMENT_ANSWERS_H
#define MUNIMENT_ANSWERS_H

#include "abi.h"

#define ANSWERS_WINDOW	 16
#define ANSWERS_RECORDS	 16   /* that are looked at */
#define ANSWERS_STEPS	 1024 /* more than those take, whose owners are mostly pointers */
#define ANSWERS_NAME_MAX 255  /* RFC 1035, 2.3.4: on the wire, its end included */
#define ANSWERS_LABEL	 63
#define ANSWERS_POINTER	 0xc0
#define ANSWERS_HEADER	 12
#define ANSWERS_TTL_MAX	 0x7fffffffu /* RFC 2181, 8 */

enum answers_kind { ANSWERS_A = 1, ANSWERS_CNAME = 5, ANSWERS_AAAA = 28 };
enum answers_class { ANSWERS_INTERNET = 1 };

/* What the window holds. */
enum answers_step {
	ANSWERS_STEP_HEADER = 0,
	ANSWERS_STEP_NAME, /* a byte of what was asked for */
	ANSWERS_STEP_KIND, /* and its kind and class */
	ANSWERS_STEP_OWNER, /* the first byte of a label of a record's name, which may be any along a chain of aliases */
	ANSWERS_STEP_RECORD,  /* what follows it, up to the data */
	ANSWERS_STEP_ADDRESS, /* the data */
	ANSWERS_DONE,
	ANSWERS_BAD /* it is no answer */
};

struct answered {
	__u8 address[16]; /* as in struct peer */
	__u32 ttl_s;
};

struct answers_reader {
	__u32 at;    /* where in the message the window begins, */
	__u32 want;  /* how long it is, up to ANSWERS_WINDOW, */
	__u32 size;  /* and the message */
	__u32 ttl_s; /* of the aliases so far, the least; then of the address at hand */
	__u16 kind;  /* that was asked for */
	__u16 name_bytes;
	__u8 step;    /* enum answers_step */
	__u8 label;   /* bytes that are still to come of a label of the name */
	__u8 records; /* that are still to come */
	__u8 n;	      /* of addresses */
	__u8 bytes[ANSWERS_WINDOW];
	struct name_key name; /* on the wire, in lower case */
	struct answered addresses[ANSWERS_RECORDS];
};

static inline __attribute__((always_inline)) __u32 answers_is_over(const struct answers_reader *r)
{
	return r->step >= ANSWERS_DONE;
}

/* The next window, which must lie within the message. */
static inline __attribute__((always_inline)) void answers_next(struct answers_reader *r, __u32 step, __u32 at,
							       __u32 want)
{
	r->step = at + want <= r->size ? (__u8)step : ANSWERS_BAD;
	r->at = at;
	r->want = want;
}

/* A reader of zeros becomes one of a message of that size. */
static inline __attribute__((always_inline)) void answers_begin(struct answers_reader *r, __u32 size)
{
	r->size = size;
	r->ttl_s = ANSWERS_TTL_MAX;
	answers_next(r, ANSWERS_STEP_HEADER, 0, ANSWERS_HEADER);
}

static inline __attribute__((always_inline)) __u32 answers_u16(const __u8 *bytes)
{
	return (__u32)bytes[0] << 8 | bytes[1];
}

/* An answer to one plain question, without an error. One that is cut short counts as far as it goes. */
static inline __attribute__((always_inline)) void answers_read_header(struct answers_reader *r)
{
	__u32 flags = answers_u16(r->bytes + 2), n = answers_u16(r->bytes + 6);

	r->records = n < ANSWERS_RECORDS ? (__u8)n : ANSWERS_RECORDS;
	if ((flags & 0xf80f) != 0x8000 || answers_u16(r->bytes + 4) != 1)
		r->step = ANSWERS_BAD;
	else
		answers_next(r, ANSWERS_STEP_NAME, ANSWERS_HEADER, 1);
}

/* Lengths of labels lie below all letters. */
static inline __attribute__((always_inline)) void answers_read_name(struct answers_reader *r)
{
	__u32 c = r->bytes[0], last = !r->label && !c, at = r->name_bytes;

	if (at >= ANSWERS_NAME_MAX || (!r->label && c > ANSWERS_LABEL)) {
		r->step = ANSWERS_BAD; /* too long, or a pointer, which nothing asks by */
		return;
	}
	r->label = r->label ? r->label - 1 : (__u8)c;
	r->name.name[at & (NAME_BYTES - 1)] = (__u8)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	r->name_bytes = (__u16)(at + 1);
	if (last)
		answers_next(r, ANSWERS_STEP_KIND, r->at + 1, 4);
	else
		answers_next(r, ANSWERS_STEP_NAME, r->at + 1, 1);
}

static inline __attribute__((always_inline)) void answers_next_record(struct answers_reader *r, __u32 at)
{
	if (r->records) {
		r->records--;
		answers_next(r, ANSWERS_STEP_OWNER, at, 1);
	} else {
		r->step = at <= r->size ? ANSWERS_DONE : ANSWERS_BAD;
	}
}

static inline __attribute__((always_inline)) void answers_read_kind(struct answers_reader *r)
{
	r->kind = (__u16)answers_u16(r->bytes);
	if ((r->kind == ANSWERS_A || r->kind == ANSWERS_AAAA) &&
	    answers_u16(r->bytes + 2) == ANSWERS_INTERNET)
		answers_next_record(r, r->at + 4);
	else
		r->step = ANSWERS_BAD;
}

static inline __attribute__((always_inline)) void answers_read_owner(struct answers_reader *r)
{
	__u32 c = r->bytes[0];

	if (!c || c >= ANSWERS_POINTER)
		answers_next(r, ANSWERS_STEP_RECORD, r->at + (c ? 2 : 1), 10);
	else if (c <= ANSWERS_LABEL)
		answers_next(r, ANSWERS_STEP_OWNER, r->at + 1 + c, 1);
	else
		r->step = ANSWERS_BAD;
}

/* Aliases hold for no longer than each of them, and so does what they lead to. */
static inline __attribute__((always_inline)) void answers_read_record(struct answers_reader *r)
{
	const __u8 *b = r->bytes;
	__u32 kind = answers_u16(b), ttl_s = answers_u16(b + 4) << 16 | answers_u16(b + 6),
	      size = answers_u16(b + 8), at = r->at + 10, address = r->kind == ANSWERS_A ? 4 : 16;

	if (answers_u16(b + 2) != ANSWERS_INTERNET || (kind != r->kind && kind != ANSWERS_CNAME)) {
		answers_next_record(r, at + size);
		return;
	}
	if (ttl_s > ANSWERS_TTL_MAX)
		ttl_s = 0;
	if (ttl_s > r->ttl_s)
		ttl_s = r->ttl_s;
	if (kind == ANSWERS_CNAME) {
		r->ttl_s = ttl_s;
		answers_next_record(r, at + size);
	} else if (size != address) {
		r->step = ANSWERS_BAD;
	} else {
		r->addresses[r->n & (ANSWERS_RECORDS - 1)].ttl_s = ttl_s;
		answers_next(r, ANSWERS_STEP_ADDRESS, at, address);
	}
}

static inline __attribute__((always_inline)) void answers_read_address(struct answers_reader *r)
{
	__u8 *to = r->addresses[r->n & (ANSWERS_RECORDS - 1)].address;

	if (r->kind == ANSWERS_AAAA) {
		__builtin_memcpy(to, r->bytes, 16);
	} else {
		__builtin_memset(to, 0, 10);
		to[10] = to[11] = 0xff;
		__builtin_memcpy(to + 12, r->bytes, 4);
	}
	r->n++;
	answers_next_record(r, r->at + r->want);
}

/* The window is full: what it holds is read, and the next one begins. */
static inline __attribute__((always_inline)) void answers_step(struct answers_reader *r)
{
	switch (r->step) {
	case ANSWERS_STEP_HEADER:
		answers_read_header(r);
		break;
	case ANSWERS_STEP_NAME:
		answers_read_name(r);
		break;
	case ANSWERS_STEP_KIND:
		answers_read_kind(r);
		break;
	case ANSWERS_STEP_OWNER:
		answers_read_owner(r);
		break;
	case ANSWERS_STEP_RECORD:
		answers_read_record(r);
		break;
	case ANSWERS_STEP_ADDRESS:
		answers_read_address(r);
		break;
	default:
		break;
	}
}

#endif
