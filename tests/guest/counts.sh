# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the cases on counts share: programs that tell their process, and sums of what the ledger tells of it. Sourced.

# Runs python as user $1 with a program on standard input; its process id is in PID.
python_as() {
	local user=$1
	shift
	as "$user" /usr/bin/python3 -c 'import os, sys; print(os.getpid(), flush=True); exec(sys.stdin.read())' "$@" >"$M/out" 2>"$M/errors"
	PID=$(head -n 1 "$M/out")
}

# total FIELD [JQ]: of process PID's entries about store $STORE (ehr), those that the jq expression wants.
total() {
	m_entries | jq -s --argjson pid "$PID" --arg store "${STORE:-ehr}" "[.[] | select(.actor.process.pid == \$pid and .unmapped.muniment.store == \$store)
		| select(${2:-true}) | $1] | add // 0"
}
# shellcheck disable=SC2034  # for those who source this
ACCESSES='(.count // if .unmapped.muniment | has("repeats") then 0 else 1 end)'
# shellcheck disable=SC2034
READ='.unmapped.muniment.bytes_read // 0' WRITTEN='.unmapped.muniment.bytes_written // 0'
# shellcheck disable=SC2034
OPENS='.activity_id == 14'

# After a file was closed, what is left to tell comes within three seconds; on a busy machine, later.
told() {
	sleep 4
}

# t_total NAME WANTED FIELD [JQ]
t_total() {
	t_wait 40 is_total "${@:2}"
	t_equal "$1" "$2" "$(total "${@:3}")"
}

# shellcheck disable=SC2317  # called by t_wait
is_total() {
	(($(total "${@:2}") == $1))
}
