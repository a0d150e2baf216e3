#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Names inside a store: made, removed and renamed only by whom a grant allows that, operation by operation, and each with
# its entry. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2119  # options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

mkdir disk && truncate -s 64M ext4.img && mkfs.ext4 -q ext4.img && mount -o loop ext4.img disk || exit
S=$CASE_DIR/disk/store
mkdir -p "$S/ward" "$CASE_DIR/disk/outside"

# What is there before each attack and, if that failed, after it.
lay_out() {
	rm -rf "${S:?}/ward" && mkdir -p "$S/ward/empty" && echo "$MARKER" >"$S/ward/record" && echo old >"$S/ward/other"
	chown -R daemon "$S"
}

state() {
	(cd "$S" && find . -printf '%p %y %n\n' | sort && cat ward/record)
}

# The ways, by the operations that they take; $1 is the way.
do_it() {
	cd "$S/ward" || return
	case $1 in
	create) : >new ;;
	mkdir) mkdir new ;;
	mkfifo) mkfifo new ;;
	mkfifo-2) mkfifo new2 ;;
	mknod) mknod new c 1 3 ;;
	socket) perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "new", Listen => 1) or die "$!\n"' ;;
	symlink) ln -s record new ;;
	link) ln record new ;;
	unlink) rm -f record ;;
	rmdir) rmdir empty ;;
	rename) perl -e 'rename("record", "new") or die "$!\n"' ;;
	rename-2) perl -e 'rename("other", "new2") or die "$!\n"' ;;
	rename-to-directory) perl -e 'rename("record", "empty/record") or die "$!\n"' ;;
	rename-directory) perl -e 'rename("../ward", "../moved") or die "$!\n"' ;;
	rename-over) perl -e 'rename("record", "other") or die "$!\n"' ;;
	exchange) perl -e 'my ($a, $b) = @ARGV; syscall(316, -100, $a, -100, $b, 2) == 0 or die "$!\n"' record other ;;
	esac
}

CREATING=(create mkdir mkfifo mknod socket symlink link)
DELETING=(unlink rmdir)
RENAMING=(rename rename-to-directory rename-directory)
BOTH=(rename-over exchange)

# Each must change what is there while nothing guards it, and nothing afterwards.
unguarded() {
	local way before
	for way in "${CREATING[@]}" "${DELETING[@]}" "${RENAMING[@]}" "${BOTH[@]}"; do
		lay_out
		before=$(state)
		(do_it "$way") 2>/dev/null
		if [[ $(state 2>&1) != "$before" ]]; then
			t_ok "unguarded: $way"
		else
			t_fail "unguarded: $way" "nothing changed"
		fi
		rm -rf "${S:?}/moved"
	done
	lay_out
}

# m_attack as root, and then nothing has changed. What the ways take is in $2, for the entry.
guarded() {
	local operations=$1 way
	shift
	for way; do
		m_attack "$way" "user=root operations=$operations" do_it "$way"
		t_equal "nothing changed: $way" "$BEFORE" "$(as_daemon_state)"
	done
}

# The store may be listed by its role only.
as_daemon_state() {
	as daemon bash -c "S=$S; $(declare -f state); state"
}

# The role, under a policy that grants it $1 besides list, read and write, tries the ways that follow.
granted() {
	local words=$1 way
	shift
	sed -i "s/access: .*/access: [list, read, write$words]}/" "$M/policy.d/policy.yaml"
	t_check "reload:$words" "$MUNIMENT" reload --run "$M/run"
	for way; do
		t_check "with$words the role does: $way" as daemon bash -c "S=$S; $(declare -f do_it); do_it $way"
	done
}

refused() {
	local way
	for way; do
		m_run as daemon bash -c "S=$S; $(declare -f do_it); do_it $way"
		if [[ $M_ENDED != 0 && $M_ERRORS =~ Permission\ denied ]]; then
			t_ok "the role may not: $way"
		else
			t_fail "the role may not: $way" "status $M_ENDED" "$M_ERRORS"
		fi
	done
}

m_expect_names() {
	m_expect "$1" "$M_NOW" "action=1 user=daemon $2"
}

unguarded
BEFORE=$(state)
m_policy_of "$S"
m_start
guarded create "${CREATING[@]}"
guarded delete "${DELETING[@]}"
guarded rename "${RENAMING[@]}"
guarded delete,rename "${BOTH[@]}"
# A device takes a capability, too.
refused "${CREATING[@]/mknod/mkfifo}" "${DELETING[@]}" "${RENAMING[@]}" "${BOTH[@]}"
m_now
granted ", create" create
m_expect_names "the role creates" "operations=create hook=inode_create path=$S/ward/new"
refused unlink rename rename-over
granted ", delete" unlink
m_expect_names "the role deletes" "operations=delete hook=inode_unlink path=$S/ward/record"
refused mkfifo-2 rename-2
granted ", rename" rename-directory
m_expect_names "the role renames" "operations=rename hook=inode_rename path=$S/ward"
t_check "it lies under its new name" as daemon test -e "$S/moved/other"

# Outside, on the same file system, nothing is decided and nothing recorded.
t_check "outside the store, all of it works" bash -c "S=$CASE_DIR/disk; mkdir -p \$S/ward/empty; cd \$S/ward; touch record other; $(declare -f do_it)
	for way in create unlink rmdir; do do_it \$way || exit; done; mv other new2; mkdir d; rmdir d; rm -f new"
m_events
t_equal "nothing outside is in the ledger" 0 "$(m_flat | jq -c --arg s "$S" 'select(.hook // "" | startswith("inode_")) | select(.path | startswith($s) | not)' | wc -l)"
m_verify
m_stop
t_done
