// SPDX-License-Identifier: Apache-2.0
/* The map of flows: see flows.h. */
#include "report/flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places, in pixels. */
#define BOX_WIDTH     190
#define BOX_HEIGHT    30
#define ROW_HEIGHT    46
#define COLUMN_WIDTH  300
#define MARGIN	      30
#define HEAD_HEIGHT   96
#define LEGEND_HEIGHT 46
#define LABEL_CHARS   25
#define WIDTH_MIN     1.5
#define WIDTH_MAX     14.0

/* Columns: stores, programs by how many hops they are away from the record, destinations. */
#define DEPTH_MAX 4
#define COLUMNS	  (DEPTH_MAX + 2)
#define LAST	  (COLUMNS - 1)

struct node {
	const char *name; /* borrowed from a flow, FLOWS_OTHERS for what was folded */
	int column;
	size_t row;
	uint64_t weight;
	uint64_t folded; /* how many others it stands for; 0: it is one itself */
};

struct edge {
	size_t from, to; /* nodes */
	enum flow_verdict verdict;
	uint64_t count, bytes;
	char how[64]; /* words, as many as there is room for */
};

struct map {
	struct node *nodes;
	size_t n_nodes;
	struct edge *edges;
	size_t n_edges;
	size_t rows[COLUMNS]; /* nodes shown of each column */
	int x[COLUMNS];
	uint64_t most; /* weight of the heaviest edge */
	bool failed;
};

/* --- text --- */

/* Length in bytes of the UTF-8 character at s, and its number; 1 and U+FFFD for what is none. */
static size_t character(const char *s, uint32_t *ret_code)
{
	const unsigned char *c = (const unsigned char *)s;
	size_t n = c[0] < 0x80	  ? 1
		   : c[0] >= 0xf5 ? 0
		   : c[0] >= 0xf0 ? 4
		   : c[0] >= 0xe0 ? 3
		   : c[0] >= 0xc2 ? 2
				  : 0;
	uint32_t code = n == 1 ? c[0] : n ? c[0] & (0xffu >> (n + 1)) : 0xfffd;

	for (size_t i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80) {
			*ret_code = 0xfffd;
			return 1;
		}
		code = code << 6 | (c[i] & 0x3f);
	}
	*ret_code = code;
	return n ? n : 1;
}

/* XML 1.0, 2.2 Char; and what would turn the text around it (Unicode's bidirectional controls). */
static bool is_shown(uint32_t code)
{
	return code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0) &&
	       !(code >= 0xd800 && code < 0xe000) && !(code >= 0x202a && code <= 0x202e) &&
	       !(code >= 0x2066 && code <= 0x2069) && code != 0xfffe && code != 0xffff && code < 0x110000;
}

/* At most max characters, of which the last is an ellipsis where there are more; 0: all. */
static void add_text(struct buf *out, const char *s, size_t max)
{
	size_t shown = 0, n;
	uint32_t code;

	for (; *s; s += n, shown++) {
		n = character(s, &code);
		if (max && shown + 1 == max && s[n]) {
			buf_str(out, "…");
			return;
		}
		if (!is_shown(code) || code == 0xfffd)
			buf_str(out, "\xef\xbf\xbd");
		else if (code == '&' || code == '<' || code == '>' || code == '"' || code == '\'')
			buf_printf(out, "&#%u;", code);
		else
			buf_add(out, s, n);
	}
}

