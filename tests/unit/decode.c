// SPDX-License-Identifier: Apache-2.0
/* Ring records: what is well-formed is read whole, what is not is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/decode.h"
#include "pipeline_fixture.h"

static struct fixture_record record;
static struct record_view view;

static enum decode_error decode(void)
{
	/* A heap copy of the exact size, so that the sanitizer sees any byte read beyond it. */
	char *copy = malloc(record.size);
	enum decode_error error;

	memcpy(copy, record.bytes, record.size);
	error = decode_record(copy, record.size, 4, &view);
	free(copy);
	return error;
}

static void assert_path(const char *expected)
{
	struct buf path = {0};

	assert_int_equal(decode_record(record.bytes, record.size, 4, &view), DECODE_OK);
	decode_path(&view, &path);
	assert_string_equal(path.data ? path.data : "", expected);
	buf_free(&path);
}

static void test_access(void **state)
{
	(void)state;
	fixture_access(&record, 5, "12/345/scan.dcm");
	assert_int_equal(decode(), DECODE_OK);
	assert_int_equal(view.header.sequence, 5);
	assert_int_equal(view.access.tgid, 3121);
	assert_int_equal(view.path_count, 3);
	assert_path("/12/345/scan.dcm");
}

static void test_root_itself(void **state)
{
	(void)state;
	fixture_access(&record, 5, "");
	assert_path("");
}

static void test_hostile_names(void **state)
{
	char name[256];

	(void)state;
	fixture_access(&record, 5, "a\nb/\xff\xfe/\x1b[2J");
	assert_path("/a\nb/\xff\xfe/\x1b[2J");
	memset(name, 'n', 255);
	name[255] = '\0';
	fixture_access(&record, 5, name);
	assert_int_equal(decode(), DECODE_OK);
	assert_int_equal(view.path_bytes, 256);
}

static void test_reserved_tail(void **state)
{
	struct record_access *a = fixture_access(&record, 5, "leaf");

	/* The kernel side reserves fixed sizes: the record may be longer than its path. */
	(void)state;
	memset(record.bytes + record.size, 0x55, 64);
	record.size += 64;
	assert_int_equal(decode(), DECODE_OK);
	a->header.size = (uint32_t)record.size;
	assert_int_equal(decode(), DECODE_OK);
	a->header.size++;
	assert_int_equal(decode(), DECODE_SIZE);
}

static void test_every_truncation(void **state)
{
	size_t whole;

	(void)state;
	fixture_access(&record, 5, "12/345/scan.dcm");
	whole = record.size;
	for (record.size = 0; record.size < whole; record.size++)
		assert_int_equal(decode(),
				 record.size < sizeof(struct record_header) ? DECODE_SHORT : DECODE_SIZE);
	/* The same when the header states the truncated size. */
	for (record.size = sizeof(struct record_header); record.size < whole; record.size++) {
		((struct record_header *)record.bytes)->size = (uint32_t)record.size;
		assert_int_equal(decode(),
				 record.size < sizeof(struct record_access) ? DECODE_SIZE : DECODE_PATH);
	}
}

#define REFUSES(error, change)                                                                               \
	do {                                                                                                 \
		struct record_access *a = fixture_access(&record, 5, "12/leaf");                             \
		change;                                                                                      \
		assert_int_equal(decode(), error);                                                           \
	} while (0)

static void test_every_field(void **state)
{
	(void)state;
	REFUSES(DECODE_OK, (void)a);
	REFUSES(DECODE_SIZE, a->header.size = 23);
	REFUSES(DECODE_KIND, a->header.kind = 0);
	REFUSES(DECODE_KIND, a->header.kind = RECORD_END);
	REFUSES(DECODE_CPU, a->header.cpu = 4);
	REFUSES(DECODE_SEQUENCE, a->header.sequence = 0);
	REFUSES(DECODE_OPERATIONS, a->operations = 0);
	REFUSES(DECODE_OPERATIONS, a->operations = 1);
	REFUSES(DECODE_OPERATIONS, a->operations = 1u << OPERATION_END);
	REFUSES(DECODE_FLAGS, a->flags = RECORD_FLAGS_ALL + 1);
	REFUSES(DECODE_STORE, a->store = STORE_IDS);
	REFUSES(DECODE_STORE, a->store = STORE_NONE);
	REFUSES(DECODE_HOOK, a->hook = 0);
	REFUSES(DECODE_HOOK, a->hook = HOOK_END);
	REFUSES(DECODE_MECHANISM, a->mechanism = 0);
	REFUSES(DECODE_MECHANISM, a->mechanism = MECHANISM_END);
	REFUSES(DECODE_VERDICT, a->wanted = 0);
	REFUSES(DECODE_VERDICT, a->wanted = 3);
	REFUSES(DECODE_ENFORCED, a->enforced = 0);
	REFUSES(DECODE_ENFORCED, a->enforced = ENFORCED_END);
	REFUSES(DECODE_REASON, a->reason = 0);
	REFUSES(DECODE_REASON, a->reason = REASON_END);
	REFUSES(DECODE_TALLY, a->tally.count = 0);
	REFUSES(DECODE_TALLY, (a->flags = RECORD_FLAG_FOLDED, a->tally.count = 0));
	REFUSES(DECODE_OK, (a->flags = RECORD_FLAG_FOLDED, a->tally.count = 0, a->tally.uses = 1));
	REFUSES(DECODE_TALLY, a->first_ns = a->header.boot_ns + 1);
	REFUSES(DECODE_PATH, a->path_count = 1);
	REFUSES(DECODE_PATH, a->path_count = 3);
	REFUSES(DECODE_PATH, a->path_bytes--);
	REFUSES(DECODE_PATH, a->path_bytes++);
	REFUSES(DECODE_PATH, a->path_bytes = 0xffffffff);
	REFUSES(DECODE_PATH, a->path[1] = '/');
	REFUSES(DECODE_PATH, a->path[0] = '\0');
}

