#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# An admin's day beside a store and a monitor that guards itself: packages and users come and go, services are started,
# looked at and stopped, logs are rotated, file systems mounted, settings read and written. Nothing of it is denied, and
# the service at the store does not notice. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"
# shellcheck source=tests/ordinary/service.sh
. "$TREE/tests/ordinary/service.sh"

R=/srv/records
o_needs /usr/sbin/logrotate

# The service at the store: each round, every record is written anew and read. Stops when its file is gone.
# shellcheck disable=SC2016  # expanded by the service
serve() {
	touch running && chmod 644 running
	as daemon bash -c '
		cd "$1" || exit
		for ((round = 1; ; round++)); do
			for n in 1 2 3; do
				echo "$2 $round" >".new" && mv .new "record-$n" && read -r _ seen <"record-$n" && [[ $seen == "$round" ]] ||
					{ echo "round $round: record $n" && exit 1; }
			done
			[[ -e $3/running ]] || exit 0
			sleep 0.5
		done' service "$R" "$MARKER" "$CASE_DIR" >service.log 2>&1 </dev/null &
	SERVICE=$!
}

install() {
	DEBIAN_FRONTEND=noninteractive dpkg -i "$CASE_DIR/$1.deb" && kill -0 "$(</run/case-service.pid)"
}

people() {
	local uid
	useradd -m alice && usermod -aG games alice && echo 'alice:secret' | chpasswd && gpasswd -d alice games &&
		uid=$(id -u alice) && (echo "$uid" >/proc/self/loginuid && runuser -u alice -- id && touch /root/of-alice) && userdel -r alice
}

# Of every process, those of the monitor and of the service included.
look_at_processes() {
	ps auxef && ps -eLo pid,cls,pri,ni,cgroup,args && top -b -n 1 && pgrep -a . && pstree && for pid in /proc/[0-9]*; do
		cat "$pid/status" "$pid/cmdline" "$pid/cgroup" "$pid/limits" "$pid/stat" "$pid/io" "$pid/maps" >/dev/null 2>&1
		readlink "$pid"/exe "$pid"/cwd "$pid"/fd/* "$pid"/ns/* >/dev/null 2>&1
		cat "$pid/environ" "$pid/mountinfo" >/dev/null 2>&1 || :
	done
}

look_at_the_host() {
	df -a && free && vmstat && ss -tuxap && ip address && lsblk && findmnt && lsmod && dmesg >/dev/null && mount && sysctl -a >/dev/null &&
		blkid /dev/loop* /dev/vd* >/dev/null 2>&1
	uptime && du -s /etc /var/log && find /etc /var/log "$CASE_DIR" -xdev -newer /etc/passwd >/dev/null
}

look_at_the_monitor() {
	"$MUNIMENT" status --run "$M/run" && "$MUNIMENT" policy check "$M/policy.d" && "$MUNIMENT" log verify "$M/ledger" --key "@$M/key.vkey" &&
		"$MUNIMENT" log show "$M/ledger" >/dev/null && tail -n 5 "$M/events.json" && ls -lR "$M" && "$MUNIMENT" reload --run "$M/run"
}

settings() {
	sysctl -w vm.swappiness=50 kernel.printk="4 4 1 7" net.ipv4.ip_forward=0 && modprobe dummy && rmmod dummy && sync &&
		echo 1 >/proc/sys/vm/drop_caches && renice -n 1 -p "$SERVICE" && chrt -b -p 0 "$SERVICE" && taskset -p "$SERVICE" &&
		prlimit --pid "$SERVICE" --nofile=2048 && kill -STOP "$SERVICE" && kill -CONT "$SERVICE" && hostname guest-2 &&
		mkdir -p /sys/fs/cgroup/an-admins && echo "$SERVICE" >/sys/fs/cgroup/an-admins/cgroup.procs
}

file_systems() {
	truncate -s 20M disk && mke2fs -q -t ext4 disk && mkdir -p mnt && mount -o loop disk mnt && cp -a /etc/default mnt/ &&
		resize2fs "$(findmnt -no SOURCE mnt)" && umount mnt && e2fsck -fp disk && mount -t tmpfs none mnt &&
		mount -o remount,size=1M mnt && mount --bind /etc mnt && umount -R mnt && umount mnt
}

backups_of_others() {
	tar -C / -cf "$CASE_DIR/etc.tar" etc var/lib/dpkg/status && tar -tf "$CASE_DIR/etc.tar" >/dev/null && cp -a /etc "$CASE_DIR/etc" &&
		diff -r --no-dereference /etc "$CASE_DIR/etc"
}

rotate() {
	logrotate -f -s "$CASE_DIR/state" /etc/logrotate.conf && systemd-tmpfiles --create --clean --prefix=/var --prefix=/run
}

# The record's names and sizes are no secret. (`df DIRECTORY` opens it, as if to list it.)
look_at_the_store() {
	stat "$R" "$R/record-1" && df | grep -F "$R" && findmnt -T "$R"
}

mkdir -p "$R" && mount -t tmpfs -o mode=750 none "$R" && chown daemon: "$R"
rm -f /var/lib/man-db/auto-update
t_check "a package" make_package 1.0
t_check "and another version" make_package 1.1
m_policy_of "$R"
sed -i 's/access: .*/access: [list, read, write, create, delete, rename]}/' "$M/policy.d/policy.yaml"
# Here admins load modules, which is an alert otherwise.
echo "host: {modules: allow}" >>"$M/policy.d/policy.yaml"
o_start
serve
o_work "a package is installed" install 1.0
o_work "it is upgraded" install 1.1
o_work "a package is configured anew" dpkg-reconfigure -f noninteractive tzdata
o_work "its service is restarted" /etc/init.d/case-service restart
o_work "people come and go" people
o_work "processes are looked at" look_at_processes
o_work "the host is looked at" look_at_the_host
o_work "the monitor is looked at" look_at_the_monitor
o_work "settings are changed" settings
o_work "file systems are made and mounted" file_systems
o_work "other files are backed up" backups_of_others
o_work "logs are rotated" rotate
o_work "what stat(2) tells of the store" look_at_the_store
o_work "the package is purged" dpkg --purge case-service
rm running
wait "$SERVICE"
t_equal "the service at the store did not notice" "0 " "$? $(<service.log)"
o_no_denials

o_intruder "a record, by root" "user=root path=$R/record-1 program=/usr/bin/cat operations=read" cat "$R/record-1"
o_intruder "the store's list, by root" "user=root program=/usr/bin/ls operations=list" ls "$R/"
m_events
M_STORE="(monitor)"
o_intruder "an end to the monitor" "operations=control hook=task_kill target=$(m_status | jq .pid)" kill -KILL "$(m_status | jq .pid)"
o_end
t_done
