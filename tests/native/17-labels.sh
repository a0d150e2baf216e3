#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Compartments and labels on a kernel with tracepoints only: who has read one store and reads the other is killed before it
# sees it, also as a child, after exec, as a thread, and where memory is shared. Run by scripts/test.
# shellcheck disable=SC2119  # options that are optional
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

A=$CASE_DIR/research/record B=$CASE_DIR/ehr/record STEPS=$HELPERS/steps
mkdir research ehr && echo "of research" >"$A" && echo "$MARKER" >"$B" && chown -R daemon research ehr
cp "$STEPS" server && chmod 755 server
m_policy <<END
version: 1
mode: enforce
degraded: allow
stores:
  research: {paths: [$CASE_DIR/research]}
  ehr: {paths: [$CASE_DIR/ehr]}
roles:
  clinic: {users: [daemon]}
  database: {programs: [$CASE_DIR/server]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: clinic, store: research, access: [list, read]}
  - {role: database, store: ehr, access: [read], serves: true}
  - {role: database, store: research, access: [read], serves: true}
compartments: [[research, ehr]]
END

steps() {
	as daemon "$STEPS" "$@"
}

meetings() {
	local way
	for way in "take $A read $B" "take $A exec read $B" "take $A fork exec read $B" "thread take $A read $B" \
		"take $A thread read $B" "child take $A read $B" "take $A child read $B"; do
		# shellcheck disable=SC2086  # words are steps
		m_attack "${way//$CASE_DIR\//}" "user=daemon program=$STEPS path=$B reason=compartment label=[\"research\"]" \
			steps $way
	done
}

m_unguarded meetings
m_start
m_guarded meetings
t_equal "both at once, two hundred times, on several CPUs" "" "$(steps race "$A" "$B" 2>/dev/null)"
m_allowed "one of them by itself" "user=daemon path=$B label=[\"ehr\"]" steps read "$B"
m_allowed "both by who serves others" "program=$CASE_DIR/server path=$B label=null" "$CASE_DIR/server" take "$A" read "$B"
m_events
m_verify
m_stop
t_done
