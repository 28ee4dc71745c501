//! A parser's column gets another type under two running collectors: its table is built anew, killed several times in
//! the middle, and at the end every entry has its row once. The collectors go on by themselves.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    PATIENCE,
    program::{Program, infralogs, run, stdout},
    sqlite, wait_for,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The demo's nginx, its status read as this type.
fn parser(status: &str) -> String {
    format!(
        "parser(\"access\").from(identifier == \"nginx\")\n    .pattern(`{{ip}} {{_}} {{_}} [{{_}}] \"{{method}} {{path}} {{_}}\" {{{status}}} {{_}}`)\n    .columns([method, path, status]).rollup([host, status], []).into(\"access\");\n"
    )
}

fn number(folder: &Path, sql: &str) -> u64 {
    sqlite(folder, sql).first().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{sql}"))
}

fn reparse(more: &[&str]) -> Vec<String> {
    let args = ["reparse", "--config", "infralogs.yaml", "--parser", "access", "--since", "1h"];
    args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

/// A script, a schedule and a demo fleet that is polled into this store; its scripts and two collectors.
fn begin(folder: &Path, store: &str) -> (PathBuf, [Program; 2]) {
    std::fs::create_dir(folder.join("scripts")).expect("a folder");
    let script = folder.join("scripts/access.rhai");
    std::fs::write(&script, parser("status")).expect("the script");
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(200.millis);\n";
    std::fs::write(folder.join("scripts/fleet.rhai"), schedule).expect("the schedule");
    let target = |name: &str| format!("    - {{ name: {name}, source: demo, host: {name}, history: 2h }}\n");
    let fleet = format!("inventories:\n  fleet:\n{}{}{}", target("web-1"), target("web-2"), target("db-1"));
    std::fs::write(folder.join("infralogs.yaml"), format!("store: {store}\n{fleet}")).expect("yaml");
    stdout(run(&["collect", "--config", "infralogs.yaml", "--once"], folder));
    let mut collectors =
        [(); 2].map(|()| Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], folder));
    collectors.iter_mut().for_each(|collector| collector.wait_for("collecting into"));
    (script, collectors)
}

#[test]
fn a_table_is_built_anew_under_running_collectors() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (script, mut collectors) = begin(folder, "sqlite://data/infralogs.db");

    std::fs::write(&script, parser("status:int")).expect("the script");
    // Refused, and said what to do; the old scripts go on.
    collectors.iter_mut().for_each(|collector| collector.wait_for("infralogs reparse --parser access"));
    let pretended = stdout(run(&reparse(&["--pretend"]), folder));
    assert!(pretended.contains("`access` would have"), "{pretended}");
    let texts = "SELECT count(*) FROM access WHERE typeof(status) <> 'text'";
    assert_eq!(number(folder, texts), 0, "nothing is written");

    // Killed ever later.
    for after_ms in [5, 30, 60, 90, 120, 160, 220] {
        let begun = Program::start(&infralogs(), &reparse(&[]), folder);
        std::thread::sleep(Duration::from_millis(after_ms));
        begun.kill();
    }
    let done = run(&reparse(&[]), folder);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(stdout(done).contains("older ones as they were"));
    assert!(said.contains("written by `access`"), "{said}");
    assert_eq!(number(folder, "SELECT count(*) FROM access WHERE typeof(status) <> 'integer'"), 0);

    // Both take the new scripts over and store with them.
    collectors.iter_mut().for_each(|collector| collector.wait_for("scripts loaded"));
    let logged = "SELECT count(*) FROM logs WHERE identifier = 'nginx' AND message NOT LIKE '[%'";
    let before = number(folder, logged);
    wait_for("more entries", || (number(folder, logged) > before).then_some(()));
    for collector in collectors {
        assert!(collector.interrupt(), "it ends well within {PATIENCE:?}");
    }
    assert_eq!(number(folder, "SELECT count(*) FROM quarantine"), 0);
    let missing = sqlite(
        folder,
        "SELECT message FROM logs WHERE identifier = 'nginx' AND message NOT LIKE '[%' AND NOT EXISTS (SELECT 1 FROM access a WHERE a.machine = logs.machine AND a.seqnum_id = logs.seqnum_id AND a.seqnum = logs.seqnum)",
    );
    assert_eq!(missing, [] as [&str; 0], "a row of each entry");
    assert_eq!(number(folder, "SELECT count(*) FROM access"), number(folder, logged), "and one only");
    let counted = "SELECT sum(n) FROM \"$counts\" WHERE of_column = 0 AND grain = 0 AND cube IN (SELECT number FROM \"$cubes\" WHERE of_table = 'access')";
    assert_eq!(number(folder, counted), number(folder, logged), "the rollup counts each once");
    let left = sqlite(
        folder,
        "SELECT name FROM sqlite_master WHERE name GLOB '$new_*' OR name GLOB '$old_*' OR name GLOB '$failed_*'",
    );
    let left: Vec<String> =
        left.into_iter().filter(|name| !name.ends_with("_time") && !name.ends_with("_key")).collect();
    assert!(left.is_empty(), "{left:?}");
    let wrong = run(&["reparse", "--config", "infralogs.yaml", "--parser", "acces", "--since", "1h"], folder);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("`access`"), "{wrong:?}");
}

