#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# runs-on: 6.12/lsm
#
# No access without its record: the daemon is stopped while the ring fills. Then a store that requires the record denies,
# one that does not allows, and what was lost is counted to the unit once the daemon goes on.
# Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

mkdir required best && echo "$MARKER" >required/record && echo "$MARKER" >best/record
m_policy <<END
version: 1
mode: enforce
stores:
  required: {paths: [$CASE_DIR/required], audit: required}
  best: {paths: [$CASE_DIR/best], audit: best-effort}
roles:
  clinic: {users: [daemon]}
grants:
  - {role: clinic, store: required, access: [list, read, write]}
  - {role: clinic, store: best, access: [list, read, write]}
END

# Opens the file $2 times; prints how often it could.
flood() {
	as daemon perl -e 'my ($file, $n) = @ARGV; my $good = 0;
		for (1 .. $n) { open(my $f, "<", $file) and $good++ }
		print "$good\n"' "$1" "$2"
}


M_OPTIONS=(--fold 0) # else one process does not fill the ring
m_start
before=$(m_status | jq '.counters.events')
kill -STOP "$M_PID"
kill -STOP "$(pgrep -P "$M_PID" | head -n 1)" 2>/dev/null
FLOOD=30000
opened=$(flood "$CASE_DIR/required/record" $FLOOD)
t_check "required: some opens found room, the others were denied: $opened" test "$opened" -gt 10000 -a "$opened" -lt $FLOOD
denied=$((FLOOD - opened))
m_attack "required: no room, no access" "" as daemon cat "$CASE_DIR/required/record"
best=$(flood "$CASE_DIR/best/record" 500)
t_equal "best-effort: no room, and access all the same" 500 "$best"
m_attack "no room, and no access by those who may not" "" cat "$CASE_DIR/best/record"
kill -CONT "$(pgrep -P "$M_PID" | head -n 1)" 2>/dev/null
kill -CONT "$M_PID"
t_check "the daemon goes on" t_wait 60 m_status_is ".counters.events >= $before + $opened"
m_entry "the loss" '.unmapped.muniment.kind == "loss" and .is_alert' 60
t_wait 20 m_status_is '.counters.lost > 0'
sleep 3
m_entries >"$M/entries"
lost=$(jq -n '[inputs | select(.unmapped.muniment.kind == "loss") | .unmapped.muniment.count] | add' "$M/entries")
ranges=$(jq -n '[inputs | select(.unmapped.muniment.kind == "loss") | .unmapped.muniment.ranges[].count] | add' "$M/entries")
status=$(m_status)
t_equal "every open that went through before is in the ledger" "$opened" \
	"$(jq -n '[inputs | select(.unmapped.muniment.store == "required" and .action_id == 1 and .actor.process.name == "perl")] | length' "$M/entries")"
t_equal "the ranges of the loss entries sum up to their count" "$lost" "$ranges"
t_equal "the status counts the same" "$lost" "$(jq .counters.lost <<<"$status")"
# Denied for want of a record: the flood, and one attempt by cat. Lost besides: the best-effort flood and two denials.
t_equal "denials for want of a record are counted" $((denied + 1)) "$(jq .counters.lost_denied <<<"$status")"
least=$((denied + 1 + 500 + 1))
t_check "all that found no room is lost, and hardly more: $lost of $least" test "$lost" -ge $least -a "$lost" -le $((least + 40))
m_verify
m_stop
t_done
