// SPDX-License-Identifier: Apache-2.0
/* The entry of an access: see ocsf.h for the order of its members. */
#include "pipeline/ocsf_state.h"

#include "base/b64.h"
#include "base/json.h"

#define TACTIC(uid, name)	 "\"tactic\":{\"uid\":\"" uid "\",\"name\":\"" name "\"},"
#define TECHNIQUE(uid, name)	 "\"technique\":{\"uid\":\"" uid "\",\"name\":\"" name "\"}"
#define SUB_TECHNIQUE(uid, name) ",\"sub_technique\":{\"uid\":\"" uid "\",\"name\":\"" name "\"}"
#define STORED_DATA                                                                                          \
	TACTIC("TA0040", "Impact")                                                                           \
	TECHNIQUE("T1565", "Data Manipulation") SUB_TECHNIQUE("T1565.001", "Stored Data Manipulation")
#define STAGED_DATA                                                                                          \
	TACTIC("TA0009", "Collection")                                                                       \
	TECHNIQUE("T1074", "Data Staged") SUB_TECHNIQUE("T1074.001", "Local Data Staging")

/* MITRE ATT&CK version 19, by what was wanted; the gravest operation of the mask counts. */
static const char *const techniques[OPERATION_END] = {
	[OPERATION_LIST] = TACTIC("TA0007", "Discovery") TECHNIQUE("T1083", "File and Directory Discovery"),
	[OPERATION_READ] = TACTIC("TA0009", "Collection") TECHNIQUE("T1005", "Data from Local System"),
	[OPERATION_WRITE] = STORED_DATA,
	[OPERATION_CREATE] = STORED_DATA,
	[OPERATION_DELETE] = TACTIC("TA0040", "Impact") TECHNIQUE("T1485", "Data Destruction"),
	[OPERATION_RENAME] = STAGED_DATA,
	[OPERATION_ATTRIBUTES] = TECHNIQUE("T1222", "File and Directory Permissions Modification")
		SUB_TECHNIQUE("T1222.002", "Linux and Mac File and Directory Permissions Modification"),
};

struct activity {
	const char *text;
	const char *verb; /* for messages */
};

#define ACTIVITY(id, verb)                                                                                   \
	{                                                                                                    \
		",\"activity_id\":" #id ",\"type_uid\":" TYPE_##id, verb                                     \
	}
#define TYPE_1	"100101"
#define TYPE_2	"100102"
#define TYPE_3	"100103"
#define TYPE_4	"100104"
#define TYPE_5	"100105"
#define TYPE_6	"100106"
#define TYPE_14 "100114"

/* Of Process Activity. */
static const struct activity
	attach = {",\"activity_id\":3,\"type_uid\":100703", "attach to"},
	dump = {",\"activity_id\":99,\"activity_name\":\"core dump\",\"type_uid\":100799",
		"dump the core of"};

static const struct activity create = ACTIVITY(1, "create"), link_ = ACTIVITY(1, "link"),
			     read_ = ACTIVITY(2, "read"), update = ACTIVITY(3, "write"),
			     delete = ACTIVITY(4, "delete"), rename_ = ACTIVITY(5, "rename"),
			     attributes = ACTIVITY(6, "change attributes of"), open_ = ACTIVITY(14, "open"),
			     load = ACTIVITY(2, "load"), copy = ACTIVITY(3, "copy");

/* First what the hook itself says, then the gravest operation. */
static const struct activity *activity_of(const struct record_access *a)
{
	if (a->target_tgid)
		return a->hook == HOOK_CORE_DUMP ? &dump : &attach;
	if (a->store == STORE_LIBRARY)
		return &load;
	if (ocsf_is_copying(a))
		return &copy;
	if (a->hook == HOOK_INODE_LINK)
		return &link_;
	if (a->hook == HOOK_INODE_RENAME)
		return &rename_;
	if (a->operations & OPERATION_BIT(OPERATION_DELETE))
		return &delete;
	if (a->operations & OPERATION_BIT(OPERATION_RENAME))
		return &rename_;
	if (a->operations & OPERATION_BIT(OPERATION_CREATE))
		return &create;
	if (a->operations & OPERATION_BIT(OPERATION_ATTRIBUTES))
		return &attributes;
	if (a->hook == HOOK_FILE_OPEN || a->hook == HOOK_IO_URING)
		return &open_;
	return a->operations & OPERATION_BIT(OPERATION_WRITE) ? &update : &read_;
}

static enum outcome outcome_of(const struct record_access *a)
{
	if (a->enforced != ENFORCED_ALLOWED)
		return OUTCOME_DENIED;
	return a->wanted == VERDICT_DENY ? OUTCOME_OBSERVED : OUTCOME_ALLOWED;
}

bool ocsf_is_alert(const struct record_access *access)
{
	return outcome_of(access) != OUTCOME_ALLOWED;
}

