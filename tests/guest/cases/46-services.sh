#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
# timeout: 900
#
# Services that carry data: ssh with what goes by it (scp, rsync, a login that shows a record), PostgreSQL's ways out, and
# SMB by smbclient and by a mount. Without an agreement not one byte of a record comes to the far side, with one it does,
# and whoever has read none does not notice. Two hosts: this one, and a network namespace. Run by
# tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2034,SC2119  # variables of jq and sh; for muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"
# shellcheck source=tests/guest/services.sh
. "$TREE/tests/guest/services.sh"

R=$CASE_DIR/ehr/record NOTES=$CASE_DIR/notes PG=/usr/lib/postgresql/15/bin DATA=$CASE_DIR/data SOCKET=$CASE_DIR/socket
export FAR CASE_DIR
mkdir ehr work && echo "$MARKER" | tee "$R" >"$NOTES" && chown -R daemon ehr
services_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }

# --- what there is ---

smb_prepare() {
	mkdir "$FAR/smb"
	cat >smb.conf <<END
[global]
	server role = standalone server
	disable netbios = yes
	smb ports = 445
	load printers = no
	disable spoolss = yes
	log file = $FAR/smb/log
	private dir = $FAR/smb
	lock directory = $FAR/smb
	state directory = $FAR/smb
	cache directory = $FAR/smb
	pid directory = $FAR/smb
	ncalrpc dir = $FAR/smb/ncalrpc
[in]
	path = $FAR/in
	read only = no
END
	printf 'secret\nsecret\n' | smbpasswd -c "$CASE_DIR/smb.conf" -s -a games
}

# The same empty cluster for both sides; a store is here.
pg_prepare() {
	mkdir "$DATA" "$SOCKET" && chown postgres: "$DATA" "$SOCKET" && chmod 750 "$DATA" || return
	as postgres "$PG/initdb" -N -A trust -D "$DATA" >pg.log || return
	echo "host all all 10.9.0.0/24 trust" >>"$DATA/pg_hba.conf" && cp -a "$DATA" "$FAR/pg"
}

sql() {
	as postgres psql -h "$SOCKET" -X -A -t -q -v ON_ERROR_STOP=1 -c "$1"
}

t_check "keys for ssh" ssh_prepare daemon games
t_check "an account for SMB" smb_prepare
t_check "a cluster of PostgreSQL" pg_prepare

# policy MORE: with further keys.
policy() {
	m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$CASE_DIR/ehr, $DATA], audit: required}
roles:
  clinic: {users: [daemon]}
  database: {users: [postgres], programs: [$PG/postgres]}
  set-up: {users: [postgres], programs: [$PG/pg_ctl]}
grants:
  - {role: clinic, store: ehr, access: [list, read]}
  - {role: database, store: ehr, serves: true, access: [list, read, write, create, delete, rename, attributes]}
  - {role: set-up, store: ehr, access: [list, read, write, create, delete, rename, attributes]}
agreements:
  partner: {stores: [ehr], to: [10.9.0.3]}
  # The far side is on the same kernel: it holds what it has received, and answers.
  far: {stores: [ehr], to: [10.9.0.1]}
$1
END
}

reload() {
	policy "$1"
	t_check "another policy: ${1:-as at first}" "$MUNIMENT" reload --run "$M/run"
}

# What goes out by whom: file $2 to address $3.
send_by() {
	case $1 in
	scp) exec scp -q -F "$CASE_DIR/ssh.conf" "$2" "games@$3:$FAR/in/scp" ;;
	rsync) exec rsync -e "ssh -F $CASE_DIR/ssh.conf" "$2" "games@$3:$FAR/in/rsync" ;;
	ssh) exec ssh -F "$CASE_DIR/ssh.conf" "games@$3" "cat >$FAR/in/ssh" <"$2" ;;
	smbclient) exec smbclient -s "$CASE_DIR/smb.conf" -U games%secret "//$3/in" -c "put $2 smb" ;;
	esac
}

# far COMMAND…: there, where logins come from.
far() {
	timeout -k 2 60 nsenter --net=/run/netns/far "$@"
}

