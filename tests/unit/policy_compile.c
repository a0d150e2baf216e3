/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy compiles to, and that decide.h draws the right conclusions from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "policy/image.h"
#include "tests/policy/fake_resolver.h"

/* Roles by number: 0 database (users, programs), 1 staff (groups), 2 tool (programs), 3 both (users, groups).
 */
static const char text[] =
	"version: 1\n"
	"mode: enforce\n"
	"stores:\n"
	"  ehr: {paths: [/srv/link, /srv/index.db], class: internal}\n"
	"  imaging: {paths: [/srv/dicom, /srv/dicom/archive], mode: monitor, audit: best-effort}\n"
	"roles:\n"
	"  database: {users: [postgres, 115], programs: [/usr/lib/postgresql/15/bin/postgres]}\n"
	"  staff: {groups: [clinicians]}\n"
	"  tool: {programs: [/usr/bin/restic, /usr/bin/restic-link]}\n"
	"  both: {users: [alice, carol], groups: [clinicians, surgery], programs: [/usr/bin/restic]}\n"
	"grants:\n"
	"  - {role: database, store: ehr, access: [list, read, write], serves: true}\n"
	"  - {role: staff, store: ehr, access: [list]}\n"
	"  - {role: staff, store: ehr, access: [read]}\n"
	"  - {role: tool, store: imaging, access: [read]}\n"
	"  - {role: both, store: ehr, access: [delete, read]}\n"
	"  - {role: tool, store: ehr, access: [write], serves: true}\n"
	"compartments: [[imaging, ehr]]\n";

enum { DATABASE, STAFF, TOOL, BOTH };

static int set_up(void **state)
{
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;

	if (!policy || policy_add_text(policy, "p.yaml", text, strlen(text)) < 0 ||
	    policy_check(policy, &fake_env) < 0 || policy_compile(policy, &image) < 0)
		return -1;
	policy_free(policy); /* the image stands alone */
	*state = image;
	return 0;
}

static int tear_down(void **state)
{
	policy_image_free(*state);
	return 0;
}

static uint64_t bits(const struct role_set *set)
{
	for (int i = 1; i < ROLE_WORDS; i++)
		assert_int_equal(set->words[i], 0);
	return set->words[0];
}

static const struct image_user *user(const struct policy_image *image, uint32_t uid)
{
	for (size_t i = 0; i < image->n_users; i++) {
		if (image->users[i].uid == uid)
			return &image->users[i];
	}
	return NULL;
}

static void stores_and_roots(void **state)
{
	const struct policy_image *image = *state;

	assert_int_equal(image->n_stores, 2);
	assert_int_equal(image->n_roots, 4);
	assert_string_equal(image->roots[0].path, "/srv/records"); /* behind the link */
	assert_int_equal(image->roots[0].ino, 21);
	assert_int_equal(image->roots[0].device, 8u << 20 | 1);
	assert_int_equal(image->roots[3].store, 1);
	assert_int_equal(image->roots[3].device, 8u << 20 | 2);
	assert_int_equal(image->stores[0].class, POLICY_CLASS_INTERNAL);
	assert_int_equal(image->stores[0].rules.mode, STORE_MODE_ENFORCE);
	assert_int_equal(image->stores[0].rules.audit, STORE_AUDIT_REQUIRED);
	assert_int_equal(image->stores[1].class, POLICY_CLASS_RESTRICTED);
	assert_int_equal(image->stores[1].rules.mode, STORE_MODE_MONITOR);
	assert_int_equal(image->stores[1].rules.audit, STORE_AUDIT_BEST_EFFORT);
	assert_int_equal(bits(&image->stores[0].rules.granted[OPERATION_READ]),
			 1 << DATABASE | 1 << STAFF | 1 << BOTH);
	assert_int_equal(bits(&image->stores[0].rules.granted[OPERATION_DELETE]), 1 << BOTH);
	assert_int_equal(bits(&image->stores[0].rules.granted[OPERATION_EXECUTE]), 0);
	assert_int_equal(bits(&image->stores[0].rules.granted[OPERATION_INVALID]), 0);
	assert_int_equal(bits(&image->stores[1].rules.granted[OPERATION_READ]), 1 << TOOL);
	assert_int_equal(bits(&image->stores[0].rules.serves),
			 1 << DATABASE); /* who only writes takes no label */
	assert_int_equal(bits(&image->stores[1].rules.serves), 0);
	assert_int_equal(image->stores[0].rules.apart, 1 << 1);
	assert_int_equal(image->stores[1].rules.apart, 1 << 0);
	assert_int_equal(image->n_compartments, 1);
	assert_int_equal(image->compartments[0].stores, 3);
	assert_int_equal(image->compartments[0].line, 18);
}

