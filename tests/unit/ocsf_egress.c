// SPDX-License-Identifier: Apache-2.0
/* Entries about data on its way out of the host, and about what comes by a socket: as in ocsf.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ocsf_entry.h"

static const __u8 ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

static struct record_access *sent(const __u8 *to)
{
	struct record_access *a = fixture_access(&record, 20, "");

	fixture_send(&record, to, 443);
	return a;
}

static struct record_access *denied_to(const __u8 *to)
{
	struct record_access *a = denied("");

	fixture_send(&record, to, 443);
	return a;
}

static void test_agreed(void **state)
{
	struct record_access *a = sent(NULL);
	const char *text;
	json_t *json;

	(void)state;
	a->detail = 1;
	a->label = 1;
	a->tally.uses = 1;
	a->tally.written = 4096;
	json = entry(&text);
	ASSERT_AT(json, "class_uid", "4001");
	ASSERT_AT(json, "category_uid", "4");
	ASSERT_AT(json, "activity_id", "6");
	ASSERT_AT(json, "type_uid", "400106");
	ASSERT_AT(json, "severity_id", "1");
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "is_alert", "");
	ASSERT_AT(json, "actor.user.name", "postgres");
	ASSERT_AT(json, "file.path", "");
	ASSERT_AT(json, "dst_endpoint.ip", "203.0.113.9");
	ASSERT_AT(json, "dst_endpoint.port", "443");
	ASSERT_AT(json, "connection_info.direction_id", "2");
	ASSERT_AT(json, "connection_info.protocol_num", "6");
	ASSERT_AT(json, "connection_info.protocol_name", "tcp");
	ASSERT_AT(json, "connection_info.protocol_ver_id", "4");
	ASSERT_AT(json, "traffic.bytes_out", "4096");
	ASSERT_AT(json, "unmapped.muniment.store", "ehr");
	ASSERT_AT(json, "unmapped.muniment.operations.0", "send");
	ASSERT_AT(json, "unmapped.muniment.hook", "socket_sendmsg");
	ASSERT_AT(json, "unmapped.muniment.agreement", "lab");
	ASSERT_AT(json, "unmapped.muniment.purpose", "blood tests, \"urgent\"");
	ASSERT_AT(json, "unmapped.muniment.partner", "Labor Nord");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:14");
	ASSERT_AT(json, "unmapped.muniment.grant", "");
	ASSERT_AT(json, "unmapped.muniment.reason", "");
	ASSERT_AT(json, "unmapped.muniment.label.0", "0");
	ASSERT_AT(json, "unmapped.muniment.uses", "1");
	ASSERT_AT(json, "unmapped.muniment.bytes_written", "4096");
	ASSERT_AT(json, "unmapped.muniment.peer", "");
	assert_in_range(strlen(text), 300, 1000);
	json_decref(json);
	a->detail = 2;
	a->hook = HOOK_SOCKET_CONNECT;
	json = entry(NULL);
	ASSERT_AT(json, "type_uid", "400101");
	ASSERT_AT(json, "traffic.bytes_out", "");
	ASSERT_AT(json, "unmapped.muniment.agreement", "backup");
	ASSERT_AT(json, "unmapped.muniment.purpose", "");
	ASSERT_AT(json, "unmapped.muniment.partner", "");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:20");
	json_decref(json);
}

static void test_denied(void **state)
{
	struct record_access *a = denied_to(ipv6);
	json_t *json;

	(void)state;
	a->tally.uses = 1;
	a->tally.written = 4096;
	json = entry(NULL);
	ASSERT_AT(json, "severity_id", "4");
	ASSERT_AT(json, "action_id", "2");
	ASSERT_AT(json, "is_alert", "true");
	ASSERT_AT(json, "attacks.0.tactic.uid", "TA0010");
	ASSERT_AT(json, "attacks.0.technique.uid", "T1048");
	ASSERT_AT(json, "policy.name", "ehr");
	ASSERT_AT(json, "dst_endpoint.ip", "2001:db8::1");
	ASSERT_AT(json, "connection_info.protocol_ver_id", "6");
	ASSERT_AT(json, "traffic.bytes_out", "");
	ASSERT_AT(json, "unmapped.muniment.bytes_written", "4096");
	ASSERT_AT(json, "unmapped.muniment.wanted", "deny");
	ASSERT_AT(json, "unmapped.muniment.enforced", "denied");
	ASSERT_AT(json, "unmapped.muniment.reason", "not_agreed");
	ASSERT_AT(json, "unmapped.muniment.agreement", "");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	ASSERT_AT(json, "unmapped.muniment.open_flags", "");
	ASSERT_AT(json, "unmapped.muniment.file_mode", "");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to send data of store ehr to 2001:db8::1 "
		  "port 443 (tcp), which no agreement covers");
	json_decref(json);
	a->hook = HOOK_SOCKET_CONNECT;
	json = entry(NULL);
	ASSERT_AT(json, "attacks.0.technique.uid", "T1048");
	ASSERT_AT(
		json, "message",
		"user1044 as user0 with postgres[3121] was denied to connect to 2001:db8::1 port 443 (tcp), "
		"which no agreement covers, while it holds data of store ehr");
	json_decref(json);
	a->reason = REASON_UNLABELLED;
	json = entry(NULL);
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to connect to 2001:db8::1 port 443 (tcp) "
		  "while it holds data of store ehr");
	json_decref(json);
}

/* A name that a resolver answered the process is told, as long as the policy has it. */
static void test_answered(void **state)
{
	struct record_access *a = sent(NULL);
	json_t *json;

	(void)state;
	a->detail = 1;
	a->reason = REASON_ANSWERED;
	a->file_size = 0xfeedfacecafebeefu;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "dst_endpoint.hostname", "lab.example.org");
	ASSERT_AT(json, "dst_endpoint.ip", "203.0.113.9");
	ASSERT_AT(json, "unmapped.muniment.agreement", "lab");
	json_decref(json);
	a->file_size++;
	json = entry(NULL);
	ASSERT_AT(json, "dst_endpoint.hostname", "");
	json_decref(json);
	a->file_size--;
	a->reason = REASON_AGREED;
	json = entry(NULL);
	ASSERT_AT(json, "dst_endpoint.hostname", "");
	json_decref(json);
}

