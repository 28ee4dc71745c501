//! Logins, credentials, renewals, values and rotation against a Vault set up as deploy/vault says: a real one where
//! there is one, and otherwise the stand-in behind the same command line. Whatever needs a fault that no operator can
//! cause stays with the stand-in: `faults.rs`, `logins.rs`, `recovery.rs`.

mod dev;
mod line;
mod standin;

use dev::Dev;
use infralogs_core::{
    Kind,
    plugin::{Committed, Life, Process, Secrets, Settings, Store},
    rotate::{Cached, Keeper, Kept},
    testing::batch,
};
use infralogs_mysql::Mysql;
use infralogs_vault::Vault;
use line::{SOON, WRITER, until, vault};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

const READER: &str = "database/creds/il-reader";
const REPORTER: &str = "database/creds/il-reporter";
/// Rows of a transaction.
const BATCH: u64 = 200;

fn life(life: Life) -> Duration {
    match life {
        Life::Ends { within, .. } => within,
        Life::Watched { every } => panic!("it ends: {every:?}"),
    }
}

async fn refused(vault: &Vault, path: &str, word: &str) {
    let error = vault.issue(path).await.expect_err("refused");
    assert!(error.kind == Kind::Denied && error.to_string().contains(word), "{path}: {error}");
}

/// A store of this path, kept supplied.
fn kept(dev: &Dev, secrets: &Arc<Vault>, path: &str) -> (Arc<dyn Store>, Kept) {
    let url = format!("mysql://127.0.0.1:{}/{}", dev.server.port(), dev.database);
    let store: Arc<dyn Store> =
        Arc::new(Mysql::new(&Settings::of(json!({ "url": url, "secret": path }))).expect("settings"));
    let kept = Keeper { secrets: secrets.clone(), path: path.into(), store: store.clone() }.start();
    (store, kept)
}

async fn works(store: &Arc<dyn Store>) -> infralogs_core::Result<()> {
    let store = store.clone();
    tokio::task::spawn_blocking(move || store.migrate()).await.expect("runs")
}

/// Stores batch after batch until told to stop; how many rows.
fn ingest(store: Arc<dyn Store>, stop: &AtomicBool) -> u64 {
    let (target, mut next) = (batch::target("web-1"), 1);
    while !stop.load(Relaxed) {
        let entries = batch::entries("web-1", next, next + BATCH);
        let after = (next > 1).then(|| batch::cursor("web-1", next - 1));
        let commit = batch::commit(&target, after, batch::cursor("web-1", next + BATCH - 1), &entries);
        assert!(matches!(store.commit(&commit).expect("no transaction fails"), Committed::Stored { .. }));
        next += BATCH;
        std::thread::sleep(Duration::from_millis(10));
    }
    next - 1
}

