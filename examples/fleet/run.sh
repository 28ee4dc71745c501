#!/usr/bin/env bash
# The fleet on one machine: `run.sh start`, `run.sh status`, `run.sh stop`. Everything it makes is in the folder state.
#
# Programs come from PATH or from INFRALOGS_PROGRAMS. Needs Debian's mariadb-server and systemd-journal-remote.
set -euo pipefail
cd "$(dirname "$0")"
PATH="${INFRALOGS_PROGRAMS:-$PWD/../../target/release}:$PATH"
state=$PWD/state
# Another folder and other ports, for a second fleet beside this one: STATE=… PORTS="primary replica web-1 web-2 db-1 page".
state=${STATE:-$state}
read -r primary replica web1 web2 db1 page <<<"${PORTS:-13306 13307 17071 17072 17073 8080}"

# keep NAME COMMAND…: runs it in the background, its output and process id in the state folder.
keep() {
  local name=$1; shift
  "$@" >"$state/$name.log" 2>&1 </dev/null &
  echo $! >"$state/$name.pid"
}

database() {
  local name=$1 port=$2
  mariadb-install-db --no-defaults --user="$(id -un)" --auth-root-authentication-method=normal --skip-test-db \
    --datadir="$state/$name" >"$state/$name-install.log" 2>&1 || { cat "$state/$name-install.log" >&2; exit 1; }
  keep "$name" mariadbd --defaults-file="$PWD/../../deploy/mysql/$name.cnf" --user="$(id -un)" \
    --datadir="$state/$name" --socket="$state/$name.sock" --port="$port" --bind-address=127.0.0.1 --skip-name-resolve
  for _ in $(seq 240); do
    mariadb --no-defaults -uroot -S "$state/$name.sock" -e "
      SET SESSION sql_log_bin = 0;
      CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '$(cat "$state/passwords/root")';
      GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION" 2>/dev/null && return
    sleep 0.25
  done
  echo "run.sh: $name does not answer; see $state/$name.log" >&2; exit 1
}

start() {
  [ ! -e "$state" ] || { echo "run.sh: $state is there already: run.sh stop" >&2; exit 2; }
  mkdir -p "$state/passwords"
  chmod 0700 "$state"
  for name in root writer reader reporter owner replica vault; do
    head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$state/passwords/$name"
  done
  head -c 24 /dev/urandom | base64 >"$state/token"
  sed -e "s|:13306/|:$primary/|g; s|:13307/|:$replica/|; s|:17071|:$web1|; s|:17072|:$web2|; s|:17073|:$db1|; s|:8080|:$page|" \
    -e "s|state/|$state/|; s|\.\./\.\./scripts|$PWD/../../scripts|" infralogs.yaml >"$state/infralogs.yaml"

  echo "journals, databases …"
  python3 journals.py "$state/journals" "${ENTRIES:-600}"
  database primary "$primary"
  database replica "$replica"
  PRIMARY=127.0.0.1:$primary REPLICA=127.0.0.1:$replica PASSWORDS=$state/passwords ../../deploy/mysql/setup.sh

  echo "agents, collector, dashboards …"
  keep web-1 infralogs-agent --journal "$state/journals/web-1" --listen "127.0.0.1:$web1" --token-file "$state/token"
  keep web-2 infralogs-agent --journal "$state/journals/web-2" --listen "127.0.0.1:$web2" --token-file "$state/token"
  keep db-1 infralogs-agent --journal "$state/journals/db-1" --listen "127.0.0.1:$db1" --token-file "$state/token"
  keep collector infralogs collect --config "$state/infralogs.yaml"
  keep dashboard infralogs serve --config "$state/infralogs.yaml"
  for _ in $(seq 120); do
    if infralogs health "http://127.0.0.1:$page" >/dev/null 2>&1; then
      echo "look at http://127.0.0.1:$page/d/fleet and http://127.0.0.1:$page/d/health"
      return
    fi
    sleep 0.5
  done
  echo "run.sh: the dashboards do not answer; see $state/dashboard.log" >&2; exit 1
}

# What the primary and the replica hold, by machine.
status() {
  [ -e "$state" ] || { echo "run.sh: no fleet is in $state: run.sh start" >&2; exit 2; }
  for name in primary replica; do
    echo "$name:"
    mariadb --no-defaults -uroot -S "$state/$name.sock" infralogs -e \
      "SELECT host, last_seen > 0 AS answers, coalesce(last_error, '') AS error FROM agents ORDER BY host;
       SELECT count(*) AS failed_logins FROM failed_ssh" || echo "  nothing yet"
  done
}

stop() {
  for name in dashboard collector web-1 web-2 db-1 replica primary; do
    [ -e "$state/$name.pid" ] || continue
    pid=$(cat "$state/$name.pid")
    kill "$pid" 2>/dev/null || true    # it may have ended by itself
    for _ in $(seq 120); do kill -0 "$pid" 2>/dev/null || break; sleep 0.25; done
  done
  rm -rf "$state"
  echo "ended, and $state is gone"
}

case "${1:-}" in
  start | status | stop) "$1" ;;
  *) echo "run.sh start | status | stop" >&2; exit 2 ;;
esac
