// SPDX-License-Identifier: Apache-2.0
/*
 * Entries about data of stores on its way out of the host (OPERATION_SEND): network activity. See ocsf.h for the
 * order of members; the rest of such an entry is ocsf_access.c's.
 */
#include "pipeline/ocsf_state.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/json.h"

#define NS_PER_S 1000000000u

#define ADDRESS_AT_V4 12 /* where an address of IPv4 begins in one of IPv6 */

bool ocsf_is_egress(const struct record_access *a)
{
	return a->operations == OPERATION_BIT(OPERATION_SEND);
}

static bool connects(const struct record_access *a)
{
	return a->hook == HOOK_SOCKET_CONNECT;
}

const char *ocsf_egress_activity(const struct record_access *a)
{
	return connects(a) ? ",\"activity_id\":1,\"type_uid\":400101"
			   : ",\"activity_id\":6,\"type_uid\":400106";
}

/* The address as people write it; NULL where the family has none that we know. */
static const char *address_text(const struct peer *peer, char text[INET6_ADDRSTRLEN])
{
	if (peer->family != AF_INET && peer->family != AF_INET6)
		return NULL;
	if (decode_peer_is_v4(peer))
		return inet_ntop(AF_INET, peer->address + ADDRESS_AT_V4, text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, peer->address, text, INET6_ADDRSTRLEN);
}

static void add_family(const struct peer *peer, struct buf *b)
{
	static const char *const names[] = {
		[AF_UNIX] = "AF_UNIX",	     [AF_INET] = "AF_INET",	[AF_INET6] = "AF_INET6",
		[AF_NETLINK] = "AF_NETLINK", [AF_PACKET] = "AF_PACKET", [AF_RDS] = "AF_RDS",
		[AF_CAN] = "AF_CAN",	     [AF_TIPC] = "AF_TIPC",	[AF_BLUETOOTH] = "AF_BLUETOOTH",
		[AF_ALG] = "AF_ALG",	     [AF_VSOCK] = "AF_VSOCK",	[AF_QIPCRTR] = "AF_QIPCRTR",
		[AF_SMC] = "AF_SMC",	     [AF_XDP] = "AF_XDP",
	};

	if (peer->family < sizeof(names) / sizeof(names[0]) && names[peer->family])
		buf_str(b, names[peer->family]);
	else
		buf_printf(b, "address family %u", peer->family);
}

/* As on the wire: the numbers that only the kernel's sockets have stand for a way to use TCP. */
static unsigned protocol_of(const struct peer *peer)
{
	return peer->protocol > IPPROTO_RAW ? IPPROTO_TCP : peer->protocol;
}

/* IANA's names; NULL for those that nobody uses by a socket of their own. */
static const char *protocol_name(const struct peer *peer)
{
	switch (protocol_of(peer)) {
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_DCCP:
		return "dccp";
	case IPPROTO_ICMPV6:
		return "ipv6-icmp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_UDPLITE:
		return "udplite";
	default:
		return NULL;
	}
}

/* " to 203.0.113.9 port 443 (tcp)" */
static void add_whereto(const struct peer *peer, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	const char *address = address_text(peer, text), *protocol = protocol_name(peer);

	if (!address) {
		buf_str(out, " by a socket of ");
		add_family(peer, out);
		return;
	}
	buf_printf(out, " to %s", address);
	if (peer->port)
		buf_printf(out, " port %u", peer->port);
	if (protocol)
		buf_printf(out, " (%s)", protocol);
	else
		buf_printf(out, " (protocol %u)", protocol_of(peer));
}

/* The agreement that decided, or that would have but for its limits; NULL: none, or it is not known any more. */
static const struct image_agreement *agreement_of(const struct record_access *a,
						  const struct ocsf_policy *policy)
{
	return policy && a->detail && a->detail <= policy->image->n_agreements
		       ? &policy->image->agreements[a->detail - 1]
		       : NULL;
}

/* As people write versions of TLS; NULL where the packets have shown none. */
static const char *version_text(const struct record_access *a)
{
	static const char *const texts[] = {"SSL 3.0", "1.0", "1.1", "1.2", "1.3"};
	uint32_t kind = shown_kind(a->open_flags);

	return kind >= TLS_1_0 - 1 && kind <= TLS_1_3 ? texts[kind - (TLS_1_0 - 1)] : NULL;
}

/* Why it did not go, though an agreement covers whereto. */
static void add_why(const struct record_access *a, const struct ocsf_policy *policy, struct buf *out)
{
	const struct image_agreement *agreement = agreement_of(a, policy);
	const char *version = version_text(a), *name = agreement ? agreement->name : "(unknown)";

	switch (a->reason) {
	case REASON_NOT_AGREED:
		buf_str(out, ", which no agreement covers");
		break;
	case REASON_REGION:
		buf_str(out, ", which lies in no region of the agreement");
		break;
	case REASON_DNS_VOLUME:
		buf_str(out, ", a resolver that it has told as much as it may");
		break;
	case REASON_LIMIT:
		buf_printf(out, ", beyond what the agreement %s lets go", name);
		break;
	case REASON_NOT_TLS:
		buf_printf(out, " without the TLS that the agreement %s wants", name);
		break;
	case REASON_TLS_VERSION:
		buf_printf(out, " over TLS %s, which is too old for the agreement %s",
			   version ? version : "(unknown)", name);
		break;
	default:
		break;
	}
}

