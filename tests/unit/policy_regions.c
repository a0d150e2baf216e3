/* SPDX-License-Identifier: Apache-2.0 */
/* Regions of agreements: words, tables of networks, and what they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "policy/image.h"
#include "policy/network.h"
#include "tests/policy/fake_resolver.h"
#include "tests/unit/database_writer.h"

static char csv_path[] = "/tmp/muniment-regions-XXXXXX";
static char database_path[] = "/tmp/muniment-database-XXXXXX";

static const char *const words[] = {"DE", "EU", "CH"};
#define DE 1u
#define EU 2u
#define CH 4u

static void write_csv(const char *text)
{
	FILE *file = fopen(csv_path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void address_of(const char *text, uint8_t out[16])
{
	assert_int_equal(inet_pton(AF_INET6, text, out), 1);
}

static uint64_t find(const struct region_network *networks, size_t n, const uint8_t address[16])
{
	uint64_t regions = 0;
	int found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!network_contains(networks[i].address, networks[i].prefix, address))
			continue;
		regions = networks[i].regions;
		found++;
	}
	assert_true(found <= 1); /* they lie apart */
	return regions;
}

static void unions_have_their_members(void **state)
{
	size_t n, countries = 0, eu = 0, eea = 0;
	const char *const *all = region_words(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || strcmp(all[i - 1], all[i]) < 0);
		if (strlen(all[i]) != 2 || !region_is_country(all[i]))
			continue;
		countries++;
		eu += region_has("EU", all[i]);
		eea += region_has("EEA", all[i]);
		assert_int_equal(region_has("DE", all[i]), strcmp(all[i], "DE") == 0);
	}
	assert_int_equal(countries, 249);
	assert_int_equal(eu, 27);
	assert_int_equal(eea, 30);
	assert_true(region_has("EEA", "NO") && !region_has("EU", "NO"));
	assert_false(region_has("EEA", "CH") || region_has("EU", "GB"));
	assert_false(region_is_country("EU") || region_is_country("UK") || region_is_country("XX"));
}

static int read_csv(const char *text, struct region_network **networks, size_t *n, char *message)
{
	struct region_table *table = region_table_new(words, 3);
	int err;

	write_csv(text);
	err = region_table_read_csv(table, csv_path, message);
	if (!err)
		err = region_table_finish(table, networks, n, message);
	region_table_free(table);
	return err;
}

static const struct {
	const char *address;
	uint64_t regions;
} rows[] = {
	{"::ffff:203.0.113.1", DE | EU},
	{"::ffff:203.0.113.127", DE | EU},
	{"::ffff:203.0.113.128", 0},
	{"::ffff:203.0.113.255", 0},
	{"::ffff:203.0.113.130", CH},
	{"::ffff:203.0.112.255", 0},
	{"::ffff:203.0.114.0", EU},
	{"::ffff:198.51.100.255", DE | EU},
	{"2001:db8::1", EU},
	{"2001:db8:1::1", CH},
	{"2001:db9::1", 0},
	{"::203.0.113.1", 0},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", CH},
};

static void rows_come_to_networks(void **state)
{
	static const char text[] =
		"network,region\n# ours\n\n203.0.113.0/24,DE\n203.0.113.128/25,US\r\n"
		"203.0.113.130/32,CH\n203.0.114.0/24,FR\n198.51.100.0/25,DE\n198.51.100.128/25,DE\n"
		"2001:db8::/32,AT\n2001:db8:1::/48,CH\nff00::/8,CH";
	struct region_network *networks = NULL;
	char message[REGION_MESSAGE] = "";
	size_t n = 0;

	(void)state;
	assert_int_equal(read_csv(text, &networks, &n, message), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t address[16];

		address_of(rows[i].address, address);
		if (find(networks, n, address) != rows[i].regions)
			fail_msg("%s: %llx", rows[i].address, (unsigned long long)find(networks, n, address));
	}
	/* What is in no region is left out, and neighbours that are in the same are one. */
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(networks[i].regions, 0);
		if (networks[i].address[12] == 198)
			assert_int_equal(networks[i].prefix, 96 + 24);
	}
	free(networks);
}

static const struct {
	const char *text;
	const char *says;
} refused[] = {
	{"203.0.113.0/24\n", "line 1: there is no comma"},
	{"network,region\n203.0.113.0/24,DEU\n", "line 2: \"DEU\" is no country"},
	{"203.0.113.0/24,UK\n", "\"UK\" is no country"},
	{"203.0.113.0/24,EU\n", "\"EU\" is no country"},
	{"203.0.113.0/24,de\n", "\"de\" is no country"},
	{"203.0.113.0/24,DE,2\n", "is no country"},
	{"203.0.113.1/24,DE\n", "bits below the prefix"},
	{"203.0.113.0/33,DE\n", "from 0 to 32"},
	{"2001:db8::/129,DE\n", "from 0 to 128"},
	{"203.0.113.0/,DE\n", "prefix is wrong"},
	{"203.0.113.0/2x,DE\n", "prefix is wrong"},
	{"[2001:db8::]/32,DE\n", "no address"},
	{"lab.example,DE\n", "no address"},
	{" 203.0.113.0/24,DE\n", "no address"},
	{"::/0,DE\n", "addresses of IPv4, too"},
	{"# one\n203.0.113.0/24,DE\n203.0.113.0/24,CH\n", "lines 2 and 3 tell different regions"},
};

