#!/usr/bin/env bash
# Assembles an image's root folder: one program, the libraries it names, the CA bundle, a user, and nothing else: no
# shell, no package tools. The Dockerfile's last stages and run.sh use the same root.
#
#   deploy/docker/root.sh PROGRAM ROOT
set -euo pipefail
program=$1 root=$2
[ -x "$program" ] || { echo "root.sh: $program is no program: cargo build it first" >&2; exit 2; }

mkdir -p "$root"/{bin,etc/ssl/certs,etc/infralogs,tmp,proc,var/lib/infralogs,var/log/journal,usr/share/infralogs}
install -m 0755 "$program" "$root/bin/"

# Libraries at the very paths the program will look for them.
ldd "$program" | awk '/=> \//{print $3} /^\t\//{print $1}' | while read -r library; do
  install -D -m 0755 "$(readlink -f "$library")" "$root$library"
done

install -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'infralogs:x:10001:10001:infralogs:/var/lib/infralogs:/bin/false' >"$root/etc/passwd"
echo 'infralogs:x:10001:' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
if [ "$(id -u)" = 0 ]; then chown 10001:10001 "$root/var/lib/infralogs"; fi

# The same input gives the same bytes: all files carry one time.
find "$root" -depth -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
