#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
# timeout: 300
#
# A store on each file system: ext4, xfs, a btrfs subvolume (whose neighbours number their inodes alike), tmpfs, and a
# mount below the store's path; and a role's program on each of them, and on an overlay. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

TYPES=(ext4 xfs btrfs tmpfs)

make_place() {
	mkdir "$1" || return
	if [[ $1 == tmpfs ]]; then
		mount -t tmpfs -o size=16M case "$1"
		return
	fi
	truncate -s 320M "$1.img" && "mkfs.$1" -q "$1.img" >"$M/mkfs.out" && mount -o loop "$1.img" "$1"
}

for type in "${TYPES[@]}"; do
	make_place "$type" || t_fail "a place on $type"
	mkdir -p "$type/outside"
	[[ $type == btrfs ]] || mkdir -p "$type/store"
done
btrfs -q subvolume create btrfs/store && btrfs -q subvolume create btrfs/neighbour || exit
for type in "${TYPES[@]}"; do
	mkdir -p "$type/store/ward" "$type/store/below" && echo "$MARKER" >"$type/store/ward/record"
	echo "$MARKER" >"$type/outside/letter"
done
# The same inode numbers as in the store's subvolume.
mkdir btrfs/neighbour/ward btrfs/neighbour/below && echo "$MARKER" >btrfs/neighbour/ward/record
mount -t tmpfs -o size=1M case ext4/store/below && echo "$MARKER" >ext4/store/below/record

# btrfs sends what is read-only.
btrfs -q subvolume snapshot -r btrfs/store btrfs/before || exit
btrfs -q subvolume create btrfs/large && mkdir btrfs/large/store && echo "$MARKER" >btrfs/large/store/record || exit

# A program on each, and one that lies below an overlay.
PROGRAMS=(ext4/outside/tool xfs/outside/tool btrfs/neighbour/tool tmpfs/outside/tool overlay/tool)
mkdir overlay tmpfs/upper tmpfs/work ext4/lower && cp /usr/bin/cat ext4/lower/tool
mount -t overlay -o "lowerdir=ext4/lower,upperdir=tmpfs/upper,workdir=tmpfs/work" case overlay || exit
for program in "${PROGRAMS[@]}"; do
	[[ -e $program ]] || cp /usr/bin/cat "$program"
done

WHO="user=root program=/usr/bin/cat operations=read"
BELOW=$CASE_DIR/ext4/store/below/record

outside() {
	local type
	for type in "${TYPES[@]}"; do
		m_allowed "outside the store on $type" "" cat "$type/outside/letter"
	done
	m_allowed "a neighbouring subvolume" "" cat btrfs/neighbour/ward/record
}

# A copy of a subvolume that has a store among other things: it shares the blocks and has other names.
snapshot() {
	btrfs -q subvolume snapshot btrfs/large btrfs/copy || return
	cat btrfs/copy/store/record
	btrfs -q subvolume delete btrfs/copy >/dev/null
}

send() {
	btrfs -q send -f stream btrfs/before || return
	grep -a -o -m 1 "$MARKER" stream
}

attacks() {
	local type
	for type in "${TYPES[@]}"; do
		m_attack "a record on $type" "$WHO path=$CASE_DIR/$type/store/ward/record" cat "$type/store/ward/record"
	done
	m_attack "a file system mounted below the store" "$WHO path=$BELOW" cat "$BELOW"
	m_attack "a snapshot of its subvolume" "user=root hook=file_ioctl store=(undetermined) reason=volume" snapshot
	m_attack "btrfs send" "user=root hook=file_ioctl store=(undetermined) reason=volume" send
}

programs() {
	local program
	for program in "${PROGRAMS[@]}"; do
		m_allowed "a role's program, $program$1" "user=root path=$CASE_DIR/tmpfs/store/ward/record" \
			"$program" tmpfs/store/ward/record
	done
}

changed_programs() {
	local program
	for program in "${PROGRAMS[@]}"; do
		printf more >>"$program"
		m_attack "a role's program that was changed, $program" \
			"user=root path=$CASE_DIR/tmpfs/store/ward/record flags=program_changed" "$program" tmpfs/store/ward/record
	done
}

t_equal "the subvolumes number alike" "$(stat -c %i btrfs/store/ward/record)" "$(stat -c %i btrfs/neighbour/ward/record)"
m_unguarded attacks
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$(for type in "${TYPES[@]}"; do printf '%s/%s/store, ' "$CASE_DIR" "$type"; done)$CASE_DIR/btrfs/large/store]}
roles:
  clinic: {users: [daemon]}
  tool: {programs: [$(printf "$CASE_DIR/%s, " "${PROGRAMS[@]}")]}
grants:
  - {role: tool, store: ehr, access: [read]}
  - {role: clinic, store: ehr, access: [list, read, write]}
END
m_start
m_guarded attacks
outside
for type in "${TYPES[@]}"; do
	m_allowed "the role on $type" "user=daemon path=$CASE_DIR/$type/store/ward/record" as daemon cat "$type/store/ward/record"
done
programs ""
# Once more without caches.
sync
echo 3 >/proc/sys/vm/drop_caches
m_guarded attacks
outside
programs ", without caches"
changed_programs
m_events
m_verify
m_stop
t_done
