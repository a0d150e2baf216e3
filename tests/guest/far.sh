# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The far side of guest cases and the evasion suite: a network namespace behind a veth pair, with a listener that keeps
# whatever comes. Sourced after lib.sh. Owns the namespace $FAR_NS, the interface `near`, and everything in $FAR.
#
# Addresses: 10.9.0.1 is ours, 10.9.0.2 and 10.9.0.3 are the far side's; likewise fd09::1 to fd09::3.

FAR=${M:-$CASE_DIR}/far FAR_PORT=4000 FAR_NS=far FAR_PID=''

far_start() {
	modprobe veth 2>/dev/null
	mkdir -p "$FAR"
	ip netns add "$FAR_NS" && ip link add near type veth peer name far netns "$FAR_NS" || return
	ip addr add 10.9.0.1/24 dev near && ip addr add fd09::1/64 dev near nodad && ip link set near up
	for n in 2 3; do
		ip -n "$FAR_NS" addr add 10.9.0.$n/24 dev far && ip -n "$FAR_NS" addr add fd09::$n/64 dev far nodad || return
	done
	ip -n "$FAR_NS" link set far up && ip -n "$FAR_NS" link set lo up
	nsenter --net="/run/netns/$FAR_NS" "$HELPERS/far" "$FAR" "$FAR_PORT" >"$FAR/out" 2>&1 &
	FAR_PID=$!
	t_wait 20 test -e "$FAR/ready"
}

far_stop() {
	kill "$FAR_PID"
	ip netns del "$FAR_NS"
}

# far_got TEXT FROM: has it come, behind the first FROM bytes of what has?
far_got() {
	tail -c "+$(($2 + 1))" "$FAR/frames" | grep -a -q -F -e "$1"
}

# far_sees SECONDS TEXT COMMAND…: runs the command, prints TEXT if that comes to the far side, and returns its status.
far_sees() {
	local seconds=$1 text=$2 from status
	shift 2
	from=$(stat -c %s "$FAR/frames")
	"$@"
	status=$?
	! t_wait "$seconds" far_got "$text" "$from" || echo "$text"
	return "$status"
}
