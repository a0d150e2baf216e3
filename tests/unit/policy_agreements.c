/* SPDX-License-Identifier: Apache-2.0 */
/* Agreements from their text to the image, and whereto they let data go. */
#include "agreements_fixture.h"

#define BOTH (ENDPOINT_TCP | ENDPOINT_UDP)

static const struct {
	const char *text;
	const char *address;
	uint32_t prefix;
	uint16_t first, last;
	uint32_t protocols;
} endpoints[] = {
	{"203.0.113.0/24:443", "::ffff:203.0.113.0", 120, 443, 443, BOTH},
	{"10.1.2.3", "::ffff:10.1.2.3", 128, 0, 65535, BOTH},
	{"10.1.2.3/32", "::ffff:10.1.2.3", 128, 0, 65535, BOTH},
	{"10.0.0.53:53/udp", "::ffff:10.0.0.53", 128, 53, 53, ENDPOINT_UDP},
	{"10.9.0.0/16:8000-8100/tcp", "::ffff:10.9.0.0", 112, 8000, 8100, ENDPOINT_TCP},
	{"10.9.0.128/25:1-65535", "::ffff:10.9.0.128", 121, 1, 65535, BOTH},
	{"0.0.0.0/0", "::ffff:0.0.0.0", 96, 0, 65535, BOTH},
	{"128.0.0.0/1", "::ffff:128.0.0.0", 97, 0, 65535, BOTH},
	{"[2001:db8::]/32:443", "2001:db8::", 32, 443, 443, BOTH},
	{"[2001:db8::/32]:443/tcp", "2001:db8::", 32, 443, 443, ENDPOINT_TCP},
	{"[2001:DB8::7]", "2001:db8::7", 128, 0, 65535, BOTH},
	{"[2000::]/3", "2000::", 3, 0, 65535, BOTH},
	{"[8000::]/1", "8000::", 1, 0, 65535, BOTH},
	{"[::]/96", "::", 96, 0, 65535, BOTH},
	{"[::fffe:0:0]/96", "::fffe:0:0", 96, 0, 65535, BOTH},
	{"[::fffe:0:0]/95", NULL, 0, 0, 0, 0},
};

static void endpoints_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
		struct policy_image *image;
		const struct image_endpoint *endpoint;
		char text[256];
		uint8_t address[16];

		snprintf(text, sizeof(text), "  lab: {stores: [ehr], to: [\"%s\"]}\n", endpoints[i].text);
		if (!endpoints[i].address) {
			policy_free(check(text, -EINVAL));
			continue;
		}
		image = compile(text);
		assert_int_equal(image->n_endpoints, 1);
		endpoint = &image->endpoints[0];
		assert_int_equal(inet_pton(AF_INET6, endpoints[i].address, address), 1);
		assert_memory_equal(endpoint->address, address, sizeof(address));
		assert_int_equal(endpoint->prefix, endpoints[i].prefix);
		assert_int_equal(endpoint->rules.port_first, endpoints[i].first);
		assert_int_equal(endpoint->rules.port_last, endpoints[i].last);
		assert_int_equal(endpoint->rules.protocols, endpoints[i].protocols);
		policy_image_free(image);
	}
}

