// SPDX-License-Identifier: Apache-2.0
/* Prepared pieces of entries, policies in force, and the entries about the daemon itself: see ocsf.h. */
#include "pipeline/ocsf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "pipeline/ocsf_state.h"

#define ACTORS	     4096
#define OCSF_VERSION "1.8.0"

static void actor_drop(void *value)
{
	buf_free(&((struct actor *)value)->text);
}

static void prepare_device(struct ocsf *o, struct buf *b, bool rich)
{
	json_open(b, "device", '{');
	json_u64(b, "type_id", 1);
	json_str(b, "hostname", o->host.name);
	if (rich && o->host.machine_id[0])
		json_str(b, "uid", o->host.machine_id);
	if (rich && o->host.boot_id[0])
		json_str(b, "boot_uid", o->host.boot_id);
	json_close(b, '}');
}

static void prepare_heads(struct ocsf *o)
{
	static const char *const verdicts[OUTCOME_END] = {
		[OUTCOME_ALLOWED] = "\"severity_id\":1,\"action_id\":1,\"disposition_id\":1",
		[OUTCOME_DENIED] = "\"severity_id\":4,\"action_id\":2,\"disposition_id\":2,\"is_alert\":true,"
				   "\"status_id\":2,\"status_detail\":\"denied by policy\"",
		[OUTCOME_OBSERVED] =
			"\"severity_id\":3,\"action_id\":3,\"disposition_id\":15,\"is_alert\":true,"
			"\"status_id\":1,\"status_detail\":\"not granted, only monitored\"",
	};

	/* A class's first digit is its category. */
	static const unsigned classes[ABOUT_END] = {
		[ABOUT_FILE] = 1001,
		[ABOUT_PROCESS] = 1007,
		[ABOUT_KERNEL] = 1003,
		[ABOUT_NETWORK] = 4001,
	};

	for (int i = 0; i < OUTCOME_END; i++) {
		for (int about = 0; about < ABOUT_END; about++) {
			buf_printf(&o->head[about][i], "{\"class_uid\":%u,\"category_uid\":%u,",
				   classes[about], classes[about] / 1000);
			buf_str(&o->head[about][i], verdicts[i]);
			prepare_device(o, &o->head[about][i], i != OUTCOME_ALLOWED);
		}
	}
	prepare_device(o, &o->device, true);
}

static void prepare_metadata(struct ocsf *o)
{
	for (int detail = 0; detail < DETAIL_END; detail++) {
		for (int container = 0; container < 2; container++) {
			struct buf *b = &o->metadata[detail][container];

			buf_str(b, ",\"metadata\":{\"version\":\"" OCSF_VERSION
				   "\",\"product\":{\"name\":\"Muniment\"");
			if (detail == DETAIL_RICH)
				buf_str(b,
					",\"vendor_name\":\"Muniment\",\"version\":\"" MUNIMENT_VERSION "\"");
			buf_str(b, "},\"profiles\":[\"security_control\"");
			if (detail != DETAIL_PLAIN)
				buf_str(b, ",\"host\"");
			if (detail == DETAIL_RICH)
				buf_str(b, ",\"linux/linux_users\"");
			if (container)
				buf_str(b, ",\"container\"");
			buf_str(b, "],\"log_source\":\"cpu");
		}
	}
}

struct ocsf *ocsf_new(const struct host *host, struct enrich *enrich)
{
	struct ocsf *o = calloc(1, sizeof(*o));
	bool failed;

	if (!o)
		return NULL;
	o->host = *host;
	o->enrich = enrich;
	o->actors = cache_new(ACTORS, sizeof(struct actor_key), sizeof(struct actor), actor_drop);
	o->lineage = lineage_new();
	prepare_heads(o);
	prepare_metadata(o);
	failed = !o->actors || !o->lineage || o->device.failed;
	for (int i = 0; i < OUTCOME_END; i++)
		for (int about = 0; about < ABOUT_END; about++)
			failed |= o->head[about][i].failed;
	for (int i = 0; i < 2 * DETAIL_END; i++)
		failed |= o->metadata[i / 2][i % 2].failed;
	if (!failed)
		return o;
	ocsf_free(o);
	return NULL;
}

void ocsf_free(struct ocsf *o)
{
	if (!o)
		return;
	cache_free(o->actors);
	lineage_free(o->lineage);
	for (int i = 0; i < OUTCOME_END; i++)
		for (int about = 0; about < ABOUT_END; about++)
			buf_free(&o->head[about][i]);
	for (int i = 0; i < 2 * DETAIL_END; i++)
		buf_free(&o->metadata[i / 2][i % 2]);
	for (int i = 0; i < 2; i++)
		policy_image_free(o->policies[i].image);
	for (int i = 0; i < OCSF_EARLIER_MAX; i++)
		policy_image_free(o->earlier[i].image);
	buf_free(&o->device);
	buf_free(&o->path);
	buf_free(&o->file);
	buf_free(&o->text);
	free(o);
}

