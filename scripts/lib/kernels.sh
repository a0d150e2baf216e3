# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian kernels for test guests: finds the newest of a series, fetches and unpacks it once, packs its initramfs.
# Owns the cache directory ($MUNIMENT_CACHE). Sourced by scripts/guest.

readonly CACHE=${MUNIMENT_CACHE:-/var/cache/muniment}
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
LIB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

# Exit status 77: this kernel cannot be had here.
kernel_skip() {
	echo "skip: $*" >&2
	exit 77
}

# The mirror of a suite ($1) as this machine's own sources name it; empty if they do not.
mirror_of() {
	# shellcheck disable=SC2016  # apt's own variables
	apt-get indextargets --format '$(RELEASE)|$(COMPONENT)|$(SITE)' 'Created-By: Packages' |
		awk -F'|' -v suite="$1" '$1 == suite && $2 == "main" { print $3; exit }'
}

# sources.list lines for suite family $1 (bookworm or sid), from the machine's own mirrors.
sources_for() {
	local own main security
	# shellcheck source=/dev/null
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	main=$(mirror_of "$own")
	[[ -n $main ]] || kernel_skip "apt on this machine names no mirror for '$own main'"
	local signed="[signed-by=$KEYRING]"
	echo "deb $signed $main $1 main"
	[[ $1 == sid ]] && return
	echo "deb $signed $main $1-updates main"
	security=$(mirror_of "$own-security")
	[[ -z $security ]] || echo "deb $signed $security $1-security main"
}

# An apt of its own, so that neither the machine's sources nor its packages change. $1: suite family, rest: command.
own_apt() {
	local dir=$CACHE/apt/$1
	shift
	"$1" -q -o APT::Sandbox::User=root -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" "${@:2}"
}

# Newest package whose name matches $2 in suite family $1.
newest_package() {
	own_apt "$1" apt-cache search --names-only "$2" | awk '{ print $1 }' | sort -V | tail -n 1
}

# Names of the packages of series $1 in suite family $2, one per line.
packages_of() {
	local image
	case $1 in
	6.1) newest_package "$2" '^linux-image-6\.1\.0-[0-9]+-cloud-amd64$' ;;
	6.12) newest_package "$2" '^linux-image-6\.12\.[0-9]+\+deb12-cloud-amd64$' ;;
	sid)
		image=$(newest_package "$2" '^linux-binary-[0-9][^-]*-cloud-amd64$')
		[[ -z $image ]] || printf '%s\n' "$image" "${image/binary/modules}" "${image/binary/base}"
		;;
	esac
}