/* says: a part of the message or of what was expected. */
static const struct {
	const char *text;
	const char *says;
	const char *suggestion;
} refused[] = {
	{"10.1.2.3/8", "bits below the prefix", "10.0.0.0/8"},
	{"10.1.2.3/31:443-444/tcp", "bits below the prefix", "10.1.2.2/31:443-444/tcp"},
	{"[2001:db8::1]/32:443", "bits below the prefix", "[2001:db8::]/32:443"},
	{"[2001:db8::1/32]", "bits below the prefix", "[2001:db8::]/32"},
	{"[::ffff:10.0.0.1]:443", "those of IPv4", "10.0.0.1:443"},
	{"[::ffff:10.1.2.3]/104", "those of IPv4", "10.0.0.0/8"},
	{"[::ffff:0:0]/96", "those of IPv4", "0.0.0.0/0"},
	{"[::]/0", "[2000::]/3", NULL},
	{"[::]/80:443", "[2000::]/3", NULL},
	{"[::ff00:0:0]/88", "[2000::]/3", NULL},
	{"[2001:db8::1]/0", "[2000::]/3", NULL},
	{"2001:db8::1", "needs brackets", NULL},
	{"2001:db8::/32:443", "needs brackets", NULL},
	{"::1", "needs brackets", NULL},
	{"fe80::1%eth0", "needs brackets", NULL},
	{"[fe80::1%eth0]", "no address of IPv6", NULL},
	{"[]", "no address of IPv6", NULL},
	{"[10.0.0.1]", "no address of IPv6", NULL},
	{"[2001:db8::", "not closed", NULL},
	{"[2001:db8::/32", "not closed", NULL},
	{"[2001:db8::/32]/32", "protocol is wrong", NULL},
	{"[2001:db8::]443", "does not end there", NULL},
	{"lab.example.org/24", "a name has no prefix", NULL},
	{"*.example.org:443", "no wildcards", NULL},
	{"*:443", "no wildcards", NULL},
	{"lab.*:443", "no wildcards", NULL},
	{"m\303\274ller.example:443", "xn-- form", NULL},
	{"lab.example.org.:443", "ends with a dot", "lab.example.org"},
	{"lab..example", "a label is empty", NULL},
	{".example:443", "a label is empty", NULL},
	{"-lab.example", "hyphen", NULL},
	{"lab-.example", "hyphen", NULL},
	{"lab_1.example", "letters, digits and hyphens", NULL},
	{"lab example", "letters, digits and hyphens", NULL},
	{"lab.1", "begins with no letter", NULL},
	{"0x7f.1", "begins with no letter", NULL},
	{"a1.0x7f", "begins with no letter", NULL},
	{"lab.example.org/tcp", "a port before it", NULL},
	{"lab.example.org:0", "port is wrong", NULL},
	{"lab.example.org:443/sctp", "protocol is wrong", NULL},
	{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.example", "longer than 63", NULL},
	{":443", "no address", NULL},
	{"/24", "no address", NULL},
	{"10.0.0:443", "no address", NULL},
	{"10.0.0.256", "no address", NULL},
	{"10.0.0.01", "no address", NULL},
	{" 10.0.0.1", "no address", NULL},
	{"10.0.0.1/", "prefix is wrong", NULL},
	{"10.0.0.1/33", "from 0 to 32", NULL},
	{"10.0.0.1/032", "from 0 to 32", NULL},
	{"10.0.0.1/255.0.0.0", "prefix is wrong", NULL},
	{"10.0.0.1/24.0.0", "does not end there", NULL},
	{"[2001:db8::]/129", "from 0 to 128", NULL},
	{"10.0.0.1:", "port is wrong", NULL},
	{"10.0.0.1:0", "port is wrong", NULL},
	{"10.0.0.1:65536", "port is wrong", NULL},
	{"10.0.0.1:99999999999", "port is wrong", NULL},
	{"10.0.0.1:https", "port is wrong", NULL},
	{"10.0.0.1:20-", "port is wrong", NULL},
	{"10.0.0.1:20-10", "port is wrong", NULL},
	{"10.0.0.1:20-65536", "port is wrong", NULL},
	{"10.0.0.1:20-21-22", "does not end there", NULL},
	{"10.0.0.1/tcp", "a port before it", NULL},
	{"[2001:db8::7]/udp", "a port before it", NULL},
	{"10.0.0.1:443/sctp", "protocol is wrong", NULL},
	{"10.0.0.1:443/TCP", "protocol is wrong", NULL},
	{"10.0.0.1:443/tcp/udp", "protocol is wrong", NULL},
	{"10.0.0.1:443 ", "does not end there", NULL},
};

static void wrong_endpoints_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		const struct policy_finding *finding;
		struct policy *policy;
		char text[256];

		snprintf(text, sizeof(text), "  lab: {stores: [ehr], to: [\"%s\"]}\n", refused[i].text);
		policy = check(text, -EINVAL);
		finding = &policy->findings.items[0];
		if (policy->findings.n != 1 || (!strstr(finding->message, refused[i].says) &&
						!strstr(finding->expected, refused[i].says)))
			fail_msg("%s: %s; expected %s", refused[i].text, finding->message, finding->expected);
		assert_int_equal(finding->at.column, 29);
		if (refused[i].suggestion)
			assert_string_equal(finding->suggestion, refused[i].suggestion);
		else
			assert_null(finding->suggestion);
		policy_free(policy);
	}
}

