// SPDX-License-Identifier: Apache-2.0
/*
 * The table of programs {operation, mechanism, program, can prevent} and the one loop that walks it: to
 * choose what is loaded, to attach, and to tell which mechanism serves which operation.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"

struct table_row {
	const char *operation; /* NULL: serves no operation itself, but answers go stale without it */
	unsigned mechanisms;   /* mask of 1 << enum mechanism, and NET */
	unsigned flags;
	size_t program; /* offset of the bpf_program pointer in the skeleton */
};

#define PROGRAM(name) offsetof(struct muniment_bpf, progs.name)
#define BY(mechanism) (1u << MECHANISM_##mechanism)
#define NET	      (1u << MECHANISM_END) /* with FMOD_RET, if the kernel takes it: see used__decided */

#define PREVENTS     0x1
#define NETTED	     0x2  /* what the kernel skips of it is seen by the net, if there is one */
#define CHECKED	     0x4  /* what it tells is checked at each use, too: skipping it does no harm */
#define SINCE_LATER  0x8  /* not every kernel has the hook; those without ask another of ours */
#define BESIDE	     0x10 /* a program of the root cgroup, beside the mechanism */
#define PRIVILEGED   0x20 /* takes more to attach than the daemon keeps: CAP_NET_ADMIN */
#define LABELS	     0x40 /* only labels, and decides nothing */
#define TWIN	     0x80 /* of the row before, where the kernel preempts: see TWINS in attach_flow.bpf.h */
#define ARGUMENTS(n) ((n) << 8) /* which the kernel's hook must have; other shapes have other programs */

