// SPDX-License-Identifier: Apache-2.0
/* Reading the policy anew while the keeper goes on, and taking it over at once or not at all: see keeper.h.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/notify.h"

#define LAST_WAIT_SECONDS 2

/* The thread owns loaded and good while running. */
struct reload {
	const struct config *config;
	struct content_cache *contents;
	int fd;
	bool running;
	const char *who;
	bool asked;
	const char *again; /* asked for meanwhile: what is being read may be older than the request */
	bool asked_again;
	pthread_t thread;
	bool good;
	struct policy_loaded loaded;
};

int keeper_reload_new(struct keeper *k)
{
	k->reload = calloc(1, sizeof(*k->reload));
	if (!k->reload)
		return -ENOMEM;
	k->reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->reload->config = k->config;
	k->reload->contents = k->contents;
	k->reload->fd = k->reload_fd;
	return k->reload_fd < 0 ? -errno : 0;
}

static void *reload_main(void *arg)
{
	struct reload *r = arg;

	r->good = policy_load(r->config, r->contents, &r->loaded);
	eventfd_write(r->fd, 1);
	return NULL;
}

static void answer_reload(const struct keeper *k, const struct policy_loaded *loaded, bool accepted,
			  struct buf *answer)
{
	json_open(answer, NULL, '{');
	json_bool(answer, "ok", accepted);
	if (!accepted)
		json_str(answer, "error", "the policy is refused; the former one stays in force");
	json_u64(answer, "generation", k->generation);
	json_u64(answer, "errors", loaded->errors);
	json_u64(answer, "warnings", loaded->warnings);
	/* A thousand findings do not fit into a message, and nobody reads them. */
	json_strn(answer, "messages", loaded->messages.data ? loaded->messages.data : "",
		  loaded->messages.len < 32768 ? loaded->messages.len : 32768);
	json_close(answer, '}');
}

static void write_refusal(struct keeper *k, const char *who, const struct policy_loaded *loaded)
{
	struct buf *b = recorder_event(k->recorder, OCSF_RELOAD_REFUSED,
				       "a new policy was refused; the former one stays in force");

	json_str(b, "by", who);
	json_u64(b, "generation", k->generation);
	json_u64(b, "errors", loaded->errors);
	json_strn(b, "messages", loaded->messages.data ? loaded->messages.data : "",
		  loaded->messages.len < 8192 ? loaded->messages.len : 8192);
	keeper_event_end(k);
}

void keeper_reload(struct keeper *k, const char *who, bool asked)
{
	struct reload *r = k->reload;

	if (r->running) {
		r->again = who;
		r->asked_again |= asked;
		return;
	}
	notify_reloading();
	r->who = who;
	r->asked = asked;
	r->running = pthread_create(&r->thread, NULL, reload_main, r) == 0;
	if (r->running)
		return;
	/* No thread to be had: rather late than not at all. */
	r->good = policy_load(r->config, r->contents, &r->loaded);
	eventfd_write(r->fd, 1);
}

static void conclude(struct keeper *k)
{
	struct reload *r = k->reload;
	bool accepted = r->good && r->loaded.image && !keeper_apply(k, &r->loaded, r->asked);
	struct buf answer = {0};

	if (accepted) {
		log_info("policy of generation %u is in force", k->generation);
		keeper_write_policy_event(k, r->who);
		keeper_tell_held(k, ocsf_former_policy(recorder_ocsf(k->recorder)));
	} else {
		log_error("reload by %s refused; the former policy stays in force\n%s", r->who,
			  r->loaded.messages.data ? r->loaded.messages.data : "");
		write_refusal(k, r->who, &r->loaded);
	}
	if (!r->again) {
		answer_reload(k, &r->loaded, accepted, &answer);
		control_answer(k->control, &answer);
		buf_free(&answer);
	}
	policy_loaded_free(&r->loaded);
	memory_give_back();
	notify_send("READY=1");
}

void keeper_reload_done(struct keeper *k)
{
	struct reload *r = k->reload;
	const char *again;
	bool asked;
	eventfd_t count;

	if (eventfd_read(r->fd, &count))
		return;
	if (r->running)
		pthread_join(r->thread, NULL);
	r->running = false;
	conclude(k);
	again = r->again;
	asked = r->asked_again;
	r->again = NULL;
	r->asked_again = false;
	if (again)
		keeper_reload(k, again, asked);
}

bool keeper_reload_free(struct keeper *k)
{
	struct timespec until;

	if (!k->reload)
		return true;
	if (k->reload->running) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LAST_WAIT_SECONDS;
		if (pthread_timedjoin_np(k->reload->thread, NULL, &until))
			return false;
	}
	policy_loaded_free(&k->reload->loaded);
	free(k->reload);
	if (k->reload_fd >= 0)
		close(k->reload_fd);
	return true;
}
