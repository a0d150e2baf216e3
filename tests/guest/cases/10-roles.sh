#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/fmod_ret
#
# Who may do what: a role reads and writes with events, everybody else (root included) is denied, a monitored store only
# records. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir "$S" && echo "$MARKER" >"$S/record" && touch "$S/$MARKER.txt" && chown -R daemon "$S"
printf '#!/bin/sh\necho %s\n' "$MARKER" >"$S/run" && chmod 755 "$S/run"

read_by_root() {
	m_attack "cat by root" "user=root program=/usr/bin/cat path=$S/record operations=read hook=file_open" cat "$S/record"
	m_attack "cp by root" "user=root program=/usr/bin/cp path=$S/record" sh -c "cp $S/record copy; r=\$?; cat copy; exit \$r"
	m_attack "dd by root" "user=root program=/usr/bin/dd path=$S/record" dd if="$S/record" status=none
	m_attack "tar by root" "user=root program=/usr/bin/tar path=$S/record" tar -Pcf - "$S/record"
	m_attack "ls by root" "user=root program=/usr/bin/ls path=$S operations=list" ls "$S"
	m_attack "append by root" "user=root program=/usr/bin/dash path=$S/record operations=write" \
		sh -c "echo more >>$S/record && cat $S/record"
	m_attack "execution of a record" "user=root program=/usr/bin/env path=$S/run operations=execute" env "$S/run"
	rm -f copy
}

read_by_another() {
	m_attack "cat by another user" "user=games program=/usr/bin/cat path=$S/record reason=not_granted" \
		as games cat "$S/record"
	m_attack "dd by another user" "user=games program=/usr/bin/dd path=$S/record" as games dd if="$S/record" status=none
	m_attack "ls by another user" "user=games program=/usr/bin/ls path=$S operations=list" as games ls "$S"
}

clinic() {
	m_allowed "cat by the role" "user=daemon program=/usr/bin/cat path=$S/record operations=read activity=14" \
		as daemon cat "$S/record"
	m_allowed "ls by the role" "user=daemon program=/usr/bin/ls path=$S operations=list" as daemon ls "$S"
	m_allowed "append by the role" "user=daemon program=/usr/bin/dash path=$S/record operations=write" \
		as daemon sh -c "echo appended-by-role >>$S/record && cat $S/record"
	grep -q "^more" <(as daemon cat "$S/record") && t_fail "nothing was written by those who may not"
}

monitored() {
	local flags="wanted=deny enforced=allowed action=3 flags=monitor alert=true"
	m_allowed "monitored: cat by root" "user=root program=/usr/bin/cat path=$S/record $flags" cat "$S/record"
	m_allowed "monitored: cat by another user" "user=games program=/usr/bin/cat path=$S/record $flags" \
		as games cat "$S/record"
}

serves() {
	m_status | jq -r '.operations[] | select(.operation == "'"$1"'") | .mechanism + " " + (.can_prevent | tostring)'
}

m_unguarded read_by_root
m_unguarded read_by_another
echo "$MARKER" >"$S/record"

m_policy_of "$S"
m_start
for operation in open "read and write" link rename; do
	t_equal "$operation is served by $MECHANISM" "$MECHANISM true" "$(serves "$operation")"
done
why=$(m_status | jq -r '.operations[0].why_not_stronger')
if [[ $MECHANISM == lsm ]]; then
	t_equal "there is nothing stronger" "" "$why"
else
	t_equal "it says why not lsm" "lsm: bpf is not in the active LSM list" "$why"
fi
m_guarded read_by_root
m_guarded read_by_another
clinic
m_events
m_verify

M_MODE=monitor m_policy_of "$S"
t_check "reload to monitoring" "$MUNIMENT" reload --run "$M/run"
monitored
m_events
m_verify
t_equal "alerts went to the events file" yes "$(grep -q '"is_alert":true' "$M/events.json" && echo yes)"
m_stop
t_equal "without the daemon root reads again" "$MARKER" "$(head -n 1 "$S/record")"
m_verify "the ledger verifies after the end"
m_entry "the stop" '.unmapped.muniment.kind == "stop"' 2
t_done
