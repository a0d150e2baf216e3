/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads `declassify:`, rules for what processes that have read records write without it being a copy.
 *
 * The rules of all files add up. Called by the table of the top level (read.c).
 */
#include "policy/reader.h"

static void read_place(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_sink *sink = out;

	read_further_path(rd, node, "the path to declassify", &sink->to, &sink->n_to);
}

static void read_to(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "to", "a list of directories or files: [/var/log]", read_place, out);
}

static void read_program(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_sink *sink = out;

	read_further_program(rd, node, &sink->programs, &sink->n_programs);
}

static void read_programs(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy_sink *sink = out;

	sink->programs_given = true;
	read_list(rd, node, "programs", "a list of program files: [/usr/local/bin/aggregate]", read_program,
		  sink);
}

static const struct key_spec sink_keys[] = {
	{"to", KEY_REQUIRED, read_to},
	{"programs", KEY_OPTIONAL, read_programs},
};

static void read_sink(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;
	struct policy_sink *sinks = read_grow(rd, policy->sinks, policy->n_sinks, sizeof(*sinks));

	if (!sinks)
		return;
	policy->sinks = sinks;
	sinks += policy->n_sinks++;
	sinks->at = node->at;
	read_mapping(rd, node, "the rule", sink_keys, sizeof(sink_keys) / sizeof(*sink_keys), sinks);
}

void read_declassify(struct reader *rd, const struct ynode *node, void *out)
{
	read_list(rd, node, "declassify", "a list of rules: [{to: [/var/log]}]", read_sink, out);
}
