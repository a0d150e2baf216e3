// SPDX-License-Identifier: Apache-2.0
/*
 * The keeper's whole life without a kernel side: the functions of kernel.h are played here, over a ring in a
 * memory file that a second thread fills as the kernel would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
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

static char *path_of(const char *name)
{
	static char path[8][128];
	static unsigned n;

	n = (n + 1) % 8;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void write_policy(const char *mode, const char *more)
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

static void make_key(void)
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

static json_t *ask_for(const char *request)
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

static json_t *ask(const char *word)
{
	char request[64];

	snprintf(request, sizeof(request), "{\"command\":\"%s\"}", word);
	return ask_for(request);
}

static long long number(json_t *json, const char *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(json_object_get(json, object), key));
}

static void put(bool denied)
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
static int live(void *(*script)(void *))
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

static void end_keeper(void)
{
	kill(getpid(), SIGTERM);
}

static unsigned count_entries(const char *needle)
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

static void *script_events(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++)
		put(false);
	put(true);
	for (int i = 0; i < 100; i++) {
		json_decref(last_status);
		last_status = ask("status");
		if (number(last_status, "events", "next") >= 53)
			break;
		usleep(20000);
	}
	put(false); /* still in the ring when the end comes */
	end_keeper();
	return NULL;
}

static void test_events(void **state)
{
	(void)state;
	side.prevents = true;
	write_policy("enforce", "");
	assert_int_equal(live(script_events), EXIT_GOOD);
	assert_int_equal(number(last_status, "counters", "events"), 51);
	assert_int_equal(number(last_status, "counters", "denials"), 1);
	assert_int_equal(number(last_status, "ledger", "committed"), 53);
	assert_int_equal(number(last_status, "policy", "generation"), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(last_status, "canary"), "state")), "ok");
	assert_int_equal(count_entries("\"class_uid\":1001"), 52);
	assert_int_equal(count_entries("\"path\":\"/the/root/12/x.dcm\""), 52);
	assert_int_equal(count_entries("\"kind\":\"start\""), 1);
	assert_int_equal(count_entries("\"kind\":\"policy\""), 1);
	assert_int_equal(count_entries("\"kind\":\"stop\""), 1);
	assert_int_equal(count_entries("\"kind\":\"loss\""), 0);
	assert_true(side.closed);
	assert_false(side.kept);
	/* Everything was given back. */
	assert_int_equal(*(uint64_t *)(void *)side.map, *(uint64_t *)(void *)(side.map + side.page));
}

static void *script_reload(void *arg)
{
	json_t *answer;

	(void)arg;
	answer = ask("reload");
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	write_policy("enforcee", "");
	answer = ask("reload");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_non_null(
		strstr(json_string_value(json_object_get(answer, "messages")), "did you mean \"enforce\""));
	json_decref(answer);
	write_policy("enforce", "");
	side.apply_fails = true;
	answer = ask("reload");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	side.apply_fails = false;
	last_status = ask("status");
	end_keeper();
	return NULL;
}

static void test_reload(void **state)
{
	unsigned applied = side.applied, refused = count_entries("\"kind\":\"reload_refused\"");

	(void)state;
	json_decref(last_status);
	last_status = NULL;
	assert_int_equal(live(script_reload), EXIT_GOOD);
	assert_int_equal(side.applied - applied, 2); /* at start, and the good one */
	assert_int_equal(number(last_status, "policy", "generation"), 3);
	assert_int_equal(count_entries("\"kind\":\"reload_refused\"") - refused, 2);
}

static void *script_canary(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300 && count_entries("\"kind\":\"canary_silent\"") == 0; i++)
		usleep(20000);
	side.canary_silent = false;
	for (int i = 0; i < 300 && count_entries("\"kind\":\"canary_recovered\"") == 0; i++)
		usleep(20000);
	end_keeper();
	return NULL;
}

static void test_canary(void **state)
{
	(void)state;
	side.canary_silent = true;
	assert_int_equal(live(script_canary), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"canary_silent\""), 1);
	assert_int_equal(count_entries("\"kind\":\"canary_recovered\""), 1);
}

static void *script_loss(void *arg)
{
	(void)arg;
	__atomic_store_n(&side.sequence, side.sequence + 7, __ATOMIC_RELEASE); /* no room in the ring */
	put(false);
	for (int i = 0; i < 300 && count_entries("\"kind\":\"loss\"") == 0; i++)
		usleep(20000);
	end_keeper();
	return NULL;
}

static void test_loss(void **state)
{
	(void)state;
	side.adopted = true; /* the numbering goes on */
	assert_int_equal(live(script_loss), EXIT_GOOD);
	side.adopted = false;
	assert_int_equal(count_entries("\"count\":7,\"ranges\":[{\"cpu\":0"), 1);
	assert_int_equal(count_entries("\"kind\":\"recovered\""), 1);
}

