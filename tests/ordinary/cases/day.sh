#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 2700
#
# Two hours of a host that keeps records, accelerated: in each of twelve rounds of ten minutes packages are installed, programs
# compiled, people log in, a web server answers, also out of the database, names are looked up, mail is delivered, jobs run,
# logs are rotated, files backed up, while clinicians log in, read records, and go. Data may go only where the policy says.
# Nothing ordinary comes to hold anything, nothing is denied, and how many processes held something is told.
# Policy: policies/ehr-postgresql.yaml, and a store of files. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2034,SC2119  # variables of perl and jq; M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"
# shellcheck source=tests/guest/services.sh
. "$TREE/tests/guest/services.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"
# shellcheck source=tests/ordinary/postgresql.sh
. "$TREE/tests/ordinary/postgresql.sh"
# shellcheck source=tests/ordinary/service.sh
. "$TREE/tests/ordinary/service.sh"
# shellcheck source=tests/ordinary/clinicians.sh
. "$TREE/tests/ordinary/clinicians.sh"

ROUNDS=12 SECONDS_A_ROUND=600 DAEMONS=()
o_needs "$PG/postgres" /usr/bin/pg_ctlcluster /usr/sbin/nginx /usr/sbin/cron /usr/sbin/rsyslogd /usr/sbin/dma /usr/sbin/dnsmasq \
	/usr/sbin/sshd /usr/bin/gcc /usr/bin/make /usr/sbin/logrotate /usr/bin/rsync /usr/bin/curl

# --- the host ---

people() {
	groupadd clinicians && useradd -m -G clinicians doctor && useradd -m worker && ssh_prepare doctor worker &&
		mkdir -p "$NOTES" /srv/work/doctor "$M/doctors" && mount -t tmpfs -o mode=770 none "$NOTES" &&
		echo "$MARKER" >"$NOTES/record" && chown -R doctor:clinicians "$NOTES" && chown doctor /srv/work/doctor "$M/doctors"
}

