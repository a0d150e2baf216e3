#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 3000
#
# The evasion suite: runs every attack of tests/evasion/cases first without Muniment, where it must work, then against a
# daemon, and holds what became of it against what the case's table line says. Run by scripts/test evasion, in a guest
# through tests/guest/run-in-guest.sh or natively. Prints TAP and leaves $OUT/results.tsv for results.awk.
#
# A line of the table is a call of `evade` (below). An attack is a function attack_NAME, run in a directory of its own ($W)
# by each intruder: `root` with all capabilities, `user` without any. It reaches for the record $R in the directory $D of
# the store $S. before_NAME, if there is one, runs before the daemon starts. What counts as success goes by the kind:
#   read      any byte on standard output, or in $W/copy (unguarded: the marker)
#   destroy   $D is not as it was
#   monitor   any byte on standard output: the function looks for itself whether the harm is done
#   egress    the record's mark comes to another host (egress.sh); the intruder may read
# and with the entry that is in the ledger, or is not, that makes: prevented (no success; entry), stopped (no success; the
# entry says killed), detected (success; entry), missed (success; none), unrecorded (no success; none).
#
# EVASION_CASES, patterns of names, and EVASION_KINDS limit a run to some cases, EVASION_WHO to one intruder.
# On the machine itself network, mounts and System V's memory are the suite's own.
[[ $KERNEL != native || -n ${IN_NAMESPACE:-} ]] || IN_NAMESPACE=yes exec unshare --net --mount --ipc bash "$0"
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
if [[ $KERNEL == native ]]; then
	# shellcheck source=tests/native/lib.sh
	. "$TREE/tests/native/lib.sh"
else
	# shellcheck source=tests/guest/muniment.sh
	. "$TREE/tests/guest/muniment.sh"
fi
M_SINK=$M HERE=$TREE/tests/evasion EVADE=$BUILD/evasion USER_NAME=games
# shellcheck source=tests/evasion/disks.sh
. "$HERE/disks.sh"
# shellcheck source=tests/evasion/attacks.sh
. "$HERE/attacks.sh"
# shellcheck source=tests/evasion/judge.sh
. "$HERE/judge.sh"
# shellcheck source=tests/evasion/monitor.sh
. "$HERE/monitor.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"
# shellcheck source=tests/evasion/egress.sh
. "$HERE/egress.sh"
EVASION_DAEMON=$MUNIMENTD EVASION_RUN=$$
export EVASION_RUN EVASION_DAEMON HELPERS EVADE MARKER CASE_DIR TREE BUILD KERNEL MECHANISM M USER_NAME

# --- the table ---

declare -a NAMES=()
declare -A KIND=() LINE=() WHAT=() SPEC=()
# What `tracing` makes of the cases of a line, where that is not `stopped` and a case does not say otherwise.
declare -A TRACED=()

