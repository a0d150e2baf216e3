// SPDX-License-Identifier: Apache-2.0
/*
 * What an admin may ask of the daemon that would leave the host less guarded: to stop, to let its own files and
 * processes be changed for a while, to forget what a process or file holds. All stand in the ledger with who asked, why, and who agreed. See keeper.h.
 */
#include "daemon/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "pipeline/host.h"

#define MINUTE_NS     60000000000ull
#define ASKED_MINUTES 15 /* a request that nobody approves in this time is forgotten */

static void add_person(struct keeper *k, struct buf *b, const char *key, const struct control_peer *peer)
{
	uint32_t uid = peer->login_uid != ID_UNSET ? peer->login_uid : peer->uid;
	const char *name = enrich_user_name(recorder_enrich(k->recorder), uid);

	json_open(b, key, '{');
	json_u64(b, "uid", uid);
	if (name)
		json_str(b, "name", name);
	json_bool(b, "logged_in", peer->login_uid != ID_UNSET);
	json_u64(b, "pid", peer->pid);
	json_close(b, '}');
}

struct buf *keeper_asked_entry(struct keeper *k, enum ocsf_kind kind, const char *message,
			       const struct control_request *r, const struct control_peer *approver)
{
	struct buf *b = recorder_event(k->recorder, kind, message);

	json_str(b, "reason", r->reason);
	add_person(k, b, "by", &r->peer);
	if (approver)
		add_person(k, b, "approved_by", approver);
	return b;
}

static void do_stop(struct keeper *k, const struct control_request *r, const struct control_peer *approver)
{
	keeper_asked_entry(k, OCSF_STOP_ASKED, "somebody had the monitor stopped", r, approver);
	keeper_event_end(k);
	log_info("stopping on request: %s", r->reason);
	k->end = k->end ? k->end : KEEPER_STOPPED;
}

static void close_window(struct keeper *k)
{
	kernel_window(k->kernel, 0);
	k->window_ns = 0;
}

static void open_window(struct keeper *k, const struct control_request *r,
			const struct control_peer *approver)
{
	struct buf *b = keeper_asked_entry(
		k, OCSF_MAINTENANCE,
		"for a while the monitor records what is done to itself and denies nothing of it", r,
		approver);

	json_u64(b, "minutes", r->minutes);
	keeper_event_end(k);
	k->window_ns = host_monotonic_ns() + r->minutes * MINUTE_NS;
	kernel_window(k->kernel, host_boot_ns() + r->minutes * MINUTE_NS);
	log_info("maintenance for %u minutes: %s", r->minutes, r->reason);
}

static void end_window(struct keeper *k, const struct control_request *r)
{
	close_window(k);
	keeper_asked_entry(k, OCSF_MAINTENANCE_END, "the monitor guards itself again", r, NULL);
	keeper_event_end(k);
}

void keeper_window_watch(struct keeper *k, uint64_t now_ns)
{
	const struct control_request due = {.reason = "its time is over", .peer.login_uid = ID_UNSET};

	if (k->window_ns && now_ns >= k->window_ns)
		end_window(k, &due);
	/* The round may have begun before the request came. */
	if (k->asked.command && now_ns > k->asked_ns + ASKED_MINUTES * MINUTE_NS)
		k->asked.command = CONTROL_INVALID;
}

static void answer_done(struct buf *answer, const char *what)
{
	json_open(answer, NULL, '{');
	json_bool(answer, "ok", true);
	json_str(answer, "done", what);
	json_close(answer, '}');
}

static void carry_out(struct keeper *k, const struct control_request *r, const struct control_peer *approver,
		      struct buf *answer)
{
	if (r->command == CONTROL_LABEL_CLEAR || r->command == CONTROL_FILE_CLEAR) {
		(r->command == CONTROL_LABEL_CLEAR ? keeper_label_clear : keeper_file_clear)(k, r, approver,
											     answer);
		return;
	}
	if (r->command == CONTROL_STOP)
		do_stop(k, r, approver);
	else
		open_window(k, r, approver);
	answer_done(answer, r->command == CONTROL_STOP ? "the daemon stops" : "the window is open");
}

static bool is_approver(const struct policy_image *image, uint32_t login_uid)
{
	for (size_t i = 0; i < image->n_approvers; i++)
		if (image->approvers[i] == login_uid)
			return true;
	return false;
}

/* Keeps the request until somebody else agrees. A newer one takes its place. */
static void ask_approver(struct keeper *k, const struct control_request *r, struct buf *answer)
{
	struct buf *b;

	k->asked = *r;
	k->asked_ns = host_monotonic_ns();
	k->asked_number++;
	b = keeper_asked_entry(k, OCSF_APPROVAL_ASKED, "somebody asks for what a second person must agree to",
			       r, NULL);
	json_str(b, "what",
		 r->command == CONTROL_STOP	     ? "stop"
		 : r->command == CONTROL_LABEL_CLEAR ? "label-clear"
		 : r->command == CONTROL_FILE_CLEAR  ? "file-clear"
						     : "maintenance");
	if (r->command == CONTROL_LABEL_CLEAR)
		json_u64(b, "process", r->process);
	if (r->command == CONTROL_FILE_CLEAR)
		keeper_add_file(b, r);
	json_u64(b, "request", k->asked_number);
	keeper_event_end(k);
	json_open(answer, NULL, '{');
	json_bool(answer, "ok", true);
	json_u64(answer, "request", k->asked_number);
	json_u64(answer, "valid_minutes", ASKED_MINUTES);
	json_close(answer, '}');
}

static void approve(struct keeper *k, const struct control_request *r, struct buf *answer)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	struct control_request asked = k->asked;

	if (!asked.command || r->request != k->asked_number) {
		control_refuse(answer, "no such request waits");
	} else if (r->peer.login_uid == ID_UNSET) {
		control_refuse(answer, "an approver must have logged in: nobody did in this session");
	} else if (!is_approver(image, r->peer.login_uid)) {
		control_refuse(answer, "the policy does not name you among the approvers (host.approvers)");
	} else if (r->peer.login_uid == asked.peer.login_uid) {
		control_refuse(answer, "somebody else than the one who asked must approve");
	} else {
		k->asked.command = CONTROL_INVALID;
		carry_out(k, &asked, &r->peer, answer);
	}
}

void keeper_asked(struct keeper *k, const struct control_request *r, struct buf *answer)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	struct control_request request = *r;

	/* The file is the one that lies there now, whatever does when somebody agrees. */
	if (r->command == CONTROL_FILE_CLEAR && !keeper_file_find(k, &request, answer))
		return;
	if (r->command == CONTROL_APPROVE) {
		approve(k, r, answer);
	} else if (r->command == CONTROL_MAINTENANCE_END) {
		if (k->window_ns) {
			end_window(k, r);
			answer_done(answer, "the window is closed");
		} else {
			control_refuse(answer, "no window is open");
		}
	} else if (image->n_approvers) {
		ask_approver(k, &request, answer);
	} else {
		carry_out(k, &request, NULL, answer);
	}
}

void keeper_asks_status(const struct keeper *k, struct buf *b)
{
	static const char *const modes[] = {"off", "monitor", "enforce"};
	uint64_t now = host_monotonic_ns();

	json_open(b, "protection", '{');
	json_str(b, "mode", modes[k->config->protect]);
	json_u64(b, "window_s", k->window_ns > now ? (k->window_ns - now) / 1000000000u : 0);
	json_u64(b, "request", k->asked.command ? k->asked_number : 0);
	json_close(b, '}');
}