static void dimensions(void **state)
{
	const struct policy_image *image = *state;

	assert_int_equal(bits(&image->any_user), 1 << STAFF | 1 << TOOL);
	assert_int_equal(bits(&image->any_group), 1 << DATABASE | 1 << TOOL);
	assert_int_equal(bits(&image->any_program), 1 << STAFF);
	assert_int_equal(bits(&image->now), 0xf);
	for (size_t i = 1; i < image->n_users; i++)
		assert_true(image->users[i - 1].uid < image->users[i].uid);
	assert_int_equal(image->n_users, 5); /* 113, 115, alice, bob, carol */
	assert_int_equal(bits(&user(image, 115)->roles.by_user), 1 << DATABASE);
	assert_int_equal(bits(&user(image, 1001)->roles.by_user), 1 << BOTH);
	assert_int_equal(bits(&user(image, 1001)->roles.by_membership),
			 1 << STAFF | 1 << BOTH); /* by primary group */
	assert_int_equal(bits(&user(image, 1002)->roles.by_user), 0);
	assert_int_equal(bits(&user(image, 1002)->roles.by_membership), 1 << STAFF | 1 << BOTH);
	assert_int_equal(bits(&user(image, 1003)->roles.by_membership), 0);
	assert_int_equal(image->n_groups, 2);
	assert_int_equal(image->groups[0].gid, 2000);
	assert_int_equal(bits(&image->groups[0].roles), 1 << STAFF | 1 << BOTH);
	assert_int_equal(bits(&image->groups[1].roles), 1 << BOTH);
	assert_int_equal(image->n_programs, 2); /* two names of restic are one */
	assert_string_equal(image->programs[0].path, "/usr/bin/restic");
	assert_int_equal(bits(&image->programs[0].named), 1 << TOOL | 1 << BOTH);
	assert_int_equal(image->programs[0].found.content.sha256[31], 42);
	assert_int_equal(policy_image_program_by_inode(image, 2049, 40), 1);
	assert_int_equal(policy_image_program_by_inode(image, 2050, 40), -1);
	assert_int_equal(policy_image_program_by_path(image, "/usr/bin/resti"), -1);
}

static const char digests[] = "version: 1\nmode: enforce\n"
			      "stores:\n  ehr: {paths: [/srv/records]}\n"
			      "roles:\n"
			      "  loaded: {programs: [/usr/bin/restic]}\n"
			      "  packaged: {programs: [{path: /usr/bin/restic-link, digest: packaged}]}\n"
			      "  listed: {programs: [{path: /usr/bin/restic, digest: "
			      "[sha256:0101010101010101010101010101010101010101010101010101010101010101,"
			      " sha256:0202020202020202020202020202020202020202020202020202020202020202]}]}\n"
			      "grants:\n"
			      "  - {role: loaded, store: ehr, access: [list]}\n"
			      "  - {role: packaged, store: ehr, access: [read]}\n"
			      "  - {role: listed, store: ehr, access: [write]}\n";

enum { LOADED, PACKAGED, LISTED };

static struct policy_image *compile_digests(void)
{
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;

	assert_int_equal(policy_add_text(policy, "p.yaml", digests, strlen(digests)), 0);
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy);
	return image;
}

