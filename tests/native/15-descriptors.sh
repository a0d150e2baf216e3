#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Descriptors that somebody has without an opening that could be judged, on a kernel with tracepoints only: open since
# before the daemon, received by a socket, left by another process in a shared table. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

S=$CASE_DIR/store
R=$S/record
mkdir "$S" hold && echo "$MARKER" >"$R" && chown -R daemon "$S"
WAYS=(read preadv2 mmap sendfile splice copy_file_range uring-read uring-poll uring-registered)
declare -A HELD=()

# A process that has the record open and waits for the word.
hold() {
	mkfifo "hold/$1"
	"$HELPERS/reach" "$1" "$R" "hold/$1" >"hold/$1.out" 2>"hold/$1.err" &
	HELD[$1]=$!
	N_STARTED+=("$!")
	t_wait 20 test -e "hold/$1.ready" || t_fail "$1 opens the record before the daemon starts" "$(<"hold/$1.err")"
}

# … now reads it. $2: program's expected entry
let_go() {
	local from status
	m_now && from=$M_NOW
	echo >"hold/$1"
	{ wait "${HELD[$1]}"; } 2>/dev/null
	status=$?
	t_equal "$1 by a descriptor from before: killed without a byte" "137 " "$status $(tr -d '\0' <"hold/$1.out")"
	m_expect "$1 by a descriptor from before" "$from" \
		"action=2 wanted=deny enforced=stopped user=root path=$R program=$HELPERS/reach reason=not_granted"
}

# The role gives root its descriptor.
received() {
	REACH_SOCKET=$CASE_DIR/out/socket as daemon "$HELPERS/reach" give "$R" &
	N_STARTED+=("$!")
	t_wait 10 test -S "$CASE_DIR/out/socket"
	"$HELPERS/reach" take "$CASE_DIR/out/socket"
}

attacks() {
	m_attack "a descriptor received by a socket" "user=root path=$R operations=read hook=file_permission" received
	m_attack "a table of descriptors that is shared" "user=root path=$R operations=read hook=file_permission" ./share "$R"
}

cc -O1 -Wall -o share "$TREE/tests/native/share.c" || exit 1
for way in "${WAYS[@]}"; do
	hold "$way"
done
m_unguarded attacks
m_policy_of "$S"
m_start
for way in "${WAYS[@]}"; do
	let_go "$way"
done
m_guarded attacks
m_allowed "the role reads" "user=daemon path=$R" as daemon cat "$R"
t_check "status tells that reading is served" m_status_is '.operations | any(.operation == "read and write" and
	.mechanism == "tracing")'
m_events
t_equal "a read that is granted is no further entry" 1 \
	"$(m_flat | jq -n '[inputs | select(.action == 1 and .user == "daemon" and .program == "/usr/bin/cat")] | length')"
m_verify
m_stop
t_done
