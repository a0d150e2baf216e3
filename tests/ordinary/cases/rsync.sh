#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# rsync backs records up as root, who may do so with that program alone: a whole copy, another one after changes, one of hard
# links to the last, and through its daemon on the loopback, which changes its root directory. The copies are whole. Run
# by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"

R=/srv/records B=/srv/backup
o_needs /usr/bin/rsync

# The service's own work. $1: which round.
# shellcheck disable=SC2016  # expanded by the service's shell
records() {
	as daemon sh -c '
		set -e
		cd "$1" && mkdir -p "ward-$2" && umask 027
		for n in 1 2 3 4 5 6 7 8 9 10; do
			{ echo "$3 $2 $n"; head -c $((n * 20000)) /dev/urandom; } >"ward-$2/record-$n"
		done
		ln "ward-$2/record-1" "ward-$2/same-as-1" && ln -s record-2 "ward-$2/link-to-2"
		touch -d 2020-02-02 "ward-$2/record-3" && chmod 600 "ward-$2/record-4"
		: >"ward-$2/Ä odd name"
		if [ "$2" = 2 ]; then
			rm ward-1/record-5 && mv ward-1/record-6 ward-2/moved && echo more >>ward-1/record-7
		fi' records "$R" "$1" "$MARKER"
}

backup() {
	rsync -aHAX --numeric-ids --delete "$@"
}

same() {
	[[ -z $(backup -nci "$1" "$2" | tee "$CASE_DIR/differences") ]] || { cat "$CASE_DIR/differences" && return 1; }
}

serve() {
	cat >rsyncd.conf <<CONF
pid file = $CASE_DIR/rsyncd.pid
log file = /var/log/rsyncd.log
address = 127.0.0.1
port = 8730
[records]
	path = $R
	uid = root
	gid = root
	use chroot = yes
	read only = yes
CONF
	rsync --daemon --config="$CASE_DIR/rsyncd.conf" && t_wait 20 test -s rsyncd.pid
}

mkdir -p "$R" "$B" && mount -t tmpfs -o mode=750 none "$R" && mount -t tmpfs -o mode=700 none "$B" && chown daemon: "$R"
m_policy <<POLICY
version: 1
mode: enforce
stores:
  records: {paths: [$R], class: restricted, audit: required}
  backup: {paths: [$B], class: restricted, audit: required}
roles:
  service: {users: [daemon]}
  nightly-copy: {users: [root], programs: [{path: /usr/bin/rsync, digest: packaged}]}
grants:
  - {role: service, store: records, access: [list, read, write, create, delete, rename, attributes], serves: true}
  - {role: nightly-copy, store: records, access: [list, read]}
  - {role: nightly-copy, store: backup, access: [list, read, write, create, delete, rename, attributes]}
POLICY
o_start "$B"
o_work "the service writes records" records 1
o_work "a whole copy" backup "$R/" "$B/copy/"
o_work "the service changes records" records 2
o_work "the copy follows" backup "$R/" "$B/copy/"
o_work "a copy of links to the last" backup --link-dest=../copy/ "$R/" "$B/day-2/"
o_work "written in place" backup --inplace --ignore-times "$R/" "$B/copy/"
o_work "the daemon starts" serve
o_work "a copy through the daemon" backup rsync://127.0.0.1:8730/records/ "$B/pulled/"
o_work "rsync finds no difference to the copy" same "$R/" "$B/copy/"
o_work "nor to that of links" same "$R/" "$B/day-2/"
o_work "the daemon ends" kill "$(<rsyncd.pid)"
o_no_denials

M_STORE=records
o_intruder "a record, by root" "user=root path=$R/ward-1/record-1 program=/usr/bin/cat operations=read" cat "$R/ward-1/record-1"
o_intruder "tar by root" "user=root program=/usr/bin/tar" tar -Pcf - "$R/ward-1/record-1"
m_events
M_STORE=backup
o_intruder "a copy, by root" "user=root path=$B/day-2/ward-1/record-1 program=/usr/bin/cat" cat "$B/day-2/ward-1/record-1"
o_intruder "rsync by another user" "user=games operations=list" \
	setpriv --reuid=games --clear-groups --bounding-set=+all --inh-caps=+dac_override --ambient-caps=+dac_override -- rsync -r "$B/copy/" got/
o_end
for copy in copy day-2 pulled; do
	t_check "$copy is whole" diff -r "$R" "$B/$copy"
done
t_equal "with its hard links" 1 "$(find "$B/copy/ward-1/record-1" -samefile "$B/day-2/ward-1/same-as-1" | wc -l)"
t_done