/* Programs of the LSM type are never skipped: their missed runs are always 0. */
static const struct table_row table[] = {
	{"open", BY(LSM), PREVENTS, PROGRAM(lsm__file_open)},
	{"read and write", BY(LSM), PREVENTS, PROGRAM(lsm__file_permission)},
	{"link", BY(LSM), PREVENTS, PROGRAM(lsm__inode_link)},
	{"rename", BY(LSM), PREVENTS, PROGRAM(lsm__inode_rename)},
	{"create", BY(LSM), PREVENTS, PROGRAM(lsm__inode_create)},
	{"mkdir", BY(LSM), PREVENTS, PROGRAM(lsm__inode_mkdir)},
	{"mknod", BY(LSM), PREVENTS, PROGRAM(lsm__inode_mknod)},
	{"symlink", BY(LSM), PREVENTS, PROGRAM(lsm__inode_symlink)},
	{"unlink", BY(LSM), PREVENTS, PROGRAM(lsm__inode_unlink)},
	{"rmdir", BY(LSM), PREVENTS, PROGRAM(lsm__inode_rmdir)},
	{"attributes and size", BY(LSM), PREVENTS | ARGUMENTS(2), PROGRAM(lsm__inode_setattr_old)},
	{"attributes and size", BY(LSM), PREVENTS | ARGUMENTS(3), PROGRAM(lsm__inode_setattr)},
	{"set xattr", BY(LSM), PREVENTS, PROGRAM(lsm__inode_setxattr)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__inode_setxattr_copy)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__inode_getxattr)},
	{"remove xattr", BY(LSM), PREVENTS, PROGRAM(lsm__inode_removexattr)},
	{"set ACL", BY(LSM), PREVENTS | SINCE_LATER, PROGRAM(lsm__inode_set_acl)},
	{"remove ACL", BY(LSM), PREVENTS | SINCE_LATER, PROGRAM(lsm__inode_remove_acl)},
	{"mmap", BY(LSM), PREVENTS, PROGRAM(lsm__mmap_file)},
	{"mprotect", BY(LSM), PREVENTS, PROGRAM(lsm__file_mprotect)},
	{"ioctl", BY(LSM), PREVENTS, PROGRAM(lsm__file_ioctl)},
	{"ioctl by 32-bit programs", BY(LSM), PREVENTS | SINCE_LATER, PROGRAM(lsm__file_ioctl_compat)},
	{"ptrace and memory of others", BY(LSM), PREVENTS, PROGRAM(lsm__ptrace_access_check)},
	{"being traced", BY(LSM), PREVENTS, PROGRAM(lsm__ptrace_traceme)},
	{"core dump", BY(LSM), PREVENTS, PROGRAM(lsm__cred_prepare)},
	{"send", BY(LSM), PREVENTS, PROGRAM(lsm__socket_sendmsg)},
	{"connect", BY(LSM), PREVENTS, PROGRAM(lsm__socket_connect)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__socket_getsockopt)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__unix_may_send)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__inet_csk_clone)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__inet_conn_established)},
	{"messages of queues", BY(LSM), PREVENTS | SINCE_LATER, PROGRAM(lsm__msg_msg_alloc)},
	{NULL, BY(LSM), SINCE_LATER, PROGRAM(lsm__msg_msg_free)},
	{NULL, BY(LSM), SINCE_LATER, PROGRAM(lsm__msg_queue_msgrcv)},
	{NULL, BY(LSM), SINCE_LATER, PROGRAM(lsm__key_alloc)},
	{"keys", BY(LSM), PREVENTS | SINCE_LATER, PROGRAM(lsm__key_permission)},
	{"signals to the monitor", BY(LSM), PREVENTS, PROGRAM(lsm__task_kill)},
	{"signals by descriptor", BY(LSM), PREVENTS, PROGRAM(lsm__file_send_sigiotask)},
	{"priority of the monitor", BY(LSM), PREVENTS, PROGRAM(lsm__task_setnice)},
	{"scheduling of the monitor", BY(LSM), PREVENTS, PROGRAM(lsm__task_setscheduler)},
	{"limits of the monitor", BY(LSM), PREVENTS, PROGRAM(lsm__task_setrlimit)},
	{"bpf", BY(LSM), PREVENTS | ARGUMENTS(3), PROGRAM(lsm__bpf_old)},
	{"bpf", BY(LSM), PREVENTS | ARGUMENTS(4), PROGRAM(lsm__bpf)},
	{"BPF maps of the monitor", BY(LSM), PREVENTS, PROGRAM(lsm__bpf_map)},
	{"BPF programs of the monitor", BY(LSM), PREVENTS, PROGRAM(lsm__bpf_prog)},
	{"unmount of the pins", BY(LSM), PREVENTS, PROGRAM(lsm__sb_umount)},
	{"mount over a name", BY(LSM), PREVENTS, PROGRAM(lsm__sb_mount)},
	{"move of a mount", BY(LSM), PREVENTS, PROGRAM(lsm__move_mount)},
	{"modules and kexec", BY(LSM), PREVENTS, PROGRAM(lsm__kernel_read_file)},
	{"modules and kexec from memory", BY(LSM), PREVENTS, PROGRAM(lsm__kernel_load_data)},
	{"the kernel's memory", BY(LSM), PREVENTS, PROGRAM(lsm__locked_down)},
	{"open", BY(FMOD_RET), PREVENTS | NETTED, PROGRAM(fmod_ret__file_open)},
	{"read and write", BY(FMOD_RET), PREVENTS | NETTED, PROGRAM(fmod_ret__file_permission)},
	{"link", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_link)},
	{"rename", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_rename)},
	{"create", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_create)},
	{"mkdir", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_mkdir)},
	{"mknod", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_mknod)},
	{"symlink", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_symlink)},
	{"unlink", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_unlink)},
	{"rmdir", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_rmdir)},
	{"attributes and size", BY(FMOD_RET), PREVENTS | ARGUMENTS(3), PROGRAM(fmod_ret__inode_setattr)},
	{"set xattr", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_setxattr)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fmod_ret__inode_setxattr_copy)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fmod_ret__inode_getxattr)},
	{"remove xattr", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__inode_removexattr)},
	{"set ACL", BY(FMOD_RET), PREVENTS | SINCE_LATER, PROGRAM(fmod_ret__inode_set_acl)},
	{"remove ACL", BY(FMOD_RET), PREVENTS | SINCE_LATER, PROGRAM(fmod_ret__inode_remove_acl)},
	{"mmap", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__mmap_file)},
	{"mprotect", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__file_mprotect)},
	{"ioctl", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__file_ioctl)},
	{"ioctl by 32-bit programs", BY(FMOD_RET), PREVENTS | SINCE_LATER,
	 PROGRAM(fmod_ret__file_ioctl_compat)},
	{"ptrace and memory of others", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__ptrace_access_check)},
	{"being traced", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__ptrace_traceme)},
	{"core dump", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__prepare_creds)},
	{"send", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__socket_sendmsg)},
	{"connect", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__socket_connect)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fmod_ret__socket_getsockopt)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fmod_ret__unix_may_send)},
	{NULL, BY(FMOD_RET), LABELS, PROGRAM(fentry__inet_csk_clone)},
	{NULL, BY(FMOD_RET), CHECKED, PROGRAM(fentry__inet_conn_established)},
	{"messages of queues", BY(FMOD_RET), PREVENTS | SINCE_LATER, PROGRAM(fmod_ret__msg_msg_alloc)},
	{NULL, BY(FMOD_RET), SINCE_LATER, PROGRAM(fmod_ret__msg_queue_msgrcv)},
	{NULL, BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fentry__msg_msg_free)},
	{NULL, BY(FMOD_RET), SINCE_LATER, PROGRAM(fmod_ret__key_alloc)},
	{"keys", BY(FMOD_RET), PREVENTS | SINCE_LATER, PROGRAM(fmod_ret__key_permission)},
	{"signals to the monitor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__task_kill)},
	{"signals by descriptor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__file_send_sigiotask)},
	{"priority of the monitor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__task_setnice)},
	{"scheduling of the monitor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__task_setscheduler)},
	{"limits of the monitor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__task_setrlimit)},
	{"bpf", BY(FMOD_RET), PREVENTS | ARGUMENTS(3), PROGRAM(fmod_ret__bpf_old)},
	{"bpf", BY(FMOD_RET), PREVENTS | ARGUMENTS(4), PROGRAM(fmod_ret__bpf)},
	{"BPF maps of the monitor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__bpf_map)},
	{"BPF programs of the monitor", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__bpf_prog)},
	{"unmount of the pins", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__sb_umount)},
	{"mount over a name", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__sb_mount)},
	{"move of a mount", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__move_mount)},
	{"modules and kexec", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__kernel_read_file)},
	{"modules and kexec from memory", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__kernel_load_data)},
	{"the kernel's memory", BY(FMOD_RET), PREVENTS, PROGRAM(fmod_ret__locked_down)},
	{"kernel settings", BY(LSM) | BY(FMOD_RET) | BY(TRACING), PREVENTS | BESIDE, PROGRAM(cgroup__sysctl)},
	{"packets", BY(LSM) | BY(FMOD_RET), PREVENTS | BESIDE | PRIVILEGED, PROGRAM(cgroup__egress)},
	{NULL, BY(LSM) | BY(FMOD_RET), BESIDE | PRIVILEGED, PROGRAM(cgroup__ingress)},
	{"connect", BY(TRACING), PREVENTS | BESIDE | PRIVILEGED, PROGRAM(cgroup__connect4)},
	{NULL, BY(TRACING), BESIDE | PRIVILEGED, PROGRAM(cgroup__connect6)},
	{"datagrams", BY(TRACING), PREVENTS | BESIDE | PRIVILEGED, PROGRAM(cgroup__sendmsg4)},
	{NULL, BY(TRACING), BESIDE | PRIVILEGED, PROGRAM(cgroup__sendmsg6)},
	{NULL, BY(LSM) | BY(FMOD_RET) | BY(TRACING), CHECKED, PROGRAM(tracing__cgroup_attach_task)},
	{NULL, BY(LSM) | BY(FMOD_RET) | BY(TRACING), LABELS, PROGRAM(tracing__process_fork)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS | TWIN, PROGRAM(tracing__process_fork_twin)},
	{"open", BY(TRACING), 0, PROGRAM(tracing__sys_exit)},
	{"io_uring", BY(TRACING), 0, PROGRAM(tracing__io_uring_complete)},
	{NULL, NET, 0, PROGRAM(net__sys_exit)},
	{NULL, NET, 0, PROGRAM(net__io_uring_complete)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED, PROGRAM(fentry__commit_creds)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__bprm_creds_for_exec)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__task_prctl)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__sb_kern_mount)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__inode_free_security)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__task_alloc)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__bprm_check_security)},
	{NULL, BY(LSM), 0, PROGRAM(lsm__bprm_committed_creds)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fentry__task_prctl)},
	{NULL, BY(FMOD_RET), CHECKED, PROGRAM(fentry__inode_free)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fmod_ret__task_alloc)},
	{NULL, BY(FMOD_RET), 0, PROGRAM(fmod_ret__bprm_check)},
	{NULL, BY(FMOD_RET), CHECKED, PROGRAM(fentry__bprm_committed_creds)},
	{NULL, BY(LSM) | BY(FMOD_RET), 0, PROGRAM(fexit__vfs_rename)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED, PROGRAM(fentry__exit_mmap)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED | TWIN, PROGRAM(fentry__exit_mmap_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fexit__pipe_read)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS | TWIN, PROGRAM(fexit__pipe_read_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fexit__anon_pipe_read)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS | TWIN, PROGRAM(fexit__anon_pipe_read_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__tty_read)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS | TWIN, PROGRAM(fexit__tty_read_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED, PROGRAM(fentry__tty_release_struct)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED | TWIN, PROGRAM(fentry__tty_release_struct_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | CHECKED, PROGRAM(fentry__key_free)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | CHECKED | TWIN, PROGRAM(fentry__key_free_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__environ_read)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__inet_recvmsg)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS | TWIN, PROGRAM(fexit__inet_recvmsg_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__inet6_recvmsg)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS | TWIN, PROGRAM(fexit__inet6_recvmsg_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__unix_stream_recvmsg)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS | TWIN, PROGRAM(fexit__unix_stream_recvmsg_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__unix_dgram_recvmsg)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS | TWIN, PROGRAM(fexit__unix_dgram_recvmsg_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__tcp_splice_read)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__unix_stream_splice_read)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fentry__skb_splice_bits)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fentry__inet_sendpage)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fentry__unix_stream_sendpage)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED, PROGRAM(fentry__sk_destruct)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fentry__splice_file_to_pipe)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__pipe_double_lock)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fentry__do_splice)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__do_splice)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fentry__do_tee)},
	{NULL, BY(LSM) | BY(FMOD_RET), LABELS, PROGRAM(fexit__do_tee)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fentry__vmsplice)},
	{NULL, BY(LSM) | BY(FMOD_RET), SINCE_LATER | LABELS, PROGRAM(fentry__vmsplice_compat)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED, PROGRAM(fentry__free_pipe_info)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED | TWIN, PROGRAM(fentry__free_pipe_info_twin)},
	{NULL, BY(LSM) | BY(FMOD_RET), CHECKED, PROGRAM(fentry__close)},
};

