#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Who acts: the login uid through a change of user, supplementary groups, the program by its inode, a faked
# /proc/self/exe. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir "$S" && echo "$MARKER" >"$S/record"
cp /usr/bin/cat ours && cp /usr/bin/cat copy && cp /usr/bin/cat "$CASE_DIR/impostor"
printf other >>impostor # a copy would be the program, as soon as the daemon has looked
cat >"$CASE_DIR/policy" <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  person: {users: [daemon]}
  team: {groups: [games]}
  viewer: {users: [root], programs: [$CASE_DIR/ours]}
grants:
  - {role: person, store: ehr, access: [list, read, write]}
  - {role: team, store: ehr, access: [list, read]}
  - {role: viewer, store: ehr, access: [list, read]}
END

# logged_in USER COMMAND…: a session of this user, as PAM starts one.
logged_in() {
	local uid=${M_UID[$1]}
	shift
	(echo "$uid" >/proc/self/loginuid && "$@")
}

with_group() {
	setpriv --reuid=nobody --regid=nogroup --groups="$1" -- cat "$S/record"
}

# The program is replaced while its name stays: another inode.
replaced() {
	mv impostor ours && ./ours "$S/record"
}

# The role's program, run by the loader as a script is by its interpreter: the kernel sees the loader.
by_loader() {
	/lib64/ld-linux-x86-64.so.2 ./ours "$S/record"
}

m_policy <"$CASE_DIR/policy"
m_unguarded m_attack "a faked program" "" "$HELPERS/masquerade" "$CASE_DIR/ours" "$S/record"
m_unguarded m_attack "the program by the loader" "" by_loader
m_start

# The person.
m_allowed "the person as itself" "user=daemon acting=daemon path=$S/record" logged_in daemon as daemon cat "$S/record"
m_allowed "the person, become root" "user=daemon acting=root path=$S/record" logged_in daemon cat "$S/record"
m_attack "another person, become the permitted user" "user=bin acting=daemon path=$S/record" \
	logged_in bin as daemon cat "$S/record"
m_attack "another person, become root" "user=bin acting=root path=$S/record" logged_in bin cat "$S/record"
m_attack "a role of root's, taken by another person" "user=bin acting=root path=$S/record" logged_in bin ./ours "$S/record"
m_attack "the same process after a change of user" "user=bin acting=bin path=$S/record" \
	as bin cat "$S/record"

# Groups.
m_allowed "a supplementary group" "user=nobody path=$S/record" with_group 60
m_allowed "the last of many groups" "user=nobody path=$S/record" with_group "$(seq -s, 2000 2199),60"
m_attack "other groups" "user=nobody path=$S/record" with_group 61
m_attack "no group" "user=nobody path=$S/record" as nobody cat "$S/record"
m_allowed "the group as the process's own" "user=nobody path=$S/record" \
	setpriv --reuid=nobody --regid=60 --clear-groups -- cat "$S/record"

# Programs.
m_allowed "the program" "user=root program=$CASE_DIR/ours path=$S/record" ./ours "$S/record"
m_attack "another program of the same content" "user=root program=$CASE_DIR/copy path=$S/record" ./copy "$S/record"
m_attack "the program by the loader" "user=root path=$S/record" by_loader
m_attack "a faked program" "user=root path=$S/record flags=exe_changed" "$HELPERS/masquerade" "$CASE_DIR/ours" "$S/record"
m_attack "another file under the program's name" "user=root path=$S/record" replaced
t_equal "nobody's rights stuck to a thread" "" "$(m_status | jq -r 'select(.counters.rules_missing > 0) | .counters')"
m_events
m_verify
m_stop
t_done
