# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A log line forged through a file name: the record's name is what the ledger has to bear. That no entry is broken by them,
# evasion.sh looks at afterwards (check_lines). Sourced by tests/evasion/evasion.sh.

FORGED='a log line forged through a file name (control bytes, quotes, 4 KiB names, invalid UTF-8)'

# shellcheck disable=SC1003  # a backslash
# Names that hold what ends a line, a string or an object.
odd_name() {
	case $1 in
	name-newline.*) printf 'a\n{"class_uid":6002,"message":"forged"}' ;;
	name-quotes.*) printf 'a","message":"forged","b":"\\' ;;
	name-control.*) printf 'a\001\033[31m\177\r' ;;
	name-not-utf8.*) printf 'a\377\376\303' ;;
	name-override.*) printf 'a\342\200\256txt.exe' ;;
	name-long.*) printf 'n%.0s' {1..255} ;;
	esac
}
layout_odd() { echo "$MARKER" >"$D/$(odd_name "$I")"; }
attack_odd() { cat "$D/$(odd_name "$I")"; }

evade name-newline read "$FORGED" 'a line feed, and an object after it' who=root
layout_name-newline() { layout_odd; }
attack_name-newline() { attack_odd; }

evade name-quotes read "$FORGED" 'a quotation mark, a member, a backslash' who=root
layout_name-quotes() { layout_odd; }
attack_name-quotes() { attack_odd; }

evade name-control read "$FORGED" 'control bytes' who=root
layout_name-control() { layout_odd; }
attack_name-control() { attack_odd; }

evade name-not-utf8 read "$FORGED" 'bytes that are not UTF-8' who=root
layout_name-not-utf8() { layout_odd; }
attack_name-not-utf8() { attack_odd; }

evade name-override read "$FORGED" 'a mark that turns the direction of writing' who=root
layout_name-override() { layout_odd; }
attack_name-override() { attack_odd; }

evade name-long read "$FORGED" 'a name of 255 bytes' who=root
layout_name-long() { layout_odd; }
attack_name-long() { attack_odd; }

evade path-long read "$FORGED" 'a path of 10,240 bytes' who=root entry='path=* flags=path_cut'
layout_path-long() { echo "$MARKER" | "$HELPERS/deep" "$D" 40 "$(printf 'x%.0s' {1..255})" >path; }
attack_path-long() { "$HELPERS/reach" steps "$(<path)"; }

evade path-deep read "$FORGED" '600 directories deep' who=root entry='path=* store=*'
layout_path-deep() { echo "$MARKER" | "$HELPERS/deep" "$D" 600 a >path; }
attack_path-deep() { "$HELPERS/reach" steps "$(<path)"; }

evade comm-forged read "$FORGED" 'a program whose name is such, too'
# shellcheck disable=SC2288  # that is its name
attack_comm-forged() { cp /usr/bin/cat $'c\n"}' && ./$'c\n"}' "$R"; }
