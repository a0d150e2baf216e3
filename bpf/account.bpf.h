/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts: what one process does with one record, by one decision. The first access is a record at once; those
 * like it, and what is read and written through what they opened, are counted and told by a record per interval,
 * so that the sums add up. Whoever finds no slot, or one that is busy, makes a record of its own.
 *
 * A slot is changed only under its lock, which nobody waits for. All of it is pinned: counts outlive the daemon.
 */
#ifndef MUNIMENT_ACCOUNT_BPF_H
#define MUNIMENT_ACCOUNT_BPF_H

#define ACCOUNT_WAYS  4 /* slots that an account may lie in */
#define ACCOUNT_TRIES 4 /* for a lock */

/* Whose repeats are the same access: all that a record tells, but for the thread. */
struct account_key {
	struct object_id file;
	u64 start_ns; /* of the process */
	u32 exec_id;
	u32 tgid;
	u32 uid;
	u32 login_uid;
	u32 generation;
	u32 target;
	u32 detail;
	u16 operations;
	u16 flags;
	u8 store;
	u8 hook;
	u8 mechanism;
	u8 wanted;
	u8 enforced;
	u8 reason;
	u16 pad;
};
#define ACCOUNT_WORDS (sizeof(struct account_key) / sizeof(u64))

struct account {
	struct account_key key;
	u64 hash; /* 0: free */
	u32 lock;
	u32 serial;   /* raised when another account takes the slot */
	u64 since_ns; /* of the last record about it; 0: there is none yet */
	u64 first_ns; /* what tally counts from */
	u64 last_ns;
	struct tally tally; /* not yet on record */
	u32 dirty;	    /* tally is not empty; then its bit is set in accounts_dirty */
	u32 used;	    /* since the last sweep */
	u32 closed;	    /* a file was, that is counted here */
	u32 pad;
	u64 record[sizeof(struct record_access) / sizeof(u64)]; /* the last one */
	char path[ACCOUNT_PATH];				/* its beginning */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ACCOUNTS);
	__type(key, u32);
	__type(value, struct account);
} accounts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ACCOUNTS / 64);
	__type(key, u32);
	__type(value, u64);
} accounts_dirty SEC(".maps");

/*
 * An account as an access refers to it: serial << 32, its slot + 1, and whether this access is counted there,
 * so that it needs no record. 0: none.
 */
#define ACCOUNT_FOLDED	      (1ull << 31)
#define account_slot(account) (((u32)(account)&0x7fffffff) - 1)

static __always_inline struct account *account__at(u32 index)
{
	return bpf_map_lookup_elem(&accounts, &index);
}

static __always_inline u64 account__refer(const struct account *slot, u32 index)
{
	return (u64)slot->serial << 32 | (index + 1);
}

static __always_inline bool account__lock(struct account *slot)
{
#pragma unroll
	for (int i = 0; i < ACCOUNT_TRIES; i++)
		if (!__sync_val_compare_and_swap(&slot->lock, 0, 1))
			return true;
	return false;
}

static __always_inline void account__unlock(struct account *slot)
{
	__sync_lock_test_and_set(&slot->lock, 0);
}

static __always_inline u64 account__hash(const struct account_key *key)
{
	const u64 *words = (const u64 *)key;
	u64 hash = 0;

#pragma unroll
	for (u32 i = 0; i < ACCOUNT_WORDS; i++)
		hash = (hash ^ words[i] ^ hash >> 29) * 0x9e3779b97f4a7c15ull;
	return hash | 1;
}

static __always_inline bool account__is(const struct account *slot, const struct account_key *key)
{
	const u64 *a = (const u64 *)&slot->key, *b = (const u64 *)key;
	u64 differs = 0;

#pragma unroll
	for (u32 i = 0; i < ACCOUNT_WORDS; i++)
		differs |= a[i] ^ b[i];
	return !differs;
}

static __always_inline void account__mark(struct account *slot, u32 index)
{
	u32 word = index >> 6;
	u64 *dirty;

	slot->used = 1;
	if (slot->dirty)
		return;
	dirty = bpf_map_lookup_elem(&accounts_dirty, &word);
	if (!dirty)
		return;
	slot->dirty = 1;
	slot->first_ns = bpf_ktime_get_boot_ns();
	__sync_fetch_and_or(dirty, 1ull << (index & 63));
}