static void *script_moved(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300 && count_entries("\"kind\":\"store_moved\"") == 0; i++)
		usleep(20000);
	end_keeper();
	return NULL;
}

static void test_store_moved(void **state)
{
	unsigned applied = side.applied;

	(void)state;
	side.moved = dir; /* there is something to reload for */
	assert_int_equal(live(script_moved), EXIT_GOOD);
	side.moved = NULL;
	assert_int_equal(count_entries("\"kind\":\"store_moved\""), 1);
	assert_int_equal(side.applied - applied, 2);
}

static void *script_nothing(void *arg)
{
	(void)arg;
	end_keeper();
	return NULL;
}

/* Who has a record open already is told once, and not by a daemon that takes over from another. */
static void test_open_before(void **state)
{
	(void)state;
	side.held = (struct held){.tgid = 4242, .fd = 7, .uid = 113, .mode = 1, .comm = "reader"};
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"open_before\""), 1);
	assert_int_equal(count_entries("\"pid\":4242,\"name\":\"reader\",\"euid\":113"), 1);
	side.adopted = true;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	side.adopted = false;
	assert_int_equal(count_entries("\"kind\":\"open_before\""), 1);
	side.held.tgid = 0;
}

static const char *labelled_member(json_t *answer, const char *key)
{
	json_t *process = json_array_get(json_object_get(answer, "processes"), 0),
	       *value = json_object_get(process, key);

	return json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
}

static void *script_labels(void *arg)
{
	static const char clear[] =
		"{\"command\":\"label-clear\",\"reason\":\"it was a test\",\"process\":4711}";
	json_t *answer = ask("labels");

	(void)arg;
	assert_int_equal(json_integer_value(json_object_get(answer, "count")), 1);
	assert_string_equal(labelled_member(answer, "name"), "a\033b");
	assert_string_equal(labelled_member(answer, "stores"), "5"); /* no store has it now: its number */
	json_decref(answer);
	answer = ask_for("{\"command\":\"label-clear\",\"reason\":\"x\",\"process\":4712}");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	answer = ask_for(clear);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	answer = ask("labels");
	assert_int_equal(json_integer_value(json_object_get(answer, "count")), 0);
	json_decref(answer);
	answer = ask_for(clear);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	end_keeper();
	return NULL;
}

static void test_labels(void **state)
{
	(void)state;
	side.label = 1 << 5;
	assert_int_equal(live(script_labels), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"label_cleared\""), 1);
	assert_int_equal(count_entries("\"reason\":\"it was a test\""), 1);
	assert_int_equal(count_entries("\"process\":4711,\"label\":[\"5\"]"), 1);
}

static void write_copies(const char *text)
{
	assert_int_equal(file_replace(path_of("ledger/copies"), text, strlen(text), 0600), 0);
}

/* Known again after a boot, when devices have other numbers, by the file system's own. */
static void test_copies(void **state)
{
	static const char line[] =
		"{\"fs\":\"ext4\",\"id\":\"00000000000000ab\",\"ino\":12,\"generation\":34,"
		"\"stores\":[\"ehr\"]}\n";
	struct buf b = {0};

	(void)state;
	side.system = (struct kernel_file_system){.type = "ext4", .id = 0xab, .dev = 8 << 20 | 1};
	side.copy = (struct object_id){.ino = 12, .generation = 34, .dev = 8 << 20 | 1};
	side.copy_label = 1 << 3;
	side.copies_made = 1;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(file_read(path_of("ledger/copies"), 4096, &b), 0);
	assert_string_equal(b.data, line);
	buf_free(&b);

	side.copies_made = side.copy_label = 0;
	side.system.dev = 8 << 20 | 17;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(side.copy_label, 1 << 3);
	assert_int_equal(side.copy.dev, 8 << 20 | 17);
	assert_int_equal(side.copy.ino, 12);
	assert_int_equal(side.copy.generation, 34);

	/* On a file system that is not there, it stays written down; and so does one of a store that the policy has not. */
	side.copies_made = side.copy_label = 0;
	side.system.id = 0xac;
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(side.copy_label, 0);
	write_copies("{\"fs\":\"ext4\",\"id\":\"00000000000000ac\",\"ino\":1,\"generation\":2,\"stores\":["
		     "\"no\"]}\n"
		     "{}\nnonsense\n"
		     "{\"fs\":\"ext4\",\"id\":\"00000000000000ac\",\"ino\":5,\"generation\":6,\"stores\":["
		     "\"ehr\"]}");
	assert_int_equal(live(script_nothing), EXIT_GOOD);
	assert_int_equal(side.copy.ino, 5);
	assert_int_equal(side.copies_made, 1);
	assert_int_equal(file_read(path_of("ledger/copies"), 4096, &b), 0);
	assert_non_null(strstr(b.data, "\"ino\":1,"));
	assert_non_null(strstr(b.data, "\"ino\":5,"));
	assert_null(strstr(b.data, "nonsense"));
	buf_free(&b);
	side.copy_label = 0;
	side.system.type = NULL;
}