/// Shorter lives than those of setup.sh, so that a test sees several; nothing else is changed.
fn short_lives(dev: &Dev, ttl: &str, most: &str) {
    let make = format!(
        "creation_statements=CREATE USER '{{{{name}}}}'@'%' IDENTIFIED BY '{{{{password}}}}'; \
         GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON {}.* TO '{{{{name}}}}'@'%';",
        dev.database
    );
    let (ttl, most) = (format!("default_ttl={ttl}"), format!("max_ttl={most}"));
    let drop = "revocation_statements=DROP USER IF EXISTS '{{name}}'@'%';";
    dev.does(&["write", "database/roles/il-writer", "db_name=infralogs", &make, drop, &ttl, &most]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_program_may_do_its_own_and_nothing_else_and_set_up_runs_again() {
    let dev = Dev::start();
    // As the README says; the password in the file counts no more, and setting up again must not need it.
    dev.does(&["write", "-f", "database/rotate-root/infralogs"]);
    dev.set_up();
    dev.does(&["kv", "put", "-mount=secret", "infralogs/agents/web-1", "token=agent-token"]);
    dev.does(&["kv", "put", "-mount=secret", "infralogs/dashboard/sign-in", "tokens=reader-one"]);
    let (agent, sign_in) = ("secret/infralogs/agents/web-1#token", "secret/infralogs/dashboard/sign-in#tokens");
    let own: [(&str, &[&str], &[&str]); 2] = [
        ("collector", &[WRITER, agent], &[READER, REPORTER, sign_in]),
        ("dashboard", &[READER, REPORTER, sign_in], &[WRITER, agent]),
    ];
    for (name, may, may_not) in own {
        let client = dev.client(&format!("infralogs-{name}"));
        let found = client.examine(&may.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()).await;
        let wrong = found.iter().find(|finding| finding.result.is_err() || finding.warning.is_some());
        assert!(found.len() == 3 + may.len() && wrong.is_none(), "{name}: {found:?}");
        for path in may_not {
            refused(&client, path, "policy").await;
        }
        client.end().await.expect("ended");
    }
    // Each VM's own Vault Agent reads its own token, and no other's.
    let vm = dev.client("web-1");
    assert_eq!(vm.issue(agent).await.expect("its own").password, "agent-token");
    refused(&dev.client("web-2"), agent, "policy").await;
    assert_eq!((dev.users(), dev.leases("il-writer")), (0, 0), "doctor gives back what it took");
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_may_say_how_they_do_and_write_nothing_else() {
    let dev = Dev::start();
    let dashboard: Arc<Vault> = Arc::new(dev.client("infralogs-dashboard"));
    // Issued before a collector has made the table.
    let (reporter, reporting) = kept(&dev, &dashboard, REPORTER);
    let own = Process { at: batch::START, process: "dashboard".into(), ..Process::default() };
    let told = || {
        let (reporter, own) = (reporter.clone(), own.clone());
        async move { tokio::task::spawn_blocking(move || reporter.present(&own)).await.expect("runs") }
    };
    reporting.ready(SOON).await.expect("in use");
    assert!(told().await.is_err(), "there is no table yet");
    let collector: Arc<Vault> = Arc::new(dev.client("infralogs-collector"));
    let (writer, writing) = kept(&dev, &collector, WRITER);
    writing.ready(SOON).await.expect("in use");
    works(&writer).await.expect("the collector makes the tables");
    told().await.expect("told");
    assert_eq!(dev.server.sql(&format!("SELECT process FROM {}.processes", dev.database)).trim(), "dashboard");
    assert!(works(&reporter).await.is_err(), "it makes no other tables");
    let (more, target) = (batch::entries("web-1", 1, 3), batch::target("web-1"));
    let commit = batch::commit(&target, None, batch::cursor("web-1", 2), &more);
    assert!(tokio::task::block_in_place(|| reporter.commit(&commit)).is_err(), "and stores no entries");
    reporting.end().await;
    writing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_issued_prolonged_given_back_and_end_with_the_token() {
    let dev = Dev::start();
    let collector = Arc::new(dev.client("infralogs-collector"));
    let asking = (0..8).map(|_| {
        let collector = collector.clone();
        tokio::spawn(async move { collector.issue(WRITER).await })
    });
    let mut all = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        all.push(asked.await.expect("runs").expect("issued"));
    }
    assert_eq!((dev.tokens().len(), dev.leases("il-writer"), dev.users()), (1, 8, 8), "one login for all");
    let secret = &all[0];
    assert!(life(secret.life) > Duration::from_secs(3_000), "an hour, as setup.sh says: {:?}", secret.life);
    let renewed = collector.renew(WRITER, secret).await.expect("prolonged");
    assert!(renewed.same(secret) && life(renewed.life) > Duration::from_secs(3_000), "{:?}", renewed.life);
    collector.revoke(secret).await.expect("given back");
    collector.revoke(secret).await.expect("twice harms nobody");
    assert_eq!((dev.leases("il-writer"), dev.users()), (7, 7), "the user is gone at once");
    let error = collector.renew(WRITER, secret).await.expect_err("it is gone");
    assert!(error.kind != Kind::Unavailable && error.to_string().contains("lease"), "{error}");
    dev.does(&["lease", "revoke", "-prefix", WRITER]);
    assert_eq!(dev.users(), 0, "all at once, as the README says");
    collector.issue(WRITER).await.expect("the token lives");
    collector.end().await.expect("ended");
    until("the token takes its lease along", || dev.tokens().is_empty() && dev.users() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_secret_id_opens_once_and_a_token_file_is_taken() {
    let dev = Dev::start();
    let (mut auth, file) = (dev.login("infralogs-collector"), dev.at("wrapping"));
    let wrap = |role: &str| {
        let path = format!("auth/approle/role/{role}/secret-id");
        std::fs::write(&file, dev.does(&["write", "-wrap-ttl=5m", "-f", "-field=wrapping_token", &path]))
            .expect("written");
    };
    auth["approle"]["secret_id_file"] = json!(file);
    auth["approle"]["wrapped"] = json!(true);
    auth["approle"]["role"] = json!("infralogs-collector");
    wrap("infralogs-dashboard");
    refused(&vault(&dev.address, auth.clone()), WRITER, "not made for").await;
    wrap("infralogs-collector");
    let first = vault(&dev.address, auth.clone());
    first.issue(WRITER).await.expect("unwrapped");
    dev.tokens().iter().for_each(|accessor| drop(dev.does(&["token", "revoke", "-accessor", accessor])));
    first.issue(WRITER).await.expect("in again with what was unwrapped");
    refused(&vault(&dev.address, auth), WRITER, "opened before").await;

    let token = dev.does(&["token", "create", "-policy=il-collector", "-ttl=1h", "-field=token"]);
    let file = dev.at("token");
    std::fs::write(&file, format!(" {token} \n")).expect("written");
    let by_hand = vault(&dev.address, json!({ "token_file": file }));
    let before = dev.tokens().len();
    let secret = by_hand.issue(WRITER).await.expect("with the token, trimmed");
    by_hand.revoke(&secret).await.expect("given back");
    by_hand.end().await.expect("ended");
    assert_eq!(dev.tokens().len(), before, "nobody logged in, and a token that others made is theirs to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_follow_what_the_operator_writes() {
    let dev = Dev::start();
    let put = |what: &str, fields: &[&str]| {
        dev.does(&[&["kv", what, "-mount=secret", "infralogs/agents/web-1"], fields].concat());
    };
    let secrets = Arc::new(dev.client("infralogs-collector"));
    let path = "secret/infralogs/agents/web-1#token";
    let error = secrets.issue(path).await.expect_err("nothing yet");
    assert!(error.kind == Kind::Invalid && error.to_string().contains("nothing there"), "{error}");
    put("put", &["token=one"]);
    let cached = Cached::new(secrets.clone(), path);
    let old = cached.get().await.expect("read");
    put("patch", &["next=two"]);
    let next = secrets.issue("secret/infralogs/agents/web-1#next").await.expect("the next one");
    assert_eq!((&*old.password, &*next.password), ("one", "two"));
    put("patch", &["token=two", "previous=one", "next="]);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(cached.again(&old).await.expect("asked").expect("another").password, "two");
    put("delete", &[]);
    let error = secrets.issue(path).await.expect_err("deleted");
    assert!(error.kind == Kind::Invalid && error.to_string().contains("nothing there"), "{error}");
    assert_eq!(cached.get().await.expect("the last one").password, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_work_loses_nothing_and_leaves_nothing() {
    let dev = Dev::start();
    short_lives(&dev, "3s", "5s");
    let secrets = Arc::new(dev.client("infralogs-collector"));
    let (store, kept) = kept(&dev, &secrets, WRITER);
    kept.ready(SOON).await.expect("in use");
    works(&store).await.expect("migrated");
    let stop = Arc::new(AtomicBool::new(false));
    let working = tokio::task::spawn_blocking({
        let (store, stop) = (store.clone(), stop.clone());
        move || ingest(store, &stop)
    });
    until("three rotations", || kept.standing().replaced >= 3).await;
    stop.store(true, Relaxed);
    let written = working.await.expect("nothing failed");
    let counts = format!("SELECT COUNT(*), COUNT(DISTINCT seqnum), MAX(seqnum) FROM {}.logs", dev.database);
    assert_eq!(dev.server.sql(&counts).trim(), format!("{written}\t{written}\t{written}"));
    until("one lease and one user", || dev.leases("il-writer") == 1 && dev.users() == 1).await;
    kept.end().await;
    secrets.end().await.expect("ended");
    assert_eq!((dev.leases("il-writer"), dev.users(), dev.tokens().len()), (0, 0, 0), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_takes_away_is_noticed_and_comes_back_by_itself() {
    let dev = Dev::start();
    short_lives(&dev, "9s", "1h");
    let secrets = Arc::new(dev.client("infralogs-collector"));
    let (store, kept) = kept(&dev, &secrets, WRITER);
    kept.ready(SOON).await.expect("in use");
    works(&store).await.expect("migrated");
    let replaced = async |times: u64| {
        until("replaced", || kept.standing().replaced >= times && kept.standing().degraded.is_none()).await;
        works(&store).await.expect("works again");
    };
    dev.does(&["lease", "revoke", "-prefix", WRITER]);
    replaced(1).await;
    dev.tokens().iter().for_each(|accessor| drop(dev.does(&["token", "revoke", "-accessor", accessor])));
    replaced(2).await;
    let degraded = async |word: &str| {
        until(word, || kept.standing().degraded.is_some_and(|said| said.contains(word))).await;
    };
    dev.does(&["policy", "delete", "il-collector"]);
    degraded("policy").await;
    dev.set_up();
    short_lives(&dev, "9s", "1h");
    until("in order again", || kept.standing().degraded.is_none()).await;
    dev.seal();
    degraded("sealed").await;
    dev.unseal();
    until("in order again", || kept.standing().degraded.is_none()).await;
    dev.signal("-STOP");
    degraded("answer").await;
    dev.signal("-CONT");
    until("in order again", || kept.standing().degraded.is_none()).await;
    works(&store).await.expect("works");
    kept.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_user_keeps_working_when_vault_changes_its_password() {
    let dev = Dev::start();
    dev.server.sql(&format!("CREATE USER 'il-fixed'@'%'; GRANT ALL ON {}.* TO 'il-fixed'@'%'", dev.database));
    // As the README says of fixed users.
    dev.does(&[
        "write",
        "database/config/infralogs",
        "plugin_name=mysql-database-plugin",
        "allowed_roles=il-writer,il-reader,il-reporter,il-fixed",
    ]);
    dev.does(&[
        "write",
        "database/static-roles/il-fixed",
        "db_name=infralogs",
        "username=il-fixed",
        "rotation_period=1h",
        "rotation_statements=ALTER USER '{{name}}'@'%' IDENTIFIED BY '{{password}}';",
    ]);
    let policy = "path \"database/static-creds/il-fixed\" { capabilities = [\"read\"] }";
    let file = dev.at("il-fixed.hcl");
    std::fs::write(&file, policy).expect("written");
    dev.does(&["policy", "write", "il-fixed", file.to_str().expect("a path")]);
    let approle = "auth/approle/role/infralogs-collector";
    dev.does(&["write", approle, "token_policies=il-collector,il-fixed", "token_ttl=2h", "token_max_ttl=48h"]);
    let secrets = Arc::new(dev.client("infralogs-collector"));
    let (store, kept) = kept(&dev, &secrets, "database/static-creds/il-fixed");
    kept.ready(SOON).await.expect("in use");
    works(&store).await.expect("migrated");
    dev.does(&["write", "-f", "database/rotate-role/il-fixed"]);
    // Connections opened before go on; a new one is refused, which makes the password be read again.
    let ids = dev.server.sql("SELECT id FROM information_schema.processlist WHERE user = 'il-fixed'");
    ids.lines().for_each(|id| drop(dev.server.try_sql(&format!("KILL {id}"))));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let error = works(&store).await.expect_err("the old password");
    assert_eq!(error.kind, Kind::Denied, "{error}");
    until("read again", || kept.standing().replaced == 1).await;
    works(&store).await.expect("works again");
    kept.end().await;
}
