/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Labels on their way through sockets. What is sent by a UNIX socket labels its peer. What is sent by one of the internet
 * labels its packets (by their addresses, wire.bpf.h), and these label the socket that they come to on this host. Who
 * receives comes to hold what the socket does, as the call returns: no LSM hook comes after a wait, and one before it would
 * not know what comes.
 */
#ifndef MUNIMENT_SOCKET_BPF_H
#define MUNIMENT_SOCKET_BPF_H

/* By the socket's cookie, which is no other's until the host is started anew, until the socket is destroyed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, u64);
	__type(value, struct socket_label);
} labels_by_socket SEC(".maps");

/* Most sockets have no cookie, as nobody has asked for it. */
static __always_inline struct socket_label *socket__find(struct sock *sk)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;

	return cookie ? bpf_map_lookup_elem(&labels_by_socket, &cookie) : NULL;
}

static __noinline struct socket_label *socket__by_cookie(u64 cookie)
{
	static const struct socket_label none = {};
	struct socket_label *label = bpf_map_lookup_elem(&labels_by_socket, &cookie);

	if (label)
		return label;
	bpf_map_update_elem(&labels_by_socket, &cookie, &none, BPF_NOEXIST);
	label = bpf_map_lookup_elem(&labels_by_socket, &cookie);
	if (!label)
		count(COUNTER_UNLABELLED);
	return label;
}

static __always_inline struct socket_label *socket__label(struct sock *sk)
{
	struct socket_label *label = socket__find(sk);

	return label ? label : socket__by_cookie(bpf_get_socket_cookie(sk));
}

/* Data comes to lie in a socket. 0 or -ENOMEM. */
static __always_inline int socket__fill(struct sock *sk, u64 stores)
{
	struct socket_label *label = socket__label(sk);

	if (!label)
		return -ENOMEM;
	if (stores & ~label->holds)
		__sync_fetch_and_or(&label->holds, stores);
	return 0;
}

/* The current process sends to a UNIX socket. 0 or -ENOMEM. */
static __noinline int socket__give(struct sock *to)
{
	u64 mine = label__of(bpf_get_current_task_btf());
	struct socket_label *label = mine && to ? socket__label(to) : NULL;
	u64 cookie;

	if (!label)
		return mine && to ? -ENOMEM : 0;
	if (!(mine & ~label->holds))
		return 0;
	cookie = to->__sk_common.skc_cookie.counter;
	pass__settle();
	pass__give(&cookie);
	__sync_fetch_and_or(&label->holds, mine);
	return 0;
}

/* The current process sends by a UNIX socket that is connected; one that is not is socket__give's. */
static __always_inline int socket__give_peer(struct sock *sk)
{
	struct unix_sock *mine = bpf_skc_to_unix_sock(sk);

	return mine ? socket__give(mine->peer) : 0;
}

/* It names a UNIX socket to send to. 0 or -EACCES. */
static __always_inline int socket__named(struct socket *to)
{
	return control.labels && socket__give(to->sk) ? -EACCES : 0;
}

/* From a socket that somebody has asked for its cookie. */
static __noinline int socket__receive_known(struct sock *sk, u32 mechanism)
{
	struct socket_label *label = socket__find(sk);
	struct socket *socket;

	if (!label || !label->holds)
		return 0;
	socket = sk->sk_socket;
	return flow__take_by(socket ? socket->file : NULL, label->holds, HOOK_SOCKET_RECVMSG, mechanism,
			     sk->__sk_common.skc_family == AF_UNIX ? PASS_UNIX : PASS_INTERNET,
			     sk->__sk_common.skc_cookie.counter);
}

/* The current process receives, or has received. 0 or -EACCES. */
static __always_inline int socket__receive(struct sock *sk, u32 mechanism)
{
	if (!control.labels || !sk || !sk->__sk_common.skc_cookie.counter)
		return 0;
	return socket__receive_known(sk, mechanism);
}

/* It has received; or its caller ends before it sees that. */
static __always_inline void socket__received(struct sock *sk, long ret)
{
	if (ret > 0 && socket__receive(sk, MECHANISM_TRACING))
		bpf_send_signal(SIGKILL);
}

/* It is about to be spliced into a pipe. */
static __always_inline void socket__splices(struct sock *sk, struct pipe_inode_info *pipe)
{
	struct socket_label *label = control.labels && sk ? socket__find(sk) : NULL;

	if (label && label->holds)
		flow__poured_from(label->holds, pipe);
}

#define SOL_TCP		     6
#define TCP_ZEROCOPY_RECEIVE 35

/* getsockopt may receive, too. */
static __always_inline int socket__option(struct sock *sk, int level, int option, u32 mechanism)
{
	return level == SOL_TCP && option == TCP_ZEROCOPY_RECEIVE ? socket__receive(sk, mechanism) : 0;
}

static __always_inline void socket__gone(struct sock *sk)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;

	if (cookie)
		bpf_map_delete_elem(&labels_by_socket, &cookie);
}

#endif