/* What a resolver is told goes by the section `dns`; and where an agreement failed by its regions, that is said. */
static void test_resolvers_and_regions(void **state)
{
	struct record_access *a = denied_to(NULL);
	json_t *json;

	(void)state;
	a->peer.port = 53;
	a->reason = REASON_DNS_VOLUME;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "dns_volume");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:31");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to send data of store ehr to 203.0.113.9 "
		  "port 53 (tcp), a resolver that it has told as much as it may");
	json_decref(json);
	a->reason = REASON_RESOLVER;
	a->detail = AGREEMENT_RESOLVER;
	a->wanted = VERDICT_ALLOW;
	a->enforced = ENFORCED_ALLOWED;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "1");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:31");
	ASSERT_AT(json, "unmapped.muniment.agreement_id", "");
	json_decref(json);
	a = denied_to(NULL);
	a->reason = REASON_REGION;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "region");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	assert_non_null(strstr(at(json, "message"), "(tcp), which lies in no region of the agreement"));
	json_decref(json);
}

/* Agreements with limits: why nothing went, and what the connection has shown. */
static void test_limits(void **state)
{
	struct record_access *a = denied_to(ipv6);
	json_t *json;

	(void)state;
	a->detail = 1;
	a->reason = REASON_TLS_VERSION;
	a->open_flags = 0x0302 | 40 << SHOWN_PLAIN_SHIFT;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "tls_version");
	ASSERT_AT(json, "unmapped.muniment.agreement", "lab");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:14");
	ASSERT_AT(json, "unmapped.muniment.tls", "1.1");
	ASSERT_AT(json, "unmapped.muniment.bytes_plain", "40");
	ASSERT_AT(json, "unmapped.muniment.server_name", "");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to send data of store ehr to 2001:db8::1 "
		  "port 443 (tcp) over TLS 1.1, which is too old for the agreement lab");
	json_decref(json);
	a->reason = REASON_NOT_TLS;
	a->open_flags = SHOWN_NOTHING;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "not_tls");
	ASSERT_AT(json, "unmapped.muniment.tls", "");
	ASSERT_AT(json, "unmapped.muniment.bytes_plain", "");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to send data of store ehr to 2001:db8::1 "
		  "port 443 (tcp) without the TLS that the agreement lab wants");
	json_decref(json);
	a->reason = REASON_LIMIT;
	a->file_size = 3000;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.reason", "limit");
	ASSERT_AT(json, "unmapped.muniment.used_bytes", "3000");
	ASSERT_AT(json, "unmapped.muniment.limit_bytes", "4096");
	ASSERT_AT(json, "unmapped.muniment.limit_s", "604800");
	ASSERT_AT(json, "message",
		  "user1044 as user0 with postgres[3121] was denied to send data of store ehr to 2001:db8::1 "
		  "port 443 (tcp), beyond what the agreement lab lets go");
	json_decref(json);
	a->detail = 3; /* of a policy that is known no more */
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.agreement_id", "3");
	ASSERT_AT(json, "unmapped.muniment.limit_bytes", "");
	json_decref(json);
}

