#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes what an upgrade needs, without a network: the installed packages of PostgreSQL 15 once more, as packages of a
# higher version whose programs have another content. Called by scripts/test with the directory to write them to; keeps
# what is there if it is of the versions that are installed.
set -u

OUT=$1
PACKAGES=(postgresql-15 postgresql-client-15)

# What the packages are made of: their versions, and this script.
stamp() {
	dpkg-query -W "${PACKAGES[@]}" && sha256sum <"$0"
}

# upgrade PACKAGE: dpkg-repack's tree, with programs that differ by their last bytes, as ELF takes them.
upgrade() {
	local package=$1 tree file sum
	(cd "$WORK" && dpkg-repack --generate --tag=none "$package") || return
	tree=$(echo "$WORK/dpkg-repack.$package".*)
	sed -i 's/^Version: .*/&+muniment1/' "$tree/DEBIAN/control" || return
	for file in "$tree"/usr/lib/postgresql/15/bin/*; do
		[[ -f $file && ! -L $file ]] || continue
		echo "the release after it" >>"$file" && sum=$(md5sum <"$file") || return
		sed -i "s|^[0-9a-f]*  ${file#"$tree/"}\$|${sum%% *}  ${file#"$tree/"}|" "$tree/DEBIAN/md5sums" || return
	done
	dpkg-deb --root-owner-group -Znone -b "$tree" "$OUT/$package.deb"
}

if [[ -e $OUT/stamp && $(<"$OUT/stamp") == "$(stamp)" ]]; then
	exit 0
fi
rm -rf "$OUT" && mkdir -p "$OUT" || exit
WORK=$(mktemp -d "${TMPDIR:-/tmp}/muniment-packages.XXXXXX") || exit
trap 'rm -rf "$WORK"' EXIT
for name in "${PACKAGES[@]}"; do
	upgrade "$name" || exit
done
stamp >"$OUT/stamp"