# Unpacks the packages in $1 into kernel directory $2 in the one layout used here: vmlinuz, config, lib/modules/VERSION.
unpack_kernel() {
	local deb version tree=$2/tree
	mkdir -p "$tree" "$2/lib/modules"
	for deb in "$1"/*.deb; do
		dpkg-deb -x "$deb" "$tree" || return 1
	done
	mkdir -p "$tree/usr/lib/modules" "$tree/lib/modules"
	version=$(find "$tree"/lib/modules "$tree"/usr/lib/modules -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' -quit)
	[[ -n $version ]] || return 1
	mkdir "$2/lib/modules/$version"
	cp -a "$tree"/lib/modules/"$version"/. "$2/lib/modules/$version/" 2>/dev/null
	cp -a "$tree"/usr/lib/modules/"$version"/. "$2/lib/modules/$version/" 2>/dev/null
	if [[ -e $tree/boot/vmlinuz-$version ]]; then
		mv "$tree/boot/vmlinuz-$version" "$2/vmlinuz" && mv "$tree/boot/config-$version" "$2/config" || return 1
	else
		mv "$2/lib/modules/$version/vmlinuz" "$2/lib/modules/$version/config" "$2/" || return 1
	fi
	rm -rf "$tree"
	echo "$version" >"$2/version"
	depmod -b "$2" "$version"
}

# Fetches the newest kernel of series $1 from suite family $2 into $CACHE/kernels/$1.
fetch_kernel() {
	local series=$1 family=$2 apt=$CACHE/apt/$2 work packages
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	sources_for "$family" >"$apt/sources.list"
	echo "guest: fetching the newest $series kernel" >&2
	own_apt "$family" apt-get -o APT::Update::Error-Mode=any update >"$apt/log" 2>&1 || {
		tail -n 5 "$apt/log" >&2
		kernel_skip "kernel $series: the package lists of $family cannot be fetched"
	}
	mapfile -t packages < <(packages_of "$series" "$family")
	((${#packages[@]})) || kernel_skip "kernel $series: no such package in $family"
	work=$(mktemp -d "$CACHE/kernels/.fetch.XXXXXX")
	mkdir "$work/deb" "$work/kernel"
	if ! (cd "$work/deb" && own_apt "$family" apt-get download "${packages[@]}") >"$apt/log" 2>&1; then
		tail -n 5 "$apt/log" >&2
		rm -rf "$work"
		kernel_skip "kernel $series: ${packages[*]} cannot be fetched"
	fi
	if ! unpack_kernel "$work/deb" "$work/kernel"; then
		rm -rf "$work"
		kernel_skip "kernel $series: ${packages[0]} cannot be unpacked"
	fi
	rm -rf "${CACHE:?}/kernels/$series"
	mv "$work/kernel" "$CACHE/kernels/$series"
	rm -rf "$work"
}

# Packs busybox, guest-init and the modules phase one needs. $1: kernel directory, $2: file to write.
pack_initramfs() {
	local kernel=$1 target=$2 root version line module
	version=$(<"$kernel/version")
	root=$(mktemp -d "$kernel/.initramfs.XXXXXX")
	mkdir -p "$root"/{bin,sbin,dev,proc,sys,lower,upper,root,modules}
	cp /bin/busybox "$root/bin/"
	"$root/bin/busybox" --install -s "$root/bin"
	for line in "$root"/bin/*; do
		[[ -L $line ]] && ln -sf busybox "$line"
	done
	install -m 755 "$LIB/guest-init" "$root/init"
	for module in virtio_pci virtio_console fuse virtiofs overlay; do
		modprobe -d "$kernel" -S "$version" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$root/paths"
	while read -r module; do
		line=$(basename "$module")
		case $module in
		*.xz) xz -dc "$module" >"$root/modules/${line%.xz}" ;;
		*.zst) zstd -qdc "$module" >"$root/modules/${line%.zst}" ;;
		*) cp "$module" "$root/modules/$line" ;;
		esac
		line=${line%.xz}
		echo "${line%.zst}" >>"$root/modules/order"
	done <"$root/paths"
	touch "$root/modules/order"
	rm "$root/paths"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$target.new" && mv "$target.new" "$target"
	rm -rf "$root"
}

# Makes series $1 ready; $2 non-empty fetches it anew. Prints its directory in KERNEL_DIR, its initramfs in INITRAMFS.
kernel_prepare() {
	local lock key family=bookworm
	[[ $1 == sid ]] && family=sid
	mkdir -p "$CACHE/kernels" 2>/dev/null || kernel_skip "kernel $1: no cache directory $CACHE"
	exec {lock}>"$CACHE/lock"
	flock "$lock"
	[[ -z $2 && -s $CACHE/kernels/$1/version ]] || fetch_kernel "$1" "$family"
	KERNEL_DIR=$CACHE/kernels/$1
	key=$(cat "$LIB/guest-init" "$LIB/kernels.sh" /bin/busybox | sha256sum | cut -c 1-16)
	INITRAMFS=$KERNEL_DIR/initramfs-$key.cpio
	if [[ ! -s $INITRAMFS ]]; then
		rm -f "$KERNEL_DIR"/initramfs-*
		pack_initramfs "$KERNEL_DIR" "$INITRAMFS" || kernel_skip "kernel $1: its initramfs cannot be packed"
	fi
	exec {lock}>&-
}

# The lsm= list for kernel directory $1: its default, with bpf added where the default has none.
kernel_default_lsm() {
	local list
	list=$(sed -n 's/^CONFIG_LSM="\(.*\)"$/\1/p' "$1/config")
	case ,$list, in
	*,bpf,*) ;;
	*) echo "${list:+$list,}bpf" ;;
	esac
}
