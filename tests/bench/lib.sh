# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts beside it share: two file systems on tmpfs, one of them with a store, a policy over it, and the daemon
# started and stopped. Workloads run in a root directory on tmpfs with all that they load: a guest's own files
# come from its host, and its clock leaps while it waits for them. Owns the mounts below $PLACE and the daemon it
# started; sourced by those, which scripts/bench runs in a guest or in a mount namespace of their own.
#
# Set by the caller: BUILD (with munimentd and bench/), OUT (for results), MECHANISM (lsm or tracing); if it likes, AUDIT
# of the store (required), LEDGERS (where the ledgers come to lie), EVENTS (the events file, or none), AGREEMENTS (more
# of the policy).

PLACE=${BENCH_PLACE:-/run/muniment-bench}
PLAIN=$PLACE/plain     # a device without a store; the workloads' root
RECORDS=$PLACE/records # the store's device
STORE=$RECORDS/store
OUTSIDE=$RECORDS/outside
STATE=$PLACE/state # key, ledger, sockets, logs
DAEMON='' RUN=0 LEDGER=''
# For jq: openings that an entry tells of. A use that finds its account busy, or no room for one, is an entry, too.
# shellcheck disable=SC2034  # for those who source this
OPENINGS='(if .activity_id == 14 then .unmapped.muniment.repeats // .count // 1 else 0 end)'

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

# Copies the programs with their libraries to the workloads' root, where the store's device appears as /records. Rest:
# programs that come there otherwise, whose libraries are needed, too.
make_root() {
	local file
	mkdir "$PLAIN/bin" "$PLAIN/dev" "$PLAIN/records"
	cp "$BUILD"/bench/bench_{hooks,flows,workload} /bin/tar /bin/true "$PLAIN/bin/" || fail "cannot copy the workloads"
	ldd "$PLAIN"/bin/* "$@" | grep -o '/[^ ]* (0x' | cut -d' ' -f1 | grep -v ':$' | sort -u | while read -r file; do
		cp -L --parents "$file" "$PLAIN"
	done
	mknod -m 666 "$PLAIN/dev/null" c 1 3 || fail "cannot make a device"
	mount --bind "$RECORDS" "$PLAIN/records" || fail "cannot bind $RECORDS"
}

# Rest: as make_root.
make_places() {
	local name
	for name in plain records state; do
		mkdir -p "$PLACE/$name"
		mount -t tmpfs -o mode=755 "bench-$name" "$PLACE/$name" || fail "cannot mount a tmpfs on $PLACE/$name"
	done
	mkdir "$STORE" "$OUTSIDE" "$STATE/policy"
	make_root "$@"
	"$BUILD/muniment" key new --name bench.example/records --out "$STATE/key.pem" --ledger "$STATE/ledger" \
		--same-disk >"$STATE/vkey" || fail "cannot make a key"
	write_policy
}

# A workload, in its root.
run() {
	chroot "$PLAIN" "$@"
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
  records: {paths: [$STORE], class: restricted, audit: ${AUDIT:-required}}
roles:
  bench: {users: [root], programs: [$PLAIN/bin/bench_hooks, $PLAIN/bin/bench_flows, $PLAIN/bin/bench_workload]}
  owner: {users: [daemon]}
grants:
  - {role: bench, store: records, access: [list, read]}
  - {role: owner, store: records, access: [list, read, write, create, delete]}
${AGREEMENTS:-}
END
}

# Starts the daemon with a new ledger and returns when it is ready.
daemon_start() {
	local command waiter first=''
	LEDGER=${LEDGERS:-$STATE}/ledger-$((++RUN))
	command=("$BUILD/munimentd" --policy "$STATE/policy" --ledger "$LEDGER" --key "$STATE/key.pem"
		--run "$STATE/run" --pin-dir /sys/fs/bpf/muniment-bench --events "${EVENTS:-$LEDGER.events}" --same-disk)
	mkdir -p "$STATE/run"
	# A day: while a guest waits for its host's files, its clock leaps.
	"$BUILD/bench/bench_daemon" ready "$STATE/notify" 86400 &
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
	# No signal stops it where it guards itself.
	"$BUILD/muniment" stop --run "$STATE/run" --reason "measured" >/dev/null 2>&1 || kill "$DAEMON" 2>/dev/null
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
	local processes
	mapfile -t processes < <(daemon_processes)
	"$BUILD/bench/bench_daemon" cpu "${processes[@]}"
}

# field NAME: MiB of a field of the daemon's /proc/PID/smaps_rollup, all processes.
memory_of() {
	awk -v name="$1:" '$1 == name { n += $2 } END { printf "%.1f", n / 1024 }' <<<"$MEMORY"
}

# Rss counts the libraries that keeper and signer share once for each of them; Pss counts every page once.
# $1: prefix of the results' names. By a variable: a file that this shell writes when a workload has read records is a copy,
# which it has no grant to read.
report_memory() {
	local pid MEMORY
	MEMORY=$(for pid in $(daemon_processes); do
		echo "process $(tr '\0' ' ' <"/proc/$pid/comm")"
		cat "/proc/$pid/smaps_rollup"
	done)
	echo "$MEMORY" >"$OUT/memory"
	result "$1.rss" "$(memory_of Rss)" MiB at-most 32
	result "$1.pss" "$(memory_of Pss)" MiB
	result "$1.anonymous" "$(memory_of Anonymous)" MiB
}

# Also ends the daemon when a script is stopped.
trap daemon_stop EXIT