# evade NAME KIND LINE WHAT [KEY=VALUE…]: LINE is the words of the list of known ways that the case stands for. Keys:
#   who=        intruders, in one word each (default: root, and of kinds read and egress also user)
#   disk=       ext4 (default) or btrfs
#   reader=     yes: $W/reader is a program of a role that may read; asked: of one that takes libraries of packages only
#   native=     why it cannot be tried on the machine that the tests run on
#   needs=      a function that prints what this kernel lacks, and fails
#   entry=      words KEY=VALUE that the entry must have, beside what entry_default says
#   WHERE=      what is to happen: prevented, stopped, detected, missed or unrecorded, and `: reason` where that is a limit.
#               WHERE is one of KERNEL/MECHANISM, MECHANISM, blocking (lsm and fmod_ret), all, each also as INTRUDER/WHERE.
evade() {
	local name=$1 pair
	NAMES+=("$name") KIND[$name]=$2 LINE[$name]=$3 WHAT[$name]=$4
	shift 4
	for pair; do
		SPEC[$name,${pair%%=*}]=${pair#*=}
	done
}

selected() {
	local pattern patterns
	[[ -z ${EVASION_KINDS:-} || " $EVASION_KINDS " == *" ${KIND[$1]} "* ]] || return 1
	[[ -n ${EVASION_CASES:-} ]] || return 0
	read -ra patterns <<<"$EVASION_CASES"
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053  # a pattern
		[[ $1 == $pattern ]] && return
	done
	return 1
}

intruders() {
	local default=root
	[[ ${KIND[$1]} != read && ${KIND[$1]} != egress ]] || default='root user'
	default=${SPEC[$1,who]:-$default}
	[[ -z ${EVASION_WHO:-} || " $default " == *" $EVASION_WHO "* ]] || return
	echo "${EVASION_WHO:-$default}"
}

# Sets EXPECTED to the word and WHY to the reason for case $1 by intruder $2.
expect() {
	local where given='' blocking=${MECHANISM/#lsm/blocking}
	blocking=${blocking/#fmod_ret/blocking}
	for where in "$KERNEL/$MECHANISM" "$MECHANISM" "$blocking" all; do
		given=${SPEC[$1,$2/$where]:-${SPEC[$1,$where]:-}}
		[[ -z $given ]] || break
	done
	[[ -n $given ]] || given=$([[ $MECHANISM == tracing ]] && echo "${TRACED[${LINE[$1]}]:-stopped}" || echo prevented)
	EXPECTED=${given%%:*} WHY=''
	[[ $given != *:* ]] || WHY=${given#*: }
}

begin_results() {
	local name
	printf 'run\t%s\t%s\t%s\n' "$KERNEL" "$(uname -r)" "$MECHANISM" >"$RESULTS"
	for name in "${NAMES[@]}"; do
		printf 'case\t%s\t%s\t%s\t%s\n' "$name" "${KIND[$name]}" "${LINE[$name]}" "${WHAT[$name]}" >>"$RESULTS"
	done
}

# --- the passes ---

# The variables of case $1 by intruder $2 in the pass that is on.
enter() {
	CASE=$1 WHO=$2 I=$1.$2
	P=$CASE_DIR/${SPEC[$1,disk]:-ext4}/$PASS
	S=$P/store D=$P/store/$I W=$P/tries/$I
	R=$D/record MARK="<$I:$PASS:$MARKER>"
	export PASS CASE WHO I P S D W R MARK
}

# Calls a function, with further arguments, for each case and intruder of kind $1. No such function may call this.
each() {
	local kind=$1 name who
	shift
	for name in "${NAMES[@]}"; do
		[[ ${KIND[$name]} == "$kind" && -z ${SKIPPED[$name]:-} ]] || continue
		for who in $(intruders "$name"); do
			enter "$name" "$who"
			"$@"
		done
	done
}

# What each case finds: a record, another file, an empty directory; everybody may everything, as far as modes go.
lay_out() {
	local text=$MARKER
	[[ ${KIND[$CASE]} != egress ]] || text=$MARK
	echo "$text" >"$R" && echo other >"$D/other" && echo outside >"$W/outside"
	case ${SPEC[$CASE,reader]:-} in
	yes) cp "$EVADE/evade" "$W/reader" ;;
	asked) cp "$HELPERS/loader" "$W/reader" && cp "$CASE_DIR/theft.so" "$W/" ;;
	esac
	! declare -F "layout_$CASE" >/dev/null || (cd "$W" && "layout_$CASE")
}

# The user's attacks are run by one shell of that user, as starting one for each would take a guest long: it reads case and
# function, and answers with the status.
serve() {
	local name function
	while read -r PASS name function; do
		enter "$name" user
		{ (cd "$W" && "$function") >"$M/out" 2>"$M/err" </dev/null; } 2>/dev/null
		echo $?
	done
}

start_user() {
	{ declare -f && declare -p SPEC; } >"$M/functions.sh"
	: >"$M/out" && : >"$M/err" && chmod 666 "$M/out" "$M/err" && chmod 755 "$M"
	# shellcheck disable=SC2016  # expanded by the inner shell
	coproc USER_SHELL { as "$USER_NAME" bash -c '. "$0" && serve' "$M/functions.sh" 2>/dev/null; }
}

# Runs a function as the intruder, in $W; its status is in ENDED.
act() {
	if [[ $WHO == root ]]; then
		{ (cd "$W" && "$1") >"$M/out" 2>"$M/err" </dev/null; } 2>/dev/null
		ENDED=$?
	else
		echo "$PASS $CASE $1" >&"${USER_SHELL[1]}"
		read -r ENDED <&"${USER_SHELL[0]}"
	fi
	return "$ENDED"
}

before() {
	declare -F "before_$CASE" >/dev/null || return 0
	act "before_$CASE" || t_fail "$I: what comes before" "$(<"$M/out")" "$(<"$M/err")"
}

# Runs the attack; sets OUTPUT, ERRORS and ENDED.
attempt() {
	echo "$PASS $I $SECONDS s" >>"$OUT/progress"
	act "attack_$CASE"
	{ OUTPUT=$(<"$M/out") ERRORS=$(<"$M/err"); } 2>/dev/null
	[[ ! -s $W/copy ]] || { OUTPUT+=$(<"$W/copy"); } 2>/dev/null
}

# All of a pass's directories, and what comes before.
set_out() {
	local place directories=()
	PASS=$1
	add_directories() { directories+=("$D/empty" "$W"); }
	each read add_directories
	each destroy add_directories
	each monitor add_directories
	each egress add_directories
	mkdir -p "${directories[@]}"
	each read lay_out
	each destroy lay_out
	each monitor lay_out
	each egress lay_out
	! has_egress || egress_lay_out
	for place in "$CASE_DIR"/{ext4,btrfs}/"$PASS"; do
		[[ -d $place/store ]] || continue
		chmod -R a+rwX "$place/tries" "$place/store"
		chown -R daemon "$place/store"
	done
	each read before
	each destroy before
	each egress before
}

try_unguarded() {
	attempt
	[[ $OUTPUT == *"$MARKER"* ]] || broken
}

broken() {
	t_fail "unguarded: $I works" "status $ENDED" "${OUTPUT:0:300}" "${ERRORS:0:600}"
	BROKEN[$I]=yes
}

unguarded() {
	set_out unguarded
	each read try_unguarded
	states "$M/state.0"
	each destroy attempt
	states "$M/state.1"
	each destroy changed_unguarded
	each monitor monitor_unguarded
	egress_unguarded
}

changed_unguarded() {
	changed || {
		ERRORS='nothing has changed'
		broken
	}
}

# One line for each directory that is to be destroyed: its name, and a digest of all in it. By a user who may see that.
states() {
	local directories=()
	add_directory() { directories+=("$D"); }
	each destroy add_directory
	as daemon /usr/bin/python3 "$HERE/state.py" "${directories[@]}" >"$1" || exit 1
}

# True if the case's directory is not as it was.
changed() {
	[[ $(grep -F "$D"$'\t' "$M/state.0") != "$(grep -F "$D"$'\t' "$M/state.1")" ]]
}

try_guarded() {
	local from
	wait_early
	m_now && from=$M_NOW
	attempt
	m_now
	FROM[$I]=$from TO[$I]=$M_NOW SEEN[$I]="status $ENDED, output: ${OUTPUT:0:300}"$'\n'"${ERRORS:0:600}"
	WORKED[$I]=$([[ -n $OUTPUT ]] && echo yes || echo no)
}

changed_guarded() {
	WORKED[$I]=no
	! changed || WORKED[$I]=yes
}

# Ends what attacks have left behind: who has this run's mark among its variables, or is in its directory.
end_held() {
	local file pid
	cd /
	for file in /proc/[0-9]*; do
		pid=${file#/proc/}
		[[ $pid != "$$" && $pid != "${M_PID:-}" ]] || continue
		if [[ $(readlink "$file/cwd") == "$CASE_DIR"/* ]] || grep -qzxF "EVASION_RUN=$$" "$file/environ"; then
			kill -KILL "$pid"
		fi
	done 2>/dev/null
}

skip_those_lacking() {
	local name reason
	for name in "${NAMES[@]}"; do
		reason=''
		if ! selected "$name"; then
			reason='not asked for'
		elif [[ $KERNEL == native && -n ${SPEC[$name,native]:-} ]]; then
			reason=${SPEC[$name,native]}
		elif [[ ! -d $CASE_DIR/${SPEC[$name,disk]:-ext4} ]]; then
			reason="no ${SPEC[$name,disk]} here"
		elif [[ -n ${SPEC[$name,needs]:-} ]]; then
			reason=$("${SPEC[$name,needs]}") && reason=''
		fi
		[[ -z $reason ]] || SKIPPED[$name]=$reason
	done
}

policy() {
	local readers='' asked=$CASE_DIR/asked
	add_reader() {
		case ${SPEC[$CASE,reader]:-} in
		yes) readers+=", $W/reader" ;;
		asked) asked+=", $W/reader" ;;
		esac
	}
	PASS=guarded
	each read add_reader
	m_policy_of "$CASE_DIR/ext4/guarded/store$([[ ! -d $CASE_DIR/btrfs ]] || echo ", $CASE_DIR/btrfs/guarded/store")"
	cat >>"$M/policy.d/policy.yaml" <<-END
		  - {role: app, store: ehr, access: [list, read]}
		  - {role: asked, store: ehr, access: [list, read]}
	END
	! has_egress || egress_policy >>"$M/policy.d/policy.yaml"
	sed -i "s|^roles:|&$(! has_egress || egress_roles)\n  app: {programs: [$CASE_DIR/reader$readers]}\n  asked: {programs: [$asked], libraries: packaged}|" "$M/policy.d/policy.yaml"
}

guarded() {
	set_out guarded
	policy
	cp "$M/policy.d/policy.yaml" "$M/policy.saved"
	m_start
	states "$M/state.0"
	each read try_guarded
	each destroy try_guarded
	states "$M/state.1"
	each destroy changed_guarded
	egress_guarded
	judge read destroy egress
	! has_egress || egress_still_open
	check_lines
	m_verify
}

# No name has broken a line of the ledger, or made one.
check_lines() {
	m_entries >"$M/entries"
	t_equal "no entry has control bytes" 0 "$(LC_ALL=C grep -cP '[\x00-\x1f\x7f]' "$M/entries")"
	t_equal "every entry is an object, none is forged" "$(wc -l <"$M/entries") 0" \
		"$(jq -n -r '[inputs] | "\(length) \([.[] | select(.message == "forged")] | length)"' "$M/entries")"
}

# Puts away what a guest would lose anyway; after that what every test puts away.
evasion_exit() {
	local status=$?
	[[ -z ${EVASION_KEEP:-} ]] || m_entries >"$EVASION_KEEP/ledger.json" 2>/dev/null
	if [[ $KERNEL == native ]]; then end_held; fi
	[[ -z $FAR_PID ]] || egress_stop
	end_groups
	[[ $KERNEL != native ]] || leave_cgroup
	(exit "$status")
	if [[ $KERNEL == native ]]; then n_exit; else t_exit; fi
}
trap evasion_exit EXIT

declare -A SKIPPED=() BROKEN=() FROM=() TO=() WORKED=() SEEN=()
make_disks
# The ledger can be filled up, and nothing else with it.
mount -t tmpfs -o size=64m,mode=700 ledger "$M/ledger" || exit 1
find_groups
own_bpffs
wrap_daemon
cp "$EVADE/evade" "$CASE_DIR/reader" && cp "$HELPERS/loader" "$CASE_DIR/asked"
cc -DTHEFT -shared -fPIC -o "$CASE_DIR/theft.so" "$TREE/tests/guest/loader.c" || exit 1
for cases in "$HERE"/cases/*.sh; do
	# shellcheck source=/dev/null
	. "$cases"
done
export OUT=${OUT:-$CASE_DIR} && RESULTS=$OUT/results.tsv
begin_results
: >"$OUT/progress"
skip_those_lacking
[[ $KERNEL != native ]] || own_network
! has_egress || egress_start || { t_fail "a far side" "$(cat "$FAR/out")" && exit 1; }
start_user
unguarded
guarded
results_of_skipped
monitor
t_done
