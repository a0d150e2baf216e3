// SPDX-License-Identifier: Apache-2.0
/* The keeper's loop, from its first to its last word: see keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/args.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/notify.h"
#include "kernel/ring.h"
#include "pipeline/host.h"

#define MS		1000000ull
#define LAST_ROUNDS	8
#define SINK_LAST_MS	2000
#define EVENTS_PER_WAKE 8

static bool on_control(void *ctx, const struct control_request *request, struct buf *answer)
{
	struct keeper *k = ctx;

	switch (request->command) {
	case CONTROL_STATUS:
		keeper_status(k, answer);
		return true;
	case CONTROL_RELOAD:
		keeper_reload(k, "muniment reload", true);
		return false;
	case CONTROL_LABELS:
		keeper_labels(k, answer);
		return true;
	case CONTROL_FILES:
		keeper_files(k, answer);
		return true;
	default:
		keeper_asked(k, request, answer);
		return true;
	}
}

static int watch_fd(struct keeper *k, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int open_signals(struct keeper *k)
{
	static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&set, caught[i]);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signal_fd < 0 ? -errno : 0;
}

static int open_loop(struct keeper *k)
{
	const struct itimerspec beat = {{0, DRAIN_MS * 1000000L}, {0, DRAIN_MS * 1000000L}};
	int err = 0;

	k->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	k->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (k->epoll_fd < 0 || k->timer_fd < 0 || timerfd_settime(k->timer_fd, 0, &beat, NULL))
		return -errno;
	/* Edge by edge: records that wait for a commit keep the ring readable all the while. */
	err = watch_fd(k, kernel_ring_fd(k->kernel), EPOLLIN | EPOLLET);
	if (!err)
		err = watch_fd(k, ledger_event_fd(recorder_ledger(k->recorder)), EPOLLIN);
	if (!err)
		err = watch_fd(k, k->timer_fd, EPOLLIN);
	if (!err)
		err = watch_fd(k, k->signal_fd, EPOLLIN);
	if (!err)
		err = control_new(k->config->run, on_control, k, &k->control);
	if (!err)
		err = watch_fd(k, control_fd(k->control), EPOLLIN);
	if (!err)
		err = keeper_reload_new(k);
	if (!err)
		err = watch_fd(k, k->reload_fd, EPOLLIN);
	if (!err)
		err = keeper_hosts_new(k);
	if (!err)
		err = watch_fd(k, k->resolve_fd, EPOLLIN);
	return err;
}

int keeper_new(const struct config *config, struct signer *signer, struct keeper **ret_keeper)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int cpus = libbpf_num_possible_cpus(), status, err;

	if (!k || cpus <= 0) {
		free(k);
		return EXIT_CANNOT;
	}
	k->config = config;
	k->signer = signer;
	k->cpus = (unsigned)cpus;
	k->epoll_fd = k->signal_fd = k->timer_fd = k->lock_fd = k->reload_fd = k->resolve_fd = -1;
	k->started_ns = host_monotonic_ns();
	k->started_ms = (host_boot_ns() + (uint64_t)host_boot_offset_ns()) / MS;
	k->watchdog_ns = notify_watchdog_ns();
	k->sequences = calloc(k->cpus, sizeof(*k->sequences));
	k->contents = content_cache_new(); /* without, digests are taken anew each time */
	/* Signals first: threads inherit the mask, and none of them is to be interrupted. */
	err = k->sequences ? open_signals(k) : -ENOMEM;
	status = err ? EXIT_CANNOT : keeper_start(k);
	if (!status) {
		err = open_loop(k);
		status = err ? EXIT_CANNOT : 0;
	}
	if (err)
		log_error("cannot start: %s", strerror(-err));
	if (status) {
		keeper_free(k);
		return status;
	}
	keeper_stamp(k);
	/* What loading took (the kernel's types alone are megabytes, and so are our programs) is not needed again. */
	memory_give_back();
	*ret_keeper = k;
	return 0;
}

static void take_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP:
			sink_reopen(k->sink);
			keeper_reload(k, "SIGHUP", false); /* log rotation sends it, too */
			break;
		case SIGCHLD:
			if (waitpid(k->signer->pid, NULL, WNOHANG) != k->signer->pid)
				break;
			k->signer->pid = 0;
			keeper_ledger_failed(k, -EPIPE, "the signer died");
			break;
		default:
			log_info("stopping on signal %u", info.ssi_signo);
			k->end = k->end ? k->end : KEEPER_STOPPED;
			break;
		}
	}
}

/* What is due by the clock. */
static void beat(struct keeper *k, uint64_t now_ns)
{
	kernel_heartbeat(k->kernel);
	keeper_window_watch(k, now_ns);
	if (now_ns - k->canary_ns >= CANARY_MS * MS)
		keeper_probe(k, now_ns);
	if (now_ns - k->told_ns >= TELL_MS * MS) {
		k->told_ns = now_ns;
		keeper_tell(k, false);
	}
	if (now_ns - k->watched_ns >= WATCH_MS * MS) {
		k->watched_ns = now_ns;
		keeper_watch(k);
		keeper_hosts_answers(k, now_ns); /* those that are overdue */
	}
	if (now_ns - k->programs_ns >= PROGRAMS_MS * MS) {
		k->programs_ns = now_ns;
		keeper_watch_programs(k);
	}
	keeper_hosts_ask(k, now_ns);
	if (now_ns - k->drained_ns >= DRAIN_MS * MS / 2)
		keeper_drain(k, now_ns);
	else
		keeper_commit(k, now_ns);
	if (k->watchdog_ns && now_ns - k->pinged_ns >= k->watchdog_ns) {
		k->pinged_ns = now_ns;
		notify_send("WATCHDOG=1");
	}
}

