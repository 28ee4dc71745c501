#!/usr/bin/env bash
# Installs built programs, units, users and scripts; configuration that is there already stays as it is.
#
#   deploy/systemd/install.sh [--destdir DIR] [--programs DIR] agent|server|all
#
# With --destdir files are laid below DIR and nothing is started: packages and tests use that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
destdir='' programs="$here/../../target/release" what=''
while [ $# -gt 0 ]; do
  case $1 in
    --destdir) destdir=$2; shift 2 ;;
    --programs) programs=$2; shift 2 ;;
    agent | server | all) what=$1; shift ;;
    *) echo "install.sh: what is $1? [--destdir DIR] [--programs DIR] agent|server|all" >&2; exit 2 ;;
  esac
done
[ -n "$what" ] || { echo "install.sh: say agent, server or all" >&2; exit 2; }

# program UNIT…: one program and its units.
program() {
  local name=$1; shift
  [ -x "$programs/$name" ] || { echo "install.sh: no $programs/$name: cargo build --release --locked -p $name" >&2; exit 2; }
  install -D -m 0755 "$programs/$name" "$destdir/usr/bin/$name"
  for unit in "$@"; do install -D -m 0644 "$here/$unit" "$destdir/usr/lib/systemd/system/$unit"; done
}

# keep FILE TARGET: a file that belongs to the operator once it is there.
keep() { [ -e "$destdir$2" ] || install -D -m 0644 "$1" "$destdir$2"; }

install -D -m 0644 "$here/infralogs.sysusers" "$destdir/usr/lib/sysusers.d/infralogs.conf"
install -D -m 0644 "$here/infralogs.tmpfiles" "$destdir/usr/lib/tmpfiles.d/infralogs.conf"
if [ "$what" != server ]; then program infralogs-agent infralogs-agent.service; fi
if [ "$what" != agent ]; then
  program infralogs infralogs-collector.service infralogs-dashboard.service
  keep "$here/infralogs.yaml" /etc/infralogs/infralogs.yaml
  keep "$here/targets.yaml" /etc/infralogs/targets.yaml
  (cd "$here/../../scripts" && find . -name '*.rhai' -not -path '*/cases/*') | while read -r script; do
    keep "$here/../../scripts/$script" "/etc/infralogs/scripts/$script"
  done
fi
[ -z "$destdir" ] || exit 0

systemd-sysusers /usr/lib/sysusers.d/infralogs.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/infralogs.conf
if [ "$what" != server ] && [ ! -e /etc/infralogs/agent.tokens ]; then
  (umask 077; head -c 24 /dev/urandom | base64 >/etc/infralogs/agent.tokens)
  systemd-tmpfiles --create /usr/lib/tmpfiles.d/infralogs.conf   # gives the file to the agent's group
  echo "a new token is in /etc/infralogs/agent.tokens: the collector reads a copy, the token_file of this machine in its"
  echo "targets.yaml (on this machine /etc/infralogs/secrets/agent-token, root:infralogs, 0640)"
fi
systemctl daemon-reload
if [ "$what" != server ]; then systemctl enable --now infralogs-agent; fi
if [ "$what" != agent ]; then systemctl enable --now infralogs-collector infralogs-dashboard; fi
