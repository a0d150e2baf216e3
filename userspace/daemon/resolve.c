// SPDX-License-Identifier: Apache-2.0
/* Names to addresses, on threads: see resolve.h. */
#include "daemon/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "policy/network.h"

#define THREADS		  4
#define LAST_WAIT_SECONDS 2
#define TRY_SECONDS	  2 /* for one try with one server */
#define TRIES		  2

enum job_state { JOB_FREE = 0, JOB_WAITS, JOB_RUNS, JOB_DONE };

struct job {
	enum job_state state;
	bool overdue; /* told as failed; what comes of it later is dropped */
	uint64_t asked_ns;
	struct resolve_answer answer;
};

struct resolve {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned threads; /* that run */
	bool closing;
	int fd;
	struct job jobs[RESOLVE_NAMES];
};

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct resolve *resolve_new(int *ret_fd)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->fd < 0) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->ended, NULL);
	*ret_fd = r->fd;
	return r;
}

static void add_address(struct resolve_answer *answer, const struct sockaddr *from)
{
	uint8_t address[16];

	if (from->sa_family == AF_INET) {
		memcpy(address, network_ipv4, sizeof(address));
		memcpy(address + NETWORK_IPV4_PREFIX / 8, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		memcpy(address, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof(address));
	} else {
		return;
	}
	for (size_t i = 0; i < answer->n; i++)
		if (memcmp(answer->addresses[i], address, sizeof(address)) == 0)
			return;
	if (answer->n < HOST_ADDRESSES_MAX)
		memcpy(answer->addresses[answer->n++], address, sizeof(address));
}

/* Of this thread: short waits, and no domains to search, where somebody else's host may have the name. */
static void set_up_resolver(void)
{
	if (res_init())
		return;
	_res.options &= ~(unsigned long)(RES_DNSRCH | RES_DEFNAMES);
	_res.retrans = TRY_SECONDS;
	_res.retry = TRIES;
}

static void look_up(struct resolve_answer *answer)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int err = getaddrinfo(answer->name, NULL, &hints, &list);

	answer->why = err ? gai_strerror(err) : "no address";
	for (const struct addrinfo *info = list; !err && info; info = info->ai_next)
		add_address(answer, info->ai_addr);
	if (!err)
		freeaddrinfo(list);
}

static struct job *find_job(struct resolve *r, enum job_state state)
{
	for (size_t i = 0; i < RESOLVE_NAMES; i++)
		if (r->jobs[i].state == state)
			return &r->jobs[i];
	return NULL;
}

static void *work(void *arg)
{
	struct resolve *r = arg;
	struct resolve_answer answer;
	struct job *job;

	set_up_resolver(); /* anew in each round: what resolv.conf says may change */
	pthread_mutex_lock(&r->lock);
	while (!r->closing && (job = find_job(r, JOB_WAITS))) {
		job->state = JOB_RUNS;
		answer = job->answer;
		pthread_mutex_unlock(&r->lock);
		look_up(&answer);
		pthread_mutex_lock(&r->lock);
		job->answer = answer;
		job->state = job->overdue ? JOB_FREE : JOB_DONE;
		eventfd_write(r->fd, 1);
	}
	r->threads--;
	pthread_cond_signal(&r->ended);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* A thread more, if there may be one. Called with the lock. */
static void start_thread(struct resolve *r)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (r->threads == THREADS || pthread_attr_init(&attr))
		return;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!pthread_create(&thread, &attr, work, r))
		r->threads++;
	pthread_attr_destroy(&attr);
}

void resolve_ask(struct resolve *r, const char *name)
{
	struct job *job;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < RESOLVE_NAMES; i++)
		if (r->jobs[i].state != JOB_FREE && strcmp(r->jobs[i].answer.name, name) == 0)
			goto out;
	job = find_job(r, JOB_FREE);
	if (!job || strlen(name) > RESOLVE_NAME_MAX)
		goto out;
	*job = (struct job){.state = JOB_WAITS, .asked_ns = monotonic_ns()};
	memcpy(job->answer.name, name, strlen(name) + 1);
	start_thread(r);
out:
	pthread_mutex_unlock(&r->lock);
}

bool resolve_next(struct resolve *r, uint64_t now_ns, struct resolve_answer *ret_answer)
{
	bool found = false;
	eventfd_t count;

	(void)eventfd_read(r->fd, &count);
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < RESOLVE_NAMES && !found; i++) {
		struct job *job = &r->jobs[i];

		if (job->state == JOB_DONE) {
			*ret_answer = job->answer;
			job->state = JOB_FREE;
			found = true;
		} else if (job->state != JOB_FREE && !job->overdue &&
			   now_ns > job->asked_ns + RESOLVE_BOUND_MS * 1000000ull) {
			memcpy(ret_answer->name, job->answer.name, sizeof(ret_answer->name));
			ret_answer->n = 0;
			ret_answer->why = "no answer in time";
			job->overdue = true;
			if (job->state == JOB_WAITS)
				job->state = JOB_FREE;
			found = true;
		}
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

bool resolve_free(struct resolve *r)
{
	struct timespec until;
	bool hangs = false;

	if (!r)
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LAST_WAIT_SECONDS;
	pthread_mutex_lock(&r->lock);
	r->closing = true;
	while (r->threads && !hangs)
		hangs = pthread_cond_timedwait(&r->ended, &r->lock, &until) == ETIMEDOUT;
	pthread_mutex_unlock(&r->lock);
	if (hangs)
		return false;
	pthread_cond_destroy(&r->ended);
	pthread_mutex_destroy(&r->lock);
	close(r->fd);
	free(r);
	return true;
}