# logs_in USER ADDRESS FILE: at a terminal, where a shell shows the file.
logs_in() {
	printf 'cat %s; exit\n' "$3" | far ssh -F "$CASE_DIR/ssh.conf" -b "$2" -tt -p 2222 "$1@10.9.0.1" \
		>"$FAR/in/terminal" 2>&1
}

# runs USER ADDRESS FILE: without a terminal.
runs() {
	far ssh -F "$CASE_DIR/ssh.conf" -b "$2" -p 2222 "$1@10.9.0.1" "cat $3" >"$FAR/in/run" </dev/null
}

# pulls USER ADDRESS FILE
pulls() {
	far scp -q -F "$CASE_DIR/ssh.conf" -o "BindAddress=$2" -P 2222 "$1@10.9.0.1:$3" "$FAR/in/pulled"
}

# The database sends what it has: by a program, and by itself.
copies_to_program() {
	sql "copy patients to program 'nc -N $1 $FAR_PORT'"
}

inserts_afar() {
	sql "insert into at_${1//./_} select mrn from patients"
}

pg_service() {
	cd "$SOCKET" || return
	as postgres "$PG/pg_ctl" -s -w -t 120 -D "$DATA" -l "$SOCKET/log" -o "-c listen_addresses=10.9.0.1 -k $SOCKET -c fsync=off" "$1"
	local status=$?
	cd "$CASE_DIR" && return "$status"
}