static __always_inline void account__clean(struct account *slot, u32 index)
{
	u32 word = index >> 6;
	u64 *dirty = bpf_map_lookup_elem(&accounts_dirty, &word);

	slot->tally = (struct tally){};
	slot->dirty = 0;
	if (dirty)
		__sync_fetch_and_and(dirty, ~(1ull << (index & 63)));
}

/* What one use comes to: a kind, and bytes below. */
enum amount { AMOUNT_NONE, AMOUNT_READ, AMOUNT_WRITTEN, AMOUNT_MAPPED, AMOUNT_UNKNOWN };
#define AMOUNT_SHIFT	    56
#define amount(kind, bytes) ((u64)(kind) << AMOUNT_SHIFT | ((bytes) & ((1ull << AMOUNT_SHIFT) - 1)))

static __always_inline void account__count_use(struct tally *tally, u64 amount)
{
	u64 bytes = amount & ((1ull << AMOUNT_SHIFT) - 1);
	u32 kind = amount >> AMOUNT_SHIFT;

	tally->uses += kind != AMOUNT_NONE;
	tally->read += kind == AMOUNT_READ ? bytes : 0;
	tally->written += kind == AMOUNT_WRITTEN ? bytes : 0;
	tally->mapped += kind == AMOUNT_MAPPED ? bytes : 0;
	tally->unmeasured += kind == AMOUNT_UNKNOWN;
}

/* How long repeats of a verdict may be kept back. */
static __always_inline u64 account__interval(const struct account_key *key)
{
	u64 ns = control.fold_ns;

	return key->wanted == VERDICT_DENY && ns > FOLD_DENIED_NS ? FOLD_DENIED_NS : ns;
}

/* Once more what the slot is about: counted, or, an interval later, its next record (and the slot stays locked). */
static __always_inline u64 account__repeat(struct account *slot, u32 index, const struct account_key *key,
					   u64 amount)
{
	u64 now = bpf_ktime_get_boot_ns(), account;

	if (!account__lock(slot))
		return 0;
	if (!account__is(slot, key)) {
		account__unlock(slot);
		return 0;
	}
	account = account__refer(slot, index);
	slot->closed = 0;
	if (!slot->since_ns || now - slot->since_ns >= account__interval(key))
		return account;
	account__mark(slot, index);
	slot->last_ns = now;
	slot->tally.count++;
	account__count_use(&slot->tally, amount);
	account__unlock(slot);
	return account | ACCOUNT_FOLDED;
}

/* A slot with nothing to tell becomes this account's, and stays locked until its first record is made. */
static __always_inline u64 account__take(u32 index, const struct account_key *key, u64 hash)
{
	struct account *slot = account__at(index);

	if (!slot || !account__lock(slot))
		return 0;
	if (slot->dirty) {
		account__unlock(slot);
		return 0;
	}
	slot->key = *key;
	slot->hash = hash;
	slot->serial++;
	slot->since_ns = 0;
	slot->closed = 0;
	slot->last_ns = bpf_ktime_get_boot_ns();
	return account__refer(slot, index);
}

/*
 * The account of an access; with ACCOUNT_FOLDED it is counted, else its slot is locked until the record is made
 * (emit__account) or cannot be (account__give_up). Global, so that it is verified once.
 */
__attribute__((noinline)) u64 account__find(struct account_key *key, u64 amount)
{
	u32 base, index, mine = ACCOUNTS, oldest = ACCOUNTS;
	u64 hash, oldest_ns = ~0ull;
	struct account *slot;

	if (!key)
		return 0;
	hash = account__hash(key);
	base = hash >> 32 & (ACCOUNTS - ACCOUNT_WAYS);
#pragma unroll
	for (u32 way = 0; way < ACCOUNT_WAYS; way++) {
		index = base + way;
		slot = account__at(index);
		if (!slot)
			return 0;
		if (slot->hash == hash)
			mine = index;
		if (!slot->dirty && slot->last_ns < oldest_ns) {
			oldest_ns = slot->last_ns;
			oldest = index;
		}
	}
	if (mine < ACCOUNTS) {
		slot = account__at(mine);
		return slot ? account__repeat(slot, mine, key, amount) : 0;
	}
	return oldest < ACCOUNTS ? account__take(oldest, key, hash) : 0;
}

