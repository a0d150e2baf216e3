// SPDX-License-Identifier: Apache-2.0
/* Checking and reading ring records: see decode.h. */
#include "pipeline/decode.h"

#include <string.h>
#include <sys/socket.h>

#define OPERATIONS_ALL ((1u << OPERATION_END) - 2)
#define CONTROL	       OPERATION_BIT(OPERATION_CONTROL)
#define SEND	       OPERATION_BIT(OPERATION_SEND)
#define COPY	       OPERATION_BIT(OPERATION_COPY)
#define PATH_BYTES_MAX (PATH_LARGE + PATH_NAME)

/* Names of files have no '/'. A server's name in TLS, which whoever sends chose, may have anything but NUL. */
static enum decode_error check_path(struct record_view *v, const char *path, size_t room)
{
	bool file = v->header.kind != RECORD_ACCESS || v->access.operations != SEND;
	unsigned names = 0;
	char before = '\0';

	if (v->path_bytes > room || v->path_bytes > PATH_BYTES_MAX)
		return DECODE_PATH;
	for (unsigned i = 0; i < v->path_bytes; i++) {
		char c = path[i];

		if ((c == '/' && file) || (c == '\0' && before == '\0'))
			return DECODE_PATH;
		names += c == '\0';
		before = c;
	}
	if (before != '\0' || names != v->path_count)
		return DECODE_PATH;
	v->path = path;
	return DECODE_OK;
}

bool decode_peer_is_v4(const struct peer *peer)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(peer->address, mapped, sizeof(mapped)) == 0;
}

/* Only addresses of the internet are told; what sends must say whereto. */
static bool peer_fits(const struct record_access *a)
{
	static const __u8 none[sizeof(a->peer.address)];

	switch (a->peer.family) {
	case AF_INET:
		return decode_peer_is_v4(&a->peer);
	case AF_INET6:
		return true;
	default:
		return (a->peer.family || a->operations != SEND) &&
		       memcmp(a->peer.address, none, sizeof(none)) == 0;
	}
}

static bool agreement_fits(const struct record_access *a)
{
	if (a->reason == REASON_RESOLVER)
		return a->detail == AGREEMENT_RESOLVER;
	return a->detail <= AGREEMENTS_MAX;
}

static enum decode_error check_peer(const struct record_access *a)
{
	bool sends = a->hook == HOOK_SOCKET_CONNECT || a->hook == HOOK_SOCKET_SENDMSG;

	if (sends != (a->operations == SEND))
		return DECODE_HOOK;
	if (a->operations == SEND && !agreement_fits(a))
		return DECODE_AGREEMENT;
	return peer_fits(a) ? DECODE_OK : DECODE_PEER;
}

/* Granted ones in any mixture, or one of the others alone. */
static bool operations_fit(unsigned operations)
{
	return operations == CONTROL || operations == SEND || operations == COPY ||
	       (operations && !(operations & ~OPERATIONS_ALL));
}

/* A copy is written by a descriptor, a mapping, an ioctl or as an attribute: that it is opened makes none. */
static bool copy_fits(const struct record_access *a)
{
	return a->operations != COPY || a->hook == HOOK_FILE_PERMISSION || a->hook == HOOK_MMAP_FILE ||
	       a->hook == HOOK_FILE_MPROTECT || a->hook == HOOK_FILE_IOCTL || a->hook == HOOK_INODE_SETXATTR;
}

/* A mapping from before is a copy, and nobody could deny it. */
static bool mapping_fits(const struct record_access *a)
{
	return !(a->flags & RECORD_FLAG_MAPPED) ||
	       (a->operations == COPY && a->hook == HOOK_MMAP_FILE && a->enforced == ENFORCED_ALLOWED);
}

static enum decode_error check_copy(const struct record_access *a)
{
	if (a->operations != COPY)
		return DECODE_OK;
	if (copy_detail_sink(a->detail) > SINKS_MAX)
		return DECODE_SINK;
	return copy_detail_media(a->detail) & ~MEDIA_ALL ? DECODE_MEDIUM : DECODE_OK;
}

