/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the tree of a YAML document from libyaml's events (ytree.h).
 *
 * Owns the nodes while building; the caller owns the tree afterwards. Called by the policy's reader.
 */
#include "policy/ytree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
	char *name;
	struct ynode *node;
};

struct builder {
	yaml_parser_t parser;
	const char *bytes;
	size_t len;
	struct ytree *tree;
	struct policy_findings *findings;
	uint32_t file;
	unsigned int documents;
	struct ynode *stack[YTREE_DEPTH_MAX];
	size_t depth;
	struct anchor anchors[YTREE_ANCHORS_MAX];
	size_t n_anchors;
	bool done;
};

static struct policy_place place_of(const struct builder *b, yaml_mark_t mark)
{
	return (struct policy_place){b->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static bool no_memory(struct builder *b)
{
	b->findings->failed = true;
	return false;
}

static struct ynode *new_node(struct builder *b, enum ynode_kind kind, yaml_mark_t mark)
{
	struct ytree *tree = b->tree;
	struct ynode *node;

	if (tree->n == YTREE_NODES_MAX) {
		finding_add(b->findings, POLICY_YAML_SIZE, place_of(b, mark),
			    "more than %d values in one file", YTREE_NODES_MAX);
		return NULL;
	}
	if (tree->n == tree->cap) {
		size_t cap = tree->cap ? 2 * tree->cap : 64;
		struct ynode **all = realloc(tree->all, cap * sizeof(*all));

		if (!all) {
			no_memory(b);
			return NULL;
		}
		tree->all = all;
		tree->cap = cap;
	}
	node = calloc(1, sizeof(*node));
	if (!node) {
		no_memory(b);
		return NULL;
	}
	node->kind = kind;
	node->at = place_of(b, mark);
	node->weight = 1;
	tree->all[tree->n++] = node;
	return node;
}

static bool append_item(struct builder *b, struct ynode *parent, struct ynode *node)
{
	if (parent->n == parent->cap) {
		size_t cap = parent->cap ? 2 * parent->cap : 4;
		struct ynode **items = realloc(parent->items, cap * sizeof(*items));

		if (!items)
			return no_memory(b);
		parent->items = items;
		parent->cap = cap;
	}
	parent->items[parent->n++] = node;
	return true;
}

/* Puts a node into the collection being read. Weights are added here, so that an alias counts what it stands
 * for. */
static bool attach(struct builder *b, struct ynode *node)
{
	struct ynode *parent = b->depth ? b->stack[b->depth - 1] : NULL;

	if (!parent) {
		b->tree->root = node;
		return true;
	}
	if (parent->kind == YNODE_MAPPING && parent->n % 2 == 0 && node->kind != YNODE_SCALAR) {
		finding_expect(finding_add(b->findings, POLICY_WRONG_TYPE, node->at, "a key is %s",
					   ynode_describe(node)),
			       "a word before the colon");
	}
	return append_item(b, parent, node);
}

static bool close_collection(struct builder *b, struct ynode *node)
{
	for (size_t i = 0; i < node->n; i++) {
		node->weight += node->items[i]->weight;
		if (node->weight > YTREE_WEIGHT_MAX) {
			finding_add(b->findings, POLICY_YAML_ALIAS, node->at,
				    "aliases make more than %d values of this", YTREE_WEIGHT_MAX);
			return false;
		}
	}
	node->open = false;
	return true;
}

static void report_duplicate_key(void *arg, const struct ynode *first, const struct ynode *again)
{
	struct builder *b = arg;

	finding_other(finding_add(b->findings, POLICY_DUPLICATE_KEY, again->at,
				  "the key \"%s\" stands twice in the same mapping", first->text),
		      first->at);
}

/* libyaml lets a key stand twice, and most readers then take the last: an admin would never learn of it. */
static bool find_duplicate_keys(struct builder *b, const struct ynode *map)
{
	if (ynode_duplicates(map, 2, report_duplicate_key, b) < 0)
		return no_memory(b);
	return true;
}

static bool remember_anchor(struct builder *b, const yaml_char_t *name, struct ynode *node)
{
	if (!name)
		return true;
	if (b->n_anchors == YTREE_ANCHORS_MAX) {
		finding_add(b->findings, POLICY_YAML_ALIAS, node->at, "more than %d anchors in one file",
			    YTREE_ANCHORS_MAX);
		return false;
	}
	b->anchors[b->n_anchors].name = strdup((const char *)name);
	if (!b->anchors[b->n_anchors].name)
		return no_memory(b);
	b->anchors[b->n_anchors++].node = node;
	return true;
}

static bool take_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;

	for (size_t i = b->n_anchors; i-- > 0;) {
		if (strcmp(b->anchors[i].name, name) != 0)
			continue;
		if (!b->anchors[i].node->open)
			return attach(b, b->anchors[i].node);
		finding_other(finding_add(b->findings, POLICY_YAML_ALIAS, place_of(b, event->start_mark),
					  "the alias *%s stands inside what it names", name),
			      b->anchors[i].node->at);
		return false;
	}
	finding_expect(finding_add(b->findings, POLICY_YAML_ALIAS, place_of(b, event->start_mark),
				   "the alias *%s names nothing", name),
		       "an anchor &%s before it", name);
	return false;
}

static void refuse_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
	if (tag)
		finding_expect(finding_add(b->findings, POLICY_YAML_TAG, place_of(b, mark),
					   "the tag %s has no meaning here", (const char *)tag),
			       "the value alone");
}

