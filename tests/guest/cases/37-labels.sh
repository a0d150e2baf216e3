#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# What a process has read stays with it, with its children, through exec, and with who shares or gets at its memory; stores
# of one compartment do not meet. Labels outlive policies and daemons; who serves others has none, nor has who reads what holds
# no records. Run by tests/guest/run-in-guest.sh.
# timeout: 420
# shellcheck disable=SC2016,SC2034,SC2119  # variables of jq and sh; for muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

M_SINK=$M # not the FIFO
A=$CASE_DIR/research/record B=$CASE_DIR/ehr/record C=$CASE_DIR/open/record STEPS=$HELPERS/steps HOLDER=''
V=$CASE_DIR/research/VERSION
mkdir -p research/sub ehr open names && echo "of research" >"$A" && echo "$MARKER" >"$B" && echo "$MARKER open" >"$C"
echo 15 >"$V" && cp "$A" research/sub/VERSION && ln -s "$A" names/VERSION
chown -R daemon research ehr open
cp "$STEPS" server && cp "$STEPS" reader && chmod 755 server reader
cp /bin/cp /bin/mv /bin/ln names/
echo 0 >/proc/sys/kernel/yama/ptrace_scope

mkfifo -m 666 fifo

# policy FIRST SECOND: the stores in this order.
policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  $1: {paths: [$CASE_DIR/$1], audit: required, no_records: [$CASE_DIR/$1/VERSION, $CASE_DIR/$1/LINK, $CASE_DIR/$1/late]}
  $2: {paths: [$CASE_DIR/$2], audit: required, no_records: [$CASE_DIR/$2/VERSION, $CASE_DIR/$2/LINK, $CASE_DIR/$2/late]}
  open: {paths: [$CASE_DIR/open], mode: monitor, audit: best-effort}
roles:
  clinic: {users: [daemon]}
  database: {programs: [$CASE_DIR/server]}
  app: {programs: [$CASE_DIR/reader]}
  maker: {programs: [$CASE_DIR/names/cp, $CASE_DIR/names/mv, $CASE_DIR/names/ln]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: clinic, store: research, access: [list, read]}
  - {role: clinic, store: open, access: [list, read]}
  - {role: database, store: ehr, access: [read], serves: true}
  - {role: database, store: research, access: [read], serves: true}
  - {role: app, store: ehr, access: [read]}
  - {role: maker, store: research, access: [list, read, write, create, rename, delete, attributes], serves: true}
compartments:
  - [research, ehr]
  - [open, ehr]
END
}

steps() {
	as daemon "$STEPS" "$@"
}

# hold_as USER COMMAND…: a process that comes to hold something: HOLDER.
hold_as() {
	rm -f go "$M/held.ended"
	{
		as "$1" sh -c 'ulimit -c unlimited; echo $$; exec "$@"' sh "${@:2}" >"$M/held.out" 2>"$M/held.errors"
		echo $? >"$M/held.ended"
	} &
	t_wait 20 holds
}

# The same that has read research's record, and takes the steps given once it is let go.
hold() {
	hold_as daemon "$STEPS" take "$A" wait "$CASE_DIR/go" "$@"
}

holds() {
	read -r HOLDER <"$M/held.out" && "$MUNIMENT" labels --json --run "$M/run" |
		jq -e --argjson pid "$HOLDER" 'any(.processes[]; .pid == $pid)' >/dev/null
}

let_go() {
	: >go
	t_wait 20 test -s "$M/held.ended"
	tail -n +2 "$M/held.out"
	cat "$M/held.errors" >&2
	return "$(<"$M/held.ended")"
}

# What comes out of a pipeline goes into who reads the other store.
through() {
	eval "steps $1" | steps slurp read "$B"
}

# The other's data is there, or comes while its reader waits.
into_the_other() {
	{ steps read "$A" && sleep 1; } | { sleep 0.5 && steps take "$B" slurp read "$B"; }
}

into_who_waits() {
	{ sleep 1 && steps read "$A"; } | steps take "$B" slurp read "$B"
}

by_fifo() {
	steps read "$A" >fifo &
	steps slurp read "$B" <fifo
}

