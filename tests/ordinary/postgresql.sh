# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A cluster of PostgreSQL 15 as Debian's tools make it, on a file system of its own, with records in it. Sourced by the
# cases that work with a database.

# shellcheck disable=SC2034  # for the cases
PG=/usr/lib/postgresql/15/bin
DATA=/var/lib/postgresql/15/main
export LC_ALL=C.UTF-8 PGCLUSTER=15/main

# Before the monitor starts: the cluster is there when its policy is written.
pg_create() {
	mount -t tmpfs -o mode=755 none /var/lib/postgresql && chown postgres: /var/lib/postgresql || return
	mkdir -p /var/lib/pgbackup && mount -t tmpfs -o mode=750 none /var/lib/pgbackup && chown postgres: /var/lib/pgbackup || return
	rm -rf /etc/postgresql/15
	pg_createcluster 15 main -- --no-sync --auth-local=trust &&
		printf '%s\n' "fsync = off" "shared_buffers = 16MB" "jit = off" "max_parallel_workers_per_gather = 0" \
			>>/etc/postgresql/15/main/postgresql.conf
}

# The service, as Debian starts and stops it without systemd.
pg_service() {
	invoke-rc.d postgresql "$1" 15
}

# sql COMMAND [DATABASE]
sql() {
	(cd / && as postgres psql -X -A -t -q -v ON_ERROR_STOP=1 -c "$1" "${2:-ehr}")
}

pg_records() {
	sql "create database ehr" postgres &&
		sql "create table patients (id int primary key, mrn text, born date, notes text);
			insert into patients select i, 'MRN-' || i, date '1930-01-01' + i, repeat(md5(i::text), 1 + i % 40)
			from generate_series(1, 5000) i;
			insert into patients values (0, '$MARKER', '1970-01-01', 'a record');
			create index on patients (mrn); create table scans (id int, picture bytea);
			insert into scans select i, decode(repeat(md5(i::text), 20000), 'hex') from generate_series(1, 4) i;
			create role doctor; grant select on patients to doctor; checkpoint"
}

# What stands in the tables of a database, as one sum.
pg_sum() {
	sql "select md5(string_agg(p::text, '|' order by id)) from patients p" "${1:-ehr}" &&
		sql "select md5(string_agg(id || md5(picture), '|' order by id)) from scans" "${1:-ehr}"
}

pg_heap() {
	echo "$DATA/$(sql "select pg_relation_filepath('patients')")"
}
