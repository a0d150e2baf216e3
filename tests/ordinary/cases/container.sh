#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# A service in a container reads and writes records in a volume: namespaces of its own, an overlay of an image on another
# file system for its root, the volume bind-mounted, pivot_root. Once as containers are by default, where root is the
# host's root, and once without root, in a user namespace with an overlay that only the container sees. What roles can
# say of them stands in muniment-policy(5). Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"

V=/srv/volumes C=$CASE_DIR/containers IMAGE=$CASE_DIR/image
FIRST=200000 # the host's uid of the second container's root
o_needs /usr/bin/busybox /usr/sbin/mke2fs /usr/bin/curl

# The image, on a file system of its own: one program under many names, and a service that stores what it is sent.
make_image() {
	local name
	mkdir -p "$IMAGE" && truncate -s 64M image.ext4 && mke2fs -q -t ext4 image.ext4 && mount -o loop image.ext4 "$IMAGE" || return
	mkdir -p "$IMAGE"/{bin,proc,dev,tmp,data,old,srv/cgi-bin} && cp /usr/bin/busybox "$IMAGE/bin/busybox" || return
	for name in sh cat httpd ip mount umount pivot_root mv ls rm sleep id mkdir; do
		ln -s busybox "$IMAGE/bin/$name"
	done
	ln -s /data "$IMAGE/srv/data"
	# shellcheck disable=SC2016  # expanded by the service
	printf '%s\n' '#!/bin/sh' 'echo "Content-Type: text/plain"; echo' \
		'cat >"/data/.new.$$" && mv "/data/.new.$$" "/data/$QUERY_STRING" && ls /data | grep -cx "$QUERY_STRING"' |
		sed 's/ | grep -cx.*//' >"$IMAGE/srv/cgi-bin/put"
	chmod 755 "$IMAGE/srv/cgi-bin/put"
	mount -o remount,ro "$IMAGE"
}

# What runs inside of the namespaces, until pivot_root by the host's programs. $1: the container, $2: where its overlay is
# made: here, or before by the host.
# shellcheck disable=SC2016  # expanded inside
INSIDE='
	set -e
	cd "$1"
	hostname "${1##*/}"
	if [ "$2" = inside ]; then
		mount -t overlay -o "lowerdir=$3,upperdir=$1/upper,workdir=$1/work,userxattr" overlay merged
	fi
	mount --rbind volume merged/data
	mount -t proc proc merged/proc
	mount --bind /dev/null merged/dev 2>/dev/null || true
	ip link set lo up
	cd merged
	pivot_root . old
	exec /bin/busybox sh -c "umount -l /old; cd /; exec /bin/busybox httpd -f -p 127.0.0.1:8080 -h /srv"
'

# run NAME inside|host: starts the container. All that is done with it is done in subshells, so its pid lies in a file.
run() {
	local dir=$C/$1 user=() options=(--mount --pid --net --uts --ipc --fork --kill-child --propagation private)
	[[ $2 == host ]] || { user=(setpriv --reuid="$FIRST" --regid="$FIRST" --clear-groups --) && options+=(--user --map-root-user); }
	setsid "${user[@]}" unshare "${options[@]}" bash -c "$INSIDE" inside "$dir" "$2" "$IMAGE" >>"$dir/log" 2>&1 </dev/null &
	echo $! >"$M/container"
	t_wait 60 ask data/first || { cat "$dir/log" && return 1; }
}

# The first process inside.
inside_pid() {
	pgrep -P "$(<"$M/container")" | head -n 1
}

# The container's own network: as its users reach it.
ask() {
	nsenter --net --target "$(inside_pid)" curl -sSf --max-time 30 "http://127.0.0.1:8080/$1" "${@:2}"
}

end() {
	kill -KILL "$(inside_pid)" && t_wait 20 is_gone
}

is_gone() {
	! kill -0 "$(<"$M/container")"
}

# What its users do.
use() {
	local n
	[[ $(ask data/first) == "$MARKER" ]] || return
	for n in 1 2 3 4 5; do
		head -c $((n * 30000)) /dev/urandom >"sent-$n" && ask "cgi-bin/put?$1-$n" --data-binary "@sent-$n" >/dev/null &&
			ask "data/$1-$n" -o "got-$n" && cmp "sent-$n" "got-$n" || return
	done
}

make_containers() {
	local name
	mkdir -p "$V" && mount -t tmpfs none "$V" && mkdir -p "$C" || return
	for name in plain mapped; do
		mkdir -p "$V/$name" "$C/$name"/{upper,work,merged,volume} && echo "$MARKER" >"$V/$name/first" &&
			mount --bind "$V/$name" "$C/$name/volume" || return
	done
	chown -R "$FIRST:$FIRST" "$V/mapped" "$C/mapped" && chmod 750 "$V"/*
	mount -t overlay -o "lowerdir=$IMAGE,upperdir=$C/plain/upper,workdir=$C/plain/work" overlay "$C/plain/merged"
}

# As when the container is made anew: another overlay of the same image.
again() {
	umount "$C/plain/merged" &&
		mount -t overlay -o "lowerdir=$IMAGE,upperdir=$C/plain/upper,workdir=$C/plain/work" overlay "$C/plain/merged" &&
		sleep 3
}

t_check "an image" make_image
t_check "containers" make_containers
m_policy <<POLICY
version: 1
mode: enforce
stores:
  plain: {paths: [$V/plain], class: restricted, audit: required}
  mapped: {paths: [$V/mapped], class: restricted, audit: required}
roles:
  # The host sees this container's root: the program is what lies there. Its root is the host's.
  plain: {users: [root], programs: [$C/plain/merged/bin/busybox, $C/plain/merged/srv/cgi-bin/put]}
  # Nobody but the container sees its root; but nobody else has its users.
  mapped: {users: [$FIRST]}
grants:
  - {role: plain, store: plain, access: [list, read, write, create, delete, rename], serves: true}
  - {role: mapped, store: mapped, access: [list, read, write, create, delete, rename], serves: true}
POLICY
o_policy_of_flows # the policy has a finding: busybox runs whatever it is told
m_start
o_work "the first container" run plain host
o_work "its users work" use plain
sync && echo 2 >/proc/sys/vm/drop_caches
o_work "and when the kernel needed memory" use plain-2
o_work "it ends" end
echo 2 >/proc/sys/vm/drop_caches
o_work "it starts again" run plain host
o_work "its users work again" use plain-3
o_work "it ends again" end
o_work "it is made anew" again
o_work "it starts anew" run plain host
o_work "its users work on" use plain-4
o_work "it ends at last" end
o_work "the second container" run mapped inside
o_work "its users work, too" use mapped
o_work "it ends" end
o_no_denials

M_STORE=plain
o_intruder "the first one's volume, by root" "user=root path=$V/plain/first program=/usr/bin/cat" cat "$V/plain/first"
o_intruder "by the bind mount" "user=root program=/usr/bin/cat" cat "$C/plain/volume/first"
o_intruder "by the same program of the host" "user=root program=/usr/bin/busybox" busybox cat "$V/plain/first"
m_events
M_STORE=mapped
o_intruder "the second one's volume, by root" "user=root path=$V/mapped/first program=/usr/bin/cat" cat "$V/mapped/first"
o_intruder "by its group" "user=games path=$V/mapped/first program=/usr/bin/cat" \
	setpriv --reuid=games --regid="$FIRST" --clear-groups -- cat "$V/mapped/first"
o_end
t_equal "the first one's records are there" 21 "$(find "$V/plain" -type f | wc -l)"
t_equal "and the second one's" 6 "$(find "$V/mapped" -type f | wc -l)"
t_done
