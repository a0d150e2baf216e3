#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/fmod_ret
#
# Names across the store's border: hard links from before and attempted after, renames of files and directories out and
# in. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir -p "$S/ward/bed" outside && echo "$MARKER" >"$S/ward/bed/record" && echo "$MARKER" >"$S/old"
ln "$S/old" outside/earlier
chown -R daemon "$S" outside
RECORD=$S/ward/bed/record

link_out() {
	ln "$RECORD" outside/link || return
	cat outside/link
	rm outside/link
}

# rename(2) and nothing else: mv would copy where it may not rename.
rename() {
	perl -e 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\n"' "$1" "$2"
}

swap() {
	perl -e 'syscall(316, -100, $ARGV[0], -100, $ARGV[1], 2) == 0 or die "renameat2: $!\n"' "$1" "$2"
}

rename_file() {
	rename "$RECORD" outside/moved || return
	cat outside/moved
	rename outside/moved "$RECORD"
}

rename_parent() {
	rename "$S/ward" outside/ward || return
	cat outside/ward/bed/record
	rename outside/ward "$S/ward"
}

# The directory is held open while its parent is moved out.
rename_below_descriptor() {
	local status
	exec 8<"$S/ward/bed"
	rename "$S/ward/bed" outside/bed
	status=$?
	((status)) || cat /proc/self/fd/8/record
	exec 8<&-
	((status)) || rename outside/bed "$S/ward/bed"
	return "$status"
}

exchange() {
	mkdir -p outside/empty
	swap "$S/ward" outside/empty || return
	cat outside/empty/bed/record
	swap outside/empty "$S/ward"
}

attacks() {
	m_attack "a hard link from before" "user=root path=$CASE_DIR/outside/earlier operations=read" cat outside/earlier
	m_attack "a hard link out" "user=root program=/usr/bin/ln path=$RECORD operations=rename reason=border hook=inode_link" \
		link_out
	m_attack "a file moved out" "user=root path=$RECORD operations=rename reason=border hook=inode_rename" rename_file
	m_attack "its directory moved out" "user=root path=$S/ward operations=rename reason=border" rename_parent
	# Both sides cross, and which of them is judged first is the kernel's.
	m_attack "directories exchanged across the border" "user=root program=/usr/bin/perl hook=inode_rename" exchange
}

m_unguarded attacks
m_unguarded m_attack "a directory moved out while it is open" "" rename_below_descriptor
m_policy_of "$S"
m_start
m_guarded attacks
m_attack "a file moved out by the role" "user=daemon path=$RECORD operations=rename reason=border" as daemon \
	perl -e 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\n"' "$RECORD" outside/moved
t_equal "the record is where it was" yes "$([[ $(as daemon cat "$RECORD") == "$MARKER" ]] && echo yes)"
t_equal "nothing lies outside" "earlier empty" "$(cd outside && echo *)"

# A way in takes the right to create; the role may rename within, too.
echo "$MARKER" >outside/letter && chown daemon outside/letter
m_attack "a file moved in" "user=root operations=create" rename outside/letter "$S/letter"
m_attack "a hard link in" "user=root operations=create" ln outside/letter "$S/letter"
m_policy_of "$S"
sed -i 's/\[list, read, write\]/[list, read, write, create, rename]/' "$M/policy.d/policy.yaml"
t_check "the role may create now" "$MUNIMENT" reload --run "$M/run"
t_check "a file moved in by the role" as daemon perl -e 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\n"' outside/letter "$S/letter"
m_attack "what was moved in is a record" "user=root path=$S/letter operations=read" cat "$S/letter"
# Within the store nothing crosses.
t_check "a rename within the store is no crossing" as daemon perl -e 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\n"' "$S/letter" "$S/ward/letter"
m_attack "under its new name too" "user=root path=$S/ward/letter operations=read" cat "$S/ward/letter"
m_events
m_verify
m_stop
t_done