/* OCSF's members for what is more than one event: how many, from when to when. */
static void add_span(const struct ocsf *o, const struct record_access *a, struct buf *b)
{
	if (!(a->flags & RECORD_FLAG_FOLDED) && a->tally.count == 1)
		return;
	if (a->tally.count)
		json_u64(b, "count", a->tally.count & INT32_MAX);
	json_u64(b, "start_time", enrich_wall_ms(o->enrich, a->first_ns) & INT64_MAX);
	json_u64(b, "end_time", enrich_wall_ms(o->enrich, a->header.boot_ns) & INT64_MAX);
}

static void add_metadata(const struct ocsf *o, const struct record_access *a, bool rich, bool container,
			 const char *nonce, struct buf *b)
{
	enum detail detail = rich ? DETAIL_RICH : ocsf_is_egress(a) ? DETAIL_HOST : DETAIL_PLAIN;
	const struct buf *start = &o->metadata[detail][container];

	/* Many accesses share a millisecond: this still belongs to what changes least. */
	ADD_LITERAL(b, ",\"time\":");
	buf_u64(b, enrich_wall_ms(o->enrich, a->header.boot_ns) & INT64_MAX);
	buf_add(b, start->data, start->len);
	buf_u64(b, a->header.cpu);
	ADD_LITERAL(b, "\",\"sequence\":");
	buf_u64(b, a->header.sequence & INT64_MAX);
	ADD_LITERAL(b, ",\"original_time\":\"");
	buf_u64(b, a->header.boot_ns);
	ADD_LITERAL(b, "\",\"uid\":\"");
	buf_add(b, nonce, 22);
	ADD_LITERAL(b, "\"}");
}

static const char *technique_of(const struct record_access *a)
{
	const char *technique = NULL;

	if (ocsf_is_egress(a))
		return TACTIC("TA0010", "Exfiltration")
			TECHNIQUE("T1048", "Exfiltration Over Alternative Protocol");
	if (a->hook == HOOK_MODULE)
		return TACTIC("TA0003", "Persistence") TECHNIQUE("T1547", "Boot or Logon Autostart Execution")
			SUB_TECHNIQUE("T1547.006", "Kernel Modules and Extensions");
	if (a->hook == HOOK_LOCKED_DOWN)
		return techniques[OPERATION_READ];
	if (ocsf_is_copying(a))
		return STAGED_DATA;
	if (a->store == STORE_LIBRARY)
		return TECHNIQUE("T1574", "Hijack Execution Flow")
			SUB_TECHNIQUE("T1574.006", "Dynamic Linker Hijacking");
	if (ocsf_is_guard(a))
		return TECHNIQUE("T1685", "Disable or Modify Tools");
	if (a->target_tgid && a->hook != HOOK_CORE_DUMP)
		return TACTIC("TA0004", "Privilege Escalation") TECHNIQUE("T1055", "Process Injection")
			SUB_TECHNIQUE("T1055.008", "Ptrace System Calls");
	for (unsigned op = OPERATION_LIST; op < OPERATION_END; op++) {
		if (a->operations & OPERATION_BIT(op))
			technique = techniques[op] ? techniques[op] : technique;
	}
	return technique;
}

/* What an alert tells beyond the record of a granted access. */
static void add_alert(struct ocsf *o, const struct record_view *v, const struct ocsf_policy *policy,
		      struct buf *b)
{
	const struct record_access *a = &v->access;
	const char *technique = technique_of(a);

	if (technique) {
		ADD_LITERAL(b, ",\"attacks\":[{\"version\":\"19\",");
		buf_str(b, technique);
		ADD_LITERAL(b, "}]");
	}
	json_open(b, "policy", '{');
	json_str(b, "name", ocsf_store_name(policy, a->store));
	json_u64_str(b, "version", a->policy_generation);
	if (policy) {
		char hex[HEX_SIZE(POLICY_DIGEST_SIZE)];

		hex_encode(policy->image->sha256, POLICY_DIGEST_SIZE, hex);
		json_str(b, "uid", hex);
	}
	json_close(b, '}');
	buf_reset(&o->text);
	ocsf_access_text(o, v, &o->text);
	json_strn(b, "message", o->text.data ? o->text.data : "", o->text.len);
}

static enum about about_of(const struct record_access *a)
{
	if (ocsf_is_egress(a))
		return ABOUT_NETWORK;
	if (a->target_tgid)
		return ABOUT_PROCESS;
	return ocsf_is_guard(a) ? ABOUT_KERNEL : ABOUT_FILE;
}

static const char *activity_text(const struct record_access *a)
{
	if (ocsf_is_egress(a))
		return ocsf_egress_activity(a);
	return ocsf_is_guard(a) ? ocsf_guard_activity(a) : activity_of(a)->text;
}

