#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: sid/lsm
#
# A file to which somebody who holds records writes is a copy: it is guarded like the store that it came from, whoever
# reads it takes the label, and the policy says where copies may lie. Run by tests/guest/run-in-guest.sh.
# timeout: 600
# shellcheck disable=SC2016,SC2119  # variables of jq and sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record B=$CASE_DIR/research/record STEPS=$HELPERS/steps S=$HELPERS/sends
mkdir ehr research out work && echo "$MARKER" >"$R" && echo "$MARKER of research" >"$B"
chmod 1777 out work && chown -R daemon ehr research && chmod 777 ehr research && chmod 666 ehr/* research/*
cp /bin/bash server && chmod 755 server
truncate -s 16M disk && mkfs.ext4 -q -F disk && mkdir mnt && mount -o loop disk mnt && chmod 1777 mnt
echo "nothing" >early && chmod 666 early
printf '#!/bin/bash\nread -r line <"$1" && echo "$line" >"$2"\n' >aggregate && chmod 755 aggregate
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }

policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr], audit: required}
  research: {paths: [$CASE_DIR/research], audit: required}
roles:
  clinic: {users: [daemon]}
  science: {users: [games]}
  database: {programs: [$CASE_DIR/server]}
grants:
  - {role: database, store: ehr, access: [read], serves: true}
  - {role: clinic, store: ehr, access: [list, read, write]}
  - {role: clinic, store: research, access: [list, read, write]}
  - {role: science, store: research, access: [list, read, write]}
$1
END
}

# copy_and_read WAY WHO [READER…]: daemon makes a copy, and somebody else reads it.
copy_and_read() {
	local way=$1 copy=$CASE_DIR/out/$1.$M_PASS
	make_"$way" "$copy" || return
	shift
	"$@" "$copy"
}

make_cp() {
	as daemon cp "$R" "$1"
}

make_cat() {
	as daemon sh -c 'cat "$1" >"$2"' sh "$R" "$1"
}

make_append() {
	: >"$1" && chmod 666 "$1" && as daemon sh -c 'cat "$1" >>"$2"' sh "$R" "$1"
}

make_dd() {
	as daemon dd if="$R" of="$1" status=none
}

make_before() {
	: >"$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" take "$R" put
}

make_mapped() {
	truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" take "$R" map
}

# Mapped before anything was read.
make_held() {
	truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" hold take "$R" fill
}

make_loosened() {
	truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" view loosen take "$R" fill
}

# Mapped to be read before, and made writable after.
make_unlocked() {
	truncate -s 4096 "$1" && chmod 666 "$1" && as daemon "$STEPS" open "$1" view take "$R" loosen fill
}

make_tee() {
	as daemon cat "$R" | as news tee "$1" >/dev/null
}

make_moved() {
	as daemon cp "$R" "$1.first" && mv "$1.first" "$1"
}

make_linked() {
	as daemon cp "$R" "$1.first" && ln "$1.first" "$1"
}

make_renamed_over() {
	echo >"$1" && as daemon cp "$R" "$1.first" && chmod 666 "$1.first" && mv "$1.first" "$1"
}

make_copied_again() {
	as daemon cp "$R" "$1.first" && as daemon cp "$1.first" "$1"
}

make_script() {
	: >"$1" && chmod 777 "$1" && as daemon sh -c 'read -r record <"$1" && printf "#!/bin/sh\necho %s\n" "$record" >"$2"' sh "$R" "$1"
}

# A reader that had the file open before anything was written to it.
read_before() {
	local copy=$CASE_DIR/out/open.$M_PASS
	: >"$copy" && chmod 666 "$copy"
	# shellcheck disable=SC2094  # that is the point
	{ as daemon cp "$R" "$copy" && as news cat <&3; } 3<"$copy"
}

TELLS="operations=read reason=not_granted flags=path_outside,copy store"
copies() {
	local way
	for way in cp cat append dd before mapped held loosened unlocked moved linked renamed_over copied_again; do
		m_attack "$way" "user=news $TELLS=ehr path=$CASE_DIR/out/$way.$M_PASS" copy_and_read "$way" as news cat
	done
	m_attack "cp, and root" "user=root $TELLS=ehr path=$CASE_DIR/out/cp.$M_PASS" copy_and_read cp cat
	m_attack "tee, and who made it" "user=news $TELLS=ehr path=$CASE_DIR/out/tee.$M_PASS" copy_and_read tee as news cat
	m_attack "run as a program" "user=news operations=execute reason=not_granted flags=path_outside,copy store=ehr" \
		copy_and_read script as news
	m_attack "open before" "user=news $TELLS=ehr hook=file_permission" read_before
	m_attack "into another store" "user=games operations=read reason=not_granted flags=copy store=ehr" sh_copy_within
	m_attack "a copy, and out of the host" "user=daemon operations=send reason=not_agreed" copy_and_send
}

sh_copy_within() {
	as daemon sh -c 'cat "$1" >"$2"' sh "$R" "$CASE_DIR/research/of-ehr" && as games cat "$CASE_DIR/research/of-ehr"
}

copy_and_send() {
	local copy=$CASE_DIR/out/sent.$M_PASS
	make_cp "$copy" && far_sees 1 "$MARKER" as daemon "$S" udp "$copy" 10.9.0.2 "$FAR_PORT"
}

M_SINK=$M
policy ''
echo >research/of-ehr && chown daemon research/of-ehr && chmod 666 research/of-ehr
m_unguarded copies
echo >research/of-ehr
m_start --pin
m_guarded copies
M_PASS=guarded
m_allowed "a copy by who may read the store" "user=daemon operations=read path=$CASE_DIR/out/cp.guarded flags=path_outside,copy" \
	as daemon cat out/cp.guarded
m_events
m_entry "that it was made, from which store, and how much" ".unmapped.muniment | (.operations == [\"copy\"]) and .store == \"ehr\"
	and .bytes_written == $(stat -c %s "$R") and .label == [\"ehr\"]"

# Nobody is asked about what is written by a mapping from before: it is told when its writer holds something, and kept.
# is_mapped PATH JQ: there is such an entry.
is_mapped() {
	echo ".file.path == \"$1\" and (.unmapped.muniment | .operations == [\"copy\"] and .store == \"ehr\" and .label == [\"ehr\"] and
		(.flags | index(\"mapped_before\"))) and .actor.user.name == \"daemon\" and .actor.process.name == \"steps\" and $2"
}
is_kept() { jq -e -n --argjson ino "$(stat -c %i "$1")" '[inputs | select(.ino == $ino and .stores == ["ehr"])] | length == 1' "$M/ledger/copies"; }
make_held "$M/sunk"
make_held mnt/held
m_entry "what was mapped before it held anything" "$(is_mapped "$CASE_DIR/out/held.guarded" '.action_id == 1 and .file.size == 4096')"
m_entry "what was made writable before" "$(is_mapped "$CASE_DIR/out/loosened.guarded" '.action_id == 1')"
m_entry "and where it came from" "$(is_mapped "$CASE_DIR/mnt/held" ".unmapped.muniment.chains[0].hops == [.unmapped.muniment.chains[0].hops[0]] and
	(.unmapped.muniment.chains[0].hops[0] | .how == \"read\" and .name == \"steps\" and .record == \"$R\")")"
t_equal "once for each file" "$(printf '%s\n' "$CASE_DIR/out/held.guarded" "$CASE_DIR/out/loosened.guarded" "$CASE_DIR/mnt/held" | sort)" \
	"$(m_entries | jq -r 'select(.unmapped.muniment.flags? // [] | index("mapped_before")) | .file.path' | sort)"
t_check "it is kept for after a boot" t_wait 15 is_kept mnt/held
# Of two stores, one of which its reader serves.
mkfifo -m 666 out/go
as daemon sh -c 'cat "$1" "$2" >out/both' sh "$R" "$B"
as daemon "$CASE_DIR/server" -c 'mapfile -t all <"$1" && : >out/ready && read -r -t 30 <out/go' server out/both &
reader=$!
t_wait 20 test -e out/ready
"$MUNIMENT" labels --json --run "$M/run" >holders
t_check "a copy of two stores: what its reader serves it does not hold, the rest it does" jq -e \
	'[.processes[] | select(.name == "server") | .stores] == [["research"]]' holders
echo >out/go
wait "$reader"
t_check "who holds nothing may write to it" as news sh -c 'echo more >>out/append.guarded'
t_check "and remove it" rm out/append.guarded
echo again >out/append.guarded
t_equal "what has its name then is no copy" again "$(as news cat out/append.guarded)"
t_equal "nor is any other file" nothing "$(as news cat early)"

# As long as the copy is there.
m_attack "on another disk" "user=news $TELLS=ehr" sh -c "setpriv --reuid=daemon --regid=daemon --clear-groups cp $R $CASE_DIR/mnt/copy
	setpriv --reuid=9 --regid=9 --clear-groups cat $CASE_DIR/mnt/copy"
umount mnt && mount -o loop disk mnt
m_attack "after it was mounted anew" "user=news $TELLS=ehr" as news cat mnt/copy
echo 3 >/proc/sys/vm/drop_caches
m_attack "after its inode was evicted" "user=news $TELLS=ehr" as news cat out/cp.guarded
m_events
kill -KILL "$M_PID"
wait "$M_PID" 2>/dev/null
m_start
m_attack "after the daemon was killed" "user=news $TELLS=ehr" as news cat out/cp.guarded
policy "copies: {to: [$CASE_DIR/work], else: deny}"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
m_attack "after a policy" "user=news $TELLS=ehr" as news cat out/cp.guarded
m_attack "where no copy may lie" "user=daemon operations=copy reason=copies path=$CASE_DIR/out/denied" as daemon cp "$R" out/denied
t_equal "nothing is there" "" "$(tr -d '\0' <out/denied)"
m_attack "by what is made writable" "user=daemon operations=copy reason=copies hook=file_mprotect path=$CASE_DIR/out/unlocked" make_unlocked out/unlocked
t_equal "nothing is there, either" "" "$(tr -d '\0' <out/unlocked)"
t_check "where one may" as daemon cp "$R" work/copy
t_check "that one, too" make_unlocked work/unlocked
make_held out/late
make_loosened work/late
m_entry "what no mapping from before could be denied" "$(is_mapped "$CASE_DIR/out/late" '.action_id == 3 and
	(.unmapped.muniment | .wanted == "deny" and .enforced == "allowed" and .reason == "copies" and .rule == "policy.yaml:15") and
	(.message | endswith("which was mapped before it held any"))')"
m_entry "nor needed to be" "$(is_mapped "$CASE_DIR/work/late" '.action_id == 1')"
m_entry "what was made writable after is no such" ".file.path == \"$CASE_DIR/work/unlocked\" and .action_id == 1 and (.unmapped.muniment |
	.operations == [\"copy\"] and .hook == \"file_mprotect\" and .bytes_mapped == 4096 and (.flags | index(\"mapped_before\") | not))"
m_attack "which is guarded" "user=news $TELLS=ehr" as news cat work/copy
policy "copies: {to: [$CASE_DIR/work], else: alert}"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
t_check "where none should lie" as daemon cp "$R" out/alerted
m_events
m_entry "that is told" '.action_id == 3 and (.unmapped.muniment | .operations == ["copy"] and .reason == "copies" and .enforced == "allowed")'

# The list, and what is taken off it.
listed() {
	"$MUNIMENT" labels --files --run "$M/run" | awk -v inode="$(stat -c %i "$1")" '$2 == inode { print $3 }'
}
t_equal "the list has a copy" ehr "$(listed work/copy)"
"$MUNIMENT" labels --run "$M/run" --clear-file work/copy >/dev/null 2>&1
t_equal "to clear it needs a reason" 2 $?
"$MUNIMENT" labels --run "$M/run" --clear-file "$R" --reason none >/dev/null 2>&1
t_equal "and a copy" 3 $?
t_check "it is said to hold nothing" "$MUNIMENT" labels --run "$M/run" --clear-file work/copy --reason "it was anonymised"
t_equal "it is on the list no more" "" "$(listed work/copy)"
t_equal "anybody may read it" "$MARKER" "$(as news cat work/copy)"
m_entry "who said so, and why" ".unmapped.muniment | .kind == \"label_cleared\" and .reason == \"it was anonymised\" and
	.file.path == \"$CASE_DIR/work/copy\" and .file.inode == $(stat -c %i work/copy) and .label == [\"ehr\"]"
t_check "records are written there once more" as daemon cp "$R" work/copy
m_attack "then it is a copy again" "user=news $TELLS=ehr" as news cat work/copy
t_check "and so is what was mapped said to hold nothing" "$MUNIMENT" labels --run "$M/run" --clear-file work/unlocked --reason "as well"
t_check "which anybody may read" as news cat work/unlocked
m_events

# What a program writes may be no copy: known as a role's is, so that a script is one, as long as it is what it was.
policy "copies: {else: deny}
declassify: [{to: [$CASE_DIR/out], programs: [$CASE_DIR/aggregate]}]"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
t_check "a program that declassifies" as daemon "$CASE_DIR/aggregate" "$R" out/sum
t_equal "what it writes is no copy" "$MARKER" "$(as news cat out/sum)"
m_attack "elsewhere it declassifies nothing" "user=daemon operations=copy reason=copies" as daemon "$CASE_DIR/aggregate" "$R" work/sum
m_attack "nor does its interpreter" "user=daemon operations=copy reason=copies" as daemon bash "$CASE_DIR/aggregate" "$R" out/other
echo "exit 1" >>aggregate
m_attack "nor what it is changed to" "user=daemon operations=copy reason=copies" as daemon "$CASE_DIR/aggregate" "$R" out/changed
m_events
m_entry "that it was declassified" '.file.path == "'"$CASE_DIR"'/out/sum" and .unmapped.muniment.declassified and .action_id == 1'
m_entry "that it is refused" '.unmapped.muniment.refused == ["declassify (policy.yaml:16)"]'
m_verify
m_stop

# A boot: nothing is left in the kernel, and the disk has another number.
umount mnt
truncate -s 1M other && losetup -f other && mount -o loop disk mnt
m_start
m_attack "after the host was started anew" "user=news $TELLS=ehr" as news cat mnt/copy
m_attack "so was what had been mapped" "user=news $TELLS=ehr" as news cat mnt/held
m_events
m_stop
umount mnt
far_stop
t_done
