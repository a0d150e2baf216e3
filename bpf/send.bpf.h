/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is sent, and connections that are asked for, by whatever socket: whose data goes, whether it was decided a moment ago,
 * and what the socket's packets are from then on (wire.bpf.h). egress.bpf.h decides. Every function returns 0 to allow or
 * -EPERM.
 */
#ifndef MUNIMENT_SEND_BPF_H
#define MUNIMENT_SEND_BPF_H

/* What the current process holds, and what it serves. */
struct egress_label {
	u64 held;
	u64 served;
};

static __always_inline struct egress_label egress__label(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_label *label = control.labels ? label__find(task, 0) : NULL;
	struct egress_label is = {};

	if (!label)
		return is;
	is.held = label->stores | label__shared(label);
	is.served = label->serves | label__serves_shared(label);
	return is;
}

/* What must not leave by this socket but by agreement: what the process holds, and what it serves if it is it that asked
 * for the connection, or names the receiver. */
static __always_inline u64 egress__concerned(struct sock *sk, const struct egress_label *label, bool named)
{
	struct socket_label *socket;

	if (!(label->served & ~label->held))
		return label->held;
	socket = named ? NULL : socket__find(sk);
	return named || (socket && socket->active) ? label->held | label->served : label->held;
}

/* Packets are looked at for it from now on, too. */
static __always_inline void egress__watch(u64 wire)
{
	if (wire & ~control.wire)
		__sync_fetch_and_or(&control.wire, wire);
}

/* What goes by the socket from now on, packet by packet: see wire.bpf.h. 0 or -EPERM. */
static __always_inline int egress__mark(struct sock *sk, u64 held, u64 concerned)
{
	struct socket_label *label = socket__label(sk);
	u16 port = sk->__sk_common.skc_num;
	u64 number;

	if (!label)
		return -EPERM;
	if (port)
		control.ports[port_index(port)] = 1;
	else
		egress__watch(sk->sk_type == SOCKET_STREAM ? WIRE_PORTLESS_STREAM : WIRE_PORTLESS);
	control.ports[0] = 1; /* what a packet's receiver knows of its port while he is not connected */
	egress__watch(WIRE_SENT);
	if (held & ~label->sent) {
		pass__settle();
		number = pass_sent(sk->__sk_common.skc_cookie.counter);
		pass__give(&number);
		__sync_fetch_and_or(&label->sent, held);
	}
	if (concerned & ~label->leaves)
		__sync_fetch_and_or(&label->leaves, concerned);
	return 0;
}

/* The kernel itself, which netlink sockets mostly talk to, is no receiver; nor are its ciphers. */
static __always_inline bool egress__is_kernels(struct sock *sk, u32 family, const void *name)
{
	u32 to[3] = {}; /* family, and the port's number and groups, of struct sockaddr_nl */
	struct netlink_sock *netlink = (void *)sk;

	if (family == AF_ALG)
		return true;
	if (family != AF_NETLINK)
		return false;
	if (!name) /* whom it is connected to */
		return !BPF_CORE_READ(netlink, dst_portid) && !BPF_CORE_READ(netlink, dst_group);
	return !bpf_probe_read_kernel(to, sizeof(to), name) && !to[1] && !to[2];
}

static __always_inline u64 egress__mix(u64 hash, u64 word)
{
	return (hash ^ word ^ hash >> 29) * 0x9e3779b97f4a7c15ull;
}

static __always_inline u64 egress__seed(struct socket_label *label)
{
	if (!label->seed)
		label->seed = (u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
	return label->seed;
}

/* What tells one process's sends of what it holds, under one policy, to one receiver, from others. */
static __always_inline u64 egress__summary(struct socket_label *label, const struct actor_answer *actor,
					   u64 held, const struct peer *peer)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const u64 *to = (const u64 *)peer->address;
	u64 hash = egress__mix(egress__seed(label), maps__epoch());

	hash = egress__mix(hash, actor->identity.cred);
	hash = egress__mix(hash, task->group_leader->start_boottime);
	hash = egress__mix(hash, (u64)task->tgid << 32 | peer->port);
	hash = egress__mix(hash, held);
	return egress__mix(egress__mix(hash, to[0]), to[1]) | 1;
}

/* Was such a send allowed, and may it be counted as that one was? Nothing is asked again then. Of one store's data only, as
 * each has an account of its own. */
