/* SPDX-License-Identifier: Apache-2.0 */
/* Records, a host and a policy out of thin air, for the tests, fuzzers and benchmarks of the pipeline. */
#ifndef MUNIMENT_TESTS_PIPELINE_FIXTURE_H
#define MUNIMENT_TESTS_PIPELINE_FIXTURE_H

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/abi.h"
#include "pipeline/enrich.h"
#include "pipeline/ocsf.h"
#include "policy/image.h"

struct fixture_record {
	_Alignas(8) char bytes[RECORD_SIZE_MAX];
	size_t size;
};

/* Puts names (root first, as people write them) behind the fixed part, leaf first as the kernel does. */
static inline void fixture_path(struct fixture_record *r, size_t fixed, const char *path, uint16_t *ret_count,
				uint32_t *ret_bytes)
{
	size_t at = fixed, end = strlen(path);

	*ret_count = 0;
	while (end > 0) {
		size_t start = end;

		while (start > 0 && path[start - 1] != '/')
			start--;
		memcpy(r->bytes + at, path + start, end - start);
		at += end - start;
		r->bytes[at++] = '\0';
		(*ret_count)++;
		end = start > 0 ? start - 1 : 0;
	}
	*ret_bytes = (uint32_t)(at - fixed);
	r->size = at;
}

/* A permitted open for reading by postgres; tests change what they are about. */
static inline struct record_access *fixture_access(struct fixture_record *r, uint64_t sequence,
						   const char *path)
{
	struct record_access *a = (struct record_access *)r->bytes;

	memset(r->bytes, 0, sizeof(*a));
	a->header.kind = RECORD_ACCESS;
	a->header.cpu = 1;
	a->header.sequence = sequence;
	a->header.boot_ns = 123456789012 + sequence * 1000;
	a->file = (struct object_id){.ino = 1311, .dev = 8u << 20 | 1, .generation = 77};
	a->program = (struct object_id){.ino = 4711, .dev = 8u << 20 | 1, .generation = 5};
	a->file_size = 8192;
	a->start_boot_ns = 100000000000;
	a->tgid = a->pid = 3121;
	a->parent_tgid = 3100;
	a->uid = a->gid = 113;
	a->login_uid = a->session = ID_UNSET;
	a->file_mode = S_IFREG | 0600;
	a->policy_generation = 7;
	a->operations = OPERATION_BIT(OPERATION_READ);
	a->hook = HOOK_FILE_OPEN;
	a->mechanism = MECHANISM_LSM;
	a->wanted = VERDICT_ALLOW;
	a->enforced = ENFORCED_ALLOWED;
	a->reason = REASON_GRANTED;
	a->first_ns = a->header.boot_ns;
	a->tally.count = 1;
	memcpy(a->comm, "postgres", 9);
	fixture_path(r, sizeof(*a), path, &a->path_count, &a->path_bytes);
	a->header.size = (uint32_t)r->size;
	return a;
}

static inline void fixture_program(struct fixture_record *r, uint64_t sequence, const char *path)
{
	struct record_program *p = (struct record_program *)r->bytes;

	memset(r->bytes, 0, sizeof(*p));
	p->header.kind = RECORD_PROGRAM;
	p->header.cpu = 1;
	p->header.sequence = sequence;
	p->program = (struct object_id){.ino = 4711, .dev = 8u << 20 | 1, .generation = 5};
	fixture_path(r, sizeof(*p), path, &p->path_count, &p->path_bytes);
	p->header.size = (uint32_t)r->size;
}

static inline int fixture_user_name(uint32_t uid, char *ret_name)
{
	if (uid == 4242)
		return -ENOENT;
	if (uid == 113)
		strcpy(ret_name, "postgres");
	else
		snprintf(ret_name, NAMES_SIZE, "user%u", uid);
	return 0;
}

static inline int fixture_group_name(uint32_t gid, char *ret_name)
{
	snprintf(ret_name, NAMES_SIZE, "group%u", gid);
	return 0;
}

static const struct names_source fixture_names = {fixture_user_name, fixture_group_name};

static inline int fixture_user(void *ctx, const char *name, uint32_t *ret_uid)
{
	(void)ctx;
	if (strcmp(name, "postgres") != 0)
		return -ENOENT;
	*ret_uid = 113;
	return 0;
}

static inline int fixture_group(void *ctx, const char *name, uint32_t *ret_gid)
{
	(void)ctx;
	(void)name;
	(void)ret_gid;
	return -ENOENT;
}

static inline int fixture_members(void *ctx, uint32_t gid, policy_each_uid *each, void *arg)
{
	(void)ctx;
	(void)gid;
	(void)each;
	(void)arg;
	return 0;
}

static inline int fixture_path_info(void *ctx, const char *path, struct policy_path_info *ret_info)
{
	(void)ctx;
	memset(ret_info, 0, sizeof(*ret_info));
	ret_info->canonical = strdup(path);
	ret_info->inside = strdup(path);
	ret_info->device = 8u << 20 | 1;
	ret_info->dev = 0x801;
	ret_info->ino = 5381;
	for (const char *c = path; *c; c++)
		ret_info->ino = ret_info->ino * 33 + (unsigned char)*c;
	ret_info->mode = S_IFDIR | 0755;
	return 0;
}

static inline int fixture_program_info(void *ctx, const char *path, struct policy_program_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	fixture_path_info(ctx, path, &ret_info->path);
	ret_info->path.mode = S_IFREG | 0755;
	return 0;
}

static inline void fixture_no_names(void *ctx, enum policy_names kind, const char *directory,
				    policy_each_name *each, void *arg)
{
	(void)ctx;
	(void)kind;
	(void)directory;
	(void)each;
	(void)arg;
}

