//! Accounts with less than everything, as deploy/ makes them.

use infralogs_core::{
    plugin::{Process, Settings, Store},
    testing::{batch, mariadb::Server},
};
use infralogs_mysql::Mysql;
use serde_json::json;

#[test]
fn an_account_that_may_only_insert_reports_how_a_process_does() {
    let server = Server::start(&[]);
    let database = server.database();
    let owner = Mysql::new(&Settings::of(json!({ "url": server.url(&database) }))).expect("settings");
    // As deploy/mysql/accounts.sql has it, before a collector has made the table.
    let grant = format!("GRANT INSERT, CREATE ON {database}.processes TO 'il-reporter'@'%'");
    server.sql(&format!("CREATE USER 'il-reporter'@'%' IDENTIFIED BY 'secret'; {grant}"));
    owner.migrate().expect("migrated");
    let url = format!("mysql://il-reporter:secret@127.0.0.1:{}/{database}", server.port());
    let reporter = Mysql::new(&Settings::of(json!({ "url": url }))).expect("settings");
    let own = Process { at: batch::START, process: "dashboard".into(), ..Process::default() };
    reporter.present(&own).expect("told");
    assert_eq!(server.sql(&format!("SELECT process FROM {database}.processes")).trim(), "dashboard");
    assert!(reporter.last_stream("web-1").is_err(), "and nothing else");
}
