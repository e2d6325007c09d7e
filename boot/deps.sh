#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the named Debian packages, if any is missing.
set -eu

die() {
	echo "deps.sh: $*" >&2
	exit 1
}

command -v dpkg-query >/dev/null ||
	die "this is not Debian; install the like of these: $*"
missing=
for p in "$@"; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
		grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null ||
		die "as root: apt-get install --no-install-recommends$missing"
	sudo=sudo
fi
echo "installing tools:$missing"
$sudo apt-get update -q
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
	--no-install-recommends $missing