#define N_ROWS (sizeof(table) / sizeof(table[0]))

_Static_assert(N_ROWS <= KERNEL_LINKS_MAX, "room for a link of each row");

/* What `tracing` serves with a program that has a row already, and what no program of it serves, and why. */
static const struct {
	const char *operation;
	const char *program;
	const char *why;
} tracing_rest[] = {
	{"read and write", "tracing__sys_exit", NULL},
	{"link", NULL, "no tracepoint has the inode"},
	{"rename", NULL, "no tracepoint has the inode"},
	{"create", NULL, "no tracepoint has the inode"},
	{"mkdir", NULL, "no tracepoint has the inode"},
	{"mknod", NULL, "no tracepoint has the inode"},
	{"symlink", NULL, "no tracepoint has the inode"},
	{"unlink", NULL, "no tracepoint has the inode"},
	{"rmdir", NULL, "no tracepoint has the inode"},
	{"attributes and size", NULL, "no tracepoint has the inode"},
	{"set xattr", NULL, "no tracepoint has the inode"},
	{"remove xattr", NULL, "no tracepoint has the inode"},
	{"mmap", "tracing__sys_exit", NULL},
	{"mprotect", NULL, "no tracepoint has the file"},
	{"ioctl", NULL, "its arguments are in the caller's memory, where they may change"},
	{"ptrace and memory of others", NULL, "no tracepoint has the process"},
	{"being traced", NULL, "no tracepoint has the process"},
	{"core dump", NULL, "no tracepoint comes before it"},
	{"messages of queues", NULL, "no tracepoint has the message"},
	{"keys", NULL, "no tracepoint has the key"},
	{"signals to the monitor", NULL, "no tracepoint comes before them"},
	{"bpf", NULL, "its arguments are in the caller's memory, where they may change"},
	{"mount over a name", NULL, "no tracepoint has the inode"},
	{"modules and kexec", NULL, "no tracepoint comes before them"},
	{"send", NULL, "no tracepoint has the socket: what is sent by a connection from before is not seen"},
	{"receive", NULL, "no tracepoint has the socket"},
};