meetings() {
	local what="user=daemon program=$STEPS path=$B operations=read reason=compartment label=[\"research\"]" way
	for way in "take $A read $B" "take $A fork read $B" "take $A exec read $B" "take $A texec read $B" \
		"thread take $A read $B" "take $A thread read $B" "child take $A read $B" "take $A child read $B" \
		"child take $A exec read $B" "child take $A fork read $B" "take $A fork fork exec read $B"; do
		# shellcheck disable=SC2086  # words are steps
		m_attack "${way//$CASE_DIR\//}" "$what" steps $way
	done
	for way in "read $A" "splice $A" "sendfile $A" "take $A pour" "read $A | steps relay" "splice $A | steps tee" \
		"read $A | as games $STEPS relay | cat"; do
		m_attack "by a pipe: ${way//$CASE_DIR\//}" "$what" through "$way"
	done
	m_attack "by a FIFO" "$what" by_fifo
	m_attack "by a pipe to who holds the other" "user=daemon program=$STEPS hook=file_permission store=research reason=compartment" \
		into_the_other
	m_attack "both at once, two hundred times" "user=daemon reason=compartment" steps race "$A" "$B"
}

# Services of the host are known by what lies there when the policy is loaded.
SERVICE=/usr/sbin/nscd
[[ -e $SERVICE ]] || { cp "$STEPS" "$SERVICE" && chmod 755 "$SERVICE" && MADE_SERVICE=yes; }

m_unguarded meetings

policy research ehr
m_start --pin
m_guarded meetings
m_allowed "one of them by itself" "user=daemon path=$B label=[\"ehr\"]" steps read "$B"
m_allowed "again, by the process that holds it" "user=daemon path=$B" steps take "$B" exec read "$B"
m_allowed "both by who serves others" "program=$CASE_DIR/server path=$B label=null" "$CASE_DIR/server" take "$A" read "$B"
# A store that is only monitored keeps nobody out, but what was read there counts.
m_allowed "a monitored store after the other, which is told" \
	"user=daemon path=$C action=3 wanted=deny enforced=allowed reason=compartment store=open" steps take "$B" read "$C"
m_attack "the other after a monitored one" "user=daemon path=$B reason=compartment label=[\"open\"]" steps take "$C" read "$B"
m_events

M_PASS=guarded
t_equal "who waits for the other's data at a pipe is ended before it sees it" "137 " \
	"$(into_who_waits 2>/dev/null; echo "$? ")"
m_entry "that" '.unmapped.muniment | .reason == "compartment" and .enforced == "stopped" and .store == "research"'

# hear PROGRAM USER: a child of the first process, which gets what it reads at a pipe of who holds research's record.
hear() {
	rm -f heard listen go
	steps read "$A" |
		(setpriv --reuid="${M_UID[$2]}" --regid="${M_GID[$2]}" --clear-groups -- sh -c 'echo $$ >"$0"; exec "$@"' \
			"$CASE_DIR/heard" "$1" wait "$CASE_DIR/listen" slurp wait "$CASE_DIR/go" &)
	t_wait 20 test -s heard
	: >listen
	sleep 0.5
	"$MUNIMENT" labels --json --run "$M/run" | jq -r --argjson pid "$(<heard)" 'any(.processes[]; .pid == $pid)'
	: >go
}

chmod 777 .
t_equal "who reads at a pipe holds what came by it" true "$(hear "$STEPS" daemon)"
t_equal "who serves that store to others does not, though it has read nothing there" false "$(hear "$CASE_DIR/server" games)"
becomes_another() {
	steps read "$A" | as daemon "$CASE_DIR/server" slurp become "$STEPS" read "$B"
}
m_attack "what it was sent, by what it executes" "user=daemon program=$STEPS path=$B reason=compartment label=[\"research\"]" \
	becomes_another
if [[ -n ${MADE_SERVICE:-} ]]; then
	t_equal "a service of the host does not" false "$(hear "$SERVICE" daemon)"
	t_equal "but does where somebody else than the system runs it" true "$(hear "$SERVICE" nobody)"
	rm "$SERVICE"
fi

# Another's memory.
hold
m_attack "the memory of who holds what may not meet" \
	"user=daemon program=$STEPS path=$STEPS target=$HOLDER reason=compartment hook=ptrace_access_check store=research" \
	steps take "$B" peek "$HOLDER" 1 read "$B"
m_attack "after another's memory, what may not meet that" "user=daemon path=$B reason=compartment label=[\"research\"]" \
	steps peek "$HOLDER" "0x$(sed -n '1s/-.*//p' "/proc/$HOLDER/maps")" read "$B"
