/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keeper's life for tests: its directory, policy and key, what it is asked, and what it has written. For test programs
 * about the keeper, with the kernel side of keeper_fixture.h.
 */
#ifndef MUNIMENT_TESTS_KEEPER_LIFE_H
#define MUNIMENT_TESTS_KEEPER_LIFE_H

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/args.h"
#include "base/file.h"
#include "daemon/keeper.h"
#include "kernel/ring.h"
#include "ledger/reader.h"
#include "keeper_fixture.h"

/* --- the host around it --- */

static char dir[64];
static struct config config;
static struct signer signer;

static inline char *path_of(const char *name)
{
	static char path[8][128];
	static unsigned n;

	n = (n + 1) % 8;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static inline void write_policy(const char *mode, const char *more)
{
	struct buf text = {0};

	buf_printf(&text,
		   "version: 1\nmode: %s\n%sstores:\n  ehr:\n    paths: [%s/store]\n    class: restricted\n"
		   "roles:\n  owner: {users: [root]}\n%s"
		   "grants:\n  - {role: owner, store: ehr, access: [read]}\n",
		   mode, more, dir, side.roles ? side.roles : "");
	assert_int_equal(file_replace(path_of("policy/10.yaml"), text.data, text.len, 0644), 0);
	buf_free(&text);
}

static inline void make_key(void)
{
	struct note_signer *s;
	struct buf pem = {0}, vkey = {0};

	assert_int_equal(note_signer_generate("example.org/keeper", &s), 0);
	assert_int_equal(note_signer_private_pem(s, &pem), 0);
	note_verifier_format(note_signer_verifier(s), &vkey);
	assert_int_equal(file_replace(path_of("key"), pem.data, pem.len, 0600), 0);
	assert_int_equal(file_replace(path_of("key.vkey"), vkey.data, vkey.len, 0644), 0);
	buf_free(&pem);
	buf_free(&vkey);
	note_signer_free(s);
}

static inline json_t *ask_for(const char *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char *answer = malloc(CONTROL_ANSWER_MAX);
	json_t *json = NULL;
	ssize_t n;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/control", dir);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    send(fd, request, strlen(request), 0) > 0 && (n = recv(fd, answer, CONTROL_ANSWER_MAX, 0)) > 0)
		json = json_loadb(answer, (size_t)n, 0, NULL);
	close(fd);
	free(answer);
	return json;
}

static inline json_t *ask(const char *word)
{
	char request[64];

	snprintf(request, sizeof(request), "{\"command\":\"%s\"}", word);
	return ask_for(request);
}

static inline long long number(json_t *json, const char *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(json_object_get(json, object), key));
}

static inline void put(bool denied)
{
	static struct fixture_record record;
	struct record_access *a = fixture_access(&record, side.sequence + 1, "12/x.dcm");

	a->header.cpu = 0;
	a->policy_generation = 1;
	if (denied) {
		a->wanted = VERDICT_DENY;
		a->enforced = ENFORCED_DENIED;
		a->reason = REASON_NOT_GRANTED;
	}
	ring_put(record.bytes, record.size);
	__atomic_store_n(&side.sequence, side.sequence + 1, __ATOMIC_RELEASE);
}

/* Runs the keeper while `script` plays in another thread, which ends it. Returns its exit status. */
static inline int live(void *(*script)(void *))
{
	struct keeper *keeper = NULL;
	pthread_t thread;
	int status;

	assert_int_equal(signer_start(config.key, &signer), 0);
	status = keeper_new(&config, &signer, &keeper);
	if (!status) {
		pthread_create(&thread, NULL, script, NULL);
		status = keeper_run(keeper);
		pthread_join(thread, NULL);
	}
	keeper_free(keeper);
	signer_stop(&signer);
	return status;
}

static inline void end_keeper(void)
{
	kill(getpid(), SIGTERM);
}

static inline unsigned count_entries(const char *needle)
{
	struct ledger_reader *reader;
	const uint8_t *entry;
	unsigned found = 0;
	long n;

	assert_int_equal(ledger_reader_open(config.ledger, &reader), 0);
	while ((n = ledger_reader_next(reader, &entry)) >= 0)
		found += memmem(entry, (size_t)n, needle, strlen(needle)) != NULL;
	ledger_reader_close(reader);
	return found;
}

static json_t *last_status;

static inline int set_up(void **state)
{
	char template[] = "/tmp/muniment-keeper-XXXXXX";

	(void)state;
	if (!mkdtemp(template) || !config_init(&config))
		return -1;
	snprintf(dir, sizeof(dir), "%s", template);
	if (mkdir(path_of("store"), 0755) || mkdir(path_of("policy"), 0755))
		return -1;
	config_set(&config.policy, path_of("policy"));
	config_set(&config.ledger, path_of("ledger"));
	config_set(&config.key, path_of("key"));
	config_set(&config.run, path_of("run"));
	config_set(&config.pin_dir, path_of("pins"));
	config_set(&config.events, path_of("events.json"));
	make_key();
	side.page = (size_t)sysconf(_SC_PAGESIZE);
	side.fd = memfd_create("ring", MFD_CLOEXEC);
	side.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ftruncate(side.fd, (off_t)(2 * side.page + RING_SIZE_BYTES)))
		return -1;
	side.map =
		mmap(NULL, 2 * side.page + RING_SIZE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, side.fd, 0);
	return side.map == MAP_FAILED ? -1 : 0;
}

static inline int tear_down(void **state)
{
	char command[128];

	(void)state;
	json_decref(last_status);
	config_free(&config);
	munmap(side.map, 2 * side.page + RING_SIZE_BYTES);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

#endif
