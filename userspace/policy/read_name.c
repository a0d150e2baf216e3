/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a host's name in an endpoint of an agreement: "lab.example.org:443". Letters, digits and hyphens by RFC 952 and
 * RFC 1123, 2.1; others as their xn-- form (RFC 5890).
 *
 * Called by the reader of endpoints (read_endpoint.c).
 */
#include <string.h>

#include "policy/reader.h"

#define LABEL_MAX 63
#define FORM	  "labels of at most 63 letters, digits and hyphens: lab.example.org"

static const char *const letters = "abcdefghijklmnopqrstuvwxyz";
static const char *const label_bytes = "abcdefghijklmnopqrstuvwxyz0123456789-";

static struct policy_finding *refuse(struct reader *rd, const struct ynode *node, const char *name,
				     const char *why)
{
	return finding_add(rd->findings, POLICY_INVALID_VALUE, node->at, "the name cannot be \"%s\": %s",
			   name, why);
}

static bool has_other_than_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return true;
	return false;
}

/* Why a label cannot be one; NULL: it can. */
static const char *label_fault(const char *label, size_t len)
{
	if (len == 0)
		return "a label is empty";
	if (len > LABEL_MAX)
		return "a label is longer than 63 bytes";
	if (label[0] == '-' || label[len - 1] == '-')
		return "a label begins or ends with a hyphen";
	return strspn(label, label_bytes) < len ? "it has other than letters, digits and hyphens" : NULL;
}

static bool check_labels(struct reader *rd, const struct ynode *node, const char *name)
{
	const char *label = name;

	for (;;) {
		size_t len = strcspn(label, ".");
		const char *fault = label_fault(label, len);

		if (fault) {
			finding_expect(refuse(rd, node, name, fault), FORM);
			return false;
		}
		if (!label[len])
			break;
		label += len + 1;
	}
	/* Else resolvers take it for an address of IPv4: inet_aton(3) reads 10.1 and 0x7f.1. */
	if (strchr(letters, label[0]))
		return true;
	finding_expect(refuse(rd, node, name, "its last label begins with no letter"), FORM);
	return false;
}

static bool check_whole(struct reader *rd, const struct ynode *node, char *name, size_t len)
{
	if (strchr(name, '*')) {
		finding_expect(refuse(rd, node, name, "names have no wildcards"),
			       "each name by itself: only a name that is known can be resolved");
		return false;
	}
	if (has_other_than_ascii(name)) {
		finding_expect(refuse(rd, node, name, "it is not in ASCII"),
			       "its xn-- form: xn--mller-kva.example for m\xc3\xbcller.example");
		return false;
	}
	if (name[len - 1] == '.') {
		struct policy_finding *finding = refuse(rd, node, name, "it ends with a dot");

		name[len - 1] = '\0';
		finding_expect(finding, "the same without: names are always looked up as they stand");
		finding_suggest(finding, name);
		return false;
	}
	return check_labels(rd, node, name);
}

bool read_host_name(struct reader *rd, const struct ynode *node, size_t len, char name[POLICY_HOST_MAX + 1])
{
	if (len > POLICY_HOST_MAX) {
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, node->at,
					   "the name is %zu bytes long", len),
			       "at most %d bytes", POLICY_HOST_MAX);
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char c = node->text[i];

		name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	name[len] = '\0';
	return check_whole(rd, node, name, len);
}
