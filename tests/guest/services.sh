# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Real servers of the far side, and whether a record has come to them. Sourced after far.sh. Owns the processes that it
# starts, and in $FAR the directories in/ (what was stored there) and log/ (what servers say).
#
# All run on this kernel: who has received a record holds it, and its answers take an agreement to 10.9.0.1; what holds
# nothing is therefore to be tried first.

SERVICES=()

# services_start: the far side, without servers yet.
services_start() {
	far_start && mkdir "$FAR/in" "$FAR/log" "$FAR/www" && chmod 1777 "$FAR/in" && : >"$FAR/www/x" && : >"$FAR/www/x?$MARKER"
}

services_stop() {
	kill "${SERVICES[@]}" 2>/dev/null
	far_stop
}

far_listens() {
	[[ -n $(nsenter --net="/run/netns/$FAR_NS" ss -H -l -n -t -u "sport = :$1") ]]
}

# service NAME PORT COMMAND…: on the far side, in the directory of what web servers have.
service() {
	local name=$1 port=$2
	shift 2
	(cd "$FAR/www" && exec nsenter --net="/run/netns/$FAR_NS" "$@") >>"$FAR/log/$name" 2>&1 </dev/null &
	SERVICES+=($!)
	t_wait 60 far_listens "$port" || t_fail "$name listens" "$(cat "$FAR/log/$name")"
}

# service_tls PORT VERSION: a web server by openssl, which talks that version of TLS alone, to one client after the other:
# a connection that is refused must end for it, too.
service_tls() {
	if [[ ! -e $CASE_DIR/pem ]]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -keyout "$CASE_DIR/pem" \
			-out "$CASE_DIR/cert" 2>/dev/null && cat "$CASE_DIR/cert" >>"$CASE_DIR/pem"
	fi
	service "tls$1" "$1" openssl s_server -WWW "-tls${2/./_}" -cipher DEFAULT:@SECLEVEL=0 -accept "$1" -cert "$CASE_DIR/pem"
}

# Behind the first $1 bytes of the frames, or in what servers have.
has_come() {
	far_got "$MARKER" "$1" || grep -r -a -q -F -e "$MARKER" "$FAR/in" "$FAR/log"
}

# reaches COMMAND…: prints the marker if that comes to the far side, and returns the command's status.
reaches() {
	local from status
	rm -rf "$FAR"/in/*
	truncate -s 0 "$FAR"/log/*
	from=$(stat -c %s "$FAR/frames")
	"$@" >&2
	status=$?
	! t_wait 1 has_come "$from" || echo "$MARKER"
	return "$status"
}

# sends USER ARGUMENT…: the case's function send_by, which sends, as that user; `reaches` of it.
sends() {
	local user=$1
	shift
	export -f send_by
	reaches timeout -k 2 60 setpriv --reuid="${M_UID[$user]}" --regid="${M_GID[$user]}" --clear-groups -- bash -c 'send_by "$@"' send "$@"
}

# The path by which the kernel knows a program.
program_of() {
	readlink -f "$(PATH=/usr/bin command -v "$1")"
}

# sshd_config NAME PORT PAM: in $CASE_DIR/sshd.NAME
sshd_config() {
	cat >"$CASE_DIR/sshd.$1" <<END
Port $2
HostKey $CASE_DIR/host-key
AuthorizedKeysFile $CASE_DIR/authorized
PidFile none
UsePAM $3
StrictModes no
Subsystem sftp internal-sftp
END
}

# ssh_prepare USER…: root and these log in to each other by a key, with $CASE_DIR/ssh.conf, where sshd has sshd.near (as hosts
# have it) or sshd.far.
ssh_prepare() {
	local user
	mkdir -p /run/sshd && sshd_config near 2222 yes && sshd_config far 22 no || return
	ssh-keygen -q -t ed25519 -N '' -f host-key && ssh-keygen -q -t ed25519 -N '' -f key.root && cp key.root.pub authorized || return
	for user in "$@"; do
		chsh -s /bin/bash "$user" && install -m 600 -o "$user" key.root "key.$user" || return
	done
	cat >ssh.conf <<END
Host *
	IdentityFile $CASE_DIR/key.%u
	IdentitiesOnly yes
	StrictHostKeyChecking no
	UserKnownHostsFile /dev/null
	KexAlgorithms curve25519-sha256
	LogLevel ERROR
	BatchMode yes
	ConnectTimeout 40
END
}