static struct bpf_program *program_of(const struct muniment_bpf *skel, const struct table_row *row)
{
	return *(struct bpf_program *const *)(const void *)((const char *)skel + row->program);
}

static unsigned rows_of(enum mechanism mechanism, bool net)
{
	return 1u << mechanism | (net ? NET : 0);
}

/* Does this kernel have the row's hook, in the shape that its program is written for? */
static bool has_hook(const struct btf *kernel, const struct bpf_program *program, const struct table_row *row)
{
	const char *section = bpf_program__section_name(program), *hook = strchr(section, '/') + 1;
	const unsigned arguments = row->flags / ARGUMENTS(1);
	const struct btf_type *type;
	char name[64];
	int id;

	if (!(row->flags & SINCE_LATER) && !arguments)
		return true; /* all kernels that we know have it */
	snprintf(name, sizeof(name), "%s%s", strncmp(section, "lsm/", 4) ? "" : "bpf_lsm_", hook);
	id = btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC);
	type = id > 0 ? btf__type_by_id(kernel, (__u32)id) : NULL;
	type = type ? btf__type_by_id(kernel, type->type) : NULL;
	return type && (!arguments || btf_vlen(type) == arguments);
}

static bool is_cgroup(const char *cgroup)
{
	struct statfs fs;

	return !statfs(cgroup, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* May a task be preempted within a program of ours? On x86, Linux 7.0 knows no other way (7dadeaa6e851); before, it is asked to
 * at its start. */
static bool preempts_programs(void)
{
	char line[4096] = "";
	struct utsname name;
	FILE *f;

	if (!uname(&name) && strtol(name.release, NULL, 10) >= 7)
		return true;
	f = fopen("/proc/cmdline", "re");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	return strstr(line, "preempt=full") || strstr(line, "preempt=lazy");
}

void kernel_select(struct muniment_bpf *skel, enum mechanism mechanism, bool net, const struct btf *kernel,
		   const char *cgroup)
{
	const bool preempts = preempts_programs();

	for (size_t i = 0; i < N_ROWS; i++) {
		struct bpf_program *program = program_of(skel, &table[i]);

		bpf_program__set_autoload(program, table[i].mechanisms & rows_of(mechanism, net) &&
							   has_hook(kernel, program, &table[i]) &&
							   (!(table[i].flags & TWIN) || preempts) &&
							   (!(table[i].flags & BESIDE) || is_cgroup(cgroup)));
	}
	/* Linux 6.1 writes past the inode's security blob where bpf is no active LSM. */
	bpf_map__set_autocreate(skel->maps.answers_by_inode, mechanism == MECHANISM_LSM);
}

/* bpffs takes no dots; the instance tells our links from those of the daemon before. */
static int link_path(const struct kernel *k, const char *program, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/link-%u-%s", k->pin_dir, k->instance, program);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* By default at the root of all cgroups: what every task does passes there. */
static struct bpf_link *attach_cgroup(const struct bpf_program *program, const char *cgroup)
{
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_link *link = fd < 0 ? NULL : bpf_program__attach_cgroup(program, fd);
	int err = errno;

	if (fd >= 0)
		close(fd);
	errno = err;
	return link;
}

static int attach_row(struct kernel *k, const struct table_row *row)
{
	struct bpf_program *program = program_of(k->skel, row);
	char path[PATH_MAX];
	struct bpf_link *link = row->flags & BESIDE ? attach_cgroup(program, k->options.cgroup)
						    : bpf_program__attach(program);
	int err;

	if (!link) {
		err = -errno;
		log_error("cannot attach %s: %s", bpf_program__name(program), strerror(-err));
		return err;
	}
	k->links[k->n_links++] = link;
	own_name_link(k, link);
	if (!k->options.pin_links)
		return 0;
	err = link_path(k, bpf_program__name(program), path, sizeof(path));
	if (!err)
		err = bpf_link__pin(link, path);
	if (err)
		log_error("cannot pin %s at %s: %s", bpf_program__name(program), path, strerror(-err));
	return err;
}

static void serve(struct kernel *k, enum mechanism mechanism, const char *operation, const char *program,
		  bool can_prevent, const char *net, const char *why)
{
	struct kernel_serving *s = &k->serving[k->n_serving++];

	s->operation = operation;
	s->mechanism = program ? mechanism : MECHANISM_INVALID;
	s->program = program;
	s->can_prevent = can_prevent;
	s->net = net;
	snprintf(s->why_not_stronger, sizeof(s->why_not_stronger), "%s", why);
}

/* Why the mechanisms before the chosen one are not served, in one line. */
static void why_not_stronger(const struct kernel *k, char *why, size_t size)
{
	static const char *const names[] = {"", "lsm", "fmod_ret", "tracing"};
	size_t n = 0;

	why[0] = '\0';
	for (unsigned m = MECHANISM_LSM;
	     m < (unsigned)k->mechanism && m < sizeof(names) / sizeof(names[0]) && n < size; m++)
		n += (size_t)snprintf(why + n, size - n, "%s%s: %s", n ? "; " : "", names[m], k->why_not[m]);
}

/* Removes pinned links of other instances: their programs have fallen silent. */
static void drop_old_links(struct kernel *k)
{
	char mine[32], path[PATH_MAX];
	DIR *dir = opendir(k->pin_dir);
	struct dirent *entry;

	if (!dir)
		return;
	snprintf(mine, sizeof(mine), "link-%u-", k->instance);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "link-", 5) || !strncmp(entry->d_name, mine, strlen(mine)))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", k->pin_dir, entry->d_name) >= (int)sizeof(path))
			continue;
		if (unlink(path))
			log_warn("cannot remove the earlier daemon's %s: %s", path, strerror(errno));
	}
	closedir(dir);
}