pg_fill() {
	local address
	sql "create table patients (mrn text); insert into patients values ('$MARKER'); create extension postgres_fdw" || return
	for address in 10.9.0.2 10.9.0.3; do
		sql "create server s_${address//./_} foreign data wrapper postgres_fdw options (host '$address', port '5433', dbname 'postgres');
			create user mapping for postgres server s_${address//./_} options (user 'postgres', password_required 'false');
			create foreign table at_${address//./_} (mrn text) server s_${address//./_} options (table_name 'got')" || return
	done
	as games psql -h 10.9.0.2 -p 5433 -U postgres -X -q -c "create table got (mrn text)" postgres
}

# SMB as a file system: what a process that holds records writes there is a copy.
mount_smb() {
	mkdir -p "$CASE_DIR/smb" && modprobe cifs &&
		mount -i -t cifs //10.9.0.3/in "$CASE_DIR/smb" \
			-o ip=10.9.0.3,username=games,password=secret,vers=3.1.1,uid=1,forceuid,file_mode=0666,dir_mode=0777
}

# copies_there USER FILE NAME: each of its own, as the far side forgets what had come before.
copies_there() {
	as "$1" sh -c 'cat "$1" >"$2" && sync "$2"' sh "$2" "$CASE_DIR/smb/$3"
}

# The far side asks the database here.
asks_here() {
	far psql -h 10.9.0.1 -U postgres -X -A -t -q -c "select mrn from patients" postgres >"$FAR/in/asked"
}

holders() {
	"$MUNIMENT" labels --json --run "$M/run" | jq -r '.processes[] | "\(.pid) \(.name)"'
}

no_service_holds() {
	! holders | grep -E ' (sshd|postgres)$'
}

by_psql() {
	as games psql -h 10.9.0.2 -p 5433 -U postgres -X -q -c "insert into got values ('$MARKER')" postgres
}

policy ''
service sshd 22 /usr/sbin/sshd -D -e -f "$CASE_DIR/sshd.far"
service smbd 445 smbd --foreground --configfile="$CASE_DIR/smb.conf"
service postgres 5433 setpriv --reuid=postgres --regid=postgres --clear-groups -- \
	"$PG/postgres" -D "$FAR/pg" -k "$FAR/pg" -p 5433 -c listen_addresses='*' -c fsync=off
mounted=$(mount_smb 2>&1) || mounted+=" $(dmesg | grep CIFS | tail -n 3; tail -n 20 "$FAR/smb/log")"
m_start --pin
/usr/sbin/sshd -D -e -f "$CASE_DIR/sshd.near" >sshd.log 2>&1 </dev/null &
SSHD=$!
t_check "the database starts" pg_service start
t_check "and has records" pg_fill

m_allowed "PostgreSQL serves who asks from the far side" '' reaches asks_here
t_equal "by which nobody holds anything, itself included, though pg_ctl started it" "" "$(holders)"

TELLS="operations=send reason=not_agreed"
GIVES="operations=send reason=null agreement=partner"
M_SAYS='' # each has words of its own
M_PASS=guarded
for by in scp rsync ssh smbclient; do
	m_allowed "$by by who has read nothing" '' sends games "$by" "$NOTES" 10.9.0.2
done
m_allowed "psql by who has read nothing" '' reaches by_psql
for by in logs_in runs pulls; do
	m_allowed "$by: a login that shows no record" '' reaches "$by" games 10.9.0.2 "$NOTES"
done

declare -A PORT=([scp]=22 [rsync]=22 [ssh]=22 [smbclient]=445) SENDS=([scp]=ssh [rsync]=ssh [ssh]=ssh [smbclient]=smbclient)
for by in scp rsync ssh smbclient; do
	m_attack "$by" "user=daemon program=/usr/bin/${SENDS[$by]} $TELLS to=10.9.0.2:${PORT[$by]}" sends daemon "$by" "$R" 10.9.0.2
done
for by in logs_in runs pulls; do
	m_attack "$by" "user=daemon program=/usr/sbin/sshd $TELLS" reaches "$by" daemon 10.9.0.2 "$R"
done
m_attack "COPY TO PROGRAM" "user=postgres program=$(program_of nc) $TELLS to=10.9.0.2:$FAR_PORT" reaches copies_to_program 10.9.0.2
m_attack "postgres_fdw" "user=postgres program=$PG/postgres $TELLS to=10.9.0.2:5433" reaches inserts_afar 10.9.0.2

M_PASS=permitted
for by in scp rsync ssh smbclient; do
	m_allowed "$by" "user=daemon program=/usr/bin/${SENDS[$by]} $GIVES to=10.9.0.3:${PORT[$by]}" sends daemon "$by" "$R" 10.9.0.3
done
for by in logs_in runs pulls; do
	m_allowed "$by" "user=daemon program=/usr/sbin/sshd $GIVES" reaches "$by" daemon 10.9.0.3 "$R"
done
m_allowed "COPY TO PROGRAM" "user=postgres program=$(program_of nc) $GIVES to=10.9.0.3:$FAR_PORT" reaches copies_to_program 10.9.0.3
m_allowed "postgres_fdw" "user=postgres program=$PG/postgres $GIVES to=10.9.0.3:5433" reaches inserts_afar 10.9.0.3
m_events

# Terminals label nobody by a rule; pipes do.
reload 'declassify: [{to: [/dev/pts]}]'
M_PASS=guarded
m_allowed "with terminals declassified, a login shows the record" '' reaches logs_in daemon 10.9.0.2 "$R"
m_attack "a command of a login without a terminal does not" "user=daemon program=/usr/sbin/sshd $TELLS" \
	reaches runs daemon 10.9.0.2 "$R"
m_events
t_equal "nobody else was refused anything, and nothing but what was sent is a copy" "" "$(m_flat |
	jq -c --arg daemon "${M_UID[daemon]}" --arg postgres "${M_UID[postgres]}" 'select((.wanted == "deny" and
		(.uid | IN($daemon, $postgres) | not)) or (.operations == "copy" and .declassified != true)) |
		{uid, program, to, path, operations, reason}')"
t_check "no service here has come to hold anything" t_wait 20 no_service_holds

if mountpoint -q smb; then
	reload "copies: {to: [$CASE_DIR/work], else: deny}"
	m_allowed "a mount of SMB, by who has read nothing" '' reaches copies_there games "$NOTES" notes
	M_SAYS='Permission denied'
	m_attack "a copy on it, where none may lie" "user=daemon operations=copy reason=copies" reaches copies_there daemon "$R" denied
	reload "copies: {to: [$CASE_DIR/smb], else: deny}"
	m_allowed "where they may" "user=daemon operations=copy" reaches copies_there daemon "$R" allowed
	m_events
else
	t_skip "a mount of SMB" "${mounted//$'\n'/; }"
fi

t_check "the database stops" pg_service stop
kill "$SSHD"
m_verify
m_stop
services_stop
t_done
