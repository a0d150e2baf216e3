# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# People who read records beside the host's ordinary work, from the ward (the far side, 10.9.0.2), and whether what they hold
# goes no further. Sourced by day.sh after tests/guest/services.sh; owns the processes that sample, and $M/samples.

# shellcheck disable=SC2034  # for the case
NOTES=/srv/notes WARD=10.9.0.2 HOST=10.9.0.1

# ward USER COMMAND…: there. What comes back is a file of the monitor's, so that this shell reads no record.
ward() {
	local user=$1
	shift
	timeout -k 2 200 nsenter --net="/run/netns/$FAR_NS" setpriv --reuid="${M_UID[$user]}" --regid="${M_GID[$user]}" --clear-groups -- "$@"
}

# logs_in USER OPTION…: a login from the ward.
logs_in() {
	local user=$1
	shift
	ward "$user" ssh -F "$CASE_DIR/ssh.conf" -b "$WARD" -p 2222 "$@"
}

# At a terminal: reads, looks a name up, asks the database, which holds no note by that, writes to the log and to the store, lets
# results lie where copies may, and goes.
clinician_at_a_terminal() {
	rm -f /srv/work/doctor/record
	printf '%s\n' "cat $NOTES/record" "grep -c . $NOTES/record | sort" 'getent ahostsv4 www.example.org' \
		"$PG/psql -h 127.0.0.1 -X -A -t -P pager=off -c 'select mrn from patients where id = 7' ehr" 'logger a record was seen' \
		"echo seen by \$LOGNAME >>$NOTES/seen" "cp $NOTES/record /srv/work/doctor/" 'sleep 15' exit |
		logs_in doctor -tt "doctor@$HOST" >"$M/terminal" 2>&1
	grep -q "$MARKER" "$M/terminal" && grep -q '10\.9\.0\.3' "$M/terminal" && grep -q MRN-7 "$M/terminal" &&
		[[ -s /srv/work/doctor/record ]]
}

# Without one, and by scp.
clinician_by_commands() {
	logs_in doctor "doctor@$HOST" "cat $NOTES/record; sleep 10" >"$M/command" 2>&1 </dev/null && grep -q "$MARKER" "$M/command" &&
		ward doctor scp -q -F "$CASE_DIR/ssh.conf" -o "BindAddress=$WARD" -P 2222 "doctor@$HOST:$NOTES/record" "$M/doctors/" </dev/null
}

# --- what is seen of it ---

# One line: the time, how many processes there are (kernel threads have no program), how many began since boot, and who holds what.
sample() {
	local n=0 process begun
	for process in /proc/[0-9]*; do
		[[ ! -e $process/exe ]] || ((++n))
	done
	begun=$(sed -n 's/^processes //p' /proc/stat)
	printf '{"time": %s, "processes": %s, "begun": %s, "labels": %s}\n' "$EPOCHSECONDS" "$n" "$begun" \
		"$("$MUNIMENT" labels --json --run "$M/run" | tr -d '\n')" >>"$M/samples"
}

sampling_starts() {
	touch "$M/sampling"
	while [[ -e $M/sampling ]]; do
		sample
		sleep 2
	done 2>/dev/null &
	SAMPLER=$!
}

sampling_ends() {
	rm -f "$M/sampling"
	wait "$SAMPLER"
}

# sampled START SECONDS: for each round of so many seconds a line of the table.
sampled() {
	printf '# %-6s %8s %10s %9s %9s %8s  %s\n' time samples processes holding at-most share by
	jq -s -r --argjson start "$1" --argjson seconds "$2" '
		group_by((.time - $start) / $seconds | floor)[] | . as $samples |
		($samples | map(.processes) | add) as $processes | ($samples | map(.labels.count) | add) as $holding |
		[(($start + ((($samples[0].time - $start) / $seconds | floor) * $seconds)) | strftime("%H:%M")), length,
			($processes / length * 10 | round / 10), ($holding / length * 100 | round / 100),
			($samples | map(.labels.count) | max), ($holding / $processes * 10000 | round / 100),
			($samples | map(.labels.processes[].name) | unique | join(","))] | @tsv' "$M/samples" |
		while IFS=$'\t' read -r time samples processes holding most share by; do
			printf '# %-6s %8s %10s %9s %9s %7s%%  %s\n' "$time" "$samples" "$processes" "$holding" "$most" "$share" "$by"
		done
	jq -s -r '(map(.processes) | add) as $processes | (map(.labels.count) | add) as $holding |
		"# in all: \(length) samples, \(.[-1].begun - .[0].begun) processes begun; of those that ran, \($holding / $processes *
			10000 | round / 100)% held something"' "$M/samples"
}

# Whoever held something in any sample and is none of the clinicians.
others_sampled() {
	jq -r '.labels.processes[] | select(.user != "doctor") | "\(.name) by \(.user // .uid): \(.stores | join(", "))"' "$M/samples" |
		sort | uniq -c
}

# What the ledger has of copies, of what was sent, of denials, and of alerts, by others; programs that were skipped are told of by
# o_skipped.
others_told() {
	m_flat | jq -c --arg doctor "${M_UID[doctor]}" 'select(.uid != $doctor and ((.operations | test("copy|send|connect|listen")) or
		.wanted == "deny" or (.alert and .kind != "missed_runs"))) | {uid, program, comm, to, path, operations, reason, declassified, kind, message}'
}
