//! The database refuses what Vault still says is good: each way really caused, answered by new credentials, once, and
//! again only after a while.

mod line;
mod standin;

use infralogs_core::{Kind, testing::mariadb::Server};
use line::{Line, SOON, WRITER, line, until};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The least time between two replacements because of refusals, as `core/src/rotate/keeper.rs` has it.
const SPACED: Duration = Duration::from_secs(10);

/// Takes something from the user in use, and closes its connections so that it shows.
fn take(line: &Line, sql: &str) {
    let user = line.server.sql("SELECT user FROM mysql.user WHERE user LIKE 'v-%' ORDER BY user DESC LIMIT 1");
    let user = user.trim();
    line.server.sql(&sql.replace("{user}", &format!("'{user}'@'%'")).replace("{database}", &line.database));
    let ids = format!("SELECT id FROM information_schema.processlist WHERE user = '{user}'");
    line.server.sql(&ids).lines().for_each(|id| drop(line.server.try_sql(&format!("KILL {id}"))));
}

/// Works until the server refuses it so.
async fn refused(line: &Line, code: &str) {
    let began = Instant::now();
    loop {
        match line.works().await {
            Err(error) if error.kind == Kind::Denied => {
                assert!(error.to_string().contains(code), "{error}");
                return;
            }
            // A connection that was closed a moment ago.
            _ => assert!(began.elapsed() < SOON, "never refused with {code}"),
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn replaced_once_and_then_after_a_while(code: &str, sql: &str) {
    let line = line(Arc::new(Server::start(&[])), |_| {});
    line.kept().ready(SOON).await.expect("in use");
    line.works().await.expect("migrated");
    let issued = || line.standin.count(&format!("GET /v1/{WRITER}"));
    let began = Instant::now();
    for times in 1..=2 {
        take(&line, sql);
        refused(&line, code).await;
        // All who are refused meanwhile ask for the same.
        for _ in 0..3 {
            let _ = line.works().await;
        }
        until("replaced", || line.kept().standing().replaced == times).await;
        line.works().await.expect("works again");
        assert_eq!(issued() as u64, times + 1, "one for all who were refused");
    }
    assert!(began.elapsed() >= SPACED, "the second came after {:?}", began.elapsed());
    until("old users dropped", || line.users() == 1).await;
    assert_eq!(line.standin.count("PUT /v1/sys/leases/renew"), 0, "Vault was not asked whether it is still good");
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_changed_is_1045() {
    replaced_once_and_then_after_a_while("1045", "ALTER USER {user} IDENTIFIED BY 'changed'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_closed_to_the_user_is_1044() {
    replaced_once_and_then_after_a_while("1044", "REVOKE ALL ON {database}.* FROM {user}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_on_tables_that_was_taken_is_1142() {
    replaced_once_and_then_after_a_while("1142", "REVOKE CREATE ON {database}.* FROM {user}").await;
}
