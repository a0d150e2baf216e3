// SPDX-License-Identifier: Apache-2.0
/* Names to addresses on threads: what the host's resolver answers is played here, and that it does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/resolve.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* who asks for hangN.example waits here */
static atomic_int asked;

struct answer {
	struct addrinfo info;
	struct sockaddr_storage address;
};

static struct addrinfo *answer_of(const char *address, struct addrinfo *next)
{
	struct answer *a = calloc(1, sizeof(*a));

	a->info.ai_family = strchr(address, ':') ? AF_INET6 : AF_INET;
	a->info.ai_addr = (struct sockaddr *)&a->address;
	a->info.ai_next = next;
	a->address.ss_family = (sa_family_t)a->info.ai_family;
	inet_pton(a->info.ai_family, address,
		  a->info.ai_family == AF_INET ? (void *)&((struct sockaddr_in *)&a->address)->sin_addr
					       : (void *)&((struct sockaddr_in6 *)&a->address)->sin6_addr);
	return &a->info;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	char address[INET6_ADDRSTRLEN];

	(void)service;
	assert_int_equal(hints->ai_family, AF_UNSPEC);
	atomic_fetch_add(&asked, 1);
	if (!strncmp(name, "hang", 4)) {
		pthread_mutex_lock(&gate);
		pthread_mutex_unlock(&gate);
		return EAI_AGAIN;
	}
	if (!strcmp(name, "none.example"))
		return EAI_NONAME;
	*list = NULL;
	if (!strcmp(name, "empty.example"))
		return 0;
	for (int i = 0; !strcmp(name, "many.example") && i < HOST_ADDRESSES_MAX + 8; i++) {
		snprintf(address, sizeof(address), "2001:db8::%x", i + 1);
		*list = answer_of(address, *list);
	}
	if (!*list)
		*list = answer_of("192.0.2.1", answer_of("2001:db8::1", answer_of("::ffff:192.0.2.1", NULL)));
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool next(struct resolve *r, int fd, struct resolve_answer *answer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return resolve_next(r, now_ns(), answer) ||
	       (poll(&p, 1, 5000) == 1 && resolve_next(r, now_ns(), answer));
}

static void test_answers(void **state)
{
	struct resolve_answer answer;
	uint8_t address[16];
	int fd;
	struct resolve *r = resolve_new(&fd);

	(void)state;
	resolve_ask(r, "two.example");
	assert_true(next(r, fd, &answer));
	assert_string_equal(answer.name, "two.example");
	assert_int_equal(answer.n, 2); /* one address in two forms is one */
	inet_pton(AF_INET6, "::ffff:192.0.2.1", address);
	assert_memory_equal(answer.addresses[0], address, 16);
	resolve_ask(r, "many.example");
	assert_true(next(r, fd, &answer));
	assert_int_equal(answer.n, HOST_ADDRESSES_MAX);
	resolve_ask(r, "none.example");
	assert_true(next(r, fd, &answer));
	assert_int_equal(answer.n, 0);
	assert_string_equal(answer.why, gai_strerror(EAI_NONAME));
	resolve_ask(r, "empty.example");
	assert_true(next(r, fd, &answer));
	assert_int_equal(answer.n, 0);
	assert_string_equal(answer.why, "no address");
	assert_false(resolve_next(r, now_ns(), &answer));
	assert_true(resolve_free(r));
}

/* A name that hangs holds up no other, is told of once when its time is over, and not asked for again meanwhile. */
static void test_a_name_that_hangs(void **state)
{
	struct resolve_answer answer;
	uint64_t late_ns;
	int fd, before;
	struct resolve *r = resolve_new(&fd);

	(void)state;
	pthread_mutex_lock(&gate);
	resolve_ask(r, "hang1.example");
	resolve_ask(r, "two.example");
	assert_true(next(r, fd, &answer));
	assert_string_equal(answer.name, "two.example");
	before = atomic_load(&asked);
	resolve_ask(r, "hang1.example");
	assert_false(resolve_next(r, now_ns(), &answer));
	late_ns = now_ns() + (RESOLVE_BOUND_MS + 1) * 1000000ull;
	assert_true(resolve_next(r, late_ns, &answer));
	assert_string_equal(answer.name, "hang1.example");
	assert_int_equal(answer.n, 0);
	assert_string_equal(answer.why, "no answer in time");
	assert_false(resolve_next(r, late_ns, &answer));
	/* With every thread hanging, further names are told of when their time is over, too. */
	for (int i = 2; i < 12; i++) {
		char name[32];

		snprintf(name, sizeof(name), "hang%d.example", i);
		resolve_ask(r, name);
	}
	late_ns = now_ns() + (RESOLVE_BOUND_MS + 1) * 1000000ull;
	for (int i = 2; i < 12; i++)
		assert_true(resolve_next(r, late_ns, &answer));
	assert_false(resolve_next(r, late_ns, &answer));
	assert_true(atomic_load(&asked) <= before + 3);
	pthread_mutex_unlock(&gate);
	/* What comes late is dropped, and the name may be asked for again. */
	for (int i = 0; i < 500; i++) {
		resolve_ask(r, "two.example");
		if (resolve_next(r, now_ns(), &answer))
			break;
		usleep(10000);
	}
	assert_string_equal(answer.name, "two.example");
	assert_true(resolve_free(r));
}

static void test_the_end_waits_for_nobody(void **state)
{
	int fd;
	struct resolve *r = resolve_new(&fd);
	uint64_t begin_ns = now_ns();

	(void)state;
	pthread_mutex_lock(&gate);
	resolve_ask(r, "hang1.example");
	usleep(100000);
	assert_false(resolve_free(r));
	assert_true(now_ns() - begin_ns < 10000000000ull);
	pthread_mutex_unlock(&gate);
	usleep(200000);
	assert_true(resolve_free(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_a_name_that_hangs),
		cmocka_unit_test(test_the_end_waits_for_nobody),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