/* Ours speak from now on; those of an earlier daemon too until whatever ran has ended. What happens in
 * between is recorded by both, and pipeline/twice.h tells the second record. */
static void take_over(struct kernel *k)
{
	struct control *control = &k->skel->data_control->control;

	__atomic_store_n(&control->instance, k->instance, __ATOMIC_SEQ_CST);
	/* What ours found out while they were silent, they did not keep up to date. */
	__atomic_add_fetch(&control->epoch, EPOCH_STEP, __ATOMIC_SEQ_CST);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		log_debug("membarrier: %s", strerror(errno));
	__atomic_store_n(&control->oldest, k->instance, __ATOMIC_SEQ_CST);
}

static int attach_rows(struct kernel *k, unsigned rows, unsigned privileged)
{
	int err = 0;

	for (size_t i = 0; i < N_ROWS && !err; i++)
		if (table[i].mechanisms & rows && (table[i].flags & PRIVILEGED) == privileged &&
		    bpf_program__autoload(program_of(k->skel, &table[i])))
			err = attach_row(k, &table[i]);
	return err;
}

int kernel_attach_privileged(struct kernel *k)
{
	if (k->net && attach_rows(k, NET, 0)) {
		log_warn("accesses that this kernel lets pass while it preempts a program will be counted, "
			 "not "
			 "stopped");
		k->net = false;
	}
	return attach_rows(k, 1u << k->mechanism, PRIVILEGED);
}

