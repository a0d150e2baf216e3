// SPDX-License-Identifier: Apache-2.0
/* The beginning of TLS by its bytes, as the kernel side reads it (bpf/tls.h), and what decide.h makes of that. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/ssl.h>

#include "bpf/decide.h"
#include "bpf/tls.h"

/* The stream as packets of `size` bytes bring it, each piece in memory of its own so that the sanitizers see its end. */
static void feed(struct tls_reader *r, const unsigned char *bytes, size_t n, size_t size)
{
	for (size_t from = 0; from < n; from += size) {
		size_t len = n - from < size ? n - from : size;
		unsigned char *piece = malloc(len);
		__u32 at, want;

		assert_non_null(piece);
		memcpy(piece, bytes + from, len);
		while ((want = tls_wants(r, (__u32)from, (__u32)len, &at))) {
			assert_true(at + want <= len);
			assert_true(r->have + want <= TLS_WINDOW_BYTES);
			memcpy(r->bytes + r->have, piece + at, want);
			tls_took(r, want);
		}
		free(piece);
	}
}

static void read_hello(struct tls_reader *r, const unsigned char *bytes, size_t n, size_t size, __u32 message)
{
	tls_begin(r, message);
	feed(r, bytes, n, size);
}

/* --- hellos of OpenSSL itself --- */

struct hellos {
	unsigned char client[20000], server[20000];
	int client_len, server_len;
};

static EVP_PKEY *make_key(void)
{
	return EVP_EC_gen("P-256");
}

static SSL_CTX *server_context(int max)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = make_key();
	X509 *cert = X509_new();

	X509_set_pubkey(cert, key);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_sign(cert, key, EVP_sha256());
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, max);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

/* A client's hello, and the server's answer to it, with versions up to max. groups: of the client, or NULL. */
static void shake(struct hellos *h, int max, const char *name, const char *client_groups,
		  const char *server_groups)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method()), *server_ctx = server_context(max);
	SSL *client, *server;
	BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());

	SSL_CTX_set_security_level(client_ctx, 0);
	SSL_CTX_set_min_proto_version(client_ctx, TLS1_VERSION);
	SSL_CTX_set_cipher_list(client_ctx, "ALL:@SECLEVEL=0");
	SSL_CTX_set_cipher_list(server_ctx, "ALL:@SECLEVEL=0");
	if (client_groups)
		SSL_CTX_set1_groups_list(client_ctx, client_groups);
	if (server_groups)
		SSL_CTX_set1_groups_list(server_ctx, server_groups);
	client = SSL_new(client_ctx);
	server = SSL_new(server_ctx);
	if (name)
		SSL_set_tlsext_host_name(client, name);
	BIO_up_ref(to_server);
	BIO_up_ref(to_client);
	SSL_set_bio(client, to_client, to_server);
	SSL_set_bio(server, to_server, to_client);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	SSL_do_handshake(client);
	h->client_len = BIO_read(to_server, h->client, sizeof(h->client));
	assert_true(h->client_len > 0);
	assert_int_equal(BIO_write(to_server, h->client, h->client_len), h->client_len);
	SSL_do_handshake(server);
	h->server_len = BIO_read(to_client, h->server, sizeof(h->server));
	assert_true(h->server_len > 0);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
}