/* What it was done to. */
static void add_object(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
		       struct buf *b)
{
	if (ocsf_is_egress(a)) {
		ocsf_egress_object(a, policy, b);
		return;
	}
	if (ocsf_is_guard(a)) {
		ocsf_guard_object(o, a, b);
		return;
	}
	if (a->target_tgid) {
		ADD_LITERAL(b, ",\"process\":{\"pid\":");
		buf_u64(b, a->target_tgid);
	}
	buf_add(b, o->file.data, o->file.len);
	if (a->target_tgid)
		buf_char(b, '}');
}

void ocsf_access(struct ocsf *o, const struct record_view *view, const char *nonce, struct buf *out)
{
	const struct record_access *a = &view->access;
	const struct ocsf_policy *policy = ocsf_find_policy(o, a->policy_generation);
	enum outcome outcome = outcome_of(a);
	bool rich = outcome != OUTCOME_ALLOWED, clean = true;
	struct actor *actor = ocsf_actor(o, a, rich);
	const struct buf *head = &o->head[about_of(a)][outcome];

	if (!ocsf_is_egress(a)) {
		ocsf_make_path(o, view, policy);
		clean = ocsf_make_file(o, a, policy, rich);
		ocsf_learn(o, a, policy);
	}
	buf_add(out, head->data, head->len);
	buf_str(out, activity_text(a));
	buf_add(out, actor->text.data, actor->text.len);
	if (rich)
		add_alert(o, view, policy, out);
	add_span(o, a, out);
	ocsf_add_unmapped(o, view, actor, policy, rich, clean, out);
	add_metadata(o, a, rich, actor->container, nonce, out);
	add_object(o, a, policy, out);
	buf_char(out, '}');
	out->failed |= o->path.failed | o->file.failed | o->text.failed | actor->text.failed;
}

/* Terminals and log readers obey control bytes, and the path and the name are the attacker's. */
static void add_printable(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f || c == '\\')
			buf_printf(b, "\\x%02x", c);
		else
			buf_char(b, (char)c);
	}
}

static void add_guard_text(const struct ocsf *o, const struct record_access *a, struct buf *out)
{
	struct buf what = {0};

	buf_printf(out, "%s ", ocsf_guard_verb(a));
	ocsf_guard_what(o, a, &what);
	add_printable(out, what.data ? what.data : "", what.len);
	out->failed |= what.failed;
	buf_free(&what);
}

static void add_file_text(const struct ocsf *o, const struct record_access *a,
			  const struct ocsf_policy *policy, struct buf *out)
{
	const struct image_role *role = ocsf_role(a, policy);
	const char *store = ocsf_store_name(policy, a->store);

	buf_printf(out, "%s ", activity_of(a)->verb);
	if (ocsf_is_copying(a)) {
		buf_printf(out, "data of store %s to ", store);
		add_printable(out, o->path.data, o->path.len);
		if (a->flags & RECORD_FLAG_MAPPED)
			buf_str(out, ", which was mapped before it held any");
		return;
	}
	add_printable(out, o->path.data, o->path.len);
	if (a->store == STORE_LIBRARY) {
		buf_printf(out, " into a program of the role %s", role ? role->name : "(unknown)");
		return;
	}
	if (a->target_tgid)
		buf_printf(out, "[%u], which may reach", a->target_tgid);
	else
		buf_str(out, a->flags & RECORD_FLAG_COPY ? ", a copy from" : " in");
	buf_printf(out, " store %s", store);
	if (a->reason == REASON_COMPARTMENT)
		buf_str(out, ", whose data may not meet what the process holds");
}

void ocsf_access_text(struct ocsf *o, const struct record_view *view, struct buf *out)
{
	const struct record_access *a = &view->access;
	const struct ocsf_policy *policy = ocsf_find_policy(o, a->policy_generation);
	struct enrich_actor known;

	enrich_actor(o->enrich, a, true, &known);
	if (known.person_name)
		add_printable(out, known.person_name, strlen(known.person_name));
	else
		buf_printf(out, "uid %u", known.person);
	if (known.person != a->uid)
		buf_printf(out, " as %s", known.acting_name ? known.acting_name : "another user");
	buf_str(out, " with ");
	add_printable(out, a->comm, strnlen(a->comm, COMM_SIZE));
	buf_printf(out, "[%u] ", a->tgid);
	buf_str(out, a->enforced == ENFORCED_DENIED    ? "was denied to "
		     : a->enforced == ENFORCED_STOPPED ? "was killed on trying to "
						       : "was not granted but did ");
	if (ocsf_is_guard(a)) {
		add_guard_text(o, a, out);
		return;
	}
	if (ocsf_is_egress(a))
		ocsf_egress_text(a, policy, out);
	else
		add_file_text(o, a, policy, out);
	if (a->flags & RECORD_FLAG_FOLDED && a->store != STORE_LIBRARY)
		buf_printf(out, ", %llu times more", (unsigned long long)a->tally.count);
}