static enum decode_error check_access(const struct record_access *a)
{
	if (!operations_fit(a->operations))
		return DECODE_OPERATIONS;
	if (a->flags & ~RECORD_FLAGS_ALL || (a->operations == COPY && !(a->flags & RECORD_FLAG_COPY)) ||
	    !mapping_fits(a))
		return DECODE_FLAGS;
	if (a->store >= STORE_IDS)
		return DECODE_STORE;
	if (a->hook == HOOK_INVALID || a->hook >= HOOK_END || !copy_fits(a))
		return DECODE_HOOK;
	if (check_copy(a))
		return check_copy(a);
	if (a->mechanism == MECHANISM_INVALID || a->mechanism >= MECHANISM_END)
		return DECODE_MECHANISM;
	if (a->wanted != VERDICT_ALLOW && a->wanted != VERDICT_DENY)
		return DECODE_VERDICT;
	if (a->enforced == ENFORCED_INVALID || a->enforced >= ENFORCED_END)
		return DECODE_ENFORCED;
	if (!decode_reason_text(a->reason))
		return DECODE_REASON;
	if ((!a->tally.count && (!(a->flags & RECORD_FLAG_FOLDED) || !a->tally.uses)) ||
	    a->first_ns > a->header.boot_ns)
		return DECODE_TALLY;
	return check_peer(a);
}

/* The kernel side keeps the beginning of an account's path, cut anywhere: the names that are whole count. */
static void trim_path(struct record_view *v, const char *path, size_t room)
{
	unsigned n = v->path_bytes, names = 0;

	if (n > room)
		return; /* check_path tells */
	while (n && path[n - 1] != '\0')
		n--;
	for (unsigned i = 0; i < n; i++)
		names += path[i] == '\0';
	v->path_bytes = n;
	v->path_count = names;
}

static enum decode_error decode_access(const char *bytes, struct record_view *v)
{
	enum decode_error error;

	if (v->header.size < sizeof(v->access))
		return DECODE_SIZE;
	memcpy(&v->access, bytes, sizeof(v->access));
	v->path_bytes = v->access.path_bytes;
	v->path_count = v->access.path_count;
	error = check_access(&v->access);
	if (error)
		return error;
	if (v->access.flags & RECORD_FLAG_FOLDED && v->access.flags & RECORD_FLAG_PATH_CUT)
		trim_path(v, bytes + sizeof(v->access), v->header.size - sizeof(v->access));
	return check_path(v, bytes + sizeof(v->access), v->header.size - sizeof(v->access));
}

static enum decode_error decode_program(const char *bytes, struct record_view *v)
{
	if (v->header.size < sizeof(v->program))
		return DECODE_SIZE;
	memcpy(&v->program, bytes, sizeof(v->program));
	v->path_bytes = v->program.path_bytes;
	v->path_count = v->program.path_count;
	if (v->program.flags & ~RECORD_FLAG_PATH_CUT)
		return DECODE_FLAGS;
	return check_path(v, bytes + sizeof(v->program), v->header.size - sizeof(v->program));
}

static enum decode_error decode_pass(const char *bytes, struct record_view *v)
{
	struct record_pass *p = &v->pass;

	if (v->header.size != sizeof(*p))
		return DECODE_SIZE;
	memcpy(p, bytes, sizeof(*p));
	v->path = NULL;
	v->path_bytes = v->path_count = 0;
	return p->how == PASS_INVALID || p->how >= PASS_EXEC || !p->label || !p->to.start_boot_ns
		       ? DECODE_PASS
		       : DECODE_OK;
}

enum decode_error decode_record(const void *record, size_t size, unsigned cpus, struct record_view *ret_view)
{
	struct record_view *v = ret_view;

