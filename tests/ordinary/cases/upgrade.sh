#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1500
#
# The packages of PostgreSQL are upgraded by dpkg while the server works: the maintainer scripts stop it and start the
# new one, and whoever administers the cluster afterwards is not denied either. Policy: policies/ehr-postgresql.yaml.
# Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2034,SC2119  # perl's variables; M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"
# shellcheck source=tests/ordinary/postgresql.sh
. "$TREE/tests/ordinary/postgresql.sh"

DEBS=${MUNIMENT_DEBS:-$BUILD/ordinary}
[[ -e $DEBS/postgresql-15.deb ]] || DEBS=$BUILD/ordinary
o_needs "$PG/postgres" /usr/bin/pg_ctlcluster /usr/bin/rsync

version() {
	# shellcheck disable=SC2016  # of dpkg-query
	dpkg-query -W -f '${Version} ${db:Status-Abbrev}\n' postgresql-15
}

server_pid() {
	head -n 1 /run/postgresql/15-main.pid
}

# Both packages at once, as apt does it. The index of manual pages takes an emulated CPU minutes.
upgrade() {
	rm -f /var/lib/man-db/auto-update
	DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i "$DEBS"/postgresql-*15*.deb
}

crash() {
	local pid
	pid=$(server_pid) && kill -KILL "$pid" && sleep 1 && as postgres pg_ctlcluster 15 main start
}

is_upgraded() {
	[[ $(md5sum <"/proc/$(server_pid)/exe") == "$(md5sum <"$PG/postgres")" ]] &&
		[[ $(md5sum <"$PG/postgres") != "$OLD" ]]
}

t_check "a cluster" pg_create
o_example ehr-postgresql.yaml 's/restic/rsync/'
o_start
o_work "the service starts" pg_service start
o_work "records" pg_records || exit
SUM=$(pg_sum) OLD=$(md5sum <"$PG/postgres") BEFORE=$(version)
o_work "pgbench -i" as postgres pgbench -q -i -s 1 ehr
o_work "the packages are upgraded" upgrade
echo "# $BEFORE -> $(version)"
t_equal "another version is installed" yes "$([[ $(version) != "$BEFORE" && $(version) == *ii* ]] && echo yes)"
t_check "the server that runs is the new one" is_upgraded
t_equal "the records are what they were" "$SUM" "$(pg_sum)"
o_work "pgbench" as postgres pgbench -n -c 2 -t 50 ehr
o_work "vacuum" sql "vacuum full analyze patients"
o_work "pg_lsclusters by root" pg_lsclusters
t_equal "it sees the cluster" 1 "$(grep -c '15 *main .* online' <<<"$O_OUTPUT")"
o_work "pg_controldata by root" "$PG/pg_controldata" "$DATA"
o_work "the service is reloaded" pg_service reload
o_work "the service is restarted" pg_service restart
o_work "the server is killed, and started by its user" crash
t_equal "the records are there still" "$SUM" "$(pg_sum)"
HEAP=$(pg_heap)
o_work "the service stops" pg_service stop
o_work "the service starts again" pg_service start
t_equal "the records are there after all" "$SUM" "$(pg_sum)"
o_no_denials

WHO="operations=read hook=file_open path=$HEAP"
o_intruder "cat by root" "user=root program=/usr/bin/cat $WHO" cat "$HEAP"
o_intruder "cat by the database's user" "user=postgres program=/usr/bin/cat $WHO" as postgres cat "$HEAP"
o_intruder "perl by the database's user" "user=postgres program=/usr/bin/perl $WHO" \
	as postgres perl -e 'open(F, shift) or die "$!\n"; print <F>' "$HEAP"
o_work "the service stops" pg_service stop
o_end
t_equal "the file was there to be read" 1 "$(grep -ac "$MARKER" "$HEAP")"
t_done
