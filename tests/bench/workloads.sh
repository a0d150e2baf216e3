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
REPEAT=1 # runs of a workload in a phase; the best counts
[[ $WHERE == guest ]] || REPEAT=5
OPENS=10000
WORKLOADS=(opens.outside tar.outside compile connects forks opens.store) # last what leaves the daemon work to do
COMPILER=$(command -v gcc)
CC1=$(gcc -print-prog-name=cc1)
SOURCE=$(dirname "$(readlink -f "$0")")/bench_workload.c

make_trees() {
	local tree
	mkdir "$OUTSIDE/few" "$OUTSIDE/many"
	for tree in "outside/few 1000" "outside/many 5000" "store 1000"; do
		run bench_workload tree "/records/${tree% *}" "${tree##* }" 4096 || fail "cannot make the files"
	done
}

# The compiler and the headers that the source wants, under their own paths in the workloads' root.
make_compiler() {
	local file
	cp "$SOURCE" "$OUTSIDE/source.c" || fail "cannot copy the source"
	mkdir "$PLAIN/tmp"
	{
		echo "$COMPILER $CC1 $(command -v as)"
		gcc -O2 -M "$SOURCE" | tr -d '\\\n' | cut -d: -f2
	} | tr -s ' ' '\n' | grep '^/' | grep -v "^$SOURCE$" | while read -r file; do
		cp -L --parents "$file" "$PLAIN"
	done
}

run_workload() {
	case $1 in
	opens.outside) run bench_workload opens /records/outside/few 1000 "$OPENS" ;;
	opens.store) run bench_workload opens /records/store 1000 "$OPENS" ;;
	tar.outside) run bench_workload run /bin/tar -C /records/outside -cf /tar many ;;
	compile) run bench_workload run "$COMPILER" -O2 -I "${SOURCE%/*}" -c /records/outside/source.c \
		-o /records/outside/source.o ;;
	connects) run bench_workload connects 2000 ;;
	forks) run bench_workload forks 300 /bin/true ;;
	esac || fail "workload $1 fails"
}

# In a store, until what became of the events is under a signed checkpoint. $1: phase, $2: entries before, $3: start.
await_ledger() {
	local covered
	covered=$("$BUILD/bench/bench_daemon" settle "$LEDGER" "$2" 120) || fail "events are missing"
	echo "$1 ledger $((covered - $3)) 0" >>"$OUT/phases.tsv"
}

# run_once PHASE WORKLOAD
run_once() {
	local start end cpu='' before='' used
	[[ -z $DAEMON ]] || { used=$(daemon_cpu) && before=$("$BUILD/bench/bench_daemon" size "$LEDGER"); }
	read -r start end cpu < <(run_workload "$2")
	[[ -n $cpu ]] || exit 1
	echo "$1 $2 $((end - start)) $cpu" >>"$OUT/phases.tsv"
	[[ -n $DAEMON ]] || return
	[[ $2 != opens.store ]] || await_ledger "$1" "$before" "$start"
	echo "$1 daemon.$2 0 $(($(daemon_cpu) - used))" >>"$OUT/phases.tsv"
}

run_phase() {
	local workload i
	for workload in "${WORKLOADS[@]}"; do
		for ((i = 0; i < REPEAT; i++)); do
			run_once "$1" "$workload"
		done
	done
}

# Openings by the workload in the newest ledger, and all its entries.
count_events() {
	local events entries
	read -r events entries < <("$BUILD/muniment" log show --json --store records --program bench_workload "$LEDGER" |
		jq -rn "reduce inputs as \$e ([0, 0]; [.[0] + (\$e | $OPENINGS), .[1] + 1]) | @tsv")
	echo "bench: phase $1: $events events of $((OPENS * REPEAT)) in the ledger, in $entries entries" >&2
	echo "on$1 events $events $entries" >>"$OUT/phases.tsv"
}

# column WORKLOAD PHASES COLUMN: the values of phases matching a pattern.
column() {
	awk -v workload="$1" -v phases="$2" -v column="$3" \
		'$1 ~ "^" phases "$" && $2 == workload { print $column }' "$OUT/phases.tsv"
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { printf "%s", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio OF on|off TO COLUMN: the median over the pairs of OF in `on` n (or `off` n) ÷ TO in `off` n-1.
ratio() {
	awk -v of="$1" -v kind="$2" -v to="$3" -v column="$4" -v pairs="$PAIRS" '
		$2 == of && (!($1 in v) || $column < v[$1]) { v[$1] = $column }
		$2 == to && (!($1 in base) || $column < base[$1]) { base[$1] = $column }
		END { for (n = 1; n <= pairs; n++) printf "%.4f\n", v[kind n] / base["off" n - 1] }' "$OUT/phases.tsv" | median
}

# report WORKLOAD [BUDGET]
report() {
	local name=$WHERE.$1 column=3
	[[ $WHERE == guest ]] || column=4
	if (($# > 1)); then
		result "$name" "$(ratio "$1" on "$1" "$column")" ratio at-most "$2"
	else
		result "$name" "$(ratio "$1" on "$1" "$column")" ratio
	fi
	result "$name.control" "$(ratio "$1" off "$1" "$column")" ratio
	# The daemon's CPU meanwhile, ÷ the workload's own without it.
	result "$name.daemon" "$(ratio "daemon.$1" on "$1" 4)" ratio
}

report_store() {
	local least
	least=$(column events 'on[0-9]+' 3 | sort -n | head -n 1)
	result "$WHERE.opens.store.events" "$least" events at-least $((OPENS * REPEAT))
	result "$WHERE.opens.store.too_many" "$(($(column events 'on[0-9]+' 3 | sort -n | tail -n 1) - OPENS * REPEAT))" \
		events at-most 0
	result "$WHERE.opens.store.entries" "$(column events 'on[0-9]+' 4 | median)" entries
	result "$WHERE.opens.store.ledger" \
		"$(column ledger 'on[0-9]+' 3 | median | awk '{ printf "%.1f", $1 / 1e6 }')" ms
	result "$WHERE.opens.store.daemon_cpu" \
		"$(column daemon.opens.store 'on[0-9]+' 4 | median | awk -v n="$OPENS" '{ printf "%.2f", $1 / n / 1e3 }')" us/event
}

make_places "$COMPILER" "$CC1" "$(command -v as)"
make_trees
make_compiler
: >"$OUT/phases.tsv"
for WORKLOAD in "${WORKLOADS[@]}"; do
	run_workload "$WORKLOAD" >/dev/null # pages and directory entries are in memory from here on
done
run_phase off0
for ((PAIR = 1; PAIR <= PAIRS; PAIR++)); do
	daemon_start
	run_phase "on$PAIR"
	((PAIR < PAIRS)) || report_memory "$WHERE.memory"
	daemon_stop
	count_events "$PAIR"
	run_phase "off$PAIR"
done

if [[ $WHERE == guest ]]; then
	report opens.outside 1.10
	report opens.store 1.45
	report_store
	report tar.outside 1.05
	report compile 1.01
	report connects 1.08
	report forks 1.03
else
	for WORKLOAD in "${WORKLOADS[@]}"; do
		report "$WORKLOAD"
	done
	report_store
fi