/* The name that a client asks for is its own choice: a slash in it loses no entry. */
static void test_server_names(void **state)
{
	static const char *const names[] = {"lab.example.org", "../../etc/passwd", "a\"b\\c", "/"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct record_access *a = sent(ipv6);
		json_t *json;

		a->detail = 1;
		a->open_flags = TLS_1_3;
		a->path_count = 1;
		a->path_bytes = (__u32)strlen(names[i]) + 1;
		memcpy(record.bytes + sizeof(*a), names[i], a->path_bytes);
		a->header.size += a->path_bytes;
		record.size = a->header.size;
		json = entry(NULL);
		ASSERT_AT(json, "unmapped.muniment.tls", "1.3");
		ASSERT_AT(json, "unmapped.muniment.server_name", names[i]);
		json_decref(json);
	}
}

static void test_monitored_and_stopped(void **state)
{
	struct record_access *a = denied_to(NULL);
	json_t *json;

	(void)state;
	a->enforced = ENFORCED_ALLOWED;
	a->flags |= RECORD_FLAG_MONITOR;
	a->tally.uses = 1;
	a->tally.written = 7;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "3");
	ASSERT_AT(json, "traffic.bytes_out", "7");
	ASSERT_AT(json, "unmapped.muniment.flags.0", "monitor");
	assert_non_null(strstr(at(json, "message"),
			       "was not granted but did send data of store ehr to 203.0.113.9 port 443"));
	json_decref(json);
	a->enforced = ENFORCED_STOPPED;
	a->mechanism = MECHANISM_TRACING;
	json = entry(NULL);
	ASSERT_AT(json, "action_id", "2");
	ASSERT_AT(json, "unmapped.muniment.enforced", "stopped");
	ASSERT_AT(json, "traffic.bytes_out", "7"); /* it was too late for these */
	assert_non_null(strstr(at(json, "message"), "was killed on trying to send data of store ehr"));
	json_decref(json);
}

/* Sums of what went one way, and of attempts. */
static void test_folded(void **state)
{
	struct record_access *a = sent(NULL);
	json_t *json;

	(void)state;
	a->detail = 1;
	a->flags = RECORD_FLAG_FOLDED;
	a->tally = (struct tally){.count = 41, .uses = 41, .written = 1ull << 33, .unmeasured = 2};
	a->first_ns -= 2000000000;
	json = entry(NULL);
	ASSERT_AT(json, "count", "41");
	ASSERT_AT(json, "traffic.bytes_out", "8589934592");
	ASSERT_AT(json, "unmapped.muniment.repeats", "41");
	ASSERT_AT(json, "unmapped.muniment.unmeasured", "2");
	json_decref(json);
	a = denied_to(NULL);
	a->flags |= RECORD_FLAG_FOLDED;
	a->tally.count = 499;
	json = entry(NULL);
	assert_non_null(strstr(at(json, "message"), "(tcp), which no agreement covers, 499 times more"));
	json_decref(json);
}

