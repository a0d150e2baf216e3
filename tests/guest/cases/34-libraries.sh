#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: 6.12/lsm
# timeout: 420
#
# What is loaded into the programs of a role that asks: libraries of the intruder's, by the dynamic loader, by dlopen,
# without a name, by mprotect; libraries that a role lists, that packages brought, that are upgraded or changed. Run by
# tests/guest/run-in-guest.sh.
# shellcheck disable=SC2016,SC2119  # variables of perl and jq; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

S=$CASE_DIR/store W=$CASE_DIR/watched P=$CASE_DIR/programs D=/var/lib/dpkg
chmod 755 "$CASE_DIR"
mkdir -p "$S" "$W" "$P/dir" hold info && echo "$MARKER" >"$S/record" && cp "$S/record" "$W/record"
# A database of few packages: an emulated CPU takes a minute for all of them.
cp "$D"/info/{libc6:amd64,libgcc-s1:amd64,dash}.md5sums info/ && mount -t tmpfs none "$D" && cp -r info "$D/"
cp "$HELPERS/loader" "$P/reader" && cc -DTHEFT -shared -fPIC -o "$P/theft.so" "$TREE/tests/guest/loader.c" ||
	exit 1
for copy in free watcher; do cp "$P/reader" "$P/$copy"; done
for copy in listed.so digest.so dir/in.so packaged.so; do cp "$P/theft.so" "$P/$copy"; done
printf '#!/bin/sh\nread -r line <%s && echo "$line"\n' "$S/record" >"$P/script" && chmod 755 "$P/script"

# package VERSION: the database says that package case-lib brings the file packaged-VERSION.
package() {
	local sum
	sum=$(md5sum "packaged-$1") && printf '%s  %s\n' "${sum%% *}" "${P#/}/packaged.so" >sums
	mv sums "$D/info/case-lib.md5sums"
}

cp "$P/theft.so" packaged-1 && cp "$P/theft.so" packaged-2 && echo release >>packaged-2
package 1
m_policy <<END
version: 1
mode: enforce
stores:
  ehr: {paths: [$S], class: restricted, audit: required}
  watched: {paths: [$W], mode: monitor}
roles:
  reader: {programs: [$P/reader], libraries: [packaged, $P/listed.so, $P/dir/, {path: $P/digest.so, digest: sha256:$(sha256sum <"$P/theft.so" | cut -c 1-64)}]}
  script: {programs: [$P/script], libraries: packaged}
  free: {programs: [$P/free], libraries: any}
  watcher: {programs: [$P/watcher], libraries: packaged}
grants:
  - {role: reader, store: ehr, access: [list, read]}
  - {role: script, store: ehr, access: [list, read]}
  - {role: free, store: ehr, access: [list, read]}
  - {role: watcher, store: watched, access: [list, read]}
END

# refused NAME USER WAY LIBRARY: a library is refused to the reader. What has no name has no path in the entry.
refused() {
	local path="path=$P/$4"
	[[ $3 != memfd ]] || path=''
	m_attack "$1" "store=(library) user=$2 program=$P/reader $path reason=library role=reader rule=policy.yaml:7 operations=execute activity=2" \
		as "$2" "$P/reader" "$3" "$P/$4" "$S/record"
}

# loads NAME WAY LIBRARY: it is loaded, and the record can be read.
loads() {
	m_allowed "$1" "store=ehr user=root program=$P/reader path=$S/record flags=" "$P/reader" "$2" "$P/$3" "$S/record"
}

# nothing_by NAME USER VARIABLE: the dynamic loader is told to load a library by a variable.
nothing_by() {
	m_now && from=$M_NOW
	m_run as "$2" env R="$S/record" "$3=$P/theft.so" "$P/reader" read - /dev/null
	if [[ $M_OUTPUT == *"$MARKER"* ]]; then t_fail "$1" "the record came out"; else t_ok "$1"; fi
	[[ $MECHANISM == lsm ]] ||
		m_expect "$1" "$from" "store=(library) user=$2 program=$P/reader path=$P/theft.so reason=library role=reader"
}

