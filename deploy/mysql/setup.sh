#!/usr/bin/env bash
# Makes the accounts on the primary and starts the replica. Running it again changes nothing but changed passwords.
#
#   PRIMARY=host:port REPLICA=host:port PASSWORDS=folder deploy/mysql/setup.sh
#
# The folder holds one password a file: root, writer, reader, reporter, owner, replica, vault. REPLICA may be left out.
set -euo pipefail
: "${PRIMARY:?the primary as host:port}" "${PASSWORDS:?the folder with one password a file}"
here=$(dirname "$0")

password() {
  local file="$PASSWORDS/$1" value
  [ -r "$file" ] || { echo "setup: the password file $1 is missing in $PASSWORDS: put one password into it" >&2; exit 2; }
  value=$(cat "$file")
  case "$value" in
    '' | *[!A-Za-z0-9._~+=/-]*)
      echo "setup: the password in $1 is empty or has other signs than A-Z a-z 0-9 . _ ~ + = / -" >&2; exit 2 ;;
  esac
  printf %s "$value"
}

# Runs SQL from standard input on host:port as root. The password goes by the environment, not by the command line.
root=$(password root)
sql() { MYSQL_PWD="$root" mariadb --no-defaults --protocol=tcp -h "${1%:*}" -P "${1##*:}" -uroot -N; }

wait_for() {
  for _ in $(seq 120); do
    if echo 'SELECT 1' | sql "$1" >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  echo "setup: $1 does not answer:" >&2
  echo 'SELECT 1' | sql "$1" >&2
  exit 1
}

wait_for "$PRIMARY"
text=$(cat "$here/accounts.sql")
for name in writer reader reporter owner replica vault; do
  value=$(password "$name")
  text=${text//@${name^^}@/$value}
done
sql "$PRIMARY" <<<"$text"
echo "accounts are made on $PRIMARY"

[ -n "${REPLICA:-}" ] || exit 0
wait_for "$REPLICA"
follows() { echo 'SHOW SLAVE STATUS' | sql "$REPLICA" 2>/dev/null || echo 'SHOW REPLICA STATUS' | sql "$REPLICA"; }
if [ -n "$(follows)" ]; then
  echo "$REPLICA follows already"
elif [[ "$(echo 'SELECT VERSION()' | sql "$REPLICA")" != *MariaDB* ]]; then
  # MySQL 8: its root account is local to a replica that is read-only, so accounts come by replication.
  sql "$REPLICA" <<SQL
CHANGE REPLICATION SOURCE TO SOURCE_HOST='${PRIMARY%:*}', SOURCE_PORT=${PRIMARY##*:}, SOURCE_USER='il-replica',
  SOURCE_PASSWORD='$(password replica)', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=5;
START REPLICA;
SQL
  echo "$REPLICA follows $PRIMARY"
else
  sql "$REPLICA" <<SQL
CHANGE MASTER TO MASTER_HOST='${PRIMARY%:*}', MASTER_PORT=${PRIMARY##*:}, MASTER_USER='il-replica',
  MASTER_PASSWORD='$(password replica)', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=5;
START SLAVE;
SQL
  echo "$REPLICA follows $PRIMARY"
fi
