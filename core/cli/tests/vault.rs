//! Vault with the programs themselves: credentials at `/health`, sign-in, an agent's token replaced, and `doctor`.

mod parts;
#[path = "parts/rotate.rs"]
mod rotate;
#[path = "../../../plugins/vault/tests/standin/mod.rs"]
mod standin;

use infralogs_core::testing::mariadb::Server;
use parts::{
    ask::{ask, figure},
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs, run},
    wait_for,
};
use rotate::Vm;
use serde_json::{Value, json};
use standin::StandIn;
use std::{
    fs,
    path::Path,
    process::Output,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const ENTRIES: u64 = 200;
const MACHINE: u128 = 0x5555_5678_9abc_def0_1122_3344_5566_7788;
const TOKENS: &str = "infralogs/agents/web-1";

/// Vault, a database, and a configuration that takes everything secret from Vault.
struct World {
    folder: TempDir,
    server: Arc<Server>,
    database: String,
    standin: StandIn,
    agent: String,
    page: String,
}

impl World {
    fn new() -> Self {
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
            "report": { "url": url, "secret": "database/creds/il-writer" },
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

    fn here(&self) -> &Path {
        self.folder.path()
    }
    fn write(&self, name: &str, content: &str) {
        fs::write(self.here().join(name), content).expect("written");
    }
    fn value(&self, path: &str, value: &Value) {
        self.standin.lock().rules.values.insert(path.into(), value.clone());
    }
    fn start(&self, args: &[&str]) -> Program {
        Program::start(&infralogs(), args, self.here())
    }
    fn doctor(&self) -> (Output, String, Duration) {
        let began = Instant::now();
        let done = run(&["doctor"], self.here());
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        (done, said, began.elapsed())
    }
    /// The rows behind the page of our own health, one for each credential: its path, how old it is, how long it lasts,
    /// and nothing wrong.
    fn all_credentials_are_told(&self) {
        let told = format!(
            "SELECT DISTINCT process, credentials FROM {}.processes WHERE credentials_age >= 0 \
             AND credentials_left BETWEEN 0 AND 12000000 AND problem IS NULL AND store_bytes > 0 ORDER BY 1, 2",
            self.database
        );
        let expected = "collector\tdatabase/creds/il-writer\n\
                        dashboard\tdatabase/creds/il-reader\ndashboard\tdatabase/creds/il-writer";
        // The table is not there before the collector's first login.
        let rows = || self.server.try_sql(&told).unwrap_or_default();
        wait_for("a row for each", || (rows().trim() == expected).then_some(()));
    }
    /// What `deploy/vault/rotate-token.sh` does on the VM.
    fn rotate(&self, wait_s: u32) {
        let (name, standin) = ("web-1".to_owned(), self.standin.clone());
        Vm { name, standin, file: self.here().join("agent-tokens") }.run_script(wait_s);
    }
}

fn health(base: &str) -> Value {
    serde_json::from_str(&ask(&format!("{base}/health"), &[]).1).unwrap_or_default()
}

fn ready(base: &str) -> bool {
    ask(&format!("{base}/ready"), &[]).0 == 200
}

#[test]
fn programs_say_how_long_credentials_last_and_tokens_change_without_a_failed_poll() {
    let world = World::new();
    // Prolonged every 8 s.
    world.standin.set(|rules| rules.lease_ttl = Duration::from_secs(12));
    fs::create_dir(world.here().join("journal")).expect("a folder");
    let mut journal = journal::Writer::new(&world.here().join("journal"), "web-1", MACHINE);
    journal.write(ENTRIES);
    world.write("agent-tokens", "agent-token-1\n");
    let args = ["--journal", "journal", "--listen", &world.agent, "--token-file", "agent-tokens"];
    let mut running = Program::start(&agent(), &args, world.here());
    running.wait_for(&world.agent);
    let collector_at = format!("127.0.0.1:{}", free_port());
    let (collector, page) = (format!("http://{collector_at}"), format!("http://{}", world.page));
    let collecting = world.start(&["collect", "--listen", &collector_at]);
    let serving = world.start(&["serve"]);
    for base in [&collector, &page] {
        wait_for("readiness", || ready(base).then_some(()));
        let own = &health(base)["credentials"][0];
        assert!(own["in_use"] == true && own["left_s"].as_u64().is_some_and(|left| left <= 12), "{own}");
        assert!(figure(base, "infralogs_credentials_left_seconds") > 0.0);
    }

    world.all_credentials_are_told();

    // Who signs in is known from Vault, and again once that changed.
    let sign_in = |token: &str| ask(&format!("{page}/d/fleet.json"), &[&format!("authorization: Bearer {token}")]).0;
    wait_for("the tokens", || (sign_in("reader-two") == 200).then_some(()));
    assert_eq!((sign_in("reader-one"), sign_in("nobody")), (200, 401));
    world.value("infralogs/dashboard/sign-in", &json!({ "tokens": "reader-three\nreader-two" }));
    wait_for("the new token", || {
        std::thread::sleep(Duration::from_secs(1));
        (sign_in("reader-three") == 200).then_some(())
    });
    assert_eq!((sign_in("reader-two"), sign_in("reader-one")), (200, 401));

    // The agent's token changes twice: collectors that look in time, and those refused first. Entries go on.
    wait_for("polls", || (figure(&collector, "infralogs_polls_total") >= 2.0).then_some(()));
    let failed = figure(&collector, "infralogs_polls_failed_total");
    assert_eq!(failed, 0.0, "nor did any fail before there were credentials: {}", collecting.said());
    for wait_s in [4, 1] {
        let before = fs::read_to_string(world.here().join("agent-tokens")).expect("tokens");
        journal.write(ENTRIES);
        world.rotate(wait_s);
        let after = fs::read_to_string(world.here().join("agent-tokens")).expect("tokens");
        assert!(after.lines().count() == 1 && after != before, "the new one alone");
        let polls = figure(&collector, "infralogs_polls_total");
        wait_for("polls with it", || (figure(&collector, "infralogs_polls_total") >= polls + 3.0).then_some(()));
    }
    assert_eq!(figure(&collector, "infralogs_polls_failed_total"), 0.0, "{}", health(&collector));
    let stored =
        format!("SELECT COUNT(DISTINCT seqnum) FROM {}.logs WHERE identifier NOT LIKE 'infralogs-%'", world.database);
    wait_for("every entry", || (world.server.sql(&stored).trim() == (3 * ENTRIES).to_string()).then_some(()));

    // Vault is sealed: it is said with the time left, and over as soon as Vault is back.
    world.standin.set(|rules| rules.fault = Some("sealed-renew"));
    for (base, held) in [(&collector, 1.0), (&page, 2.0)] {
        let said = wait_for("degraded", || {
            let health = health(base);
            (health["status"] == "degraded" && health["credentials"][0]["problem"].is_string()).then_some(health)
        });
        assert!(
            said["what"].as_str().is_some_and(|what| what.contains("sealed") && what.contains(" s more")),
            "{said}"
        );
        wait_for("each", || (figure(base, "infralogs_credentials_degraded") == held).then_some(()));
    }
    world.standin.set(|rules| rules.fault = None);
    for base in [&collector, &page] {
        wait_for("in order again", || (health(base)["status"] == "ok").then_some(()));
    }
    let logs = [collecting.said(), serving.said()].concat();
    assert!(collecting.interrupt() && serving.interrupt());
    assert_eq!(world.standin.live_leases(), 0, "given back");
    for secret in world.standin.lock().secret.iter().map(String::as_str).chain(["agent-token-1", "reader-three"]) {
        assert!(!logs.contains(secret), "the log tells a secret");
    }
}

#[test]
fn doctor_names_the_first_thing_that_is_wrong() {
    let world = World::new();
    world
        .standin
        .set(|rules| (rules.lease_ttl, rules.token_ttl) = (Duration::from_secs(600), Duration::from_secs(1_200)));
    // The tables, as an operator makes them first.
    assert!(run(&["migrate"], world.here()).status.success());
    let (done, said, _) = world.doctor();
    assert!(done.status.success() && !said.contains("warn") && !said.contains("FAIL"), "{said}");
    for step in
        ["Vault at", "login by AppRole", "policy: may read", "secret database/creds/il-writer", "store:", "read:"]
    {
        assert!(said.contains(&format!("ok    {step}")), "{step}: {said}");
    }
    assert!(said.contains("dashboard/sign-in") && said.contains(TOKENS), "values as well: {said}");

    world.standin.set(|rules| (rules.skew_s, rules.token_ttl) = (3_600, Duration::from_secs(300)));
    let (done, said, _) = world.doctor();
    assert!(done.status.success() && said.contains("3600 s apart") && said.contains("dies before"), "{said}");
    world.standin.set(|rules| (rules.skew_s, rules.token_ttl) = (0, Duration::from_secs(1_200)));

    world.standin.lock().rules.denied.insert("database/creds/il-writer".into());
    let (done, said, _) = world.doctor();
    assert!(
        !done.status.success() && said.contains("FAIL  policy") && said.contains("deploy/vault/policies"),
        "{said}"
    );
    world.standin.set(|rules| rules.denied.clear());

    // Wherever Vault hangs or is gone it is said soon, and nothing waits for what can't be.
    for frozen in [true, false] {
        world.standin.set(|rules| (rules.frozen, rules.away) = (frozen, !frozen));
        let (done, said, took) = world.doctor();
        println!("doctor without Vault took {took:?}");
        assert!(!done.status.success() && said.contains("FAIL  Vault at") && said.contains("skip  store"), "{said}");
        assert!(took < Duration::from_secs(100), "5 s on an idle machine: {took:?}");
    }
    world.standin.set(|rules| rules.away = false);

    world.server.kill();
    let (done, said, took) = world.doctor();
    println!("doctor without the database took {took:?}");
    assert!(!done.status.success() && said.contains("FAIL") && said.contains("il-writer"), "{said}");
    assert_eq!((world.standin.live_leases(), world.standin.live_tokens()), (0, 0), "nothing is left behind");
}
