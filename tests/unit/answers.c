// SPDX-License-Identifier: Apache-2.0
/* Answers of resolvers by their bytes, as the kernel side reads them (bpf/answers.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "bpf/answers.h"

struct message {
	uint8_t bytes[4096];
	size_t n;
};

static void put(struct message *m, const void *bytes, size_t n)
{
	assert_true(m->n + n <= sizeof(m->bytes));
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

static void put_u16(struct message *m, unsigned value)
{
	put(m, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_name(struct message *m, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		put(m, (uint8_t[]){(uint8_t)len}, 1);
		put(m, name, len);
		name += len + (name[len] == '.');
	}
	put(m, "", 1);
}

/* An answer with n records to come. */
static void question(struct message *m, const char *name, unsigned kind, unsigned n)
{
	*m = (struct message){0};
	put_u16(m, 4711);
	put_u16(m, 0x8180);
	put_u16(m, 1);
	put_u16(m, n);
	put_u16(m, 0);
	put_u16(m, 0);
	put_name(m, name);
	put_u16(m, kind);
	put_u16(m, 1);
}

/* owner NULL: a pointer to the question's. */
static void put_record(struct message *m, const char *owner, unsigned kind, uint32_t ttl_s, const void *data,
		       size_t n)
{
	if (owner)
		put_name(m, owner);
	else
		put_u16(m, 0xc00c);
	put_u16(m, kind);
	put_u16(m, 1);
	put_u16(m, ttl_s >> 16);
	put_u16(m, ttl_s & 0xffff);
	put_u16(m, (unsigned)n);
	put(m, data, n);
}

static void put_address(struct message *m, const char *owner, uint32_t ttl_s, const char *text)
{
	uint8_t address[16];
	int ipv4 = inet_pton(AF_INET, text, address) == 1;

	if (!ipv4)
		assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	put_record(m, owner, ipv4 ? ANSWERS_A : ANSWERS_AAAA, ttl_s, address, ipv4 ? 4 : 16);
}

static void put_alias(struct message *m, const char *owner, uint32_t ttl_s, const char *name)
{
	struct message wire = {.n = 0};

	put_name(&wire, name);
	put_record(m, owner, ANSWERS_CNAME, ttl_s, wire.bytes, wire.n);
}

/* Reads n bytes of it, in memory of their own so that the sanitizers see their end. Returns how many windows that took. */
static unsigned read_bytes(struct answers_reader *r, const struct message *m, size_t n)
{
	uint8_t *bytes = malloc(n + 1);
	unsigned steps = 0;

	assert_non_null(bytes);
	memcpy(bytes, m->bytes, n);
	memset(r, 0, sizeof(*r));
	answers_begin(r, (__u32)n);
	while (!answers_is_over(r)) {
		assert_in_range(r->want, 1, ANSWERS_WINDOW);
		assert_true(r->at + r->want <= n);
		memcpy(r->bytes, bytes + r->at, r->want);
		answers_step(r);
		steps++;
	}
	free(bytes);
	return steps;
}

static void assert_address(const struct answers_reader *r, unsigned i, const char *text, uint32_t ttl_s)
{
	uint8_t address[16];

	assert_true(i < r->n);
	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	assert_memory_equal(r->addresses[i].address, address, 16);
	assert_int_equal(r->addresses[i].ttl_s, ttl_s);
}

static void the_addresses_of_a_name_are_read(void **state)
{
	static const char wire[] = "\3lab\7example\3org";
	struct answers_reader r;
	struct message m;

	(void)state;
	question(&m, "LAB.Example.org", ANSWERS_A, 2);
	put_address(&m, NULL, 300, "203.0.113.9");
	put_address(&m, "lab.example.org", 60, "203.0.113.10");
	read_bytes(&r, &m, m.n);
	assert_int_equal(r.step, ANSWERS_DONE);
	assert_memory_equal(r.name.name, wire, sizeof(wire));
	assert_int_equal(r.n, 2);
	assert_address(&r, 0, "::ffff:203.0.113.9", 300);
	assert_address(&r, 1, "::ffff:203.0.113.10", 60);
	question(&m, "lab.example.org", ANSWERS_AAAA, 1);
	put_address(&m, NULL, 0x80000000u, "2001:db8::9"); /* RFC 2181, 8: as if it were 0 */
	put(&m, "additional records", 18);
	read_bytes(&r, &m, m.n);
	assert_int_equal(r.step, ANSWERS_DONE);
	assert_address(&r, 0, "2001:db8::9", 0);
}