int kernel_attach(struct kernel *k)
{
	int err = attach_rows(k, 1u << k->mechanism, 0);

	if (err)
		return err;
	take_over(k);
	drop_old_links(k);
	return 0;
}

void kernel_tell_serving(struct kernel *k)
{
	char why[160];

	why_not_stronger(k, why, sizeof(why));
	k->n_serving = 0;
	for (size_t i = 0; i < N_ROWS; i++)
		if (table[i].operation && table[i].mechanisms & 1u << k->mechanism &&
		    bpf_program__autoload(program_of(k->skel, &table[i])))
			serve(k, table[i].flags & BESIDE ? MECHANISM_CGROUP : k->mechanism,
			      table[i].operation, bpf_program__name(program_of(k->skel, &table[i])),
			      table[i].flags & PREVENTS,
			      k->net && table[i].flags & NETTED ? "net__sys_exit" : NULL, why);
	for (size_t i = 0;
	     k->mechanism == MECHANISM_TRACING && i < sizeof(tracing_rest) / sizeof(tracing_rest[0]); i++)
		serve(k, k->mechanism, tracing_rest[i].operation, tracing_rest[i].program, false, NULL,
		      tracing_rest[i].why ? tracing_rest[i].why : why);
}

bool kernel_can_prevent(const struct kernel *k)
{
	for (unsigned i = 0; i < k->n_serving; i++)
		if (!k->serving[i].can_prevent)
			return false;
	return k->n_serving > 0;
}

