#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Holds the ledger's exports against golang.org/x/mod (Debian golang-golang-x-mod-dev), and openssl against our signature.
# Prints TAP. Builds what it needs in $O (default build). Called by tests/unit/ledger_interop.sh.
set -u

TREE=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
cd "$TREE" || exit 1
O=${O:-build}
GOROOT_MOD=/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
ORIGIN=example.org/records

if ! command -v go >/dev/null || [[ ! -d $GOROOT_MOD ]]; then
	echo "1..1"
	echo "ok 1 - interoperates with golang.org/x/mod # SKIP no go, or no golang-golang-x-mod-dev"
	exit 0
fi

DIR=$(mktemp -d "${TMPDIR:-/tmp}/muniment-interop.XXXXXX") || exit 1
trap 'rm -rf "$DIR"' EXIT

bail() {
	echo "Bail out! $*"
	exit 1
}

build() {
	cc -std=gnu11 -O1 -D_GNU_SOURCE -DMUNIMENT_VERSION='"test"' -Iuserspace -o "$DIR/make_ledger" \
		tests/interop/make_ledger.c userspace/ledger/*.c userspace/base/*.c -lcrypto -lz -lpthread || return 1
	if [[ -x $O/muniment ]]; then
		cp "$O/muniment" "$DIR/muniment"
		return
	fi
	make -s O="$O" "$O/muniment" >&2 && cp "$O/muniment" "$DIR/muniment"
}

build || bail "the programs do not build"
muniment() {
	"$DIR/muniment" "$@"
}

muniment key new --name $ORIGIN --out "$DIR/key" --ledger "$DIR/ledger" --same-disk >"$DIR/vkey" || bail "key new"
"$DIR/make_ledger" "$DIR/ledger" "$DIR/key" $ORIGIN 300 || bail "make_ledger"
muniment log verify "$DIR/ledger" --key "@$DIR/key.vkey" --save "$DIR/old" >"$DIR/out" || bail "$(cat "$DIR/out")"
muniment log export --tiles "$DIR/tiles" "$DIR/ledger" >"$DIR/out" || bail "$(cat "$DIR/out")"
"$DIR/make_ledger" "$DIR/ledger" "$DIR/key" $ORIGIN 69700 || bail "make_ledger"
muniment log verify "$DIR/ledger" --key "@$DIR/key.vkey" --since "$DIR/old" >"$DIR/out" || bail "$(cat "$DIR/out")"
muniment log export --tiles "$DIR/tiles" "$DIR/ledger" >"$DIR/out" || bail "$(cat "$DIR/out")"
muniment log export --json "$DIR/entries" "$DIR/ledger" || bail "export --json"
mkdir "$DIR/proofs"
for index in 0 1 255 256 299 300 4095 65535 65536 65537 69999; do
	muniment log prove $index -o "$DIR/proofs/$index.tlog-proof" "$DIR/ledger" || bail "prove $index"
done

GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$DIR/gocache" GOFLAGS='' go build -o "$DIR/check" tests/interop/check.go ||
	bail "check.go does not build"
"$DIR/check" "$DIR/tiles" "$(cat "$DIR/vkey")" "$DIR/old" "$DIR/entries" "$DIR/proofs" | grep -v '^1\.\.' >"$DIR/tap"
status=${PIPESTATUS[0]}
cat "$DIR/tap"
tests=$(grep -cE '^(not )?ok ' "$DIR/tap")

# The signature as plain Ed25519, by the openssl command.
sed '/^$/,$d' "$DIR/old" >"$DIR/text"
sed -n 's/^— [^ ]* //p' "$DIR/old" | base64 -d | tail -c 64 >"$DIR/signature"
tests=$((tests + 1))
if openssl pkeyutl -verify -pubin -inkey "$DIR/key.pub" -rawin -in "$DIR/text" -sigfile "$DIR/signature" >"$DIR/out" 2>&1; then
	echo "ok $tests - openssl verifies the checkpoint's signature"
else
	echo "not ok $tests - openssl verifies the checkpoint's signature"
	sed 's/^/# /' "$DIR/out"
	status=1
fi
echo "1..$tests"
exit "$status"
