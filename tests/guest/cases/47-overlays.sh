#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Copies on an overlay, whose real files overlayfs opens by itself, since Linux 6.8 under the name of the upper layer: they
# may lie where the policy says so of what its users see, are told once, and are guarded below the overlay, too. Run by
# tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of sh and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

R=$CASE_DIR/ehr/record STEPS=$HELPERS/steps O=$CASE_DIR/merged
mkdir -p ehr upper inner merged own/{lower,upper,work} lower/{out,plain,elsewhere,records} to && echo "$MARKER" >"$R"
chmod 1777 lower/* to && chown -R daemon ehr own && chmod 777 lower/records
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=inner overlay merged || exit
# overlayfs makes a directory of the upper layer by whoever needs it first, and describes it: not by who holds records.
touch "$O"/{out,plain,elsewhere,records}/first

policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr, $O/records], audit: required}
roles:
  clinic: {users: [daemon]}
grants:
  - {role: clinic, store: ehr, access: [list, read, write, create, attributes]}
copies: {to: [$O/out, $CASE_DIR/to], else: deny}
declassify: [{to: [$O/plain]}]
END
}

# In one write, so that it is asked about once.
copy() {
	as daemon dd if="$R" of="$1" status=none
}

# Says nothing: by a pipe, this shell would come to hold what is copied.
quietly() {
	"$@" >/dev/null 2>&1
}

copy_and_read() {
	copy "$1" && "${@:2}"
}

# The file is there, and is written to by a mapping.
map_and_read() {
	as news truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" take "$R" map && as news cat "$2"
}

# The same before anything was read: known within a moment.
hold_and_read() {
	as news truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" hold take "$R" fill && sleep 2 && as news cat "$2"
}

# Likewise, but made writable after: decided then.
unlock() {
	as news truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" view take "$R" loosen fill
}

unlock_and_read() {
	unlock "$1" && as news cat "$2"
}

# Somebody's own overlay, over where copies may lie: its files lie elsewhere.
own_overlay() {
	as daemon unshare --user --map-root-user --mount sh -c 'cd "$1" && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr overlay "$2" &&
		dd if="$3" of="$2/own" status=none && cat "$2/own"' sh "$CASE_DIR/own" "$1" "$R"
}

READS="user=news operations=read reason=not_granted flags=path_outside,copy"
attacks() {
	m_attack "a copy on an overlay" "$READS path=$O/out/one.$M_PASS" copy_and_read "$O/out/one.$M_PASS" as news cat "$O/out/one.$M_PASS"
	m_attack "one of before, below the overlay" "$READS" as news cat "upper/out/one.$M_PASS"
	m_attack "one by a mapping" "$READS" map_and_read "$O/out/mapped.$M_PASS" "$O/out/mapped.$M_PASS"
	m_attack "that one, below the overlay" "$READS" as news cat "upper/out/mapped.$M_PASS"
	m_attack "one that was mapped before, below the overlay" "$READS" hold_and_read "$O/out/held.$M_PASS" "upper/out/held.$M_PASS"
	m_attack "one that is made writable" "$READS path=$O/out/unlocked.$M_PASS" unlock_and_read "$O/out/unlocked.$M_PASS" "$O/out/unlocked.$M_PASS"
	m_attack "that one, below the overlay" "$READS" as news cat "upper/out/unlocked.$M_PASS"
	m_attack "elsewhere on the overlay" "user=daemon operations=copy reason=copies path=$O/elsewhere/copy" copy_and_read "$O/elsewhere/copy" as daemon cat "$O/elsewhere/copy"
	m_attack "an overlay of one's own" "user=daemon operations=copy reason=copies" own_overlay "$CASE_DIR/to"
	m_attack "another one, over an overlay" "user=daemon operations=copy reason=copies" own_overlay "$O/out"
}

# entries NAME OPERATION: how many entries tell of it.
entries() {
	m_entries | jq -n --arg name "$1" --arg operation "$2" \
		'[inputs | select((.file.path // "" | endswith("/" + $name)) and .unmapped.muniment.operations == [$operation])] | length'
}

M_SINK=$M
m_unguarded attacks
rm -f "$O"/{elsewhere,out,records}/*.* "$O"/elsewhere/* own/upper/*
policy
m_start
m_guarded attacks
m_allowed "a copy by who may read the store" "user=daemon operations=read path=$O/out/two flags=path_outside,copy" \
	copy_and_read "$O/out/two" as daemon cat "$O/out/two"
m_attack "in the upper layer itself" "user=daemon operations=copy reason=copies path=$CASE_DIR/upper/out/direct" copy upper/out/direct
m_attack "elsewhere, what is made writable" "user=daemon operations=copy reason=copies hook=file_mprotect path=$O/elsewhere/unlocked" unlock "$O/elsewhere/unlocked"
t_check "what is declassified" quietly copy "$O/plain/sum"
t_equal "is no copy" "$MARKER" "$(as news cat "$O/plain/sum")"
t_equal "nor below the overlay" "$MARKER" "$(as news cat upper/plain/sum)"
t_check "a store on an overlay" quietly copy "$O/records/record"
m_attack "is guarded below it" "$READS" as news cat upper/records/record
m_events
for name in out/two plain/sum; do
	t_equal "$name was made once" 1 "$(entries "$name" copy)"
done
t_equal "and is read by that name alone" 0 "$(entries upper/out/two read)"
m_verify
m_stop
t_done
