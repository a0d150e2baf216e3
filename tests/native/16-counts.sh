#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Repeats and bytes add up, on a kernel with tracepoints only: also with more records at once than the kernel side has
# slots for, and when an access that is an entry of its own tells of repeats before it. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"
# shellcheck source=tests/guest/counts.sh
. "$TREE/tests/guest/counts.sh"

S=$CASE_DIR/store FILES=20000 # of ACCOUNTS, 16384 slots
mkdir "$S" && (cd "$S" && seq "$FILES" | xargs touch) && head -c 300000 /dev/zero >"$S/bytes" && chown -R daemon "$S"

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

# Bytes are what the calls returned, which is less than was asked for at the end of a file.
python_as daemon "$S/bytes" "$CASE_DIR/out" <<'END'
import mmap
fd = os.open(sys.argv[1], os.O_RDWR)
while os.read(fd, 65536):                    # 6, the last of which reads nothing
    pass
os.pread(fd, 1000, 299500)                   # 500
os.preadv(fd, [bytearray(100)] * 10, 0)      # 1,000
out = os.memfd_create("out")
os.sendfile(out, fd, 0, 2000)
os.copy_file_range(fd, os.open(sys.argv[2], os.O_TMPFILE | os.O_RDWR), 3000, 299000)  # 1,000
r, w = os.pipe()
os.splice(fd, w, 4000, offset_src=0)
os.write(fd, bytes(10))
os.pwritev(fd, [bytes(20)] * 3, 0)
mmap.mmap(fd, 8192, prot=mmap.PROT_READ)
END
t_equal "the program did it all" "" "$(<"$M/errors")"
t_total "bytes read: what was there" $((300000 + 500 + 1000 + 2000 + 1000 + 4000)) "$READ"
t_total "bytes written" 70 "$WRITTEN"
t_total "bytes mapped" 8192 '.unmapped.muniment.bytes_mapped // 0'
t_total "uses" 14 '.unmapped.muniment.uses // 0'
t_total "in one entry at once" 1 1 '.unmapped.muniment | has("repeats") | not'
# Who got the file from another has an entry of its own.
# shellcheck disable=SC2016  # expanded by the inner shells
as daemon sh -c 'exec 5<"$0"; sh -c "echo \$\$; exec head -c 100000 <&5 >&2"; true' "$S/bytes" >"$M/out" 2>/dev/null
PID=$(head -n 1 "$M/out")
t_total "read by who did not open it" 100000 "$READ"
# The result of an io_uring request is what it moved: also by the ring's own thread, and of a registered file.
for way in uring-read uring-poll uring-registered; do
	# shellcheck disable=SC2016  # expanded by the inner shell
	as daemon sh -c 'echo $$; exec "$@"' sh "$HELPERS/reach" "$way" "$S/bytes" >"$M/out" 2>"$M/errors"
	read -r PID <"$M/out"
	t_total "read by $way" 65536 "$READ"
done
t_equal "nothing was lost, and all made sense" 0 "$(m_entries | jq -n '[inputs | select(.unmapped.muniment.kind == ("loss", "malformed"))] | length')"
m_verify
m_stop
t_done
