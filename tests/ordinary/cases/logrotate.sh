#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
#
# The database's log of statements is a store, and logrotate turns it over, with compression, while the server writes; so
# it does the host's other logs. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"
# shellcheck source=tests/ordinary/postgresql.sh
. "$TREE/tests/ordinary/postgresql.sh"

LOG=/var/log/ehr
o_needs "$PG/postgres" /usr/bin/pg_ctlcluster /usr/sbin/logrotate /usr/bin/gzip

# statement N: one that stands in the log, and after it the server writes on in a new file.
statement() {
	sql "select 'statement $1 of $MARKER'" postgres
}

rotate() {
	statement "$1" && logrotate -v -f -s "$CASE_DIR/state/status" "$CASE_DIR/logrotate.conf" && sleep 1
}

# As Debian's timer does it, of all that packages brought.
rotate_host() {
	logrotate -v -f -s "$CASE_DIR/state.host" /etc/logrotate.conf
}

t_check "a cluster" pg_create
mkdir -p "$LOG" && mount -t tmpfs -o mode=700 none "$LOG" && chown postgres: "$LOG"
cat >>/etc/postgresql/15/main/postgresql.conf <<CONF
logging_collector = on
log_directory = '$LOG'
log_filename = 'statements.log'
log_statement = all
log_rotation_age = 0
log_rotation_size = 0
CONF
# By a signal: a client that logrotate starts, which has read the log by then, would make the server hold it.
mkdir state
cat >logrotate.conf <<CONF
$LOG/statements.log {
	rotate 3
	compress
	delaycompress
	create 0600 postgres postgres
	missingok
	postrotate
		pkill -USR1 -u postgres -f 'postgres: .* logger'
	endscript
}
CONF
m_policy <<POLICY
version: 1
mode: enforce
stores:
  ehr: {paths: [$DATA], class: restricted, audit: required}
  ehr-log: {paths: [$LOG], class: restricted, audit: required}
roles:
  database: {users: [postgres], programs: [{path: $PG/postgres, digest: packaged}]}
  cluster: {users: [root, postgres], programs: [{path: /usr/bin/pg_ctlcluster, digest: packaged},
    {path: $PG/pg_ctl, digest: packaged}, {path: /usr/bin/pg_lsclusters, digest: packaged},
    {path: /usr/share/postgresql-common/pg_wrapper, digest: packaged}]}
  # gzip reads and writes what logrotate opened for it.
  rotation: {users: [root], programs: [{path: /usr/sbin/logrotate, digest: packaged}, {path: /usr/bin/gzip, digest: packaged}]}
grants:
  - {role: database, store: ehr, access: [list, read, write, create, delete, rename, attributes], serves: true}
  - {role: cluster, store: ehr, access: [list, read, delete]}
  - {role: database, store: ehr-log, access: [list, read, write, create, attributes]}
  - {role: rotation, store: ehr-log, access: [list, read, write, create, delete, rename, attributes]}
POLICY
o_start "$CASE_DIR/state"
o_work "the service starts" pg_service start || exit
for turn in 1 2 3 4; do
	o_work "turn $turn" rotate "$turn"
done
o_work "a last statement" statement 5
o_work "the host's other logs" rotate_host
o_work "the service stops" pg_service stop
o_no_denials

M_STORE=ehr-log
o_intruder "the log, by root" "user=root path=$LOG/statements.log.1 program=/usr/bin/cat" cat "$LOG/statements.log.1"
o_intruder "the log, by the database's user" "user=postgres path=$LOG/statements.log.1 program=/usr/bin/cat" \
	as postgres cat "$LOG/statements.log.1"
o_intruder "a rotated log, by root" "user=root path=$LOG/statements.log.2.gz program=/usr/bin/dd" \
	dd if="$LOG/statements.log.2.gz" status=none
o_end
# logrotate keeps three.
seen() {
	echo "$(basename "$1") $(zcat -f "$1" | grep -o 'statement: select .statement [0-9]' | grep -o '[0-9]$' | sort -u | tr '\n' ' ')"
}
t_equal "each statement is where it belongs" "statements.log 5 statements.log.1 4 statements.log.2.gz 3 statements.log.3.gz 2 " \
	"$(for file in "$LOG"/*; do seen "$file"; done | tr '\n' ' ' | sed 's/  */ /g')"
t_done
