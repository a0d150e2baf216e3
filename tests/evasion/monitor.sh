# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Attacks on the monitor itself, in both passes of the evasion suite. An attack sees its target as T_PID (the daemon's
# process), T_DIR (policy.d, ledger, run, key and bin/munimentd below it), T_GROUP (its cgroup), T_BPFFS and T_PINS below it; unguarded these are
# stand-ins: a sleeping process, files, a directory of a bpffs. Sourced by tests/evasion/evasion.sh. Owns the cgroups
# that it makes, $CASE_DIR/standin and the daemon's restarts.
#
# after_NAME, if there is one, undoes what outlives the attack. evidence_NAME, if there is one, tells instead of an entry
# whether harm that was done is shown, for what shows otherwise than by an entry; `fresh=yes` gives the next case a new ledger.

# The group that ours are made in; none where cgroups of version 2 are not to be had.
find_groups() {
	local line top=/sys/fs/cgroup
	[[ -e $top/cgroup.procs ]] || top=$top/unified
	GROUPS_AT=''
	[[ -e $top/cgroup.procs ]] || return
	while IFS= read -r line; do
		[[ $line != 0::* ]] || GROUPS_AT=$top${line#0::}/evasion-$$
	done </proc/self/cgroup
	mkdir -p "$GROUPS_AT/standin" "$GROUPS_AT/daemon" 2>/dev/null || GROUPS_AT=''
}

end_groups() {
	[[ -z $GROUPS_AT ]] || rmdir "$GROUPS_AT"/{standin,daemon,other} "$GROUPS_AT" 2>/dev/null
}

needs_groups() {
	[[ -n $GROUPS_AT ]] || { echo "no cgroups of version 2 here" && return 1; }
}

# The daemon starts in a group of its own, from a program of our own: some attacks replace it.
wrap_daemon() {
	mkdir -p "$M/bin" && cp "$MUNIMENTD" "$M/bin/munimentd"
	{
		echo '#!/bin/sh'
		[[ -z $GROUPS_AT ]] || echo "echo \$\$ >$GROUPS_AT/daemon/cgroup.procs"
		echo "exec $M/bin/munimentd \"\$@\""
	} >"$M/start" && chmod 755 "$M/start"
	MUNIMENTD=$M/start
}

# Pins lie on a bpffs that only this run uses.
own_bpffs() {
	M_PINS=$CASE_DIR/bpf/pins
	mountpoint -q "$CASE_DIR/bpf" || { mkdir -p "$CASE_DIR/bpf" && mount -t bpf bpf "$CASE_DIR/bpf"; }
}

set_targets() {
	T_PID=$1 T_DIR=$2 T_GROUP=$3 T_PINS=$4 T_BPFFS=${4%/*}
	export T_PID T_DIR T_GROUP T_PINS T_BPFFS
}

start_stand_in() {
	local dir=$CASE_DIR/standin
	mkdir -p "$dir"/{policy.d,ledger,run,bin,bpf} && echo "version: 1" >"$dir/policy.d/policy.yaml"
	cp "$M/bin/munimentd" "$dir/bin/"
	mount -t bpf bpf "$dir/bpf" && mkdir "$dir/bpf/pins" && mount -t tmpfs -o size=8m ledger "$dir/ledger" || exit 1
	perl -e 'print "entry\n" x 1000' >"$dir/ledger/segment-0000000000"
	(
		[[ -z $GROUPS_AT ]] || echo "$BASHPID" >"$GROUPS_AT/standin/cgroup.procs"
		exec sleep 600
	) &
	STAND_IN=$!
	soon grep -qx sleep "/proc/$STAND_IN/comm"
	set_targets "$STAND_IN" "$dir" "${GROUPS_AT:+$GROUPS_AT/standin}" "$dir/bpf/pins"
}

end_stand_in() {
	{ kill -KILL "$STAND_IN" && wait "$STAND_IN"; } 2>/dev/null
	umount -l "$CASE_DIR/standin/ledger" "$CASE_DIR/standin/bpf" 2>/dev/null
	rm -rf "$CASE_DIR/standin"
}

undo() {
	! declare -F "after_$CASE" >/dev/null || (cd "$W" && "after_$CASE") >/dev/null 2>&1
}

monitor_unguarded() {
	start_stand_in
	try_unguarded
	undo
	end_stand_in
}

# Ends the daemon whatever state it is in, and all that is of it.
force_end() {
	# Within a window, what it guards of itself may be changed; the window outlives it where its pins do.
	{ kill -CONT "$M_PID"; "$BUILD/muniment" maintenance --run "$M/run" --reason "the next case"; } >/dev/null 2>&1
	{ kill -KILL "$M_PID" && wait "$M_PID"; } 2>/dev/null
	[[ -z $GROUPS_AT ]] || echo 1 >"$GROUPS_AT/daemon/cgroup.kill" 2>/dev/null
	rm -rf "$M_PINS" "$M/run" && mkdir "$M/run"
	M_PID=''
}

# A daemon that guards, without one that was harmed before.
ensure_guard() {
	local pin=${SPEC[$CASE,pin]:-}
	if [[ -n $M_PID && -z $HARMED && $pin == "$PINNED" ]] && m_is_ready; then
		return
	fi
	force_end
	PINNED=$pin
	own_bpffs
	cp "$M/policy.saved" "$M/policy.d/policy.yaml"
	cp "$EVASION_DAEMON" "$M/bin/munimentd.new" && mv "$M/bin/munimentd.new" "$M/bin/munimentd"
	if [[ -n $HARMED ]]; then
		find "$M/ledger" -mindepth 1 -delete
		rm -f "$M/key"* "$M/events.json"
	fi
	HARMED=''
	m_start ${PINNED:+--pin}
}

monitor_guarded() {
	ensure_guard
	set_targets "$M_PID" "$M" "${GROUPS_AT:+$GROUPS_AT/daemon}" "$M_PINS"
	try_guarded
	undo
	judge_monitor
	HARMED=${SPEC[$CASE,fresh]:-}
}

judge_monitor() {
	local found=none entry=''
	# shellcheck disable=SC2034  # for m_entries
	local SINCE=$((${FROM[$I]} / 1000 - 1))
	if [[ ${WORKED[$I]:-no} == yes ]] && declare -F "evidence_$CASE" >/dev/null; then
		! (cd "$W" && "evidence_$CASE") >"$OUT/evidence.out" 2>&1 || found=recorded
	else
		: >"$M/attempts"
		add_attempt
		t_wait 6 all_found
		IFS=$'\t' read -r _ found entry <"$M/found"
	fi
	verdict "$found" "$entry"
}

# PASS is still guarded.
# shellcheck disable=SC2034  # LATE is of judge.sh
monitor() {
	LATE=4000 HARMED='' PINNED='' M_PROTECT=enforce
	force_end # it did not guard itself
	each monitor monitor_guarded
	force_end
}
