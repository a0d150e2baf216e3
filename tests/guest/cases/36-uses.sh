#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
# timeout: 420
#
# Uses of open records over changes of user, program, policy and daemon: each is decided by what is in force, and
# counted in an entry that names store and path. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/counts.sh
. "$TREE/tests/guest/counts.sh"

mkdir disk && truncate -s 64M ext4.img && mkfs.ext4 -q ext4.img && mount -o loop ext4.img disk || exit
S=$CASE_DIR/disk/store
mkdir "$S" && head -c 300000 /dev/zero >"$S/one" && chown -R daemon "$S"
m_policy_of "$S"
M_OPTIONS=(--pin --fold 10)
m_start

# What is read over and over is let through shortly, but not for another user on the same thread: whose creds may come
# to lie where those of before lay.
python3 - "$S/one" "${M_UID[daemon]}" >"$M/out" 2>"$M/errors" <<'END'
import os, sys
print(os.getpid(), flush=True)
daemon = int(sys.argv[2])
def tries(n):
    read = 0
    for i in range(n):
        try:
            read += len(os.pread(fd, 100, 0)) == 100
        except PermissionError:
            pass
    return read
os.setresuid(daemon, daemon, 0)
fd = os.open(sys.argv[1], os.O_RDONLY)
mine = others = 0
for i in range(200):
    mine += tries(5)
    os.seteuid(0)
    others += tries(2)
    os.seteuid(daemon)
print(mine, others)
END
t_equal "a thread that changes its user to and fro: reads as the one, and as the other" "1000 0" "$(sed -n 2p "$M/out")"
PID=$(head -n 1 "$M/out")
t_total "and their bytes" 100000 "$READ"

# Nor under another policy, nor for the program that comes by execve.
as daemon perl -e 'open(my $f, "<:unix", $ARGV[0]) or die; $| = 1;
	for (1 .. 6000) { sysseek($f, 0, 0); sysread($f, my $data, 100) or print("refused\n"), exit; select(undef, undef, undef, 0.01) }
	print "read on\n"' "$S/one" >"$M/perl" 2>&1 &
WORK=$!
sleep 2
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  clinic: {users: [daemon], programs: [$(readlink -f /usr/bin/python3)]}
grants:
  - {role: clinic, store: ehr, access: [list, read, write]}
END
kill -HUP "$M_PID"
wait "$WORK"
t_equal "a reader whose grant ends is refused" refused "$(<"$M/perl")"
python_as daemon "$S/one" <<'END'
fd = os.open(sys.argv[1], os.O_RDONLY)
for i in range(50):
    os.lseek(fd, 0, os.SEEK_SET)
    os.read(fd, 100)
os.lseek(fd, 0, os.SEEK_SET)
os.dup2(fd, 0)
os.execv("/usr/bin/head", ["head", "-c", "100"])
END
t_equal "nothing but its number is told by what it executes" "$PID" "$(tr -d '\0' <"$M/out")"
t_check "which was refused" grep -q 'Permission denied' "$M/errors"
t_total "what it read before" 5000 "$READ"
m_policy_of "$S"
kill -HUP "$M_PID"
t_check "the first policy is back" t_wait 20 as daemon head -c 1 "$S/one"

# Policies come and go faster than counts are told: in this daemon's life, and over the next one's start.
policy_with() {
	cat >"$M/policy.d/other.yaml" <<-END
		version: 1
		roles: {other: {users: [$1]}}
		grants: [{role: other, store: ehr, access: [list]}]
	END
}
python_as daemon "$S/one" <<'END' &
import time
kept = os.open(sys.argv[1], os.O_RDONLY)
n = 0
while not os.path.exists("/tmp/stop-counting"):
    fd = os.open(sys.argv[1], os.O_RDONLY)
    os.pread(fd, 1000, 0)
    os.pread(kept, 10, 0)
    os.close(fd)
    n += 1
    time.sleep(0.02)
print(n, flush=True)
END
WORK=$!
sleep 2
for user in games backup games; do
	policy_with "$user"
	kill -HUP "$M_PID"
	sleep 1
done
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
policy_with mail
m_start
sleep 2
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
policy_with backup
m_start
touch /tmp/stop-counting
wait "$WORK"
rm /tmp/stop-counting
PID=$(head -n 1 "$M/out")
N=$(sed -n 2p "$M/out")
t_total "over six policies and three daemons: opens" $((N + 1)) "$ACCESSES" "$OPENS and .file.path == \"$S/one\""
t_total "and bytes" $((N * 1010)) "$READ" ".file.path == \"$S/one\""
t_equal "no entry of a store unknown" 0 "$(m_entries | jq -s '[.[] | select(.unmapped.muniment.store == "(unknown)")] | length')"

m_verify
m_stop
t_done
