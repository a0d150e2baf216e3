// SPDX-License-Identifier: Apache-2.0
/* The entry of an access: see ocsf.h for the order of its members. */
#include "pipeline/ocsf_state.h"

#include <sys/stat.h>

#include "base/b64.h"
#include "base/json.h"

#define TACTIC(uid, name)	 "\"tactic\":{\"uid\":\"" uid "\",\"name\":\"" name "\"},"
#define TECHNIQUE(uid, name)	 "\"technique\":{\"uid\":\"" uid "\",\"name\":\"" name "\"}"
#define SUB_TECHNIQUE(uid, name) ",\"sub_technique\":{\"uid\":\"" uid "\",\"name\":\"" name "\"}"
#define STORED_DATA                                                                                          \
	TACTIC("TA0040", "Impact")                                                                           \
	TECHNIQUE("T1565", "Data Manipulation") SUB_TECHNIQUE("T1565.001", "Stored Data Manipulation")

/* MITRE ATT&CK version 19, by what was wanted; the gravest operation of the mask counts. */
static const char *const techniques[OPERATION_END] = {
	[OPERATION_LIST] = TACTIC("TA0007", "Discovery") TECHNIQUE("T1083", "File and Directory Discovery"),
	[OPERATION_READ] = TACTIC("TA0009", "Collection") TECHNIQUE("T1005", "Data from Local System"),
	[OPERATION_WRITE] = STORED_DATA,
	[OPERATION_CREATE] = STORED_DATA,
	[OPERATION_DELETE] = TACTIC("TA0040", "Impact") TECHNIQUE("T1485", "Data Destruction"),
	[OPERATION_RENAME] = TACTIC("TA0009", "Collection") TECHNIQUE("T1074", "Data Staged")
		SUB_TECHNIQUE("T1074.001", "Local Data Staging"),
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
			     load = ACTIVITY(2, "load");

/* First what the hook itself says, then the gravest operation. */
static const struct activity *activity_of(const struct record_access *a)
{
	if (a->target_tgid)
		return a->hook == HOOK_CORE_DUMP ? &dump : &attach;
	if (a->store == STORE_LIBRARY)
		return &load;
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

static const char *store_name(const struct ocsf_policy *policy, uint32_t store)
{
	if (store == STORE_CANARY)
		return "(canary)";
	if (store == STORE_UNDETERMINED)
		return "(undetermined)";
	if (store == STORE_OWN || store == STORE_OWN_SECRET)
		return "(monitor)";
	if (store == STORE_HOST)
		return "(host)";
	if (store == STORE_LIBRARY)
		return "(library)";
	return policy && store < policy->image->n_stores ? policy->image->stores[store].name : "(unknown)";
}

static void add_operations(struct buf *b, unsigned operations)
{
	ADD_LITERAL(b, ",\"operations\":[");
	for (unsigned op = OPERATION_LIST; op < OPERATION_END; op++) {
		if (operations & OPERATION_BIT(op))
			json_str(b, NULL, decode_operation_text(op));
	}
	if (operations & OPERATION_BIT(OPERATION_CONTROL))
		json_str(b, NULL, decode_operation_text(OPERATION_CONTROL));
	buf_char(b, ']');
}

static void add_flags(struct buf *b, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *text;
	} words[] = {
		{RECORD_FLAG_PATH_CUT, "path_cut"},	  {RECORD_FLAG_PATH_OUTSIDE, "path_outside"},
		{RECORD_FLAG_MONITOR, "monitor"},	  {RECORD_FLAG_EXE_CHANGED, "exe_changed"},
		{RECORD_FLAG_NO_CACHE, "no_cache"},	  {RECORD_FLAG_PROGRAM_CHANGED, "program_changed"},
		{RECORD_FLAG_INTERPRETED, "interpreted"}, {RECORD_FLAG_LIBRARY, "library"},
	};

	if (!(flags & ~(unsigned)(RECORD_FLAG_BY_LOGIN | RECORD_FLAG_NEW_NAME | RECORD_FLAG_FOLDED)))
		return;
	json_open(b, "flags", '[');
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (flags & words[i].flag)
			json_str(b, NULL, words[i].text);
	}
	json_close(b, ']');
}