static void wrong_rows_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct region_network *networks = NULL;
		char message[REGION_MESSAGE] = "";
		size_t n;

		if (read_csv(refused[i].text, &networks, &n, message) != -EINVAL ||
		    !strstr(message, refused[i].says))
			fail_msg("%s: %s", refused[i].text, message);
	}
}

struct model {
	uint8_t address[16];
	uint32_t prefix;
	uint64_t regions;
	bool first;
};

/* What holds there by the rules: the file before the database, the network within before the one around. */
static uint64_t expected(const struct model *models, size_t n, const uint8_t address[16])
{
	const struct model *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct model *m = &models[i];

		if (network_contains(m->address, m->prefix, address) &&
		    (!best || m->first > best->first ||
		     (m->first == best->first && m->prefix > best->prefix)))
			best = m;
	}
	return best ? best->regions : 0;
}

static void any_mixture_comes_to_the_same(void **state)
{
	(void)state;
	srandom(4711);
	for (int round = 0; round < 300; round++) {
		struct region_table *table = region_table_new(words, 3);
		struct region_network *networks;
		char message[REGION_MESSAGE];
		struct model models[40];
		size_t n = 0, n_networks;

		while (n < 40) {
			struct model m = {.first = random() % 2, .regions = (uint64_t)random() % 4};
			bool again = false;

			/* Few addresses, so that many lie within each other; at either end of what there is. */
			memset(m.address, random() % 2 ? 0xff : 0, sizeof(m.address));
			m.address[15] = (uint8_t)random();
			m.prefix = random() % 8 ? 120 + (uint32_t)random() % 9 : (uint32_t)random() % 3;
			network_mask(m.address, m.prefix);
			for (size_t i = 0; i < n; i++)
				again |= models[i].first == m.first && models[i].prefix == m.prefix &&
					 memcmp(models[i].address, m.address, 16) == 0;
			if (again)
				continue;
			models[n++] = m;
			assert_int_equal(region_table_add(table, m.address, m.prefix, m.regions, m.first, 0),
					 0);
		}
		assert_int_equal(region_table_finish(table, &networks, &n_networks, message), 0);
		for (int i = 0; i < 512; i++) {
			uint8_t address[16];

			memset(address, i & 256 ? 0xff : 0, sizeof(address));
			address[15] = (uint8_t)i;
			assert_int_equal(find(networks, n_networks, address), expected(models, 40, address));
		}
		for (size_t i = 1; i < n_networks; i++)
			assert_true(memcmp(networks[i - 1].address, networks[i].address, 16) < 0);
		free(networks);
		region_table_free(table);
	}
}

static void too_many_networks_are_refused(void **state)
{
	struct region_table *table = region_table_new(words, 3);
	struct region_network *networks = NULL;
	char message[REGION_MESSAGE] = "";
	uint8_t address[16] = {0x20};
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i <= REGION_NETWORKS_MAX; i++) {
		address[3] = (uint8_t)(i >> 16);
		address[4] = (uint8_t)(i >> 8);
		address[5] = (uint8_t)i;
		/* None beside another. */
		assert_int_equal(region_table_add(table, address, 64, DE, false, 0), 0);
	}
	assert_int_equal(region_table_finish(table, &networks, &n, message), -E2BIG);
	assert_non_null(strstr(message, "262145 networks"));
	region_table_free(table);
}

static void add_country(struct database *db, const char *text, unsigned prefix, const char *country)
{
	uint8_t address[16];

	address_of(text, address);
	database_add(db, address, prefix, country);
}

static int read_database(struct region_network **networks, size_t *n, char *message)
{
	struct region_table *table = region_table_new(words, 3);
	int err = region_table_read_database(table, database_path, message);

	if (!err)
		err = region_table_finish(table, networks, n, message);
	region_table_free(table);
	return err;
}

