# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What hooks.sh and flows.sh share: programs that measure operations in rounds (rounds.h), run with and without the
# daemon in one guest, and the difference as results. Sourced by those two, after lib.sh. Owns the figures in
# $OUT/$PART.RUN: lines "OPERATION PLACE best median".
#
# Set by the caller: PART (prefix of the results' names).

# measure RUN PROGRAM ARGUMENT…
measure() {
	local name=$1
	shift
	run "$@" >"$OUT/$PART.$name" || fail "$1 fails ($name)"
}

# show RUN…: raw figures on standard error. After the daemon: what a process that holds data has written is guarded, too.
show() {
	local name
	for name in "$@"; do
		sed "s/^/bench: $name: /" "$OUT/$PART.$name" >&2
	done
}

# Holds the run `after` against the run `without`. A few instructions depend on what slabs and bitmaps look like; more would
# be a trace that the daemon left.
compare_after() {
	paste "$OUT/$PART.without" "$OUT/$PART.after" | awk '$7 - $3 > 0.005 * $3 || $3 - $7 > 0.005 * $3 { exit 1 }' ||
		echo "bench: without the daemon, the cost is another after it than before" >&2
}

# value RUN OPERATION PLACE COLUMN; several operations, joined by +, are summed.
value() {
	awk -v operations="+$2+" -v place="$3" -v column="$4" 'index(operations, "+" $1 "+") && $2 == place { sum += $column }
		END { printf "%.2f", sum }' "$OUT/$PART.$1"
}

# difference RUN OPERATION PLACE COLUMN: to the run `without`.
difference() {
	awk -v with="$(value "$@")" -v without="$(value without "${@:2}")" 'BEGIN { printf "%.0f", with - without }'
}

# report NAME RUN OPERATION PLACE [BUDGET]
report() {
	result "$PART.$1" "$(difference "${@:2:3}" 3)" instructions ${5:+at-most "$5"}
	result "$PART.$1.median" "$(difference "${@:2:3}" 4)" instructions
}

# report_share NAME RUN OPERATION PLACE [BUDGET]: in percent of what the operation costs without.
report_share() {
	result "$PART.$1" "$(awk -v added="$(difference "${@:2:3}" 3)" -v base="$(value without "$3" "$4" 3)" \
		'BEGIN { printf "%.2f", 100 * added / base }')" percent ${5:+at-most "$5"}
	result "$PART.$1.added" "$(difference "${@:2:3}" 3)" instructions
}

# report_base NAME OPERATION PLACE: what it costs without.
report_base() {
	result "$PART.$1.base" "$(value without "$2" "$3" 3)" instructions
}