/* "1.5 MiB" */
static void add_bytes(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	double n = (double)bytes;

	for (; n >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		n /= 1024;
	buf_printf(out, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

/* --- nodes and edges --- */

static uint64_t weight_of(uint64_t bytes, uint64_t count)
{
	return bytes + count;
}

static int compare_names(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return x->column != y->column ? x->column - y->column : strcmp(x->name, y->name);
}

static int compare_weights(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->column != y->column)
		return x->column - y->column;
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Of the programs of a long chain, those in the middle share the last column but one. */
static int column_of(const struct flow *flow, size_t program)
{
	size_t last = flow->n_programs - 1;

	if (last < DEPTH_MAX)
		return (int)program + 1;
	return program == last ? DEPTH_MAX : program < DEPTH_MAX - 1 ? (int)program + 1 : DEPTH_MAX - 1;
}

static void add_node(struct map *m, const char *name, int column, const struct flow *flow)
{
	m->nodes[m->n_nodes++] =
		(struct node){.name = name, .column = column, .weight = weight_of(flow->bytes, flow->count)};
}

/* All ends of all flows, each as often as it occurs; then each once. */
static void collect_nodes(struct map *m, const struct flows *f)
{
	size_t n = 0;

	m->nodes = calloc(f->n * (FLOWS_PROGRAMS + 2) + COLUMNS, sizeof(*m->nodes));
	if (!m->nodes) {
		m->failed = true;
		return;
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct flow *flow = &f->items[i];

		add_node(m, flow->store, 0, flow);
		for (size_t k = 0; k < flow->n_programs; k++)
			add_node(m, flow->programs[k].name, column_of(flow, k), flow);
		add_node(m, flow->destination, LAST, flow);
	}
	qsort(m->nodes, m->n_nodes, sizeof(*m->nodes), compare_names);
	for (size_t i = 0; i < m->n_nodes; i++) {
		if (n && compare_names(&m->nodes[n - 1], &m->nodes[i]) == 0)
			m->nodes[n - 1].weight += m->nodes[i].weight;
		else
			m->nodes[n++] = m->nodes[i];
	}
	m->n_nodes = n;
}

/* The heaviest of each column stay; the last row stands for the rest. */
static void fold_nodes(struct map *m)
{
	size_t in_column[COLUMNS] = {0}, n = 0;

	qsort(m->nodes, m->n_nodes, sizeof(*m->nodes), compare_weights);
	for (size_t i = 0; i < m->n_nodes; i++)
		in_column[m->nodes[i].column]++;
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct node node = m->nodes[i];
		bool crowded = in_column[node.column] > FLOWS_SVG_ROWS;

		if (crowded && m->rows[node.column] == FLOWS_SVG_ROWS) {
			m->nodes[n - 1].folded++;
			m->nodes[n - 1].weight += node.weight;
			continue;
		}
		node.row = m->rows[node.column]++;
		if (crowded && node.row == FLOWS_SVG_ROWS - 1) {
			node.name = FLOWS_OTHERS;
			node.folded = 1;
		}
		m->nodes[n++] = node;
	}
	m->n_nodes = n;
}

static size_t find_node(const struct map *m, const char *name, int column)
{
	size_t others = 0;

	for (size_t i = 0; i < m->n_nodes; i++) {
		if (m->nodes[i].column != column)
			continue;
		if (!m->nodes[i].folded && strcmp(m->nodes[i].name, name) == 0)
			return i;
		others = i; /* the last of its column stands for all that are not shown */
	}
	return others;
}

static void add_how(struct edge *edge, const char *how)
{
	size_t n = strlen(edge->how);

	if (*how && !strstr(edge->how, how) && n + strlen(how) + 3 < sizeof(edge->how))
		snprintf(edge->how + n, sizeof(edge->how) - n, "%s%s", n ? ", " : "", how);
}

static void add_edge(struct map *m, size_t from, size_t to, const struct flow *flow, const char *how)
{
	struct edge *e = NULL;

	for (size_t i = 0; i < m->n_edges && !e; i++)
		if (m->edges[i].from == from && m->edges[i].to == to && m->edges[i].verdict == flow->verdict)
			e = &m->edges[i];
	if (!e) {
		e = &m->edges[m->n_edges++];
		*e = (struct edge){.from = from, .to = to, .verdict = flow->verdict};
	}
	e->count += flow->count;
	e->bytes += flow->bytes;
	add_how(e, how);
	if (weight_of(e->bytes, e->count) > m->most)
		m->most = weight_of(e->bytes, e->count);
}

static void add_edges_of(struct map *m, const struct flow *flow)
{
	size_t at = find_node(m, flow->store, 0), next;
	int column = 0;

	for (size_t k = 0; k < flow->n_programs; k++) {
		column = column_of(flow, k);
		next = find_node(m, flow->programs[k].name, column);
		if (next != at)
			add_edge(m, at, next, flow, k || !flow->incomplete ? flow->programs[k].how : "");
		at = next;
	}
	add_edge(m, at, find_node(m, flow->destination, LAST), flow,
		 *flow->agreement ? flow->agreement : flow_kind_text(flow->kind));
}

/* As many as there are pairs of shown nodes at most, so that the search among them is short. */
static void collect_edges(struct map *m, const struct flows *f)
{
	size_t pairs = m->n_nodes * m->n_nodes * FLOW_VERDICTS;
	size_t most = f->n * (FLOWS_PROGRAMS + 1);

	m->edges = calloc((pairs < most ? pairs : most) + 1, sizeof(*m->edges));
	if (!m->edges) {
		m->failed = true;
		return;
	}
	for (size_t i = 0; i < f->n; i++)
		add_edges_of(m, &f->items[i]);
}

/* --- drawing --- */

static const struct {
	const char *colour, *dash, *word;
} styles[FLOW_VERDICTS] = {
	[FLOW_ALLOWED] = {"#3b6ea5", "", "allowed"},
	[FLOW_OBSERVED] = {"#c77700", "2 4", "observed: not granted, let pass"},
	[FLOW_DENIED] = {"#b3261e", "9 5", "denied"},
};

/* Columns that hold nothing take no room, but the three that the map is about. */
static int place_columns(struct map *m)
{
	int x = MARGIN;

	for (int column = 0; column < COLUMNS; column++) {
		m->x[column] = x;
		if (m->rows[column] || column <= 1 || column == LAST)
			x += COLUMN_WIDTH;
	}
	return m->x[LAST] + BOX_WIDTH + MARGIN;
}

static int middle_of(const struct node *node)
{
	return HEAD_HEIGHT + (int)node->row * ROW_HEIGHT + BOX_HEIGHT / 2;
}

/* Orders of magnitude, as volumes differ by many. */
static double width_of(const struct map *m, const struct edge *e)
{
	uint64_t weight = weight_of(e->bytes, e->count);
	unsigned bits = 0, most = 0;

	while (weight >> bits > 1)
		bits++;
	while (m->most >> most > 1)
		most++;
	return most ? WIDTH_MIN + (WIDTH_MAX - WIDTH_MIN) * bits / most : WIDTH_MIN;
}

static void add_edge_title(const struct map *m, const struct edge *e, struct buf *out)
{
	buf_str(out, "<title>");
	add_text(out, m->nodes[e->from].name, 0);
	buf_str(out, " → ");
	add_text(out, m->nodes[e->to].name, 0);
	buf_printf(out, ": %s", styles[e->verdict].word);
	if (*e->how)
		buf_str(out, "; by ");
	add_text(out, e->how, 0);
	buf_printf(out, "; %llu times, ", (unsigned long long)e->count);
	add_bytes(out, e->bytes);
	buf_str(out, "</title>");
}

/* From one box to the next column's; past others below the row that it comes from, so that none seems to lie on the way;
 * and by an arc to the right where both are of one column, as in a long chain. */
static void add_curve(const struct map *m, const struct edge *e, struct buf *out)
{
	const struct node *from = &m->nodes[e->from], *to = &m->nodes[e->to];
	int x1 = m->x[from->column] + BOX_WIDTH, x2 = m->x[to->column], gap = COLUMN_WIDTH - BOX_WIDTH,
	    beside = ((int)e->verdict - 1) * 6, /* lines of other verdicts between the same boxes */
		y1 = middle_of(from) + beside, y2 = middle_of(to) + beside, below;

	buf_printf(out, "M%d %d", x1, y1);
	if (from->column == to->column) {
		buf_printf(out, "C%d %d %d %d %d %d", x1 + 60, y1, x1 + 60, y2, x1, y2);
		return;
	}
	if (x2 - x1 > gap) {
		below = middle_of(from) + ROW_HEIGHT / 2 + beside / 2;
		buf_printf(out, "C%d %d %d %d %d %dL%d %d", x1 + gap / 2, y1, x1 + gap / 2, below, x1 + gap,
			   below, x2 - gap, below);
		x1 = x2 - gap;
		y1 = below;
	}
	buf_printf(out, "C%d %d %d %d %d %d", x1 + gap / 2, y1, x2 - gap / 2, y2, x2, y2);
}

static void draw_edge(const struct map *m, const struct edge *e, struct buf *out)
{
	buf_str(out, "<path d=\"");
	add_curve(m, e, out);
	buf_printf(out, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-opacity=\"0.7\"",
		   styles[e->verdict].colour, width_of(m, e));
	if (*styles[e->verdict].dash)
		buf_printf(out, " stroke-dasharray=\"%s\"", styles[e->verdict].dash);
	buf_char(out, '>');
	add_edge_title(m, e, out);
	buf_str(out, "</path>\n");
}

static const char *fill_of(const struct node *node)
{
	if (node->folded)
		return "#eeeeee";
	return node->column == 0 ? "#dcebdc" : node->column == LAST ? "#f4e6d2" : "#e3e9f2";
}

static void draw_node(const struct map *m, const struct node *node, struct buf *out)
{
	int x = m->x[node->column], y = middle_of(node) - BOX_HEIGHT / 2;

	buf_printf(out,
		   "<g><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"%s\" "
		   "stroke=\"#555555\"/>",
		   x, y, BOX_WIDTH, BOX_HEIGHT, fill_of(node));
	buf_printf(out, "<text x=\"%d\" y=\"%d\" font-size=\"13\" fill=\"#1a1a1a\">", x + 8, y + 20);
	if (node->folded)
		buf_printf(out, "%llu others", (unsigned long long)node->folded);
	else
		add_text(out, node->name, LABEL_CHARS);
	buf_str(out, "</text><title>");
	if (node->folded)
		buf_printf(out, "%llu others, which carry less each", (unsigned long long)node->folded);
	else
		add_text(out, node->name, 0);
	buf_str(out, "</title></g>\n");
}

static void draw_head(const struct map *m, const char *title, struct buf *out)
{
	static const struct {
		int column;
		const char *text;
	} heads[] = {
		{0, "Stores"}, {1, "Programs, from the reader of the record on"}, {LAST, "Destinations"}};

	buf_printf(out, "<text x=\"%d\" y=\"34\" font-size=\"18\" font-weight=\"bold\" fill=\"#1a1a1a\">",
		   MARGIN);
	add_text(out, title, 100);
	buf_str(out, "</text>\n");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		buf_printf(out,
			   "<text x=\"%d\" y=\"%d\" font-size=\"14\" font-weight=\"bold\" "
			   "fill=\"#444444\">%s</text>\n",
			   m->x[heads[i].column], HEAD_HEIGHT - 18, heads[i].text);
}

static void draw_legend(int y, struct buf *out)
{
	int x = MARGIN;

	for (int i = 0; i < FLOW_VERDICTS; i++) {
		buf_printf(out,
			   "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" "
			   "stroke-width=\"4\"%s%s%s/>",
			   x, y, x + 44, y, styles[i].colour, *styles[i].dash ? " stroke-dasharray=\"" : "",
			   styles[i].dash, *styles[i].dash ? "\"" : "");
		buf_printf(out, "<text x=\"%d\" y=\"%d\" font-size=\"12\" fill=\"#1a1a1a\">%s</text>\n",
			   x + 52, y + 4, styles[i].word);
		x += i == FLOW_OBSERVED ? 260 : 120;
	}
	buf_printf(out, "<text x=\"%d\" y=\"%d\" font-size=\"12\" fill=\"#1a1a1a\">wider: more data</text>\n",
		   x, y + 4);
}

static void draw(struct map *m, const char *title, struct buf *out)
{
	int width = place_columns(m), height;
	size_t rows = 1;

	for (int column = 0; column < COLUMNS; column++)
		rows = m->rows[column] > rows ? m->rows[column] : rows;
	height = HEAD_HEIGHT + (int)rows * ROW_HEIGHT + LEGEND_HEIGHT;
	buf_printf(out,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
		   "version=\"1.1\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		   "font-family=\"sans-serif\" role=\"img\">\n<title>",
		   width, height, width, height);
	add_text(out, title, 0);
	buf_printf(out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height);
	draw_head(m, title, out);
	for (size_t i = 0; i < m->n_edges; i++)
		draw_edge(m, &m->edges[i], out);
	for (size_t i = 0; i < m->n_nodes; i++)
		draw_node(m, &m->nodes[i], out);
	if (!m->n_nodes)
		buf_printf(
			out,
			"<text x=\"%d\" y=\"%d\" font-size=\"13\" fill=\"#1a1a1a\">no data of a store went "
			"anywhere</text>\n",
			MARGIN, HEAD_HEIGHT + 20);
	draw_legend(height - LEGEND_HEIGHT / 2, out);
	buf_str(out, "</svg>\n");
}

void flows_svg(const struct flows *f, const char *title, struct buf *out)
{
	struct map m = {0};

	collect_nodes(&m, f);
	if (!m.failed) {
		fold_nodes(&m);
		collect_edges(&m, f);
	}
	if (!m.failed)
		draw(&m, title, out);
	out->failed |= m.failed;
	free(m.nodes);
	free(m.edges);
}
