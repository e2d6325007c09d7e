#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches Debian's cloud kernel, its headers and what they need to build a
# module, and unpacks them below DIR. Nothing is installed: a kernel package
# that is installed changes the machine's boot menu.
#
#   usage: packages.sh DIR
#
# DIR/release then holds the kernel's release; the kernel is
# DIR/boot/vmlinuz-RELEASE, modules and headers lie where Debian puts them.
set -eu
dir=$1
[ -s "$dir/release" ] && exit 0

depends() {
	apt-cache depends --no-recommends --no-suggests --no-conflicts \
		--no-breaks --no-replaces --no-enhances "$1" 2>/dev/null |
		sed -n 's/^ *Depends: *//p'
}

image() {
	depends linux-image-cloud-amd64 | grep '^linux-image-.*-cloud-amd64$'
}

if [ -z "$(image)" ]; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "reading the lists of packages"
	$sudo apt-get update -q
fi
image=$(image) || { echo "no package linux-image-cloud-amd64 known" >&2; exit 1; }
release=${image#linux-image-}
headers=linux-headers-$release
packages="$image $headers $(depends "$headers" |
	grep -E '^linux-(headers|kbuild)-')"

rm -rf "$dir"
mkdir -p "$dir/deb"
# apt drops its rights for the download; the folder may be root's alone.
fetch="apt-get download -q"
[ "$(id -u)" = 0 ] && fetch="$fetch -o APT::Sandbox::User=root"
for p in $packages; do
	echo "fetching $p"
	(cd "$dir/deb" && $fetch "$p")
done
for deb in "$dir"/deb/*.deb; do
	echo "unpacking $(basename "$deb")"
	dpkg-deb -x "$deb" "$dir"
done
rm -r "$dir/deb"

# The headers name each other as if they were installed.
top=$(cd "$dir" && pwd)
for m in "$dir"/usr/src/linux-headers-*/Makefile \
	"$dir/lib/modules/$release/build/Makefile"; do
	[ -f "$m" ] && [ ! -L "$m" ] || continue
	sed -i "s#\([ =]\)/usr/src/#\1$top/usr/src/#g" "$m"
done
PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir" "$release"
echo "$release" >"$dir/release"