static void roles_go_by_content(void **state)
{
	struct policy_image *image = compile_digests(), *again = compile_digests();
	struct image_program *restic = &image->programs[0];
	uint8_t sha256[POLICY_DIGEST_SIZE];
	struct role_set roles;

	(void)state;
	assert_int_equal(image->n_programs, 1);
	assert_int_equal(bits(&restic->named), 1 << LOADED | 1 << PACKAGED | 1 << LISTED);
	assert_int_equal(bits(&restic->found.roles), 1 << LOADED | 1 << PACKAGED);
	assert_false(image_program_accepted(restic));
	image_program_roles(restic, restic->found.content.sha256, false, &roles);
	assert_int_equal(bits(&roles), 1 << LOADED);
	for (int i = 0; i <= 3; i++) {
		memset(sha256, i, sizeof(sha256));
		image_program_roles(restic, sha256, false, &roles);
		assert_int_equal(bits(&roles), i == 1 || i == 2 ? 1 << LISTED : 0);
		image_program_roles(restic, sha256, true, &roles);
		assert_int_equal(bits(&roles), 1 << PACKAGED | (i == 1 || i == 2 ? 1 << LISTED : 0));
	}
	/* The same policy, read anew for another reason than the program, which has changed since. */
	memset(again->programs[0].found.content.sha256, 9, POLICY_DIGEST_SIZE);
	memset(again->programs[0].loaded_sha256, 9, POLICY_DIGEST_SIZE);
	image_keep_loaded(again, image);
	assert_int_equal(bits(&again->programs[0].found.roles), 1 << PACKAGED);
	policy_image_free(again);
	policy_image_free(image);
}

static const uint32_t clinicians[] = {5, 2000};
static const uint32_t surgery[] = {2005};

/* grant: the line in the policy of the one that decides; 0: denied. */
static const struct {
	const char *what;
	struct policy_actor actor;
	uint32_t store;
	uint32_t operations;
	uint32_t line;
} decisions[] = {
	{"the server", {113, 113, NULL, 0, 1}, 0, OPERATION_BIT(OPERATION_READ), 12},
	{"the server, started at boot", {ID_UNSET, 113, NULL, 0, 1}, 0, OPERATION_BIT(OPERATION_WRITE), 12},
	{"the server's user with another program",
	 {113, 113, NULL, 0, -1},
	 0,
	 OPERATION_BIT(OPERATION_READ),
	 0},
	{"the server's program by root", {0, 0, NULL, 0, 1}, 0, OPERATION_BIT(OPERATION_READ), 0},
	{"root become the server's user", {0, 113, NULL, 0, 1}, 0, OPERATION_BIT(OPERATION_READ), 0},
	{"an operation that is not granted", {113, 113, NULL, 0, 1}, 0, OPERATION_BIT(OPERATION_DELETE), 0},
	{"a clinician by primary group", {1001, 1001, NULL, 0, -1}, 0, OPERATION_BIT(OPERATION_LIST), 13},
	{"the second grant decides", {1002, 1002, NULL, 0, -1}, 0, OPERATION_BIT(OPERATION_READ), 14},
	{"a clinician behind sudo", {1002, 0, NULL, 0, -1}, 0, OPERATION_BIT(OPERATION_READ), 14},
	{"list and read together",
	 {1002, 1002, NULL, 0, -1},
	 0,
	 OPERATION_BIT(OPERATION_LIST) | OPERATION_BIT(OPERATION_READ),
	 13},
	{"read and write together",
	 {1002, 1002, NULL, 0, -1},
	 0,
	 OPERATION_BIT(OPERATION_READ) | OPERATION_BIT(OPERATION_WRITE),
	 0},
	{"a login's acting groups do not count",
	 {1003, 1003, clinicians, 2, -1},
	 0,
	 OPERATION_BIT(OPERATION_READ),
	 0},
	{"a service in the group", {ID_UNSET, 999, clinicians, 2, -1}, 0, OPERATION_BIT(OPERATION_READ), 14},
	{"a service of a clinician's user, without the group",
	 {ID_UNSET, 1002, NULL, 0, -1},
	 0,
	 OPERATION_BIT(OPERATION_READ),
	 0},
	{"the tool in its store", {1004, 1004, NULL, 0, 0}, 1, OPERATION_BIT(OPERATION_READ), 15},
	{"the tool in the other store", {1004, 1004, NULL, 0, 0}, 0, OPERATION_BIT(OPERATION_READ), 0},
	{"user, group and program", {1001, 1001, NULL, 0, 0}, 0, OPERATION_BIT(OPERATION_DELETE), 16},
	{"user and group, without the program",
	 {1001, 1001, NULL, 0, -1},
	 0,
	 OPERATION_BIT(OPERATION_DELETE),
	 0},
	{"user and program, without the group",
	 {1003, 1003, NULL, 0, 0},
	 0,
	 OPERATION_BIT(OPERATION_DELETE),
	 0},
	{"group and program, without the user",
	 {1002, 1002, NULL, 0, 0},
	 0,
	 OPERATION_BIT(OPERATION_DELETE),
	 0},
	{"a service of the user, in the group",
	 {ID_UNSET, 1003, surgery, 1, 0},
	 0,
	 OPERATION_BIT(OPERATION_DELETE),
	 16},
	{"nobody known", {4242, 4242, NULL, 0, -1}, 0, OPERATION_BIT(OPERATION_LIST), 0},
	{"root", {0, 0, NULL, 0, -1}, 1, OPERATION_BIT(OPERATION_LIST), 0},
};

