/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken of answers for the names in agreements, and for how long it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "policy/hosts.h"

#define GRACE 600

static struct image_host host;
static struct host_change change;

static int begin(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	return 0;
}

static void address(const char *text, uint8_t out[16])
{
	assert_int_equal(inet_pton(AF_INET6, text, out), 1);
}

/* An answer of one address, or none. */
static void answer(const char *text, uint64_t now_s)
{
	uint8_t one[1][16] = {{0}};

	if (text)
		address(text, one[0]);
	image_host_take(&host, (const uint8_t(*)[16])one, text != NULL, now_s, GRACE, &change);
}

static bool has(const char *text)
{
	uint8_t one[16];

	address(text, one);
	return image_host_has(&host, one);
}

static void addresses_come_and_go(void **state)
{
	(void)state;
	answer("2001:db8::1", 1000);
	assert_int_equal(change.n_came, 1);
	answer("2001:db8::1", 1060);
	assert_int_equal(change.n_came + change.n_went, 0);
	answer("2001:db8::2", 1120);
	assert_true(has("2001:db8::1") && has("2001:db8::2"));
	answer("2001:db8::2", 1659);
	assert_true(has("2001:db8::1")); /* a second before its time is over */
	answer("2001:db8::2", 1660);
	assert_int_equal(change.n_went, 1);
	assert_false(has("2001:db8::1"));
	assert_true(has("2001:db8::2"));
}

static void what_is_known_stays_while_nothing_is_answered(void **state)
{
	(void)state;
	answer("2001:db8::1", 1000);
	answer(NULL, 1599);
	assert_true(has("2001:db8::1"));
	assert_int_equal(host.answered_s, 1000);
	answer(NULL, 1600);
	assert_false(has("2001:db8::1"));
	assert_int_equal(change.n_went, 1);
	assert_int_equal(host.n_addresses, 0);
}

static void no_address_of_this_host_is_taken(void **state)
{
	static const char *const refused[] = {
		"::1",
		"::",
		"::ffff:127.0.0.1",
		"::ffff:127.255.255.255",
		"::ffff:0.0.0.0",
		"::ffff:0.1.2.3",
		"fe80::1",
		"febf::1",
		"ff02::1",
		"::ffff:169.254.169.254",
		"::ffff:224.0.0.1",
		"::ffff:239.1.2.3",
		"::ffff:255.255.255.255",
	};
	static const char *const taken[] = {"::ffff:203.0.113.1",
					    "2001:db8::1",
					    "::ffff:126.255.255.255",
					    "::ffff:128.0.0.1",
					    "fec0::1",
					    "::ffff:223.255.255.255",
					    "::2"};

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		begin(state);
		answer(refused[i], 1);
		assert_int_equal(host.n_addresses, 0);
		assert_int_equal(host.answered_s, 0);
		assert_non_null(change.why);
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		begin(state);
		answer(taken[i], 1);
		assert_int_equal(host.n_addresses, 1);
		assert_null(change.why);
	}
}

/* A name leads outside or inside, not to both. */
static void private_ones_do_not_join_others(void **state)
{
	static const char *const inside[] = {"::ffff:10.0.0.1",
					     "::ffff:172.31.255.255",
					     "::ffff:192.168.1.1",
					     "::ffff:100.127.255.1",
					     "fd00::1",
					     "fc00::1"};

	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		begin(state);
		answer("2001:db8::1", 1000);
		answer(inside[i], 1060);
		assert_false(has(inside[i]));
		assert_non_null(change.why);
		answer(inside[i], 1600); /* what led outside is over after this one */
		assert_int_equal(host.n_addresses, 0);
		answer(inside[i], 1660);
		assert_true(has(inside[i]));
		answer("2001:db8::1", 1661);
		assert_false(has("2001:db8::1"));
	}
}

static void the_oldest_makes_room(void **state)
{
	uint8_t many[HOST_ADDRESSES_MAX + 6][16];

	(void)state;
	for (size_t i = 0; i < HOST_ADDRESSES_MAX + 6; i++) {
		address("2001:db8::", many[i]);
		many[i][15] = (uint8_t)(i + 1);
	}
	image_host_take(&host, (const uint8_t(*)[16])many, 10, 1000, GRACE, &change);
	image_host_take(&host, (const uint8_t(*)[16])many + 10, HOST_ADDRESSES_MAX - 4, 1001, GRACE, &change);
	assert_int_equal(host.n_addresses, HOST_ADDRESSES_MAX);
	assert_int_equal(change.n_went, 6);
	assert_int_equal(change.n_came, HOST_ADDRESSES_MAX - 4);
	/* An answer of more than there is room for pushes nothing out of itself. */
	begin(NULL);
	image_host_take(&host, (const uint8_t(*)[16])many, HOST_ADDRESSES_MAX + 6, 1000, GRACE, &change);
	assert_int_equal(host.n_addresses, HOST_ADDRESSES_MAX);
	assert_int_equal(change.n_went, 0);
	assert_true(image_host_has(&host, many[0]));
}

static void a_new_policy_knows_what_the_former_did(void **state)
{
	struct image_host former_hosts[] = {{.name = "a.example"}, {.name = "b.example"}},
			  hosts[] = {{.name = "c.example"}, {.name = "b.example"}};
	struct policy_image former = {.hosts = former_hosts, .n_hosts = 2},
			    image = {.hosts = hosts, .n_hosts = 2};

	(void)state;
	address("2001:db8::1", former_hosts[1].addresses[0].address);
	former_hosts[1].n_addresses = 1;
	former_hosts[1].state = HOST_RESOLVED;
	image_hosts_inherit(&image, &former);
	assert_int_equal(hosts[0].n_addresses, 0);
	assert_int_equal(hosts[1].n_addresses, 1);
	assert_int_equal(hosts[1].state, HOST_RESOLVED);
	assert_string_equal(hosts[1].name, "b.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(addresses_come_and_go, begin),
		cmocka_unit_test_setup(what_is_known_stays_while_nothing_is_answered, begin),
		cmocka_unit_test_setup(no_address_of_this_host_is_taken, begin),
		cmocka_unit_test_setup(private_ones_do_not_join_others, begin),
		cmocka_unit_test_setup(the_oldest_makes_room, begin),
		cmocka_unit_test_setup(a_new_policy_knows_what_the_former_did, begin),
	};

	return cmocka_run_group_tests_name("policy hosts", tests, NULL, NULL);
}