# The web server has pages of its own, and what an application says, which asks the database.
web_prepare() {
	cat >/etc/nginx/sites-enabled/default <<-'END'
		server {
			listen 80 default_server;
			root /var/www/html;
			location /app { proxy_pass http://127.0.0.1:8000; }
		}
	END
	cat >app.py <<-'END'
		import wsgiref.simple_server
		import psycopg2

		def answer(environ, start_response):
		    with psycopg2.connect(host="127.0.0.1", dbname="ehr", user="doctor") as db, db.cursor() as cursor:
		        cursor.execute("select mrn, notes from patients where id = %s", (int(environ["QUERY_STRING"]),))
		        page = " ".join(cursor.fetchone())
		    start_response("200 OK", [("Content-Type", "text/plain")])
		    return [page.encode()]

		wsgiref.simple_server.make_server("127.0.0.1", 8000, answer).serve_forever()
	END
	sed -i '1i host all doctor 127.0.0.1/32 trust' /etc/postgresql/15/main/pg_hba.conf
	head -c 200000 /dev/urandom >/var/www/html/picture && echo "a page" >/var/www/html/index.html
}

# What runs each minute: of the host, of people, with output and without, and one job that reads records.
jobs_prepare() {
	cat >/etc/cron.d/case <<-END
		* * * * * root find /etc -newer /etc/hostname >/var/tmp/new-settings
		* * * * * worker date; uptime
		* * * * * doctor grep -c . $NOTES/record >/srv/work/doctor/count 2>&1
	END
	rm -f /etc/cron.d/e2scrub_all /var/lib/man-db/auto-update
	echo guest.example.org >/etc/mailname
}

sources() {
	local n
	mkdir -p src && for n in 1 2 3; do
		printf '%s\n' '#include <stdio.h>' "int part$n(int n) { return printf(\"%d\\n\", n * $n); }" >"src/part$n.c"
	done
	printf '%s\n' 'int part1(int), part2(int), part3(int);' 'int main(void) { return part1(1) + part2(2) + part3(3) < 0; }' >src/main.c
	printf '%s\n' 'program: main.o part1.o part2.o part3.o' '	$(CC) -o $@ $^' 'clean:' '	rm -f program *.o' >src/Makefile
}

# daemon NAME COMMAND…: one that the host starts and that stays.
daemon() {
	local name=$1
	shift
	"$@" >"$name.log" 2>&1 </dev/null &
	DAEMONS+=($!)
}

# As the first process starts them: nobody's children.
services_start_here() {
	rsyslogd && cron && dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --listen-address=127.0.0.53 --bind-interfaces \
		--address=/example.org/10.9.0.3 --pid-file=/run/dnsmasq.pid && echo 'nameserver 127.0.0.53' >/etc/resolv.conf &&
		/etc/init.d/nginx start && /usr/sbin/sshd -f "$CASE_DIR/sshd.near"
}

policy() {
	o_example ehr-postgresql.yaml 's/restic/rsync/'
	cat >"$M/policy.d/day.yaml" <<-END
		version: 1
		stores:
		  notes: {paths: [$NOTES], class: restricted, audit: required}
		roles:
		  clinician: {groups: [clinicians]}
		grants:
		  - {role: clinician, store: notes, access: [list, read, write, create]}
		  # Who has read notes asks the database, too.
		  - {role: database, store: notes, serves: true, access: [read]}
		agreements:
		  # What a clinician's login shows goes to the ward; its side of the connection is on the same kernel, and answers.
		  ward: {stores: [notes], to: [$WARD, $HOST], purpose: treatment}
		compartments: [[notes, ehr], [notes, ehr-backup]]
		# Modules are loaded for whoever looks at sockets.
		host: {modules: allow}
	END
}

# --- what is done ---

# Everybody's, in each round.
pages() {
	local from
	for from in "as worker" "ward worker"; do
		[[ $($from curl -sSf "http://$HOST/index.html") == "a page" ]] && $from curl -sSf -o /dev/null "http://$HOST/picture" || return
		[[ $($from curl -sSf "http://$HOST/app?0") == *"$MARKER"* && $($from curl -sSf "http://127.0.0.1/app?7") == MRN-7* ]] ||
			[[ $from == ward* ]] || return
	done
}

logins() {
	logs_in worker "worker@$HOST" 'uptime; ls -l /srv /home; df; curl -sSf http://localhost/index.html' </dev/null &&
		printf '%s\n' 'ls -la; ps aux | head; logger at work' 'getent ahostsv4 www.example.org' exit | logs_in worker -tt "worker@$HOST" &&
		logs_in root -tt "root@$HOST" 'pg_lsclusters; tail -n 3 /var/log/syslog; dmesg | tail -n 3; w' </dev/null &&
		as worker scp -q -F "$CASE_DIR/ssh.conf" -P 2222 /etc/services worker@127.0.0.1:services
}

database() {
	sql "select count(*) from patients" && psql -h 127.0.0.1 -U doctor -X -A -t -c "select notes from patients where id = 0" ehr &&
		as worker psql -h 127.0.0.1 -U doctor -X -A -t -c "select count(*) from patients" ehr &&
		sql "update patients set born = born + 1 where id % 100 = $1" && sql "vacuum analyze patients" &&
		runuser -u postgres -- pgbench -n -c 2 -t 10 ehr
}

letters() {
	echo "letter $1" | sendmail root && as worker sh -c 'echo hello | sendmail worker' && logger "round $1" &&
		dig +short +timeout=20 "a$1.example.org" @127.0.0.53 | grep -qx 10.9.0.3 && as worker curl -sSf "http://www.example.org:$FAR_WEB/x"
}

compiles() {
	make -C src clean && make -C src CC=gcc && ./src/program
}

# apt shows what dpkg prints through a pseudoterminal of its own.
installs() {
	DEBIAN_FRONTEND=noninteractive apt-get -o Dir::State::Lists=/nonexistent install -y "$CASE_DIR/$1.deb" &&
		kill -0 "$(</run/case-service.pid)"
}

backups() {
	mkdir -p /var/backups/host && tar -C / -czf /var/backups/host/etc.tar.gz etc && rsync -a --delete /etc/ /var/backups/host/etc/ &&
		rsync -a -e "ssh -F $CASE_DIR/ssh.conf -p 2222" /var/log/apt root@127.0.0.1:/var/backups/host/ &&
		find /etc /home /var/lib/dpkg /var/log -name '*.conf' -newer /etc/hostname -print >/dev/null
}

rotates() {
	logrotate -f /etc/logrotate.conf
}

dumps() {
	(cd / && runuser -u postgres -- pg_dump -Fc -f /var/lib/pgbackup/ehr.dump ehr)
}

looks() {
	ps auxf && top -b -n 1 && ss -tuxap && pg_lsclusters && o_status_is_good && "$MUNIMENT" reload --run "$M/run"
}

# Each round's own.
work_of() {
	case $1 in
	1 | 7) o_work "round $1: programs are compiled" compiles ;;
	2) o_work "round $1: a package is installed" installs 1.0 ;;
	3 | 9) o_work "round $1: a dump" dumps ;;
	4 | 10) o_work "round $1: backups" backups ;;
	5) o_work "round $1: a package is upgraded" installs 1.1 ;;
	6 | 12) o_work "round $1: logs are rotated" rotates ;;
	8) o_work "round $1: the database is restarted" pg_service restart ;;
	11) o_work "round $1: the package is purged" dpkg --purge case-service ;;
	esac
}

