// SPDX-License-Identifier: Apache-2.0
/*
 * Ring records of any bytes: decoding never reads beyond them, and whatever it accepts comes out as one line
 * of valid JSON. The first byte shortens the record, so that every length is tried on plausible content.
 */
#include <stdint.h>

#include <jansson.h>
#include <unistd.h>

#include "tests/unit/pipeline_fixture.h"

static struct enrich *enrich;
static struct ocsf *ocsf;
static struct buf line;

static void require(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct policy_image *image;

	(void)argc;
	(void)argv;
	require(!enrich_new(&fixture_names, NULL, &enrich));
	ocsf = ocsf_new(&fixture_host, enrich);
	image = fixture_agreed_image();
	require(image != NULL);
	image->copies_rule.line = 1;
	image->media_rules[MEDIUM_FUSE].line = 2;
	require(!fixture_declassifies(image, 2));
	require(ocsf && !ocsf_set_policy(ocsf, 7, image));
	return 0;
}

static void write_entry(const struct record_view *view)
{
	json_t *json;

	buf_reset(&line);
	ocsf_access(ocsf, view, FIXTURE_NONCE, &line);
	require(!line.failed && line.len > 0 && line.len < 65536 && !memchr(line.data, '\n', line.len));
	json = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
	require(json != NULL);
	json_decref(json);
}

/* A peer that may be; and one record in four is about what is sent there. */
static void mend_peer(struct record_access *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	a->peer.family %= a->peer.type % 2 ? 0xffff : AF_INET6 + 1;
	if (a->peer.family == AF_INET)
		memcpy(a->peer.address, mapped, sizeof(mapped));
	else if (a->peer.family != AF_INET6)
		memset(a->peer.address, 0, sizeof(a->peer.address));
	if (a->peer.family && a->peer.protocol % 4 == 0) {
		a->operations = OPERATION_BIT(OPERATION_SEND);
		a->hook = a->hook % 2 ? HOOK_SOCKET_CONNECT : HOOK_SOCKET_SENDMSG;
		a->detail %= AGREEMENTS_MAX + 1;
	} else if (a->hook == HOOK_SOCKET_CONNECT || a->hook == HOOK_SOCKET_SENDMSG) {
		a->hook = HOOK_SOCKET_RECVMSG;
	}
}

/* One in four of those that may be is about data that is copied. */
static void mend_copy(struct record_access *a)
{
	if ((a->hook != HOOK_FILE_PERMISSION && a->hook != HOOK_MMAP_FILE) || a->detail % 4)
		return;
	a->detail = copy_detail(a->detail / 4 % (SINKS_MAX + 2),
				a->detail / 512 % 34); /* the last are too many */
	a->operations = OPERATION_BIT(OPERATION_COPY);
	a->flags |= RECORD_FLAG_COPY;
}

/* Records that decoding would refuse at the first field teach nothing: half of the inputs get a fitting
 * header. */
static void mend(char *bytes, size_t size)
{
	struct record_access *a = (struct record_access *)bytes;

	a->header.size = (uint32_t)size;
	a->header.kind = a->header.kind % 2 + 1;
	a->header.cpu %= 4;
	a->operations = (a->operations & 0x1fe) | 2;
	a->flags &= RECORD_FLAGS_ALL;
	a->store %= STORE_IDS;
	a->hook = a->hook % (HOOK_END - 1) + 1;
	a->mechanism = a->mechanism % (MECHANISM_END - 1) + 1;
	a->wanted = a->wanted % 2 + 1;
	a->enforced = a->enforced % (ENFORCED_END - 1) + 1;
	a->reason = a->reason % (REASON_END - 1) + 1;
	mend_copy(a);
	mend_peer(a);
	a->policy_generation = a->policy_generation % 2 + 7;
	a->tally.count += a->flags & RECORD_FLAG_FOLDED ? 0 : !a->tally.count;
	a->tally.uses += !a->tally.count;
	a->first_ns %= a->header.boot_ns + 1 ? a->header.boot_ns + 1 : 1;
	a->path_bytes = (uint32_t)(size - sizeof(*a));
	a->path_count = 0;
	for (size_t i = sizeof(*a); i < size; i++) {
		bytes[i] = bytes[i] == '/' ? 'x' : bytes[i];
		a->path_count += bytes[i] == '\0';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_view view;
	struct buf path = {0};
	char *record;

	if (size < 2)
		return 0;
	size--;
	record = malloc(size);
	memcpy(record, data + 1, size);
	if ((data[0] & 1) && size >= sizeof(struct record_access))
		mend(record, size);
	if (decode_record(record, size, 4, &view) == DECODE_OK) {
		decode_path(&view, &path);
		if (view.header.kind == RECORD_PROGRAM)
			enrich_program(enrich, &view);
		else if (view.header.kind == RECORD_PASS)
			ocsf_pass(ocsf, &view.pass);
		else
			write_entry(&view);
	}
	buf_free(&path);
	free(record);
	return 0;
}
