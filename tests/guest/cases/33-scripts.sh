#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Scripts: the file that was given to execve is the program, neither its interpreter, nor the script that an interpreter
# was told to run. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store P=$CASE_DIR/programs
mkdir "$S" "$P" && echo "$MARKER" >"$S/record"
cp /usr/bin/dash "$P/shell"

# script NAME INTERPRETER: runs its arguments as shell code.
script() {
	printf '#!%s\neval "$@"\n' "$2" >"$P/$1" && chmod 755 "$P/$1"
}

script listed /bin/sh
script other /bin/sh
script by-listed-shell "$P/shell"
script nested "$P/listed"
READ="read -r line <$S/record && echo \"\$line\""
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  job: {programs: [$P/listed]}
  shell: {programs: [$P/shell]}
grants:
  - {role: job, store: ehr, access: [list, read]}
  - {role: shell, store: ehr, access: [list, read]}
END

m_start
m_allowed "a script" "user=root program=$P/listed path=$S/record" "$P/listed" "$READ"
m_allowed "a child of the script" "user=root program=$P/listed path=$S/record" "$P/listed" "($READ); true"
m_allowed "a grandchild of the script" "user=root program=$P/listed path=$S/record" "$P/listed" "( ($READ); true); true"
m_attack "another program that the script executes" "user=root program=/usr/bin/cat path=$S/record flags=" \
	"$P/listed" "cat $S/record"
m_attack "another program in the script's place" "user=root program=/usr/bin/cat path=$S/record flags=" \
	"$P/listed" "exec cat $S/record"
m_attack "another script in the script's place" "user=root program=/usr/bin/dash path=$S/record flags=interpreted" \
	"$P/listed" "exec $P/other '$READ'"
m_allowed "the script in another one's place" "user=root program=$P/listed path=$S/record" \
	"$P/other" "exec $P/listed '$READ'"
m_attack "another script of the same interpreter" "user=root program=/usr/bin/dash path=$S/record flags=interpreted" \
	"$P/other" "$READ"
m_attack "the interpreter, told to run the script" "user=root program=/usr/bin/dash path=$S/record flags=" \
	sh "$P/listed" "$READ"
m_attack "a script whose interpreter is the script" "user=root program=/usr/bin/dash path=$S/record flags=interpreted" \
	"$P/nested" "$READ"
m_allowed "an interpreter that is a role's program" "user=root program=$P/shell path=$S/record" "$P/shell" -c "$READ"
m_attack "a script that this interpreter runs by its #! line" "user=root program=$P/shell path=$S/record flags=interpreted" \
	"$P/by-listed-shell" "$READ"

# What runs goes on over a chmod; a change of the script takes the role from whoever begins with it.
chmod 700 "$P/listed"
t_check "the daemon looks at the script" sleep 1.5
m_allowed "a script after a chmod" "user=root program=$P/listed path=$S/record" "$P/listed" "$READ"
echo "# changed" >>"$P/listed"
m_attack "a script that was changed" "user=root program=$P/listed path=$S/record flags=program_changed" "$P/listed" "$READ"
m_entry "the changed script" ".unmapped.muniment.kind == \"program_refused\" and .unmapped.muniment.path == \"$P/listed\""
m_attack "a script that was changed, later" "user=root program=$P/listed path=$S/record flags=program_changed" \
	"$P/listed" "$READ"
t_check "an admin loads the policy anew" "$MUNIMENT" reload --run "$M/run"
m_allowed "the script that the admin has loaded" "user=root program=$P/listed path=$S/record" "$P/listed" "$READ"

# An exec that fails after the kernel has looked at the script.
script listed "$P/missing"
t_check "an admin loads the policy anew" "$MUNIMENT" reload --run "$M/run"
m_attack "a program after an exec of the script that failed" "user=root program=/usr/bin/cat path=$S/record flags=" \
	perl -e 'exec { $ARGV[0] } "x"; exec { $ARGV[1] } "cat", $ARGV[2]' "$P/listed" /usr/bin/cat "$S/record"
m_events
m_verify
m_stop
t_done
