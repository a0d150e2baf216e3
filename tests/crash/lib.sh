# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What crash.sh and soak.sh share: work without a pause that keeps its own account, and the ledger's. Sourced by both.

# Opens records one after the other until stop.NAME appears; leaves how many opens succeeded and failed in count.NAME.
busy() {
	perl -e 'my ($name, $dir, $files, $pause) = @ARGV; my ($good, $bad) = (0, 0);
		until (-e "stop.$name") {
			for (my $i = 0; $i < $files; $i++) {
				if (open(my $f, "<", "$dir/$i")) { $good++ } else { $bad++ }
				select(undef, undef, undef, $pause);
			}
		}
		open(my $out, ">", "count.$name") or die; print $out "$good $bad\n"' "$@" &
}

# Sleeps a random time below $1 milliseconds.
doze() {
	local ms=$(((RANDOM * 32768 + RANDOM) % $1))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

verify() {
	"$MUNIMENT" log verify "$M/ledger" --key "@$M/key.vkey" "$@" >"$M/verify.out" 2>&1
}