static void handle(struct keeper *k, int fd, uint64_t now_ns)
{
	uint64_t count;

	if (fd == k->signal_fd) {
		take_signals(k);
	} else if (fd == k->timer_fd) {
		if (read(k->timer_fd, &count, sizeof(count)) > 0)
			beat(k, now_ns);
	} else if (fd == kernel_ring_fd(k->kernel)) {
		keeper_drain(k, now_ns);
	} else if (fd == control_fd(k->control)) {
		control_serve(k->control);
	} else if (fd == k->reload_fd) {
		keeper_reload_done(k);
	} else if (fd == k->resolve_fd) {
		keeper_hosts_answers(k, now_ns);
	} else {
		keeper_committed(k, now_ns);
		keeper_commit(k, now_ns);
	}
}

static void say_ready(struct keeper *k)
{
	char text[256];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=Policy of generation %u in force, by %s", k->generation,
		 kernel_can_prevent(k->kernel) ? "prevention" : "detection");
	notify_send(text);
	log_info("policy of generation %u is in force; this kernel can %s", k->generation,
		 kernel_can_prevent(k->kernel) ? "prevent" : "detect only");
}

static void write_stop(struct keeper *k)
{
	struct recorder_counts counts;
	struct buf *b = recorder_event(k->recorder, OCSF_STOP,
				       k->config->pin ? "the monitor stopped; enforcement goes on"
						      : "the monitor stopped; the stores are not guarded");

	recorder_count(k->recorder, &counts);
	json_u64(b, "events", counts.events);
	json_u64(b, "denials", counts.denials);
	json_u64(b, "lost", counts.lost);
	recorder_add_numbers(k->recorder, b);
	json_bool(b, "pinned", k->config->pin);
	keeper_event_end(k);
}

/* Everything that is in the ring, then the last word, under a last checkpoint. */
static void finish(struct keeper *k)
{
	struct ring *ring = kernel_ring(k->kernel);
	int n, err;

	notify_send("STOPPING=1");
	keeper_tell(k, true);
	keeper_copies_watch(k); /* those that were found just now, too */
	for (int i = 0; i < LAST_ROUNDS && !k->ledger_down && (i == 0 || !ring_is_drained(ring)); i++)
		keeper_drain(k, host_monotonic_ns());
	n = kernel_sequences(k->kernel, k->sequences, k->cpus);
	/* With pins, the next daemon counts on; without, what has not come by now never will. */
	if (!k->config->pin && n > 0 && !k->ledger_down && !k->full_ns)
		(void)recorder_account(k->recorder, k->sequences,
				       (unsigned)n < k->cpus ? (unsigned)n : k->cpus, true);
	if (!k->ledger_down)
		write_stop(k);
	err = recorder_flush(k->recorder, keeper_safe_position(k));
	if (err)
		log_error("ledger: the last commit: %s", strerror(-err));
	else
		ring_release(ring, recorder_released(k->recorder));
}

int keeper_run(struct keeper *k)
{
	struct epoll_event events[EVENTS_PER_WAKE];

	keeper_probe(k, host_monotonic_ns());
	keeper_watch(k);
	k->watched_ns = host_monotonic_ns();
	keeper_commit(k, host_monotonic_ns());
	say_ready(k);
	while (k->end == KEEPER_RUNS) {
		int n = epoll_wait(k->epoll_fd, events, EVENTS_PER_WAKE, -1);
		uint64_t now = host_monotonic_ns();

		if (n < 0 && errno != EINTR) {
			log_error("epoll: %s", strerror(errno));
			k->end = KEEPER_FAILED;
		}
		for (int i = 0; i < n && k->end == KEEPER_RUNS; i++)
			handle(k, events[i].data.fd, now);
	}
	finish(k);
	return k->end == KEEPER_STOPPED && !k->ledger_down ? EXIT_GOOD : EXIT_CANNOT;
}

bool keeper_free(struct keeper *k)
{
	bool ended = !k || keeper_reload_free(k);

	if (!k)
		return true;
	ended &= keeper_hosts_free(k);
	control_free(k->control);
	json_decref(k->copies_pending);
	sink_free(k->sink, SINK_LAST_MS);
	/*
	 * A keeper that failed, or that had no room for its records, leaves rules and records in the kernel:
	 * the next one adopts them, and what is pinned goes on deciding meanwhile.
	 */
	kernel_close(k->kernel, k->config->pin || k->end == KEEPER_FAILED || k->full_ns);
	rmdir(k->config->pin_dir); /* if nothing is left in it */
	recorder_close(k->recorder);
	if (k->epoll_fd >= 0)
		close(k->epoll_fd);
	if (k->signal_fd >= 0)
		close(k->signal_fd);
	if (k->timer_fd >= 0)
		close(k->timer_fd);
	if (k->lock_fd >= 0)
		close(k->lock_fd);
	keeper_own_free(k);
	if (ended)
		content_cache_free(k->contents);
	free(k->sequences);
	free(k);
	return ended;
}