static void databases_are_read(void **state)
{
	static struct database db;
	static const struct {
		const char *address;
		uint64_t regions;
	} asked[] = {
		{"::ffff:203.0.113.9", DE | EU},
		{"::ffff:203.0.114.9", 0},
		{"::ffff:10.1.2.3", CH},
		{"::ffff:11.0.0.0", 0},
		{"2001:db8::1", EU},
		{"2001:db9::1", 0},
		{"::203.0.113.9", 0},
		{"2002:cb00:7109::1", 0},
	};

	(void)state;
	for (unsigned version = 4; version <= 6; version += 2) {
		struct region_network *networks = NULL;
		char message[REGION_MESSAGE] = "";
		uint8_t alias[16] = {0x20, 0x02};
		size_t n = 0;

		database_begin(&db, version);
		add_country(&db, "::ffff:203.0.113.0", 96 + 24, "DE");
		add_country(&db, "::ffff:203.0.114.0", 96 + 24, "US");
		add_country(&db, "::ffff:10.0.0.0", 96 + 8, "CH");
		if (version == 6) {
			add_country(&db, "2001:db8::", 32, "IT");
			database_alias(&db, alias, 16);
			database_alias(&db, network_ipv4, 96);
		}
		database_write(&db, database_path);
		assert_int_equal(read_database(&networks, &n, message), 0);
		for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
			uint64_t wanted = version == 4 && i == 4 ? 0 : asked[i].regions;
			uint8_t address[16];

			address_of(asked[i].address, address);
			if (find(networks, n, address) != wanted)
				fail_msg("%s, version %u", asked[i].address, version);
		}
		assert_int_equal(n, version == 4 ? 2 : 3);
		free(networks);
	}
}

static void damaged_databases_are_refused(void **state)
{
	static struct database db;
	struct region_network *networks = NULL;
	char message[REGION_MESSAGE] = "";
	size_t n;

	(void)state;
	database_begin(&db, 6);
	add_country(&db, "2001:db8::", 32, "IT");
	db.nodes[31][1] = 0; /* a loop in the tree */
	database_write(&db, database_path);
	assert_int_equal(read_database(&networks, &n, message), -EINVAL);
	assert_non_null(strstr(message, "tree is damaged"));
	/* Two ways to each node make 2^100 ways to the last one. */
	database_begin(&db, 6);
	for (uint32_t i = 0; i < 100; i++)
		db.nodes[i][0] = db.nodes[i][1] = i + 1;
	db.nodes[100][0] = db.nodes[100][1] = DATABASE_EMPTY;
	db.n = 101;
	database_write(&db, database_path);
	message[0] = '\0';
	assert_int_equal(read_database(&networks, &n, message), -EINVAL);
	assert_non_null(strstr(message, "tree is damaged"));
	assert_int_equal(truncate(database_path, 40), 0);
	assert_int_equal(read_database(&networks, &n, message), -EINVAL);
	assert_true(message[0]);
}

#define HEAD                                                                                                 \
	"version: 1\nmode: enforce\nstores: {ehr: {paths: [/srv/records]}}\n"                                \
	"roles: {staff: {users: [alice]}}\ngrants:\n  - {role: staff, store: ehr, access: [read]}\n"

static struct policy *check(const char *rest, int wanted)
{
	struct policy *policy = policy_new();
	char text[2048];

	snprintf(text, sizeof(text), HEAD "%s", rest);
	assert_int_equal(policy_add_text(policy, "p.yaml", text, strlen(text)), 0);
	if (policy_check(policy, &fake_env) != wanted)
		fail_msg("%s: %s", rest, policy->findings.n ? policy->findings.items[0].message : "accepted");
	return policy;
}

