# What one VM's Vault Agent may do: read its own token. Each VM has an AppRole of its own, named as the VM is;
# setup.sh writes the accessor of the AppRole logins in the place of APPROLE.
path "secret/data/infralogs/agents/{{identity.entity.aliases.APPROLE.metadata.role_name}}" { capabilities = ["read"] }
