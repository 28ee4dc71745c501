//! A parser's column gets another type under two running collectors: its table is built anew, killed several times in
//! the middle, and at the end every entry has its row once. The collectors go on by themselves.

mod parts;

use parts::{
    PATIENCE,
    program::{Program, infralogs, run, stdout},
    sqlite, wait_for,
};
use std::{path::Path, time::Duration};

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

#[test]
fn a_table_is_built_anew_under_running_collectors() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir(folder.join("scripts")).expect("a folder");
    let script = folder.join("scripts/access.rhai");
    std::fs::write(&script, parser("status")).expect("the script");
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(200.millis);\n";
    std::fs::write(folder.join("scripts/fleet.rhai"), schedule).expect("the schedule");
    let target = |name: &str| format!("    - {{ name: {name}, source: demo, host: {name}, history: 2h }}\n");
    let fleet = format!("inventories:\n  fleet:\n{}{}{}", target("web-1"), target("web-2"), target("db-1"));
    std::fs::write(folder.join("infralogs.yaml"), format!("store: sqlite://data/infralogs.db\n{fleet}")).expect("yaml");
    stdout(run(&["collect", "--config", "infralogs.yaml", "--once"], folder));
    let mut collectors =
        [(); 2].map(|()| Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], folder));
    collectors.iter_mut().for_each(|collector| collector.wait_for("collecting into"));

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
