# Vault Agent on a VM: keeps /etc/infralogs/agent.tokens as the key-value store says: the token, then the one to come or
# the one before it. ../README.md says how to replace a token.
#
# Its unit needs `Environment=HOSTNAME=%H`, and its user the right to write below /etc/infralogs. Vault Agent keeps the
# owner and mode of a file that is there, so begin with one: install.sh makes it root:infralogs-agent, 0640.
vault { address = "https://vault.example:8200" }

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/infralogs/vault-role-id"
      secret_id_file_path                 = "/etc/infralogs/vault-secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config { static_secret_render_interval = "30s" }

template {
  source      = "/etc/infralogs/agent-tokens.ctmpl"
  destination = "/etc/infralogs/agent.tokens"
  perms       = "0640"
  error_on_missing_key = true
}