static __noinline bool egress__is_routine(struct sock *sk, u64 held, const struct peer *peer, u64 bytes,
					  u32 mechanism)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct socket_label *label = socket__find(sk);
	struct actor_answer *actor;
	u64 known, account, until_ns;

	if (!label || !label->sent_known || !account__counts())
		return false;
	actor = bpf_task_storage_get(&answers_by_actor, task, 0, 0);
	if (!actor || !actor__is_current(actor, task, maps__epoch(), mechanism))
		return false;
	known = *(volatile u64 *)&label->sent_known;
	account = *(volatile u64 *)&label->sent_account;
	until_ns = *(volatile u64 *)&label->sent_until_ns;
	return known == egress__summary(label, actor, held, peer) &&
	       known == *(volatile u64 *)&label->sent_known &&
	       (until_ns == ~0ull || bpf_ktime_get_boot_ns() < until_ns) &&
	       (account__add_more(account, true, bytes) ||
		account__add(account, amount(AMOUNT_WRITTEN, bytes)));
}

/* Whoever was allowed to send lends his roles to what still waits in the socket. */
static __always_inline int egress__passed(struct sock *sk, const struct egress *e, u64 held)
{
	struct socket_label *label = socket__find(sk);
	struct actor_answer *actor;

	if (!label)
		return 0;
	for (int i = 0; i < ROLE_WORDS; i++)
		if (e->roles.words[i] & ~label->roles.words[i])
			__sync_fetch_and_or(&label->roles.words[i], e->roles.words[i]);
	if (!e->account || e->dns || e->limits || held & (held - 1) || e->label != held)
		return 0;
	actor = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0, 0);
	if (!actor)
		return 0;
	*(volatile u64 *)&label->sent_known = 0;
	*(volatile u64 *)&label->sent_account = e->account;
	*(volatile u64 *)&label->sent_until_ns = e->until_ns;
	*(volatile u64 *)&label->sent_known = egress__summary(label, actor, held, &e->peer);
	return 0;
}

/*
 * Is it sendmmsg? Of its messages that name one peer, the kernel asks about the first, and sends the rest if that went
 * (____sys_sendmsg): how much that is nobody counts, so that such go nowhere where it matters.
 */
static __noinline bool egress__is_batch(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	u64 call = regs->orig_ax;

	if (task->thread_info.status & TASK_COMPAT) /* or by socketcall */
		return call == 345 || (call == 102 && (u32)regs->bx == 20);
	return call == 307 || call == (538 | 0x40000000);
}

/* By a socket of the internet, or of whatever else is not of this host. message: NULL for pages of a file. */
static __always_inline int egress__send_by(struct sock *sk, struct msghdr *message, u64 bytes, u32 mechanism,
					   const struct egress_label *label)
{
	struct peer peer = {
		.family = sk->__sk_common.skc_family, .type = sk->sk_type, .protocol = sk->sk_protocol};
	bool internet = egress__is_internet(peer.family), named, batch;
	const void *name = message ? message->msg_name : NULL;
	u32 size = message ? message->msg_namelen : 0;
	struct egress *e;
	u64 concerned;
	u32 dns;

	batch = name && egress__is_batch();
	/* A stream that is connected goes where it is connected to, whatever the caller names. */
	if (peer.type == SOCKET_STREAM && sk->__sk_common.skc_state != TCP_CLOSED)
		name = NULL;
	named = internet && egress__peer_named(name, size, &peer);
	if (internet && !named)
		egress__peer_of(sk, &peer);
	if (internet && !label->served && egress__is_routine(sk, label->held, &peer, bytes, mechanism))
		return 0;
	concerned = egress__concerned(sk, label, named);
	if (!concerned || (!internet && egress__is_kernels(sk, peer.family, name)))
		return 0;
	if (internet && egress__mark(sk, label->held, concerned))
		return -EPERM;
	dns = internet ? dns__ask(&peer, bytes) : DNS_NONE;
	if (batch && dns == DNS_LISTED)
		dns = DNS_BEYOND;
	if (internet && egress__is_local(peer.address) && dns <= DNS_LISTED)
		return 0;
	e = egress__new(&peer, HOOK_SOCKET_SENDMSG, mechanism);
	if (!e)
		return -EPERM;
	e->bytes = bytes;
	e->dns = dns;
	e->batch = batch;
	e->cookie = sk->__sk_common.skc_cookie.counter;
	if (internet)
		limits__look(e, sk, message);
	return egress__judge(e, concerned) ? -EPERM : egress__passed(sk, e, label->held);
}

/* The current process sends, and may hold something. Datagrams to UNIX sockets come by unix_may_send, too: see
 * socket__named. */
static __noinline int egress__send_held(struct socket *socket, struct msghdr *message, int bytes,
					u32 mechanism)
{
	struct egress_label label;
	struct sock *sk = socket->sk;
	u32 family;

	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if (family == AF_UNIX && sk->sk_type == SOCKET_DGRAM)
		return 0;
	label = egress__label();
	if (!(label.held | label.served))
		return 0;
	if (family == AF_UNIX)
		return socket__give_peer(sk) ? -EPERM : 0;
	return egress__send_by(sk, message, bytes, mechanism, &label);
}

