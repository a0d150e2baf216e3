#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Hook cost: instructions that munimentd's programs add to one open+close, 4 KiB read, stat, mmap+munmap, rename, creation
# and unlink. Run by scripts/bench in a guest that counts instructions; leaves results.jsonl in $OUT, raw figures on
# standard error.
set -u
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

FILES=()

# Files four directories deep on their file systems.
make_files() {
	local name
	for name in device=/other outside=/records/outside store:reads=/records/store; do
		mkdir -p "$PLAIN${name#*=}/a/b" && head -c 8192 /dev/zero >"$PLAIN${name#*=}/a/b/file"
		FILES+=("$name/a/b/file")
	done
}

measure() {
	run bench_hooks "${FILES[@]}" >"$OUT/hooks.$1" || fail "bench_hooks fails ($1)"
	sed "s/^/bench: $1: /" "$OUT/hooks.$1" >&2
}

# value RUN OPERATION FILE COLUMN; several operations, joined by +, are summed.
value() {
	awk -v operations="+$2+" -v file="$3" -v column="$4" 'index(operations, "+" $1 "+") && $2 == file { sum += $column }
		END { printf "%.2f", sum }' "$OUT/hooks.$1"
}

# difference OPERATION FILE COLUMN
difference() {
	awk -v with="$(value with "$@")" -v without="$(value without "$@")" 'BEGIN { printf "%.0f", with - without }'
}

# report NAME OPERATION FILE BUDGET
report() {
	result "hooks.$1" "$(difference "$2" "$3" 3)" instructions at-most "$4"
	result "hooks.$1.median" "$(difference "$2" "$3" 4)" instructions
	result "hooks.$1.base" "$(value without "$2" "$3" 3)" instructions
}

# report_share NAME OPERATION FILE [BUDGET]: in percent of what the operation costs without.
report_share() {
	result "hooks.$1" "$(awk -v added="$(difference "$2" "$3" 3)" -v base="$(value without "$2" "$3" 3)" \
		'BEGIN { printf "%.2f", 100 * added / base }')" percent ${4:+at-most "$4"}
	result "hooks.$1.added" "$(difference "$2" "$3" 3)" instructions
	result "hooks.$1.base" "$(value without "$2" "$3" 3)" instructions
}

# shellcheck disable=SC2119  # no further programs
make_places
make_files
measure without
daemon_start
measure with
daemon_stop
measure after
# A few instructions depend on what slabs and bitmaps look like; more would be a trace that the daemon left.
paste "$OUT/hooks.without" "$OUT/hooks.after" | awk '$7 - $3 > 0.005 * $3 || $3 - $7 > 0.005 * $3 { exit 1 }' ||
	echo "bench: without the daemon, the cost is another after it than before" >&2
report open.other_device open device 700 # closes are counted
report open.outside open outside 700
report open.store open store 2600
report read.other_device pread device 260
report read.outside pread outside 260
report read.store pread store 520
for NAME in other_device:device outside:outside; do
	report_share "stat.${NAME%:*}" stat "${NAME#*:}" 5
	report_share "mmap.${NAME%:*}" mmap "${NAME#*:}" 5
	report_share "rename.${NAME%:*}" rename "${NAME#*:}" 5
	report_share "unlink.${NAME%:*}" unlink "${NAME#*:}" 5
	report_share "create.${NAME%:*}" create "${NAME#*:}" # opens and closes, which have budgets of their own
	report_share "create+unlink.${NAME%:*}" create+unlink "${NAME#*:}"
done
