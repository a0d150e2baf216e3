// SPDX-License-Identifier: Apache-2.0
/*
 * The names in agreements: asked for at each policy and every so often, their addresses put into the policy in force,
 * kept for a while after they were seen last, and told of. What was known is kept in the run directory as JSON, for a
 * daemon that takes over; it is good for this boot only. See keeper.h.
 */
#include "daemon/keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/resolve.h"
#include "pipeline/host.h"
#include "policy/hosts.h"
#include "policy/network.h"

#define KEPT_MAX       (8u << 20) /* bytes of the file */
#define STATUS_BYTES   65536	  /* of an answer, which has an end */
#define ADDRESSES_TOLD 16

static uint64_t boot_s(void)
{
	return host_boot_ns() / 1000000000u;
}

static const char *address_text(const uint8_t address[16], char text[INET6_ADDRSTRLEN])
{
	bool ipv4 = network_contains(network_ipv4, NETWORK_IPV4_PREFIX, address);

	return inet_ntop(ipv4 ? AF_INET : AF_INET6, address + (ipv4 ? NETWORK_IPV4_PREFIX / 8 : 0), text,
			 INET6_ADDRSTRLEN);
}

static bool address_of(const char *text, uint8_t address[16])
{
	memcpy(address, network_ipv4, 16);
	return text && (inet_pton(AF_INET, text, address + NETWORK_IPV4_PREFIX / 8) == 1 ||
			inet_pton(AF_INET6, text, address) == 1);
}

/* --- kept for the daemon after this one --- */

static void path_of(const struct keeper *k, char *path, size_t size)
{
	snprintf(path, size, "%s/hosts", k->config->run);
}

static json_t *kept_of(const struct image_host *host)
{
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < host->n_addresses; i++)
		json_array_append_new(list, json_pack("{s:s, s:I}", "ip",
						      address_text(host->addresses[i].address, text),
						      "seen_s", (json_int_t)host->addresses[i].seen_s));
	return json_pack("{s:s, s:I, s:o}", "name", host->name, "answered_s", (json_int_t)host->answered_s,
			 "addresses", list);
}

static void save(const struct keeper *k)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	json_t *list = json_array(), *all;
	char path[PATH_MAX], *text;
	struct host host;
	int err = -ENOMEM;

	for (size_t i = 0; i < image->n_hosts; i++)
		json_array_append_new(list, kept_of(&image->hosts[i]));
	host_read(&host);
	all = json_pack("{s:s, s:o}", "boot", host.boot_id, "hosts", list);
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	path_of(k, path, sizeof(path));
	if (text)
		err = file_replace(path, text, strlen(text), 0600);
	if (err)
		log_warn("%s: %s; a daemon after this one does not know the addresses of names at once", path,
			 strerror(-err));
	free(text);
	json_decref(all);
}

static void take_kept(struct image_host *host, json_t *kept)
{
	json_t *item, *list = json_object_get(kept, "addresses");
	size_t i;

	host->answered_s = (uint64_t)json_integer_value(json_object_get(kept, "answered_s"));
	json_array_foreach (list, i, item) {
		struct image_address *to = &host->addresses[host->n_addresses];

		if (host->n_addresses == HOST_ADDRESSES_MAX ||
		    !address_of(json_string_value(json_object_get(item, "ip")), to->address) ||
		    image_host_refuses(to->address) || image_host_has(host, to->address))
			continue;
		to->seen_s = (uint64_t)json_integer_value(json_object_get(item, "seen_s"));
		host->n_addresses += to->seen_s <= boot_s();
	}
}

static void load(const struct keeper *k, struct policy_image *image)
{
	struct host host;
	struct buf b = {0};
	char path[PATH_MAX];
	json_t *all, *list, *item;
	const char *boot;
	size_t i;

	path_of(k, path, sizeof(path));
	if (file_read(path, KEPT_MAX, &b)) {
		buf_free(&b);
		return;
	}
	all = json_loadb(b.data ? b.data : "", b.len, 0, NULL);
	list = json_object_get(all, "hosts");
	boot = json_string_value(json_object_get(all, "boot"));
	host_read(&host);
	json_array_foreach (list, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));

		for (size_t n = 0; name && boot && !strcmp(boot, host.boot_id) && n < image->n_hosts; n++)
			if (strcmp(image->hosts[n].name, name) == 0 && !image->hosts[n].n_addresses)
				take_kept(&image->hosts[n], item);
	}
	json_decref(all);
	buf_free(&b);
}

/* --- entries --- */

static void add_addresses(struct buf *b, const char *key, const uint8_t (*addresses)[16], size_t n)
{
	char text[INET6_ADDRSTRLEN];

	if (!n)
		return;
	json_open(b, key, '[');
	for (size_t i = 0; i < n; i++)
		json_str(b, NULL, address_text(addresses[i], text));
	json_close(b, ']');
}

static void tell_change(struct keeper *k, const struct image_host *host, const struct host_change *change)
{
	struct buf *b;

	if (!change->n_came && !change->n_went)
		return;
	b = recorder_event(k->recorder, OCSF_NAME_CHANGED,
			   host->n_addresses
				   ? "the addresses of a name in the agreements changed"
				   : "a name in the agreements has no address any more: what is agreed "
				     "of it lets nothing go");
	json_str(b, "name", host->name);
	add_addresses(b, "came", change->came, change->n_came);
	add_addresses(b, "went", change->went, change->n_went);
	json_u64(b, "addresses", host->n_addresses);
	keeper_event_end(k);
}

