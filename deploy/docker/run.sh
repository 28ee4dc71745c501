#!/usr/bin/env bash
# Runs a program from such a root as a container would, with the kernel's own parts: namespaces for mounts and
# processes, a read-only root, user 10001, no capabilities, no new privileges. For machines without a registry.
#
#   deploy/docker/run.sh ROOT [--bind FROM:TO[:rw]]… -- PROGRAM ARGUMENT…          (as root)
set -euo pipefail
root=$(readlink -f "$1"); shift
binds=()
while [ "${1:-}" = --bind ]; do binds+=("$2"); shift 2; done
[ "${1:-}" = -- ] && shift
[ "$(id -u)" = 0 ] || { echo "run.sh: needs root to make namespaces" >&2; exit 2; }

# Inside the namespaces: mount, then give everything away. `setpriv` and `chroot` come from outside, since the root has
# no tools; chroot changes the user last, and with it goes every capability.
inside='
  set -euo pipefail
  root=$1; shift
  mount --bind "$root" "$root"
  while [ "$1" != -- ]; do
    IFS=: read -r from to mode <<<"$1"; shift
    mkdir -p "$root$to"
    mount --bind "$from" "$root$to"
    [ "${mode:-ro}" = rw ] || mount -o remount,bind,ro,nosuid,nodev "$root$to"
  done
  shift
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t tmpfs -o size=16m,mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
  mount -o remount,bind,ro "$root"
  exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid -- \
    chroot --userspec=10001:10001 --groups="${GROUPS_EXTRA:-10001}" "$root" "$@"
'
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin GROUPS_EXTRA="${GROUPS_EXTRA:-10001}" \
  unshare --mount --pid --fork --kill-child --propagation private \
  bash -c "$inside" run.sh "$root" "${binds[@]}" -- "$@"