static void versions_are_the_negotiated_ones(void **state)
{
	static const struct {
		int max;
		const char *client_groups,
			*server_groups; /* without one in common at first: a HelloRetryRequest */
		unsigned version;
	} rows[] = {
		{TLS1_VERSION, NULL, NULL, 0x0301},
		{TLS1_1_VERSION, NULL, NULL, 0x0302},
		{TLS1_2_VERSION, NULL, NULL, 0x0303},
		{TLS1_3_VERSION, NULL, NULL, 0x0304},
		{TLS1_3_VERSION, "X25519:P-256", "P-256", 0x0304},
	};
	static const size_t sizes[] = {1, 2, 3, 5, 7, 20, 43, 44, 45, 63, 64, 100, 20000};
	struct hellos *h = malloc(sizeof(*h));

	(void)state;
	assert_non_null(h);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		shake(h, rows[i].max, "lab.example.org", rows[i].client_groups, rows[i].server_groups);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
			struct tls_reader r;

			read_hello(&r, h->server, (size_t)h->server_len, sizes[k], TLS_SERVER_HELLO);
			assert_int_equal(r.step, TLS_STEP_DONE);
			assert_int_equal(r.version, rows[i].version);
			read_hello(&r, h->client, (size_t)h->client_len, sizes[k], TLS_CLIENT_HELLO);
			assert_int_equal(r.step, TLS_STEP_DONE);
			assert_string_equal((char *)r.bytes, "lab.example.org");
			assert_int_equal(r.name, 15);
			assert_int_equal(r.name_cut, 0);
			assert_int_equal(tls_reach(&r), h->client_len);
			/* Neither is the other. */
			read_hello(&r, h->client, (size_t)h->client_len, sizes[k], TLS_SERVER_HELLO);
			assert_int_equal(r.step, TLS_STEP_BAD);
			assert_int_equal(tls_reach(&r), 0);
			read_hello(&r, h->server, (size_t)h->server_len, sizes[k], TLS_CLIENT_HELLO);
			assert_int_equal(r.step, TLS_STEP_BAD);
		}
	}
	free(h);
}

static void names_are_kept_up_to_their_limit(void **state)
{
	struct hellos *h = malloc(sizeof(*h));

	(void)state;
	assert_non_null(h);
	for (size_t n = 0; n <= 200; n++) {
		char name[201] = "";
		struct tls_reader r;

		memset(name, 'a', n);
		shake(h, TLS1_3_VERSION, n ? name : NULL, NULL, NULL);
		read_hello(&r, h->client, (size_t)h->client_len, 1 + n % 70, TLS_CLIENT_HELLO);
		assert_int_equal(r.step, TLS_STEP_DONE);
		assert_int_equal(r.name, n > TLS_NAME_MAX ? TLS_NAME_MAX : n);
		assert_int_equal(r.name_cut, n > TLS_NAME_MAX);
		if (n) {
			name[n > TLS_NAME_MAX ? TLS_NAME_MAX : n] = '\0';
			assert_string_equal((char *)r.bytes, name);
		}
		n += n > 70 ? 12 : 0;
	}
	free(h);
}

/* Whatever the first byte that is wrong, what came with it shall not pass for the beginning of a hello. */
static void what_is_none_is_told_early(void **state)
{
	static const char *const texts[] = {"GET / HTTP/1.1\r\n",
					    "SSH-2.0-x\r\n",
					    "\x16GET",
					    "\x16\x03GET",
					    "\x16\x03\x05",
					    "\x15\x03\x03",
					    "\x16\x03\x01\x02\x03\x02",
					    "MRN-4711",
					    "\x17\x03\x03",
					    "\x80\x2e\x01"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct tls_reader r;

		read_hello(&r, (const unsigned char *)texts[i], strlen(texts[i]), 100, TLS_CLIENT_HELLO);
		assert_int_equal(r.step, TLS_STEP_BAD);
		assert_int_equal(tls_reach(&r), 0);
	}
}

/* Every byte and every length wrong, cut anywhere: nothing is read beyond, and it ends. */
static void mangled_ones_harm_nothing(void **state)
{
	struct hellos *h = malloc(sizeof(*h));
	unsigned seed = 4711;

	(void)state;
	assert_non_null(h);
	shake(h, TLS1_3_VERSION, "lab.example.org", NULL, NULL);
	for (int i = 0; i < 200000; i++) {
		unsigned char bytes[600];
		bool client = rand_r(&seed) % 2;
		size_t n = (size_t)(client ? h->client_len : h->server_len);
		struct tls_reader r;

		n = n > sizeof(bytes) ? sizeof(bytes) : n;
		memcpy(bytes, client ? h->client : h->server, n);
		for (int k = rand_r(&seed) % 4; k >= 0; k--)
			bytes[(size_t)rand_r(&seed) % n] = (unsigned char)rand_r(&seed);
		read_hello(&r, bytes, 1 + (size_t)rand_r(&seed) % n, 1 + (size_t)rand_r(&seed) % 90,
			   client ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO);
		assert_true(r.step <= TLS_STEP_BAD && r.name <= TLS_NAME_MAX);
		if (r.step == TLS_STEP_DONE && !client)
			assert_true(r.version >= 0x0300 && r.version <= 0x0304);
		assert_true(tls_reach(&r) <= TLS_RECORD_HEAD + TLS_RECORD_MAX);
	}
	free(h);
}

