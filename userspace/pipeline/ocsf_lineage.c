// SPDX-License-Identifier: Apache-2.0
/*
 * What entries about data on its way tell of where it came from: unmapped.muniment.chains, for each store the processes from
 * the one that read a record to the one that acts. See ocsf.h.
 */
#include "pipeline/ocsf_state.h"

#include <sys/stat.h>

#include "base/json.h"

#define CHAINS_MAX   4	  /* stores of one entry, its own first */
#define CHAINS_BYTES 6144 /* of all chains; what is over is missing, and said to be */

bool ocsf_has_chains(const struct record_access *a)
{
	return ocsf_is_egress(a) || ocsf_is_copying(a) || a->reason == REASON_COMPARTMENT;
}

void ocsf_pass(struct ocsf *o, const struct record_pass *pass)
{
	size_t n;

	/* While the process lives, as nobody else tells its program's name. */
	enrich_program_path(o->enrich, &pass->to.program, pass->to.tgid, &n);
	lineage_pass(o->lineage, pass);
}

static uint64_t label_of(const struct record_access *a, const struct ocsf_policy *policy)
{
	return policy && a->store < policy->image->n_stores ? policy->image->stores[a->store].rules.label : 0;
}

void ocsf_learn(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy)
{
	const unsigned reads = OPERATION_BIT(OPERATION_READ) | OPERATION_BIT(OPERATION_EXECUTE);
	uint64_t label = label_of(a, policy);

	if (a->enforced != ENFORCED_ALLOWED || ocsf_is_egress(a) || a->target_tgid || !label || !o->path.len)
		return;
	if (a->flags & RECORD_FLAG_COPY)
		lineage_copy(o->lineage, &a->file, o->path.data, o->path.len);
	else if (a->operations & reads && a->operations < OPERATION_BIT(OPERATION_END) &&
		 S_ISREG(a->file_mode))
		lineage_read(o->lineage, a, label, o->path.data, o->path.len);
}

void ocsf_remember(struct ocsf *o, const struct record_view *view)
{
	const struct ocsf_policy *policy = ocsf_find_policy(o, view->access.policy_generation);

	if (ocsf_is_egress(&view->access))
		return;
	ocsf_make_path(o, view, policy);
	ocsf_learn(o, &view->access, policy);
}

static void add_path(struct buf *b, const char *key, const char *path)
{
	size_t n = path ? strlen(path) : 0;

	if (n)
		json_strn(b, key, n > LINEAGE_PATH ? path + n - LINEAGE_PATH : path,
			  n > LINEAGE_PATH ? LINEAGE_PATH : n);
}

static void add_hop(struct ocsf *o, const struct lineage_hop *hop, struct buf *b)
{
	const struct party *who = &hop->who;
	uint32_t person = who->login_uid != ID_UNSET ? who->login_uid : who->uid;
	const char *user = enrich_user_name(o->enrich, person), *program;
	size_t n;

	json_open(b, NULL, '{');
	if (hop->how)
		json_str(b, "how", lineage_how_text(hop->how));
	if (hop->how == PASS_READ || hop->how == PASS_FILE)
		add_path(b, hop->how == PASS_READ ? "record" : "file", hop->path);
	json_u64(b, "pid", who->tgid);
	json_strn(b, "name", who->comm, strnlen(who->comm, COMM_SIZE));
	program = enrich_program_path(o->enrich, &who->program, who->tgid, &n);
	if (program)
		add_path(b, "program", program);
	if (user)
		json_str(b, "user", user);
	else
		json_u64_str(b, "user", person);
	json_close(b, '}');
}

static void add_name(const struct policy_image *image, uint64_t label, struct buf *b)
{
	unsigned bit = 0;

	while (!(label >> bit & 1))
		bit++;
	if (image && image->labels[bit].name[0])
		json_str(b, "store", image->labels[bit].name);
	else
		json_u64_str(b, "store", bit);
}

/* Of a chain that grows too long the beginning stays, which is the record; its end goes missing. */
static void add_chain(struct ocsf *o, const struct record_access *a, const struct policy_image *image,
		      uint64_t label, bool refused, size_t end, struct buf *b)
{
	const struct party actor = lineage_party(a);
	struct lineage_chain chain;
	size_t before;

	lineage_find(o->lineage, &actor, label, refused, &chain);
	json_open(b, NULL, '{');
	add_name(image, label, b);
	if (refused)
		json_bool(b, "refused", true);
	json_open(b, "hops", '[');
	for (size_t i = 0; i < chain.n; i++) {
		before = b->len;
		add_hop(o, &chain.hops[i], b);
		if (b->len > end) {
			b->len = before;
			chain.incomplete = true;
			break;
		}
	}
	json_close(b, ']');
	if (chain.incomplete)
		json_bool(b, "incomplete", true);
	json_close(b, '}');
}

/* What came, or was to come, by a pipe, a socket or another's memory, and is not what the process holds. */
static bool is_offered(const struct record_access *a)
{
	return a->reason == REASON_COMPARTMENT &&
	       (a->target_tgid || !S_ISREG(a->file_mode) || a->flags & RECORD_FLAG_COPY);
}

void ocsf_add_chains(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
		     struct buf *b)
{
	const struct policy_image *image = policy ? policy->image : NULL;
	uint64_t own = label_of(a, policy), others = ocsf_is_egress(a) && own ? 0 : a->label & ~own;
	size_t end = b->len + CHAINS_BYTES;
	bool offered = is_offered(a);
	unsigned n = 0;

	json_open(b, "chains", '[');
	if (own && (offered || a->reason != REASON_COMPARTMENT)) {
		add_chain(o, a, image, own, offered, end, b);
		n++;
	}
	for (; others && n < CHAINS_MAX; others &= others - 1, n++)
		add_chain(o, a, image, others & -others, false, end, b);
	json_close(b, ']');
}
