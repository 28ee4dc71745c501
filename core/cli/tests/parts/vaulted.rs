//! Vault, a database, an agent's address and a configuration that takes everything secret from Vault.
#![allow(dead_code, reason = "each test file uses a part of it")]

use crate::{
    parts::{
        copy_scripts, free_port, journal,
        program::{Program, agent, infralogs, run},
        wait_for,
    },
    rotate::Vm,
    standin::StandIn,
};
use infralogs_core::testing::mariadb::Server;
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::Output,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub const ENTRIES: u64 = 200;
const MACHINE: u128 = 0x5555_5678_9abc_def0_1122_3344_5566_7788;
/// All that can be asked for, also of libraries that must not speak.
const VERBOSE: &str = "trace,rustify=trace,rustify::client=trace,vaultrs=trace,reqwest=trace,mysql=trace";
pub const TOKENS: &str = "infralogs/agents/web-1";

/// Vault, a database, and a configuration that takes everything secret from Vault.
pub struct World {
    folder: TempDir,
    pub server: Arc<Server>,
    pub database: String,
    pub standin: StandIn,
    pub agent: String,
    pub page: String,
}

impl World {
    pub fn new() -> Self {
        let server = Arc::new(Server::start(&[]));
        let database = server.database();
        let standin = StandIn::start(Some(server.clone()), &database);
        let folder = tempfile::tempdir().expect("a folder");
        let local = || format!("127.0.0.1:{}", free_port());
        let world = Self { folder, server, database, standin, agent: local(), page: local() };
        world.value(TOKENS, &json!({ "token": "agent-token-1" }));
        world.value("infralogs/dashboard/sign-in", &json!({ "tokens": "reader-one\nreader-two" }));
        world.value("infralogs/dashboard/cookies", &json!({ "keys": "k".repeat(40) }));
        world.write("secret-id", "the-secret-id\n");
        copy_scripts(world.here());
        world.write(
            "scripts/schedules/fleet.rhai",
            r#"schedule("fleet").targets(inventory("fleet")).every(1.seconds).timeout(10.seconds);"#,
        );
        let url = format!("mysql://127.0.0.1:{}/{}", world.server.port(), world.database);
        let config = json!({
            "scripts": "scripts",
            "secrets": {
                "plugin": "vault",
                "address": world.standin.address,
                "auth": { "approle": { "role_id": "role", "secret_id_file": "secret-id" } },
            },
            "store": { "url": url, "secret": "database/creds/il-writer" },
            "read": { "url": url, "secret": "database/creds/il-reader" },
            "report": { "url": url, "secret": "database/creds/il-reporter" },
            "listen": world.page,
            "sign_in": {
                "token_secret": "secret/infralogs/dashboard/sign-in#tokens",
                "cookie_keys_secret": "secret/infralogs/dashboard/cookies#keys",
            },
            "inventories": { "fleet": [{
                "name": "web-1", "url": format!("http://{}", world.agent), "secret": format!("secret/{TOKENS}#token"),
            }] },
        });
        world.write("infralogs.yaml", &config.to_string());
        world
    }

    pub fn here(&self) -> &Path {
        self.folder.path()
    }
    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.here().join(name), content).expect("written");
    }
    pub fn value(&self, path: &str, value: &Value) {
        self.standin.lock().write(path, value);
    }
    /// A program that says all it can.
    pub fn start(&self, args: &[&str]) -> Program {
        Program::start(&infralogs(), &[args, &["--log", VERBOSE]].concat(), self.here())
    }
    /// An agent with a journal of so many entries.
    pub fn agent(&self) -> (Program, journal::Writer) {
        fs::create_dir(self.here().join("journal")).expect("a folder");
        let mut journal = journal::Writer::new(&self.here().join("journal"), "web-1", MACHINE);
        journal.write(ENTRIES);
        self.write("agent-tokens", "agent-token-1\n");
        let args = ["--journal", "journal", "--listen", &self.agent, "--token-file", "agent-tokens"];
        let mut running = Program::start(&agent(), &args, self.here());
        running.wait_for(&self.agent);
        (running, journal)
    }
    /// A collector, and where it answers.
    pub fn collector(&self) -> (Program, String) {
        let at = format!("127.0.0.1:{}", free_port());
        (self.start(&["collect", "--listen", &at]), format!("http://{at}"))
    }
    /// Everything that was written is stored, once.
    pub fn all_is_stored(&self, journal: &journal::Writer) {
        let sql = format!(
            "SELECT COUNT(*), COUNT(DISTINCT seqnum) FROM {}.logs WHERE identifier NOT LIKE 'infralogs-%'",
            self.database
        );
        let written = journal.written();
        // The table is not there before the first of them.
        let stored = || self.server.try_sql(&sql).unwrap_or_default();
        wait_for("every entry, once", || (stored().trim() == format!("{written}\t{written}")).then_some(()));
    }
    pub fn doctor(&self) -> (Output, String, Duration) {
        let began = Instant::now();
        let done = run(&["doctor", "--log", VERBOSE], self.here());
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let all = [&done.stdout[..], &done.stderr[..]].concat();
        self.write(&format!("doctor-{}.log", began.elapsed().as_nanos()), &String::from_utf8_lossy(&all));
        (done, said, began.elapsed())
    }
    /// The rows behind the page of our own health, one for each credential: its path, how old it is, how long it lasts,
    /// and nothing wrong.
    pub fn all_credentials_are_told(&self) {
        let told = format!(
            "SELECT DISTINCT process, credentials FROM {}.processes WHERE credentials_age >= 0 \
             AND credentials_left BETWEEN 0 AND 12000000 AND problem IS NULL AND store_bytes > 0 ORDER BY 1, 2",
            self.database
        );
        let expected = "collector\tdatabase/creds/il-writer\n\
                        dashboard\tdatabase/creds/il-reader\ndashboard\tdatabase/creds/il-reporter";
        // The table is not there before the collector's first login.
        let rows = || self.server.try_sql(&told).unwrap_or_default();
        wait_for("a row for each", || (rows().trim() == expected).then_some(()));
    }
    /// What `deploy/vault/rotate-token.sh` does on the VM.
    pub fn rotate(&self, wait_s: u32) {
        let (name, standin) = ("web-1".to_owned(), self.standin.clone());
        Vm { name, standin, file: self.here().join("agent-tokens") }.run_script(wait_s);
    }
}

/// Whatever a test made the programs say, it was nothing secret.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let files = fs::read_dir(self.here()).expect("the folder").flatten().map(|entry| entry.path());
        let logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
        let said: String = logs.iter().map(|path| fs::read_to_string(path).expect("a log")).collect();
        assert!(said.contains("TRACE") && said.contains("logged in to Vault"), "the logs were caught");
        for secret in &self.standin.lock().secret {
            assert!(!said.contains(secret.as_str()), "a log tells a secret: {}", line_of(&said, secret));
        }
    }
}

fn line_of<'s>(said: &'s str, secret: &str) -> &'s str {
    said.lines().find(|line| line.contains(secret)).unwrap_or_default()
}