void ocsf_egress_text(const struct record_access *a, const struct ocsf_policy *policy, struct buf *out)
{
	const char *store = ocsf_store_name(policy, a->store);
	size_t before;

	if (connects(a))
		buf_str(out, "connect");
	else
		buf_printf(out, "send data of store %s", store);
	add_whereto(&a->peer, out);
	before = out->len;
	add_why(a, policy, out);
	if (connects(a))
		buf_printf(out, "%s while it holds data of store %s", out->len > before ? "," : "", store);
}

/* The name that the peer's address was answered for; NULL: it was not, or the policy is not known any more. */
static const char *answered_name(const struct record_access *a, const struct ocsf_policy *policy)
{
	if (a->reason != REASON_ANSWERED || !policy)
		return NULL;
	for (size_t i = 0; i < policy->image->n_hosts; i++)
		if (policy->image->hosts[i].id == a->file_size)
			return policy->image->hosts[i].name;
	return NULL;
}

static void add_endpoint(const struct peer *peer, const char *name, struct buf *b)
{
	char text[INET6_ADDRSTRLEN];
	const char *address = address_text(peer, text);

	json_open(b, "dst_endpoint", '{');
	if (name)
		json_str(b, "hostname", name);
	if (address) {
		json_str(b, "ip", address);
	} else {
		ADD_LITERAL(b, "\"name\":\"");
		add_family(peer, b);
		buf_char(b, '"');
	}
	if (peer->port)
		json_u64(b, "port", peer->port);
	json_close(b, '}');
}

static void add_connection(const struct peer *peer, struct buf *b)
{
	const char *protocol = protocol_name(peer);

	json_open(b, "connection_info", '{');
	json_u64(b, "direction_id", 2);
	if (peer->family == AF_INET || peer->family == AF_INET6) {
		json_u64(b, "protocol_num", protocol_of(peer));
		if (protocol)
			json_str(b, "protocol_name", protocol);
		json_u64(b, "protocol_ver_id", decode_peer_is_v4(peer) ? 4 : 6);
	}
	json_close(b, '}');
}

void ocsf_egress_object(const struct record_access *a, const struct ocsf_policy *policy, struct buf *out)
{
	add_endpoint(&a->peer, answered_name(a, policy), out);
	add_connection(&a->peer, out);
	/* What was denied did not go out: unmapped tells how much it would have been. */
	if (connects(a) || a->enforced == ENFORCED_DENIED || !a->tally.written)
		return;
	json_open(out, "traffic", '{');
	json_u64(out, "bytes_out", a->tally.written & INT64_MAX);
	json_close(out, '}');
}

void ocsf_egress_shown(const struct record_view *view, struct buf *b)
{
	const struct record_access *a = &view->access;
	const char *version = version_text(a);

	if (version)
		json_str(b, "tls", version);
	if (shown_plain(a->open_flags))
		json_u64(b, "bytes_plain", shown_plain(a->open_flags));
	if (view->path_bytes)
		json_strn(b, "server_name", view->path, strnlen(view->path, view->path_bytes));
}

/* How much the agreement lets go, and what had gone before what it did not. */
static void add_limit(const struct record_access *a, const struct image_agreement *agreement, struct buf *b)
{
	if (a->reason != REASON_LIMIT)
		return;
	json_u64(b, "limit_bytes", agreement->rules.limits.max_bytes & INT64_MAX);
	json_u64(b, "limit_s", agreement->rules.limits.window_ns / NS_PER_S);
	json_u64(b, "used_bytes", a->file_size & INT64_MAX);
}

bool ocsf_egress_agreement(struct ocsf *o, const struct record_access *a, const struct ocsf_policy *policy,
			   struct buf *b)
{
	const struct image_agreement *agreement = agreement_of(a, policy);

	if (a->reason == REASON_RESOLVER || a->reason == REASON_DNS_VOLUME) {
		if (policy && policy->image->dns_rule.line)
			ocsf_add_rule(o, "rule", policy->image, policy->image->dns_rule.file,
				      policy->image->dns_rule.line, b);
		return policy && policy->image->dns_rule.line;
	}
	if (!a->detail)
		return false;
	if (!agreement) {
		json_u64(b, "agreement_id", a->detail);
		return false;
	}
	json_str(b, "agreement", agreement->name);
	if (agreement->purpose[0])
		json_str(b, "purpose", agreement->purpose);
	if (agreement->partner[0])
		json_str(b, "partner", agreement->partner);
	add_limit(a, agreement, b);
	ocsf_add_rule(o, "rule", policy->image, agreement->file, agreement->line, b);
	return true;
}

void ocsf_add_peer(struct ocsf *o, const struct peer *peer, struct buf *b)
{
	char text[INET6_ADDRSTRLEN];
	const char *address = address_text(peer, text);

	buf_reset(&o->text);
	if (!address)
		add_family(peer, &o->text);
	else if (decode_peer_is_v4(peer))
		buf_printf(&o->text, "%s:%u", address, peer->port);
	else
		buf_printf(&o->text, "[%s]:%u", address, peer->port);
	json_strn(b, "peer", o->text.data ? o->text.data : "", o->text.len);
}
