// SPDX-License-Identifier: Apache-2.0
/* What an entry tells in unmapped.muniment, where the standard has no member for it: see ocsf.h. */
#include "pipeline/ocsf_state.h"

#include "base/b64.h"
#include "base/json.h"

const char *ocsf_store_name(const struct ocsf_policy *policy, uint32_t store)
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
	for (unsigned op = OPERATION_LIST; op <= OPERATION_CONTROL; op++) {
		if (operations & OPERATION_BIT(op))
			json_str(b, NULL, decode_operation_text(op));
	}
	buf_char(b, ']');
}

static void add_flags(struct buf *b, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *text;
	} words[] = {
		{RECORD_FLAG_PATH_CUT, "path_cut"},
		{RECORD_FLAG_PATH_OUTSIDE, "path_outside"},
		{RECORD_FLAG_MONITOR, "monitor"},
		{RECORD_FLAG_EXE_CHANGED, "exe_changed"},
		{RECORD_FLAG_NO_CACHE, "no_cache"},
		{RECORD_FLAG_PROGRAM_CHANGED, "program_changed"},
		{RECORD_FLAG_INTERPRETED, "interpreted"},
		{RECORD_FLAG_LIBRARY, "library"},
		{RECORD_FLAG_COPY, "copy"},
		{RECORD_FLAG_MAPPED, "mapped_before"},
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

static void add_raw_path(struct ocsf *o, struct buf *b)
{
	struct buf *text = &o->text;

	buf_reset(text);
	if (!buf_grow(text, B64_SIZE(o->path.len)))
		return;
	b64_encode(o->path.data, o->path.len, text->data);
	json_str(b, "path_raw", text->data);
}

void ocsf_add_rule(struct ocsf *o, const char *key, const struct policy_image *image, uint32_t file,
		   uint32_t line, struct buf *b)
{
	const char *path = image->files[file], *slash = strrchr(path, '/');

	buf_reset(&o->text);
	buf_str(&o->text, slash ? slash + 1 : path);
	buf_char(&o->text, ':');
	buf_u64(&o->text, line);
	json_strn(b, key, o->text.data ? o->text.data : "", o->text.len);
}

const struct image_role *ocsf_role(const struct record_access *a, const struct ocsf_policy *policy)
{
	return policy && a->store == STORE_LIBRARY && a->detail < policy->image->n_roles
		       ? &policy->image->roles[a->detail]
		       : NULL;
}

bool ocsf_is_copying(const struct record_access *a)
{
	return a->operations == OPERATION_BIT(OPERATION_COPY);
}

/* The line that says what becomes of data that is copied; line 0: none. */
static struct image_rule copy_rule(const struct record_access *a, const struct policy_image *image)
{
	uint32_t rule = copy_detail_sink(a->detail);
	const struct image_sink *sink;

	if (!ocsf_is_copying(a))
		return (struct image_rule){0, 0};
	if (a->reason >= REASON_REMOVABLE && a->reason < REASON_REMOVABLE + MEDIA_END)
		return image->media_rules[a->reason - REASON_REMOVABLE];
	if (!rule)
		return image->copies_rule;
	if (rule > image->n_sinks)
		return (struct image_rule){0, 0};
	sink = &image->sinks[rule - 1];
	return (struct image_rule){sink->file, sink->line};
}

/* What became of data that was copied, and on what it lies or would. */
static void add_copy(const struct record_access *a, struct buf *b)
{
	unsigned media = copy_detail_media(a->detail);

	if (copy_detail_sink(a->detail) && a->enforced == ENFORCED_ALLOWED)
		ADD_LITERAL(b, ",\"declassified\":true");
	if (!media)
		return;
	json_open(b, "medium", '[');
	for (unsigned i = 0; i < MEDIA_END; i++)
		if (media & MEDIUM_BIT(i))
			json_str(b, NULL, decode_reason_text(REASON_REMOVABLE + i));
	if (media & MEDIUM_UNKNOWN)
		json_str(b, NULL, "unknown");
	json_close(b, ']');
}

/* What decided: a grant, an agreement, `copies`, a rule that declassifies, or the line that denies; one, whatever the record. */
static void add_rules(struct ocsf *o, const struct record_access *a, struct actor *actor,
		      const struct ocsf_policy *policy, bool rich, struct buf *b)
{
	const struct image_compartment *compartment;
	const struct image_grant *grant = NULL;
	const struct policy_image *image;
	const struct image_role *role = ocsf_role(a, policy);
	struct image_rule copy;

	if ((ocsf_is_egress(a) && ocsf_egress_agreement(o, a, policy, b)) || !policy)
		return;
	image = policy->image;
	compartment = ocsf_compartment(a, image);
	copy = copy_rule(a, image);
	if (a->wanted == VERDICT_ALLOW && !ocsf_is_egress(a) && !ocsf_is_copying(a))
		grant = ocsf_actor_grant(actor, policy, a);
	if (grant) {
		ocsf_add_rule(o, "grant", image, grant->file, grant->line, b);
	} else if (role) {
		json_str(b, "role", role->name);
		ocsf_add_rule(o, "rule", image, role->file, role->line, b);
	} else if (a->store == STORE_HOST && a->root < HOST_ITEMS && image->host_rules[a->root].line) {
		ocsf_add_rule(o, "rule", image, image->host_rules[a->root].file,
			      image->host_rules[a->root].line, b);
	} else if (compartment) {
		ocsf_add_rule(o, "rule", image, compartment->file, compartment->line, b);
	} else if (copy.line) {
		ocsf_add_rule(o, "rule", image, copy.file, copy.line, b);
	} else if (rich && a->store < image->n_stores) {
		ocsf_add_rule(o, "rule", image, image->stores[a->store].file, image->stores[a->store].line,
			      b);
	}
}

static void add_decision(const struct record_access *a, struct buf *b)
{
	json_str(b, "wanted", a->wanted == VERDICT_ALLOW ? "allow" : "deny");
	json_str(b, "enforced", decode_enforced_text(a->enforced));
	json_str(b, "reason", decode_reason_text(a->reason));
	if (ocsf_is_guard(a)) {
		ocsf_guard_detail(a, b);
		return;
	}
	if (ocsf_is_egress(a))
		return;
	json_u64(b, "open_flags", a->open_flags);
	if (!(a->flags & RECORD_FLAG_NEW_NAME))
		json_u64(b, "file_mode", a->file_mode);
}

void ocsf_add_unmapped(struct ocsf *o, const struct record_view *view, struct actor *actor,
		       const struct ocsf_policy *policy, bool rich, bool clean_path, struct buf *b)
{
	const struct record_access *a = &view->access;

	ADD_LITERAL(b, ",\"unmapped\":{\"muniment\":{\"store\":");
	/* Names of stores are checked by the policy; unknown ones are ours. */
	buf_char(b, '"');
	buf_str(b, ocsf_store_name(policy, a->store));
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
	add_rules(o, a, actor, policy, rich, b);
	if (ocsf_is_egress(a))
		ocsf_egress_shown(view, b);
	if (ocsf_is_copying(a))
		add_copy(a, b);
	if (rich)
		add_decision(a, b);
	if (a->flags & RECORD_FLAG_NEW_NAME) {
		ADD_LITERAL(b, ",\"directory\":");
		ocsf_add_inode(b, &a->file);
	}
	if (a->peer.family && !ocsf_is_egress(a))
		ocsf_add_peer(o, &a->peer, b);
	if (a->label)
		ocsf_add_label(b, "label", a->label, policy ? policy->image : NULL);
	add_tally(b, a);
	if (ocsf_has_chains(a))
		ocsf_add_chains(o, a, policy, b);
	add_flags(b, a->flags);
	if (!clean_path)
		add_raw_path(o, b);
	ADD_LITERAL(b, "}}");
}
