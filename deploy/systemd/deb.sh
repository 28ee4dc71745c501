#!/usr/bin/env bash
# Builds the two Debian packages from built programs, by dpkg-deb alone: infralogs-agent for VMs, infralogs for the rest.
#
#   deploy/systemd/deb.sh [--programs DIR] OUTPUT_FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs="$here/../../target/release"
if [ "${1:-}" = --programs ]; then programs=$2; shift 2; fi
output=${1:?the folder for the packages}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -1)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# manual PROGRAM FOLDER: its pages, as the program itself prints them; the same content packs to the same bytes.
manual() {
  mkdir -p "$2"
  if [ "$1" = infralogs ]; then "$programs/infralogs" man "$2"; else "$programs/$1" man >"$2/$1.1"; fi
  gzip -9n "$2"/*.1
}

# package NAME install-word "description" UNIT…
package() {
  local name=$1 word=$2 about=$3 root="$stage/$1"; shift 3
  "$here/install.sh" --destdir "$root" --programs "$programs" "$word"
  # Both packages carry the users and folders, each under its own name.
  for folder in sysusers.d tmpfiles.d; do
    [ "$name" = infralogs ] || mv "$root/usr/lib/$folder/infralogs.conf" "$root/usr/lib/$folder/$name.conf"
  done
  manual "$name" "$root/usr/share/man/man1"
  install -D -m 0644 "$here/../../LICENSE" "$root/usr/share/doc/$name/copyright"
  mkdir -p "$root/DEBIAN"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The Infralogs authors <infralogs@example.org>
Depends: libc6 (>= 2.36), libgcc-s1, ca-certificates, systemd (>= 250)
Section: admin
Priority: optional
Description: $about
CONTROL
  # Not every package brings files of its own below etc.
  (cd "$root" && if [ -d etc ]; then find etc -type f; fi) | sed 's|^|/|' >"$root/DEBIAN/conffiles"
  cat >"$root/DEBIAN/postinst" <<POSTINST
#!/bin/sh
set -e
if [ "\$1" = configure ] && [ -d /run/systemd/system ]; then
  systemd-sysusers $name.conf
  # It also fails over folders of others; ours are made again at boot, and units say which they lack.
  systemd-tmpfiles --create $name.conf || echo "$name: not every folder could be made; the units say which they lack" >&2
  systemctl daemon-reload
  # A running program takes over the new version; a new one is started by whoever has configured it.
  # One that does not come up again says so in its journal; dpkg must not be left half configured for it.
  systemctl try-restart $* || echo "$name: not restarted; journalctl -u says why" >&2
fi
POSTINST
  cat >"$root/DEBIAN/prerm" <<PRERM
#!/bin/sh
set -e
# A unit that is masked or gone must not keep the package from being removed.
if [ "\$1" = remove ] && [ -d /run/systemd/system ]; then systemctl disable --now $* || echo "$name: its units were not stopped" >&2; fi
PRERM
  chmod 0755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$root" "$output/${name}_${version}_$(dpkg --print-architecture).deb" >/dev/null
  echo "$output/${name}_${version}_$(dpkg --print-architecture).deb"
}

mkdir -p "$output"
package infralogs-agent agent "Infralogs agent: serves this machine's journal" infralogs-agent.service
package infralogs server "Infralogs collector and dashboards" infralogs-collector.service infralogs-dashboard.service