#define FIXTURE_POLICY                                                                                       \
	"version: 1\n"                                                                                       \
	"mode: enforce\n"                                                                                    \
	"stores:\n"                                                                                          \
	"  ehr:\n"                                                                                           \
	"    paths: [/srv/ehr]\n"                                                                            \
	"    class: restricted\n"                                                                            \
	"roles:\n"                                                                                           \
	"  database: {users: [postgres], programs: [/usr/lib/postgresql/15/bin/postgres], "                  \
	"libraries: [/usr/lib/postgresql/15/bin/postgres]}\n"                                                \
	"grants:\n"                                                                                          \
	"  - {role: database, store: ehr, access: [list, read, write]}\n"                                    \
	"host:\n"                                                                                            \
	"  modules: deny\n"

/* The image of FIXTURE_POLICY; NULL and its findings on standard error when it is not accepted. */
static inline struct policy_image *fixture_image(void)
{
	static const struct policy_resolver resolver = {
		.user = fixture_user,
		.group = fixture_group,
		.members = fixture_members,
		.path = fixture_path_info,
		.program = fixture_program_info,
		.names = fixture_no_names,
	};
	const struct policy_env env = {.resolver = &resolver};
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;

	if (!policy)
		return NULL;
	policy_add_text(policy, "/etc/muniment/policy.d/10-ehr.yaml", FIXTURE_POLICY, strlen(FIXTURE_POLICY));
	if (policy_check(policy, &env) || policy_compile(policy, &image)) {
		for (size_t i = 0; i < policy->findings.n; i++)
			fprintf(stderr, "fixture policy: %s\n", policy->findings.items[i].message);
	}
	policy_free(policy);
	return image;
}

/* Gives the image n rules that declassify, on lines 20, 21 … 0 or -1. */
static inline int fixture_declassifies(struct policy_image *image, size_t n)
{
	struct image_sink *sinks = calloc(n, sizeof(*sinks));

	if (!sinks)
		return -1;
	free(image->sinks);
	image->sinks = sinks;
	image->n_sinks = n;
	for (size_t i = 0; i < n; i++)
		sinks[i] = (struct image_sink){.any_program = true, .line = (uint32_t)(20 + i)};
	return 0;
}

/* The same image with two agreements, numbers 1 and 2, of which the second tells nothing beyond its name. */
static inline struct policy_image *fixture_agreed_image(void)
{
	struct policy_image *image = fixture_image();

	if (!image)
		return NULL;
	free(image->agreements);
	image->agreements = calloc(2, sizeof(*image->agreements));
	image->n_agreements = 2;
	image->agreements[0] = (struct image_agreement){
		.name = strdup("lab"),
		.purpose = strdup("blood tests, \"urgent\""),
		.partner = strdup("Labor Nord"),
		.rules.limits = {.max_bytes = 4096, .window_ns = 604800000000000},
		.expires_s = INT64_MAX,
		.line = 14,
	};
	image->agreements[1] = (struct image_agreement){
		.name = strdup("backup"),
		.purpose = strdup(""),
		.partner = strdup(""),
		.expires_s = INT64_MAX,
		.line = 20,
	};
	image->dns_rule = (struct image_rule){0, 31};
	free(image->hosts);
	image->hosts = calloc(1, sizeof(*image->hosts));
	image->n_hosts = image->hosts != NULL;
	if (image->hosts)
		image->hosts[0] =
			(struct image_host){.name = strdup("lab.example.org"), .id = 0xfeedfacecafebeefu};
	return image;
}

/* Makes a record one of data that goes to an address of IPv4, or of IPv6 where ipv6 is not NULL. */
static inline void fixture_send(struct fixture_record *r, const __u8 *ipv6, uint16_t port)
{
	static const __u8 ipv4[16] = {[10] = 0xff, 0xff, 203, 0, 113, 9};
	struct record_access *a = (struct record_access *)r->bytes;

	a->file = (struct object_id){0};
	a->file_size = a->path_bytes = a->path_count = 0;
	a->file_mode = 0;
	a->header.size = sizeof(*a);
	r->size = sizeof(*a);
	a->operations = OPERATION_BIT(OPERATION_SEND);
	a->hook = HOOK_SOCKET_SENDMSG;
	a->reason = a->wanted == VERDICT_ALLOW ? REASON_AGREED : REASON_NOT_AGREED;
	memcpy(a->peer.address, ipv6 ? ipv6 : ipv4, sizeof(a->peer.address));
	a->peer.port = port;
	a->peer.family = ipv6 ? AF_INET6 : AF_INET;
	a->peer.type = SOCK_STREAM;
	a->peer.protocol = IPPROTO_TCP;
}

/* A file that mounts_new reads: the root on 8:1, /srv on 8:2, and a bind of a part of 8:3. */
#define FIXTURE_MOUNTS                                                                                       \
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"                                            \
	"23 22 8:2 / /srv rw - xfs /dev/sda2 rw\n"                                                           \
	"24 22 8:2 /deep /mnt/bind rw - xfs /dev/sda2 rw\n"                                                  \
	"25 22 8:3 /only/part /mnt/with\\040space rw - ext4 /dev/sda3 rw\n"                                  \
	"26 22 0:25 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n"                                     \
	"broken line\n"

static const struct host fixture_host = {
	.name = "ehr-db1",
	.machine_id = "0123456789abcdef0123456789abcdef",
	.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
};

#define FIXTURE_NONCE "AAAAAAAAAAAAAAAAAAAAAA"

#endif