static void decisions_name_their_grant(void **state)
{
	const struct policy_image *image = *state;

	for (size_t i = 0; i < sizeof(decisions) / sizeof(*decisions); i++) {
		struct policy_decision decision = {0};
		uint32_t line = 0;

		assert_int_equal(policy_explain(image, &decisions[i].actor, decisions[i].store,
						decisions[i].operations, &decision),
				 0);
		if (decision.verdict == VERDICT_ALLOW) {
			assert_true(decision.grant >= 0);
			line = image->grants[decision.grant].line;
		} else {
			assert_int_equal(decision.grant, POLICY_NO_GRANT);
		}
		if (line != decisions[i].line)
			fail_msg("%s: line %u decided, not %u", decisions[i].what, line, decisions[i].line);
	}
}

static void senseless_questions_are_refused(void **state)
{
	const struct policy_image *image = *state;
	struct policy_actor actor = {.program = -1};
	struct policy_decision decision;

	assert_int_equal(policy_explain(image, &actor, 2, OPERATION_BIT(OPERATION_READ), &decision), -EINVAL);
	assert_int_equal(policy_explain(image, &actor, 0, 0, &decision), -EINVAL);
	assert_int_equal(policy_explain(image, &actor, 0, 1, &decision), -EINVAL);
	assert_int_equal(policy_explain(image, &actor, 0, OPERATION_BIT(OPERATION_END), &decision), -EINVAL);
}

/* Role 255 lies in the last word of the bitmaps. */
static void the_last_role_counts(void **state)
{
	struct policy *policy = policy_new();
	struct policy_actor actor = {.login_uid = 100255, .uid = 100255, .program = -1};
	struct policy_image *image = NULL;
	struct policy_decision decision;
	struct buf many = {0};

	(void)state;
	buf_str(&many, "version: 1\nmode: enforce\nstores: {s: {paths: [/srv/records]}}\nroles:\n");
	for (int i = 0; i < ROLES_MAX; i++)
		buf_printf(&many, "  r%d: {users: [user%d]}\n", i, i);
	buf_str(&many, "grants: [{role: r255, store: s, access: [execute]}]\n");
	assert_int_equal(policy_add_text(policy, "m.yaml", many.data, many.len), 0);
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	assert_int_equal(image->users[255].roles.by_user.words[3], 1ull << 63);
	assert_int_equal(policy_explain(image, &actor, 0, OPERATION_BIT(OPERATION_EXECUTE), &decision), 0);
	assert_int_equal(decision.verdict, VERDICT_ALLOW);
	actor.login_uid = 100254;
	assert_int_equal(policy_explain(image, &actor, 0, OPERATION_BIT(OPERATION_EXECUTE), &decision), 0);
	assert_int_equal(decision.verdict, VERDICT_DENY);
	policy_image_free(image);
	policy_free(policy);
	buf_free(&many);
}

