/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the agreements of a source: which data may leave the host, whereto, by whom, for what, until when. How it must go,
 * and how much of it, is read_limits.c's.
 *
 * Called by the table of the top level (read.c).
 */
#include <string.h>
#include <time.h>

#include "policy/reader.h"

static void read_agreed_store(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;

	read_further_word(rd, node, "a store of the agreement", &agreement->store_names,
			  &agreement->n_stores);
}

static void read_agreed_stores(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "stores", "a list of stores: [imaging]", read_agreed_store, out);
}

static void read_agreed_role(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;

	read_further_word(rd, node, "a role of the agreement", &agreement->role_names, &agreement->n_roles);
}

static void read_agreed_roles(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;

	agreement->roles_given = true;
	read_list(rd, node, "roles", "a list of roles: [clinician]", read_agreed_role, agreement);
}

static void read_to(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "to", "a list of endpoints: [\"203.0.113.0/24:443\", \"lab.example.org:443\"]",
		  read_endpoint, out);
}

/* Recorded with what the agreement lets go, in each entry: hence the limit. */
static void read_recorded(struct reader *rd, const struct ynode *node, const char *what,
			  struct policy_word *ret_word)
{
	struct policy_word word;

	if (!read_word(rd, node, what, &word))
		return;
	if (node->len > POLICY_WORD_MAX)
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "%s is %zu bytes long", what, node->len),
			       "at most %d bytes", POLICY_WORD_MAX);
	else
		*ret_word = word;
}

static void read_purpose(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;

	read_recorded(rd, node, "purpose", &agreement->purpose);
}

static void read_partner(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;

	read_recorded(rd, node, "partner", &agreement->partner);
}

/* "2027-01-01" of the calendar, as the second at which it begins in UTC. */
static bool parse_date(const char *text, int64_t *ret_s)
{
	static const char form[] = "dddd-dd-dd";
	struct tm date = {0}, real;

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; text[i]; i++) {
		if (form[i] == '-' ? text[i] != '-' : !strchr("0123456789", text[i]))
			return false;
	}
	date.tm_year =
		(text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0' - 1900;
	date.tm_mon = (text[5] - '0') * 10 + text[6] - '0' - 1;
	date.tm_mday = (text[8] - '0') * 10 + text[9] - '0';
	real = date;
	*ret_s = timegm(&real); /* which takes the 30th of February for the 2nd of March */
	return real.tm_year == date.tm_year && real.tm_mon == date.tm_mon && real.tm_mday == date.tm_mday;
}

static void read_expires(struct reader *rd, const struct ynode *node, void *out)
{
	static const char expected[] = "a day of the calendar: 2027-01-31";
	struct policy_agreement *agreement = out;
	int64_t expires_s;

	if (ynode_scalar(node) != YSCALAR_STRING) {
		read_wrong_type(rd, node, "expires", expected);
		return;
	}
	if (!parse_date(node->text, &expires_s)) {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "expires cannot be \"%s\"", node->text),
			       "%s", expected);
		return;
	}
	agreement->expires = (struct policy_word){node->text, node->at};
	agreement->expires_s = expires_s;
}

static const struct key_spec agreement_keys[] = {
	{"stores", KEY_REQUIRED, read_agreed_stores},
	{"to", KEY_REQUIRED, read_to},
	{"roles", KEY_OPTIONAL, read_agreed_roles},
	{"purpose", KEY_OPTIONAL, read_purpose},
	{"partner", KEY_OPTIONAL, read_partner},
	{"expires", KEY_OPTIONAL, read_expires},
	{"region", KEY_OPTIONAL, read_region},
	{"tls", KEY_OPTIONAL, read_tls},
	{"quic", KEY_OPTIONAL, read_quic},
	{"starttls", KEY_OPTIONAL, read_starttls},
	{"max", KEY_OPTIONAL, read_max},
};

static void read_agreement(struct reader *rd, const struct ynode *name, const struct ynode *value)
{
	struct policy *policy = rd->policy;
	struct policy_agreement *agreements =
		read_grow(rd, policy->agreements, policy->n_agreements, sizeof(*agreements));

	if (!agreements)
		return;
	policy->agreements = agreements;
	agreements += policy->n_agreements++;
	agreements->name = (struct policy_word){name->text, name->at};
	agreements->expires_s = INT64_MAX;
	read_mapping(rd, value, "the agreement", agreement_keys,
		     sizeof(agreement_keys) / sizeof(*agreement_keys), agreements);
	read_limits_end(rd, agreements);
}

void read_agreements(struct reader *rd, const struct ynode *node, void *out)
{
	(void)out;
	read_named(rd, node, "agreements", "an agreement", read_agreement);
}
