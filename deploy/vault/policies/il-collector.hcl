# What the collector may do, and nothing else.

# MySQL users that write.
path "database/creds/il-writer" { capabilities = ["read"] }

# Tokens of agents: read each, list their names.
path "secret/data/infralogs/agents/*"     { capabilities = ["read"] }
path "secret/metadata/infralogs/agents/*" { capabilities = ["list"] }
path "secret/metadata/infralogs/agents"   { capabilities = ["list"] }

# Our own token and leases. The default policy has the token's paths too; we do not rely on it.
path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/leases/renew"        { capabilities = ["update"] }
path "sys/leases/revoke"       { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