static void write_program(const char *text)
{
	assert_int_equal(file_replace(path_of("tool"), text, strlen(text), 0755), 0);
}

static void wait_for(const char *needle, unsigned n)
{
	for (int i = 0; i < 500 && count_entries(needle) < n; i++)
		usleep(20000);
}

/* The program is replaced; the policy is read anew, first by itself, then because an admin wants it. */
static void *script_programs(void *arg)
{
	(void)arg;
	write_program("two");
	side.moved = dir;
	wait_for("\"kind\":\"program_refused\"", 1);
	side.moved = NULL;
	json_decref(ask("reload"));
	wait_for("\"kind\":\"program_changed\"", 1);
	side.program_gone = true;
	wait_for("\"kind\":\"program_refused\"", 2);
	side.library_changed = true;
	wait_for("\"kind\":\"library_refused\"", 1);
	end_keeper();
	return NULL;
}

static void test_programs(void **state)
{
	char roles[256];

	(void)state;
	snprintf(roles, sizeof(roles), "  tool: {programs: [%s]}\n", path_of("tool"));
	side.roles = roles;
	write_program("one");
	write_policy("enforce", "");
	assert_int_equal(live(script_programs), EXIT_GOOD);
	side.roles = NULL;
	write_policy("enforce", "");
	assert_int_equal(count_entries("\"kind\":\"program_refused\""), 2);
	assert_int_equal(count_entries("\"kind\":\"program_changed\""), 1);
	assert_int_equal(
		count_entries("\"path\":\"/usr/lib/libchanged.so.1\",\"reason\":\"content\",\"package\":"
			      "\"case-tools\""),
		1);
	assert_int_equal(count_entries("\"reason\":\"missing\",\"roles\":[],\"refused\":[\"tool\"]"), 1);
	/* printf one | sha256sum */
	assert_int_equal(
		count_entries(
			"\"refused\":[\"tool\"],\"sha256_before\":\"7692c3ad3540bb803c020b3aee66cd8887123234"
			"ea0c6e7143c0add73ff431ed\",\"sha256\":\"3fc4ccfe745870e2c0d99f71f30ff0656c8dedd4"
			"1cc1d7d3d376b0dbe685e2f3\""),
		1);
}

static void *script_dead_signer(void *arg)
{
	(void)arg;
	put(false);
	kill(signer.pid, SIGKILL);
	return NULL;
}

static void test_signer_dies(void **state)
{
	(void)state;
	assert_int_equal(live(script_dead_signer), EXIT_CANNOT);
	assert_true(side.kept); /* rules and records stay for the next one */
}

static void *no_script(void *arg)
{
	(void)arg;
	end_keeper();
	return NULL;
}

static void test_refuses_to_start(void **state)
{
	int lock;

	(void)state;
	side.prevents = false;
	assert_int_equal(live(no_script), EXIT_CANNOT);
	write_policy("enforce", "degraded: allow\n");
	assert_int_equal(live(no_script), EXIT_GOOD);
	assert_int_equal(count_entries("\"kind\":\"degraded\""), 1);
	write_policy("monitor", "");
	assert_int_equal(live(no_script), EXIT_GOOD);
	write_policy("nonsense", "");
	assert_int_equal(live(no_script), EXIT_USAGE);
	write_policy("monitor", "");
	lock = open(path_of("run/lock"), O_RDWR | O_CLOEXEC);
	assert_int_equal(lockf(lock, F_TEST, 0), 0);
	close(lock);
}

/* --- names in agreements; what the host's resolver answers is played, too --- */

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
	write_policy("enforce", "");
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	json_decref(last_status);
	config_free(&config);
	munmap(side.map, 2 * side.page + RING_SIZE_BYTES);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),	    cmocka_unit_test(test_reload),
		cmocka_unit_test(test_canary),	    cmocka_unit_test(test_loss),
		cmocka_unit_test(test_store_moved), cmocka_unit_test(test_open_before),
		cmocka_unit_test(test_labels),	    cmocka_unit_test(test_copies),
		cmocka_unit_test(test_programs),    cmocka_unit_test(test_names),
		cmocka_unit_test(test_signer_dies), cmocka_unit_test(test_refuses_to_start),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