static void names_are_read(void **state)
{
	static const char more[] =
		"  lab: {stores: [ehr], to: [\"Lab.Example.ORG:443/tcp\", \"xn--mller-kva.example\"]}\n"
		"  two: {stores: [imaging], to: [\"lab.example.org:53/udp\", host]}\n";
	struct policy_image *image = compile(more);

	(void)state;
	assert_int_equal(image->n_endpoints, 4);
	assert_int_equal(image->n_hosts, 3); /* each once */
	assert_string_equal(image->hosts[0].name, "lab.example.org");
	assert_string_equal(image->hosts[1].name, "xn--mller-kva.example");
	assert_string_equal(image->hosts[2].name, "host");
	assert_int_equal(image->endpoints[0].host, 1);
	assert_int_equal(image->endpoints[0].rules.port_first, 443);
	assert_int_equal(image->endpoints[0].rules.protocols, ENDPOINT_TCP);
	assert_int_equal(image->endpoints[1].host, 2);
	assert_int_equal(image->endpoints[1].rules.port_last, 65535);
	assert_int_equal(image->endpoints[2].host, 1);
	assert_int_equal(image->endpoints[2].rules.agreement, 1);
	assert_int_equal(image->endpoints[3].host, 3);
	policy_image_free(image);
}

static void names_have_a_limit(void **state)
{
	(void)state;
	for (size_t length = POLICY_HOST_MAX; length <= POLICY_HOST_MAX + 1; length++) {
		char name[POLICY_HOST_MAX + 2] = "", text[512];

		for (size_t i = 0; i < length; i++)
			name[i] = i % 2 ? '.' : 'a';
		name[length - 1] = 'a';
		name[length - 2] = 'a';
		snprintf(text, sizeof(text), "  lab: {stores: [ehr], to: [%s]}\n", name);
		policy_free(check(text, length > POLICY_HOST_MAX ? -EINVAL : 0));
	}
}

/* A name's addresses are agreed on as they are known, by its ports and protocols. */
static void names_lead_to_their_addresses(void **state)
{
	struct policy_image *image = compile("  lab: {stores: [ehr], to: [\"lab.example.org:443/tcp\"]}\n");
	struct peer peer = {.port = 443, .protocol = PROTOCOL_TCP, .family = AF_INET6, .type = SOCKET_STREAM};
	struct role_set none = {{0}};
	struct host_change change;
	uint8_t answer[1][16];

	(void)state;
	inet_pton(AF_INET6, "::ffff:203.0.113.7", peer.address);
	memcpy(answer[0], peer.address, 16);
	assert_int_equal(policy_explain_egress(image, &none, 0, &peer, 0), POLICY_NO_GRANT);
	image_host_take(&image->hosts[0], (const uint8_t(*)[16])answer, 1, 100, 600, &change);
	assert_int_equal(policy_explain_egress(image, &none, 0, &peer, 0), 0);
	peer.port = 80;
	assert_int_equal(policy_explain_egress(image, &none, 0, &peer, 0), POLICY_NO_GRANT);
	peer.port = 443;
	peer.address[15]++;
	assert_int_equal(policy_explain_egress(image, &none, 0, &peer, 0), POLICY_NO_GRANT);
	policy_image_free(image);
}

