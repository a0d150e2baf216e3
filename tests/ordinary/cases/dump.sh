#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1500
#
# A database is dumped by those who may, in every format, restored from the dump and compared; a base backup is taken,
# verified and carried off by rsync. Policy: policies/ehr-postgresql.yaml. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"
# shellcheck source=tests/ordinary/postgresql.sh
. "$TREE/tests/ordinary/postgresql.sh"

B=/var/lib/pgbackup
o_needs "$PG/pg_dump" /usr/bin/pg_ctlcluster /usr/bin/rsync

pg() {
	(cd / && as postgres "$@")
}

restore() {
	pg createdb copy && pg pg_restore --exit-on-error -d copy "$1" && [[ $(pg_sum copy) == "$SUM" ]] && pg dropdb copy
}

restore_plain() {
	pg createdb copy && pg "$PG/psql" -h /var/run/postgresql -X -q -v ON_ERROR_STOP=1 -d copy -f - <"$1" &&
		[[ $(pg_sum copy) == "$SUM" ]] && pg dropdb copy
}

# Files of the server have no group: the unit of such a service has AmbientCapabilities=CAP_DAC_READ_SEARCH.
carry() {
	setpriv --reuid=backup --regid=backup --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search -- rsync -r --chmod=F600,D700 "$B/" carried/
}

t_check "a cluster" pg_create
mkdir -m 700 carried && chown backup: carried
o_example ehr-postgresql.yaml 's/restic/rsync/'
o_start "$CASE_DIR/carried"
o_work "the service starts" pg_service start
o_work "records" pg_records || exit
SUM=$(pg_sum)
o_work "pg_dump, custom format" pg pg_dump -Fc -f "$B/ehr.dump" ehr
o_work "pg_dump, two jobs into a directory" pg pg_dump -Fd -j 2 -f "$B/ehr.d" ehr
o_work "pg_dump, plain, to standard output" eval 'pg pg_dump ehr >plain.sql'
o_work "restored from the custom format" restore "$B/ehr.dump"
o_work "restored from the directory" restore "$B/ehr.d"
o_work "restored from plain SQL" restore_plain plain.sql
o_work "pg_restore lists the archive" pg pg_restore -l "$B/ehr.dump"
t_equal "all of it" 2 "$(grep -c 'TABLE DATA' <<<"$O_OUTPUT")"
o_work "pg_dumpall" eval 'pg pg_dumpall --globals-only >globals.sql'
t_equal "with the roles" 1 "$(grep -c 'CREATE ROLE doctor' globals.sql)"
o_work "pg_basebackup" pg pg_basebackup -D "$B/base" -c fast -X stream --no-sync
o_work "a dump is replaced" pg pg_dump -Fc -f "$B/ehr.dump" ehr
o_work "backups are carried off by another user" carry
HEAP=$(pg_heap)
o_work "the service stops" pg_service stop
o_no_denials

M_STORE=ehr-backup
o_intruder "the dump, by root" "user=root path=$B/ehr.dump program=/usr/bin/cat" cat "$B/ehr.dump"
o_intruder "the dump, by its owner with another program" "user=postgres path=$B/ehr.dump program=/usr/bin/cat" \
	as postgres cat "$B/ehr.dump"
m_events
M_STORE=ehr
o_intruder "the records, by the program that may read dumps" "user=postgres path=$HEAP program=$PG/pg_restore operations=read" \
	as postgres "$PG/pg_restore" -l "$HEAP"
o_end
t_check "what was carried off is what was there" diff -r "$B" carried
t_check "the base backup is whole" as postgres "$PG/pg_verifybackup" -n -q "$B/base"
t_done
