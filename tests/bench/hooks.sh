#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Hook cost: instructions that munimentd's programs add to one open+close, 4 KiB read, stat, mmap+munmap, rename, creation
# and unlink. Run by scripts/bench in a guest that counts instructions; leaves results.jsonl in $OUT, raw figures on
# standard error.
set -u
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source=tests/bench/costs.sh
. "$(dirname "$(readlink -f "$0")")/costs.sh"

PART=hooks
FILES=()

# Files four directories deep on their file systems.
make_files() {
	local name
	for name in device=/other outside=/records/outside store:reads=/records/store; do
		mkdir -p "$PLAIN${name#*=}/a/b" && head -c 8192 /dev/zero >"$PLAIN${name#*=}/a/b/file"
		FILES+=("$name/a/b/file")
	done
}

# report_hook NAME OPERATION PLACE [BUDGET]
report_hook() {
	report "$1" with "${@:2}"
	report_base "${@:1:3}"
}

# The same in percent.
report_hook_share() {
	report_share "$1" with "${@:2}"
	report_base "${@:1:3}"
}

# shellcheck disable=SC2119  # no further programs
make_places
make_files
measure without bench_hooks "${FILES[@]}"
daemon_start
measure with bench_hooks "${FILES[@]}"
daemon_stop
measure after bench_hooks "${FILES[@]}"
show without with after
compare_after
report_hook open.other_device open device 700 # closes are counted
report_hook open.outside open outside 700
report_hook open.store open store 2600
report_hook read.other_device pread device 260
report_hook read.outside pread outside 260
report_hook read.store pread store 520
for NAME in other_device:device outside:outside; do
	report_hook_share "stat.${NAME%:*}" stat "${NAME#*:}" 5
	report_hook_share "mmap.${NAME%:*}" mmap "${NAME#*:}" 5
	report_hook_share "rename.${NAME%:*}" rename "${NAME#*:}" 5
	report_hook_share "unlink.${NAME%:*}" unlink "${NAME#*:}" 5
	report_hook_share "create.${NAME%:*}" create "${NAME#*:}" # opens and closes, which have budgets of their own
	report_hook_share "create+unlink.${NAME%:*}" create+unlink "${NAME#*:}"
done
