#!/usr/bin/env bash
# Gives this VM a new agent token with no failed poll: beside the old one, then to Vault, then the old one away.
# For VMs without Vault Agent; run it from a timer. Needs `vault` (or VAULT=bao) logged in with the policy il-rotator.
set -euo pipefail
vault=${VAULT:-vault}
file=${TOKEN_FILE:-/etc/infralogs/agent.tokens}
path=${TOKEN_PATH:-infralogs/agents/$(hostname)}
# Collectors read tokens again when one is refused, and at least once a minute.
wait_s=${WAIT_S:-150}
umask 077

exec 9>"$file.lock"
flock -n 9 || { echo "another rotation is at work" >&2; exit 1; }

put() { # put TOKEN...: one a line, whole or not at all
  local new; new=$(mktemp "$file.XXXXXX")
  printf '%s\n' "$@" >"$new"
  chown --reference="$file" "$new" && chmod --reference="$file" "$new"
  mv -f "$new" "$file"
}

old=$(grep -v '^[[:space:]]*\(#\|$\)' "$file" | head -n 1)
new=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
put "$old" "$new"
sleep "${AGENT_S:-2}" # the agent looks at the file within a second
# Not as an argument: others on this machine see those.
if ! printf '%s' "$new" | "$vault" kv put -mount=secret "$path" token=- >/dev/null; then
  put "$old"
  echo "Vault took no new token; the old one goes on" >&2
  exit 1
fi
sleep "$wait_s"
put "$new"
