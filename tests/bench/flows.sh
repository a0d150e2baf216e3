#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Flow cost: instructions that munimentd's programs add where data goes from one process to another: a message by a pipe, a
# UNIX socket, UDP and TCP over loopback, a fork, an execution, a connection. Of a process that holds no data of a store,
# while nobody on the host does (`none`) and while others do (`others`); of one that does, what it sends as an agreement
# allows (`holder`). Run by scripts/bench in a guest that counts instructions; leaves results.jsonl in $OUT, raw figures
# on standard error. Owns the network namespace `far` and the processes that hold data.
set -u
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source=tests/bench/costs.sh
. "$(dirname "$(readlink -f "$0")")/costs.sh"

PART=flows
FAR=10.9.0.2 SILENT=10.9.0.3 PORT=4000
AGREEMENTS="agreements: {lab: {stores: [records], to: ['$FAR:$PORT', '$SILENT:$PORT'], purpose: treatment}}"
MESSAGES=(unix:800 udp:1100 tcp:1400 pipe:800) # with the budgets while others hold data
HOLDER=''

# The other end of a pair of interfaces. What goes to $SILENT ends there.
make_far() {
	modprobe veth 2>/dev/null
	if ! { ip netns add far && ip link add near type veth peer name far netns far && address_far; }; then
		fail "cannot make a far side"
	fi
}

# Either side is told where the other is: what a packet costs changes while it has to ask.
address_far() {
	ip addr add 10.9.0.1/24 dev near && ip link set near up &&
		ip -n far addr add "$FAR/24" dev far && ip -n far link set far up &&
		ip link set near address 02:00:00:00:00:01 && ip -n far link set far address 02:00:00:00:00:02 &&
		ip neigh add "$FAR" lladdr 02:00:00:00:00:02 dev near &&
		ip neigh add "$SILENT" lladdr 02:00:00:00:00:02 dev near &&
		ip -n far neigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev far
}

# flows RUN [RECORD]
flows() {
	measure "$1" bench_flows 3 "$FAR" "$PORT" "$SILENT" "${@:2}" 3</run/netns/far
}

# holders NUMBER: fails unless so many processes hold data.
holders() {
	"$BUILD/muniment" labels --run "$STATE/run" >"$STATE/labels" || fail "cannot list who holds data"
	(($(grep -c bench_flows "$STATE/labels") == $1)) || fail "not $1 holders of data: $(<"$STATE/labels")"
}

hold() {
	run bench_flows hold /records/store/record /ready &
	HOLDER=$!
	until [[ -e $PLAIN/ready ]]; do
		kill -0 "$HOLDER" || fail "nobody holds data"
		sleep 0.1
	done
}

# What a fork costs depends on where things lie in memory, and a connection on what is known of its destination.
sysctl -q -w kernel.randomize_va_space=0 net.ipv4.tcp_no_metrics_save=1 || fail "cannot set this guest up"
# shellcheck disable=SC2119  # no further programs
make_places
make_far
head -c 8192 /dev/zero >"$STORE/record"
flows without
daemon_start
holders 0
flows none
holders 0
hold
holders 2
flows others
flows holder /records/store/record
kill "$HOLDER"
wait "$HOLDER"
daemon_stop
flows after
show without none others holder after
compare_after
for NAME in "${MESSAGES[@]}"; do
	report "none.${NAME%:*}" none "${NAME%:*}" local $((${NAME#*:} * 60 / 100))
done
for NAME in "${MESSAGES[@]}"; do
	report "others.${NAME%:*}" others "${NAME%:*}" local "${NAME#*:}"
done
for NAME in fork exec; do
	report_share "none.$NAME" none "$NAME" local
	report_share "others.$NAME" others "$NAME" local 3
done
for NAME in none others; do
	report_share "$NAME.connect" "$NAME" connect local
	report "$NAME.send" "$NAME" tcp far
	report "$NAME.send_udp" "$NAME" udp far
done
report holder.send holder tcp far 2000
report holder.send_udp holder udp far
for NAME in unix udp tcp pipe fork exec connect; do
	report_base "$NAME" "$NAME" local
done
report_base send tcp far
report_base send_udp udp far
