# What one VM's Vault Agent may do: read its own token. {{…}} is the AppRole's metadata, set when its secret id is made.
path "secret/data/infralogs/agents/{{identity.entity.metadata.host}}" { capabilities = ["read"] }