static void aliases_shorten_what_they_lead_to(void **state)
{
	struct answers_reader r;
	struct message m;

	(void)state;
	question(&m, "www.example.org", ANSWERS_A, 5);
	put_alias(&m, NULL, 600, "edge.cdn.example.net");
	put_alias(&m, "edge.cdn.example.net", 20, "a.cdn.example.net");
	put_record(&m, "a.cdn.example.net", 46, 5, "a signature", 11); /* RRSIG */
	put_address(&m, "a.cdn.example.net", 60, "203.0.113.9");
	put_address(&m, "a.cdn.example.net", 10, "203.0.113.10");
	read_bytes(&r, &m, m.n);
	assert_int_equal(r.step, ANSWERS_DONE);
	assert_int_equal(r.n, 2);
	assert_address(&r, 0, "::ffff:203.0.113.9", 20);
	assert_address(&r, 1, "::ffff:203.0.113.10", 10);
}

static void what_was_not_asked_for_does_not_count(void **state)
{
	struct answers_reader r;
	struct message m;

	(void)state;
	question(&m, "lab.example.org", ANSWERS_A, 1);
	put_address(&m, NULL, 300, "2001:db8::9");
	read_bytes(&r, &m, m.n);
	assert_int_equal(r.step, ANSWERS_DONE);
	assert_int_equal(r.n, 0);
	question(&m, "lab.example.org", 255, 1); /* any */
	put_address(&m, NULL, 300, "203.0.113.9");
	read_bytes(&r, &m, m.n);
	assert_int_equal(r.step, ANSWERS_BAD);
}

static void no_answer_gives_none(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} rows[] = {
		{2, 0x01},		       /* a question */
		{2, 0x89},		       /* another operation */
		{3, 0x83},		       /* there is no such name */
		{3, 0x82},		       /* the resolver failed */
		{5, 0},			       /* without a question */
		{5, 2},			       /* with two */
		{12, 0xc0},		       /* asked by a pointer */
		{12, 64},		       /* a label that is too long, or a reserved kind of one */
		{12, 60},		       /* that ends within what follows */
		{12 + 20, 3},		       /* another class */
		{12 + 21, 0x80}, {12 + 32, 5}, /* no address of IPv4 */
		{12 + 32, 3},	 {12 + 32, 16}, {12 + 31, 0xff}, /* data beyond the end */
		{7, 2},						 /* a record that is not there */
	};
	struct answers_reader r;
	struct message m, good;

	(void)state;
	question(&good, "lab.example.org", ANSWERS_A, 1);
	put_address(&good, NULL, 300, "203.0.113.9");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		m = good;
		assert_int_not_equal(m.bytes[rows[i].at], rows[i].byte);
		m.bytes[rows[i].at] = rows[i].byte;
		read_bytes(&r, &m, m.n);
		if (r.step != ANSWERS_BAD)
			fail_msg("row %zu: taken", i);
	}
	for (size_t n = 0; n < good.n; n++) {
		read_bytes(&r, &good, n);
		if (r.step != ANSWERS_BAD)
			fail_msg("%zu bytes: taken", n);
	}
	read_bytes(&r, &good, good.n);
	assert_int_equal(r.step, ANSWERS_DONE);
}

static void long_answers_have_an_end(void **state)
{
	char name[256] = "";
	struct answers_reader r;
	struct message m;

	(void)state;
	while (strlen(name) < 250)
		strcat(name,
		       strlen(name) ? ".ab" : "xabcd"); /* 5 + 82 * 3 bytes, and 2 more on the wire: 253 */
	question(&m, name, ANSWERS_A, 40);
	for (int i = 0; i < 40; i++)
		put_address(&m, NULL, 300, "203.0.113.9");
	assert_true(read_bytes(&r, &m, m.n) < ANSWERS_STEPS);
	assert_int_equal(r.step, ANSWERS_DONE);
	assert_int_equal(r.n, ANSWERS_RECORDS);
	strcpy(name + strlen(name), ".abc");
	question(&m, name, ANSWERS_A, 1);
	put_address(&m, NULL, 300, "203.0.113.9");
	read_bytes(&r, &m, m.n);
	assert_int_equal(r.step, ANSWERS_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_addresses_of_a_name_are_read),
		cmocka_unit_test(aliases_shorten_what_they_lead_to),
		cmocka_unit_test(what_was_not_asked_for_does_not_count),
		cmocka_unit_test(no_answer_gives_none),
		cmocka_unit_test(long_answers_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
