# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What hooks.sh and workloads.sh share: two file systems on tmpfs, one of them with a store, a policy over it, and the
# daemon started and stopped. Owns the mounts below $PLACE and the daemon it started; sourced by those two, which
# scripts/bench runs in a guest or in a mount namespace of their own.
#
# Set by the caller: BUILD (with munimentd and bench/), OUT (for results), MECHANISM (lsm or tracing).

PLACE=${BENCH_PLACE:-/run/muniment-bench}
PLAIN=$PLACE/plain     # a device without a store
RECORDS=$PLACE/records # the store's device
STORE=$RECORDS/store
OUTSIDE=$RECORDS/outside
STATE=$PLACE/state # key, ledger, sockets, logs
BIN=$PLAIN/bin
DAEMON='' RUN=0 LEDGER=''

fail() {
	echo "bench: $*" >&2
	exit 1
}

# One result: name, value, unit, and if there is a budget: at-most or at-least, and the budget.
result() {
	if (($# > 3)); then
		printf '{"name":"%s","value":%s,"unit":"%s","%s":%s}\n' "$1" "$2" "$3" "$4" "$5"
	else
		printf '{"name":"%s","value":%s,"unit":"%s"}\n' "$1" "$2" "$3"
	fi >>"$OUT/results.jsonl"
}

make_places() {
	local name
	for name in plain records state; do
		mkdir -p "$PLACE/$name"
		mount -t tmpfs -o mode=755 "bench-$name" "$PLACE/$name" || fail "cannot mount a tmpfs on $PLACE/$name"
	done
	mkdir "$STORE" "$OUTSIDE" "$BIN" "$STATE/policy"
	# From tmpfs, so that no workload waits for a disk.
	cp "$BUILD"/bench/bench_{hooks,workload} /bin/tar /bin/true "$BIN/" || fail "cannot copy the workloads"
	"$BUILD/muniment" key new --name bench.example/records --out "$STATE/key.pem" --ledger "$STATE/ledger" \
		--same-disk >"$STATE/vkey" || fail "cannot make a key"
	write_policy
}

# What an organisation would write, with a role that takes user and program together.
write_policy() {
	local mode=enforce
	[[ $MECHANISM == lsm ]] || mode=monitor
	cat >"$STATE/policy/bench.yaml" <<END
version: 1
mode: $mode
degraded: allow
stores:
  records: {paths: [$STORE], class: restricted, audit: required}
roles:
  bench: {users: [root], programs: [$BIN/bench_hooks, $BIN/bench_workload]}
  owner: {users: [daemon]}
grants:
  - {role: bench, store: records, access: [list, read]}
  - {role: owner, store: records, access: [list, read, write, create, delete]}
END
}

# Starts the daemon with a new ledger and returns when it is ready.
daemon_start() {
	local command waiter first=''
	LEDGER=$STATE/ledger-$((++RUN))
	command=("$BUILD/munimentd" --policy "$STATE/policy" --ledger "$LEDGER" --key "$STATE/key.pem"
		--run "$STATE/run" --pin-dir /sys/fs/bpf/muniment-bench --events "$LEDGER.events" --same-disk)
	mkdir -p "$STATE/run"
	"$BUILD/bench/bench_daemon" ready "$STATE/notify" 120 &
	waiter=$!
	until [[ -S $STATE/notify ]]; do sleep 0.05; done
	NOTIFY_SOCKET=$STATE/notify "${command[@]}" >"$STATE/daemon.log" 2>&1 </dev/null &
	DAEMON=$!
	wait -n -p first "$waiter" "$DAEMON"
	if [[ $? != 0 || $first != "$waiter" ]]; then
		kill "$waiter" 2>/dev/null
		daemon_stop
		cat "$STATE/daemon.log" >&2
		fail "the daemon did not become ready"
	fi
	sleep 1 # its own first work is over
}

daemon_stop() {
	[[ -n $DAEMON ]] || return
	kill "$DAEMON" 2>/dev/null
	wait "$DAEMON"
	DAEMON=''
}

# The daemon's processes: the keeper first.
daemon_processes() {
	echo "$DAEMON"
	cat "/proc/$DAEMON/task"/*/children 2>/dev/null | tr ' ' '\n' | sed '/^$/d'
}

# Nanoseconds of CPU that the daemon's processes have used.
daemon_cpu() {
	local pid
	for pid in $(daemon_processes); do
		cat "/proc/$pid/task"/*/schedstat 2>/dev/null
	done | awk '{ n += $1 } END { printf "%d\n", n }'
}

# $1: prefix of the results' names.
report_memory() {
	local pid name
	for pid in $(daemon_processes); do
		name=$(tr '\0' '\n' <"/proc/$pid/comm")
		awk -v name="$name" '/^(VmRSS|RssAnon|RssFile|RssShmem):/ { printf "%s %s %d\n", name, $1, $2 }' \
			"/proc/$pid/status"
	done >"$STATE/memory"
	sed 's/^/bench: memory: /; s/$/ kB/' "$STATE/memory" >&2
	result "$1.resident" "$(awk '$2 == "VmRSS:" { n += $3 } END { printf "%.1f", n / 1024 }' "$STATE/memory")" MiB \
		at-most 32
	result "$1.private" "$(awk '$2 ~ /Anon|Shmem/ { n += $3 } END { printf "%.1f", n / 1024 }' "$STATE/memory")" MiB
	result "$1.keeper" "$(awk '$2 == "VmRSS:" { printf "%.1f", $3 / 1024; exit }' "$STATE/memory")" MiB
}

# Also ends the daemon when a script is stopped.
trap '[[ -z $DAEMON ]] || kill "$DAEMON" 2>/dev/null' EXIT