static void days_begin_in_utc(void **state)
{
	static const struct {
		const char *text;
		int64_t expires_s; /* 0: no day */
	} rows[] = {
		{"1970-01-02", 86400},
		{"2000-02-29", 951782400},
		{"2027-01-01", 1798761600},
		{"2096-02-29", 3981312000},
		{"9999-12-31", 253402214400},
		{"2027-02-29", 0},
		{"2100-02-29", 0},
		{"2027-00-10", 0},
		{"2027-13-01", 0},
		{"2027-04-31", 0},
		{"2027-01-00", 0},
		{"2027-1-1", 0},
		{"2027/01/01", 0},
		{"+027-01-01", 0},
		{"2027-01-01 ", 0},
		{"2027-01-01T00:00:00Z", 0},
		{"tomorrow", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy *policy;
		char text[256];

		snprintf(text, sizeof(text), "  lab: {stores: [ehr], to: [192.0.2.1], expires: \"%s\"}\n",
			 rows[i].text);
		policy = check(text, rows[i].expires_s ? 0 : -EINVAL);
		assert_int_equal(policy->agreements[0].expires_s,
				 rows[i].expires_s ? rows[i].expires_s : INT64_MAX);
		policy_free(policy);
	}
}

static void recorded_words_have_a_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct policy *policy;
		char word[POLICY_WORD_MAX + 2] = "", text[512];

		memset(word, 'x', POLICY_WORD_MAX + i / 2);
		snprintf(text, sizeof(text), "  lab: {stores: [ehr], to: [192.0.2.1], %s: %s}\n",
			 i % 2 ? "purpose" : "partner", word);
		policy = check(text, i / 2 ? -EINVAL : 0);
		policy_free(policy);
	}
}

static void two_files_may_not_name_the_same(void **state)
{
	static const char text[] = HEAD "agreements:\n  lab: {stores: [ehr], to: [192.0.2.1]}\n",
			  further[] =
				  "version: 1\nagreements:\n  lab: {stores: [imaging], to: [192.0.2.2]}\n";
	struct policy *policy = policy_new();

	(void)state;
	assert_int_equal(policy_add_text(policy, "a.yaml", text, sizeof(text) - 1), 0);
	assert_int_equal(policy_add_text(policy, "b.yaml", further, sizeof(further) - 1), 0);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_int_equal(policy->findings.n, 1);
	assert_int_equal(policy->findings.items[0].id, POLICY_DUPLICATE_NAME);
	assert_int_equal(policy->findings.items[0].at.file, 1);
	assert_int_equal(policy->findings.items[0].other.line, 9);
	policy_free(policy);
}

/* What a broken file would have defined is unknown. */
static void unknown_names_wait_for_every_file(void **state)
{
	static const char text[] =
		HEAD "agreements:\n  lab: {stores: [more], roles: [others], to: [192.0.2.1]}\n",
			  broken[] = "version: 1\nstores: {more: [\n";
	struct policy *policy = policy_new();

	(void)state;
	assert_int_equal(policy_add_text(policy, "a.yaml", text, sizeof(text) - 1), 0);
	assert_int_equal(policy_add_text(policy, "b.yaml", broken, sizeof(broken) - 1), 0);
	assert_int_equal(policy_check(policy, &fake_env), -EINVAL);
	assert_int_equal(policy->findings.n, 1);
	assert_int_equal(policy->findings.items[0].id, POLICY_YAML_SYNTAX);
	policy_free(policy);
}

enum { STAFF, TOOL };
enum { EHR, IMAGING };

static const char agreements[] =
	"  lab:\n"
	"    stores: [imaging]\n"
	"    to: [\"203.0.113.0/24:443\", \"10.0.0.53:53/udp\"]\n"
	"    roles: [tool]\n"
	"    purpose: treatment\n"
	"    partner: Lab of Example\n"
	"    expires: 2096-01-01\n"
	"  mirror: {stores: [imaging, ehr], to: [\"[2001:db8::]/32:8000-8100/tcp\", 203.0.113.7]}\n";

