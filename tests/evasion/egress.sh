# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Kind egress of the evasion suite: who may read a record gets it out of the host. Each attack's record has a mark of its
# own, $MARK; or the bytes to look for are in $W/spoor. After a pass, what has come to the far side is looked through for
# all of them; in the guarded pass for the beginning of the mark, as nothing of it must come.
# Sourced by tests/evasion/evasion.sh, after far.sh. Owns the network namespaces and $CASE_DIR/egress.
#
# The attacks see: READER, SENDS, SLIP and CAT, programs that may read; CARRY and others, which may not; FAR_TCP and
# FAR_UDP, places for carry; FAR_PORT, OTHER_PORT, UDP_PORT and ROLE_PORT.
#
# An agreement lets data go to 10.9.0.3 and fd09::3, by TCP to FAR_PORT, by UDP to UDP_PORT, and to 10.8.0.2, a host
# between; 10.9.0.2, where everything else is sent, has one that is over and one for a role that no attack has, by TCP to
# FAR_PORT, by UDP to ROLE_PORT. By TLS, though, to 10.9.0.2 at 4431 to 4433 and 2525; and to names, which the daemon finds
# where nobody is and resolvers lead to 10.9.0.2. Of these, 10.9.0.3, 10.9.0.4 (where nobody is) and fd09::3 are listed.

# Below $M, what comes to the far side is not labelled.
FAR=$M/far
EGRESS=$CASE_DIR/egress CARRY=$EGRESS/carry OTHER_PORT=4001 UDP_PORT=4002 ROLE_PORT=4003
READER=$EGRESS/may/carry SENDS=$EGRESS/may/sends SLIP=$EGRESS/may/slip CAT=$EGRESS/may/cat
FAR_TCP=tcp,10.9.0.2,$FAR_PORT FAR_UDP=udp,10.9.0.2,$FAR_PORT
export READER SENDS SLIP CAT CARRY FAR_TCP FAR_UDP FAR_PORT OTHER_PORT UDP_PORT ROLE_PORT

# On the machine itself: connections are refused in a cgroup of the suite's own. Nobody else sees its network namespaces.
own_network() {
	CGROUP=$CASE_DIR/cgroup/muniment-$$
	mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up || exit 1
	mkdir "$CASE_DIR/cgroup" && mount -t cgroup2 muniment-evasion "$CASE_DIR/cgroup" && mkdir "$CGROUP" &&
		echo $$ >"$CGROUP/cgroup.procs" || exit 1
	M_OPTIONS+=(--cgroup "$CGROUP")
}

leave_cgroup() {
	local pid
	while read -r pid; do
		echo "$pid" >"$CASE_DIR/cgroup/cgroup.procs"
	done <"$CGROUP/cgroup.procs"
	rmdir "$CGROUP"
} 2>/dev/null

make_egress_programs() {
	local name
	mkdir -p "$EGRESS/may" && cp /bin/cat "$CAT" && cp "$HELPERS/sends" "$SENDS" || return
	for name in carry slip; do
		cc -D_GNU_SOURCE -std=gnu11 -O1 -o "$EGRESS/may/$name" "$HERE/$name.c" -luring -lpthread || return
	done
	cp "$READER" "$CARRY"
}

# A second way to the far side, over a host between, `mid`; and what the attacks need of the network.
make_between() {
	ip netns add mid && ip link add tomid type veth peer name mid netns mid || return
	ip link add toface netns mid type veth peer name frommid netns "$FAR_NS" || return
	ip addr add 10.8.0.1/24 dev tomid && ip -n mid addr add 10.8.0.2/24 dev mid || return
	ip -n mid addr add 10.7.0.1/24 dev toface && ip -n "$FAR_NS" addr add 10.7.0.2/24 dev frommid || return
	ip link set tomid up && ip -n mid link set mid up && ip -n mid link set toface up && ip -n "$FAR_NS" link set frommid up
}

# Who answers on the far side beside the listener: resolvers, and servers of TLS, which keep what comes in $FAR/clear.
start_servers() {
	local file
	printf '127.0.0.1 localhost\n10.9.0.7 lab.example.org\n203.0.113.9 outside.example.org\n' >"$EGRESS/hosts"
	printf 'nameserver 10.9.0.2\noptions timeout:1 attempts:1\n' >"$EGRESS/resolv.conf"
	echo "hosts: files dns" >"$EGRESS/nsswitch.conf"
	for file in hosts resolv.conf nsswitch.conf; do
		{ [[ -e /etc/$file ]] || : >"/etc/$file"; } && mount --bind "$EGRESS/$file" "/etc/$file" || return
	done
	printf '%s.example.org 10.9.0.2\n' lab outside other >"$EGRESS/table"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -keyout "$EGRESS/pem" \
		-out "$EGRESS/cert" 2>/dev/null && cat "$EGRESS/cert" >>"$EGRESS/pem" && : >"$FAR/clear" || return
	nsenter --net="/run/netns/$FAR_NS" "$TREE/tests/guest/tls.py" serve "$FAR" "$EGRESS/pem" >>"$FAR/out" 2>&1 &
	nsenter --net="/run/netns/$FAR_NS" "$TREE/tests/guest/names.py" serve "$EGRESS/table" 10.9.0.2 10.9.0.3 fd09::2 fd09::3 \
		>>"$FAR/out" 2>&1 &
	t_wait 60 test -e "$FAR/listens" && t_wait 60 test -e "$EGRESS/table.serves"
}

