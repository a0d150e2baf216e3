// SPDX-License-Identifier: Apache-2.0
/* Flows out of entries, and as JSON: see flows.h. The map is flows_svg.c's. */
#include "report/flows.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const char *const kinds[] = {
	[FLOW_SEND] = "send", [FLOW_COPY] = "copy", [FLOW_MEETING] = "compartment"};
static const char *const verdicts[FLOW_VERDICTS] = {
	[FLOW_ALLOWED] = "allowed", [FLOW_OBSERVED] = "observed", [FLOW_DENIED] = "denied"};

const char *flow_kind_text(enum flow_kind kind)
{
	return kinds[kind];
}

const char *flow_verdict_text(enum flow_verdict verdict)
{
	return verdicts[verdict];
}

/* --- one entry --- */

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

static bool kind_of(const json_t *entry, const json_t *own, enum flow_kind *ret_kind)
{
	const char *operation = json_string_value(json_array_get(json_object_get(own, "operations"), 0));

	if (strcmp(text(own, "reason"), "compartment") == 0)
		*ret_kind = FLOW_MEETING;
	else if (number(entry, "class_uid") == 4001)
		*ret_kind = FLOW_SEND;
	else if (operation && strcmp(operation, "copy") == 0)
		*ret_kind = FLOW_COPY;
	else
		return false;
	return true;
}

static void add_destination(const json_t *entry, enum flow_kind kind, struct buf *out)
{
	const json_t *to = json_object_get(entry, "dst_endpoint"), *process;
	const char *ip = text(to, "ip"), *path = text(json_object_get(entry, "file"), "path");

	if (kind == FLOW_SEND) {
		buf_printf(out, strchr(ip, ':') ? "[%s]" : "%s", *ip ? ip : text(to, "name"));
		if (json_object_get(to, "port"))
			buf_printf(out, ":%lld", (long long)number(to, "port"));
		return;
	}
	process = json_object_get(entry, "process");
	if (!*path)
		path = text(json_object_get(process, "file"), "path");
	buf_str(out, *path ? path : "(unknown)");
}

static const char *name_of(const json_t *hop)
{
	const char *program = text(hop, "program"), *slash = strrchr(program, '/'), *name = text(hop, "name");

	if (slash && slash[1])
		return slash + 1;
	return *name ? name : "(unknown)";
}

/* The same program again by fork tells nothing more. */
static bool is_repeated(const struct flow *flow, const char *name, const char *how)
{
	return flow->n_programs && strcmp(how, "fork") == 0 &&
	       strcmp(flow->programs[flow->n_programs - 1].name, name) == 0;
}

static bool add_program(struct flow *flow, const char *name, const char *how)
{
	struct flow_program *program;

	if (flow->n_programs == FLOWS_PROGRAMS || is_repeated(flow, name, how))
		return true;
	program = &flow->programs[flow->n_programs++];
	program->name = strdup(name);
	program->how = strdup(how);
	return program->name && program->how;
}

/* Of an entry from before there were chains, or whose chain is empty: who acted. */
static bool add_actor(struct flow *flow, const json_t *entry)
{
	const json_t *process = json_object_get(json_object_get(entry, "actor"), "process");
	const char *path = text(process, "path"), *slash = strrchr(path, '/');

	flow->incomplete = true;
	return add_program(flow, slash && slash[1] ? slash + 1 : text(process, "name"), "");
}

/* The chain of the entry's own store, else the first. */
static const json_t *chain_of(const json_t *own)
{
	const json_t *chains = json_object_get(own, "chains"), *chain;
	size_t i;

	json_array_foreach (chains, i, chain) {
		if (strcmp(text(chain, "store"), text(own, "store")) == 0)
			return chain;
	}
	return json_array_get(chains, 0);
}

static bool add_programs(struct flow *flow, const json_t *entry, const json_t *own)
{
	const json_t *chain = chain_of(own), *hops = json_object_get(chain, "hops"), *hop;
	bool good = true;
	size_t i;

	json_array_foreach (hops, i, hop) {
		good &= add_program(flow, name_of(hop), text(hop, "how"));
	}
	flow->incomplete = json_is_true(json_object_get(chain, "incomplete"));
	return good && (flow->n_programs || add_actor(flow, entry));
}

static enum flow_verdict verdict_of(const json_t *entry)
{
	switch (number(entry, "action_id")) {
	case 1:
		return FLOW_ALLOWED;
	case 3:
		return FLOW_OBSERVED;
	default:
		return FLOW_DENIED;
	}
}

/* Of an entry that counts repeats only those are new. */
static uint64_t count_of(const json_t *entry, const json_t *own)
{
	if (json_object_get(own, "repeats"))
		return (uint64_t)number(own, "repeats");
	return json_object_get(entry, "count") ? (uint64_t)number(entry, "count") : 1;
}

static void release(struct flow *flow)
{
	free(flow->store);
	free(flow->destination);
	free(flow->agreement);
	for (size_t i = 0; i < flow->n_programs; i++) {
		free(flow->programs[i].name);
		free(flow->programs[i].how);
	}
}

static bool read_entry(const json_t *entry, struct flow *flow)
{
	const json_t *own = json_object_get(json_object_get(entry, "unmapped"), "muniment");
	struct buf destination = {0};
	bool good;

	memset(flow, 0, sizeof(*flow));
	if (!kind_of(entry, own, &flow->kind))
		return false;
	add_destination(entry, flow->kind, &destination);
	flow->destination = destination.data;
	flow->store = strdup(text(own, "store"));
	flow->agreement = strdup(text(own, "agreement"));
	good = add_programs(flow, entry, own) && flow->store && flow->agreement && !destination.failed &&
	       flow->destination;
	flow->verdict = verdict_of(entry);
	flow->count = count_of(entry, own);
	flow->bytes = (uint64_t)number(own, "bytes_written");
	flow->first_ms =
		json_object_get(entry, "start_time") ? number(entry, "start_time") : number(entry, "time");
	flow->last_ms = number(entry, "time");
	if (!good)
		release(flow);
	return good;
}

