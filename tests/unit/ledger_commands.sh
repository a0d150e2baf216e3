#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `muniment log …`, `muniment flows` and `muniment key new` as people and scripts use them: output, filters, exit statuses. Prints TAP.
set -u

TREE=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
cd "$TREE" || exit 1
O=${O:-build}
DIR=$(mktemp -d "${TMPDIR:-/tmp}/muniment-commands.XXXXXX") || exit 1
trap 'rm -rf "$DIR"' EXIT
[[ -x $O/muniment ]] || make -s O="$O" "$O/muniment" >&2 || exit 1
cc -std=gnu11 -O1 -D_GNU_SOURCE -Iuserspace -o "$DIR/make_ledger" tests/interop/make_ledger.c userspace/ledger/*.c \
	userspace/base/*.c -lcrypto -lz -lpthread || exit 1
cp "$O/muniment" "$DIR/muniment"

tests=0 failed=0
L=$DIR/ledger
KEY=@$DIR/key.vkey
export TZ=UTC

# expect NAME STATUS PATTERN COMMAND…: the command ends with STATUS and prints a line that matches PATTERN.
expect() {
	local name=$1 status=$2 pattern=$3 got
	shift 3
	tests=$((tests + 1))
	"$@" >"$DIR/out" 2>&1
	got=$?
	if [[ $got == "$status" ]] && grep -qE -- "$pattern" "$DIR/out"; then
		echo "ok $tests - $name"
		return
	fi
	echo "not ok $tests - $name"
	echo "# ended with $got, expected $status and: $pattern"
	head -n 20 "$DIR/out" | sed 's/^/# /'
	failed=$((failed + 1))
}

# lines NAME COUNT COMMAND…: the command succeeds and prints so many lines.
lines() {
	local name=$1 count=$2 got
	shift 2
	tests=$((tests + 1))
	"$@" >"$DIR/out" 2>&1
	got=$(wc -l <"$DIR/out")
	[[ $got == "$count" ]] && echo "ok $tests - $name" && return
	echo "not ok $tests - $name"
	echo "# $got lines, expected $count"
	failed=$((failed + 1))
}

m() {
	"$DIR/muniment" "$@"
}

# Overwrites one byte of a file: flip FILE OFFSET.
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\x$(printf %x $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

expect "key new: refused beside the ledger" 2 "own file system" m key new --name example.org/r --out "$DIR/key" --ledger "$L"
expect "key new: --same-disk" 0 '^example.org/r\+[0-9a-f]{8}\+' m key new --name example.org/r --out "$DIR/key" --ledger "$L" --same-disk
expect "key new: never over a key" 2 "exists" m key new --name example.org/r --out "$DIR/key" --ledger "$L" --same-disk
expect "key new: a bad name" 2 "no name for a log" m key new --name "a b" --out "$DIR/key2"
expect "key new: no name" 2 "--name ORIGIN is missing" m key new --out "$DIR/key2"
expect "key new: the key is the owner's alone" 0 '^600$' stat -c %a "$DIR/key"
expect "verify: no ledger" 2 "no ledger" m log verify "$L" --key "$KEY"
"$DIR/make_ledger" "$L" "$DIR/key" example.org/r 1400 || exit 1
expect "verify: good" 0 '^.*: GOOD$' m log verify "$L" --key "$KEY" --save "$DIR/old"
expect "verify: says what it cannot see" 0 "cut from the end" m log verify "$L" --key "$KEY"
expect "verify: no key" 2 "--key is missing" m log verify "$L"
expect "verify: a bad key" 2 "not a verifier key" m log verify "$L" --key abc
expect "verify: unknown option" 2 "unknown option" m log verify "$L" --sinc x
expect "verify: JSON" 0 '"status":"good".*"size":1400.*"findings":\[\]' m log verify "$L" --key "$KEY" --json
m key new --name example.org/r --out "$DIR/other" --ledger "$L" --same-disk >"$DIR/out"
expect "verify: another's key" 1 "bears no signature of this key" m log verify "$L" --key "@$DIR/other.vkey"
"$DIR/make_ledger" "$L" "$DIR/key" example.org/r 600 || exit 1
expect "verify: continues an older checkpoint" 0 "continues   the checkpoint given, over 1,400 entries" m log verify "$L" --key "$KEY" --since "$DIR/old"
m log verify "$L" --key "$KEY" --save "$DIR/new" >"$DIR/out"
cp -r "$L" "$DIR/cut"
python3 - "$DIR/cut" "$DIR/old" <<'END'
import sys, zlib
# A slot written anew by an attacker: the older, genuine checkpoint stands in all of them.
note = open(sys.argv[2], "rb").read()
page = bytearray(4096)
page[0:8] = b"MUNSLOT\x01"
page[24:28] = len(note).to_bytes(4, "big")
page[16:24] = (1400).to_bytes(8, "big")
page[32:36] = zlib.crc32(bytes(4096)).to_bytes(4, "big")
page[64:64 + len(note)] = note
with open(sys.argv[1] + "/slots", "r+b") as slots:
    for g in range(4, 8):
        page[8:16] = g.to_bytes(8, "big")
        page[60:64] = zlib.crc32(bytes(page[:60] + page[64:])).to_bytes(4, "big")
        slots.seek(g % 4 * 8192)
        slots.write(page + bytes(4096))
END
expect "verify: a roll-back alone is not seen, but the tail is told" 0 "not signed  600 whole entries" m log verify "$DIR/cut" --key "$KEY"
expect "verify: a roll-back is seen with --since" 1 "truncated: .*ends with 1400 entries.* covers 2000" m log verify "$DIR/cut" --key "$KEY" --since "$DIR/new"
cp -r "$L" "$DIR/bad"
offset=$(grep -abo '"sequence":1234,' "$DIR/bad/segment-0000000000" | cut -d: -f1)
flip "$DIR/bad/segment-0000000000" "$offset"
expect "verify: a flipped byte is named by segment and entry" 1 "^entry: segment 0: entry 1234: " m log verify "$DIR/bad" --key "$KEY"
expect "verify: the same in JSON" 1 '"kind":"entry","segment":0,"index":1234,"count":1' m log verify "$DIR/bad" --key "$KEY" --json
expect "show: a damaged batch is no silence" 1 "the ledger is damaged" m log show "$DIR/bad"
lines "show: a row for each entry and the head" 2001 m log show "$L"
lines "show: --json is the entries' bytes" 2000 m log show "$L" --json
lines "show: --from and -n" 5 m log show "$L" --json --from 7 -n 5
lines "show: --verdict denied" 285 m log show "$L" --json --verdict denied
lines "show: --user by name" 500 m log show "$L" --json --user alice
lines "show: --user by number" 500 m log show "$L" --json --user 1001
lines "show: --store" 2000 m log show "$L" --json --store records
lines "show: --store of another name" 0 m log show "$L" --json --store none
lines "show: --program by its last part" 2000 m log show "$L" --json --program cat
lines "show: --program by its path" 2000 m log show "$L" --json --program /usr/bin/cat
lines "show: --since and --until" 40 m log show "$L" --json --since 2026-11-22T04:00:10Z --until 2026-11-22T04:00:20Z
expect "show: a bad verdict" 2 "did you mean 'denied'" m log show "$L" --verdict deneid
expect "show: a bad time" 2 "--since 'soon'" m log show "$L" --since soon
expect "show: the table" 0 '^ *6  2026-11-22 04:00:01.500 denied   bob          open           records      /usr/bin/cat  .*patient-006' m log show "$L" -n 7
lines "tail: the last ten" 11 m log tail "$L"
lines "tail: -n 3" 3 m log tail "$L" -n 3 --json
expect "flows: none in this ledger" 0 "^no data of a store went anywhere" m flows "$L"
expect "flows: JSON, and a map of none" 0 '^."since_ms":[0-9]+,"entries":0,"flows":..}$' m flows "$L" --json --since 7d --svg "$DIR/map.svg"
expect "flows: that map" 0 "no data of a store went anywhere" cat "$DIR/map.svg"
expect "flows: a map that cannot be written" 3 "none/map.svg: No such file" m flows "$L" --svg "$DIR/none/map.svg"
expect "flows: no ledger" 2 "no ledger" m flows "$DIR/none"
expect "flows: a bad time" 2 "--until 'later'" m flows "$L" --until later
expect "flows: a damaged ledger is no silence" 1 "the ledger is damaged" m flows "$DIR/bad"
expect "prove: no such entry" 2 "covers 2000 entries" m log prove 2000 "$L"
expect "prove: no number" 2 "no entry's number" m log prove one "$L"
m log prove 1234 -o "$DIR/p.tlog-proof" "$L"
m log show "$L" --json --from 1234 -n 1 >"$DIR/entry"
expect "verify-proof: good" 0 "^GOOD: this is entry 1234 of example.org/r" m log verify-proof "$DIR/p.tlog-proof" --key "$KEY" --entry "$DIR/entry"
expect "verify-proof: another entry" 1 "^BAD: " m log verify-proof "$DIR/p.tlog-proof" --key "$KEY" --entry "$DIR/old"
expect "verify-proof: another key" 1 "^BAD: .*not signed by this key" m log verify-proof "$DIR/p.tlog-proof" --key "@$DIR/other.vkey" --entry "$DIR/entry"
expect "verify-proof: no proof" 2 "not a proof file" m log verify-proof "$DIR/entry" --key "$KEY" --entry "$DIR/entry"
expect "export: neither form" 2 "expected either" m log export "$L"
expect "export: tiles" 0 "2,000 entries, 17 tiles written" m log export --tiles "$DIR/tiles" "$L"
expect "export: a damaged ledger gives no checkpoint" 1 "damaged" m log export --tiles "$DIR/badtiles" "$DIR/bad"
expect "export: … and leaves none" 2 "No such file" ls "$DIR/badtiles/checkpoint"
for command in "log verify" "log show" "log tail" "log export" "log prove" "log verify-proof" "key new" flows; do
	# shellcheck disable=SC2086
	expect "$command --help" 0 "^Usage: muniment $command" m $command --help
done

# tail -f shows an entry within a second of its checkpoint.
tests=$((tests + 1))
"$DIR/muniment" log tail -f -n 1 --json "$L" >"$DIR/follow" &
follower=$!
sleep 0.5
"$DIR/make_ledger" "$L" "$DIR/key" example.org/r 2 || exit 1
sleep 1
kill "$follower"
wait "$follower" 2>/dev/null
if [[ $(wc -l <"$DIR/follow") == 3 ]]; then
	echo "ok $tests - tail -f goes on with new entries"
else
	echo "not ok $tests - tail -f goes on with new entries"
	failed=$((failed + 1))
fi
echo "1..$tests"
exit $((failed > 0))
