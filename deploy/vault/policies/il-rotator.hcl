# What writes new tokens of agents (rotate-token.sh). Give it to people or to one machine, never to collectors.
path "secret/data/infralogs/agents/*" { capabilities = ["create", "read", "update"] }