/* What the section does not say is recorded. */
static void the_host_section(void **state)
{
	static const char source[] = "version: 1\nmode: enforce\nstores: {s: {paths: [/srv/records]}}\n"
				     "roles: {r: {users: [user1]}}\n"
				     "grants: [{role: r, store: s, access: [read]}]\n"
				     "host: {kexec: deny, bpf: allow, approvers: [user7, 3]}\n";
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;

	(void)state;
	assert_int_equal(policy_add_text(policy, "h.yaml", source, sizeof(source) - 1), 0);
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	assert_int_equal(host_mode(image->host, HOST_KEXEC), STORE_MODE_ENFORCE);
	assert_int_equal(host_mode(image->host, HOST_BPF), STORE_MODE_INVALID);
	assert_int_equal(host_mode(image->host, HOST_MODULES), STORE_MODE_MONITOR);
	assert_int_equal(image->n_approvers, 2);
	assert_int_equal(image->approvers[0], 100007);
	assert_int_equal(image->approvers[1], 3);
	policy_image_free(image);
	policy_free(policy);
}

/* Who asks for libraries, and which are listed, a directory's each by itself. */
static void libraries(void **state)
{
	static const char source[] =
		"version: 1\nmode: enforce\n"
		"stores: {s: {paths: [/srv/records]}, m: {paths: [/srv/dicom/archive], mode: monitor}}\n"
		"roles:\n"
		"  free: {programs: [/usr/bin/restic], libraries: any}\n"
		"  packaged: {programs: [/usr/bin/restic], libraries: packaged}\n"
		"  listed: {programs: [/usr/bin/rsync], libraries: [packaged, /opt/lab/plugins/, "
		"/opt/lab/libhl7.so]}\n"
		"  alone: {programs: [/usr/bin/rsync], libraries: [/opt/lab/libhl7.so, "
		"/lib64/ld-linux-x86-64.so.2]}\n"
		"grants:\n"
		"  - {role: free, store: s, access: [read]}\n"
		"  - {role: packaged, store: m, access: [read]}\n"
		"  - {role: listed, store: m, access: [read]}\n"
		"  - {role: listed, store: s, access: [read]}\n"
		"  - {role: alone, store: s, access: [list]}\n";
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;

	(void)state;
	assert_int_equal(policy_add_text(policy, "l.yaml", source, sizeof(source) - 1), 0);
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	assert_int_equal(bits(&image->asking), 1 << 1 | 1 << 2 | 1 << 3);
	assert_int_equal(bits(&image->packaged), 1 << 1 | 1 << 2);
	assert_int_equal(bits(&image->asking_enforced), 1 << 2 | 1 << 3);
	assert_int_equal(image->roles[2].line, 7);
	assert_int_equal(image->n_libraries, 4);
	assert_string_equal(image->libraries[0].path, "/opt/lab/libhl7.so");
	assert_int_equal(bits(&image->libraries[0].found.roles), 1 << 2 | 1 << 3);
	assert_string_equal(image->libraries[1].path, "/opt/lab/plugins/a.so");
	assert_int_equal(bits(&image->libraries[1].found.roles), 1 << 2);
	assert_string_equal(image->libraries[2].path, "/opt/lab/plugins/b.so");
	assert_string_equal(image->libraries[3].path, "/usr/lib/ld-linux-x86-64.so.2");
	policy_image_free(image);
	policy_free(policy);
}

#define WORD(medium, word) media_with(0u, MEDIUM_##medium, COPIES_##word)

