// SPDX-License-Identifier: Apache-2.0
/*
 * How fast a record becomes a signed entry: synthetic ring records → decode → enrich → OCSF → leaf hash →
 * disk, with commits as the keeper makes them. One JSON line per figure on standard output.
 *
 * usage: bench_pipeline [RECORDS [DIRECTORY]]   DIRECTORY lies on the disk to be measured; the default is
 * the program's
 */
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ledger/note.h"
#include "pipeline/recorder.h"
#include "tests/unit/pipeline_fixture.h"

#define FILES	  1000
#define PROCESSES 8
#define BATCH	  1024
#define COMMIT_NS 100000000ull

static struct fixture_record records[FILES];
static struct note_signer *signer;

static int sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	(void)ctx;
	return note_sign(signer, text, n, signatures);
}

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void figure(const char *name, double value, const char *unit)
{
	printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n", name, value, unit);
}

static void make_records(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		char path[64];
		struct record_access *a;

		snprintf(path, sizeof(path), "base/16384/%u", 100000 + i);
		a = fixture_access(&records[i], 1, path);
		a->file.ino = 5000 + i;
		a->tgid = a->pid = 3000 + i / (FILES / PROCESSES);
	}
}

static struct recorder *open_recorder(const char *dir)
{
	static struct note_verifier verifier;
	struct recorder_options options = {
		.ledger_dir = dir,
		.origin = "example.org/bench",
		.sign = sign,
		.verifier = &verifier,
		.cpus = 4,
		.host = &fixture_host,
		.names = &fixture_names,
	};
	struct ledger_recovery *recovery = calloc(1, sizeof(*recovery));
	struct recorder *r = NULL;
	struct record_view view;
	int err = note_signer_generate(options.origin, &signer);

	if (!err) {
		verifier = *note_signer_verifier(signer);
		err = recorder_open(&options, &r, recovery);
	}
	free(recovery);
	if (err || recorder_set_policy(r, 7, fixture_image())) {
		fprintf(stderr, "bench_pipeline: %s: %s\n", dir, strerror(-err));
		exit(3);
	}
	fixture_program(&records[0], 1, "usr/lib/postgresql/15/bin/postgres");
	if (decode_record(records[0].bytes, records[0].size, 4, &view) == DECODE_OK)
		enrich_program(recorder_enrich(r), &view);
	return r;
}

/* The keeper's rhythm: a batch, then a commit when one is due and none is under way. */
static void run(struct recorder *r, unsigned long n)
{
	double committed = seconds(CLOCK_MONOTONIC);

	for (unsigned long i = 0; i < n; i++) {
		struct fixture_record *record = &records[i % FILES];
		struct record_header *header = (struct record_header *)record->bytes;

		header->sequence = i + 1;
		header->boot_ns = 123456789012ull + i * 1000;
		if (recorder_record(r, record->bytes, record->size)) {
			fprintf(stderr, "bench_pipeline: record %lu was not taken\n", i);
			exit(3);
		}
		if (i % BATCH != 0)
			continue;
		recorder_poll(r);
		if (seconds(CLOCK_MONOTONIC) - committed > 0.1 && !recorder_commit(r, i))
			committed = seconds(CLOCK_MONOTONIC);
	}
	if (recorder_flush(r, n)) {
		fprintf(stderr, "bench_pipeline: the last commit failed\n");
		exit(3);
	}
}

static double resident_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	char dir[4096], command[4200];
	double wall, cpu, bytes;
	struct recorder *r;
	struct record_view view;
	struct buf line = {0};

	snprintf(dir, sizeof(dir) - 64, "%s", argc > 2 ? argv[2] : argv[0]);
	if (argc <= 2 && strrchr(dir, '/'))
		*strrchr(dir, '/') = '\0';
	snprintf(dir + strlen(dir), 64, "/bench-ledger-%d", (int)getpid());
	make_records();
	r = open_recorder(dir);
	make_records();
	decode_record(records[0].bytes, records[0].size, 4, &view);
	ocsf_access(recorder_ocsf(r), &view, FIXTURE_NONCE, &line);
	bytes = (double)line.len;
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	run(r, n);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (ledger_committed(recorder_ledger(r)) != n) {
		fprintf(stderr, "bench_pipeline: %llu of %lu entries are durable\n",
			(unsigned long long)ledger_committed(recorder_ledger(r)), n);
		return 1;
	}
	figure("pipeline_events_per_second", (double)n / wall, "1/s");
	figure("pipeline_events_per_cpu_second", (double)n / cpu, "1/s");
	figure("pipeline_entry_bytes", bytes, "bytes");
	figure("pipeline_resident", resident_mib(), "MiB");
	recorder_close(r);
	note_signer_free(signer);
	buf_free(&line);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) ? 1 : 0;
}