const struct kernel_serving *kernel_serving(const struct kernel *k, unsigned *ret_n)
{
	*ret_n = k->n_serving;
	return k->serving;
}

static uint64_t misses_of(const struct kernel *k, const struct table_row *row)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program_of(k->skel, row)), &info, &size))
		return 0;
	return info.recursion_misses;
}

/* Times the kernel skipped a program of ours, because another task was preempted within it, and nothing makes
 * up for that; *ret_labels: of these, programs that only label. Of one with a twin, how often both can have been. */
uint64_t kernel_missed_runs(const struct kernel *k, uint64_t *ret_labels)
{
	uint64_t missed = 0;

	*ret_labels = 0;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct table_row *row = &table[i], *twin = row + 1;
		uint64_t here, there;

		if (!bpf_program__autoload(program_of(k->skel, row)) || row->flags & (CHECKED | TWIN) ||
		    (k->net && row->flags & NETTED))
			continue;
		here = misses_of(k, row);
		if (i + 1 < N_ROWS && twin->flags & TWIN &&
		    bpf_program__autoload(program_of(k->skel, twin))) {
			there = misses_of(k, twin);
			here = here < there ? here : there;
		}
		missed += here;
		*ret_labels += row->flags & LABELS ? here : 0;
	}
	return missed;
}