/* A hello shares its record with nothing, or what leaves with it would be free. */
static void a_hello_fills_its_record(void **state)
{
	struct hellos *h = malloc(sizeof(*h));
	struct tls_reader r;
	unsigned len;

	(void)state;
	assert_non_null(h);
	shake(h, TLS1_3_VERSION, NULL, NULL, NULL);
	len = tls_u16(h->client + 3) + 1;
	h->client[3] = (unsigned char)(len >> 8);
	h->client[4] = (unsigned char)len;
	read_hello(&r, h->client, (size_t)h->client_len + 1, 5000, TLS_CLIENT_HELLO);
	assert_int_equal(r.step, TLS_STEP_BAD);
	free(h);
}

/* A piece that does not join is passed over. */
static void gaps_are_not_read_over(void **state)
{
	struct hellos *h = malloc(sizeof(*h));
	struct tls_reader r;
	__u32 at;

	(void)state;
	assert_non_null(h);
	shake(h, TLS1_2_VERSION, "lab.example.org", NULL, NULL);
	tls_begin(&r, TLS_CLIENT_HELLO);
	assert_int_equal(tls_wants(&r, 1, 100, &at), 0);
	feed(&r, h->client, 10, 10);
	assert_int_equal(tls_reach(&r), 10);
	assert_int_equal(tls_wants(&r, 11, 100, &at), 0);
	assert_int_equal(tls_wants(&r, 0, 10, &at), 0);
	assert_int_equal(tls_wants(&r, 0, 12, &at), 2);
	assert_int_equal(at, 10);
	feed(&r, h->client, (size_t)h->client_len, 25); /* from the beginning once more */
	assert_int_equal(r.step, TLS_STEP_DONE);
	assert_string_equal((char *)r.bytes, "lab.example.org");
	free(h);
}