/* Bytes and uses; repeats says that the entry is about accesses like one that has an entry of its own. */
static void add_tally(struct buf *b, const struct record_access *a)
{
	const struct tally *t = &a->tally;

	if (a->flags & RECORD_FLAG_FOLDED)
		json_u64(b, "repeats", t->count & INT64_MAX);
	if (!t->uses)
		return;
	json_u64(b, "uses", t->uses & INT64_MAX);
	if (t->read)
		json_u64(b, "bytes_read", t->read & INT64_MAX);
	if (t->written)
		json_u64(b, "bytes_written", t->written & INT64_MAX);
	if (t->mapped)
		json_u64(b, "bytes_mapped", t->mapped & INT64_MAX);
	if (t->unmeasured)
		json_u64(b, "unmeasured", t->unmeasured & INT64_MAX);
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

static void add_raw_path(struct ocsf *o, struct buf *b)
{
	struct buf *text = &o->text;

	buf_reset(text);
	if (!buf_grow(text, B64_SIZE(o->path.len)))
		return;
	b64_encode(o->path.data, o->path.len, text->data);
	json_str(b, "path_raw", text->data);
}

/* A member "file:line", the place of a rule in the policy. */
static void add_rule(struct ocsf *o, const char *key, const struct policy_image *image, uint32_t file,
		     uint32_t line, struct buf *b)
{
	const char *path = image->files[file], *slash = strrchr(path, '/');

	buf_reset(&o->text);
	buf_str(&o->text, slash ? slash + 1 : path);
	buf_char(&o->text, ':');
	buf_u64(&o->text, line);
	json_strn(b, key, o->text.data ? o->text.data : "", o->text.len);
}

/* The role that does not take a library; NULL for other records. */
static const struct image_role *role_of(const struct record_access *a, const struct ocsf_policy *policy)
{
	return policy && a->store == STORE_LIBRARY && a->detail < policy->image->n_roles
		       ? &policy->image->roles[a->detail]
		       : NULL;
}

static void add_unmapped(struct ocsf *o, const struct record_access *a, struct actor *actor,
			 const struct ocsf_policy *policy, bool rich, bool clean_path, struct buf *b)
{
	const struct image_compartment *compartment = policy ? ocsf_compartment(a, policy->image) : NULL;
	const struct image_grant *grant = NULL;
	const struct image_role *role;

	ADD_LITERAL(b, ",\"unmapped\":{\"muniment\":{\"store\":");
	/* Names of stores are checked by the policy; unknown ones are ours. */
	buf_char(b, '"');
	buf_str(b, store_name(policy, a->store));
	buf_char(b, '"');
	if (!policy)
		json_u64(b, "store_id", a->store);
	add_operations(b, a->operations);
	/* Of a granted access, the activity tells the hook: 14 is an open, 2 and 3 go through a descriptor.
	 */
	if (rich || (a->hook != HOOK_FILE_OPEN && a->hook != HOOK_FILE_PERMISSION))
		json_str(b, "hook", decode_hook_text(a->hook));
	json_str(b, "mechanism", decode_mechanism_text(a->mechanism));
	json_u64(b, "gen", a->policy_generation);
	if (a->wanted == VERDICT_ALLOW && policy)
		grant = ocsf_actor_grant(actor, policy, a);
	if (grant)
		add_rule(o, "grant", policy->image, grant->file, grant->line, b);
	else if (compartment)
		add_rule(o, "rule", policy->image, compartment->file, compartment->line, b);
	else if (rich && policy && a->store < policy->image->n_stores)
		add_rule(o, "rule", policy->image, policy->image->stores[a->store].file,
			 policy->image->stores[a->store].line, b);
	if (policy && a->store == STORE_HOST && a->root < HOST_ITEMS &&
	    policy->image->host_rules[a->root].line)
		add_rule(o, "rule", policy->image, policy->image->host_rules[a->root].file,
			 policy->image->host_rules[a->root].line, b);
	role = role_of(a, policy);
	if (role) {
		json_str(b, "role", role->name);
		add_rule(o, "rule", policy->image, role->file, role->line, b);
	}
	if (rich) {
		json_str(b, "wanted", a->wanted == VERDICT_ALLOW ? "allow" : "deny");
		json_str(b, "enforced", decode_enforced_text(a->enforced));
		json_str(b, "reason", decode_reason_text(a->reason));
		if (ocsf_is_guard(a))
			ocsf_guard_detail(a, b);
		else
			json_u64(b, "open_flags", a->open_flags);
		if (!(a->flags & RECORD_FLAG_NEW_NAME) && !ocsf_is_guard(a))
			json_u64(b, "file_mode", a->file_mode);
	}
	if (a->flags & RECORD_FLAG_NEW_NAME) {
		ADD_LITERAL(b, ",\"directory\":");
		ocsf_add_inode(b, &a->file);
	}
	if (a->label)
		ocsf_add_label(b, "label", a->label, policy ? policy->image : NULL);
	add_tally(b, a);
	add_flags(b, a->flags);
	if (!clean_path)
		add_raw_path(o, b);
	ADD_LITERAL(b, "}}");
}

static void add_metadata(const struct ocsf *o, const struct record_access *a, bool rich, bool container,
			 const char *nonce, struct buf *b)
{
	const struct buf *start = &o->metadata[rich][container];

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

	if (a->hook == HOOK_MODULE)
		return TACTIC("TA0003", "Persistence") TECHNIQUE("T1547", "Boot or Logon Autostart Execution")
			SUB_TECHNIQUE("T1547.006", "Kernel Modules and Extensions");
	if (a->hook == HOOK_LOCKED_DOWN)
		return techniques[OPERATION_READ];
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
	json_str(b, "name", store_name(policy, a->store));
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

void ocsf_access(struct ocsf *o, const struct record_view *view, const char *nonce, struct buf *out)
{
	const struct record_access *a = &view->access;
	const struct ocsf_policy *policy = ocsf_find_policy(o, a->policy_generation);
	enum outcome outcome = outcome_of(a);
	bool rich = outcome != OUTCOME_ALLOWED, clean;
	struct actor *actor = ocsf_actor(o, a, rich);
	const struct buf *head;

	enum about about = a->target_tgid ? ABOUT_PROCESS : ocsf_is_guard(a) ? ABOUT_KERNEL : ABOUT_FILE;

	ocsf_make_path(o, view, policy);
	clean = ocsf_make_file(o, a, policy, rich);
	head = &o->head[about][outcome];
	buf_add(out, head->data, head->len);
	buf_str(out, ocsf_is_guard(a) ? ocsf_guard_activity(a) : activity_of(a)->text);
	buf_add(out, actor->text.data, actor->text.len);
	if (rich)
		add_alert(o, view, policy, out);
	add_span(o, a, out);
	add_unmapped(o, a, actor, policy, rich, clean, out);
	add_metadata(o, a, rich, actor->container, nonce, out);
	if (ocsf_is_guard(a)) {
		ocsf_guard_object(o, a, out);
		buf_char(out, '}');
		out->failed |= o->path.failed | o->text.failed | actor->text.failed;
		return;
	}
	if (a->target_tgid) {
		ADD_LITERAL(out, ",\"process\":{\"pid\":");
		buf_u64(out, a->target_tgid);
	}
	buf_add(out, o->file.data, o->file.len);
	buf_str(out, a->target_tgid ? "}}" : "}");
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
	buf_str(out, ocsf_is_guard(a) ? ocsf_guard_verb(a) : activity_of(a)->verb);
	buf_char(out, ' ');
	if (ocsf_is_guard(a)) {
		struct buf what = {0};

		ocsf_guard_what(o, a, &what);
		add_printable(out, what.data ? what.data : "", what.len);
		out->failed |= what.failed;
		buf_free(&what);
		return;
	}
	add_printable(out, o->path.data, o->path.len);
	if (a->store == STORE_LIBRARY) {
		const struct image_role *role = role_of(a, policy);

		buf_printf(out, " into a program of the role %s", role ? role->name : "(unknown)");
		return;
	}
	if (a->target_tgid)
		buf_printf(out, "[%u], which may reach", a->target_tgid);
	else
		buf_str(out, " in");
	buf_printf(out, " store %s", store_name(policy, a->store));
	if (a->reason == REASON_COMPARTMENT)
		buf_str(out, ", whose data may not meet what the process holds");
	if (a->flags & RECORD_FLAG_FOLDED)
		buf_printf(out, ", %llu times more", (unsigned long long)a->tally.count);
}
