/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts into records: a program that the daemon runs each second. What finds no room in the ring stays in its
 * account, so that nothing is lost and no number is given for it.
 */
#ifndef MUNIMENT_TELL_BPF_H
#define MUNIMENT_TELL_BPF_H

struct tell {
	u64 now;
	u64 dirty; /* the word under way */
	u32 word;
	u32 all;
	u32 full; /* the ring is */
	u32 pad;
};

/* A record like the account's last one, with what was counted since. Returns 0 when the ring has no room. */
static __always_inline int tell__record(struct account *slot)
{
	struct record_access *record;
	u32 path_bytes;

	record = bpf_ringbuf_reserve(&records, sizeof(*record) + ACCOUNT_PATH, 0);
	if (!record)
		return 0;
	*record = *(struct record_access *)slot->record;
	path_bytes = record->path_bytes;
	if (path_bytes > ACCOUNT_PATH) { /* user space finds where the last whole name ends */
		path_bytes = ACCOUNT_PATH;
		record->path_bytes = path_bytes;
		record->flags |= RECORD_FLAG_PATH_CUT;
	}
	if (bpf_probe_read_kernel(record->path, ACCOUNT_PATH, slot->path))
		count(COUNTER_READ_FAILED);
	record->flags = (record->flags & ~RECORD_FLAG_SHARED) | RECORD_FLAG_FOLDED;
	record->tally = slot->tally;
	record->first_ns = slot->first_ns;
	emit__header(&record->header, RECORD_ACCESS, sizeof(*record) + path_bytes, emit__number());
	/* What was counted while the sweep was under way began after it. */
	record->header.boot_ns = slot->last_ns < slot->first_ns ? slot->first_ns : slot->last_ns;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 1;
}

static __always_inline bool tell__is_due(struct account *slot, const struct tell *tell)
{
	const struct tally *tally = &slot->tally;
	bool used = slot->used;

	if (used) {
		slot->used = 0;
		if (slot->last_ns < tell->now)
			slot->last_ns = tell->now;
	}
	return tell->all || tell->now - slot->since_ns >= account__interval(&slot->key) ||
	       tally->read + tally->written >= FOLD_BYTES ||
	       (slot->closed && !used && tell->now - slot->last_ns >= FOLD_CLOSED_NS);
}

/* bpf_loop's body: one slot. */
static long tell__slot(u32 bit, struct tell *tell)
{
	u32 index = tell->word << 6 | (bit & 63);
	struct account *slot;

	if (!(tell->dirty >> (bit & 63) & 1))
		return 0;
	slot = account__at(index);
	if (!slot || !account__lock(slot))
		return 0; /* busy: the next time */
	if (slot->dirty && tell__is_due(slot, tell)) {
		if (tell__record(slot)) {
			account__clean(slot, index);
			slot->since_ns = tell->now;
			slot->closed = 0;
		} else {
			tell->full = 1;
		}
	}
	account__unlock(slot);
	return tell->full;
}

/* bpf_loop's body: 64 slots. */
static long tell__word(u32 word, struct tell *tell)
{
	u64 *dirty = bpf_map_lookup_elem(&accounts_dirty, &word);

	if (!dirty || !*dirty)
		return 0;
	tell->dirty = *dirty;
	tell->word = word;
	bpf_loop(64, tell__slot, tell, 0);
	return tell->full;
}

/* Returns 1 when the ring was full. */
SEC("syscall")
int tell__sweep(struct sweep *sweep)
{
	struct tell tell = {.now = bpf_ktime_get_boot_ns(), .all = sweep->all != 0};

	bpf_loop(ACCOUNTS / 64, tell__word, &tell, 0);
	return tell.full;
}

#endif
