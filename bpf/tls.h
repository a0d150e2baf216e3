/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The beginning of a TLS connection, by its first bytes: a ClientHello with the name that is asked for (SNI), and the
 * ServerHello with the version (RFC 8446, 4.1; RFC 6066, 3). Pure functions over bytes, compiled for BPF (tls.bpf.h) and
 * for user space (tests).
 *
 * A hello is read through a window of a few bytes that moves along the stream, so that it may come in any pieces: whoever
 * has a piece copies what the reader wants of it to reader.bytes (tls_wants), and says how much that was (tls_took).
 */
#ifndef MUNIMENT_TLS_H
#define MUNIMENT_TLS_H

#include "abi.h"

#define TLS_HELLO_BYTES 44 /* of a hello up to the length of its session id */
#define TLS_HEAD_BYTES	6  /* that tell a hello from anything else */
#define TLS_NAME_MAX	63 /* bytes of a name that are kept; DNS has up to 253 (RFC 1035, 2.3.4) */
#define TLS_WINDOW_BYTES                                                                                     \
	64 /* of a stream; the array is twice that, so that the verifier of BPF sees no end of it */
#define TLS_RECORD_MAX	 16384 /* RFC 8446, 5.1 */
#define TLS_RECORD_HEAD	 5
#define TLS_MESSAGE_HEAD 4

enum tls_content { TLS_HANDSHAKE = 22 };
enum tls_message { TLS_CLIENT_HELLO = 1, TLS_SERVER_HELLO = 2 };
enum tls_extension { TLS_SERVER_NAME = 0, TLS_SUPPORTED_VERSIONS = 43 };

/* What the window holds when it is full. */
enum tls_step {
	TLS_STEP_HELLO = 0,
	TLS_STEP_CIPHERS,     /* of a client: length of its list */
	TLS_STEP_COMPRESSION, /* of a client: length of its list */
	TLS_STEP_EXTENSIONS,  /* length of all of them; of a server, what it chose before */
	TLS_STEP_EXTENSION,   /* kind and length of one */
	TLS_STEP_NAME_HEAD,
	TLS_STEP_NAME,
	TLS_STEP_VERSION,
	TLS_STEP_DONE,
	TLS_STEP_BAD /* it is none */
};

struct tls_reader {
	__u32 at;   /* where in the stream the window begins */
	__u32 end;  /* of the hello and of its record, which it fills alone if a client's; 0: not yet known */
	__u32 more; /* end of the extensions */
	__u32 record;  /* end of the first record */
	__u16 want;    /* bytes of the window, up to TLS_WINDOW_BYTES */
	__u16 have;    /* of these */
	__u16 version; /* of a server: what it chose, once done */
	__u8 step;     /* enum tls_step */
	__u8 message;  /* enum tls_message */
	__u8 name; /* of a client, once done: bytes of the name, which bytes then has, ended by NUL; 0: none */
	__u8 name_cut; /* it is longer */
	__u8 reserved[2];
	__u8 bytes[2 * TLS_WINDOW_BYTES];
};

static inline __attribute__((always_inline)) void tls_begin(struct tls_reader *r, __u32 message)
{
	*r = (struct tls_reader){.want = TLS_HELLO_BYTES, .message = (__u8)message};
}

static inline __attribute__((always_inline)) __u32 tls_u16(const __u8 *bytes)
{
	return (__u32)bytes[0] << 8 | bytes[1];
}

/* Do the first n bytes look like those of a hello, as far as they go? 1 or 0. */
static inline __attribute__((always_inline)) __u32 tls_is_head(const __u8 *bytes, __u32 n, __u32 message)
{
	return (n < 1 || bytes[0] == TLS_HANDSHAKE) && (n < 2 || bytes[1] == 3) && (n < 3 || bytes[2] <= 4) &&
	       (n < 6 || bytes[5] == message);
}

/* The next window. Past the end of the hello there is none: it is malformed. */
static inline __attribute__((always_inline)) void tls_next(struct tls_reader *r, __u32 step, __u32 at,
							   __u32 want)
{
	r->step = at + want <= r->end ? (__u8)step : TLS_STEP_BAD;
	r->at = at;
	r->want = (__u16)want;
	r->have = 0;
}

