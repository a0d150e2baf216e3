// SPDX-License-Identifier: Apache-2.0
/* The names in agreements in the keeper's life: asked for, taken, refused, told of, and known to the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include "keeper_life.h"

/* What the host's resolver answers is played. */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	static const struct {
		const char *name, *address;
	} known[] = {{"lab.example.org", "203.0.113.7"}, {"self.example.org", "127.0.0.1"}};
	struct {
		struct addrinfo info;
		struct sockaddr_in address;
	} * answer;

	(void)service;
	(void)hints;
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(known[i].name, name))
			continue;
		answer = calloc(1, sizeof(*answer));
		answer->address.sin_family = AF_INET;
		inet_pton(AF_INET, known[i].address, &answer->address.sin_addr);
		answer->info.ai_family = AF_INET;
		answer->info.ai_addr = (struct sockaddr *)&answer->address;
		*list = &answer->info;
		return 0;
	}
	return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

static const char *name_member(size_t i, const char *key)
{
	return json_string_value(
		json_object_get(json_array_get(json_object_get(last_status, "names"), i), key));
}

static void *script_names(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		const char *state;

		json_decref(last_status);
		last_status = ask("status");
		state = name_member(2, "state");
		if (state && !strcmp(state, "failed") && strcmp(name_member(1, "state"), "unasked"))
			break;
		usleep(20000);
	}
	end_keeper();
	return NULL;
}

#define NAMES                                                                                                \
	"agreements:\n  lab: {stores: [ehr], to: [\"lab.example.org:443\", self.example.org, "               \
	"gone.example.org]}\n"

static void test_names(void **state)
{
	json_t *addresses;

	(void)state;
	write_policy("monitor", NAMES);
	side.came = 0;
	assert_int_equal(live(script_names), EXIT_GOOD);
	assert_int_equal(side.came, 1);
	assert_string_equal(name_member(0, "state"), "resolved");
	addresses = json_object_get(json_array_get(json_object_get(last_status, "names"), 0), "addresses");
	assert_int_equal(json_array_size(addresses), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(addresses, 0), "ip")),
			    "203.0.113.7");
	assert_int_equal(count_entries("\"came\":[\"203.0.113.7\"]"), 1);
	assert_int_equal(
		count_entries(
			"\"kind\":\"name_refused\",\"name\":\"self.example.org\",\"address\":\"127.0.0.1\""),
		1);
	assert_int_equal(count_entries("\"kind\":\"name_failed\",\"name\":\"gone.example.org\""), 1);
	/* The next daemon knows from the beginning what this one found. */
	assert_int_equal(live(script_names), EXIT_GOOD);
	assert_int_equal(side.came, 1);
	assert_int_equal(count_entries("\"came\":[\"203.0.113.7\"]"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("keeper names", tests, set_up, tear_down);
}
