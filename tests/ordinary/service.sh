# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A package with a user and a service of its own, as debhelper makes them. Sourced by the cases that install it.

# make_package VERSION: $CASE_DIR/VERSION.deb
# shellcheck disable=SC1003,SC2016  # of the scripts
make_package() {
	local p=$CASE_DIR/package
	mkdir -p "$p/DEBIAN" "$p/usr/sbin" "$p/etc/init.d" "$p/etc/logrotate.d" "$p/usr/lib/tmpfiles.d" || return
	printf '%s\n' "Package: case-service" "Version: $1" "Architecture: all" "Maintainer: nobody <nobody@example.org>" \
		"Description: a service" >"$p/DEBIAN/control"
	printf '%s\n' '#!/bin/sh' 'set -e' 'adduser --system --group --quiet --home /var/lib/case-service case-service' \
		'systemd-tmpfiles --create case-service.conf' 'ldconfig' '/etc/init.d/case-service restart' >"$p/DEBIAN/postinst"
	printf '%s\n' '#!/bin/sh' 'set -e' '/etc/init.d/case-service stop' >"$p/DEBIAN/prerm"
	printf '%s\n' '#!/bin/sh' 'set -e' '[ "$1" != purge ] || deluser --quiet --system case-service' >"$p/DEBIAN/postrm"
	printf '%s\n' '#!/bin/sh' "exec sleep 10000 # $1" >"$p/usr/sbin/case-service"
	printf '%s\n' '#!/bin/sh' 'start() { start-stop-daemon --start --background --make-pidfile --pidfile /run/case-service.pid \' \
		'	--chuid case-service --exec /usr/sbin/case-service; }' \
		'stop() { start-stop-daemon --stop --oknodo --retry 5 --remove-pidfile --pidfile /run/case-service.pid; }' \
		'case $1 in start) start ;; stop) stop ;; restart) stop && start ;; esac' >"$p/etc/init.d/case-service"
	printf '%s\n' '/var/log/case-service.log { weekly' 'missingok' '}' >"$p/etc/logrotate.d/case-service"
	echo 'd /var/lib/case-service 0750 case-service case-service -' >"$p/usr/lib/tmpfiles.d/case-service.conf"
	echo /etc/init.d/case-service >"$p/DEBIAN/conffiles"
	chmod 755 "$p"/DEBIAN/p* "$p/usr/sbin/case-service" "$p/etc/init.d/case-service"
	dpkg-deb --root-owner-group -Znone -b "$p" "$CASE_DIR/$1.deb"
}
