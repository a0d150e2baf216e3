#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Which file is the program: its inode with the content that it had. Changed in place, it has no role from that moment
# on. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store P=$CASE_DIR/programs
mkdir "$S" "$P" && echo "$MARKER" >"$S/record"
cp /usr/bin/cat "$P/bare"
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  bare: {programs: [$P/bare]}
grants:
  - {role: bare, store: ehr, access: [list, read]}
END

# reads PROGRAM: what each step runs.
reads() {
	"$P/$1" "$S/record"
}

# in_place PROGRAM: the same inode gets other content.
in_place() {
	printf more >>"$P/$1"
}

m_start
m_allowed "a program by its path" "user=root program=$P/bare path=$S/record" reads bare
in_place bare
m_attack "a program that was changed in place" "user=root program=$P/bare path=$S/record flags=program_changed" reads bare
m_events
m_verify
m_stop
t_done
