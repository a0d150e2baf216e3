// SPDX-License-Identifier: Apache-2.0
/* The "actor" member of access entries, made once for each process and kept as text: see ocsf.h. */
#include "pipeline/ocsf_state.h"

#include "base/json.h"

#define ACTOR_TTL_NS 60000000000ull

static void add_user(struct buf *b, const char *key, uint32_t uid, const char *name)
{
	json_open(b, key, '{');
	json_u64_str(b, "uid", uid);
	if (name)
		json_str(b, "name", name);
	json_close(b, '}');
}

static void add_container(struct buf *b, const struct container *c)
{
	json_open(b, "container", '{');
	json_str(b, "uid", c->id);
	json_str(b, "runtime", c->runtime);
	if (c->orchestrator)
		json_str(b, "orchestrator", c->orchestrator);
	if (c->pod[0])
		json_str(b, "pod_uuid", c->pod);
	json_close(b, '}');
}

static void add_program_file(struct buf *b, const struct record_access *a, const struct enrich_actor *known)
{
	const char *name = known->program;
	size_t n = known->program_len;

	for (size_t i = n; i-- > 0;) {
		if (known->program[i] == '/') {
			name = known->program + i + 1;
			n = known->program_len - i - 1;
			break;
		}
	}
	json_open(b, "file", '{');
	json_strn(b, "name", name, n);
	json_strn(b, "path", known->program, known->program_len);
	json_u64(b, "type_id", 8);
	buf_printf(b, ",\"uid\":\"%u:%u:%llu:%u\"", a->program.dev >> 20, a->program.dev & 0xfffff,
		   (unsigned long long)a->program.ino, a->program.generation);
	json_close(b, '}');
}

/* What denials tell beyond other accesses. */
static void add_rich(struct ocsf *o, const struct record_access *a, const struct enrich_actor *known,
		     struct buf *b)
{
	json_u64(b, "created_time", enrich_wall_ms(o->enrich, a->start_boot_ns));
	json_u64(b, "tid", a->pid);
	if (a->login_uid != ID_UNSET)
		json_u64(b, "auid", a->login_uid);
	json_u64(b, "euid", a->uid);
	json_u64(b, "egid", a->gid);
	add_user(b, "group", a->gid, known->group_name);
	if (a->parent_tgid) {
		json_open(b, "parent_process", '{');
		json_u64(b, "pid", a->parent_tgid);
		json_close(b, '}');
	}
	if (known->program)
		add_program_file(b, a, known);
}

static void add_process(struct ocsf *o, const struct record_access *a, const struct enrich_actor *known,
			bool rich, struct buf *b)
{
	json_open(b, "process", '{');
	json_u64(b, "pid", a->tgid);
	json_strn(b, "name", a->comm, strnlen(a->comm, COMM_SIZE));
	if (known->program)
		json_strn(b, "path", known->program, known->program_len);
	if (known->person != a->uid)
		add_user(b, "user", a->uid, known->acting_name);
	if (known->container)
		add_container(b, known->container);
	if (rich)
		add_rich(o, a, known, b);
	json_close(b, '}');
}

static void make_actor(struct ocsf *o, const struct record_access *a, bool rich, struct actor *actor)
{
	struct enrich_actor known;
	struct buf *b = &actor->text;

	enrich_actor(o->enrich, a, rich, &known);
	buf_reset(b);
	buf_char(b, ',');
	buf_str(b, "\"actor\":{");
	add_user(b, "user", known.person, known.person_name);
	if (a->session != ID_UNSET) {
		json_open(b, "session", '{');
		json_u64_str(b, "uid", a->session);
		json_close(b, '}');
	}
	add_process(o, a, &known, rich, b);
	json_close(b, '}');
	actor->container = known.container != NULL;
	actor->person = known.person;
	actor->program = -1;
	if (known.program && !(a->flags & (RECORD_FLAG_EXE_CHANGED | RECORD_FLAG_INTERPRETED)) &&
	    o->policies[0].image)
		actor->program = policy_image_program_by_path(o->policies[0].image, known.program);
	actor->program_generation = o->policies[0].generation;
}

struct actor *ocsf_actor(struct ocsf *o, const struct record_access *a, bool rich)
{
	struct actor_key key = {
		.program = a->program,
		.cgroup = a->cgroup,
		.start_boot_ns = a->start_boot_ns,
		.tgid = a->tgid,
		.parent_tgid = a->parent_tgid,
		.uid = a->uid,
		.gid = a->gid,
		.login_uid = a->login_uid,
		.session = a->session,
		/* The thread is named in rich entries only. */
		.rich = rich ? a->pid : 0,
	};
	uint64_t version = enrich_version(o->enrich), now = a->header.boot_ns;
	struct actor *actor;

	memcpy(key.comm, a->comm, COMM_SIZE);
	actor = cache_find(o->actors, &key);
	if (actor && actor->version == version && now < actor->expires_ns)
		return actor;
	if (!actor)
		actor = cache_add(o->actors, &key);
	make_actor(o, a, rich, actor);
	/* The question itself may have brought new answers. */
	actor->version = enrich_version(o->enrich);
	actor->expires_ns = now + ACTOR_TTL_NS;
	return actor;
}

static long ask_grant(const struct actor *actor, const struct ocsf_policy *policy,
		      const struct record_access *a)
{
	struct policy_actor who = {
		.login_uid = a->login_uid,
		.uid = a->uid,
		.gids = &a->gid,
		.n_gids = 1,
		.program = actor->program_generation == policy->generation ? actor->program : -1,
	};
	struct policy_decision decision;

	/* Further groups of the process are not in the record: a grant through one of them stays untold. */
	if (a->store >= policy->image->n_stores ||
	    policy_explain(policy->image, &who, a->store, a->operations, &decision))
		return -1;
	return decision.verdict == VERDICT_ALLOW ? decision.grant : -1;
}

const struct image_grant *ocsf_actor_grant(struct actor *actor, const struct ocsf_policy *policy,
					   const struct record_access *a)
{
	struct actor_grant *g = actor->grants;

	for (unsigned i = 0; i < ACTOR_GRANTS; i++, g++) {
		if (g->known && g->generation == policy->generation && g->operations == a->operations &&
		    g->store == a->store)
			return g->grant < 0 ? NULL : &policy->image->grants[g->grant];
	}
	g = &actor->grants[actor->next_grant++ % ACTOR_GRANTS];
	*g = (struct actor_grant){policy->generation, a->operations, a->store, true,
				  ask_grant(actor, policy, a)};
	return g->grant < 0 ? NULL : &policy->image->grants[g->grant];
}
