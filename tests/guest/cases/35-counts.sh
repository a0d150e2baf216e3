#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.1/lsm
# timeout: 300
#
# Repeats of an access and the bytes that are read and written are counted in the kernel, and what the ledger tells adds
# up to what a program did by its own account. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2119  # options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/counts.sh
. "$TREE/tests/guest/counts.sh"

mkdir disk && truncate -s 64M ext4.img && mkfs.ext4 -q ext4.img && mount -o loop ext4.img disk || exit
S=$CASE_DIR/disk/store OUT_DIR=$CASE_DIR/disk/out SIZE=300000
mkdir "$OUT_DIR" "$S" "$S/$(printf 'd%.0s' {1..200})" "$S/$(printf 'd%.0s' {1..200})/$(printf 'e%.0s' {1..200})"
LONG=$(echo "$S"/d*/e*)/record
for f in one two three; do
	head -c "$SIZE" /dev/zero >"$S/$f"
done
cp "$S/one" "$LONG"
chown -R daemon "$S" "$OUT_DIR"

m_policy_of "$S"
exec 3<"$S/two"
M_OPTIONS=(--pin)
m_start

# Through a descriptor from before, without a role: nothing moves, so nothing is measured.
as games python3 -c 'import os; print(os.getpid(), flush=True); os.read(3, 1000)' >"$M/out" 2>"$M/errors"
exec 3<&-
PID=$(head -n 1 "$M/out")
m_entry "the denied read" ".actor.process.pid == $PID and .action_id == 2"
t_total "of which no bytes are told" 0 '(.unmapped.muniment | (.bytes_read // 0) + (.uses // 0))'

python_as daemon "$S/one" <<'END'
for i in range(100):
    with open(sys.argv[1], "rb", buffering=0) as f:
        while f.read(65536):
            pass
END
told
t_total "a hundred opens are counted as a hundred" 100 "$ACCESSES" "$OPENS"
t_total "and all bytes" $((100 * SIZE)) "$READ"
t_check "in few entries" test "$(total 1)" -lt 20

as daemon ls "$S" "$S" >/dev/null && as daemon find "$S" -type d >/dev/null
told
t_equal "every record of the kernel makes sense, those of lists, too" "" \
	"$(m_entries | jq -c 'select(.unmapped.muniment.kind == "malformed")')"

python_as daemon "$S/two" "$OUT_DIR/copy" <<'END'
import mmap
fd = os.open(sys.argv[1], os.O_RDWR)
os.pread(fd, 1000, 0)
os.pread(fd, 1000, 299500)          # 500 of them are there
os.pread(fd, 1000, 400000)          # none
os.preadv(fd, [bytearray(100), bytearray(200)], 50)
os.lseek(fd, 0, 0)
os.readv(fd, [bytearray(7)] * 3)
os.lseek(fd, 0, 0)
null = os.open("/dev/null", os.O_WRONLY)
left, right = os.pipe()
assert os.splice(fd, right, 5000, offset_src=0) == 5000
assert os.copy_file_range(fd, os.open(sys.argv[2], os.O_RDWR | os.O_CREAT), 20000, 0) == 20000
import socket
a, b = socket.socketpair()
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
assert os.sendfile(a.fileno(), fd, 0, 100000) == 100000
os.write(fd, b"x" * 11)
os.pwrite(fd, b"x" * 13, 100)
os.writev(fd, [b"abc", b"defg"])
mmap.mmap(fd, 8192, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED)
os.close(fd)
END
told
t_total "what each way of reading comes to" $((1000 + 500 + 300 + 21 + 5000 + 20000 + 100000)) "$READ"
t_total "and of writing" $((11 + 13 + 7)) "$WRITTEN"
t_total "and of mapping" 8192 '.unmapped.muniment.bytes_mapped // 0'
t_total "one open" 1 "$ACCESSES" "$OPENS"
t_equal "the program did it all" "" "$(cat "$M/errors")"

python_as daemon "$LONG" <<'END'
for i in range(10):
    open(sys.argv[1], "rb", buffering=0).read(1000)
END
told
t_total "a record of a long path: opens" 10 "$ACCESSES" "$OPENS"
t_total "a record of a long path: bytes" 10000 "$READ"
t_check "the entry of its repeats tells the end of the path" \
	test "$(total '(if .file.path | endswith("/record") then 0 else 1 end)')" -eq 0

python_as games "$S/one" <<'END'
for i in range(500):
    try:
        open(sys.argv[1])
    except PermissionError:
        continue
    print("opened")
END
t_equal "five hundred denials" 1 "$(wc -l <"$M/out")"
m_entry "the first denial at once" ".actor.process.pid == $PID and .action_id == 2 and (.unmapped.muniment | has(\"repeats\") | not)"
sleep 12
t_total "and all are counted" 500 "$ACCESSES" '.action_id == 2'
t_check "in few entries" test "$(total 1)" -lt 10
t_check "with their number in the message" test "$(total 1 '.message | test(" times more$")')" -gt 0

python_as daemon "$S/one" <<'END'
import threading
def run():
    for i in range(250):
        fd = os.open(sys.argv[1], os.O_RDONLY)
        os.pread(fd, 10, 0)
        os.close(fd)
threads = [threading.Thread(target=run) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
END
told
t_total "four threads' opens" 1000 "$ACCESSES" "$OPENS"
t_total "four threads' bytes" 10000 "$READ"

# A file that stays open: what was read is told by the interval or by the amount.
python_as daemon "$S/one" <<'END' &
fd = os.open(sys.argv[1], os.O_RDONLY)
for i in range(400):
    os.pread(fd, 300000, 0)
import time
time.sleep(20)
END
sleep 8
PID=$(head -n 1 "$M/out")
t_check "64 MiB are told while the file is open" test "$(total "$READ")" -ge $((64 << 20))
wait $!
told
t_total "and all of them in the end" $((400 * SIZE)) "$READ"

# The daemon is killed while counts are open; the next one tells them, and is told to make each access an entry.
python_as daemon "$S/one" <<'END' &
import time
for i in range(2000):
    fd = os.open(sys.argv[1], os.O_RDONLY)
    os.close(fd)
    time.sleep(0.002)
END
WORK=$!
sleep 3
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
echo '{"boot": 1' >"$M/run/names"
m_start --fold 0
t_check "names that are damaged are told, and no more" grep -q "run/names is damaged" "$M/log"
wait "$WORK"
PID=$(head -n 1 "$M/out")
told
t_total "over a killed daemon: opens" 2000 "$ACCESSES" "$OPENS"
python_as daemon "$S/one" <<'END'
for i in range(30):
    open(sys.argv[1], "rb", buffering=0).read(1000)
END
sleep 1
t_total "--fold 0: each open is an entry" 30 1 "$OPENS"
m_verify
m_stop
t_done