egress_start() {
	make_egress_programs && far_start && make_between && start_servers || return
	mkdir -p "$FAR/other" && nsenter --net="/run/netns/$FAR_NS" "$HELPERS/far" "$FAR/other" "$OTHER_PORT" >>"$FAR/out" 2>&1 &
	t_wait 20 test -e "$FAR/other/ready" || return
	ip route add 224.0.0.0/4 dev near
	echo 3 >/proc/sys/net/ipv4/tcp_fastopen
	nsenter --net="/run/netns/$FAR_NS" sysctl -q -w net.ipv4.tcp_fastopen=3
	echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
	mkdir -p /dev/shm && { mountpoint -q /dev/shm || mount -t tmpfs -o mode=1777 shm /dev/shm; }
}

egress_stop() {
	far_stop
	ip netns del mid
}

# True if any case of the kind is to be tried.
has_egress() {
	local name
	for name in "${NAMES[@]}"; do
		[[ ${KIND[$name]} != egress || -n ${SKIPPED[$name]:-} ]] || return 0
	done
	return 1
}

egress_roles() {
	printf '\\n  teller: {programs: [%s, %s, %s, %s]}' "$READER" "$SENDS" "$SLIP" "$CAT"
}

egress_lay_out() {
	local way
	for way in tcp udp; do
		echo "agreed-$way" >"$CASE_DIR/ext4/$PASS/store/agreed-$way"
	done
}

# Of the policy, behind its grants.
egress_policy() {
	cat <<-END
		  - {role: teller, store: ehr, access: [list, read]}
		agreements:
		  names: {stores: [ehr], to: ["lab.example.org:$FAR_PORT/tcp", "outside.example.org:$FAR_PORT/tcp"]}
		  secured: {stores: [ehr], to: ["10.9.0.2:4431-4433", "10.9.0.2:2525/tcp"], tls: "1.2", starttls: [2525]}
		  # The far side is on the same kernel: it holds what it has received, and answers.
		  far: {stores: [ehr], to: [10.9.0.1, "[fd09::1]"]}
		  lab: {stores: [ehr], to: ["10.9.0.3:$FAR_PORT/tcp", "[fd09::3]:$FAR_PORT/tcp", "10.9.0.3:$UDP_PORT/udp"]}
		  between: {stores: [ehr], to: ["10.8.0.2"]}
		  over: {stores: [ehr], to: ["10.9.0.0/24", "[fd09::]/64"], expires: 2020-01-01}
		  others: {stores: [ehr], roles: [clinic], to: ["10.9.0.2:$FAR_PORT/tcp", "[fd09::2]:$FAR_PORT/tcp", "10.9.0.2:$ROLE_PORT/udp"]}
		dns: {resolvers: [10.9.0.3, 10.9.0.4, "[fd09::3]"], max: 128B/week, answers: true}
	END
}

# --- what has come ---

add_spoor() {
	# shellcheck disable=SC2153  # of evasion.sh
	local mark=$MARK
	[[ $PASS != guarded ]] || mark=${MARK%"$MARKER"*}
	printf '%s\t%s\t%s\n' "$I" "$mark" "$W/spoor" >>"$M/spoors"
}

# Makes a file in $M/came for every line of $M/spoors whose mark, or what is in whose file, has come to the far side. What
# has come may be labelled, as the far side is on this host, too: by who may read it, and what it finds it tells by names only.
look_for() {
	rm -rf "$M/came" && mkdir "$M/came"
	# shellcheck disable=SC2016  # variables of perl
	"$CAT" "$FAR/frames" "$FAR/clear" | perl -e 'undef $/; my $came = <STDIN>; open(F, "<", "$ARGV[0]/spoors") or die; for (split /\n/, <F>) {
		my ($name, $mark, $file) = split /\t/; if ($file && open(S, "<", $file)) { $mark = <S> }
		if (index($came, $mark) >= 0) { mkdir("$ARGV[0]/came/$name") or die } }' "$M"
}

look_out() {
	: >"$M/spoors"
	each egress add_spoor
	look_for
}

all_came() {
	local missing=0
	count_missing() { [[ -e $M/came/$I ]] || missing=$((missing + 1)); }
	look_out
	each egress count_missing
	((missing == 0))
}

# shellcheck disable=SC2004  # SEEN is an array with names, of evasion.sh
egress_unguarded() {
	note_unguarded() {
		attempt
		SEEN[$I]="status $ENDED: ${OUTPUT:0:300} ${ERRORS:0:600}"
	}
	not_come() {
		[[ -e $M/came/$I ]] || { ERRORS="did not come to the far side; ${SEEN[$I]}" && broken; }
	}
	each egress note_unguarded
	t_wait 5 all_came
	each egress not_come
}

# shellcheck disable=SC2004,SC2034  # so is WORKED
egress_guarded() {
	each egress try_guarded
	sleep 2
	look_out
	has_come() {
		WORKED[$I]=no
		[[ ! -e $M/came/$I ]] || WORKED[$I]=yes
	}
	each egress has_come
}

# What is to be found in the guarded pass, as nothing that came would mean nothing else: what the attempt's own spoor has
# not, from who has read nothing, and what is agreed on.
egress_still_open() {
	local name
	m_now
	printf '%s\t%s\n' heard "heard-$M_NOW" tcp agreed-tcp udp agreed-udp >"$M/spoors"
	echo "heard-$M_NOW" | "$CARRY" pass - "$FAR_TCP"
	"$READER" pass "file,$CASE_DIR/ext4/guarded/store/agreed-tcp" "tcp,10.9.0.3,$FAR_PORT"
	"$READER" pass "file,$CASE_DIR/ext4/guarded/store/agreed-udp" "udp,10.9.0.3,$UDP_PORT"
	sleep 1
	look_for
	for name in heard tcp udp; do
		t_check "the far side still hears: $name" test -e "$M/came/$name"
	done
}
