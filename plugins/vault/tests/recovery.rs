//! What comes back by itself: Vault restarted, stepped down, frozen; a role or policy taken away; a replica behind.

mod line;
mod standin;

use infralogs_core::{
    plugin::{Secrets, Settings, Store},
    rotate::Keeper,
    testing::mariadb::Server,
};
use infralogs_mysql::Mysql;
use line::{Folder, Line, SOON, WRITER, approle, line, until, vault};
use serde_json::json;
use standin::StandIn;
use std::{sync::Arc, time::Duration};

/// A line at work whose lease is prolonged every four seconds.
async fn working() -> Line {
    let line = line(Arc::new(Server::start(&[])), |rules| rules.lease_ttl = Duration::from_secs(6));
    line.kept().ready(SOON).await.expect("in use");
    line.works().await.expect("migrated");
    line
}

async fn degraded(line: &Line, word: &str) {
    let said = || line.kept().standing().degraded;
    until(word, || said().is_some_and(|said| said.contains(word))).await;
}

async fn in_order(line: &Line) {
    until("in order again", || line.kept().standing().degraded.is_none()).await;
    line.works().await.expect("works");
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_restarts_and_its_node_steps_down() {
    let line = working().await;
    line.standin.set(|rules| rules.away = true);
    degraded(&line, "does not answer").await;
    line.works().await.expect("what we have still works");
    // It comes up sealed, is unsealed, and knows our token and lease.
    line.standin.set(|rules| (rules.away, rules.fault) = (false, Some("restarted-sealed")));
    degraded(&line, "sealed").await;
    line.standin.set(|rules| rules.fault = None);
    in_order(&line).await;
    for fault in ["standby-no-active", "standby-active-dead"] {
        line.standin.set(|rules| rules.fault = Some(fault));
        degraded(&line, "another host").await;
        line.standin.set(|rules| rules.fault = None);
        in_order(&line).await;
    }
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_slower_than_the_time_left_ends_in_new_credentials() {
    let line = working().await;
    line.standin.set(|rules| rules.frozen = true);
    degraded(&line, "answer").await;
    until("the lease ends", || line.users() == 0).await;
    line.standin.set(|rules| rules.frozen = false);
    until("replaced", || line.kept().standing().replaced >= 1 && line.users() >= 1).await;
    in_order(&line).await;
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_deleted_during_renewal_is_said_until_it_is_back() {
    let line = working().await;
    line.standin.set(|rules| rules.role = false);
    degraded(&line, "no such role").await;
    line.works().await.expect("what we have still works");
    line.standin.set(|rules| rules.role = true);
    until("replaced", || line.kept().standing().replaced >= 1).await;
    in_order(&line).await;
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_removed_live_is_said_and_costs_no_login() {
    let line = working().await;
    let paths = [WRITER, "sys/leases/renew"];
    line.standin.set(|rules| rules.denied.extend(paths.map(String::from)));
    degraded(&line, "policy").await;
    line.works().await.expect("what we have still works");
    line.standin.set(|rules| rules.denied.clear());
    until("replaced or prolonged", || line.kept().standing().degraded.is_none()).await;
    in_order(&line).await;
    assert_eq!(line.standin.count("POST /v1/auth/approle/login"), 1, "the token was alive all the time");
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_renewed_is_replaced_in_time() {
    let line = line(Arc::new(Server::start(&[])), |rules| {
        (rules.lease_ttl, rules.renewable) = (Duration::from_secs(4), false);
    });
    line.kept().ready(SOON).await.expect("in use");
    until("replaced twice", || line.kept().standing().replaced >= 2).await;
    assert_eq!(line.standin.count("PUT /v1/sys/leases/renew"), 0, "nobody asks for what is known to be refused");
    until("old users dropped", || line.standin.live_leases() == 1 && line.users() == 1).await;
    line.end().await;
}

/// Users are made on the primary and arrive on a replica later: nothing is swapped before.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_the_user_yet_is_waited_for() {
    let log = ["--log-bin=bin", "--binlog-format=ROW", "--log-slave-updates=1", "--gtid-strict-mode=1"];
    let primary = Arc::new(Server::start(&[&["--server-id=1"], &log[..]].concat()));
    let replica = Server::start(&[&["--server-id=2", "--read-only=1"], &log[..]].concat());
    primary.sql("CREATE USER 'repl'@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'");
    replica.sql(&format!(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='repl', MASTER_PASSWORD='repl', \
         MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE",
        primary.port()
    ));
    let database = primary.database();
    let standin = StandIn::start(Some(primary.clone()), &database);
    standin.set(|rules| rules.lease_ttl = Duration::from_secs(600));
    let folder = Folder::of(&standin);
    let vault = Arc::new(vault(&standin.address, approle(folder.path())));
    let path = "database/creds/il-reader";
    let url = format!("mysql://127.0.0.1:{}/{database}", replica.port());
    let store: Arc<dyn Store> =
        Arc::new(Mysql::new(&Settings::of(json!({ "url": url, "secret": path }))).expect("settings"));
    until("the replica to follow", || replica.try_sql(&format!("USE {database}")).is_ok()).await;
    replica.sql("STOP SLAVE SQL_THREAD");
    let kept = Keeper { secrets: vault.clone(), path: path.into(), store: store.clone() }.start();
    until("issued on the primary", || standin.live_leases() == 1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!kept.standing().entered, "the replica does not know the user");
    replica.sql("START SLAVE SQL_THREAD");
    kept.ready(SOON).await.expect("as soon as the user has arrived");
    assert_eq!(
        (standin.count("GET /v1/database/creds"), standin.live_leases()),
        (1, 1),
        "the same credentials all along"
    );
    kept.end().await;
    vault.end().await.expect("ended");
    assert_eq!(standin.live_tokens(), 0);
}
