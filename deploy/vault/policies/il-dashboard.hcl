# What the dashboard may do, and nothing else.

# MySQL users that read.
path "database/creds/il-reader" { capabilities = ["read"] }

# MySQL users that say how this process does, and nothing else.
path "database/creds/il-reporter" { capabilities = ["read"] }

# Sign-in tokens and cookie keys.
path "secret/data/infralogs/dashboard/*" { capabilities = ["read"] }

# Our own token and leases. The default policy has the token's paths too; we do not rely on it.
path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/leases/renew"        { capabilities = ["update"] }
path "sys/leases/revoke"       { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
