#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: all
# timeout: 540
#
# What people send with, as it is: without an agreement they send no byte of a record, with one they do, and whoever has
# read none does not notice. Two hosts: this one, and a network namespace. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # for muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/guest/far.sh
. "$TREE/tests/guest/far.sh"
# shellcheck source=tests/guest/services.sh
. "$TREE/tests/guest/services.sh"

R=$CASE_DIR/ehr/record NOTES=$CASE_DIR/notes
PROGRAMS=(curl python3 nc nc-udp socat socat-udp dig rsync)
mkdir ehr && echo "$MARKER" | tee "$R" >"$NOTES" && chown -R daemon ehr
services_start || { t_fail "a far side" "$(cat "$FAR/out")" && t_done; }
cat >rsyncd.conf <<END
use chroot = no
[in]
	path = $FAR/in
	read only = no
	uid = nobody
	gid = nogroup
END
service web 8000 /usr/bin/python3 -m http.server 8000
service rsync 8730 rsync --daemon --no-detach --port=8730 --config="$CASE_DIR/rsyncd.conf"
service dns2 53 "$TREE/tests/guest/dns.py" 10.9.0.2
service dns3 53 "$TREE/tests/guest/dns.py" 10.9.0.3
service_tls 4431 1.1
service_tls 4432 1.2
service_tls 4433 1.3

m_policy_of_clinic <<END
agreements:
  plain: {stores: [ehr], to: ["10.9.0.3:$FAR_PORT", "10.9.0.3:8000/tcp", "10.9.0.3:8730/tcp"]}
  lab: {stores: [ehr], to: ["10.9.0.3:4431-4433/tcp"], tls: "1.2"}
  strict: {stores: [ehr], to: ["10.9.0.2:4431-4433/tcp"], tls: "1.3"}
  # The far side is on the same kernel: it holds what it has received, and answers.
  far: {stores: [ehr], to: [10.9.0.1]}
dns: {resolvers: [10.9.0.3], max: 4KiB/hour}
END

declare -A PORT=([curl]=8000 [python3]=8000 [nc]=$FAR_PORT [nc-udp]=$FAR_PORT [socat]=$FAR_PORT [socat-udp]=$FAR_PORT
	[dig]=53 [rsync]=8730)

# What PROGRAMS do with file $1 and address $2.
send_by() {
	case $1 in
	curl) exec curl -sS -m 30 -G -d "@$2" "http://$3:8000/x" ;;
	python3) exec /usr/bin/python3 -c 'import sys, urllib.parse, urllib.request as web
record = urllib.parse.quote(open(sys.argv[1]).read().strip())
web.urlopen(f"http://{sys.argv[2]}:8000/x?{record}", timeout=30).read()' "$2" "$3" ;;
	nc) exec nc -N "$3" "$FAR_PORT" <"$2" ;;
	nc-udp) exec nc -u -w 1 "$3" "$FAR_PORT" <"$2" ;;
	socat) exec socat -u "FILE:$2" "TCP:$3:$FAR_PORT" ;;
	socat-udp) exec socat -u "FILE:$2" "UDP:$3:$FAR_PORT" ;;
	dig) exec dig +tries=1 +timeout=10 "@$3" -f "$2" ;;
	rsync) exec rsync --timeout=30 "$2" "rsync://$3:8730/in/$M_PASS" ;;
	curl-*) exec curl -ksS -m 30 --tlsv1.0 --ciphers DEFAULT:@SECLEVEL=0 -G -d "@$2" "https://$3:443${1#curl-1.}/x" ;;
	esac
}
export FAR_PORT

attacks() {
	local by
	for by in "${PROGRAMS[@]}"; do
		m_attack "$by" "user=daemon program=$(program_of "${by%-udp}") operations=send reason=not_agreed to=10.9.0.2:${PORT[$by]}" \
			sends daemon "$by" "$R" 10.9.0.2
	done
	TELLS="user=daemon program=/usr/bin/curl operations=send"
	m_attack "curl by TLS 1.1, where 1.2 is agreed on" "$TELLS reason=tls_version agreement=lab tls=1.1 to=10.9.0.3:4431" \
		sends daemon curl-1.1 "$R" 10.9.0.3
	m_attack "curl by TLS 1.2, where 1.3 is" "$TELLS reason=tls_version agreement=strict tls=1.2 to=10.9.0.2:4432" \
		sends daemon curl-1.2 "$R" 10.9.0.2
}

permitted() {
	local by
	for by in "${PROGRAMS[@]}"; do
		m_allowed "$by" "user=daemon program=$(program_of "${by%-udp}") operations=send reason=null to=10.9.0.3:${PORT[$by]}" \
			sends daemon "$by" "$R" 10.9.0.3
	done
	m_allowed "curl by TLS 1.2, where that is agreed on" "$TELLS agreement=lab tls=1.2 to=10.9.0.3:4432" sends daemon curl-1.2 "$R" 10.9.0.3
	m_allowed "by TLS 1.3" "$TELLS agreement=lab tls=1.3 to=10.9.0.3:4433" sends daemon curl-1.3 "$R" 10.9.0.3
	m_allowed "by TLS 1.3, where that is agreed on" "$TELLS agreement=strict tls=1.3 to=10.9.0.2:4433" \
		sends daemon curl-1.3 "$R" 10.9.0.2
}

# Somebody who has read nothing, with words that are like a record's.
others() {
	local by
	for by in "${PROGRAMS[@]}" curl-1.1 curl-1.2 curl-1.3; do
		m_allowed "$by by who has read nothing" '' sends games "$by" "$NOTES" 10.9.0.2
	done
}

M_SAYS='' # each has words of its own
m_start --pin
m_guarded others
m_guarded attacks
M_PASS=permitted
permitted
m_events
t_equal "nobody else was refused anything" "" \
	"$(m_flat | jq -c --arg daemon "${M_UID[daemon]}" 'select(.wanted == "deny" and .uid != $daemon) |
		{uid, program, to, path, reason}')"
m_verify
m_stop
services_stop
t_done
