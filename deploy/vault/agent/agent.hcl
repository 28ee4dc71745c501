# Vault Agent on a VM: keeps /etc/infralogs/agent-tokens as the key-value store says, newest first, the one before it
# still accepted. Whoever rotates writes {token: NEW, previous: OLD} and, a few minutes later, {token: NEW}.
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
  destination = "/etc/infralogs/agent-tokens"
  perms       = "0640"
  error_on_missing_key = true
}
