#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Hook cost: instructions that munimentd's programs add to one open+close and one 4 KiB read. Run by scripts/bench in a
# guest that counts instructions; leaves results.jsonl in $OUT, raw figures on standard error.
set -u
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

FILES=()

# Files four directories deep on their file systems.
make_files() {
	local name
	for name in device=/other outside=/records/outside store=/records/store; do
		mkdir -p "$PLAIN${name#*=}/a/b" && head -c 8192 /dev/zero >"$PLAIN${name#*=}/a/b/file"
		FILES+=("$name/a/b/file")
	done
}

measure() {
	run bench_hooks "${FILES[@]}" >"$OUT/hooks.$1" || fail "bench_hooks fails ($1)"
	sed "s/^/bench: $1: /" "$OUT/hooks.$1" >&2
}

# difference OPERATION FILE COLUMN
difference() {
	awk -v operation="$1" -v file="$2" -v column="$3" '$1 == operation && $2 == file {
		if (FNR == NR) before = $column; else printf "%.0f", $column - before
	}' "$OUT/hooks.without" "$OUT/hooks.with"
}

# report NAME OPERATION FILE BUDGET
report() {
	result "hooks.$1" "$(difference "$2" "$3" 3)" instructions at-most "$4"
	result "hooks.$1.median" "$(difference "$2" "$3" 4)" instructions
	result "hooks.$1.base" "$(awk -v o="$2" -v f="$3" '$1 == o && $2 == f { printf "%.0f", $3 }' \
		"$OUT/hooks.without")" instructions
}

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
report open.other_device open device 420
report open.outside open outside 420
report open.store open store 2600
report read.other_device pread device 260
report read.outside pread outside 260
report read.store pread store 520