/* What is sent goes to a peer; other records may have one. */
static void test_peers(void **state)
{
#define SENT(error, change) REFUSES(error, (fixture_send(&record, NULL, 443), change))
#define NO_ADDRESS(a)	    memset((a)->peer.address, 0, sizeof((a)->peer.address))
	(void)state;
	SENT(DECODE_OK, (void)a);
	assert_int_equal(view.access.peer.port, 443);
	SENT(DECODE_OK, a->hook = HOOK_SOCKET_CONNECT);
	SENT(DECODE_OK, a->detail = AGREEMENTS_MAX);
	SENT(DECODE_AGREEMENT, a->detail = AGREEMENTS_MAX + 1);
	SENT(DECODE_OK, (a->detail = AGREEMENT_RESOLVER, a->reason = REASON_RESOLVER));
	SENT(DECODE_AGREEMENT, (a->detail = 1, a->reason = REASON_RESOLVER));
	REFUSES(DECODE_OK, a->detail = AGREEMENTS_MAX + 1);
	SENT(DECODE_OK, (a->peer.type = 99, a->peer.protocol = 0xffff, a->peer.port = 0));
	SENT(DECODE_OPERATIONS, a->operations |= OPERATION_BIT(OPERATION_READ));
	SENT(DECODE_OPERATIONS, a->operations |= OPERATION_BIT(OPERATION_CONTROL));
	SENT(DECODE_HOOK, a->hook = HOOK_SOCKET_RECVMSG);
	SENT(DECODE_HOOK, a->hook = HOOK_FILE_PERMISSION);
	REFUSES(DECODE_HOOK, a->hook = HOOK_SOCKET_SENDMSG);
	REFUSES(DECODE_HOOK, a->hook = HOOK_SOCKET_CONNECT);
	REFUSES(DECODE_OK, a->hook = HOOK_SOCKET_RECVMSG);
	SENT(DECODE_PEER, a->peer.family = 0);
	SENT(DECODE_PEER, (a->peer.family = 0, NO_ADDRESS(a)));
	SENT(DECODE_PEER, a->peer.family = AF_PACKET);
	SENT(DECODE_PEER, a->peer.family = 0xffff);
	SENT(DECODE_PEER, a->peer.address[0] = 0x20);
	SENT(DECODE_PEER, a->peer.address[11] = 0);
	SENT(DECODE_PEER, NO_ADDRESS(a));
	SENT(DECODE_OK, a->peer.family = AF_INET6);
	SENT(DECODE_OK, (a->peer.family = AF_INET6, NO_ADDRESS(a)));
	SENT(DECODE_OK, (a->peer.family = AF_PACKET, NO_ADDRESS(a)));
	REFUSES(DECODE_PEER, a->peer.address[15] = 1);
	REFUSES(DECODE_OK, a->peer.family = AF_UNIX);
#undef SENT
#undef NO_ADDRESS
}