nobody_holds() {
	[[ -z $(o_holders) ]]
}

# A clinician's login begins with the round, goes on beside the work, and ends.
round() {
	local n=$1 clinician
	if ((n % 2)); then clinician_at_a_terminal & else clinician_by_commands & fi
	clinician=$!
	o_work "round $n: the web" pages
	o_work "round $n: logins" logins
	o_work "round $n: the database" database "$n"
	o_work "round $n: mail, names, the log" letters "$n"
	work_of "$n"
	((n % 3 != 1)) || o_work "round $n: the host is looked at" looks
	wait "$clinician"
	t_equal "round $n: the clinician has read" 0 $?
	t_check "round $n: he is gone, and nobody holds anything" t_wait 30 nobody_holds ||:
	o_holders | sed 's/^/# still holds: /'
}

t_check "people" people
for user in doctor worker; do
	M_UID[$user]=$(id -u "$user") M_GID[$user]=$(id -g "$user")
done
services_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }
FAR_WEB=8080
service web "$FAR_WEB" python3 -m http.server "$FAR_WEB" --bind 10.9.0.3
t_check "a cluster" pg_create
t_check "a web server" web_prepare
t_check "jobs" jobs_prepare
t_check "sources" sources
t_check "a package" make_package 1.0
t_check "and another version" make_package 1.1
policy
date -s 08:00 >/dev/null
START=$EPOCHSECONDS
o_start /home/doctor
t_check "the host's services" services_start_here
o_work "the database" pg_service start || exit
o_work "records" pg_records || exit
o_work "a user of the web" sql "alter role doctor login"
o_work "pgbench -i" runuser -u postgres -- pgbench -q -i -s 1 ehr
daemon app as www-data python3 "$CASE_DIR/app.py"
t_check "an application asks it" t_wait 60 curl -sSf 'http://127.0.0.1:8000/?1'
sampling_starts
for ((n = 1; n <= ROUNDS; n++)); do
	round "$n"
	((EPOCHSECONDS >= START + n * SECONDS_A_ROUND)) || date -s "@$((START + n * SECONDS_A_ROUND))" >/dev/null
done
sampling_ends
sampled "$START" "$SECONDS_A_ROUND"
t_equal "who held something was a clinician" "" "$(others_sampled)"
o_no_denials
t_equal "of nobody else there is a copy, anything sent, a denial or an alert" "" "$(others_told)"
t_check "jobs were run" test -e /var/tmp/new-settings -a -s /srv/work/doctor/count
t_check "mail was delivered" grep -q hello /var/mail/worker

M_STORE=notes
o_intruder "a record, by root" "user=root path=$NOTES/record program=/usr/bin/cat operations=read" cat "$NOTES/record"
M_SAYS=''
o_intruder "a clinician's letter to the web" "user=doctor program=/usr/bin/curl reason=not_agreed to=10.9.0.3:$FAR_WEB" \
	runuser -u doctor -- curl -sSf -m 20 -o /dev/null -F "a=@$NOTES/record" "http://10.9.0.3:$FAR_WEB/"
o_work "the database stops" pg_service stop
kill "${DAEMONS[@]}"
o_end
services_stop
t_done