/* Of a client, what it says of itself has been read as far as it matters. Of a server, the version is known. */
static inline __attribute__((always_inline)) void tls_finish(struct tls_reader *r)
{
	__u32 known = r->version >= TLS_1_0 - 1 && r->version <= TLS_1_3; /* SSL 3.0 is 0x0300 */

	r->step = r->message == TLS_CLIENT_HELLO || known ? TLS_STEP_DONE : TLS_STEP_BAD;
}

static inline __attribute__((always_inline)) void tls_read_hello(struct tls_reader *r)
{
	const __u8 *b = r->bytes;
	__u32 record = tls_u16(b + 3), message = (__u32)b[6] << 16 | tls_u16(b + 7), session = b[43];
	__u32 bad = !tls_is_head(b, TLS_HELLO_BYTES, r->message) || record > TLS_RECORD_MAX || session > 32;

	/* A client's hello is a record by itself; what follows a server's may lie in the same. */
	bad |= r->message == TLS_CLIENT_HELLO ? message + TLS_MESSAGE_HEAD != record
					      : message + TLS_MESSAGE_HEAD > record;
	r->record = TLS_RECORD_HEAD + record;
	r->end = TLS_RECORD_HEAD + TLS_MESSAGE_HEAD + message;
	r->version = (__u16)tls_u16(b + 9);
	if (bad)
		r->step = TLS_STEP_BAD;
	else if (r->message == TLS_CLIENT_HELLO)
		tls_next(r, TLS_STEP_CIPHERS, TLS_HELLO_BYTES + session, 2);
	else if (TLS_HELLO_BYTES + session + 3 == r->end) /* RFC 5246, 7.4.1.3: extensions may be left out */
		tls_finish(r);
	else
		tls_next(r, TLS_STEP_EXTENSIONS, TLS_HELLO_BYTES + session, 5);
}

/* The extension at `at`, if there is one more. */
static inline __attribute__((always_inline)) void tls_next_extension(struct tls_reader *r, __u32 at)
{
	if (at < r->more)
		tls_next(r, TLS_STEP_EXTENSION, at, 4);
	else if (at == r->more)
		tls_finish(r);
	else
		r->step = TLS_STEP_BAD;
}

static inline __attribute__((always_inline)) void tls_read_extension(struct tls_reader *r)
{
	__u32 kind = tls_u16(r->bytes), len = tls_u16(r->bytes + 2), at = r->at + 4;

	if (r->message == TLS_CLIENT_HELLO && kind == TLS_SERVER_NAME && len > 5)
		tls_next(r, TLS_STEP_NAME_HEAD, at, 5);
	else if (r->message == TLS_SERVER_HELLO && kind == TLS_SUPPORTED_VERSIONS)
		tls_next(r, TLS_STEP_VERSION, at, 2);
	else
		tls_next_extension(r, at + len);
}

/* A list of names, of which only the first kind has ever been: a name of a host. */
static inline __attribute__((always_inline)) void tls_read_name_head(struct tls_reader *r)
{
	__u32 len = tls_u16(r->bytes + 3);

	r->name_cut = len > TLS_NAME_MAX;
	if (r->bytes[2] || !len)
		tls_finish(r);
	else
		tls_next(r, TLS_STEP_NAME, r->at + 5, len > TLS_NAME_MAX ? TLS_NAME_MAX : len);
}

