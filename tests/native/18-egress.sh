#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Connections on a kernel with tracepoints only: programs of a cgroup, of the test's own here, refuse them to who has read a
# record. What goes by a connection from before is not seen. Run by scripts/test.
# shellcheck disable=SC2119  # options that are optional
[[ -n ${IN_NAMESPACE:-} ]] || IN_NAMESPACE=yes exec unshare --net bash "$0"
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record S=$HELPERS/sends FAR_NS=muniment-far-$$ CGROUP=$CASE_DIR/cgroup/muniment-$$
mkdir ehr cgroup && echo "$MARKER" >"$R" && chown -R daemon ehr
cp "$S" server && chmod 755 server
mount -t cgroup2 muniment-native cgroup && mkdir "$CGROUP" && echo $$ >"$CGROUP/cgroup.procs" || exit 1
n_leave() {
	local pid
	while read -r pid; do
		echo "$pid" >"$CASE_DIR/cgroup/cgroup.procs"
	done <"$CGROUP/cgroup.procs"
	rmdir "$CGROUP"
	ip netns del "$FAR_NS"
} 2>/dev/null
trap 'status=$?; n_leave; (exit "$status"); n_exit' EXIT
ip link set lo up
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }
m_policy <<END
version: 1
mode: enforce
degraded: allow
stores:
  ehr: {paths: [$CASE_DIR/ehr]}
roles:
  clinic: {users: [daemon]}
  database: {programs: [$CASE_DIR/server]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: database, store: ehr, access: [read], serves: true}
agreements:
  lab: {stores: [ehr], to: ["10.9.0.3:$FAR_PORT"], roles: [clinic]}
END

# out WAY ADDRESS [PROGRAM]
out() {
	far_sees 1 "$MARKER" as daemon "${3:-$S}" "$1" "$R" "$2" "$FAR_PORT"
}

# refused NAME HOOK COMMAND…
refused() {
	local name=$1 hook=$2 from
	shift 2
	m_now && from=$M_NOW
	m_run "$@"
	m_expect "$name" "$from" "user=daemon operations=send hook=$hook mechanism=cgroup reason=not_agreed"
	t_equal "refused: $name" "1 " "$M_ENDED $M_OUTPUT"
	[[ $M_ERRORS == *"not permitted"* ]] || t_fail "it says why: $name" "$M_ERRORS"
}

for way in tcp fastopen udp before; do
	t_equal "unguarded: $way" "$MARKER" "$(out "$way" 10.9.0.2)"
done
t_equal "unguarded: tcp by IPv6" "$MARKER" "$(out tcp fd09::2)"
m_start --cgroup "$CGROUP"
refused tcp socket_connect out tcp 10.9.0.2
refused "tcp by IPv6" socket_connect out tcp fd09::2
refused udp socket_sendmsg out udp 10.9.0.2
refused "udp by IPv6" socket_sendmsg out udp fd09::2
refused "a child" socket_connect far_sees 1 "$MARKER" as daemon "$HELPERS/steps" take "$R" fork become "$S" tcp /etc/hostname 10.9.0.2 "$FAR_PORT"
refused "who serves, when it connects itself" socket_connect out tcp 10.9.0.2 "$CASE_DIR/server"
t_equal "what an agreement covers" "$MARKER" "$(out tcp 10.9.0.3)"
t_check "who has read nothing" as daemon "$S" tcp /etc/hostname 10.9.0.2 "$FAR_PORT"
m_events
t_equal "entries tell who read the record, and whose child it was" "sends:read server:read steps:read sends:fork" \
	"$(m_entries | jq -r -n '[inputs | .unmapped.muniment.chains[0].hops? // empty | map("\(.name):\(.how)") | join(" ")] |
		unique | join(" ")')"
t_equal "a limit: a connection from before" "$MARKER" "$(out before 10.9.0.2)"
m_verify
m_stop
far_stop
t_done