static void quic_is_known_by_its_first_packet(void **state)
{
	static const struct {
		__u8 head[QUIC_HEAD_BYTES];
		__u32 len, initial, other;
	} rows[] = {
		{{0xc3, 0, 0, 0, 1, 8}, 1200, 1, 1},
		{{0xc3, 0, 0, 0, 1, 8}, 1199, 0, 1},
		{{0xc3, 0, 0, 0, 1, 21}, 1200, 0, 1},
		{{0xd3, 0, 0, 0, 1, 8}, 1200, 0, 1},
		{{0xd3, 0x6b, 0x33, 0x43, 0xcf, 8}, 1252, 1, 1},
		{{0xc3, 0x6b, 0x33, 0x43, 0xcf, 8}, 1252, 0, 1},
		{{0xc3, 0, 0, 0, 0, 8}, 1200, 0, 0},
		{{0x43, 1, 2, 3, 4, 5}, 1200, 0, 1},
		{{0x03, 0, 0, 0, 1, 8}, 1200, 0, 0},
		{{'M', 'R', 'N', '-', '4', '7'}, 1200, 0, 1},
		{{'0', '1', '2', '3', '4', '5'}, 1200, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(tls_is_quic_initial(rows[i].head, rows[i].len), rows[i].initial);
		assert_int_equal(tls_is_quic(rows[i].head), rows[i].other);
	}
}

#define PLAIN(n) ((__u32)(n) << SHOWN_PLAIN_SHIFT)

static void agreements_ask_for_versions(void **state)
{
	static const struct agreement_limits none = {0}, tls12 = {.tls = TLS_1_2},
					     tls13 = {.tls = TLS_1_3, .quic = 1},
					     mail = {.tls = TLS_1_2, .starttls = {25, 587}};
	static const struct {
		const struct agreement_limits *limits;
		__u32 shown, port, goes, reason;
	} rows[] = {
		{&none, SHOWN_NOTHING, 443, 1, 0},
		{&none, SHOWN_PLAIN | PLAIN(5), 443, 1, 0},
		{&tls12, SHOWN_NOTHING, 443, 0, REASON_NOT_TLS},
		{&tls12, SHOWN_OPENING, 443, 1, 0},
		{&tls12, SHOWN_EARLY, 443, 0, REASON_NOT_TLS},
		{&tls12, SHOWN_PLAIN, 443, 0, REASON_NOT_TLS},
		{&tls12, SHOWN_PLAIN | PLAIN(5), 443, 0, REASON_NOT_TLS},
		{&tls12, SHOWN_QUIC, 443, 0, REASON_NOT_TLS},
		{&tls12, 0x0300, 443, 0, REASON_NOT_TLS},
		{&tls12, 0x0302, 443, 0, REASON_TLS_VERSION},
		{&tls12, 0x0303, 443, 1, 0},
		{&tls12, 0x0304, 443, 1, 0},
		{&tls12, 0x0305, 443, 0, REASON_TLS_VERSION},
		{&tls12, 0x0303 | PLAIN(5), 443, 0, REASON_TLS_VERSION},
		{&tls13, 0x0303, 443, 0, REASON_TLS_VERSION},
		{&tls13, 0x0304, 443, 1, 0},
		{&tls13, SHOWN_QUIC, 443, 1, 0},
		{&mail, SHOWN_PLAIN | PLAIN(5), 25, 1, 0},
		{&mail, SHOWN_PLAIN | PLAIN(1024), 587, 1, 0},
		{&mail, SHOWN_PLAIN | PLAIN(1025), 587, 0, REASON_NOT_TLS},
		{&mail, SHOWN_PLAIN | PLAIN(5), 0, 0, REASON_NOT_TLS},
		{&mail, SHOWN_PLAIN | PLAIN(5), 26, 0, REASON_NOT_TLS},
		{&mail, SHOWN_OPENING | PLAIN(40), 25, 1, 0},
		{&mail, SHOWN_EARLY | PLAIN(40), 25, 0, REASON_NOT_TLS},
		{&mail, 0x0304 | PLAIN(40), 25, 1, 0},
		{&mail, 0x0302 | PLAIN(40), 25, 0, REASON_TLS_VERSION},
		{&mail, SHOWN_NOTHING, 25, 0, REASON_NOT_TLS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (decide_tls(rows[i].limits, rows[i].shown, rows[i].port) != rows[i].goes)
			fail_msg("row %zu", i);
		if (!rows[i].goes)
			assert_int_equal(decide_tls_reason(rows[i].shown), rows[i].reason);
	}
}

static void windows_of_a_limit(void **state)
{
	static const struct agreement_limits day = {.max_bytes = 100, .window_ns = 1000, .clock_ns = 300},
					     free_of = {0};
	struct volume volume = {.window = 5, .base = 40, .total = 130};

	(void)state;
	assert_int_equal(decide_window(&day, 699), 0);
	assert_int_equal(decide_window(&day, 700), 1);
	assert_int_equal(decide_window(&day, 4699), 4);
	assert_int_equal(decide_used(&volume, 5), 90);
	assert_int_equal(decide_used(&volume, 4), 90); /* the clock was set back */
	assert_int_equal(decide_used(&volume, 6), 0);
	assert_int_equal(decide_fits(&day, 90, 10), 1);
	assert_int_equal(decide_fits(&day, 90, 11), 0);
	assert_int_equal(decide_fits(&day, 0, 100), 1);
	assert_int_equal(decide_fits(&day, 0, ~0ull), 0);
	assert_int_equal(decide_fits(&day, 101, 1), 0);
	assert_int_equal(decide_fits(&day, 101, 0),
			 1); /* a packet of what was counted, after the limit was lowered */
	assert_int_equal(decide_fits(&free_of, ~0ull, ~0ull), 1);
	assert_int_equal(decide_window(&free_of, 99), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_the_negotiated_ones),
		cmocka_unit_test(names_are_kept_up_to_their_limit),
		cmocka_unit_test(what_is_none_is_told_early),
		cmocka_unit_test(mangled_ones_harm_nothing),
		cmocka_unit_test(a_hello_fills_its_record),
		cmocka_unit_test(gaps_are_not_read_over),
		cmocka_unit_test(quic_is_known_by_its_first_packet),
		cmocka_unit_test(agreements_ask_for_versions),
		cmocka_unit_test(windows_of_a_limit),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