static bool take_scalar(struct builder *b, const yaml_event_t *event)
{
	struct ynode *node = new_node(b, YNODE_SCALAR, event->start_mark);
	size_t len = event->data.scalar.length;

	if (!node)
		return false;
	node->text = malloc(len + 1);
	if (!node->text)
		return no_memory(b);
	memcpy(node->text, event->data.scalar.value, len);
	node->text[len] = '\0';
	node->len = strlen(node->text);
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (node->len != len)
		finding_add(b->findings, POLICY_INVALID_VALUE, node->at, "the value holds a NUL character");
	refuse_tag(b, event->data.scalar.tag, event->start_mark);
	return remember_anchor(b, event->data.scalar.anchor, node) && attach(b, node);
}

static bool take_start(struct builder *b, const yaml_event_t *event)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *anchor =
		map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	struct ynode *node;

	if (b->depth == YTREE_DEPTH_MAX) {
		finding_add(b->findings, POLICY_YAML_DEPTH, place_of(b, event->start_mark),
			    "more than %d lists or mappings inside each other", YTREE_DEPTH_MAX);
		return false;
	}
	node = new_node(b, map ? YNODE_MAPPING : YNODE_SEQUENCE, event->start_mark);
	if (!node)
		return false;
	node->open = true;
	refuse_tag(b, tag, event->start_mark);
	if (!remember_anchor(b, anchor, node) || !attach(b, node))
		return false;
	b->stack[b->depth++] = node;
	return true;
}

static bool take_end(struct builder *b)
{
	struct ynode *node = b->stack[--b->depth];

	if (!close_collection(b, node))
		return false;
	return node->kind != YNODE_MAPPING || find_duplicate_keys(b, node);
}

static bool take_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++ == 0)
			return true;
		finding_expect(finding_add(b->findings, POLICY_YAML_DOCUMENTS, place_of(b, event->start_mark),
					   "a second document begins here"),
			       "one document in a file");
		return false;
	case YAML_SCALAR_EVENT:
		return take_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return take_start(b, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return take_end(b);
	case YAML_ALIAS_EVENT:
		return take_alias(b, event);
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return true;
	default:
		return true;
	}
}

static void add_syntax_finding(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	struct policy_place at = place_of(b, p->problem_mark);
	const char *problem = p->problem ? p->problem : "cannot be read as YAML";
	size_t index = p->problem_mark.index;
	struct policy_finding *finding;

	if (p->error == YAML_MEMORY_ERROR) {
		b->findings->failed = true;
		return;
	}
	/* libyaml counts characters, not bytes: the same only while all before is ASCII, else the tab shows
	 * in its words. */
	if (strstr(problem, "tab character") || (index < b->len && b->bytes[index] == '\t')) {
		finding_expect(finding_add(b->findings, POLICY_YAML_TAB, at, "a tab is used for indentation"),
			       "spaces: YAML does not allow tabs there");
		return;
	}
	finding = finding_add(b->findings, POLICY_YAML_SYNTAX, at, "not valid YAML: %s%s%s",
			      p->context ? p->context : "", p->context ? ", " : "", problem);
	if (p->context && p->context_mark.line != p->problem_mark.line)
		finding_other(finding, place_of(b, p->context_mark));
}

static bool build(struct builder *b)
{
	yaml_event_t event;
	bool good = true;

	while (good && !b->done) {
		if (!yaml_parser_parse(&b->parser, &event)) {
			add_syntax_finding(b);
			return false;
		}
		good = take_event(b, &event);
		yaml_event_delete(&event);
	}
	return good;
}

struct ytree *ytree_parse(const char *bytes, size_t len, uint32_t file, struct policy_findings *findings)
{
	struct builder b = {.findings = findings, .file = file, .bytes = bytes, .len = len};
	bool good;

	b.tree = calloc(1, sizeof(*b.tree));
	if (!b.tree || !yaml_parser_initialize(&b.parser)) {
		findings->failed = true;
		free(b.tree);
		return NULL;
	}
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)bytes, len);
	good = build(&b);
	yaml_parser_delete(&b.parser);
	for (size_t i = 0; i < b.n_anchors; i++)
		free(b.anchors[i].name);
	if (!good) {
		ytree_free(b.tree);
		return NULL;
	}
	return b.tree;
}

void ytree_free(struct ytree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->n; i++) {
		free(tree->all[i]->text);
		free(tree->all[i]->items);
		free(tree->all[i]);
	}
	free(tree->all);
	free(tree);
}