static void tell_failure(struct keeper *k, const struct image_host *host, const struct resolve_answer *answer)
{
	struct buf *b = recorder_event(
		k->recorder, OCSF_NAME_FAILED,
		host->n_addresses ? "a name in the agreements was not resolved: the addresses that it "
				    "had count for a while"
				  : "a name in the agreements was not resolved: what is agreed of it "
				    "lets nothing go");

	json_str(b, "name", host->name);
	json_str(b, "why", answer->why);
	json_u64(b, "addresses", host->n_addresses);
	keeper_event_end(k);
	log_warn("%s was not resolved: %s", host->name, answer->why);
}

static void tell_refused(struct keeper *k, const struct image_host *host, const struct host_change *change)
{
	struct buf *b =
		recorder_event(k->recorder, OCSF_NAME_REFUSED,
			       "an address that was answered for a name in the agreements is not taken");
	char text[INET6_ADDRSTRLEN];

	json_str(b, "name", host->name);
	json_str(b, "address", address_text(change->refused, text));
	json_str(b, "why", change->why);
	keeper_event_end(k);
}

/* --- asking --- */

static struct image_host *find_host(struct keeper *k, const char *name)
{
	struct policy_image *image = ocsf_policy_programs(recorder_ocsf(k->recorder));

	for (size_t i = 0; i < image->n_hosts; i++)
		if (strcmp(image->hosts[i].name, name) == 0)
			return &image->hosts[i];
	return NULL; /* of a policy that is not in force any more */
}

static void take_answer(struct keeper *k, struct image_host *host, const struct resolve_answer *answer)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));
	struct host_change change;
	bool failed = answer->n == 0;
	int err;

	image_host_take(host, answer->addresses, answer->n, boot_s(), k->config->grace, &change);
	err = kernel_put_addresses(k->kernel, image, change.went, change.n_went, true);
	if (!err)
		err = kernel_put_addresses(k->kernel, image, change.came, change.n_came, false);
	if (err)
		log_error("the addresses of %s cannot be put into force: %s", host->name, strerror(-err));
	tell_change(k, host, &change);
	if (failed && host->state != HOST_FAILED)
		tell_failure(k, host, answer);
	if (change.why && !host->told)
		tell_refused(k, host, &change);
	host->told = change.why != NULL;
	host->state = failed ? HOST_FAILED : HOST_RESOLVED;
	host->why = failed ? answer->why : change.why;
}

int keeper_hosts_new(struct keeper *k)
{
	k->resolve = resolve_new(&k->resolve_fd);
	return k->resolve ? 0 : -ENOMEM;
}

bool keeper_hosts_free(struct keeper *k)
{
	return resolve_free(k->resolve);
}

void keeper_hosts_ask(struct keeper *k, uint64_t now_ns)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));

	if (k->hosts_ns && now_ns - k->hosts_ns < k->config->refresh * 1000000000ull)
		return;
	k->hosts_ns = now_ns;
	for (size_t i = 0; i < image->n_hosts; i++)
		resolve_ask(k->resolve, image->hosts[i].name);
}

void keeper_hosts_answers(struct keeper *k, uint64_t now_ns)
{
	struct resolve_answer *answer = malloc(sizeof(*answer));
	bool any = false;

	while (answer && resolve_next(k->resolve, now_ns, answer)) {
		struct image_host *host = find_host(k, answer->name);

		if (host)
			take_answer(k, host, answer);
		any |= host != NULL;
	}
	free(answer);
	if (any)
		save(k);
}

void keeper_hosts_inherit(struct keeper *k, struct policy_image *image, const struct policy_image *former)
{
	struct host_change change;

	if (former)
		image_hosts_inherit(image, former);
	else
		load(k, image);
	for (size_t i = 0; i < image->n_hosts; i++)
		image_host_take(&image->hosts[i], NULL, 0, boot_s(), k->config->grace, &change);
	k->hosts_ns = 0; /* as soon as it is in force */
}

/* --- status --- */

static void add_host(struct buf *b, const struct image_host *host)
{
	static const char *const states[] = {"unasked", "resolved", "failed"};
	char text[INET6_ADDRSTRLEN];

	json_open(b, NULL, '{');
	json_str(b, "name", host->name);
	json_str(b, "state", states[host->state]);
	if (host->why)
		json_str(b, "why", host->why);
	if (host->answered_s)
		json_u64(b, "age_s", boot_s() - host->answered_s);
	json_u64(b, "n_addresses", host->n_addresses);
	json_open(b, "addresses", '[');
	for (size_t i = 0; i < host->n_addresses && i < ADDRESSES_TOLD; i++) {
		json_open(b, NULL, '{');
		json_str(b, "ip", address_text(host->addresses[i].address, text));
		json_u64(b, "age_s", boot_s() - host->addresses[i].seen_s);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

void keeper_hosts_status(const struct keeper *k, struct buf *b)
{
	const struct policy_image *image = ocsf_policy(recorder_ocsf(k->recorder));

	json_u64(b, "n_names", image->n_hosts);
	json_open(b, "names", '[');
	for (size_t i = 0; i < image->n_hosts && b->len < STATUS_BYTES; i++)
		add_host(b, &image->hosts[i]);
	json_close(b, ']');
}
