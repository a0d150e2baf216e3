#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whole workloads with munimentd ÷ without: elapsed time in a guest that counts instructions ($1 = guest), CPU time of
# the workload on this machine ($1 = native). Phases alternate: off, on, off, on … off; a pair is a phase `on` and the
# `off` before it, a control pair the two `off` around it. Run by scripts/bench; leaves results.jsonl and the figures of
# every phase (phases.tsv: phase, workload, elapsed ns, cpu ns) in $OUT.
set -u
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

WHERE=$1
PAIRS=${BENCH_PAIRS:-5}
OPENS=10000
WORKLOADS=(opens.outside opens.store tar.outside connects forks)

make_trees() {
	mkdir "$OUTSIDE/few" "$OUTSIDE/many"
	local tree
	for tree in "$OUTSIDE/few 1000" "$OUTSIDE/many 5000" "$STORE 1000"; do
		"$BIN/bench_workload" tree "${tree% *}" "${tree##* }" 4096 || fail "cannot make the files"
	done
}

run_workload() {
	case $1 in
	opens.outside) "$BIN/bench_workload" opens "$OUTSIDE/few" 1000 "$OPENS" ;;
	opens.store) "$BIN/bench_workload" opens "$STORE" 1000 "$OPENS" ;;
	tar.outside) "$BIN/bench_workload" run "$BIN/tar" -C "$OUTSIDE" -cf "$PLAIN/tar" many ;;
	connects) "$BIN/bench_workload" connects 2000 ;;
	forks) "$BIN/bench_workload" forks 300 "$BIN/true" ;;
	esac || fail "workload $1 fails"
}

# In a store, until every event is under a signed checkpoint. $1: phase, $2: entries before, $3: start.
await_ledger() {
	local covered
	covered=$("$BUILD/bench/bench_daemon" await "$LEDGER" $(($2 + OPENS)) 120) || fail "events are missing"
	echo "$1 ledger $((covered - $3)) 0" >>"$OUT/phases.tsv"
}

# run_phase on|off NUMBER
run_phase() {
	local workload start end cpu before='' used
	for workload in "${WORKLOADS[@]}"; do
		[[ $1 == off ]] || { used=$(daemon_cpu) && before=$("$BUILD/bench/bench_daemon" size "$LEDGER"); }
		read -r start end cpu < <(run_workload "$workload")
		[[ -n ${cpu:-} ]] || exit 1
		echo "$1$2 $workload $((end - start)) $cpu" >>"$OUT/phases.tsv"
		[[ $1 == on ]] || continue
		[[ $workload != opens.store ]] || await_ledger "$1$2" "$before" "$start"
		echo "$1$2 daemon.$workload 0 $(($(daemon_cpu) - used))" >>"$OUT/phases.tsv"
	done
}

# Entries about the workload's files in the newest ledger.
count_events() {
	local entries
	entries=$("$BUILD/muniment" log show --json --store records --program bench_workload "$LEDGER" | wc -l)
	echo "bench: phase $1: $entries events of $OPENS in the ledger" >&2
	echo "on$1 events $entries 0" >>"$OUT/phases.tsv"
}

# column WORKLOAD PHASES COLUMN: the values of phases matching a pattern.
column() {
	awk -v workload="$1" -v phases="$2" -v column="$3" \
		'$1 ~ "^" phases "$" && $2 == workload { print $column }' "$OUT/phases.tsv"
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { printf "%s", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio WORKLOAD on|off COLUMN: the median of `on` n ÷ `off` n-1, or of `off` n ÷ `off` n-1.
ratio() {
	awk -v workload="$1" -v kind="$2" -v column="$3" -v pairs="$PAIRS" '$2 == workload { v[$1] = $column }
		END { for (n = 1; n <= pairs; n++) printf "%.4f\n", v[kind n] / v["off" n - 1] }' "$OUT/phases.tsv" | median
}

# report WORKLOAD [BUDGET]
report() {
	local name=$WHERE.$1 column=3
	[[ $WHERE == guest ]] || column=4
	if (($# > 1)); then
		result "$name" "$(ratio "$1" on "$column")" ratio at-most "$2"
	else
		result "$name" "$(ratio "$1" on "$column")" ratio
	fi
	result "$name.control" "$(ratio "$1" off "$column")" ratio
	[[ $WHERE == guest ]] || result "$name.daemon" "$(daemon_share "$1")" ratio
}

# The daemon's CPU while the workload ran, ÷ the workload's own without it.
daemon_share() {
	awk -v workload="$1" -v pairs="$PAIRS" '$2 == workload { own[$1] = $4 } $2 == "daemon." workload { used[$1] = $4 }
		END { for (n = 1; n <= pairs; n++) printf "%.4f\n", used["on" n] / own["off" n - 1] }' "$OUT/phases.tsv" | median
}

report_store() {
	local least
	least=$(column events 'on[0-9]+' 3 | sort -n | head -n 1)
	result "$WHERE.opens.store.events" "$least" events at-least "$OPENS"
	result "$WHERE.opens.store.ledger" \
		"$(column ledger 'on[0-9]+' 3 | median | awk '{ printf "%.1f", $1 / 1e6 }')" ms
	result "$WHERE.opens.store.daemon_cpu" \
		"$(column daemon.opens.store 'on[0-9]+' 4 | median | awk -v n="$OPENS" '{ printf "%.2f", $1 / n / 1e3 }')" us/event
}

make_places
make_trees
: >"$OUT/phases.tsv"
for WORKLOAD in "${WORKLOADS[@]}"; do
	run_workload "$WORKLOAD" >/dev/null # pages and directory entries are in memory from here on
done
run_phase off 0
for ((PAIR = 1; PAIR <= PAIRS; PAIR++)); do
	daemon_start
	run_phase on "$PAIR"
	((PAIR < PAIRS)) || report_memory "$WHERE.memory"
	daemon_stop
	count_events "$PAIR"
	run_phase off "$PAIR"
done

if [[ $WHERE == guest ]]; then
	report opens.outside 1.08
	report opens.store 1.8
	report_store
	report tar.outside 1.05
	report connects 1.08
	report forks 1.03
else
	for WORKLOAD in "${WORKLOADS[@]}"; do
		report "$WORKLOAD"
	done
	report_store
fi
