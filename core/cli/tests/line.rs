//! The whole line with real parts: journal files → agent over HTTP → collect → SQLite or MariaDB.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts, free_port, journal, now_s,
    program::{Program, agent, infralogs, run, stdout},
    sqlite,
};
use std::{collections::BTreeSet, path::Path};
use tempfile::TempDir;

/// A folder with scripts, a journal of 1,000 entries, an agent on it and a configuration that polls it.
struct Machine {
    folder: TempDir,
    _agent: Program,
}

const ENTRIES: u64 = 1_000;
const MACHINE: u128 = 0x1234_5678_9abc_def0_1122_3344_5566_7788;

impl Machine {
    fn start(store: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        copy_scripts(here);
        std::fs::create_dir(here.join("journal")).expect("a folder");
        journal::write(&here.join("journal"), "web-1", MACHINE, 1, ENTRIES);
        std::fs::write(here.join("token"), "line-test-token-1\n").expect("a token");
        let listen = format!("127.0.0.1:{}", free_port());
        let config = format!(
            "scripts: scripts\nstore: {store}\ninventories:\n  fleet:\n    - {{ name: web-1, url: \"http://{listen}\", token_file: token }}\n"
        );
        std::fs::write(here.join("infralogs.yaml"), config).expect("a configuration");
        let (journal, token) = (here.join("journal"), here.join("token"));
        let args = ["--journal", text(&journal), "--listen", &listen, "--token-file", text(&token)];
        let mut agent = Program::start(&agent(), &args, here);
        agent.wait_for(&listen);
        Self { folder, _agent: agent }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn collect_once(&self) {
        stdout(run(&["collect", "--config", "infralogs.yaml", "--once"], self.path()));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

#[test]
fn a_journal_reaches_sqlite_whole_and_once() {
    let machine = Machine::start("sqlite://data/infralogs.db");
    machine.collect_once();
    let expected = journal::messages(&machine.path().join("journal"));
    assert_eq!(expected.len() as u64, ENTRIES);
    let sql = "SELECT message FROM logs WHERE identifier NOT LIKE 'infralogs-%'";
    let stored = sqlite(machine.path(), sql);
    assert_eq!(stored.len() as u64, ENTRIES, "every entry once");
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), expected, "the entries journalctl reads");
    assert_eq!(sqlite(machine.path(), "SELECT count(*) FROM failed_ssh"), ["100"]);
    assert_eq!(
        sqlite(
            machine.path(),
            "SELECT count(*) FROM failed_ssh WHERE user = 'u10' AND ip = '203.0.113.10' AND port = 1034"
        ),
        ["1"]
    );

    // Polling again finds nothing new; entries written later arrive alone.
    machine.collect_once();
    assert_eq!(sqlite(machine.path(), &format!("SELECT count(*) FROM ({sql})")), [ENTRIES.to_string()]);
    journal::write(&machine.path().join("journal"), "web-1", MACHINE, ENTRIES + 1, 50);
    machine.collect_once();
    assert_eq!(sqlite(machine.path(), &format!("SELECT count(*) FROM ({sql})")), [(ENTRIES + 50).to_string()]);
}

#[test]
fn a_journal_reaches_mariadb_whole_and_once() {
    let database = Server::start(&[]);
    let schema = database.database();
    let machine = Machine::start(&database.url(&schema));
    machine.collect_once();
    machine.collect_once();
    let count = |sql: &str| database.sql(&format!("SELECT count(*) FROM {schema}.{sql}")).trim().to_owned();
    assert_eq!(count("logs WHERE identifier NOT LIKE 'infralogs-%'"), ENTRIES.to_string());
    assert_eq!(count("failed_ssh"), "100");
    assert_eq!(count("critical_logs"), "128");
    let distinct = format!("SELECT count(DISTINCT message) FROM {schema}.logs WHERE identifier NOT LIKE 'infralogs-%'");
    assert_eq!(database.sql(&distinct).trim(), ENTRIES.to_string());
}

#[test]
fn killing_the_collector_at_any_moment_loses_and_repeats_nothing() {
    let machine = Machine::start("sqlite://data/infralogs.db");
    // Small batches, so that a kill falls into the middle of the work.
    std::fs::write(
        machine.path().join("scripts/schedules/fleet.rhai"),
        "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).limit(10);\n",
    )
    .expect("a schedule");
    for round in 0..8 {
        let collector = Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], machine.path());
        std::thread::sleep(std::time::Duration::from_millis(200 + round * 150));
        collector.kill();
    }
    machine.collect_once();
    let stored = sqlite(machine.path(), "SELECT message FROM logs");
    let expected = journal::messages(&machine.path().join("journal"));
    assert_eq!(stored.len() as u64, ENTRIES, "every entry once");
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(
        sqlite(machine.path(), "SELECT count(*) FROM failed_ssh"),
        ["100"],
        "parsed rows as often as their entries"
    );
}