/* Every kind of peer that decoding lets pass has an endpoint that the standard takes. */
static void test_peers(void **state)
{
	static const struct {
		const char *ip, *name, *protocol, *version;
		__u16 family, number, port;
	} rows[] = {
		{"203.0.113.9", "", "udp", "4", AF_INET, IPPROTO_UDP, 53},
		{"203.0.113.9", "", "tcp", "4", AF_INET, IPPROTO_MPTCP, 443},
		{"203.0.113.9", "", "icmp", "4", AF_INET, IPPROTO_ICMP, 0},
		{"203.0.113.9", "", "", "4", AF_INET, IPPROTO_RAW, 0},
		{"203.0.113.9", "", "sctp", "4", AF_INET6, IPPROTO_SCTP, 9}, /* by its mapped address */
		{"", "AF_PACKET", "", "", AF_PACKET, 768, 0},
		{"", "AF_VSOCK", "", "", AF_VSOCK, 0, 1024},
		{"", "AF_UNIX", "", "", AF_UNIX, 0, 0},
		{"", "address family 3", "", "", 3, 0, 0},
		{"", "address family 65535", "", "", 65535, 65535, 65535},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record_access *a = denied_to(NULL);
		json_t *json;

		a->peer.family = rows[i].family;
		a->peer.protocol = rows[i].number;
		a->peer.port = rows[i].port;
		if (!*rows[i].ip)
			memset(a->peer.address, 0, sizeof(a->peer.address));
		json = entry(NULL);
		ASSERT_AT(json, "dst_endpoint.ip", rows[i].ip);
		ASSERT_AT(json, "dst_endpoint.name", rows[i].name);
		ASSERT_AT(json, "connection_info.protocol_name", rows[i].protocol);
		ASSERT_AT(json, "connection_info.protocol_ver_id", rows[i].version);
		assert_int_equal(!*at(json, "dst_endpoint.port"), !rows[i].port);
		if (rows[i].family == AF_PACKET)
			assert_non_null(strstr(at(json, "message"), "store ehr by a socket of AF_PACKET, "));
		if (rows[i].number == IPPROTO_RAW)
			assert_non_null(strstr(at(json, "message"), "to 203.0.113.9 (protocol 255), "));
		json_decref(json);
	}
}

/* What the daemon does not know any more is told by its number. */
static void test_unknown(void **state)
{
	struct record_access *a = denied_to(NULL);
	json_t *json;

	(void)state;
	a->detail = 3;
	a->target_tgid = 4242; /* makes no process of it */
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "4001");
	ASSERT_AT(json, "unmapped.muniment.agreement_id", "3");
	ASSERT_AT(json, "unmapped.muniment.agreement", "");
	ASSERT_AT(json, "unmapped.muniment.rule", "10-ehr.yaml:4");
	json_decref(json);
	a->policy_generation = 99;
	a->detail = AGREEMENTS_MAX;
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.store", "(unknown)");
	ASSERT_AT(json, "unmapped.muniment.agreement_id", "256");
	ASSERT_AT(json, "unmapped.muniment.rule", "");
	json_decref(json);
}

/* A socket that is read from is like a pipe; its other side is told, too. */
static void test_received(void **state)
{
	static const __u8 mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	struct record_access *a = denied("");
	json_t *json;

	(void)state;
	a->hook = HOOK_SOCKET_RECVMSG;
	a->reason = REASON_COMPARTMENT;
	a->file_mode = S_IFSOCK | 0777;
	a->flags |= RECORD_FLAG_PATH_OUTSIDE;
	a->peer =
		(struct peer){.port = 5432, .protocol = IPPROTO_TCP, .family = AF_INET, .type = SOCK_STREAM};
	memcpy(a->peer.address, mapped, sizeof(mapped));
	json = entry(NULL);
	ASSERT_AT(json, "class_uid", "1001");
	ASSERT_AT(json, "activity_id", "2");
	ASSERT_AT(json, "file.path", "socket:[1311]");
	ASSERT_AT(json, "file.type_id", "5");
	ASSERT_AT(json, "unmapped.muniment.hook", "socket_recvmsg");
	ASSERT_AT(json, "unmapped.muniment.reason", "compartment");
	ASSERT_AT(json, "unmapped.muniment.peer", "127.0.0.1:5432");
	assert_non_null(strstr(at(json, "message"),
			       "was denied to read socket:[1311] in store ehr, whose data may not meet"));
	json_decref(json);
	a->peer = (struct peer){.port = 22, .family = AF_INET6};
	memcpy(a->peer.address, ipv6, sizeof(ipv6));
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.peer", "[2001:db8::1]:22");
	json_decref(json);
	a->peer = (struct peer){.family = AF_UNIX};
	json = entry(NULL);
	ASSERT_AT(json, "unmapped.muniment.peer", "AF_UNIX");
	json_decref(json);
}

static int set_up_agreed(void **state)
{
	return set_up(state) ? -1 : ocsf_set_policy(ocsf, 7, fixture_agreed_image());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreed),	 cmocka_unit_test(test_denied),
		cmocka_unit_test(test_folded),	 cmocka_unit_test(test_monitored_and_stopped),
		cmocka_unit_test(test_peers),	 cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_received), cmocka_unit_test(test_schema),
		cmocka_unit_test(test_answered), cmocka_unit_test(test_resolvers_and_regions),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_server_names),
	};

	return cmocka_run_group_tests(tests, set_up_agreed, tear_down);
}
