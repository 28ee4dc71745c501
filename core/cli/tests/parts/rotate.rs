//! Both ways that deploy/vault has to replace an agent's token, against the stand-in.
#![allow(dead_code, reason = "each test file uses a part of it")]

use crate::{parts::repository, standin::StandIn};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// How soon an agent knows a file anew, with room.
const AGENT_LOOKS: Duration = Duration::from_secs(2);

/// A VM, as far as its token goes.
pub struct Vm {
    pub name: String,
    pub standin: StandIn,
    /// Where the agent's tokens stand.
    pub file: PathBuf,
}

impl Vm {
    fn path(&self) -> String {
        format!("infralogs/agents/{}", self.name)
    }

    /// Runs `deploy/vault/rotate-token.sh` with a `vault` that speaks to the stand-in.
    pub fn run_script(&self, wait_s: u32) {
        let bin = self.file.with_file_name(format!("vault-of-{}", self.name));
        let put = "#!/bin/sh\nset -e\n[ \"$1 $2 $3 $5\" = 'kv put -mount=secret token=-' ]\n\
            curl -sf --noproxy '*' -H \"x-vault-token: $VAULT_TOKEN\" -d \"{\\\"data\\\":{\\\"token\\\":\\\"$(cat)\\\"}}\" \
            \"$VAULT_ADDR/v1/secret/data/$4\"\n";
        fs::write(&bin, put).expect("written");
        Command::new("chmod").arg("755").arg(&bin).status().expect("chmod");
        let token = self.standin.lock().token();
        let done = Command::new(repository().join("deploy/vault/rotate-token.sh"))
            .env("VAULT", &bin)
            .env("VAULT_ADDR", &self.standin.address)
            .env("VAULT_TOKEN", token)
            .env("TOKEN_FILE", &self.file)
            .env("TOKEN_PATH", self.path())
            .env("WAIT_S", wait_s.to_string())
            .output()
            .expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Takes the three steps of `deploy/vault/README.md`, Vault Agent's template rendered after each.
    pub fn take_steps(&self, new: &str, wait: Duration) {
        let old = self.value()["token"].clone();
        self.patch(&json!({ "next": new }));
        sleep(AGENT_LOOKS);
        self.patch(&json!({ "token": new, "previous": old, "next": "" }));
        sleep(wait);
        self.patch(&json!({ "previous": "" }));
    }

    fn value(&self) -> Value {
        self.standin.lock().rules.values.get(&self.path()).cloned().unwrap_or_default()
    }

    fn patch(&self, change: &Value) {
        let mut value = self.value();
        for (name, text) in change.as_object().expect("fields") {
            value[name] = text.clone();
        }
        self.standin.lock().rules.values.insert(self.path(), value);
        self.render();
    }

    /// What Vault Agent does when a value changed: its template into the file, whole or not at all.
    fn render(&self) {
        let answers = json!({ format!("secret/data/{}", self.path()): { "data": { "data": self.value() } } });
        let mut render = Command::new(renderer())
            .arg(repository().join("deploy/vault/agent/agent-tokens.ctmpl"))
            .env("HOSTNAME", &self.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("target/render, which .ci/test makes");
        render.stdin.take().expect("its input").write_all(answers.to_string().as_bytes()).expect("told");
        let done = render.wait_with_output().expect("it ends");
        assert!(done.status.success(), "the template is refused");
        let new = self.file.with_extension("new");
        fs::write(&new, done.stdout).and_then(|()| fs::rename(&new, &self.file)).expect("written");
    }
}

/// Go's template engine with what Vault Agent adds to it: deploy/tests/render.go.
fn renderer() -> PathBuf {
    Path::new(&repository()).join("target/render")
}
