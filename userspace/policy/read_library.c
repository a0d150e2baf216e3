/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what may be loaded into the programs of a role: `any`, `packaged`, or a list of files, directories and
 * `packaged`.
 *
 * Called by the reader of roles (read_role.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "policy/reader.h"

#define EXAMPLE "packaged, any, or a list: [packaged, /opt/lab/lib/libhl7.so]"

static void report_word(struct reader *rd, const struct ynode *node, const char *const *words, size_t n,
			const char *expected)
{
	struct policy_finding *finding = finding_add(rd->findings, POLICY_UNKNOWN_WORD, node->at,
						     "libraries cannot be \"%s\"", node->text);

	finding_expect(finding, "%s", expected);
	finding_suggest(finding, suggest_nearest(node->text, words, n));
}

static bool is_path(const char *text)
{
	return strchr(text, '/') || text[0] == '.';
}

static void add_file(struct reader *rd, struct policy_program *library, struct policy_libraries *libraries)
{
	struct policy_program *items = NULL;
	size_t n = library->word.text ? strlen(library->word.text) : 0;

	library->directory = n > 0 && library->word.text[n - 1] == '/';
	if (library->directory && library->digests_given)
		finding_expect(finding_add(rd->findings, POLICY_INVALID_VALUE, library->digests_at,
					   "the directory \"%s\" has no digest", library->word.text),
			       "a file, or the directory as a path alone");
	if (n)
		items = read_grow(rd, libraries->items, libraries->n, sizeof(*items));
	if (!items) {
		free(library->digests);
		return;
	}
	libraries->items = items;
	items[libraries->n++] = *library;
}

static void read_item(struct reader *rd, const struct ynode *node, void *out)
{
	static const char *const words[] = {"packaged"};
	struct policy_libraries *libraries = out;
	struct policy_program library = {0};

	if (node->kind == YNODE_MAPPING) {
		read_program_mapping(rd, node, &library);
	} else if (ynode_scalar(node) == YSCALAR_STRING && !is_path(node->text)) {
		if (strcmp(node->text, "packaged") == 0)
			libraries->packaged = (struct policy_word){node->text, node->at};
		else
			report_word(rd, node, words, 1,
				    "packaged, or the path of a library; any stands alone");
		return;
	} else {
		read_path(rd, node, "the library", &library.word);
	}
	add_file(rd, &library, libraries);
}

void read_libraries(struct reader *rd, const struct ynode *node, void *out)
{
	static const char *const words[] = {"packaged", "any"};
	struct policy_libraries *libraries = &((struct policy_role *)out)->libraries;

	libraries->at = node->at;
	libraries->asked = true;
	if (node->kind != YNODE_SCALAR) {
		read_list(rd, node, "libraries", EXAMPLE, read_item, libraries);
		return;
	}
	if (ynode_scalar(node) != YSCALAR_STRING) {
		read_wrong_type(rd, node, "libraries", EXAMPLE);
	} else if (strcmp(node->text, "any") == 0) {
		libraries->asked = false;
	} else if (strcmp(node->text, "packaged") == 0) {
		libraries->packaged = (struct policy_word){node->text, node->at};
	} else {
		report_word(rd, node, words, 2, EXAMPLE);
	}
}
