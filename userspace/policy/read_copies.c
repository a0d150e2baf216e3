/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads `copies:`, where a process that has read records may write them to outside of every store.
 *
 * Called by the table of the top level (read.c).
 */
#include <string.h>

#include "policy/reader.h"

static const char *const copies_words[] = {"allow", "alert", "deny"}; /* enum copies */

static void read_place(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_copies *copies = out;

	read_further_path(rd, node, "the path for copies", &copies->to, &copies->n_to);
}

static void read_to(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "to", "a list of directories or files: [/srv/work]", read_place, out);
}

/* enum copies, or -1 after a finding. */
static int read_copies_word(struct reader *rd, const struct ynode *node, const char *what)
{
	return read_choice(rd, node, what, POLICY_UNKNOWN_WORD, copies_words,
			   sizeof(copies_words) / sizeof(*copies_words));
}

static void read_else(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_copies *copies = out;
	int i = read_copies_word(rd, node, "else");

	if (i >= 0)
		copies->otherwise = (enum copies)i;
}

static void read_medium(struct reader *rd, const struct ynode *node, struct policy_copies *copies,
			enum medium medium, const char *what)
{
	int i = read_copies_word(rd, node, what);

	copies->media_at[medium] = node->at;
	if (i >= 0)
		copies->media = (uint8_t)media_with(copies->media, medium, (unsigned)i);
}

static void read_removable(struct reader *rd, const struct ynode *node, void *out)
{
	read_medium(rd, node, out, MEDIUM_REMOVABLE, "removable");
}

static void read_network(struct reader *rd, const struct ynode *node, void *out)
{
	read_medium(rd, node, out, MEDIUM_NETWORK, "network");
}

static void read_fuse(struct reader *rd, const struct ynode *node, void *out)
{
	read_medium(rd, node, out, MEDIUM_FUSE, "fuse");
}

static void read_unencrypted(struct reader *rd, const struct ynode *node, void *out)
{
	read_medium(rd, node, out, MEDIUM_UNENCRYPTED, "unencrypted");
}

static const struct key_spec copies_keys[] = {
	{"to", KEY_OPTIONAL, read_to},
	{"else", KEY_OPTIONAL, read_else},
	{"removable", KEY_OPTIONAL, read_removable},
	{"network", KEY_OPTIONAL, read_network},
	{"fuse", KEY_OPTIONAL, read_fuse},
	{"unencrypted", KEY_OPTIONAL, read_unencrypted},
};

/* Where the key stands whose value this is: the value may begin on a line below. */
static struct policy_place key_place(const struct reader *rd, const struct ynode *value)
{
	const struct ynode *root = rd->policy->files[rd->file].tree->root;

	for (size_t i = 0; i + 1 < root->n; i += 2) {
		if (root->items[i + 1] == value && root->items[i]->kind == YNODE_SCALAR &&
		    strcmp(root->items[i]->text, "copies") == 0)
			return root->items[i]->at;
	}
	return value->at;
}

void read_copies(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_copies *copies = &((struct policy *)out)->copies;
	size_t errors = rd->findings->errors;

	if (!read_once(rd, node, "copies", copies->given ? &copies->at : NULL))
		return;
	copies->given = true;
	copies->at = key_place(rd, node);
	read_mapping(rd, node, "copies", copies_keys, sizeof(copies_keys) / sizeof(*copies_keys), copies);
	/* With an error among them, the key that restricts may be the one that was misread. */
	if (copies->n_to && copies->otherwise == COPIES_ALLOW && rd->findings->errors == errors &&
	    media_word(copies->media, MEDIUM_UNENCRYPTED) <= COPIES_ALLOW + 1)
		finding_expect(finding_add(rd->findings, POLICY_COPIES_UNRESTRICTED, copies->at,
					   "copies may lie elsewhere, too: \"to\" restricts nothing"),
			       "else: deny or else: alert");
}
