#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/fmod_ret
#
# Other system calls to a record: file handles, O_PATH, io_uring, and descriptors that were opened before there was a
# policy or handed over by somebody who may. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

mkdir disk && truncate -s 64M ext4.img && mkfs.ext4 -q ext4.img && mount -o loop ext4.img disk || exit
S=$CASE_DIR/disk/store
mkdir -p "$S/ward" "$CASE_DIR/disk/elsewhere" && echo "$MARKER" | tee "$S/ward/record" >"$S/ward/once" && sync
R=$S/ward/record
HELD=(read preadv2 sendfile splice copy_file_range uring-read uring-poll uring-registered)
WHO="user=root program=$HELPERS/reach"
export REACH_MOUNT=$CASE_DIR/disk

reach() {
	"$HELPERS/reach" "$@"
}


opening() {
	local way
	for way in read mmap o_path handle uring; do
		m_attack "opened anew: $way" "$WHO path=$R hook=file_open operations=read" reach "$way" "$R"
	done
	# Without a cached dentry, the handle leads to an inode whose directories are not known: denied all the same.
	m_attack "opened anew: a handle after drop_caches" "$WHO" reach cold-handle "$R"
}

# Opens the record by way $1 and reads on a word, from release.
hold() {
	mkfifo "go.$1"
	(
		reach "$1" "$R" "go.$1" >"out.$1" 2>"err.$1"
		echo $? >"status.$1"
	) &
	t_wait 20 test -e "go.$1.ready"
}

release() {
	echo >"go.$1"
	t_wait 20 test -s "status.$1"
	cat "out.$1"
	cat "err.$1" >&2
	return "$(<"status.$1")"
}

# User daemon opens it, which it may, and hands the descriptor to user games, which may not.
pass_on() {
	local status
	REACH_SOCKET=$CASE_DIR/pass/socket as daemon "$HELPERS/reach" give "$R" &
	t_wait 20 test -S pass/socket
	as games "$HELPERS/reach" take "$CASE_DIR/pass/socket"
	status=$?
	rm -f pass/socket
	wait
	return "$status"
}


mkdir pass && chmod 777 pass
m_unguarded opening
m_unguarded m_attack "handed over by SCM_RIGHTS" "" pass_on
for way in "${HELD[@]}" mmap; do
	m_unguarded m_attack "$way" "" reach "$way" "$R"
	hold "$way" || t_fail "the record is held open for $way" "$(<"err.$way")"
done
exec 7<"$R"
m_policy_of "$S"
m_start
m_entry "what was open before" ".metadata.event_code == \"open_before\" and
	any(.unmapped.muniment.open[]; .path == \"$R\" and .pid == $$ and .fd == 7)"
mkdir -p "$CASE_DIR/more" && echo "$MARKER" >"$CASE_DIR/more/record"
sleep 1000 8<"$CASE_DIR/more/record" &
HOLDER=$!
m_policy_of "$S, $CASE_DIR/more"
kill -HUP "$M_PID"
# What this shell starts has its descriptor of the record: who has ended before it could be named is told without a path.
m_entry "what was open before another place came to be guarded, and only that" ".metadata.event_code == \"open_before\" and
	[.unmapped.muniment.open[] | select(has(\"path\")) | [.path, .pid]] == [[\"$CASE_DIR/more/record\", $HOLDER]]"
kill "$HOLDER"
m_policy_of "$S"
kill -HUP "$M_PID"
t_check "that place is left alone again" t_wait 20 cat "$CASE_DIR/more/record"
m_guarded opening
for way in "${HELD[@]}"; do
	m_attack "held since before: $way" "$WHO path=$R hook=file_permission operations=read" release "$way"
done
m_attack "held since before: mmap" "$WHO path=$R hook=mmap_file operations=read" release mmap
m_attack "held since before: inherited" "user=root program=/usr/bin/cat path=$R hook=file_permission" sh -c "cat <&7"
exec 7<&-
m_allowed "the role by io_uring" "user=daemon program=$HELPERS/reach path=$R" as daemon "$HELPERS/reach" uring "$R"
m_attack "handed over by SCM_RIGHTS" "user=games program=$HELPERS/reach path=$R hook=file_permission operations=read" pass_on
# Opening is on record, and the reads that follow are counted.
as daemon dd if="$R" of=/dev/null bs=1 count=9 2>/dev/null
# A worker of io_uring opens, another thread completes: still one entry.
m_allowed "the role once by io_uring" "user=daemon path=$S/ward/once" as daemon "$HELPERS/reach" uring "$S/ward/once"
m_events
m_flat | jq -c 'select(.path // "" | endswith("/once")) | [.comm, .pid, .activity, .mechanism, .operations, .enforced]' >once.entries
if [[ $(jq -c 'select(.[2] == 14)' once.entries | wc -l) == 1 ]]; then
	t_ok "an open by io_uring has one entry"
else
	t_fail "an open by io_uring has one entry" "$(<once.entries)"
fi
t_equal "an open and nine reads have one entry" 1 \
	"$(m_flat | jq -c 'select(.comm == "dd" and .uid == "1" and .repeats == null)' | wc -l)"
# It comes when the daemon looks through the counts of what was closed.
of_nine() { m_flat | jq -r 'select(.comm == "dd" and .uid == "1" and .repeats != null) | "\(.repeats) \(.uses) \(.bytes_read)"'; }
is_counted() { [[ -n $(of_nine) ]]; }
t_wait 20 is_counted
t_equal "which is followed by one of nine bytes" "0 9 9" "$(of_nine)"
m_verify
m_stop
t_done