/* Data that is copied: alone, by few hooks, and the file is marked as a copy. */
static void test_copies(void **state)
{
	const unsigned outside = RECORD_FLAG_COPY | RECORD_FLAG_PATH_OUTSIDE;

#define COPIED(error, change)                                                                                \
	REFUSES(error, (a->operations = OPERATION_BIT(OPERATION_COPY), a->hook = HOOK_FILE_PERMISSION,       \
			a->flags = outside, a->reason = REASON_COPIES, change))
	(void)state;
	COPIED(DECODE_OK, (void)a);
	COPIED(DECODE_OK, a->hook = HOOK_MMAP_FILE);
	COPIED(DECODE_OK, a->hook = HOOK_FILE_IOCTL);
	COPIED(DECODE_OK, a->hook = HOOK_INODE_SETXATTR);
	COPIED(DECODE_OK, a->flags = RECORD_FLAG_COPY);
	COPIED(DECODE_OK, a->reason = REASON_GRANTED);
	COPIED(DECODE_OK, (a->flags |= RECORD_FLAG_FOLDED, a->tally.count = 0, a->tally.uses = 1));
	COPIED(DECODE_FLAGS, a->flags = RECORD_FLAG_PATH_OUTSIDE);
	COPIED(DECODE_OK, (a->flags |= RECORD_FLAG_MAPPED, a->hook = HOOK_MMAP_FILE));
	COPIED(DECODE_FLAGS, a->flags |= RECORD_FLAG_MAPPED);
	COPIED(DECODE_FLAGS, (a->flags |= RECORD_FLAG_MAPPED, a->hook = HOOK_MMAP_FILE,
			      a->wanted = VERDICT_DENY, a->enforced = ENFORCED_DENIED));
	REFUSES(DECODE_FLAGS, (a->flags = outside | RECORD_FLAG_MAPPED, a->hook = HOOK_MMAP_FILE));
	COPIED(DECODE_OPERATIONS, a->operations |= OPERATION_BIT(OPERATION_READ));
	COPIED(DECODE_OPERATIONS, a->operations |= OPERATION_BIT(OPERATION_SEND));
	COPIED(DECODE_OPERATIONS, a->operations |= OPERATION_BIT(OPERATION_CONTROL));
	COPIED(DECODE_HOOK, a->hook = HOOK_FILE_OPEN);
	COPIED(DECODE_HOOK, a->hook = HOOK_INODE_RENAME);
	COPIED(DECODE_HOOK, a->hook = HOOK_INODE_GETXATTR);
	COPIED(DECODE_HOOK, a->hook = HOOK_SOCKET_SENDMSG);
	COPIED(DECODE_PATH, a->path_count = 1);
	COPIED(DECODE_OK, (a->detail = 1, a->reason = REASON_GRANTED));
	COPIED(DECODE_OK, a->detail = SINKS_MAX);
	COPIED(DECODE_SINK, a->detail = SINKS_MAX + 1);
	COPIED(DECODE_OK, (a->detail = copy_detail(SINKS_MAX, MEDIA_ALL), a->reason = REASON_UNENCRYPTED));
	COPIED(DECODE_MEDIUM, a->detail = copy_detail(0, MEDIA_ALL + 1));
	COPIED(DECODE_REASON, a->reason = REASON_UNENCRYPTED + 1);
	REFUSES(DECODE_OK, a->flags = outside);
	REFUSES(DECODE_OK, (a->flags = outside, a->operations = OPERATION_BIT(OPERATION_EXECUTE)));
#undef COPIED
}

/* An account keeps the beginning of a path, leaf first. */
static void test_cut_account(void **state)
{
	struct record_access *a = fixture_access(&record, 5, "above/12/leaf");

	(void)state;
	a->flags = RECORD_FLAG_FOLDED | RECORD_FLAG_PATH_CUT;
	a->path_bytes = 7; /* "leaf", its NUL, "12" */
	a->header.size = (uint32_t)sizeof(*a) + a->path_bytes;
	record.size = a->header.size;
	assert_path("/leaf");
	a->path_bytes = 8; /* and its NUL */
	a->header.size = (uint32_t)sizeof(*a) + a->path_bytes;
	record.size = a->header.size;
	assert_path("/12/leaf");
	a->path_bytes = 3; /* no whole name */
	assert_path("");
	a->path_bytes = 9;
	assert_int_equal(decode(), DECODE_PATH);
}

static void test_program(void **state)
{
	struct record_program *p = (struct record_program *)record.bytes;

	(void)state;
	fixture_program(&record, 9, "usr/bin/tar");
	assert_path("/usr/bin/tar");
	p->flags = RECORD_FLAG_MONITOR;
	assert_int_equal(decode(), DECODE_FLAGS);
	fixture_program(&record, 9, "usr/bin/tar");
	p->path_bytes = 4000;
	assert_int_equal(decode(), DECODE_PATH);
}

static void test_words(void **state)
{
	(void)state;
	for (int e = DECODE_OK; e < DECODE_END; e++)
		assert_non_null(decode_error_text((enum decode_error)e));
	for (unsigned i = 1; i < OPERATION_END; i++)
		assert_non_null(decode_operation_text(i));
	assert_string_equal(decode_operation_text(OPERATION_COPY), "copy");
	assert_string_equal(decode_operation_text(OPERATION_SEND), "send");
	assert_string_equal(decode_operation_text(OPERATION_CONTROL), "control");
	assert_null(decode_operation_text(OPERATION_END));
	assert_null(decode_operation_text(OPERATION_CONTROL + 1));
	for (unsigned i = 1; i < HOOK_END; i++)
		assert_non_null(decode_hook_text(i));
	for (unsigned i = 1; i < MECHANISM_END; i++)
		assert_non_null(decode_mechanism_text(i));
	for (unsigned i = 1; i < REASON_END; i++)
		assert_non_null(decode_reason_text(i));
	for (unsigned i = 1; i < ENFORCED_END; i++)
		assert_non_null(decode_enforced_text(i));
	assert_null(decode_reason_text(REASON_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_root_itself),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_reserved_tail),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_cut_account),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
