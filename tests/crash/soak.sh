#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `soak.sh SECONDS [SEED]`: permitted and forbidden work without a pause for so long, while the policy is reloaded, and
# the daemon is killed, ended in order, and replaced by another build, all at random. At the end the ledger verifies as
# one, the entries' counts and bytes equal what the workload says of itself, and neither the daemon's memory nor the
# kernel side's has grown. Enforcement stays pinned all the while.
#
# Run by `make soak` in a guest, or by hand as root on a host where programs may be attached. Environment as for guest
# cases: TREE, BUILD, CASE_DIR, MECHANISM. Prints TAP.
set -u
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/crash/lib.sh
. "$TREE/tests/crash/lib.sh"

SOAK=${1:-3600}
RANDOM=${2:-$$}
S=$CASE_DIR/store FILES=40
cd "$CASE_DIR" || exit
END=$((SECONDS + SOAK))
KILLS=0 STOPS=0 UPGRADES=0 RELOADS=0 CHECKS=0

# Reads records whole, from whose sizes it knows what that comes to, and makes, renames and deletes others of its own.
reader() {
	perl -e 'my ($name, $dir, $files, $pause) = @ARGV; my ($good, $bad, $bytes, $n) = (0, 0, 0, 0);
		until (-e "stop.$name") {
			for (my $i = 0; $i < $files; $i++) {
				if (open(my $f, "<:unix", "$dir/$i")) {
					$good++;
					while (my $got = sysread($f, my $data, 4096)) { $bytes += $got }
				} else { $bad++ }
				select(undef, undef, undef, $pause);
			}
			my $own = "$dir/own.$$.$n";
			if (open(my $f, ">", $own)) { print $f "x" x 5000; close $f }
			rename $own, "$own.b"; unlink "$own.b"; $n++;
		}
		open(my $out, ">", "count.$name") or die; print $out "$good $bad $bytes\n"' "$@" &
}

policy() {
	m_policy <<-END
		version: 1
		mode: enforce
		stores:
		  ehr: {paths: [$S], class: restricted, audit: required}
		roles:
		  clinic: {users: [daemon]}
		  other: {users: [$1]}
		grants:
		  - {role: clinic, store: ehr, access: [list, read, write, create, delete, rename, attributes]}
		  - {role: other, store: ehr, access: [list]}
	END
}

# Memory of the daemon in kB, and what the kernel has taken for maps, programs and storage.
memory() {
	awk -v pid="$M_PID" -v s="$SECONDS" '/^VmRSS/ { rss = $2 } /^(Slab|VmallocUsed|Percpu):/ { kernel += $2 }
		END { print s, rss, kernel }' "/proc/$M_PID/status" /proc/meminfo >>memory 2>/dev/null
}

ready() {
	t_wait 240 m_is_ready || { t_fail "the daemon is ready" "$(tail -n 20 "$M/log")" && return 1; }
}

# One life of the daemon: reloads and looks at memory until it ends in one way or another.
life() {
	local until=$((SECONDS + 20 + RANDOM % 100)) way=$((RANDOM % 3))
	while ((SECONDS < until && SECONDS < END)); do
		doze 10000
		if ((RANDOM % 3 == 0)); then
			policy "$( ((RANDOM % 2)) && echo games || echo backup)"
			kill -HUP "$M_PID" && RELOADS=$((RELOADS + 1))
		fi
		memory
	done
	case $way in
	0) kill -KILL "$M_PID" && KILLS=$((KILLS + 1)) ;;
	1) kill -TERM "$M_PID" && STOPS=$((STOPS + 1)) ;;
	2) # the next one is another file, as after a package upgrade; it starts while this one still ends
		kill -TERM "$M_PID" && UPGRADES=$((UPGRADES + 1))
		cp "$BUILD/munimentd" "munimentd.$UPGRADES" && rm -f "munimentd.$((UPGRADES - 1))" && MUNIMENTD=$PWD/munimentd.$UPGRADES
		;;
	esac
	wait "$M_PID" 2>/dev/null
	M_PID=''
}

mkdir "$S" && for ((i = 0; i < FILES; i++)); do head -c $((i * 1000)) /dev/zero >"$S/$i"; done
chown -R daemon "$S"
mkdir -p tell && chmod 777 tell && chmod 755 "$CASE_DIR"
policy games
m_start --pin
(cd tell && as daemon bash -c "$(declare -f reader); reader friend $S $FILES ${PAUSE:-0.005}; wait") &
(cd tell && as daemon bash -c "$(declare -f reader); reader mate $S $FILES ${PAUSE:-0.005}; wait") &
(cd tell && busy foe "$S" "$FILES" 0.05 && wait) &
while ((SECONDS < END)); do
	life
	verify --save "$M/checkpoint.new" || { t_fail "the ledger verifies" "$(<"$M/verify.out")" && break; }
	CHECKS=$((CHECKS + 1))
	m_launch --pin
	ready || break
	echo "# $((END - SECONDS)) s left; $KILLS kills, $STOPS stops, $UPGRADES upgrades, $RELOADS reloads"
done
touch tell/stop.friend tell/stop.mate tell/stop.foe
t_wait 60 test -s tell/count.friend -a -s tell/count.mate -a -s tell/count.foe
sleep 5
m_stop
verify
t_equal "the ledger of all lives verifies ($CHECKS times before)" 0 $?
read -r opened refused bytes <tell/count.friend
read -r opened2 refused2 bytes2 <tell/count.mate
read -r leaked denied <tell/count.foe
echo "# opened $((opened + opened2)), refused for want of room $((refused + refused2)); denied $denied"
t_equal "the intruder never opened a record" 0 "$leaked"
m_entries | python3 "$TREE/tests/crash/account.py" /dev/stdin "$S" "$((opened + opened2))" "$((leaked + denied))" "$MECHANISM" \
	"$((bytes + bytes2))" >"$M/account" 2>&1
status=$?
sed 's/^/# /' "$M/account"
t_equal "every number, every access and every byte is accounted for" 0 $status
# The first quarter of an hour warms caches up.
awk '{ first = NR == 1 ? $1 : first; t = $1 - first; if (t < 900 || NR < 8) { if ($2 > a) a = $2; if ($3 > b) b = $3 }
	if ($2 > c) c = $2; if ($3 > d) d = $3 }
	END { printf "# memory in kB, early and ever: daemon %d %d, kernel %d %d\n", a, c, b, d; exit !(c <= a * 1.15 && d <= b * 1.25) }' memory
t_equal "memory is flat" 0 $?
[[ -z ${OUT:-} ]] || cp memory "$M/account" "$OUT/"
t_done
