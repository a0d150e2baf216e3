// SPDX-License-Identifier: Apache-2.0
/*
 * Reads `host:`, what others may do to the kernel that Muniment stands on. Called for that key of each source.
 */
#include "policy/reader.h"

static const char *const host_words[] = {"allow", "alert", "deny"}; /* STORE_MODE_INVALID, MONITOR, ENFORCE */

static void read_item(struct reader *rd, const struct ynode *node, struct policy_host *host,
		      enum host_item item, const char *what)
{
	struct policy_word *word = &host->words[item];
	int i;

	if (word->text && word->at.file != rd->file) {
		finding_other(finding_add(rd->findings, POLICY_DUPLICATE_KEY, node->at,
					  "host.%s is set in two files", what),
			      word->at);
		return;
	}
	*word = (struct policy_word){node->kind == YNODE_SCALAR ? node->text : "", node->at};
	i = read_choice(rd, node, what, POLICY_UNKNOWN_WORD, host_words,
			sizeof(host_words) / sizeof(*host_words));
	if (i >= 0)
		host->modes[item] = (enum store_mode)i;
}

#define ITEM_READER(name, item)                                                                              \
	static void read_##name(struct reader *rd, const struct ynode *node, void *out)                      \
	{                                                                                                    \
		read_item(rd, node, out, item, #name);                                                       \
	}

ITEM_READER(modules, HOST_MODULES)
ITEM_READER(kexec, HOST_KEXEC)
ITEM_READER(bpf, HOST_BPF)
ITEM_READER(memory, HOST_MEMORY)
ITEM_READER(kprobes, HOST_KPROBES)
ITEM_READER(sysrq, HOST_SYSRQ)

static void read_approvers(struct reader *rd, const struct ynode *node, void *out)
{
	read_user_list(rd, node, "approvers", &((struct policy_host *)out)->approvers);
}

static const struct key_spec host_keys[] = {
	{"approvers", KEY_OPTIONAL, read_approvers}, {"modules", KEY_OPTIONAL, read_modules},
	{"kexec", KEY_OPTIONAL, read_kexec},	     {"bpf", KEY_OPTIONAL, read_bpf},
	{"memory", KEY_OPTIONAL, read_memory},	     {"kprobes", KEY_OPTIONAL, read_kprobes},
	{"sysrq", KEY_OPTIONAL, read_sysrq},
};

void read_host(struct reader *rd, const struct ynode *node, void *out)
{
	struct policy *policy = out;

	read_mapping(rd, node, "host", host_keys, sizeof(host_keys) / sizeof(*host_keys), &policy->host);
}