/* The current process sends. Most hold nothing. */
static __always_inline int egress__send(struct socket *socket, struct msghdr *message, int bytes,
					u32 mechanism)
{
	return label__may_hold() ? egress__send_held(socket, message, bytes, mechanism) : 0;
}

/* By sendfile and splice on Linux 6.1, where no hook can refuse: what must not leave is dropped on its way (wire.bpf.h). */
static __always_inline void egress__send_page(struct socket *socket, u64 bytes)
{
	struct egress_label holds = egress__label();
	struct sock *sk = socket->sk;
	struct socket_label *label;
	int err;

	if (!control.labels || !sk)
		return;
	if (sk->__sk_common.skc_family == AF_UNIX)
		err = socket__give_peer(sk);
	else
		err = egress__send_by(sk, NULL, bytes, MECHANISM_TRACING, &holds);
	if (!err)
		return;
	label = socket__find(sk);
	if (label)
		label->refused = 1;
	bpf_send_signal(SIGKILL);
}

/* To connect to an address of no family is to disconnect. */
static __always_inline bool egress__is_farewell(const void *name)
{
	u16 family = 0;

	return !bpf_probe_read_kernel(&family, sizeof(family), name) && !family;
}

/* The current process asks for a connection. Datagrams are decided as they are sent: to look which way they would go,
 * resolvers connect such sockets. */
static __noinline int egress__connect_by(struct sock *sk, const void *name, u32 size, u32 mechanism)
{
	struct peer peer = {
		.family = sk->__sk_common.skc_family, .type = sk->sk_type, .protocol = sk->sk_protocol};
	struct egress_label label = egress__label();
	u64 concerned = label.held | label.served;
	struct egress *e;

	if (!concerned || peer.type == SOCKET_DGRAM || egress__is_farewell(name) ||
	    !egress__peer_named(name, size, &peer) || egress__is_local(peer.address))
		return 0;
	e = egress__new(&peer, HOOK_SOCKET_CONNECT, mechanism);
	if (!e)
		return -EPERM;
	e->dns = dns__ask(&peer, 0);
	e->shown = SHOWN_OPENING;
	e->cookie = control.wire & WIRE_ANSWERS ? bpf_get_socket_cookie(sk) : 0;
	return egress__judge(e, concerned);
}

/* bpf_loop's body: one endpoint that is a name. */
static long egress__note_name(u32 turn, struct egress_ask *ask)
{
	egress__endpoint(ask, turn);
	return 0;
}

/* Whoever connects to where a name leads by an answer may come to hold data later, when that does not hold any more: the
 * connection was made by then. */
static __noinline int egress__note_answer(struct sock *sk, const void *name, u32 size)
{
	struct peer peer = {
		.family = sk->__sk_common.skc_family, .type = sk->sk_type, .protocol = sk->sk_protocol};
	struct egress_ask ask = {.names = 1};
	u32 slot = epoch_slot(maps__epoch());

	if (peer.type != SOCKET_STREAM || !answered__counts(slot) || !egress__peer_named(name, size, &peer) ||
	    !answered__is_known(peer.address))
		return 0;
	ask.e = egress__new(&peer, HOOK_SOCKET_CONNECT, MECHANISM_INVALID);
	ask.list = bpf_map_lookup_elem(&named_endpoints, &slot);
	if (!ask.e || !ask.list)
		return 0;
	ask.e->slot = slot;
	ask.e->now_ns = bpf_ktime_get_boot_ns();
	ask.e->cookie = bpf_get_socket_cookie(sk);
	bpf_loop(ask.list->n, egress__note_name, &ask, 0);
	return 0;
}

static __always_inline int egress__connect(struct socket *socket, const void *name, int size, u32 mechanism)
{
	struct socket_label *label;
	struct sock *sk;

	if (!control.labels && !(control.wire & WIRE_ANSWERS) &&
	    !(control.slots[epoch_slot(maps__epoch())].flows & FLOW_SERVES))
		return 0;
	sk = socket->sk;
	if (!sk || !egress__is_internet(sk->__sk_common.skc_family))
		return 0;
	if (control.wire & WIRE_ANSWERS)
		egress__note_answer(sk, name, size);
	if (control.slots[epoch_slot(maps__epoch())].flows & FLOW_SERVES) {
		label = socket__label(sk);
		if (label)
			label->active = 1;
		else if (egress__label().served) /* what it sends there could not be told from its answers */
			return -EPERM;
	}
	return control.labels ? egress__connect_by(sk, name, size, mechanism) : 0;
}

#endif