/* What decides of a copy: the strictest word on what it lies on, where there is one, else a path, else `else`. */
static void copies_by_medium(void **state)
{
#define ON(medium) MEDIUM_BIT(MEDIUM_##medium)
	static const struct {
		unsigned otherwise, words, media, named, reason, word;
	} rows[] = {
		{COPIES_ALLOW, 0, MEDIA_ALL, 0, 0, COPIES_ALLOW},
		{COPIES_DENY, 0, MEDIA_ALL, 0, REASON_COPIES, COPIES_DENY},
		{COPIES_DENY, 0, MEDIA_ALL, 1, 0, COPIES_DENY},
		{COPIES_ALERT, WORD(REMOVABLE, DENY), ON(FUSE), 0, REASON_COPIES, COPIES_ALERT},
		{COPIES_ALLOW, WORD(REMOVABLE, DENY), ON(REMOVABLE), 0, REASON_REMOVABLE, COPIES_DENY},
		{COPIES_ALLOW, WORD(REMOVABLE, DENY), ON(REMOVABLE), 1, REASON_REMOVABLE, COPIES_DENY},
		{COPIES_ALLOW, WORD(REMOVABLE, DENY), ON(NETWORK), 0, 0, COPIES_DENY},
		{COPIES_DENY, WORD(NETWORK, ALERT), ON(NETWORK) | ON(UNENCRYPTED), 1, REASON_NETWORK,
		 COPIES_ALERT},
		{COPIES_DENY, WORD(FUSE, ALLOW), ON(FUSE) | ON(UNENCRYPTED), 0, 0, COPIES_DENY},
		{COPIES_ALLOW, WORD(FUSE, ALLOW) | WORD(UNENCRYPTED, DENY), ON(FUSE) | ON(UNENCRYPTED), 0,
		 REASON_UNENCRYPTED, COPIES_DENY},
		{COPIES_ALLOW, WORD(UNENCRYPTED, DENY), ON(UNENCRYPTED), 1, 0, COPIES_DENY},
		{COPIES_DENY, WORD(UNENCRYPTED, ALLOW), 0, 0, REASON_COPIES, COPIES_DENY},
		{COPIES_ALLOW, WORD(REMOVABLE, ALERT) | WORD(NETWORK, DENY), MEDIA_ALL, 0, REASON_NETWORK,
		 COPIES_DENY},
		{COPIES_ALLOW, WORD(REMOVABLE, DENY) | WORD(NETWORK, DENY), MEDIA_ALL, 0, REASON_REMOVABLE,
		 COPIES_DENY},
		{COPIES_ALLOW, WORD(REMOVABLE, ALERT), 0, 0, 0, COPIES_ALLOW},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned reason = decide_copy(rows[i].otherwise, rows[i].words, rows[i].media, rows[i].named);

		assert_int_equal(reason, rows[i].reason);
		assert_int_equal(decide_copy_word(rows[i].otherwise, rows[i].words, reason), rows[i].word);
	}
#undef ON
}

