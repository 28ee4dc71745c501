//! Asking and migrating from a terminal, on SQLite and on MariaDB: the same question, the same answer.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts,
    program::{Program, infralogs, run, stdout},
    wait_for,
};
use std::path::Path;

const BY_LEVEL: &str = "logs.last(30.days).count(level)";

fn collect(folder: &Path, store: &str) {
    copy_scripts(folder);
    let fleet = "inventories:\n  fleet:\n    - { name: web-1, source: demo, host: web-1, history: 2h }\n";
    std::fs::write(folder.join("infralogs.yaml"), format!("store: {store}\n{fleet}")).expect("a configuration");
    let said = stdout(run(&["migrate", "--config", "infralogs.yaml"], folder));
    assert!(said.contains("nginx_access"), "{said}");
    stdout(run(&["collect", "--config", "infralogs.yaml", "--once"], folder));
}

fn query(folder: &Path, args: &[&str]) -> String {
    stdout(run(&[&["query", "--config", "infralogs.yaml"], args].concat(), folder))
}

fn answers(folder: &Path, store: &str) {
    collect(folder, store);
    let counted: u64 = query(folder, &[BY_LEVEL, "--output", "csv"])
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().and_then(|count| count.parse::<u64>().ok()).expect("a count"))
        .sum();
    let all = query(folder, &["logs.last(30.days).latest(50000)", "--output", "json", "--limit", "50000"]);
    assert!(counted > 100 && all.lines().count() as u64 == counted, "{counted} counted, {} read", all.lines().count());
    let newest: serde_json::Value = serde_json::from_str(all.lines().next().expect("a row")).expect("JSON");
    assert_eq!(newest["host"], "web-1");

    for mark in [&["deploy 1.2", "--version", "1.2"][..], &["the night before", "--at", "-12h", "--host", "web-1"]] {
        stdout(run(&[&["mark", "--config", "infralogs.yaml"], mark].concat(), folder));
    }
    let marks = query(folder, &["deploys.last(1.days).latest(5).columns([host, version, note])", "--output", "csv"]);
    assert_eq!(marks, "host,version,note\n,1.2,deploy 1.2\nweb-1,,the night before\n");

    let sql = query(folder, &[BY_LEVEL, "--sql"]);
    assert!(sql.contains("counts per hour of priority") && sql.contains("FROM rollups"), "{sql}");
    let some = run(&["query", "--config", "infralogs.yaml", "logs.last(30.days).latest(10)", "--limit", "3"], folder);
    assert!(String::from_utf8_lossy(&some.stderr).contains("3 of 10 rows"), "{some:?}");
    assert_eq!(
        query(folder, &["logs.last(30.days).count()", "--fresh", "--output", "csv"]),
        format!("count\n{counted}\n")
    );
}

#[test]
fn sqlite_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    answers(folder.path(), "sqlite://data/infralogs.db");
}

#[test]
fn mariadb_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&[]);
    answers(folder.path(), &server.url(&server.database()));
}

#[test]
fn ctrl_c_ends_the_statement_on_the_server_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&[]);
    let database = server.database();
    collect(folder.path(), &server.url(&database));
    server.sql(&format!(
        "USE {database}; RENAME TABLE logs TO logs_kept;
         CREATE VIEW logs AS SELECT logs_kept.* FROM logs_kept, (SELECT SLEEP(300)) AS slow"
    ));
    let running = || {
        let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%FROM `logs`%' \
                   AND info NOT LIKE '%processlist%'";
        server.sql(sql).trim() != "0"
    };
    let question = ["query", "--config", "infralogs.yaml", "logs.latest(5)", "--timeout", "10m"];
    let program = Program::start(&infralogs(), &question, folder.path());
    wait_for("the statement to run", || running().then_some(()));
    assert!(!program.interrupt(), "an answer that never came is none");
    wait_for("the statement to end", || (!running()).then_some(()));
}

#[test]
fn a_wrong_question_is_pointed_at() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    for (question, word) in [("logs.cuont()", "`count`"), ("logs.where(hots == \"x\")", "`host`"), ("lgos", "logs")] {
        let done = run(&["query", question], folder.path());
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(2) && said.contains("query:2:") && said.contains(word), "{said}");
    }
}