/* --- all of them --- */

static void add_key(struct buf *key, const char *part)
{
	buf_str(key, part);
	buf_char(key,
		 '\n'); /* parts are JSON's strings: one with a line's end makes no other key by chance */
}

static void make_key(const struct flow *flow, struct buf *key)
{
	buf_printf(key, "%d %d %d\n", flow->kind, flow->verdict, flow->incomplete);
	add_key(key, flow->store);
	add_key(key, flow->destination);
	add_key(key, flow->agreement);
	for (size_t i = 0; i < flow->n_programs; i++) {
		add_key(key, flow->programs[i].how);
		add_key(key, flow->programs[i].name);
	}
}

/* What a flow becomes when there are too many different ones. */
static bool blur(struct flow *flow)
{
	while (flow->n_programs) {
		flow->n_programs--;
		free(flow->programs[flow->n_programs].name);
		free(flow->programs[flow->n_programs].how);
	}
	free(flow->destination);
	free(flow->agreement);
	flow->destination = strdup(FLOWS_OTHERS);
	flow->agreement = strdup("");
	flow->incomplete = true;
	flow->kind = FLOW_SEND;
	return flow->destination && flow->agreement && add_program(flow, FLOWS_OTHERS, "");
}

static struct flow *find(struct flows *f, const struct flow *flow, struct buf *key)
{
	const json_t *known;

	buf_reset(key);
	make_key(flow, key);
	known = key->failed ? NULL : json_object_get(f->index, key->data);
	return known ? &f->items[json_integer_value(known)] : NULL;
}

/* Takes the flow over. */
static bool append(struct flows *f, const struct flow *flow, const struct buf *key)
{
	struct flow *items = f->items;

	if ((f->n & (f->n - 1)) == 0)
		items = realloc(items, (f->n ? 2 * f->n : 1) * sizeof(*items));
	if (!items)
		return false;
	f->items = items;
	if (key->failed || json_object_set_new(f->index, key->data, json_integer((json_int_t)f->n)))
		return false;
	items[f->n++] = *flow;
	return true;
}

static void merge(struct flow *known, const struct flow *flow)
{
	known->count += flow->count;
	known->bytes += flow->bytes;
	if (flow->first_ms < known->first_ms)
		known->first_ms = flow->first_ms;
	if (flow->last_ms > known->last_ms)
		known->last_ms = flow->last_ms;
}

void flows_add(struct flows *f, const json_t *entry)
{
	struct buf key = {0};
	struct flow flow, *known;

	if (!f->index)
		f->index = json_object();
	if (!f->index || !read_entry(entry, &flow))
		return;
	f->entries++;
	known = find(f, &flow, &key);
	if (!known && f->n >= FLOWS_MAX && blur(&flow))
		known = find(f, &flow, &key);
	if (known)
		merge(known, &flow);
	if (known || !append(f, &flow, &key)) {
		f->failed |= !known;
		release(&flow);
	}
	buf_free(&key);
}

void flows_free(struct flows *f)
{
	for (size_t i = 0; i < f->n; i++)
		release(&f->items[i]);
	free(f->items);
	json_decref(f->index);
	memset(f, 0, sizeof(*f));
}

static int by_volume(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;
	int order;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = strcmp(x->store, y->store);
	return order ? order : strcmp(x->destination, y->destination);
}

void flows_sort(struct flows *f)
{
	json_object_clear(f->index); /* its numbers do not hold any more */
	if (f->n)
		qsort(f->items, f->n, sizeof(*f->items), by_volume);
}

/* --- for programs --- */

static void add_flow(const struct flow *flow, struct buf *out)
{
	json_open(out, NULL, '{');
	json_str(out, "store", flow->store);
	json_open(out, "programs", '[');
	for (size_t i = 0; i < flow->n_programs; i++) {
		json_open(out, NULL, '{');
		json_str(out, "name", flow->programs[i].name);
		if (*flow->programs[i].how)
			json_str(out, "how", flow->programs[i].how);
		json_close(out, '}');
	}
	json_close(out, ']');
	if (flow->incomplete)
		json_bool(out, "incomplete", true);
	json_str(out, "kind", kinds[flow->kind]);
	json_str(out, "destination", flow->destination);
	if (*flow->agreement)
		json_str(out, "agreement", flow->agreement);
	json_str(out, "verdict", verdicts[flow->verdict]);
	json_u64(out, "count", flow->count);
	json_u64(out, "bytes", flow->bytes);
	json_i64(out, "first_ms", flow->first_ms);
	json_i64(out, "last_ms", flow->last_ms);
	json_close(out, '}');
}

void flows_json(const struct flows *f, int64_t since_ms, int64_t until_ms, struct buf *out)
{
	json_open(out, NULL, '{');
	if (since_ms != INT64_MIN)
		json_i64(out, "since_ms", since_ms);
	if (until_ms != INT64_MAX)
		json_i64(out, "until_ms", until_ms);
	json_u64(out, "entries", f->entries);
	json_open(out, "flows", '[');
	for (size_t i = 0; i < f->n; i++)
		add_flow(&f->items[i], out);
	json_close(out, ']');
	json_close(out, '}');
	buf_char(out, '\n');
	out->failed |= f->failed;
}