static void the_image_has_them(void **state)
{
	struct policy_image *image = compile(agreements);
	const struct image_agreement *lab = &image->agreements[0], *mirror = &image->agreements[1];

	(void)state;
	assert_int_equal(image->n_agreements, 2);
	assert_string_equal(lab->name, "lab");
	assert_string_equal(lab->purpose, "treatment");
	assert_string_equal(lab->partner, "Lab of Example");
	assert_int_equal(lab->rules.stores, 1 << IMAGING);
	assert_int_equal(lab->rules.roles.words[0], 1 << TOOL);
	assert_int_equal(lab->rules.any_role, 0);
	assert_true(lab->rules.until_ns == ~0ull);
	assert_int_equal(lab->expires_s, 3976214400);
	assert_int_equal(lab->line, 9);
	assert_string_equal(image->files[lab->file], "p.yaml");
	assert_string_equal(mirror->name, "mirror");
	assert_string_equal(mirror->purpose, "");
	assert_string_equal(mirror->partner, "");
	assert_int_equal(mirror->rules.stores, 1 << EHR | 1 << IMAGING);
	assert_int_equal(mirror->rules.any_role, 1);
	assert_true(mirror->expires_s == INT64_MAX);
	assert_int_equal(mirror->line, 16);
	assert_int_equal(image->n_endpoints, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(image->endpoints[i].rules.agreement, i / 2);
	policy_image_free(image);
}

static void nothing_is_agreed_without_the_section(void **state)
{
	struct peer peer = {.port = 443, .protocol = PROTOCOL_TCP, .family = AF_INET6, .type = SOCKET_STREAM};
	struct policy *policy = policy_new();
	struct policy_image *image = NULL;
	struct role_set all;

	(void)state;
	memset(&all, 0xff, sizeof(all));
	assert_int_equal(policy_add_text(policy, "p.yaml", HEAD, strlen(HEAD)), 0);
	assert_int_equal(policy_check(policy, &fake_env), 0);
	assert_int_equal(policy_compile(policy, &image), 0);
	assert_int_equal(image->n_agreements, 0);
	assert_int_equal(image->n_endpoints, 0);
	assert_int_equal(policy_explain_egress(image, &all, EHR, &peer, 0), POLICY_NO_GRANT);
	policy_image_free(image);
	policy_free(policy);
}

#define BEFORE 3976214399
#define AFTER  3976214400

static const struct {
	const char *what;
	const char *address;
	uint16_t port;
	int protocol;
	uint32_t store;
	uint64_t roles;
	int64_t now_s;
	long agreement;
} questions[] = {
	{"in the network", "::ffff:203.0.113.1", 443, 't', IMAGING, 1 << TOOL, BEFORE, 0},
	{"any role is enough", "::ffff:203.0.113.1", 443, 't', IMAGING, 1 << TOOL | 1 << STAFF, BEFORE, 0},
	{"by UDP, too", "::ffff:203.0.113.255", 443, 'u', IMAGING, 1 << TOOL, BEFORE, 0},
	{"above the network", "::ffff:203.0.114.0", 443, 't', IMAGING, 1 << TOOL, BEFORE, -1},
	{"below the network", "::ffff:203.0.112.255", 443, 't', IMAGING, 1 << TOOL, BEFORE, -1},
	{"the same bits of IPv6", "::203.0.113.1", 443, 't', IMAGING, 1 << TOOL, BEFORE, -1},
	{"another port", "::ffff:203.0.113.1", 444, 't', IMAGING, 1 << TOOL, BEFORE, -1},
	{"another protocol", "::ffff:203.0.113.1", 443, 'r', IMAGING, 1 << TOOL, BEFORE, -1},
	{"TCP where UDP is agreed", "::ffff:10.0.0.53", 53, 't', IMAGING, 1 << TOOL, BEFORE, -1},
	{"UDP where it is", "::ffff:10.0.0.53", 53, 'u', IMAGING, 1 << TOOL, BEFORE, 0},
	{"another role", "::ffff:203.0.113.1", 443, 't', IMAGING, 1 << STAFF, BEFORE, -1},
	{"another store", "::ffff:203.0.113.1", 443, 't', EHR, 1 << TOOL, BEFORE, -1},
	{"no store", "::ffff:203.0.113.7", 443, 't', 2, 1 << TOOL, BEFORE, -1},
	{"on the day", "::ffff:203.0.113.1", 443, 't', IMAGING, 1 << TOOL, AFTER, -1},
	{"the first of two", "::ffff:203.0.113.7", 443, 't', IMAGING, 1 << TOOL, BEFORE, 0},
	{"the other on the day", "::ffff:203.0.113.7", 443, 't', IMAGING, 1 << TOOL, AFTER, 1},
	{"the other by its store", "::ffff:203.0.113.7", 443, 't', EHR, 1 << TOOL, BEFORE, 1},
	{"the other by its port", "::ffff:203.0.113.7", 1, 't', IMAGING, 1 << TOOL, BEFORE, 1},
	{"no role is asked for", "2001:db8:ffff::1", 8000, 't', EHR, 0, AFTER, 1},
	{"the last port", "2001:db8::1", 8100, 't', EHR, 0, AFTER, 1},
	{"beyond it", "2001:db8::1", 8101, 't', EHR, 0, AFTER, -1},
	{"before the first", "2001:db8::1", 7999, 't', EHR, 0, AFTER, -1},
	{"by UDP", "2001:db8::1", 8000, 'u', EHR, 0, AFTER, -1},
	{"the next network", "2001:db9::1", 8000, 't', EHR, 0, AFTER, -1},
};

static void data_goes_where_it_is_agreed(void **state)
{
	struct policy_image *image = compile(agreements);

	(void)state;
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		struct role_set roles = {{questions[i].roles}};
		int protocol = questions[i].protocol;
		struct peer peer = {
			.port = questions[i].port,
			.protocol = protocol == 'u' ? PROTOCOL_UDP : PROTOCOL_TCP,
			.family = AF_INET6,
			.type = protocol == 't'	  ? SOCKET_STREAM
				: protocol == 'u' ? SOCKET_DGRAM
						  : 3,
		};
		long agreement;

		assert_int_equal(inet_pton(AF_INET6, questions[i].address, peer.address), 1);
		agreement =
			policy_explain_egress(image, &roles, questions[i].store, &peer, questions[i].now_s);
		if (agreement != questions[i].agreement)
			fail_msg("%s: agreement %ld, not %ld", questions[i].what, agreement,
				 questions[i].agreement);
	}
	policy_image_free(image);
}