m_start
loads "a program with the libraries it needs" read -
nothing_by "LD_PRELOAD, by root" root LD_PRELOAD
nothing_by "LD_PRELOAD, by a user" daemon LD_PRELOAD
nothing_by "LD_AUDIT" root LD_AUDIT
refused "a library by dlopen, by root" root dlopen theft.so
refused "a library by dlopen, by a user" daemon dlopen theft.so
refused "a library without a name" root memfd theft.so
refused "data that are made executable" root mprotect theft.so
refused "data that are executable by personality" root readimplies theft.so
loads "a library that is listed" dlopen listed.so
loads "a library in a directory that is listed" dlopen dir/in.so
loads "a library that is listed with its digest" dlopen digest.so
t_check "a library that a package brought is digested in the background" \
	t_wait 60 "$P/reader" dlopen "$P/packaged.so" "$S/record"
loads "a library that a package brought" dlopen packaged.so
loads "code that the program has written itself" jit -
m_allowed "a script whose interpreter a package brought" "store=ehr user=root program=$P/script path=$S/record flags=" "$P/script"
m_allowed "a library where any may be loaded" "store=ehr user=root program=$P/free path=$S/record flags=" \
	env R="$S/record" "$P/free" dlopen "$P/theft.so" /dev/null
cp "$P/theft.so" "$P/dir/later.so"
refused "a library that came later into the directory" root dlopen dir/later.so

# A program that only a monitored store trusts loads what it wants, and is no longer trusted.
m_now && from=$M_NOW
m_run "$P/watcher" dlopen "$P/theft.so" "$W/record"
t_equal "a library is loaded where stores are monitored" "$MARKER" "$M_OUTPUT"
m_expect "the library, where stores are monitored" "$from" \
	"store=(library) enforced=allowed action=3 user=root program=$P/watcher path=$P/theft.so reason=library role=watcher flags=path_outside,monitor"
m_expect "the record, by who has loaded it" "$from" \
	"store=watched enforced=allowed action=3 user=root program=$P/watcher path=$W/record reason=not_granted flags=monitor,library"
m_now && from=$M_NOW
m_run "$P/watcher" thread "$P/theft.so" "$W/record"
m_expect "the record, by another thread before that" "$from" "store=watched action=1 program=$P/watcher path=$W/record flags="
m_expect "the record, by another thread after that" "$from" \
	"store=watched action=3 enforced=allowed path=$W/record reason=not_granted flags=monitor,library"

# What runs already, under another name, with whatever its starter had it load.
mkfifo hold/fifo && cp "$P/reader" "$P/stranger"
"$P/stranger" hold "$CASE_DIR/hold/fifo" "$S/record" >out 2>err &
held=$!
t_wait 20 test -e hold/fifo.ready
m_now && from=$M_NOW
mv "$P/stranger" "$P/reader"
t_check "the daemon looks at the program" sleep 2.5
echo >hold/fifo
wait "$held"
t_equal "a process that began before its file became the program" "" "$(<out)"
m_expect "a process that began before its file became the program" "$from" \
	"store=ehr user=root program=$P/reader path=$S/record reason=not_granted flags=library"
loads "the same program, begun anew" read -

# An upgrade, in dpkg's order; and a library that no package brought.
cp packaged-2 "$P/.new" && mv "$P/.new" "$P/packaged.so"
refused "an upgraded library that the database does not know of yet" root dlopen packaged.so
m_entry "an upgraded library that the database does not know of yet" \
	".unmapped.muniment.kind == \"library_refused\" and .unmapped.muniment.path == \"$P/packaged.so\" and .is_alert" 30
package 2
t_check "the daemon looks at the libraries" sleep 3.5
loads "an upgraded library" dlopen packaged.so
echo more >>"$P/packaged.so"
refused "a packaged library that was changed, at once" root dlopen packaged.so
echo more >>"$P/listed.so"
refused "a listed library that was changed, at once" root dlopen listed.so
m_entry "a listed library that was changed" \
	".unmapped.muniment.kind == \"library_refused\" and .unmapped.muniment.path == \"$P/listed.so\" and .is_alert" 30
t_check "an admin loads the policy anew" "$MUNIMENT" reload --run "$M/run"
loads "a listed library that the admin has loaded" dlopen listed.so
m_events
m_verify
m_stop
t_done