	if (size < sizeof(v->header))
		return DECODE_SHORT;
	memcpy(&v->header, record, sizeof(v->header));
	if (v->header.size > size || v->header.size < sizeof(v->header))
		return DECODE_SIZE;
	if (v->header.kind == RECORD_INVALID || v->header.kind >= RECORD_END)
		return DECODE_KIND;
	if (v->header.cpu >= cpus)
		return DECODE_CPU;
	if (!v->header.sequence)
		return DECODE_SEQUENCE;
	switch (v->header.kind) {
	case RECORD_ACCESS:
		return decode_access(record, v);
	case RECORD_PROGRAM:
		return decode_program(record, v);
	default:
		return decode_pass(record, v);
	}
}

const char *decode_error_text(enum decode_error error)
{
	static const char *const texts[DECODE_END] = {
		[DECODE_OK] = "well-formed",
		[DECODE_SHORT] = "shorter than a header",
		[DECODE_SIZE] = "its stated size does not fit",
		[DECODE_KIND] = "unknown kind",
		[DECODE_CPU] = "impossible CPU",
		[DECODE_SEQUENCE] = "sequence number 0",
		[DECODE_OPERATIONS] = "unknown or no operations",
		[DECODE_FLAGS] = "unknown flags",
		[DECODE_STORE] = "impossible store",
		[DECODE_HOOK] = "unknown hook",
		[DECODE_MECHANISM] = "unknown mechanism",
		[DECODE_VERDICT] = "unknown verdict",
		[DECODE_ENFORCED] = "unknown outcome",
		[DECODE_REASON] = "unknown reason",
		[DECODE_TALLY] = "it counts nothing, or from later on",
		[DECODE_PEER] = "impossible peer",
		[DECODE_AGREEMENT] = "impossible agreement",
		[DECODE_SINK] = "impossible rule that declassifies",
		[DECODE_MEDIUM] = "impossible medium",
		[DECODE_PASS] = "data passed on in no way that there is",
		[DECODE_PATH] = "malformed path",
	};

	return (unsigned)error < DECODE_END ? texts[error] : NULL;
}

void decode_path(const struct record_view *view, struct buf *out)
{
	unsigned end = view->path_bytes;

	if (!end || !buf_grow(out, end))
		return;
	while (end > 0) {
		unsigned start = end - 1;

		while (start > 0 && view->path[start - 1] != '\0')
			start--;
		buf_char(out, '/');
		buf_add(out, view->path + start, end - 1 - start);
		end = start;
	}
}

const char *decode_operation_text(unsigned operation)
{
	static const char *const texts[OPERATION_CONTROL + 1] = {
		[OPERATION_LIST] = "list",
		[OPERATION_READ] = "read",
		[OPERATION_WRITE] = "write",
		[OPERATION_CREATE] = "create",
		[OPERATION_DELETE] = "delete",
		[OPERATION_RENAME] = "rename",
		[OPERATION_ATTRIBUTES] = "attributes",
		[OPERATION_EXECUTE] = "execute",
		[OPERATION_COPY] = "copy",
		[OPERATION_SEND] = "send",
		[OPERATION_CONTROL] = "control",
	};

	return operation <= OPERATION_CONTROL ? texts[operation] : NULL;
}