static void networks_are_compared_by_bits(void **state)
{
	uint8_t a[16], b[16];

	(void)state;
	memset(a, 0xff, sizeof(a));
	memset(b, 0xff, sizeof(b));
	for (uint32_t bit = 0; bit < 128; bit++) {
		b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		for (uint32_t prefix = 0; prefix <= 128; prefix++)
			assert_int_equal(network_contains(a, prefix, b), prefix <= bit);
		b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	network_mask(a, 97);
	assert_int_equal(a[11], 0xff);
	assert_int_equal(a[12], 0x80);
	assert_int_equal(a[13], 0);
	network_mask(a, 0);
	assert_int_equal(a[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_read),
		cmocka_unit_test(wrong_endpoints_are_refused),
		cmocka_unit_test(names_are_read),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(names_lead_to_their_addresses),
		cmocka_unit_test(days_begin_in_utc),
		cmocka_unit_test(recorded_words_have_a_limit),
		cmocka_unit_test(two_files_may_not_name_the_same),
		cmocka_unit_test(unknown_names_wait_for_every_file),
		cmocka_unit_test(the_image_has_them),
		cmocka_unit_test(nothing_is_agreed_without_the_section),
		cmocka_unit_test(data_goes_where_it_is_agreed),
		cmocka_unit_test(networks_are_compared_by_bits),
	};

	return cmocka_run_group_tests_name("policy agreements", tests, NULL, NULL);
}
