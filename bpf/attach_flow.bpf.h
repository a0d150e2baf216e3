/* SPDX-License-Identifier: GPL-2.0 */
/* Shims where data is received, or goes on without a hook of the LSM's: with `lsm` and `fmod_ret`, both. */
#ifndef MUNIMENT_ATTACH_FLOW_BPF_H
#define MUNIMENT_ATTACH_FLOW_BPF_H

/*
 * Programs that note what was received, and what is gone, whose address is soon another's. They decide nothing, and the kernel
 * skips one while another task was preempted within it on that CPU. So where it preempts, each has a twin, which is hardly
 * skipped at the same time (TWINS makes both): what is noted twice is noted once.
 */
#define TWINS(section, name, body, ...)                                                                      \
	SEC(section)                                                                                         \
	int BPF_PROG(name, ##__VA_ARGS__)                                                                    \
	{                                                                                                    \
		body;                                                                                        \
		return 0;                                                                                    \
	}                                                                                                    \
	SEC(section)                                                                                         \
	int BPF_PROG(name##_twin, ##__VA_ARGS__)                                                             \
	{                                                                                                    \
		body;                                                                                        \
		return 0;                                                                                    \
	}

static __always_inline void flow__read(struct kiocb *call, long ret)
{
	if (ret > 0)
		flow__received(call->ki_filp);
}

static __always_inline void flow__read_terminal(struct kiocb *call, long ret)
{
	if (ret > 0)
		flow__received_by_terminal(call->ki_filp);
}

/* Later kernels' name: anon_pipe_read. FIFOs come there, too. */
TWINS("fexit/pipe_read", fexit__pipe_read, flow__read(call, ret), struct kiocb *call, void *to, long ret)
TWINS("fexit/anon_pipe_read", fexit__anon_pipe_read, flow__read(call, ret), struct kiocb *call, void *to,
      long ret)
TWINS("fexit/tty_read", fexit__tty_read, flow__read_terminal(call, ret), struct kiocb *call, void *to,
      long ret)

/* Both sides of a pair at once. */
static __always_inline void flow__terminal_gone(struct tty_struct *tty)
{
	struct tty_struct *other = tty->link;

	flow__gone((u64)tty);
	if (other)
		flow__gone((u64)other);
}

TWINS("fentry/tty_release_struct", fentry__tty_release_struct, flow__terminal_gone(tty),
      struct tty_struct *tty)

SEC("fentry/splice_file_to_pipe")
int BPF_PROG(fentry__splice_file_to_pipe, struct file *in, struct pipe_inode_info *out)
{
	flow__spliced(out);
	return 0;
}

SEC("fexit/pipe_double_lock")
int BPF_PROG(fexit__pipe_double_lock, struct pipe_inode_info *in, struct pipe_inode_info *out)
{
	flow__locked(in, out);
	return 0;
}

/* Before, for what lies in the pipe; and afterwards, for what came while it waited. */
SEC("fentry/do_splice")
int BPF_PROG(fentry__do_splice, struct file *in, void *from, struct file *out)
{
	flow__moved(in, out);
	return 0;
}

SEC("fexit/do_splice")
int BPF_PROG(fexit__do_splice, struct file *in, void *from, struct file *out)
{
	flow__moved(in, out);
	return 0;
}

SEC("fentry/do_tee")
int BPF_PROG(fentry__do_tee, struct file *in, struct file *out)
{
	flow__moved(in, out);
	return 0;
}

SEC("fexit/do_tee")
int BPF_PROG(fexit__do_tee, struct file *in, struct file *out)
{
	flow__moved(in, out);
	return 0;
}

SEC("fentry/__x64_sys_vmsplice")
int BPF_PROG(fentry__vmsplice, const struct pt_regs *regs)
{
	return flow__poured((int)regs->di);
}

SEC("fentry/__ia32_sys_vmsplice")
int BPF_PROG(fentry__vmsplice_compat, const struct pt_regs *regs)
{
	return flow__poured((int)regs->bx);
}

TWINS("fentry/free_pipe_info", fentry__free_pipe_info, flow__gone((u64)pipe), struct pipe_inode_info *pipe)

SEC("fentry/security_msg_msg_free")
int BPF_PROG(fentry__msg_msg_free, struct msg_msg *message)
{
	carrier__open(message);
	return 0;
}

TWINS("fentry/security_key_free", fentry__key_free, flow__gone((u64)key), struct key *key)

SEC("fexit/environ_read")
int BPF_PROG(fexit__environ_read, struct file *file, char *to, unsigned long size, s64 *at, long ret)
{
	if (ret > 0)
		carrier__variables(file);
	return 0;
}

SEC("fentry/security_inet_csk_clone")
int BPF_PROG(fentry__inet_csk_clone, struct sock *sk, const struct request_sock *request)
{
	wire__accepted(sk, request);
	return 0;
}

SEC("fentry/security_inet_conn_established")
int BPF_PROG(fentry__inet_conn_established, struct sock *sk)
{
	wire__established(sk);
	return 0;
}

TWINS("fexit/inet_recvmsg", fexit__inet_recvmsg, socket__received(socket->sk, ret), struct socket *socket,
      struct msghdr *message, unsigned long size, int flags, int ret)
TWINS("fexit/inet6_recvmsg", fexit__inet6_recvmsg, socket__received(socket->sk, ret), struct socket *socket,
      struct msghdr *message, unsigned long size, int flags, int ret)
TWINS("fexit/unix_stream_recvmsg", fexit__unix_stream_recvmsg, socket__received(socket->sk, ret),
      struct socket *socket, struct msghdr *message, unsigned long size, int flags, int ret)
TWINS("fexit/__unix_dgram_recvmsg", fexit__unix_dgram_recvmsg, socket__received(sk, ret), struct sock *sk,
      struct msghdr *message, unsigned long size, int flags, int ret)

SEC("fexit/tcp_splice_read")
int BPF_PROG(fexit__tcp_splice_read, struct socket *socket, void *at, void *pipe, unsigned long size,
	     unsigned int flags, long ret)
{
	socket__received(socket->sk, ret);
	return 0;
}

SEC("fexit/unix_stream_splice_read")
int BPF_PROG(fexit__unix_stream_splice_read, struct socket *socket, void *at, void *pipe, unsigned long size,
	     unsigned int flags, long ret)
{
	socket__received(socket->sk, ret);
	return 0;
}

SEC("fentry/skb_splice_bits")
int BPF_PROG(fentry__skb_splice_bits, void *skb, struct sock *sk, unsigned int offset,
	     struct pipe_inode_info *pipe)
{
	socket__splices(sk, pipe);
	return 0;
}

/* Up to Linux 6.4 (dc97391e6610), sendfile and splice do not pass by security_socket_sendmsg. */
SEC("fentry/inet_sendpage")
int BPF_PROG(fentry__inet_sendpage, struct socket *socket, void *page, int offset, unsigned long size)
{
	egress__send_page(socket, size);
	return 0;
}

SEC("fentry/unix_stream_sendpage")
int BPF_PROG(fentry__unix_stream_sendpage, struct socket *socket, void *page, int offset, unsigned long size)
{
	egress__send_page(socket, size);
	return 0;
}

SEC("fentry/sk_destruct")
int BPF_PROG(fentry__sk_destruct, struct sock *sk)
{
	socket__gone(sk);
	tls__gone(sk);
	return 0;
}

/* Its address as a number, which the verifier lets be calculated with. */
static __always_inline void flow__memory_gone(unsigned long long *ctx)
{
	u64 memory = 0;

	if (!bpf_get_func_arg(ctx, 0, &memory)) {
		label__memory_gone(memory);
		flow__gone(memory);
	}
}

TWINS("fentry/exit_mmap", fentry__exit_mmap, flow__memory_gone(ctx))

#endif
