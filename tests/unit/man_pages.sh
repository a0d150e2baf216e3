#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The manual pages: none of them has mistakes of form, and they name the same options as --help does. Prints TAP.
set -u

TREE=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
cd "$TREE" || exit 1
O=${O:-build}
MAN=userspace/man
# shellcheck source=tests/guest/lib.sh
. tests/guest/lib.sh
[[ -x $O/muniment && -x $O/munimentd ]] || make -s O="$O" all >&2 || exit 1

# Its text as a reader gets it, without overstrikes and hyphenation.
text_of() {
	MANWIDTH=200 MAN_KEEP_FORMATTING='' man --no-hyphenation --no-justification -l "$1" | col -b
}

well_formed() {
	local warnings
	if command -v mandoc >/dev/null; then
		warnings=$(mandoc -Tlint -W warning "$1" 2>&1)
	else
		warnings=$(LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings=w -Tutf8 -l "$1" 2>&1 >/dev/null)
	fi
	printf '%s\n' "$warnings"
	[[ -z $warnings ]]
}

# Long options that text on standard input names, one a line.
options() {
	grep -oE -- '--[a-z][a-z-]+' | sort -u
}

# Every option of `$2… --help` stands in page $1; --help itself goes without saying.
has_options() {
	local page=$1 missing
	shift
	missing=$(comm -23 <("$@" --help | options | grep -vx -e --help) <(text_of "$page" | options))
	printf 'not in %s: %s\n' "$page" "$missing"
	[[ -z $missing ]]
}

# Every option that page $1 names is one of some command's --help, given in file $2.
has_no_other() {
	local other
	other=$(comm -13 "$2" <(text_of "$1" | options))
	printf 'in %s, but of no command: %s\n' "$1" "$other"
	[[ -z $other ]]
}

if ! command -v man >/dev/null || ! command -v groff >/dev/null && ! command -v nroff >/dev/null; then
	t_skip "manual pages" "man-db is not installed"
	t_done
fi

for page in munimentd.8 muniment.1 muniment-log.1 muniment-policy.5; do
	t_check "$page exists" test -s $MAN/$page
done
for page in "$MAN"/*.[1-8]; do
	name=$(basename "$page")
	t_check "$name is well formed" well_formed "$page"
	t_check "$name: a line of name and purpose" grep -qE "^ *${name%.*} +[-–—] [a-z]" <(text_of "$page")
	t_check "$name refers to pages that exist" test -z "$(text_of "$page" | grep -oE 'muniment[a-z-]*\([0-9]\)' | sort -u |
		while IFS='()' read -r other section; do
			[[ -e $MAN/$other.$section ]] || echo "$other($section)"
		done)"
done

ALL=$(mktemp)
COMMANDS=$("$O/muniment" --help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)   *[a-z].*/\1/p')
while read -r command; do
	# shellcheck disable=SC2086  # words of a command
	"$O/muniment" $command --help | options
done <<<"$COMMANDS" >"$ALL"
"$O/munimentd" --help | options >>"$ALL"
sort -u -o "$ALL" "$ALL"

t_check "munimentd.8 names each option" has_options $MAN/munimentd.8 "$O/munimentd"
t_equal "muniment has commands" yes "$([[ $(wc -l <<<"$COMMANDS") -ge 10 ]] && echo yes)"
while read -r command; do
	page=$MAN/muniment.1
	[[ $command == log* || $command == key* ]] && page=$MAN/muniment-log.1
	[[ $command == policy* ]] && page=$MAN/muniment-policy.5
	# shellcheck disable=SC2086  # words of a command
	t_check "$(basename "$page") names each option of $command" has_options $page "$O/muniment" $command
	t_check "… and the command" grep -qw -- "${command##* }" <(text_of "$page")
done <<<"$COMMANDS"
for page in "$MAN"/*.[1-8]; do
	t_check "$(basename "$page") names no option that is none" has_no_other "$page" "$ALL"
done
rm -f "$ALL"
t_done
