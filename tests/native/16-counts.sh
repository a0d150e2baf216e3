#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Repeats add up, on a kernel with tracepoints only: also with more records at once than the kernel side has slots for, and
# when an access that is an entry of its own tells of repeats before it. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

S=$CASE_DIR/store FILES=20000 # of ACCOUNTS, 16384 slots
mkdir "$S" && (cd "$S" && seq "$FILES" | xargs touch) && chown -R daemon "$S"

# Opens files 1 to $1 of the store, in $2 rounds with a pause of $3 s before each. PID is the process.
# shellcheck disable=SC2016  # variables of perl
opens() {
	PID=$(as daemon perl -e 'my ($dir, $n, $rounds, $pause) = @ARGV; print "$$\n";
		for (1 .. $rounds) {
			select(undef, undef, undef, $pause);
			for my $i (1 .. $n) { open(my $f, "<", "$dir/$i") or die }
		}' "$S" "$1" "$2" "$3")
}

# The sum of count (1 where there is none) over process PID's openings, and how many entries those are.
counted() {
	m_entries | jq -n -r --argjson pid "$PID" 'reduce (inputs | select(.actor.process.pid == $pid and .activity_id == 14)) as $e
		({}; .sum += ($e.count // if $e.unmapped.muniment | has("repeats") then 0 else 1 end) | .entries += 1) | "\(.sum) \(.entries)"'
}

all_counted() {
	read -r SUM ENTRIES < <(counted) && ((SUM >= $1))
}

m_policy_of "$S"
m_start --fold 5
opens "$FILES" 3 0
t_wait 30 all_counted $((3 * FILES))
t_equal "three openings of each of $FILES records" $((3 * FILES)) "$SUM"
t_check "some of them counted, $ENTRIES entries in all" test "$ENTRIES" -lt $((3 * FILES))
opens 1 30 0.3
t_wait 30 all_counted 30
sleep 6
all_counted 30
t_equal "over several intervals, thirty openings" 30 "$SUM"
t_check "in few entries: $ENTRIES" test "$ENTRIES" -lt 10
t_equal "nothing was lost, and all made sense" 0 "$(m_entries | jq -n '[inputs | select(.unmapped.muniment.kind == ("loss", "malformed"))] | length')"
m_verify
m_stop
t_done
