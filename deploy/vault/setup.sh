#!/bin/sh
# Sets Vault up for infralogs: policies, database roles, logins. Safe to run again. Needs `vault` (or VAULT=bao) logged
# in as somebody who may write policies, mounts and auth methods, and these variables:
#   MYSQL_HOST, MYSQL_ADMIN, MYSQL_ADMIN_PASSWORD_FILE   the primary, and a user who may create users
#   MYSQL_DATABASE                                       infralogs, unless said otherwise
#   KUBERNETES_HOST, KUBERNETES_CA_FILE                  optional: logins of pods
#   SECRET_IDS                                           optional, for trying: a folder with collector/secret-id and
#                                                        dashboard/secret-id, taken as they are; role ids as role names
#   VMS                                                  optional: names of VMs that run Vault Agent, an AppRole each
#   AGENT_TOKENS, AGENTS                                 optional, for trying: a file with the token of these agents
set -eu
cd "$(dirname "$0")"
vault=${VAULT:-vault}
database=${MYSQL_DATABASE:-infralogs}
: "${MYSQL_HOST:?the primary as host:port}" "${MYSQL_ADMIN:?its user who may create users}" \
  "${MYSQL_ADMIN_PASSWORD_FILE:?a file with the password of that user}"

enable() { # enable secrets|auth TYPE: unless it is there
  "$vault" "$1" list -format=json | grep -q "\"$2/\"" || "$vault" "$1" enable "$2"
}

enable secrets database
"$vault" secrets list -format=json | grep -q '"secret/"' || "$vault" secrets enable -path=secret -version=2 kv
enable auth approle

approle=$("$vault" auth list -format=json | tr -d ' \n' | sed -n 's/.*"approle\/":{[^}]*"accessor":"\([^"]*\)".*/\1/p')
for policy in policies/*.hcl; do
  sed "s/APPROLE/${approle:?the AppRole logins have no accessor}/" "$policy" | "$vault" policy write "$(basename "$policy" .hcl)" -
done

# Vault's own user. Its password is rotated afterwards, so that only Vault knows it (README.md): once it is set, the one
# in the file counts no more and is left out. To give Vault another user, `vault delete database/config/infralogs` first.
connect() { # connect FIELD...
  "$vault" write database/config/infralogs plugin_name=mysql-database-plugin allowed_roles=il-writer,il-reader,il-reporter \
    connection_url="{{username}}:{{password}}@tcp($MYSQL_HOST)/" "$@"
}
if "$vault" read database/config/infralogs >/dev/null 2>&1; then
  connect
else
  printf '%s' "$(cat "$MYSQL_ADMIN_PASSWORD_FILE")" | connect username="$MYSQL_ADMIN" password=-
fi

# Dropping a user who is gone must not fail, or the lease could never be revoked. Open sessions outlive DROP USER:
# infralogs closes its own before it revokes.
drop="DROP USER IF EXISTS '{{name}}'@'%';"
role() { # role NAME GRANTS [TABLE]
  "$vault" write "database/roles/$1" db_name=infralogs default_ttl=1h max_ttl=24h revocation_statements="$drop" \
    creation_statements="CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT $2 ON \`$database\`.${3:-*} TO '{{name}}'@'%';"
}
# The writer makes tables and columns that scripts declare, and drops old partitions.
role il-writer "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP"
role il-reader "SELECT"
# Before a collector has made that table, nothing but the right to make it as well can be granted on it.
role il-reporter "INSERT, CREATE" processes

# A token must outlive its leases, or it takes them along: token_ttl above default_ttl of the database role.
for name in collector dashboard; do
  "$vault" write "auth/approle/role/infralogs-$name" token_policies="il-$name" token_no_default_policy=true \
    token_ttl=2h token_max_ttl=48h secret_id_ttl=720h
done

# Metadata of a secret id belongs to the role's one identity, so that VMs with one role would take turns being each other.
for vm in ${VMS:-}; do
  "$vault" write "auth/approle/role/$vm" token_policies=il-agent token_ttl=2h secret_id_ttl=0
done

if [ -n "${KUBERNETES_HOST:-}" ]; then
  enable auth kubernetes
  "$vault" write auth/kubernetes/config kubernetes_host="$KUBERNETES_HOST" kubernetes_ca_cert=@"${KUBERNETES_CA_FILE:?}"
  for name in collector dashboard; do
    "$vault" write "auth/kubernetes/role/infralogs-$name" bound_service_account_names="infralogs-$name" \
      bound_service_account_namespaces="${NAMESPACE:-infralogs}" token_policies="il-$name" \
      token_no_default_policy=true token_ttl=2h token_max_ttl=48h
  done
fi

if [ -n "${SECRET_IDS:-}" ]; then
  for name in collector dashboard; do
    "$vault" write "auth/approle/role/infralogs-$name/role-id" role_id="infralogs-$name"
    # The one that is known already is refused, and goes on.
    "$vault" write "auth/approle/role/infralogs-$name/custom-secret-id" secret_id=@"$SECRET_IDS/$name/secret-id" >/dev/null ||
      "$vault" write "auth/approle/role/infralogs-$name/secret-id/lookup" secret_id=@"$SECRET_IDS/$name/secret-id" >/dev/null
  done
fi
for agent in ${AGENTS:-}; do
  "$vault" kv put -mount=secret "infralogs/agents/$agent" token=@"${AGENT_TOKENS:?}" >/dev/null
done
