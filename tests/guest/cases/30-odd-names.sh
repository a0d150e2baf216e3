#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Deep, long and odd names: every access stands in the ledger, as one line of valid JSON, cut and flagged where it must be,
# and what is too deep to follow is denied. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store
mkdir "$S"
LONG=$(printf 'n%.0s' {1..255})
NAMES=($'line\nbreak' $'quote"back\\slash' $'control\x01\x1b[31m\x7f' $'tab\tand space' $'not-utf8-\xff\xfe\xc3' $'\xe2\x80\xae-override'
	"$LONG" "日本語" $'{"class_uid":1001}')

# Depth, name of each directory, and the file's path.
make_deep() {
	echo "$MARKER" | "$HELPERS/deep" "$S" "$1" "$2"
}

DEEP=$(make_deep 64 deep)
WIDE=$(make_deep 15 "$(printf 'w%.0s' {1..255})")
BEYOND=$(make_deep 40 "$(printf 'x%.0s' {1..255})")
ABYSS=$(make_deep 600 a)

attacks() {
	m_attack "64 directories deep" "user=root path=$DEEP operations=read" cat "$DEEP"
	m_attack "a path of ${#WIDE} bytes" "user=root operations=read" "$HELPERS/reach" steps "$WIDE"
	m_attack "a path of ${#BEYOND} bytes" "user=root operations=read flags=path_cut" "$HELPERS/reach" steps "$BEYOND"
	m_attack "600 directories deep" "user=root reason=too_deep store=(undetermined)" "$HELPERS/reach" steps "$ABYSS"
}

odd() {
	local name
	for name in "${NAMES[@]}"; do
		m_attack "a record named $(printf %q "$name" | head -c 60)" "user=root operations=read" cat "$S/$name"
	done
}

for name in "${NAMES[@]}"; do
	echo "$MARKER" >"$S/$name"
done
m_unguarded attacks
m_unguarded odd
m_policy_of "$S"
m_start
m_guarded attacks
m_guarded odd
m_allowed "the role, 64 directories deep" "user=daemon path=$DEEP operations=read" as daemon cat "$DEEP"
m_allowed "the role, a path of ${#WIDE} bytes" "user=daemon" as daemon "$HELPERS/reach" steps "$WIDE"
m_allowed "the role, a path of ${#BEYOND} bytes" "user=daemon flags=path_cut" as daemon "$HELPERS/reach" steps "$BEYOND"
m_events

# Each name comes out of the ledger as it is on disk; what is no UTF-8 in path_raw.
m_entries >"$M/entries"
python3 - "$M/entries" >"$M/names" <<'END'
import base64, json, os, sys
paths = set()
for line in open(sys.argv[1], "rb"):
    entry = json.loads(line.decode("utf-8", "strict"))
    raw = entry.get("unmapped", {}).get("muniment", {}).get("path_raw")
    paths.add(base64.b64decode(raw) if raw else entry.get("file", {}).get("path", "").encode())
for path in paths:
    sys.stdout.buffer.write(os.path.basename(path) + b"\0")
END
for name in "${NAMES[@]}"; do
	t_equal "the ledger has $(printf %q "$name" | head -c 60)" yes "$(name=$name perl -0ne 'chomp; print "yes" if $_ eq $ENV{name}' "$M/names")"
done
t_equal "every entry is one line without control bytes" 0 "$(LC_ALL=C grep -cP '[\x00-\x1f\x7f]' "$M/entries")"
t_equal "the wide path is whole" "$WIDE" "$(jq -r .file.path "$M/entries" | grep -m 1 "^$S/www")"
cut=$(jq -r .file.path "$M/entries" | grep -m 1 "^$S/…/xxx")
t_check "of the longer path at least 3,800 bytes are there: ${#cut}" test ${#cut} -gt 3800
t_equal "its end is the file's name" record "${cut##*/}"
m_verify
m_stop
t_done
