/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads how what an agreement lets go must go, and how much of it: tls, quic, starttls, max.
 *
 * Called by the reader of agreements (read_agreement.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "policy/reader.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NS_PER_S 1000000000ull

void read_tls(struct reader *rd, const struct ynode *node, void *out)
{
	static const char *const words[] = {"1.2", "1.3"};
	static const char expected[] = "\"1.2\" or \"1.3\": the lowest version that will do";
	struct policy_agreement *agreement = out;
	struct policy_finding *finding;
	enum yscalar type = ynode_scalar(node);

	agreement->tls_given = true;
	/* Without quotes it is a number to YAML, and cannot mean anything else. */
	if (type != YSCALAR_STRING && type != YSCALAR_FLOAT && type != YSCALAR_INT) {
		read_wrong_type(rd, node, "tls", expected);
		return;
	}
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(node->text, words[i]) == 0) {
			agreement->limits.tls = TLS_1_2 + (uint32_t)i;
			return;
		}
	}
	finding =
		finding_add(rd->findings, POLICY_UNKNOWN_WORD, node->at, "tls cannot be \"%s\"", node->text);
	finding_expect(finding, "%s", expected);
	finding_suggest(finding, suggest_nearest(node->text, words, COUNT(words)));
}

void read_quic(struct reader *rd, const struct ynode *node, void *out)
{
	static const char *const words[] = {"deny", "allow"};
	struct policy_agreement *agreement = out;
	int word = read_choice(rd, node, "quic", POLICY_UNKNOWN_WORD, words, COUNT(words));

	agreement->quic_at = node->at;
	agreement->limits.quic = word > 0;
}

static void read_starttls_port(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;
	unsigned long port = ynode_scalar(node) == YSCALAR_INT &&
					     strspn(node->text, "0123456789") == node->len && node->len <= 5
				     ? strtoul(node->text, NULL, 10)
				     : 0;

	if (port < 1 || port > 65535) {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "a port of starttls cannot be %s", ynode_describe(node)),
			       "a number from 1 to 65535: 587");
		return;
	}
	if (agreement->n_starttls == STARTTLS_MAX) {
		finding_expect(finding_add(rd->findings, POLICY_LIMIT_EXCEEDED, node->at,
					   "starttls has more than %d ports", STARTTLS_MAX),
			       "at most %d", STARTTLS_MAX);
		return;
	}
	agreement->limits.starttls[agreement->n_starttls++] = (uint16_t)port;
}

void read_starttls(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;

	agreement->starttls_at = node->at;
	read_list(rd, node, "starttls", "a list of ports: [25, 587]", read_starttls_port, out);
}

void read_max(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_agreement *agreement = out;
	uint64_t bytes, period_s;

	if (!read_volume(rd, node, "max", &bytes, &period_s))
		return;
	agreement->limits.max_bytes = bytes;
	agreement->limits.window_ns = period_s * NS_PER_S;
}

/* What says how TLS may come needs an agreement that asks for it. */
void read_limits_end(struct reader *rd, const struct policy_agreement *agreement)
{
	const struct {
		const char *key;
		struct policy_place at;
	} keys[] = {{"quic", agreement->quic_at}, {"starttls", agreement->starttls_at}};

	for (size_t i = 0; i < COUNT(keys); i++) {
		if (keys[i].at.line && !agreement->tls_given)
			finding_expect(
				finding_add(rd->findings, POLICY_MISSING_KEY, keys[i].at,
					    "\"%s\" in the agreement \"%s\" says nothing without \"tls\"",
					    keys[i].key, agreement->name.text),
				"tls: \"1.2\", or \"%s\" left out", keys[i].key);
	}
}