static void agreements_ask_for_regions(void **state)
{
	struct peer peer = {.port = 443, .protocol = PROTOCOL_TCP, .family = AF_INET6, .type = SOCKET_STREAM};
	struct policy_image *image = NULL;
	struct role_set none = {{0}};
	struct policy *policy;
	char rest[512];

	(void)state;
	write_csv("203.0.113.0/24,DE\n198.51.100.0/24,CH\n192.0.2.0/24,US\n");
	snprintf(rest, sizeof(rest),
		 "regions: {networks: %s}\nagreements:\n"
		 "  first: {stores: [ehr], to: [\"0.0.0.0/0:443\"], region: [EU]}\n"
		 "  second: {stores: [ehr], to: [\"0.0.0.0/0:443\"], region: [CH, DE]}\n"
		 "  third: {stores: [ehr], to: [\"192.0.2.7:443\"]}\n",
		 csv_path);
	policy = check(rest, 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	policy_free(policy);
	assert_int_equal(image->agreements[0].rules.regions, 1);
	assert_int_equal(image->agreements[1].rules.regions, 6);
	assert_int_equal(image->agreements[2].rules.regions, 0);
	assert_string_equal(image->region_files[0], csv_path);
	assert_int_equal(image->n_regions, 2);
	for (int i = 0; i < 4; i++) {
		static const char *const texts[] = {"::ffff:203.0.113.7", "::ffff:198.51.100.7",
						    "::ffff:192.0.2.8", "::ffff:192.0.2.7"};
		static const long agreement[] = {0, 1, POLICY_NO_GRANT, 2};

		address_of(texts[i], peer.address);
		assert_int_equal(policy_explain_egress(image, &none, 0, &peer, 0), agreement[i]);
	}
	policy_image_free(image);
}

static void what_is_wrong_with_regions_is_told(void **state)
{
	static const struct {
		const char *rest;
		enum policy_finding_id id;
		const char *says;
		const char *suggestion;
	} wrong[] = {
		{"regions: {networks: %s}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: [UK]}}\n",
		 POLICY_UNKNOWN_WORD, "region cannot be", "GB"},
		{"regions: {networks: %s}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: [eu]}}\n",
		 POLICY_UNKNOWN_WORD, "region cannot be", NULL},
		{"agreements: {a: {stores: [ehr], to: [10.0.0.1], region: [DE]}} # %s\n", POLICY_MISSING_KEY,
		 "which networks are in \"DE\"", NULL},
		{"regions: {networks: %s/none}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: "
		 "[DE]}}\n",
		 POLICY_REGION_TABLE, "Not a directory", NULL},
		{"regions: {database: %s}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: [DE]}}\n",
		 POLICY_REGION_TABLE, "MaxMind DB", NULL},
		{"regions: {database: /dev/null}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: "
		 "[DE]}} # %s\n",
		 POLICY_REGION_TABLE, "no regular file", NULL},
		{"regions: {} # %s\n", POLICY_EMPTY_LIST, "regions is empty", NULL},
		{"regions: {networks: tables/%s}\n", POLICY_PATH_RELATIVE, "not absolute", NULL},
		{"regions: {network: %s}\n", POLICY_UNKNOWN_KEY, "unknown key", "networks"},
	};

	(void)state;
	write_csv("203.0.113.0/24,DE\n");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const struct policy_finding *finding;
		struct policy *policy;
		char rest[512];

		snprintf(rest, sizeof(rest), wrong[i].rest, csv_path);
		policy = check(rest, -EINVAL);
		finding = &policy->findings.items[0];
		if (finding->id != wrong[i].id || !strstr(finding->message, wrong[i].says))
			fail_msg("%s: %s", rest, finding->message);
		if (wrong[i].suggestion)
			assert_string_equal(finding->suggestion, wrong[i].suggestion);
		policy_free(policy);
	}
}

static void a_region_without_networks_is_warned_of(void **state)
{
	struct policy *policy;
	char rest[512];

	(void)state;
	write_csv("203.0.113.0/24,DE\n");
	snprintf(rest, sizeof(rest),
		 "regions: {networks: %s}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: [CH]}}\n",
		 csv_path);
	policy = check(rest, 0);
	assert_int_equal(policy->findings.n, 1);
	assert_int_equal(policy->findings.items[0].id, POLICY_REGION_EMPTY);
	policy_free(policy);
}

static void more_than_64_regions_are_too_many(void **state)
{
	(void)state;
	write_csv("203.0.113.0/24,AD\n");
	for (size_t count = REGIONS_MAX; count <= REGIONS_MAX + 1; count++) {
		char rest[1024];
		size_t n, at;
		const char *const *all = region_words(&n);
		struct policy *policy;

		at = (size_t)snprintf(
			rest, sizeof(rest),
			"regions: {networks: %s}\nagreements: {a: {stores: [ehr], to: [10.0.0.1], region: [",
			csv_path);
		for (size_t i = 0; i < count; i++)
			at += (size_t)snprintf(rest + at, sizeof(rest) - at, "%s%s", i ? ", " : "", all[i]);
		snprintf(rest + at, sizeof(rest) - at, "]}}\n");
		policy = check(rest, count > REGIONS_MAX ? -EINVAL : 0);
		policy_free(policy);
	}
}

static int begin(void **state)
{
	int fd = mkstemp(csv_path), other = mkstemp(database_path);

	(void)state;
	return fd < 0 || other < 0 || close(fd) || close(other);
}

static int end(void **state)
{
	(void)state;
	return unlink(csv_path) || unlink(database_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unions_have_their_members),
		cmocka_unit_test(rows_come_to_networks),
		cmocka_unit_test(wrong_rows_are_refused),
		cmocka_unit_test(any_mixture_comes_to_the_same),
		cmocka_unit_test(too_many_networks_are_refused),
		cmocka_unit_test(databases_are_read),
		cmocka_unit_test(damaged_databases_are_refused),
		cmocka_unit_test(agreements_ask_for_regions),
		cmocka_unit_test(what_is_wrong_with_regions_is_told),
		cmocka_unit_test(a_region_without_networks_is_warned_of),
		cmocka_unit_test(more_than_64_regions_are_too_many),
	};

	return cmocka_run_group_tests_name("policy regions", tests, begin, end);
}