/* No record could be made. */
static __always_inline void account__give_up(u64 account)
{
	struct account *slot = account ? account__at(account_slot(account)) : NULL;

	if (!slot)
		return;
	if (!slot->since_ns)
		slot->hash = 0;
	account__unlock(slot);
}

/*
 * Counts a use of what the account's accesses opened. Returns 0 when it is another's by now, or busy, or of a policy that
 * is not in force any more: what is used under a new one is decided anew, and its record says so. Global, too.
 */
__attribute__((noinline)) int account__add(u64 account, u64 amount)
{
	u32 index = account_slot(account);
	struct account *slot = account__at(index);
	int mine;

	if (!slot || !account__lock(slot))
		return 0;
	mine = slot->serial == account >> 32 &&
	       slot->key.generation == control.slots[epoch_slot(maps__epoch())].generation;
	if (mine && amount) { /* to list is no use that is measured: nothing to tell */
		account__mark(slot, index);
		account__count_use(&slot->tally, amount);
	}
	account__unlock(slot);
	return mine;
}

/*
 * The same, when it is free and has something to tell already. Inlined, and without the rest of what may be: most reads
 * of records are counted here.
 */
static __always_inline bool account__add_more(u64 account, bool written, u64 bytes)
{
	struct account *slot = account__at(account_slot(account));
	bool mine;

	if (!slot || __sync_val_compare_and_swap(&slot->lock, 0, 1))
		return false;
	mine = slot->serial == account >> 32 && slot->dirty;
	if (mine) {
		slot->used = 1;
		slot->tally.uses++;
		if (written)
			slot->tally.written += bytes;
		else
			slot->tally.read += bytes;
	}
	account__unlock(slot);
	return mine;
}

/* A file is closed whose uses are counted there. */
static __noinline int account__close(u64 account)
{
	struct account *slot = account__at(account_slot(account));

	if (!slot || !account__lock(slot))
		return 0;
	if (slot->serial == account >> 32)
		slot->closed = 1;
	account__unlock(slot);
	return 0;
}

/* Are uses to be counted, and here? While two loads speak, both see each use: the newer counts. Repeats are records of
 * their own then. */
static __always_inline bool account__counts(void)
{
	return control.fold_ns && instance == control.instance;
}

static __always_inline bool account__is_foldable(const struct access *access)
{
	return control.fold_ns && control.oldest == control.instance && access->place.store != STORE_CANARY &&
	       !(access->flags & RECORD_FLAG_NEW_NAME) && access->hook != HOOK_INODE_LINK &&
	       access->hook != HOOK_INODE_RENAME;
}

/* The key of a judged access, but for what it is about. */
static __always_inline struct account_key account__key(const struct access *access)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct account_key key = {
		.start_ns = task->group_leader->start_boottime,
		.exec_id = task->self_exec_id,
		.tgid = task->tgid,
		.uid = task->real_cred->euid.val,
		.login_uid = actor__login_uid(task),
		.generation = control.slots[access->slot & 1].generation,
		.target = access->target,
		.detail = access->detail,
		.operations = access->operations,
		.flags = access->flags,
		.store = access->place.store,
		.hook = access->hook,
		.mechanism = access->mechanism,
		.wanted = access->wanted,
		.enforced = access->enforced,
		.reason = access->reason,
	};

	return key;
}

/* Finds the account of a judged access: see account__find. Without an inode, place.root_ino tells what it is about. */
static __noinline int account__fold(struct inode *inode, struct access *access)
{
	struct account_key key = account__key(access);

	if (inode)
		object__id(inode, &key.file);
	else
		key.file.ino = access->place.root_ino;
	access->account = account__find(&key, access->amount);
	return 0;
}

/* The same about data on its way to a peer. */
static __noinline int account__fold_sent(const struct peer *peer, struct access *access)
{
	struct account_key key = account__key(access);

	_Static_assert(sizeof(key.file) == sizeof(peer->address),
		       "an address fits where a file's numbers do");
	__builtin_memcpy(&key.file, peer->address, sizeof(key.file));
	key.target = (u32)peer->protocol << 16 | peer->port;
	key.pad = peer->family;
	access->account = account__find(&key, access->amount);
	return 0;
}

#endif