/* The window is full: what it holds is read, and the next one begins. */
static inline __attribute__((always_inline)) void tls_step(struct tls_reader *r)
{
	switch (r->step) {
	case TLS_STEP_HELLO:
		tls_read_hello(r);
		break;
	case TLS_STEP_CIPHERS:
		tls_next(r, TLS_STEP_COMPRESSION, r->at + 2 + tls_u16(r->bytes), 1);
		break;
	case TLS_STEP_COMPRESSION:
		if (r->at + 1 + r->bytes[0] == r->end)
			tls_finish(r);
		else
			tls_next(r, TLS_STEP_EXTENSIONS, r->at + 1 + r->bytes[0], 2);
		break;
	case TLS_STEP_EXTENSIONS:
		r->more = r->at + r->want +
			  (r->message == TLS_CLIENT_HELLO ? tls_u16(r->bytes) : tls_u16(r->bytes + 3));
		if (r->more != r->end)
			r->step = TLS_STEP_BAD;
		else
			tls_next_extension(r, r->at + r->want);
		break;
	case TLS_STEP_EXTENSION:
		tls_read_extension(r);
		break;
	case TLS_STEP_NAME_HEAD:
		tls_read_name_head(r);
		break;
	case TLS_STEP_VERSION:
		r->version = (__u16)tls_u16(r->bytes);
		tls_finish(r);
		break;
	case TLS_STEP_NAME:
		r->name = (__u8)r->want;
		r->bytes[r->want & (TLS_WINDOW_BYTES - 1)] = 0;
		tls_finish(r);
		break;
	default:
		break;
	}
}

static inline __attribute__((always_inline)) __u32 tls_is_over(const struct tls_reader *r)
{
	return r->step >= TLS_STEP_DONE;
}

/*
 * Of a piece of the stream, bytes from to from + len: how many the reader wants, and where in the piece they begin. They go
 * to r->bytes + r->have. 0: none of them, or the piece does not join what came before.
 */
static inline __attribute__((always_inline)) __u32 tls_wants(const struct tls_reader *r, __u32 from,
							     __u32 len, __u32 *ret_at)
{
	__u32 next = r->at + r->have, open = (__u32)r->want - r->have;

	if (tls_is_over(r) || from > next || next - from >= len)
		return 0;
	*ret_at = next - from;
	len -= *ret_at;
	return open < len ? open : len;
}

/* So many bytes have come. A beginning that is none is told early: nothing of it shall go on. */
static inline __attribute__((always_inline)) void tls_took(struct tls_reader *r, __u32 n)
{
	r->have = (__u16)(r->have + n);
	if (r->have == r->want)
		tls_step(r);
	else if (r->step == TLS_STEP_HELLO && !tls_is_head(r->bytes, r->have, r->message))
		r->step = TLS_STEP_BAD;
}

/*
 * How far the stream has been seen to be the hello's own record: nothing beyond may leave before the answer. A server's may
 * go up to its record's end.
 */
static inline __attribute__((always_inline)) __u32 tls_reach(const struct tls_reader *r)
{
	return r->step == TLS_STEP_HELLO ? r->have : r->step == TLS_STEP_BAD ? 0 : r->record;
}

/* QUIC's versions that there are (RFC 9000; RFC 9369), as they stand in a long header. */
#define QUIC_VERSION_1	 0x00000001u
#define QUIC_VERSION_2	 0x6b3343cfu
#define QUIC_HEAD_BYTES	 6
#define QUIC_INITIAL_MIN 1200 /* RFC 9000, 14.1: a datagram that carries an Initial packet */
#define QUIC_ID_MAX	 20

/* Do the first QUIC_HEAD_BYTES of a datagram begin an Initial packet (RFC 9000, 17.2.2; RFC 9369, 3.2)? 1 or 0. */
static inline __attribute__((always_inline)) __u32 tls_is_quic_initial(const __u8 *b, __u32 len)
{
	__u32 version = tls_u16(b + 1) << 16 | tls_u16(b + 3), kind = b[0] & 0xf0;

	return len >= QUIC_INITIAL_MIN && b[5] <= QUIC_ID_MAX &&
	       ((version == QUIC_VERSION_1 && kind == 0xc0) || (version == QUIC_VERSION_2 && kind == 0xd0));
}

/* Or what may follow one: a long header of a known version, or a short one, by its fixed bit (RFC 9000, 17.3.1). */
static inline __attribute__((always_inline)) __u32 tls_is_quic(const __u8 *b)
{
	__u32 version = tls_u16(b + 1) << 16 | tls_u16(b + 3);

	return b[0] & 0x40 && (!(b[0] & 0x80) || version == QUIC_VERSION_1 || version == QUIC_VERSION_2);
}

#endif
