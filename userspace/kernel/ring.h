/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer's side of the BPF ring buffer (Documentation/bpf/ringbuf.rst), with one difference to
 * libbpf's: records are given back to the kernel only when the caller says so. The keeper reads a batch,
 * makes it durable in the ledger and then releases it; a daemon that dies in between leaves the records where
 * the next daemon finds them.
 *
 * Used by one thread at a time. The mapping is owned by struct ring, the map's descriptor stays the caller's.
 */
#ifndef MUNIMENT_KERNEL_RING_H
#define MUNIMENT_KERNEL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* record is valid during the call. Return 0 to go on, other values end the read. */
typedef int (*ring_record_fn)(void *ctx, const void *record, size_t size);

/* map_fd: a BPF_MAP_TYPE_RINGBUF of ring_bytes (a power of two). 0 or -errno. */
int ring_new(int map_fd, size_t ring_bytes, struct ring **ret_ring);
void ring_free(struct ring *r);

/*
 * Hands up to max_records to fn, from where the last read ended. Returns how many, or fn's non-zero value, or
 * -EBADMSG when the ring's own headers make no sense (nothing after that place can be read), or -ENOMEM.
 */
long ring_read(struct ring *r, size_t max_records, ring_record_fn fn, void *ctx);

/* The position up to which has been read; pass it to ring_release once those records are durable. */
uint64_t ring_position(const struct ring *r);
void ring_release(struct ring *r, uint64_t position);

/* Bytes that the kernel cannot use again yet: unread, or read and not released. */
uint64_t ring_used(const struct ring *r);

/* True when nothing that was committed is unread. */
bool ring_is_drained(const struct ring *r);

#endif