static void copies_of_records(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		enum copies otherwise;
		uint32_t line;
		unsigned media;
		uint32_t lines[MEDIA_END];
	} rows[] = {
		{"", 0, COPIES_ALLOW, 0, 0, {0}},
		{"copies: {else: alert}\n", 0, COPIES_ALERT, 8, 0, {0}},
		{"\ncopies:\n\n  to: [/srv/departments/clinic, /lib]\n  else: deny\n",
		 2,
		 COPIES_DENY,
		 9,
		 0,
		 {0}},
		{"copies: {to: [/lib, /srv/index.db]}\n", 2, COPIES_ALLOW, 8, 0, {0}},
		{"copies:\n  unencrypted: allow\n  fuse: alert\n  removable: deny\n",
		 0,
		 COPIES_ALLOW,
		 8,
		 WORD(REMOVABLE, DENY) | WORD(FUSE, ALERT) | WORD(UNENCRYPTED, ALLOW),
		 {11, 0, 10, 9}},
		{"copies: {network: deny, else: deny}\n",
		 0,
		 COPIES_DENY,
		 8,
		 WORD(NETWORK, DENY),
		 {0, 8, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy *policy = policy_new();
		struct policy_image *image = NULL;
		struct buf source = {0};

		buf_printf(&source,
			   "version: 1\nmode: enforce\nstores: {ehr: {paths: [/srv/records]}}\n"
			   "roles:\n  staff: {users: [alice]}\ngrants:\n"
			   "  - {role: staff, store: ehr, access: [read]}\n%s",
			   rows[i].text);
		assert_int_equal(policy_add_text(policy, "p.yaml", source.data, source.len), 0);
		buf_free(&source);
		assert_int_equal(policy_check(policy, &fake_env), 0);
		assert_int_equal(policy_compile(policy, &image), 0);
		policy_free(policy);
		assert_int_equal(image->n_copy_paths, rows[i].n);
		assert_int_equal(image->copies, rows[i].otherwise);
		assert_int_equal(image->copies_rule.line, rows[i].line);
		assert_int_equal(image->media, rows[i].media);
		for (unsigned m = 0; m < MEDIA_END; m++)
			assert_int_equal(image->media_rules[m].line, rows[i].lines[m]);
		if (rows[i].n && rows[i].otherwise == COPIES_DENY) {
			assert_string_equal(image->copy_paths[0], "/srv/departments/clinic");
			assert_string_equal(image->copy_paths[1], "/usr/lib"); /* behind the link */
		}
		policy_image_free(image);
	}
}

static int check_text(const struct buf *source, struct policy **ret_policy)
{
	*ret_policy = policy_new();
	assert_int_equal(policy_add_text(*ret_policy, "p.yaml", source->data, source->len), 0);
	return policy_check(*ret_policy, &fake_env);
}

static void files_without_records(void **state)
{
	static const struct {
		const char *directory;
		const char *name;
		uint32_t store;
	} expected[] = {
		{"/srv/records", "VERSION", 0},
		{"/srv/records/2026", "0123456789012345678901234567890123456789012", 0},
		{"/srv/records", "LOCK", 0}, /* behind the link */
		{"/srv/dicom/archive", "VERSION", 1},
	};
	struct policy_image *image = NULL;
	struct policy *policy;
	struct buf source = {0};

	(void)state;
	buf_str(&source, "version: 1\nmode: enforce\nstores:\n"
			 "  ehr:\n    paths: [/srv/records]\n    no_records: [/srv/records/VERSION, "
			 "/srv/records/2026/0123456789012345678901234567890123456789012, /srv/link/LOCK]\n"
			 "  images: {paths: [/srv/dicom/archive], no_records: [/srv/dicom/archive/VERSION]}\n"
			 "roles:\n  staff: {users: [alice]}\ngrants:\n"
			 "  - {role: staff, store: ehr, access: [read]}\n"
			 "  - {role: staff, store: images, access: [read, delete]}\n");
	assert_int_equal(check_text(&source, &policy), 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy);
	buf_free(&source);
	assert_int_equal(image->n_no_records, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(image->no_records[i].directory, expected[i].directory);
		assert_string_equal(image->no_records[i].name, expected[i].name);
		assert_int_equal(image->no_records[i].store, expected[i].store);
	}
	policy_image_free(image);
}

/* As many as the kernel's map takes, and one more. */
static void too_many_files_without_records(void **state)
{
	(void)state;
	for (unsigned more = 0; more <= 1; more++) {
		struct policy *policy;
		struct buf source = {0};

		buf_str(&source, "version: 1\nmode: enforce\nroles:\n  staff: {users: [alice]}\ngrants:\n"
				 "  - {role: staff, store: ehr, access: [read]}\n"
				 "stores:\n  ehr:\n    paths: [/srv/records]\n    no_records:\n");
		for (unsigned i = 0; i < NO_RECORDS_MAX + more; i++)
			buf_printf(&source, "      - /srv/records/%u\n", i);
		assert_int_equal(check_text(&source, &policy), more ? -EINVAL : 0);
		assert_int_equal(policy->findings.n, more);
		if (more) {
			assert_int_equal(policy->findings.items[0].id, POLICY_LIMIT_EXCEEDED);
			assert_int_equal(policy->findings.items[0].at.line, 11 + NO_RECORDS_MAX);
		}
		policy_free(policy);
		buf_free(&source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_by_medium),
		cmocka_unit_test(roles_go_by_content),
		cmocka_unit_test(stores_and_roots),
		cmocka_unit_test(dimensions),
		cmocka_unit_test(decisions_name_their_grant),
		cmocka_unit_test(senseless_questions_are_refused),
		cmocka_unit_test(the_last_role_counts),
		cmocka_unit_test(the_host_section),
		cmocka_unit_test(libraries),
		cmocka_unit_test(copies_of_records),
		cmocka_unit_test(files_without_records),
		cmocka_unit_test(too_many_files_without_records),
	};

	return cmocka_run_group_tests_name("policy compile", tests, set_up, tear_down);
}