#[test]
fn the_terminal_shows_the_fleet_its_newest_entries_and_its_account() {
    let machine = Machine::start("sqlite://data/infralogs.db");
    machine.collect_once();
    let ask = |args: &[&str]| run(&[args, &["--config", "infralogs.yaml"]].concat(), machine.path());

    let status = stdout(ask(&["status", "--late", "1h"]));
    assert!(status.contains("web-1") && status.contains("1 of 1 machines up"), "{status}");
    let late = ask(&["status", "--late", "1ms", "--output", "json"]);
    let said: serde_json::Value = serde_json::from_slice(&late.stdout).expect("one object");
    assert_eq!((&said["host"], &said["lost"]), (&"web-1".into(), &0.into()));
    assert_eq!(late.status.code(), Some(i32::from(said["state"] != "up")), "the exit code says it too");

    // The entries' time is some months ago or ahead.
    let condition = "message.starts_with(\"Failed password\") & pid >= 300";
    let lines = stdout(ask(&["tail", "-n", "5", "--last", "5000d", "--where", condition]));
    assert_eq!(lines.lines().count(), 5, "{lines}");
    assert!(
        lines
            .lines()
            .last()
            .is_some_and(|line| line.contains("web-1 sshd info Failed password for invalid user u1000"))
    );
    let wrong = ask(&["tail", "--where", "mesage == \"x\""]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `message`?"));

    let audit = stdout(ask(&["audit", "--output", "csv"]));
    let account: Vec<&str> = audit.lines().nth(1).expect("one machine").split(',').collect();
    assert_eq!((account[0], &account[2..]), ("web-1", &["1000", "1000", "0", "0", "0", "0"][..]), "{audit}");

    // Accounts are kept by the hour, and all entries are of one.
    let last = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', max(time) / 1000000, 'unixepoch') FROM logs \
                WHERE identifier NOT LIKE 'infralogs-%'";
    let last = sqlite(machine.path(), last).remove(0);
    let audit = stdout(ask(&["audit", "--since", &last, "--output", "csv"]));
    let account: Vec<&str> = audit.lines().nth(1).expect("one machine").split(',').collect();
    assert_eq!((account[0], &account[2..]), ("web-1", &["1000", "1000", "0", "0", "0", "0"][..]), "{audit}");
    let audit = stdout(ask(&["audit", "--since", "20000d"]));
    assert!(audit.contains("1000") && audit.contains("by the hour"), "{audit}");
}

#[test]
fn a_unit_that_failed_is_on_the_page_of_the_fleet() {
    let machine = Machine::start("sqlite://data/infralogs.db");
    let now_us = now_s() * 1_000_000;
    let failed = format!(
        "__REALTIME_TIMESTAMP={now_us}\n__MONOTONIC_TIMESTAMP=9000000\n_BOOT_ID={:032x}\n_MACHINE_ID={MACHINE:032x}\n\
         _HOSTNAME=web-1\nPRIORITY=5\nSYSLOG_IDENTIFIER=systemd\n_PID=1\nUNIT=backup.service\nUNIT_RESULT=timeout\n\
         MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c\nMESSAGE=It failed.\n\n",
        MACHINE + 1
    );
    journal::write_text(&machine.path().join("journal/late.journal"), &failed);
    machine.collect_once();
    assert_eq!(sqlite(machine.path(), "SELECT count(*) FROM failed_units WHERE state = 'failed'"), ["1"]);
    stdout(run(&["render", "fleet", "--config", "infralogs.yaml", "--out", "fleet.json"], machine.path()));
    let document = std::fs::read_to_string(machine.path().join("fleet.json")).expect("a document");
    assert!(document.contains("Failed units") && document.contains("backup.service"), "{document}");
}
