#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
#
# Agreements by name and by region, and questions to resolvers: names change their addresses while the policy stays, tables
# of regions are written anew, and a process that has read a record tells resolvers no more than it may. Two hosts: this
# one, and a network namespace. Run by tests/guest/run-in-guest.sh.
# timeout: 420
# shellcheck disable=SC2016  # variables of jq and sh
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"

R=$CASE_DIR/ehr/record LONG=$CASE_DIR/ehr/long S=$HELPERS/sends
mkdir ehr && echo "$MARKER" >"$R" && { echo "$MARKER" && head -c 1300 /dev/zero | tr '\0' x; } >"$LONG"
chown -R daemon ehr
far_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }

# Names by files alone: nobody listens where resolv.conf points to.
printf '127.0.0.1 localhost\n10.9.0.3 lab.example.org\n127.0.0.9 rebind.example.org\n' >"$CASE_DIR/hosts"
echo "nameserver 127.0.0.1" >"$CASE_DIR/resolv.conf"
echo "hosts: files dns" >"$CASE_DIR/nsswitch.conf"
for file in hosts resolv.conf nsswitch.conf; do
	[[ -e /etc/$file ]] || : >"/etc/$file"
	mount --bind "$CASE_DIR/$file" "/etc/$file"
done
printf 'network,region\nfd09::3/128,DE\nfd09::2/128,US\n' >"$CASE_DIR/regions.csv"

m_policy_of_clinic <<END
agreements:
  lab: {stores: [ehr], to: ["lab.example.org:$FAR_PORT/tcp"]}
  union: {stores: [ehr], to: ["[fd09::]/64:$FAR_PORT"], region: [EU]}
  others: {stores: [ehr], to: ["rebind.example.org:$FAR_PORT", "gone.example.org:$FAR_PORT"]}
regions: {networks: $CASE_DIR/regions.csv}
dns: {resolvers: [10.9.0.2, 127.0.0.53], max: 1KiB/hour}
END
printf 'version: 1\nrefresh: 5\ngrace: 60\n' >"$CASE_DIR/munimentd.yaml"

# out WAY FILE ADDRESS PORT: to the far side.
out() {
	far_sees 1 "$MARKER" as daemon "$S" "$1" "$2" "$3" "$4"
}

TELLS="user=daemon program=$S operations=send"
ways() {
	m_attack "where the name does not lead" "$TELLS reason=not_agreed hook=socket_connect to=10.9.0.2:$FAR_PORT" out tcp "$R" 10.9.0.2 "$FAR_PORT"
	m_attack "another protocol than the name's" "$TELLS reason=not_agreed to=10.9.0.3:$FAR_PORT" out udp "$R" 10.9.0.3 "$FAR_PORT"
	m_attack "outside the region" "$TELLS reason=region hook=socket_connect to=fd09::2:$FAR_PORT" out tcp "$R" fd09::2 "$FAR_PORT"
	m_attack "outside the region by UDP" "$TELLS reason=region hook=socket_sendmsg to=fd09::2:$FAR_PORT" out udp "$R" fd09::2 "$FAR_PORT"
	m_attack "a resolver that is not listed" "$TELLS reason=not_agreed to=10.9.0.3:53" out udp "$R" 10.9.0.3 53
	m_attack "more than a resolver may be told" "$TELLS reason=dns_volume to=10.9.0.2:53" out udp "$LONG" 10.9.0.2 53
}

# ask ADDRESS TIMES: one process reads the record, and each of so many children sends it to a resolver; says how many could.
ask() {
	as daemon bash -c '
		read -r record <"$1" && sent=0
		for ((i = 0; i < $3; i++)); do
			(echo "$record" >"/dev/udp/$2/53") 2>/dev/null && ((++sent))
		done
		echo "$sent"' ask "$R" "$1" "$2"
}

