#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# runs-on: all
#
# PostgreSQL 15 on an enforcing store: initdb and pgbench run with no denial and every data file's open in the ledger;
# intruders get no byte of a heap file. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

PG=/usr/lib/postgresql/15/bin
DATA=$CASE_DIR/data
if [[ ! -x $PG/postgres ]]; then
	t_skip "PostgreSQL 15" "postgresql-15 is not installed"
	t_done
fi
mkdir data bound other socket && chown postgres:postgres data socket && chmod 750 data

m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$DATA], class: restricted, audit: required}
roles:
  database: {users: [postgres], programs: [$PG/postgres]}
  # Their processes open files of the data directory themselves.
  set-up: {users: [postgres], programs: [$PG/initdb, $PG/pg_ctl]}
grants:
  - {role: database, store: ehr, access: [list, read, write, create, delete, rename, attributes]}
  - {role: set-up, store: ehr, access: [list, read, write, create, delete, rename, attributes]}
END

pg() {
	local program=$1
	shift
	as postgres "$PG/$program" "$@"
}

sql() {
	as postgres psql -h "$CASE_DIR/socket" -X -A -t -q -c "$1" "${2:-postgres}"
}

in_namespace() {
	unshare --mount sh -c "mount --bind $DATA other && cat other/$HEAP"
}

by_group() {
	setpriv --reuid=games --regid="${M_GID[postgres]}" --clear-groups -- "$@"
}

intruders() {
	local who="user=root path=$DATA/$HEAP operations=read hook=file_open"
	m_attack "cat of a heap file by root" "$who program=/usr/bin/cat" cat "$DATA/$HEAP"
	m_attack "tar by root" "$who program=/usr/bin/tar" tar -Pcf - "$DATA/$HEAP"
	m_attack "cp by root" "$who program=/usr/bin/cp" sh -c "cp $DATA/$HEAP copy; r=\$?; cat copy; exit \$r"
	m_attack "dd by root" "$who program=/usr/bin/dd" dd if="$DATA/$HEAP" status=none
	m_attack "cat by another user" "user=games path=$DATA/$HEAP program=/usr/bin/cat" by_group cat "$DATA/$HEAP"
	m_attack "cat by the database's user with another program" "user=postgres path=$DATA/$HEAP program=/usr/bin/cat" \
		as postgres cat "$DATA/$HEAP"
	m_attack "through a bind mount" "$who program=/usr/bin/cat" cat "bound/$HEAP"
	m_attack "through a mount namespace" "$who program=/usr/bin/cat" in_namespace
	m_attack "by io_uring" "$who program=$HELPERS/reach" "$HELPERS/reach" uring "$DATA/$HEAP"
	rm -f copy
}

m_start
cd "$CASE_DIR/socket" || exit
t_check "initdb" pg initdb -g -N -A trust -D "$DATA"
t_check "the server starts" pg pg_ctl -s -w -t 120 -D "$DATA" -l "$CASE_DIR/socket/log" \
	-o "-c listen_addresses='' -k $CASE_DIR/socket -c fsync=off" start
t_check "pgbench -i" pg pgbench -h "$CASE_DIR/socket" -q -i -s 1 postgres
t_check "pgbench" pg pgbench -h "$CASE_DIR/socket" -n -c 2 -t 50 postgres
t_check "a table with a marker" sql "create table patients (mrn text); insert into patients values ('$MARKER')"
t_check "it reaches the disk" sql "checkpoint"
t_equal "and reads back" "$MARKER" "$(sql 'select mrn from patients')"
HEAP=$(sql "select pg_relation_filepath('patients')")
sql "select pg_relation_filepath(oid) from pg_class where relname ~ '^(pgbench_|patients)' and relkind in ('r', 'i')" >"$M/files"
sql "select 'base/' || d.oid || '/' || f from pg_database d, pg_ls_dir('base/' || d.oid) f where f ~ '^[0-9_a-z.]+$'" >>"$M/files"
sql "select 'global/' || f from pg_ls_dir('global') f where f ~ '^[0-9]+'" >>"$M/files"
cd "$CASE_DIR" || exit

# Without a denial, and with every data file.
t_wait 30 m_status_is '.ledger.entries == .ledger.committed'
sleep 1
m_entries >"$M/entries"
t_equal "no access was denied" 0 "$(jq -n '[inputs | select(.class_uid == 1001 and .is_alert)] | length' "$M/entries")"
jq -r --arg data "$DATA/" 'select(.class_uid == 1001 and .activity_id == 14 and .action_id == 1 and
	.unmapped.muniment.store == "ehr") | .file.path | ltrimstr($data)' "$M/entries" | sort -u >"$M/opened"
sort -u "$M/files" >"$M/wanted"
t_equal "the list of data files is a list" yes "$( (($(wc -l <"$M/wanted") > 100)) && echo yes)"
t_equal "every data file's open is in the ledger" "" "$(comm -23 "$M/wanted" "$M/opened" | head -n 20)"
echo "# $(wc -l <"$M/wanted") data files, $(wc -l <"$M/entries") entries"

mount --bind "$DATA" bound
m_guarded intruders
m_events
t_equal "the database did not notice" "$MARKER" "$(cd socket && sql 'select mrn from patients')"
t_check "the server stops" pg pg_ctl -s -w -D "$DATA" -m fast stop
t_equal "all denials are the intruders'" 9 "$(m_status | jq .counters.denials)"
t_equal "nothing was lost" 0 "$(m_status | jq .counters.lost)"
m_verify
m_stop
# What was denied works without the daemon.
m_unguarded intruders
t_done