int ocsf_set_policy(struct ocsf *o, uint32_t generation, struct policy_image *image)
{
	if (o->policies[1].image)
		ocsf_add_earlier(o, o->policies[1].generation, o->policies[1].image);
	o->policies[1] = o->policies[0];
	o->policies[0] = (struct ocsf_policy){generation, image};
	cache_clear(o->actors);
	return 0;
}

void ocsf_add_earlier(struct ocsf *o, uint32_t generation, struct policy_image *image)
{
	struct ocsf_policy *earlier = &o->earlier[o->n_earlier++ % OCSF_EARLIER_MAX];

	policy_image_free(earlier->image);
	*earlier = (struct ocsf_policy){generation, image};
}

void ocsf_set_roots(struct ocsf *o, ocsf_root_path_fn fn, const void *ctx)
{
	o->root_path = fn;
	o->root_ctx = ctx;
}

const struct policy_image *ocsf_policy(const struct ocsf *o)
{
	return o->policies[0].image;
}

const struct policy_image *ocsf_former_policy(const struct ocsf *o)
{
	return o->policies[1].image;
}

struct policy_image *ocsf_policy_programs(struct ocsf *o)
{
	return o->policies[0].image;
}

void ocsf_programs_changed(struct ocsf *o)
{
	cache_clear(o->actors);
}

const struct ocsf_policy *ocsf_find_policy(const struct ocsf *o, uint32_t generation)
{
	for (int i = 0; i < 2; i++) {
		if (o->policies[i].image && o->policies[i].generation == generation)
			return &o->policies[i];
	}
	for (int i = 0; i < OCSF_EARLIER_MAX; i++) {
		if (o->earlier[i].image && o->earlier[i].generation == generation)
			return &o->earlier[i];
	}
	return NULL;
}

struct kind {
	const char *text;
	unsigned activity;
	unsigned severity;
	bool alert;
	bool success;
};

static const struct kind kinds[OCSF_KIND_END] = {[OCSF_INVALID] = {"", 0, 0, false, false},
#define X(name, kind, activity, severity, alert, success)                                                    \
	[OCSF_##name] = {kind, activity, severity, alert, success},
						 OCSF_LIFECYCLE(X)
#undef X
};

bool ocsf_kind_is_alert(enum ocsf_kind kind)
{
	return kinds[kind].alert;
}

const char *ocsf_kind_text(enum ocsf_kind kind)
{
	return kinds[kind].text;
}

void ocsf_lifecycle_open(const struct ocsf *o, enum ocsf_kind kind, uint64_t time_ms, const char *message,
			 struct buf *out)
{
	const struct kind *k = &kinds[kind];

	buf_str(out, "{\"class_uid\":6002,\"category_uid\":6");
	json_u64(out, "severity_id", k->severity);
	json_u64(out, "activity_id", k->activity);
	json_u64(out, "type_uid", 600200 + k->activity);
	if (k->activity == 99)
		json_str(out, "activity_name", k->text);
	json_bool(out, "is_alert", k->alert);
	json_u64(out, "status_id", k->success ? 1 : 2);
	json_open(out, "app", '{');
	json_str(out, "name", "Muniment");
	json_str(out, "vendor_name", "Muniment");
	json_str(out, "version", MUNIMENT_VERSION);
	json_close(out, '}');
	buf_char(out, ',');
	buf_add(out, o->device.data, o->device.len);
	json_u64(out, "time", time_ms);
	json_str(out, "message", message);
	json_open(out, "unmapped", '{');
	json_open(out, "muniment", '{');
	json_str(out, "kind", k->text);
}

void ocsf_lifecycle_close(const struct ocsf *o, enum ocsf_kind kind, const char *nonce, struct buf *out)
{
	(void)o;
	json_close(out, '}');
	json_close(out, '}');
	json_open(out, "metadata", '{');
	json_str(out, "version", OCSF_VERSION);
	json_open(out, "product", '{');
	json_str(out, "name", "Muniment");
	json_str(out, "vendor_name", "Muniment");
	json_str(out, "version", MUNIMENT_VERSION);
	json_close(out, '}');
	buf_str(out, ",\"profiles\":[\"security_control\",\"host\"]");
	json_str(out, "event_code", kinds[kind].text);
	json_strn(out, "uid", nonce, 22);
	json_close(out, '}');
	json_close(out, '}');
}