m_unguarded ways
m_start -c "$CASE_DIR/munimentd.yaml"
has_lab() {
	m_status_is '.names[] | select(.name == "lab.example.org") | .state == "resolved" and .addresses[0].ip == "10.9.0.3"'
}
t_check "the status has the name and its address" t_wait 30 has_lab
m_guarded ways
M_PASS=guarded
m_allowed "where the name leads" "$TELLS hook=socket_connect agreement=lab reason=null to=10.9.0.3:$FAR_PORT" out tcp "$R" 10.9.0.3 "$FAR_PORT"
m_allowed "within the region" "$TELLS hook=socket_connect agreement=union reason=null to=fd09::3:$FAR_PORT" out tcp "$R" fd09::3 "$FAR_PORT"
m_allowed "a resolver that is listed" "$TELLS hook=socket_sendmsg reason=null rule=policy.yaml:14 to=10.9.0.2:53" out udp "$R" 10.9.0.2 53
m_events
t_equal "a process and its children tell a resolver no more than they may" $((1024 / (${#MARKER} + 1))) "$(ask 10.9.0.2 45)"
t_equal "nor do they by a resolver on this host" $((1024 / (${#MARKER} + 1))) "$(ask 127.0.0.53 45)"
t_equal "one on this host that is not listed is told nothing" 0 "$(ask 127.0.0.1 3)"
m_entry "what the resolver on this host was not told" \
	'.unmapped.muniment.reason == "dns_volume" and .dst_endpoint.ip == "127.0.0.53" and (.unmapped.muniment.rule | test("policy.yaml:"))'
m_entry "that the name of a loopback address is not taken" \
	'.unmapped.muniment.kind == "name_refused" and .unmapped.muniment.name == "rebind.example.org" and .is_alert'
m_entry "that a name leads nowhere" '.unmapped.muniment.kind == "name_failed" and .unmapped.muniment.name == "gone.example.org"'

# The name comes to lead elsewhere, and the networks to be in other regions.
printf '127.0.0.1 localhost\n10.9.0.2 lab.example.org\n' >"$CASE_DIR/hosts"
printf 'network,region\nfd09::/120,FR\n' >"$CASE_DIR/regions.csv"
generation=$(m_status | jq .policy.generation)
moved() {
	m_status_is '.names[] | select(.name == "lab.example.org") | .n_addresses == 2'
}
t_check "the name has a second address" t_wait 40 moved
m_allowed "where the name leads now" "$TELLS agreement=lab to=10.9.0.2:$FAR_PORT" out tcp "$R" 10.9.0.2 "$FAR_PORT"
m_allowed "where it led until a moment ago" "$TELLS agreement=lab to=10.9.0.3:$FAR_PORT" out tcp "$R" 10.9.0.3 "$FAR_PORT"
read_anew() {
	m_status_is ".policy.generation > $generation"
}
t_check "the table of regions is read anew" t_wait 60 read_anew
m_allowed "what has come into the region" "$TELLS agreement=union to=fd09::2:$FAR_PORT" out tcp "$R" fd09::2 "$FAR_PORT"
m_allowed "and the name still leads there" "$TELLS agreement=lab to=10.9.0.3:$FAR_PORT" out tcp "$R" 10.9.0.3 "$FAR_PORT"

# Nobody resolves it any more: what is known counts until its time is over.
printf '127.0.0.1 localhost\n' >"$CASE_DIR/hosts"
unresolved() {
	m_status_is '.names[] | select(.name == "lab.example.org") | .state == "failed"'
}
t_check "the name is not resolved any more" t_wait 40 unresolved
m_allowed "but counts for a while" "$TELLS agreement=lab to=10.9.0.2:$FAR_PORT" out tcp "$R" 10.9.0.2 "$FAR_PORT"
forgotten() {
	m_status_is '.names[] | select(.name == "lab.example.org") | .n_addresses == 0'
}
t_check "and then does not" t_wait 120 forgotten
m_attack "where the name led once" "$TELLS reason=not_agreed to=10.9.0.2:$FAR_PORT" out tcp "$R" 10.9.0.2 "$FAR_PORT"
m_entry "that its addresses went" '.unmapped.muniment.kind == "name_changed" and (.unmapped.muniment.went | index("10.9.0.2"))'
m_events
m_verify
m_stop
far_stop
t_done
