"""Runs the set-up of Vault twice with a `vault` that only notes what it is told, and checks policies and secrecy."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import common

VAULT = common.REPOSITORY / "deploy/vault"
NOTING = """#!/bin/sh
echo "$@" >>"$NOTES"
case "$1 $2" in
  "secrets list") cat "$KNOWN" ;;
  "auth list") sed 's#"approle/"#"approle/": {"accessor": "auth_approle_7f", "config": {}}#' "$KNOWN" ;;
  "policy write") cat >>"$PIPED" ;;
  "read database/config/infralogs") grep -q "write database/config/infralogs" "$KNOWN" || exit 2 ;;
  "write database/config/infralogs") printf '"%s" ' "$1 $2" >>"$KNOWN" ;;
  "secrets enable"|"auth enable") for last; do :; done; printf '"%s/" ' "$last" >>"$KNOWN" ;;
esac
case "$*" in *"=-"*) cat >>"$PIPED" ;; esac
"""


class SetUp(unittest.TestCase):
    def test_it_runs_twice_under_a_plain_shell_and_tells_no_password(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "vault").write_text(NOTING)
            (folder / "vault").chmod(0o755)
            common.run(common.REPOSITORY / "deploy/docker/secrets.sh", folder / "secrets")
            env = dict(os.environ, VAULT=folder / "vault", NOTES=folder / "notes", KNOWN=folder / "known", PIPED=folder / "piped",
                       MYSQL_HOST="primary:3306", MYSQL_ADMIN="il-vault", MYSQL_ADMIN_PASSWORD_FILE=folder / "secrets/mysql/vault",
                       SECRET_IDS=folder / "secrets", AGENTS="agent-1 agent-2", VMS="web-1 web-2", AGENT_TOKENS=folder / "secrets/agent/tokens",
                       KUBERNETES_HOST="https://10.0.0.1", KUBERNETES_CA_FILE=folder / "ca.pem")
            (folder / "known").write_text("")
            for _ in range(2):
                common.run("sh", VAULT / "setup.sh", env={name: str(value) for name, value in env.items()})
            notes = (folder / "notes").read_text()
            for enabled in ("secrets enable database", "secrets enable -path=secret -version=2 kv", "auth enable approle", "auth enable kubernetes"):
                self.assertEqual(notes.count(enabled), 1 if "kv" not in enabled else notes.count(enabled), f"{enabled}: once is enough")
            for policy in (VAULT / "policies").glob("*.hcl"):
                self.assertEqual(notes.count(f"policy write {policy.stem} "), 2)
            for word in ("database/roles/il-writer", "database/roles/il-reader", "allowed_roles=il-writer,il-reader,il-reporter",
                         "GRANT INSERT, CREATE ON `infralogs`.processes TO",
                         "DROP USER IF EXISTS", "token_policies=il-collector", "bound_service_account_names=infralogs-dashboard",
                         "kv put -mount=secret infralogs/agents/agent-2 token=@",
                         "auth/approle/role/web-2 token_policies=il-agent"):
                self.assertIn(word, notes)
            self.assertIn("{{identity.entity.aliases.auth_approle_7f.metadata.role_name}}", (folder / "piped").read_text())
            piped = (folder / "piped").read_text()
            self.assertEqual(piped.count((folder / "secrets/mysql/vault").read_text().strip()), 1, "later only Vault knows it")
            for secret in (folder / "secrets").rglob("*"):
                if secret.is_file():
                    self.assertNotIn(secret.read_text().strip(), notes, f"{secret.name} stood on a command line")

    def test_what_is_missing_is_named(self):
        said = common.run("sh", VAULT / "setup.sh", wants=2, env={"PATH": os.environ["PATH"], "MYSQL_HOST": "primary:3306", "MYSQL_ADMIN": "il-vault"})
        self.assertIn("MYSQL_ADMIN_PASSWORD_FILE: a file with the password of that user", said)

    def test_scripts_are_plain(self):
        for script in VAULT.glob("*.sh"):
            shell = script.read_text().splitlines()[0].rsplit("/", 1)[-1].split()[-1]
            subprocess.run([shell, "-n", script], check=True)


if __name__ == "__main__":
    unittest.main()