/// The entries that have no row, or more than one, in one look at the database.
const WRONG: &str = "SELECT count(*) FROM (SELECT l.seqnum FROM $.logs l LEFT JOIN $.access a \
    ON a.time = l.time AND a.machine = l.machine AND a.seqnum_id = l.seqnum_id AND a.seqnum = l.seqnum \
    WHERE l.identifier = 'nginx' AND l.message NOT LIKE '[%' \
    GROUP BY l.machine, l.seqnum_id, l.seqnum HAVING count(a.seqnum) <> 1) AS wrong";

#[test]
fn on_mariadb_it_may_be_killed_at_every_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let database = Server::start(&[]);
    let schema = database.database();
    let (script, mut collectors) = begin(folder, &database.url(&schema));
    let ask = |sql: &str| database.sql(&sql.replace("$.", &format!("{schema}."))).trim().to_owned();
    let kind = || {
        let of = "table_name = 'access' AND column_name = 'status'";
        ask(&format!("SELECT data_type FROM information_schema.columns WHERE table_schema = '{schema}' AND {of}"))
    };
    assert_eq!(ask(WRONG), "0", "a row of each entry");
    let old = kind();
    std::fs::write(&script, parser("status:int")).expect("the script");
    collectors.iter_mut().for_each(|collector| collector.wait_for("infralogs reparse --parser access"));

    // Killed ever later, until it is done first: in each of its steps, that is.
    let (mut after, mut killed) = (Duration::from_millis(20), 0);
    let said = loop {
        let mut begun = Program::start(&infralogs(), &reparse(&[]), folder);
        if begun.ended_within(after) {
            break begun.said();
        }
        begun.kill();
        killed += 1;
        assert_eq!(ask(WRONG), "0", "whole though it was killed after {after:?}");
        assert!(killed < 200, "it comes to no end");
        after = after.mul_f64(1.25);
        // Decided, and not finished: the next who comes by finishes it.
        if kind() != old {
            break stdout(run(&reparse(&[]), folder));
        }
    };
    assert!(killed >= 5, "killed {killed} times");
    assert!(said.contains("older ones as they were"), "{said}");
    assert_ne!(kind(), old, "the column has its new type");
    collectors.iter_mut().for_each(|collector| collector.wait_for("scripts loaded"));
    let stored = || ask("SELECT count(*) FROM $.access").parse::<u64>().expect("a number");
    let before = stored();
    wait_for("more entries", || (stored() > before).then_some(()));
    assert_eq!(ask(WRONG), "0", "a row of each entry, and one only");
    for collector in collectors {
        assert!(collector.interrupt(), "it ends well");
    }
    assert_eq!(ask("SELECT count(*) FROM $.quarantine"), "0");
    let counted = "SELECT sum(n) FROM $.`$counts` WHERE of_column = 0 AND grain = 0 \
        AND cube IN (SELECT number FROM $.`$cubes` WHERE of_table = 'access')";
    assert_eq!(ask(counted), ask("SELECT count(*) FROM $.access"), "the rollup counts each once");
    let left = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' AND (table_name LIKE '$new%' OR table_name LIKE '$old%' OR table_name LIKE '$failed%')"
    );
    assert_eq!(ask(&left), "", "nothing is left of those that were killed");
}
