#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# PostgreSQL 15 with its data directory as an enforcing store, on a kernel with tracepoints only: the database works
# without a denial, and whoever reaches for its files past it is killed before a byte is read. Run by scripts/test.
# shellcheck source=tests/native/lib.sh
. "$TREE/tests/native/lib.sh"

BIN=/usr/lib/postgresql/15/bin
if [[ ! -x $BIN/postgres ]]; then
	t_skip "PostgreSQL as a store" "postgresql-15 is not installed (scripts/setup --guests)"
	t_done
fi

# The marker stands in a table; the heap file is found by its name.
D=$CASE_DIR/main OUT=$CASE_DIR/out
mkdir -m 750 "$D" && mkdir -m 777 socket bound elsewhere && chown postgres: "$D"
export PGHOST=$CASE_DIR/socket PGPORT=54731 LC_ALL=C

pg() {
	as postgres "$BIN/$1" "${@:2}"
}

m_policy <<END
version: 1
mode: enforce
degraded: allow
stores:
  ehr: {paths: [$D], class: restricted, audit: required}
roles:
  database:
    users: [postgres]
    programs: [$BIN/postgres, $BIN/initdb, $BIN/pg_ctl]
grants:
  - {role: database, store: ehr, serves: true,
     access: [list, read, write, create, delete, rename, attributes, execute]}
END

is_up() {
	pg psql -qAt -c 'select 1' postgres
}

denials() {
	m_flat | jq -c 'select(.wanted == "deny") | {user, program, path, operations, hook}'
}

# Every data file that PostgreSQL had open: the paths of its open descriptors are in the ledger.
opened_in_ledger() {
	m_flat | jq -r 'select(.action == 1) | .path' | sort -u >known
	comm -23 <(sort -u held) known >missing
	[[ -s held && ! -s missing ]]
}

in_namespace() {
	unshare --mount --propagation private sh -c "mount --bind $D elsewhere && exec cat elsewhere/$HEAP"
}

# Somebody whom the files' own mode would let read.
as_group() {
	setpriv --reuid="${M_UID[games]}" --regid="${M_GID[postgres]}" --clear-groups -- "$@"
}

intruders() {
	local who="user=root path=$D/$HEAP"
	m_attack "cat of a heap file by root" "$who program=/usr/bin/cat" cat "$D/$HEAP"
	m_attack "tar by root" "$who program=/usr/bin/tar" tar -Pcf "$OUT/copy" "$D/$HEAP"
	m_attack "cp by root" "$who program=/usr/bin/cp" cp "$D/$HEAP" "$OUT/copy"
	m_attack "dd by root" "$who program=/usr/bin/dd" dd if="$D/$HEAP" of="$OUT/copy" status=none
	m_attack "through a bind mount" "$who" cat "bound/$HEAP"
	m_attack "through a mount namespace" "$who" in_namespace
	m_attack "through io_uring" "$who hook=io_uring program=$HELPERS/reach" "$HELPERS/reach" uring "$D/$HEAP"
	m_attack "a registered file of io_uring" "$who program=$HELPERS/reach" "$HELPERS/reach" uring-registered "$D/$HEAP"
	m_attack "cat by another user" "user=games path=$D/$HEAP" as_group cat "$D/$HEAP"
	m_attack "tar by another user" "user=games path=$D/$HEAP" as_group tar -Pcf "$OUT/copy" "$D/$HEAP"
	m_attack "cp by another user" "user=games path=$D/$HEAP" as_group cp "$D/$HEAP" "$OUT/copy"
	m_attack "dd by another user" "user=games path=$D/$HEAP" as_group dd if="$D/$HEAP" status=none
	m_attack "the database's user with another program" "user=postgres path=$D/$HEAP program=/usr/bin/cat" \
		as postgres cat "$D/$HEAP"
}

m_start
mount --bind "$D" bound
t_check "initdb" pg initdb -D "$D" -A trust -g -N -E UTF8
(
	cd "$CASE_DIR" && exec setpriv --reuid="${M_UID[postgres]}" --regid="${M_GID[postgres]}" --clear-groups -- "$BIN/postgres" \
		-D "$D" -k "$CASE_DIR/socket" -p $PGPORT -c listen_addresses= -c shared_buffers=16MB >"$OUT/postgres.log" 2>&1
) &
DATABASE=$!
N_STARTED+=("$DATABASE")
if ! t_wait 60 is_up; then
	t_fail "the database starts" "$(tail -n 20 "$OUT/postgres.log")" "$(denials)"
	exit 1
fi
t_ok "the database starts"
t_check "pgbench -i" pg pgbench -q -i -s 1 postgres
t_check "pgbench" pg pgbench -n -c 2 -T 5 postgres
t_check "a table with a record" pg psql -q -c "create table record (id int, text text); insert into record values (1, '$MARKER');
	checkpoint" postgres
HEAP=$(pg psql -qAt -c "select pg_relation_filepath('record')" postgres)
for pid in $DATABASE $(pgrep -P "$DATABASE"); do
	find "/proc/$pid/fd" -lname "$D/*" -printf '%l\n' 2>/dev/null
done | grep -v '(deleted)' >held
t_equal "no denial so far" "" "$(denials)"
t_check "every file that it holds open has its entry" t_wait 30 opened_in_ledger
t_equal "the monitor saw no loss" 0 "$(m_entries | jq -n '[inputs | select(.unmapped.muniment.kind == "loss")] | length')"

cp "$OUT/postgres.log" "$M/" && rm -rf "${OUT:?}"/*
m_guarded intruders
t_check "the database still answers" test "$(pg psql -qAt -c 'select text from record' postgres)" = "$MARKER"
kill -INT "$DATABASE"
wait "$DATABASE"
t_equal "the database stops" 0 $?
m_events
t_equal "no denial of the database's own programs" "" "$(denials | grep "$BIN/")"
m_verify
m_stop
m_unguarded intruders
t_done