const char *decode_hook_text(unsigned hook)
{
	static const char *const texts[HOOK_END] = {
		[HOOK_FILE_OPEN] = "file_open",
		[HOOK_FILE_PERMISSION] = "file_permission",
		[HOOK_INODE_LINK] = "inode_link",
		[HOOK_INODE_RENAME] = "inode_rename",
		[HOOK_IO_URING] = "io_uring",
		[HOOK_INODE_CREATE] = "inode_create",
		[HOOK_INODE_MKDIR] = "inode_mkdir",
		[HOOK_INODE_MKNOD] = "inode_mknod",
		[HOOK_INODE_SYMLINK] = "inode_symlink",
		[HOOK_INODE_UNLINK] = "inode_unlink",
		[HOOK_INODE_RMDIR] = "inode_rmdir",
		[HOOK_INODE_SETATTR] = "inode_setattr",
		[HOOK_INODE_SETXATTR] = "inode_setxattr",
		[HOOK_INODE_REMOVEXATTR] = "inode_removexattr",
		[HOOK_INODE_SET_ACL] = "inode_set_acl",
		[HOOK_INODE_REMOVE_ACL] = "inode_remove_acl",
		[HOOK_MMAP_FILE] = "mmap_file",
		[HOOK_FILE_MPROTECT] = "file_mprotect",
		[HOOK_FILE_IOCTL] = "file_ioctl",
		[HOOK_PTRACE_ACCESS_CHECK] = "ptrace_access_check",
		[HOOK_PTRACE_TRACEME] = "ptrace_traceme",
		[HOOK_CORE_DUMP] = "core_dump",
		[HOOK_TASK_KILL] = "task_kill",
		[HOOK_TASK_SETTING] = "task_setting",
		[HOOK_BPF] = "bpf",
		[HOOK_BPF_OBJECT] = "bpf_object",
		[HOOK_SB_UMOUNT] = "sb_umount",
		[HOOK_MOUNT] = "mount",
		[HOOK_MODULE] = "module",
		[HOOK_KEXEC] = "kexec",
		[HOOK_LOCKED_DOWN] = "locked_down",
		[HOOK_SYSCTL] = "sysctl",
		[HOOK_CGROUP] = "cgroup",
		[HOOK_CGROUP_ATTACH] = "cgroup_attach",
		[HOOK_SYSRQ] = "sysrq",
		[HOOK_SOCKET_CONNECT] = "socket_connect",
		[HOOK_SOCKET_SENDMSG] = "socket_sendmsg",
		[HOOK_SOCKET_RECVMSG] = "socket_recvmsg",
		[HOOK_MESSAGE] = "message",
		[HOOK_KEY] = "key",
		[HOOK_INODE_GETXATTR] = "inode_getxattr",
	};

	return hook < HOOK_END ? texts[hook] : NULL;
}

const char *decode_mechanism_text(unsigned mechanism)
{
	static const char *const texts[MECHANISM_END] = {
		[MECHANISM_LSM] = "lsm",
		[MECHANISM_FMOD_RET] = "fmod_ret",
		[MECHANISM_TRACING] = "tracing",
		[MECHANISM_CGROUP] = "cgroup",
	};

	return mechanism < MECHANISM_END ? texts[mechanism] : NULL;
}

const char *decode_reason_text(unsigned reason)
{
	static const char *const texts[REASON_END] = {
		[REASON_GRANTED] = "granted",
		[REASON_NOT_GRANTED] = "not_granted",
		[REASON_UNDETERMINED] = "undetermined",
		[REASON_TOO_DEEP] = "too_deep",
		[REASON_BORDER] = "border",
		[REASON_CANARY] = "canary",
		[REASON_VOLUME] = "volume",
		[REASON_OWN] = "own",
		[REASON_HOST] = "host",
		[REASON_LIBRARY] = "library",
		[REASON_COMPARTMENT] = "compartment",
		[REASON_UNLABELLED] = "unlabelled",
		[REASON_AGREED] = "agreed",
		[REASON_NOT_AGREED] = "not_agreed",
		[REASON_COPIES] = "copies",
		[REASON_REGION] = "region",
		[REASON_RESOLVER] = "resolver",
		[REASON_DNS_VOLUME] = "dns_volume",
		[REASON_LIMIT] = "limit",
		[REASON_NOT_TLS] = "not_tls",
		[REASON_TLS_VERSION] = "tls_version",
		[REASON_ANSWERED] = "answered",
		[REASON_REMOVABLE] = "removable",
		[REASON_NETWORK] = "network",
		[REASON_FUSE] = "fuse",
		[REASON_UNENCRYPTED] = "unencrypted",
	};

	return reason < REASON_END ? texts[reason] : NULL;
}

const char *decode_enforced_text(unsigned enforced)
{
	static const char *const texts[ENFORCED_END] = {
		[ENFORCED_ALLOWED] = "allowed",
		[ENFORCED_DENIED] = "denied",
		[ENFORCED_STOPPED] = "stopped",
	};

	return enforced < ENFORCED_END ? texts[enforced] : NULL;
}
