#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A million events from four writers at once: what is in the ledger and what is counted as lost make up all of them. The
# store does not require its records, so that no writer is held up or denied. Run by scripts/bench in a guest or on this
# machine ($1 = guest or native); BENCH_EVENTS is their number. Leaves results.jsonl in $OUT, and meanwhile the ledger, of
# which every entry is read again.
set -u
AUDIT=best-effort EVENTS=none
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

WHERE=$1
LEDGERS=$OUT
WRITERS=4
EACH=$((${BENCH_EVENTS:-1000000} / WRITERS))
FILES=1000 # of each writer

# Prints: openings by the writers in the ledger, all their entries, and records that are counted as lost.
account() {
	"$BUILD/muniment" log show --json "$LEDGER" | jq -rn "reduce inputs as \$e ([0, 0, 0];
		if \$e.unmapped.muniment.kind == \"loss\" then .[2] += \$e.unmapped.muniment.count
		elif \$e.unmapped.muniment.store == \"records\" and \$e.actor.process.name == \"bench_workload\"
		then [.[0] + (\$e | $OPENINGS), .[1] + 1, .[2]] else . end) | @tsv"
}

# shellcheck disable=SC2119  # no further programs
make_places
for ((WRITER = 0; WRITER < WRITERS; WRITER++)); do
	mkdir "$STORE/$WRITER"
	run bench_workload tree "/records/store/$WRITER" "$FILES" 4096 || fail "cannot make the files"
done
daemon_start
BEFORE=$("$BUILD/bench/bench_daemon" size "$LEDGER")
read -r START END _ < <(run bench_workload writers /records/store "$FILES" "$EACH")
[[ -n $END ]] || fail "the writers fail"
"$BUILD/bench/bench_daemon" settle "$LEDGER" "$BEFORE" 600 >"$STATE/settled" || fail "events are missing"
daemon_stop
read -r IN_LEDGER ENTRIES LOST < <(account)
MADE=$((EACH * WRITERS))
UNACCOUNTED=$((MADE - IN_LEDGER - LOST)) # other records that were lost make it less than 0
echo "bench: $MADE events: $IN_LEDGER in the ledger, in $ENTRIES entries; $LOST lost and counted" >&2
((UNACCOUNTED > 0)) || UNACCOUNTED=0
result "$WHERE.million.made" "$MADE" events
result "$WHERE.million.in_ledger" "$IN_LEDGER" events
result "$WHERE.million.entries" "$ENTRIES" entries
result "$WHERE.million.lost" "$LOST" events
result "$WHERE.million.unaccounted" "$UNACCOUNTED" events at-most 0
result "$WHERE.million.too_many" "$((IN_LEDGER > MADE ? IN_LEDGER - MADE : 0))" events at-most 0
result "$WHERE.million.seconds" "$(((END - START) / 1000000000))" s
result "$WHERE.million.settled" "$((($(<"$STATE/settled") - START) / 1000000000))" s
rm -rf "$LEDGER"
