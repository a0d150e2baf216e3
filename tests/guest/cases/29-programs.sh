#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.1/lsm
# timeout: 300
#
# Which file is the program: its inode with a content that the policy accepts. Packages that are upgraded, files that
# are replaced or changed in place; who is refused a role that worked before, and what the ledger says of it. Run by
# tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store P=$CASE_DIR/programs D=/var/lib/dpkg
# A package database of one package: the guest's own has hundreds, which an emulated CPU takes a minute to search.
mount -t tmpfs none "$D" && mkdir "$D/info"
mkdir "$S" "$P" hold && echo "$MARKER" >"$S/record"

digest_of() {
	local sum
	sum=$(sha256sum "$1") && echo "${sum%% *}"
}

# version N: cat as release N has it.
version() {
	cp /usr/bin/cat "v$1" && printf 'release %s' "$1" >>"v$1"
}

# The database says that package case-tools, of version $1-1, brings release $1.
package() {
	local sum
	sum=$(md5sum "v$1") && printf '%s  %s\n' "${sum%% *}" "${P#/}/packaged" >sums
	printf '\nPackage: case-tools\nStatus: install ok installed\nVersion: %s-1\n' "$1" >>"$D/status"
	mv sums "$D/info/case-tools.md5sums"
}

# replace PROGRAM FILE: as a package manager does it, another inode under the name.
replace() {
	cp "$2" "$P/.new" && m_now && FROM=$M_NOW && mv "$P/.new" "$P/$1"
}

# shellcheck disable=SC2317  # called by name
reads() {
	"$P/$1" "$S/record"
}

# told NAME KIND PROGRAM FILTER: an entry about the program, not before FROM; says how long it took.
told() {
	local wanted=".unmapped.muniment.kind == \"program_$2\" and .unmapped.muniment.path == \"$P/$3\" and .time >= $FROM and (${4:-true})"
	m_entry "$1" "$wanted"
	echo "# $(m_entries | jq -n "[inputs | select($wanted) | .time][0] - $FROM") ms after the change"
}

# The daemon reads the policy anew by itself.
resolved_anew() {
	m_now && FROM=$M_NOW
	touch /etc/passwd
	m_entry "the policy is resolved anew $1" \
		".unmapped.muniment.kind == \"policy\" and .time >= $FROM and (.unmapped.muniment.by | test(\"users\"))" 30
}

denied() {
	m_attack "$1" "user=root program=$P/$2 path=$S/record flags=program_changed" reads "$2"
}

allowed() {
	m_allowed "$1" "user=root program=$P/$2 path=$S/record" reads "$2"
}

for release in 1 2 3; do
	version "$release"
done
cp v1 "$P/bare" && cp v1 "$P/listed" && cp v1 "$P/packaged" && cp "$HELPERS/reach" "$P/server" && cp v2 "$P/never"
package 1
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
roles:
  bare: {programs: [$P/bare, $P/server]}
  listed: {programs: [{path: $P/listed, digest: [sha256:$(digest_of v1), sha256:$(digest_of v2)]}]}
  packaged: {programs: [{path: $P/packaged, digest: packaged}]}
  never: {programs: [{path: $P/never, digest: sha256:$(digest_of v1)}]}
grants:
  - {role: bare, store: ehr, access: [list, read]}
  - {role: listed, store: ehr, access: [list, read]}
  - {role: packaged, store: ehr, access: [list, read]}
  - {role: never, store: ehr, access: [list, read]}
END
m_now && FROM=$M_NOW
m_start

allowed "a program by its path" bare
allowed "a program by its digest" listed
allowed "a program by its package" packaged
told "a program that was never accepted" refused never '.unmapped.muniment.refused == ["never"] and .is_alert'
denied "a program that was never accepted" never

# The daemon of a service runs on while its file is replaced; whoever starts anew has the new one.
mkfifo hold/fifo
"$P/server" read "$S/record" "$CASE_DIR/hold/fifo" >out.server 2>err.server &
held=$!
t_wait 20 test -e hold/fifo.ready
replace server v1
told "a program by its path was replaced" refused server '.unmapped.muniment.reason == "content" and .unmapped.muniment.roles == []'
denied "another program under the name" server
resolved_anew "while the replaced program runs"
m_now && from=$M_NOW
echo >hold/fifo
wait "$held"
t_equal "who ran the replaced program goes on" "$MARKER" "$(<out.server)"
m_expect "who ran the replaced program" "$from" "action=1 user=root program=$P/server path=$S/record activity=2 operations=read"

# An upgrade, in dpkg's order: the file first, then what the database says of it.
replace packaged v2
told "an upgrade that the database does not know of yet" refused packaged
denied "an upgrade that the database does not know of yet" packaged
m_now && FROM=$M_NOW
package 2
told "the upgrade, with its package" changed packaged \
	'.unmapped.muniment.package == "case-tools" and .unmapped.muniment.package_version == "2-1"'
allowed "the upgraded program" packaged
replace packaged v3
told "a program that no package brought" refused packaged \
	".unmapped.muniment.sha256_before == \"$(digest_of v2)\" and .unmapped.muniment.sha256 == \"$(digest_of v3)\""
denied "a program that no package brought" packaged

# By digest.
replace listed v2
told "another digest of the list" changed listed \
	".unmapped.muniment.sha256_before == \"$(digest_of v1)\" and .unmapped.muniment.sha256 == \"$(digest_of v2)\""
allowed "another digest of the list" listed
m_now && FROM=$M_NOW
printf more >>"$P/listed"
denied "a program that was changed in place, at once" listed
told "a program that was changed in place" refused listed '.is_alert'
denied "a program that was changed in place, later" listed
m_now && FROM=$M_NOW
cat v1 >"$P/listed"
told "a listed content, written in place" changed listed
allowed "a listed content, written in place" listed

# A path alone: what lay there when the policy was loaded, until an admin loads it anew.
replace bare v2
told "another file at a program's path" refused bare
denied "another file at a program's path" bare
replace bare v1
told "the former content at the path" changed bare
allowed "the former content at the path" bare
replace bare v3
told "a third content at the path" refused bare
resolved_anew "while another file lies there"
denied "another file, and the policy resolved anew by itself" bare
m_now && FROM=$M_NOW
t_check "an admin loads the policy anew" "$MUNIMENT" reload --run "$M/run"
told "what the admin has loaded" changed bare
allowed "what the admin has loaded" bare
m_now && FROM=$M_NOW
rm "$P/bare"
told "a program that is gone" refused bare '.unmapped.muniment.reason == "missing"'
m_events
m_verify
m_stop
t_done
