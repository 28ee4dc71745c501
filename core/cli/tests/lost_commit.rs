//! The answer to COMMIT is lost, or COMMIT itself: nobody can tell the two apart, and nothing is missing or there twice.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts,
    program::{Program, infralogs},
    proxy::{Mood, Proxy},
    standin::{Machine, Standins},
    wait_for,
};
use std::fs;

const MACHINES: usize = 3;
const ENTRIES: u64 = 2_000;

#[test]
fn answers_to_commit_are_lost_again_and_again() {
    let database = Server::start(&[]);
    let schema = database.database();
    let proxy = Proxy::before(database.port());
    let agents = Standins::start((0..MACHINES).map(|at| Machine::with(format!("vm-{at}"), ENTRIES)).collect());
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    // Many small batches: many COMMITs to lose.
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).limit(100).backoff(50.millis, 200.millis);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    // Two tables in each transaction.
    let parser = "parser(\"paged\").from(identifier == \"nginx\").pattern(\"{ip:ip} - - {rest}\").into(\"paged\");\n";
    fs::write(here.join("scripts/parsers/paged.rhai"), parser).expect("written");
    fs::write(here.join("fleet.json"), agents.targets(|at| format!("vm-{at}")).to_string()).expect("written");
    let store = format!("mysql://root@127.0.0.1:{}/{schema}", proxy.port());
    let config = format!("scripts: scripts\nstore: {store}\ninventories: {{ fleet: fleet.json }}\n");
    fs::write(here.join("infralogs.yaml"), config).expect("written");

    proxy.set(Mood::LosesCommits);
    let collector = Program::start(&infralogs(), &["collect"], here);
    let ask = |sql: &str| database.try_sql(sql).unwrap_or_default().trim().to_owned();
    let all = MACHINES as u64 * ENTRIES;
    wait_for("every entry", || (ask(&format!("SELECT count(*) FROM {schema}.logs")) == all.to_string()).then_some(()));
    assert!(collector.interrupt(), "it ends well");

    let (unanswered, unheard) = (proxy.commits().unanswered(), proxy.commits().unheard());
    println!("{unanswered} answers to COMMIT were lost, and {unheard} COMMITs");
    assert!(unanswered >= 20 && unheard >= 20, "{unanswered} answers and {unheard} COMMITs were lost");
    let of_each = ask(&format!(
        "SELECT machine, count(*), count(DISTINCT seqnum), min(seqnum), max(seqnum) FROM {schema}.logs GROUP BY machine"
    ));
    assert_eq!(of_each.lines().count(), MACHINES);
    for line in of_each.lines() {
        assert!(line.ends_with(&format!("\t{ENTRIES}\t{ENTRIES}\t1\t{ENTRIES}")), "{line}");
    }
    let nginx = ask(&format!("SELECT count(*) FROM {schema}.logs WHERE identifier = 'nginx'"));
    let paged = format!("SELECT count(*), count(DISTINCT machine, seqnum) FROM {schema}.paged");
    assert_eq!(ask(&paged), format!("{nginx}\t{nginx}"), "a parser's rows, as often as their entries");
    let counts = ask(&format!("SELECT DISTINCT sum(n) FROM {schema}.rollups GROUP BY cube"));
    assert_eq!(counts, all.to_string(), "every rollup counts every entry once");
    assert_eq!(ask(&format!("SELECT count(*) FROM {schema}.quarantine")), "0");
    assert_eq!(ask(&format!("SELECT sum(entries) FROM {schema}.agents")), all.to_string());
}