let_go
# Its roles are gone with its program, but not what it has read.
hold_as games "$CASE_DIR/reader" take "$B" become "$STEPS" wait "$CASE_DIR/go"
m_attack "the memory of who has no role any more" \
	"user=root program=$STEPS path=$STEPS target=$HOLDER reason=not_granted operations=read hook=ptrace_access_check" \
	"$STEPS" peek "$HOLDER" 1 read "$B"
mkdir cores && chmod 1777 cores && echo "$CASE_DIR/cores/core" >/proc/sys/kernel/core_pattern
as games sh -c 'ulimit -c unlimited; kill -SEGV $$' 2>/dev/null
t_check "who holds nothing dumps its core" t_wait 20 test -s cores/core
rm -f cores/core
m_now && from=$M_NOW
kill -SEGV "$HOLDER"
t_wait 20 test -s "$M/held.ended"
m_expect "its core" "$from" "user=games program=$STEPS hook=core_dump operations=read reason=not_granted"
t_check "it dumps none" test ! -s cores/core
m_events

# The list, and who is taken off it.
hold read "$B"
"$MUNIMENT" labels --run "$M/run" >list
t_equal "the list has the holder" "steps daemon research" "$(awk -v pid="$HOLDER" '$1 == pid { print $2, $3, $4 }' list)"
m_attack "the holder goes on" "user=daemon pid=$HOLDER reason=compartment" let_go
hold read "$B"
"$MUNIMENT" labels --run "$M/run" --clear "$HOLDER" >/dev/null 2>&1
t_equal "clearing needs a reason" 2 $?
"$MUNIMENT" labels --run "$M/run" --clear $$ --reason none >/dev/null 2>&1
t_equal "and a process that holds something" 3 $?
t_check "its label is cleared" "$MUNIMENT" labels --run "$M/run" --clear "$HOLDER" --reason "the auditors agreed"
m_allowed "the holder, whose label was cleared" "user=daemon pid=$HOLDER label=[\"ehr\"]" let_go
m_entry "who cleared it, and why" ".unmapped.muniment | .kind == \"label_cleared\" and .reason == \"the auditors agreed\"
	and .process == $HOLDER and .label == [\"research\"]"

# Stores may change their places in the policy, and the daemon may be killed.
hold read "$B"
policy ehr research
t_check "reload" "$MUNIMENT" reload --run "$M/run"
m_attack "after a policy of another order" "user=daemon pid=$HOLDER reason=compartment label=[\"research\"]" let_go
m_events
hold read "$B"
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
m_attack "while no daemon runs" "user=daemon pid=$HOLDER reason=compartment label=[\"research\"]" let_go
as daemon sh -c 'echo $$; exec "$@"' sh "$STEPS" take "$A" wait "$CASE_DIR/never" >"$M/held.out" 2>&1 &
sleep 1
m_start --pin
t_check "the next daemon knows what was read without one" holds
m_attack "and that may not meet, still" "user=daemon path=$B reason=compartment" steps take "$A" fork read "$B"
kill "$HOLDER"

# Files that hold no records, by their names.
none_in() {
	m_allowed "$1 holds no records" "user=daemon program=$STEPS path=$B operations=read label=[\"ehr\"]" "${@:2}" read "$B"
}
some_in() {
	m_attack "$1 does" "user=daemon program=$STEPS path=$B reason=compartment label=[\"research\"]" "${@:2}" read "$B"
}
none_in "what is named" steps take "$V"
none_in "what is named, by sendfile," steps sendfile "$V"
m_allowed "by a pipe, neither" "user=daemon program=$STEPS path=$B operations=read label=[\"ehr\"]" through "splice $V"
some_in "one of that name in another directory" steps take "$CASE_DIR/research/sub/VERSION"
some_in "a record by a symbolic link of that name" steps take "$CASE_DIR/names/VERSION"
some_in "a record after it" steps take "$V" take "$A"
none_in "what a server executes that has read no other," as daemon "$CASE_DIR/server" take "$V" become "$STEPS"
some_in "what it executes when it has read a record" as daemon "$CASE_DIR/server" take "$V" take "$A" become "$STEPS"
t_check "it is written anew" names/cp "$V" research/new && t_check "and renamed" names/mv research/new "$V"
none_in "what was written under another name and renamed" steps take "$V"
t_check "another is made" names/cp "$V" research/late
none_in "one that was not there when the policy was loaded" steps take "$CASE_DIR/research/late"
t_check "a record is linked under such a name" names/ln "$A" research/LINK
some_in "what has another name beside that" steps take "$CASE_DIR/research/LINK"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
none_in "what is named, after a reload," steps take "$V"
m_events
m_verify
m_stop
t_done
