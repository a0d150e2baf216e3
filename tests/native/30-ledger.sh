#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A ledger that the daemon itself wrote, with everything that is done with one: verify, show, tail, export, prove, and
# golang.org/x/mod and openssl as implementations that are not ours. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

S=$CASE_DIR/store L=$M/ledger FILES=300
mkdir "$S" && for ((i = 0; i < FILES; i++)); do
	echo "$MARKER $i" >"$S/record-$i"
done
chown -R daemon "$S"
KEY=@$M/key.vkey

log() {
	"$MUNIMENT" log "$@"
}

# Reads all records as the role does, $1 times.
read_all() {
	local i records=("${RECORDS[@]}")
	for ((i = 0; i < $1; i++)); do
		as daemon cat "${records[@]}" >"$CASE_DIR/out/all" || return 1
	done
	rm -f "$CASE_DIR/out/all"
}

# $1 opens by the role have entries.
recorded() {
	(($(log show --json "$L" | grep -c '"activity_id":14,.*"operations":\["read"\]') >= $1))
}

bad_with() {
	local pattern=$1 seen status
	shift
	seen=$("$@" 2>&1)
	status=$?
	echo "status $status: $seen"
	[[ $status == 1 && $seen == *$pattern* ]]
}

# Overwrites byte $2 of file $1 by another one.
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059  # an octal escape
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# The cross-check of tests/interop with what the daemon wrote.
cross_check() {
	if ! command -v go >/dev/null || [[ ! -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]]; then
		t_skip "golang.org/x/mod takes the daemon's ledger" "no go, or no golang-golang-x-mod-dev"
		return
	fi
	mkdir proofs
	for index in 0 1 2 255 256 $((SIZE - 1)); do
		log prove "$index" -o "proofs/$index.tlog-proof" "$L" || t_fail "proof of entry $index"
	done
	(
		cd "$TREE" && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$N_DIR/gocache" GOFLAGS='' \
			go build -o "$N_DIR/check" tests/interop/check.go
	) || t_fail "check.go builds"
	while IFS= read -r line; do
		case $line in
		"ok "*) t_ok "go: ${line#* - }" ;;
		"not ok "*) t_fail "go: ${line#* - }" ;;
		"#"*) echo "$line" ;;
		esac
	done < <(./check tiles "$(<"$M/key.vkey")" old entries.json proofs 2>&1)
	t_equal "go: no test failed" 0 "$(./check tiles "$(<"$M/key.vkey")" old entries.json proofs >/dev/null 2>&1; echo $?)"
}

RECORDS=("$S"/record-*)
m_policy_of "$S"
m_start --fold 0 # an entry for each access
t_check "the role reads all" read_all 1
t_check "every open is in the ledger" t_wait 30 recorded $FILES
t_check "verify while the daemon writes; the checkpoint is kept" log verify "$L" --key "$KEY" --save old
"$MUNIMENT" log tail -f -n 1 --json "$L" >followed 2>"$M/errors" &
FOLLOWER=$!
N_STARTED+=("$FOLLOWER")
t_check "tail shows the last entry" t_wait 20 test -s followed
m_attack "root" "user=root path=$S/record-0" cat "$S/record-0"
t_check "tail -f shows the attack" t_wait 20 grep -q '"action_id":2' followed
kill "$FOLLOWER"
wait "$FOLLOWER" 2>/dev/null
t_check "the role reads on" read_all 2
t_check "every further open is, too" t_wait 30 recorded $((3 * FILES))
m_events
m_stop

t_check "verify continues the checkpoint kept" log verify "$L" --key "$KEY" --since old
t_check "show as a table" log show "$L"
log show --json "$L" >entries.json
SIZE=$(wc -l <entries.json)
t_equal "each line is one JSON object" "$SIZE" "$(jq -c . entries.json | wc -l)"
t_equal "opens by the role" $((3 * FILES)) "$(log show --json --verdict allowed --user daemon "$L" | wc -l)"
t_equal "filtered by program" $((3 * FILES + 1)) "$(log show --json --program cat "$L" | wc -l)"
t_equal "filtered by verdict" 1 "$(log show --json --verdict denied "$L" | wc -l)"
t_equal "filtered by time: none before the start" 0 "$(log show --json --until @1000000000 "$L" | wc -l)"
t_equal "filtered by store" $((3 * FILES + 1)) "$(log show --json --store ehr "$L" | wc -l)"
t_equal "no record was lost" 0 "$(jq -n '[inputs | select(.unmapped.muniment.kind == "loss")] | length' entries.json)"
t_equal "numbers of each CPU have no gap" true "$(jq -n '[inputs | select(.file) | .metadata] | group_by(.log_source) |
	map(map(.sequence) | . == (sort | unique) ) | all' entries.json)"
t_check "the events file is the ledger's lines" cmp entries.json "$M/events.json"
t_check "export of lines" log export --json exported "$L"
t_check "… are the same" cmp entries.json exported
t_check "export of tiles" log export --tiles tiles "$L"

denied=$(log show --verdict denied "$L" | awk 'NR == 2 { print $1 }')
sed -n $((denied + 1))p entries.json >denied.json
t_check "a proof of the denial" log prove "$denied" -o denied.tlog-proof "$L"
t_check "the line that was shipped is proved" log verify-proof denied.tlog-proof --key "$KEY" --entry denied.json
sed 's/"name":"root"/"name":"toor"/' denied.json >forged.json
t_check "a line about another user is not" bad_with BAD log verify-proof denied.tlog-proof --key "$KEY" --entry forged.json
cross_check

sed '/^$/,$d' tiles/checkpoint >text
sed -n 's/^— [^ ]* //p' tiles/checkpoint | base64 -d | tail -c 64 >signature
t_check "openssl verifies the checkpoint's signature" openssl pkeyutl -verify -pubin -inkey "$M/key.pub" -rawin -in text \
	-sigfile signature

cp -r "$L" forged
offset=$(grep -abo -- "$(jq -r .metadata.uid denied.json)" forged/segment-0000000000 | cut -d: -f1)
flip forged/segment-0000000000 "$offset"
t_check "a flipped byte is found, by segment and entry" bad_with "entry: segment 0: entry $denied:" log verify forged --key "$KEY"
t_check "show says that the ledger is damaged" bad_with damaged log show forged
cp -r "$L" cut
truncate -s "$(grep -abo -- "$(jq -r .metadata.uid denied.json)" cut/segment-0000000000 | cut -d: -f1)" cut/segment-0000000000
t_check "a cut segment is found" bad_with "segment 0: entries" log verify cut --key "$KEY"
"$MUNIMENT" key new --name example.org/case --out other --ledger "$L" --same-disk >"$M/key.out" 2>&1
t_check "another key verifies nothing" bad_with "no signature of this key" log verify "$L" --key @other.vkey

# The daemon does not write on after a ledger that was altered.
cp -r "$L" kept
rm -rf "$L" && cp -r forged "$L"
m_launch
wait "$M_PID"
t_equal "the daemon refuses an altered ledger" 1 $?
M_PID=''
t_check "… and says where" grep -q "TAMPERED or corrupt, in segment 0, entry $denied" "$M/log"
t_equal "… and leaves the file as it is" "$(sha256sum <forged/segment-0000000000)" "$(sha256sum <"$L/segment-0000000000")"
rm -rf "$L" && cp -r kept "$L"
m_start
m_verify "the true one goes on"
m_stop
t_done
