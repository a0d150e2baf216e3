// SPDX-License-Identifier: Apache-2.0
/*
 * Entries about what is done to the monitor or the host (OPERATION_CONTROL): process activity where a process is
 * meant, else kernel activity. See ocsf.h for the order of members; the rest of such an entry is ocsf_access.c's.
 */
#include "pipeline/ocsf_state.h"

#include <signal.h>
#include <string.h>

#include "base/json.h"

struct guarded {
	const char *activity; /* of a process, with its type, as in ocsf_access.c */
	const char *verb;
	const char *kernel; /* name of the kernel resource; NULL: the record's path */
	const char *call;   /* system call, NULL: not one of its own */
};

#define OTHER_PROCESS ",\"activity_id\":99,\"activity_name\":\"set\",\"type_uid\":100799"
#define INVOKE	      ",\"activity_id\":4,\"type_uid\":100304"

static const struct guarded guarded[HOOK_END] = {
	[HOOK_PTRACE_ACCESS_CHECK] = {",\"activity_id\":3,\"type_uid\":100703", "attach to", NULL, NULL},
	[HOOK_TASK_KILL] = {",\"activity_id\":2,\"type_uid\":100702", "send a signal to", NULL, NULL},
	[HOOK_TASK_SETTING] = {OTHER_PROCESS, "change the settings of", NULL, NULL},
	[HOOK_CGROUP_ATTACH] = {OTHER_PROCESS, "move to another cgroup", NULL, NULL},
	[HOOK_BPF] = {NULL, "call bpf on", "BPF program", "bpf"},
	[HOOK_BPF_OBJECT] = {NULL, "get a descriptor of", "BPF object", "bpf"},
	[HOOK_SB_UMOUNT] = {NULL, "unmount", "bpffs", "umount2"},
	[HOOK_MODULE] = {NULL, "load", "kernel module", "finit_module"},
	[HOOK_KEXEC] = {NULL, "load", "kernel to be executed", "kexec_file_load"},
	[HOOK_LOCKED_DOWN] = {NULL, "use", "kernel memory or kprobes", NULL},
	[HOOK_SYSCTL] = {NULL, "change", NULL, NULL},
	[HOOK_CGROUP] = {NULL, "write to", NULL, NULL},
	[HOOK_SYSRQ] = {NULL, "write to", NULL, NULL},
};

bool ocsf_is_guard(const struct record_access *a)
{
	return a->operations == OPERATION_BIT(OPERATION_CONTROL);
}

const char *ocsf_guard_activity(const struct record_access *a)
{
	/* Those about a process have one, or the record is not what it says. */
	return a->target_tgid && guarded[a->hook].activity ? guarded[a->hook].activity
	       : a->target_tgid				   ? OTHER_PROCESS
							   : INVOKE;
}

const char *ocsf_guard_verb(const struct record_access *a)
{
	return guarded[a->hook].verb ? guarded[a->hook].verb : "touch";
}

/* The last name of the record's path, without its slash. */
static const char *leaf_of(const struct ocsf *o, size_t *ret_n)
{
	const char *text = o->path.data ? o->path.data : "";
	size_t n = o->path.len, leaf = n;

	while (leaf > 0 && text[leaf - 1] != '/')
		leaf--;
	*ret_n = n - leaf;
	return text + leaf;
}

void ocsf_guard_what(const struct ocsf *o, const struct record_access *a, struct buf *out)
{
	const char *name = guarded[a->hook].kernel;
	size_t n = 0;
	const char *leaf = leaf_of(o, &n);

	if (a->target_tgid)
		buf_printf(out, "the monitor's process %u", a->target_tgid);
	else if (name && n)
		buf_printf(out, "%s %.*s", name, (int)n, leaf);
	else if (name)
		buf_str(out, name);
	else
		buf_add(out, leaf, n);
}

void ocsf_guard_object(struct ocsf *o, const struct record_access *a, struct buf *out)
{
	const struct guarded *g = &guarded[a->hook];

	if (a->target_tgid) {
		json_open(out, "process", '{');
		json_u64(out, "pid", a->target_tgid);
		json_str(out, "name", "munimentd");
		json_close(out, '}');
		return;
	}
	buf_reset(&o->text);
	ocsf_guard_what(o, a, &o->text);
	json_open(out, "kernel", '{');
	json_strn(out, "name", o->text.data ? o->text.data : "", o->text.len);
	json_u64(out, "type_id", g->call ? 2 : 99);
	if (g->call)
		json_str(out, "system_call", g->call);
	if (o->path.len > 1)
		json_strn(out, "path", o->path.data, o->path.len);
	json_close(out, '}');
}

void ocsf_guard_detail(const struct record_access *a, struct buf *out)
{
	switch (a->hook) {
	case HOOK_TASK_KILL:
		json_u64(out, "signal", a->detail);
		break;
	case HOOK_BPF:
		json_u64(out, "command", a->detail & 0xff);
		json_u64(out, "program_type", a->detail >> 8);
		break;
	case HOOK_BPF_OBJECT:
		json_u64(out, "object_id", a->detail);
		break;
	case HOOK_LOCKED_DOWN:
		json_u64(out, "lockdown_reason", a->detail);
		break;
	case HOOK_CGROUP_ATTACH:
		json_u64(out, "cgroup", a->detail);
		break;
	default:
		break;
	}
}
