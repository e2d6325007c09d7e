#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches Debian's cloud kernel, its headers and what they need to build a
# module, and unpacks them below DIR. Nothing is installed: a kernel package
# that is installed changes the machine's boot menu.
#
#   usage: packages.sh DIR
#
# DIR/release then holds the kernel's release, written last: a run that was
# interrupted starts again. The kernel is DIR/boot/vmlinuz-RELEASE, modules and
# headers lie where Debian puts them. All files belong to who runs this; only
# reading apt's lists anew, when they know no kernel or an old one, takes root.
set -eu
dir=$1
[ -s "$dir/release" ] && exit 0
export LC_ALL=C	# apt-cache translates what it prints

die() {
	echo "packages.sh: $*" >&2
	exit 1
}

depends() {
	apt-cache depends --no-recommends --no-suggests --no-conflicts \
		--no-breaks --no-replaces --no-enhances "$1" 2>/dev/null |
		sed -n 's/^ *Depends: *//p'
}

# Sets image, release and packages; fails if apt knows no kernel.
choose() {
	image=$(depends linux-image-cloud-amd64 |
		grep '^linux-image-.*-cloud-amd64$') || return 1
	release=${image#linux-image-}
	packages="$image linux-headers-$release
		$(depends "linux-headers-$release" |
			grep -E '^linux-(headers|kbuild)-')"
}

refresh() {
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			die "apt's lists are missing or old; as root: apt-get update"
		sudo=sudo
	fi
	echo "reading apt's lists of packages"
	$sudo apt-get update -q || die "apt-get update failed"
}

# All packages into $dir/deb; fails at the first that can't be had.
fetch() {
	rm -rf "$dir"
	mkdir -p "$dir/deb"
	# As root, apt would drop its rights; the folder may be root's alone.
	get="apt-get download -q"
	[ "$(id -u)" = 0 ] && get="$get -o APT::Sandbox::User=root"
	for p in $packages; do
		echo "fetching $p"
		(cd "$dir/deb" && $get "$p") || return 1
	done
}

if ! choose || ! fetch; then
	refresh
	choose || die "apt knows no linux-image-cloud-amd64: is this Debian?"
	fetch || die "can't fetch the packages"
fi

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
echo "$release" >"$dir/release.new"
mv "$dir/release.new" "$dir/release"
