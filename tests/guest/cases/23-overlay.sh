#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# overlayfs with the store below it, where Linux before 6.8 opens the real file under the overlay's path; and a store that
# lies on an overlay itself. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir -p "$S/ward" upper work merged upper2 work2 merged2 above below/records upper3 work3 merged3
echo "$MARKER" >"$S/ward/record" && echo "$MARKER" >"$S/ward/second" && echo "$MARKER" >below/records/record
mount -t overlay -o "lowerdir=$S,upperdir=upper,workdir=work" overlay merged &&
	mount -t overlay -o "lowerdir=$CASE_DIR,upperdir=upper2,workdir=work2" overlay merged2 2>"$M/overlay.err"
mount -t overlay -o "lowerdir=below,upperdir=upper3,workdir=work3" overlay merged3 || exit
OVERLAID=$CASE_DIR/merged3/records

fresh() {
	mkdir -p "$CASE_DIR/new.$1"/{upper,work,merged} && cd "$CASE_DIR/new.$1" || return
	unshare --mount sh -c "mount -t overlay -o lowerdir=$S,upperdir=upper,workdir=work overlay merged && cat merged/ward/second"
}

copy_up() {
	echo more >>merged/ward/second && cat merged/ward/second
}

attacks() {
	m_attack "a file through an overlay" "user=root" cat merged/ward/record
	m_attack "a file through an overlay made anew" "user=root" fresh "$M_PASS"
	m_attack "a copy up" "user=root" copy_up
	m_attack "tar through an overlay" "user=root program=/usr/bin/tar" tar -Pcf - merged/ward/record
}

m_unguarded m_attack "a file through an overlay" "" cat merged/ward/record
m_unguarded m_attack "a file through an overlay made anew" "" fresh unguarded
m_policy_of "$S"
m_start
m_guarded attacks
m_allowed "the role through an overlay" "user=daemon program=/usr/bin/cat" as daemon cat merged/ward/record
m_events
m_verify

# A store on an overlay: what its users see is the overlay's inode.
m_policy_of "$OVERLAID"
t_check "reload to a store on an overlay" "$MUNIMENT" reload --run "$M/run"
m_attack "a file of a store on an overlay" "user=root path=$OVERLAID/record program=/usr/bin/cat" cat "$OVERLAID/record"
m_allowed "the role in a store on an overlay" "user=daemon path=$OVERLAID/record" as daemon cat "$OVERLAID/record"
m_events
m_verify
m_stop
t_done
